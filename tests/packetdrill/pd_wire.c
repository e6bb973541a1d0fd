/* SPDX-License-Identifier: BSD-3-Clause */
/* pdrun's wire: datagrams into the stack, those that it sent until an event takes them, and their IP headers. */
#include <stdlib.h>
#include <string.h>
#include "pd_wire.h"

void
pd_output(const void *ip, size_t len)
{
	struct datagram *d = &run.queue[run.tail % QUEUE];

	if (run.tail - run.head == QUEUE) {
		pd_fail(run.e, "more than %u packets wait", QUEUE);
		return;
	}
	run.tail++;
	d->at_us = run.now;
	d->len = len;
	d->ip = malloc(len);
	if (!d->ip)
		abort();
	memcpy(d->ip, ip, len);
}

void
pd_input(const void *ip, size_t len)
{
	pd_backend.input(ip, len, run.now);
}

size_t
pd_put_ip(uint8_t *p, bool ours, uint8_t proto, uint8_t tos, size_t l4)
{
	memset(p, 0, run.s->af == 4 ? 20 : 40);
	if (run.s->af == 4) {
		p[0] = 0x45;
		p[1] = tos;
		put16(p + 2, 20 + l4);
		p[8] = 64;
		p[9] = proto;
		(ours ? pd_local_addr : pd_remote_addr)(p + 12);
		(ours ? pd_remote_addr : pd_local_addr)(p + 16);
		put16(p + 10, ~fold(sum16(p, 20, 0)));
		return 20;
	}
	p[0] = 0x60 | tos >> 4;
	p[1] = tos << 4;
	put16(p + 4, l4);
	p[6] = proto;
	p[7] = 64;
	(ours ? pd_local_addr : pd_remote_addr)(p + 8);
	(ours ? pd_remote_addr : pd_local_addr)(p + 24);
	return 40;
}

const char *
pd_check_ip(const struct datagram *d, size_t *l3, size_t *tot)
{
	const uint8_t *ip = d->ip;

	*l3 = run.s->af == 4 ? 20 : 40;
	if (d->len < *l3 + 20 || ip[0] >> 4 != run.s->af)
		return "not a segment of this IP version";
	*tot = *l3 == 20 ? get16(ip + 2) : 40u + get16(ip + 4);
	if (*tot != d->len || (*l3 == 20 ? ip[9] : ip[6]) != 6)
		return "not TCP, or a wrong IP length";
	return *l3 == 20 && fold(sum16(ip, 20, 0)) != 0xffff ? "wrong IP checksum" : NULL;
}
