/* SPDX-License-Identifier: BSD-3-Clause */
/* What all targets have in common. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <rte_common.h>
#include <rte_eal.h>
#include "fuzz.h"

bool fuzz_trace;
uint64_t fuzz_steps;

void
fuzz_eal(unsigned int n)
{
	char lcores[32];
	char *eal[] = {"fuzz", "--no-huge", "--no-pci", "--no-shconf", "-m", "96", "--no-telemetry", "--lcores", lcores,
		       "--log-level=critical", NULL};

	snprintf(lcores, sizeof(lcores), "(0-%u)@(0-%ld)", n - 1, sysconf(_SC_NPROCESSORS_ONLN) - 1);
	fuzz_trace |= getenv("FUZZ_TRACE") != NULL;
	if (rte_eal_init(RTE_DIM(eal) - 1, eal) < 0)
		fuzz_fail("EAL did not start");
}

void
fuzz_fail(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "\nFUZZ %s: ", fuzz_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	abort();
}
