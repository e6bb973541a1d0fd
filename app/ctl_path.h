/* SPDX-License-Identifier: BSD-3-Clause */
/* Both ends of the commands' socket: serve.c and ctl_call.c. */
#ifndef CTL_PATH_H
#define CTL_PATH_H
#include <stddef.h>
#include <sys/un.h>

/*
 * A connection is one command. Asked: "text COMMAND\n" or "json COMMAND\n". Answered: what the command says, CTL_END,
 * then "0\n", or "1 WHY\n".
 */
#define CTL_END '\0'

/** The directory of `--ctl auto`. @return 0 or -EINVAL after one line. */
int ctl_dir(char *buf, size_t size);
int ctl_addr(const char *path, struct sockaddr_un *a);
/** @return a descriptor, or -errno: -ECONNREFUSED when whoever made the socket is gone. */
int ctl_connect(const struct sockaddr_un *a);
#endif
