/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames as bytes, for the harness's own files: independent of the library's parsing and building. */
#ifndef HARNESS_FRAMES_H
#define HARNESS_FRAMES_H
#include "../bytes.h"
#include "harness.h"

static const uint8_t macs[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
static const uint8_t net4[4] = {192, 0, 2, 0};
static const uint8_t net6[16] = {0x20, 0x01, 0x0d, 0xb8};

/** @return true and *f for a TCP segment; its headers and checksums are checked. */
bool parse_frame(const uint8_t *p, uint16_t n, struct frame *f);
void local6(uint8_t *a, uint8_t lo);
extern bool tracing;
/** Print it, if tracing. dir begins with < if it is tern's, and else is the peer's. */
void trace(const struct frame *f, const char *dir);
#endif
