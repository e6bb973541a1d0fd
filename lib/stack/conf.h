/* SPDX-License-Identifier: BSD-3-Clause */
/* A stack's configuration, as it is given and as it is used. */
#ifndef CONF_H
#define CONF_H
#include <stddef.h>
#include "tern.h"
#include "base/sized.h"

/** A conf must say this much: all before is older than sizes are. */
#define CONF_SIZE_MIN offsetof(struct tern_conf, max_conns)

/** A copy of what the application gave, in its size; what it does not know of is the default. @return 0, -EINVAL after
 *  a line. */
int conf_copy(struct tern_conf *to, const struct tern_conf *from);
/** Find out what follows from others, and check all. @return 0, -EINVAL after a line. */
int conf_settle(struct tern_conf *conf);
#endif
