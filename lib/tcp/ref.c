/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Application memory that is sent from where it lies. To DPDK it is one external buffer with one count of 16 bits,
 * which the application has the first reference of: whoever takes it to zero, on whatever thread, tells the
 * application. Since several workers may send from it, its count is raised atomically even from 1, where
 * rte_mbuf_ext_refcnt_update() takes a short way.
 */
#include <errno.h>
#include <rte_eal.h>
#include <rte_memory.h>
#include "tcp/ref.h"

/* What lies in a struct tern_ref. */
struct ref {
	struct rte_mbuf_ext_shared_info shared;
	uint8_t put; /* the application's own reference is given up */
	const char *base;
	size_t len;
	rte_iova_t iova; /* of base */
	void (*released)(struct tern_ref *r, void *arg);
	void *arg;
};
_Static_assert(sizeof(struct ref) <= sizeof(struct tern_ref), "the application gives it that much");

static struct ref *
ref_of(const struct tern_ref *r)
{
	return (struct ref *)(uintptr_t)r->opaque;
}

/* RTE_BAD_IOVA of what EAL doesn't know: devices that read memory by themselves can't have it. */
static rte_iova_t
iova_of(const void *p)
{
	const struct rte_memseg *ms = rte_mem_virt2memseg(p, NULL);

	if (!ms)
		return RTE_BAD_IOVA;
	if (rte_eal_iova_mode() == RTE_IOVA_VA)
		return (uintptr_t)p;
	return ms->iova == RTE_BAD_IOVA ? RTE_BAD_IOVA : ms->iova + RTE_PTR_DIFF(p, ms->addr);
}

/* The last reference is gone; the memory may be, too, once this returns. */
static void
released(void *addr, void *arg)
{
	const struct ref *f = arg;

	if (f->released)
		f->released(arg, f->arg);
}

int
tern_ref_init(struct tern_ref *r, const void *base, size_t len, void (*fn)(struct tern_ref *r, void *arg), void *arg)
{
	if (!base || !len || len > UINTPTR_MAX - (uintptr_t)base)
		return -EINVAL;
	*ref_of(r) = (struct ref){.shared = {.free_cb = released, .fcb_opaque = r}, .base = base, .len = len,
				  .iova = iova_of(base), .released = fn, .arg = arg};
	rte_mbuf_ext_refcnt_set(&ref_of(r)->shared, 1);
	return 0;
}

uint32_t
tern_ref_users(const struct tern_ref *r)
{
	const struct ref *f = ref_of(r);
	const uint32_t n = __atomic_load_n(&f->shared.refcnt, __ATOMIC_ACQUIRE); /* before put: one too many, never
										  * one too few */

	return n - !__atomic_load_n(&f->put, __ATOMIC_ACQUIRE);
}

void
tern_ref_put(struct tern_ref *r)
{
	struct ref *f = ref_of(r);

	__atomic_store_n(&f->put, 1, __ATOMIC_RELEASE);
	if (__atomic_sub_fetch(&f->shared.refcnt, 1, __ATOMIC_ACQ_REL) == 0)
		released(NULL, r);
}

bool
ref_holds(const struct tern_ref *r, const void *p, size_t len)
{
	const struct ref *f = ref_of(r);
	const uintptr_t off = (uintptr_t)p - (uintptr_t)f->base;

	return off <= f->len && len <= f->len - off;
}

bool
ref_crowded(const struct tern_ref *r)
{
	return rte_mbuf_ext_refcnt_read(&ref_of(r)->shared) >= HOLDERS_QUEUED;
}

void
ref_attach(struct tern_ref *r, struct rte_mbuf *m, const void *p, uint16_t len)
{
	struct ref *f = ref_of(r);
	const rte_iova_t iova = f->iova == RTE_BAD_IOVA ? RTE_BAD_IOVA : f->iova + RTE_PTR_DIFF(p, f->base);

	__atomic_add_fetch(&f->shared.refcnt, 1, __ATOMIC_ACQ_REL);
	rte_pktmbuf_attach_extbuf(m, (void *)(uintptr_t)p, iova, len, &f->shared);
	m->data_len = len;
}
