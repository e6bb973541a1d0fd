/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef WIRE_H
#define WIRE_H
#include <signal.h>
#include "role.h"

extern const struct role role_wire; /* a name only: main() runs wire_run() */

/** Bridge two ports until a signal came or --duration is over, and report. EAL runs. @return what failed. */
uint64_t wire_run(const struct options *o, const volatile sig_atomic_t *signals);
#endif
