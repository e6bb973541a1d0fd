/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How evenly does RSS spread connections? The library's own Toeplitz hash and RETA over tuples as they are met, and
 * what the busiest worker has beside the mean: the machine is full when that one is. For docs/scaling.md.
 *
 *	balance
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <rte_common.h>
#include "net/steer.h"
#include "../random.h"

#define ROUNDS 21u
#define LINUX_LOW 32768u
#define LINUX_RANGE 28232u /* to 60999 */

/* The i-th of n connections to port 443. */
struct load {
	const char *name;
	void (*tuple)(struct flow *f, uint32_t i, uint32_t n);
};

static uint64_t state; /* of random_next() */
static uint32_t salt;

/* What is random for a client, the same each time. */
static uint32_t
of_client(uint32_t k)
{
	return mix((uint64_t)salt << 32 | k);
}

/* Each from somewhere else, from a port as Linux chooses one. */
static void
users(struct flow *f, uint32_t i, uint32_t n)
{
	f->addr.raddr4 = random_next(&state);
	f->rport = htons(LINUX_LOW + random_next(&state) % LINUX_RANGE);
}

/* 20 hosts of a rack, each with the even ports that Linux' connect() takes, one after the other. */
static void
rack(struct flow *f, uint32_t i, uint32_t n)
{
	const uint32_t host = i % 20, k = i / 20;

	f->addr.raddr4 = htonl(0x0a000100 + host);
	f->rport = htons(LINUX_LOW + (of_client(host) + 2 * k) % LINUX_RANGE);
}

/* Everybody behind one address. */
static void
nat(struct flow *f, uint32_t i, uint32_t n)
{
	f->addr.raddr4 = htonl(0xcb007101);
	f->rport = htons(1024 + random_next(&state) % 64512);
}

/* 250 addresses, all ports in turn: a load generator's. */
static void
generator(struct flow *f, uint32_t i, uint32_t n)
{
	f->addr.raddr4 = htonl(0xc6336401 + i % 250);
	f->rport = htons(1024 + i / 250 % 64512);
}

static const struct load loads[] = {{"users", users}, {"rack", rack}, {"nat", nat}, {"generator", generator}};

static int
by_size(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of the busiest worker, over the mean: median of ROUNDS keys. */
static double
busiest(const struct load *l, unsigned int workers, unsigned int reta, uint32_t n)
{
	static struct steer s;
	double over[ROUNDS];
	uint8_t key[STEER_KEY_LEN];
	unsigned int r, k;
	uint32_t i;

	for (r = 0; r < ROUNDS; r++) {
		uint32_t has[64] = {0}, most = 0;
		struct flow f = {.af = 4, .lport = htons(443), .addr.laddr4 = htonl(0xc0000201)};

		state = r + 1;
		salt = r;
		for (k = 0; k < STEER_KEY_LEN; k++)
			key[k] = random_next(&state);
		steer_init(&s, workers, reta, key);
		for (i = 0; i < n; i++) {
			l->tuple(&f, i, n);
			has[steer_owner(&s, &f)]++;
		}
		for (k = 0; k < workers; k++)
			most = RTE_MAX(most, has[k]);
		over[r] = (double)most * workers / n;
	}
	qsort(over, ROUNDS, sizeof(over[0]), by_size);
	return over[ROUNDS / 2];
}

int
main(void)
{
	static const struct {
		unsigned int workers, reta;
	} machines[] = {{2, 128}, {16, 128}, {48, 128}, {48, 512}, {64, 128}, {64, 512}};
	static const uint32_t sizes[] = {1000, 10000, 100000};
	unsigned int m, l, i;

	printf("%-13s", "");
	for (l = 0; l < RTE_DIM(loads); l++)
		printf(" %20s", loads[l].name);
	printf("\n%-8s %-4s", "workers", "RETA");
	for (l = 0; l < RTE_DIM(loads); l++)
		for (i = 0; i < RTE_DIM(sizes); i++)
			printf(" %6u", sizes[i]);
	printf("\n");
	for (m = 0; m < RTE_DIM(machines); m++) {
		printf("%-8u %-4u", machines[m].workers, machines[m].reta);
		for (l = 0; l < RTE_DIM(loads); l++)
			for (i = 0; i < RTE_DIM(sizes); i++)
				printf(" %6.2f", busiest(&loads[l], machines[m].workers, machines[m].reta, sizes[i]));
		printf("\n");
	}
	return 0;
}
