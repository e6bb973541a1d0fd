/* SPDX-License-Identifier: BSD-3-Clause */
/* Running stacks until it is enough, and what is said then. Main thread. */
#ifndef RUN_H
#define RUN_H
#include <signal.h>
#include "role.h"

/** The stacks of a process, and what is to be done beside. Any pointer but the first may be NULL. */
struct run {
	struct stack *stacks;
	unsigned int n; /* the last one's role says when all is done, and is drained first */
	bool take_turns; /* workers that share an lcore: a poll each */
	/** The load begins, or is over and closing begins. Control thread. */
	void (*mark)(const struct stack *st, bool end);
	/** Only the first n stacks run, or none: the others take nothing more from their cables. */
	void (*stand_in)(unsigned int n);
	/** What to say behind the roles' reports, of a load that took so long. @return what failed. */
	uint64_t (*report)(const struct stack *st, double seconds);
};
/** Make the stacks, whose options, role and lcores are set, run them, report and free all. @return what failed. */
uint64_t run_stacks(const struct run *r);
/** One stack with this role, on as many lcores as the options say. @return what failed. */
uint64_t run_role(const struct role *role);

/** Make the stack of this role and take it away. @param mib what the process had resident then. @return 0, or not
 *  after a line. */
int run_try(const struct role *role, unsigned int *mib);

/** From another thread: leave, as after a signal; drain: finish what is open before, as after --duration. */
void run_end(bool drain);
/** Is it the end? Nothing new is opened then. */
bool run_ends(void);

extern volatile sig_atomic_t run_signals; /* that came */
void run_catch_signals(void);
extern uint64_t run_began; /* when the program did, in TSC cycles */
#endif
