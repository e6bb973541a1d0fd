/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Public structs that grow at their end: an application of an older or a newer tern.h says how much of one it knows.
 */
#ifndef SIZED_H
#define SIZED_H
#include <string.h>

/** What both know of a struct, to the application, whose struct has `size` bytes; the rest of that is zero. @return
 *  bytes both know. */
static inline size_t
sized_give(void *to, size_t size, const void *from, size_t known)
{
	const size_t n = size < known ? size : known;

	memcpy(to, from, n);
	memset((char *)to + n, 0, size - n);
	return n;
}
#endif
