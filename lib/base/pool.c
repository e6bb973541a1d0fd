/* SPDX-License-Identifier: BSD-3-Clause */
/* Fixed pools over NUMA-local mappings; see pool.h. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <numa.h>
#include "base/pool.h"

void *
node_alloc(size_t bytes, int node)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		return NULL;
	madvise(p, bytes, MADV_HUGEPAGE); /* best effort */
	if (node >= 0 && numa_available() >= 0)
		numa_tonode_memory(p, bytes, node);
	return p;
}

void
node_free(void *p, size_t bytes)
{
	munmap(p, bytes);
}

int
pool_init(struct pool *p, uint32_t total, uint32_t size, int node)
{
	memset(p, 0, sizeof(*p));
	p->size = (size + 31) & ~31u;
	p->bytes = (size_t)total * p->size;
	p->base = node_alloc(p->bytes ? p->bytes : 1, node);
	if (!p->base)
		return -ENOMEM;
	p->total = p->avail = p->fresh = total;
	return 0;
}

void
pool_fini(struct pool *p)
{
	if (p->base)
		node_free(p->base, p->bytes ? p->bytes : 1);
	memset(p, 0, sizeof(*p));
}
