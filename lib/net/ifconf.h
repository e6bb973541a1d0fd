/* SPDX-License-Identifier: BSD-3-Clause */
/* What interfaces may be told, and why not. */
#ifndef IFCONF_H
#define IFCONF_H
#include <stddef.h>
#include "tern.h"

/** Are the addresses of n interfaces possible, each for itself and together? @return 0, or -EINVAL and one line in
 *  why. */
int ifconf_check(const struct tern_if_conf *ifs, unsigned int n, char *why, size_t size);
#endif
