/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef SCENES_H
#define SCENES_H
#include "talk.h"

/* scenes_alone.c */
void alone_simultaneous_open(void);
void alone_fastopen(void);
void alone_refused(void);
void alone_no_neighbour(void);
void alone_neighbour_again(void);
void alone_listener(void);
void alone_reopen(void);
void alone_icmp(void);
void alone_fragments(void);
void alone_scarce(void);
void alone_timers(void);
#endif
