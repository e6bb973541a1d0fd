/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A fuzz target is one file with the three functions and the name below. libFuzzer and AFL++ bring a main() of their
 * own; where there is neither, main.c makes random inputs from a seed and replays files.
 */
#ifndef FUZZ_H
#define FUZZ_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Once, before the first input. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
/** One input; every sequence of bytes is one. Ends the process on a fault. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern const char fuzz_name[];
/** A random input of at most max bytes; r(n): a number below n. @return its length. */
size_t fuzz_make(uint8_t *p, size_t max, uint32_t (*r)(uint32_t n));
/** What was done since the start, in steps: of most targets an input is one. */
extern uint64_t fuzz_steps;
/** Print what is done: FUZZ_TRACE is set, or -v. */
extern bool fuzz_trace;

/** EAL without devices, n lcores on whatever CPU; reads FUZZ_TRACE. */
void fuzz_eal(unsigned int n);
/** The end of the process, after one line. */
void __attribute__((noreturn, format(printf, 1, 2))) fuzz_fail(const char *fmt, ...);
#define FUZZ_MUST(cond)                                                                                                \
	do {                                                                                                           \
		if (!(cond))                                                                                           \
			fuzz_fail("%s:%d: %s", __FILE__, __LINE__, #cond);                                             \
	} while (0)

/** The input, taken byte by byte; zeros when there is no more. */
struct fuzz_in {
	const uint8_t *p, *end;
};
static inline uint8_t
in8(struct fuzz_in *in)
{
	return in->p < in->end ? *in->p++ : 0;
}
static inline uint16_t
in16(struct fuzz_in *in)
{
	const uint16_t hi = in8(in);

	return hi << 8 | in8(in);
}
static inline uint32_t
in32(struct fuzz_in *in)
{
	const uint32_t hi = in16(in);

	return hi << 16 | in16(in);
}
#endif
