/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The workers' mappings are kept from input to input: what the kernel takes to map and fault them in is most of a
 * worker's start, of which an input has two. The linker sends the library's calls here (--wrap).
 */
#include <string.h>
#include <sys/mman.h>
#include "fuzz.h"

#define MAPS 1024u

void *__real_mmap64(void *at, size_t len, int prot, int flags, int fd, off_t off);
void *__wrap_mmap64(void *at, size_t len, int prot, int flags, int fd, off_t off);
int __wrap_munmap(void *p, size_t len);
int __wrap_madvise(void *p, size_t len, int advice);

static struct map {
	void *p;
	size_t len;
	bool used;
} maps[MAPS];
static unsigned int n_maps;

void *
__wrap_mmap64(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
	unsigned int i;

	for (i = 0; i < n_maps; i++)
		if (!maps[i].used && maps[i].len == len)
			break;
	if (i == n_maps) {
		FUZZ_MUST(n_maps < MAPS);
		maps[n_maps++] = (struct map){__real_mmap64(at, len, prot, flags, fd, off), len, true};
	} else {
		memset(maps[i].p, 0, len);
		maps[i].used = true;
	}
	return maps[i].p;
}

int
__wrap_munmap(void *p, size_t len)
{
	unsigned int i;

	for (i = 0; i < n_maps; i++)
		if (maps[i].p == p && maps[i].len == len && maps[i].used) {
			maps[i].used = false;
			return 0;
		}
	fuzz_fail("munmap() of what is not mapped");
}

int
__wrap_madvise(void *p, size_t len, int advice)
{
	return 0;
}
