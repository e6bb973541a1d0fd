/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stateful target. An input is a program: its first bytes are settings (bed.c), the rest actions, of which each is
 * a step: a call of an application (ends.c), a segment or an ICMP error near what a connection expects (segments.c),
 * frames that arrive, late, twice or never, time that passes (wire.c). After each step the workers have their turn,
 * and every invariant is asked for. Text is compared wherever it is read, each frame that leaves is looked at, and
 * nothing may go on for ever by itself. In the end all is given up, time passes, and every pool must be full again,
 * each handle told once how it ended.
 *
 * All bytes are a program, and one is the same each time. `fuzz_stateful -v FILE` prints what it does.
 */
#include <stdio.h>
#include "bed.h"

const char fuzz_name[] = "stateful";

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	bed_init();
	return 0;
}

/* Frames under way arrive. */
static void
act_wire(void)
{
	const uint8_t how = u8();
	const unsigned int from = how & 1, n = (how >> 1 & 3) + 1, i = how >> 5;
	unsigned int k;

	if (how & 8 && how & 16) {
		SAY("a frame from node %u is lost\n", from);
		deliver(from, i, 0);
		return;
	}
	SAY("%u of %u frames from node %u arrive, from number %u on%s\n", n, bed.n_wire[from], from, how & 8 ? i : 0,
	    how & 16 ? ", twice" : "");
	for (k = 0; k < n; k++)
		deliver(from, how & 8 ? i : 0, how & 16 ? 2 : 1);
}

static void
act_time(void)
{
	const uint8_t how = u8();
	uint64_t us;

	if (how < 100) {
		us = next_event() - bed.now_us;
		us = RTE_MIN(us, 100 * SEC);
	} else if (how < 150) {
		us = u8() * MS;
	} else if (how < 190) {
		us = u16();
	} else if (how < 220) {
		us = u8() * 100 * MS;
	} else if (how < 240) {
		us = u8() * SEC;
	} else {
		us = u8() * 100 * SEC;
	}
	if (how & 1) { /* nobody looks meanwhile, and nothing arrives */
		SAY("%lu us pass, asleep\n", us);
		bed.now_us += us;
	} else {
		SAY("%lu us pass\n", us);
		advance(us, 40);
	}
}

/* The device of a node takes nothing for some steps: rarely, as a full ring takes long to check. */
static void
act_device(void)
{
	const uint8_t how = u8();

	if (how & 0x70)
		return;
	SAY("the device of node %u has room for %u\n", how & 1, how >> 1 & 7);
	jam(how & 1, how >> 1 & 7);
}

static void
step(void)
{
	const uint8_t what = u8() & 63;
	unsigned int i;

	if (what < 20) {
		act_call(&bed.n[u8() & 1]);
	} else if (what < 36) {
		act_segment();
	} else if (what < 40) {
		act_reply();
	} else if (what < 42) {
		act_syn();
	} else if (what < 44) {
		act_answer();
	} else if (what < 46) {
		act_icmp();
	} else if (what < 47) {
		act_neighbour();
	} else if (what < 53) {
		act_wire();
	} else if (what < 57) {
		SAY("all arrives\n");
		quiet();
	} else if (what < 58) {
		act_device();
	} else {
		act_time();
	}
	check(0);
	check(1);
	for (i = 0; i < 2; i++)
		if (bed.n[i].jammed && --bed.n[i].jammed == 0)
			unjam(i);
	turn();
	bed.steps++;
	fuzz_steps++;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&bed, 0, offsetof(struct bed, wire));
	memset(&bed.head, 0, sizeof(bed) - offsetof(struct bed, head));
	bed.in = (struct fuzz_in){data, data + size};
	bed_start();
	while (bed.in.p < bed.in.end)
		step();
	bed_stop();
	return 0;
}

/* Random bytes, but more or less zeros among them: those mean what is right. */
size_t
fuzz_make(uint8_t *p, size_t max, uint32_t (*r)(uint32_t n))
{
	const uint32_t zeros = r(4) * 20;
	const size_t len = 64 + r(max > 64 ? max - 64 : 1);
	size_t i;

	for (i = 0; i < len && i < max; i++)
		p[i] = i > 8 && r(100) < zeros ? 0 : r(256);
	return i;
}
