/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The shim's network device: packets into the stack, and those that it sent until packetdrill asks for them. Packets
 * that nothing in the script expected are left over, but for answers to the RSTs by which packetdrill then tidies up.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "shim.h"

#define QUEUE 4096
#define PACKET_MAX 65536

bool shim_tidying;
static struct {
	uint64_t at_us;
	size_t len;
	uint8_t *data;
} queue[QUEUE];
static unsigned int q_head, q_tail, q_tidy; /* q_tidy: q_tail before the RSTs that came last */

void
pd_output(const void *ip, size_t len)
{
	if (q_tail - q_head == QUEUE || len > PACKET_MAX) {
		fprintf(stderr, "tern: more than %u packets wait\n", QUEUE);
		abort();
	}
	queue[q_tail % QUEUE].data = malloc(len);
	if (!queue[q_tail % QUEUE].data)
		abort();
	memcpy(queue[q_tail % QUEUE].data, ip, len);
	queue[q_tail % QUEUE].len = len;
	queue[q_tail++ % QUEUE].at_us = shim_now_us;
}

int
shim_netdev_send(void *u, const void *buf, size_t n)
{
	const uint8_t *ip = buf, *tcp = ip + (ip[0] >> 4 == 4 ? 20 : 40);

	(void)u;
	pthread_mutex_lock(&shim_lock);
	if (!shim_tidying)
		q_tidy = q_tail;
	shim_tidying = tcp + 20 <= ip + n && tcp[13] & 4;
	st->input(buf, n, shim_now_us);
	shim_let_look();
	pthread_mutex_unlock(&shim_lock);
	return 0;
}

int
shim_netdev_receive(void *u, void *buf, size_t *n, long long *time_usecs)
{
	uint64_t limit, t;

	(void)u;
	pthread_mutex_lock(&shim_lock);
	limit = shim_now_us + WAIT_MAX_US;
	st->run(shim_now_us);
	while (q_head == q_tail && (t = st->next_timer()) <= limit)
		shim_advance(t > shim_now_us ? t : shim_now_us + 1);
	if (q_head == q_tail) {
		fprintf(stderr, "tern: the script expects a packet, none comes\n");
		*n = 0; /* "received nothing": the script fails */
		*time_usecs = shim_now_us;
	} else {
		*n = queue[q_head % QUEUE].len < *n ? queue[q_head % QUEUE].len : *n;
		memcpy(buf, queue[q_head % QUEUE].data, *n);
		*time_usecs = queue[q_head % QUEUE].at_us;
		free(queue[q_head++ % QUEUE].data);
	}
	pthread_mutex_unlock(&shim_lock);
	return 0;
}

bool
shim_left_over(unsigned int *n)
{
	*n = q_tail - q_head;
	return q_head != (shim_tidying ? q_tidy : q_tail);
}
