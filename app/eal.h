/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef EAL_H
#define EAL_H
#include <stdbool.h>

/** A tap that is to be made may be there already, of a process that shares it with this one. */
extern bool eal_shares_taps;
/** Start EAL with the words of file_args (NULL: none) and argv[1 .. argc). @return 0, or -EINVAL after a line that says
 *  why not. */
int eal_start(const char *file_args, int argc, char **argv);
#endif
