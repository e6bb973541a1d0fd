/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TAP_H
#define TAP_H
#define TAP "tern0"
/** Addresses, and up, if no process has done it before. @return 0, or a negative number after a line. */
int tap_kernel_end(void);
/** Who has one of its descriptors keeps the device, and this process' queue of it, also when this process is gone. */
void tap_find_fds(void);
/** In a child. */
void tap_forget(void);
#endif
