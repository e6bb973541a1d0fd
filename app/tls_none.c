/* SPDX-License-Identifier: BSD-3-Clause */
/* tls.h where there is no OpenSSL: --tls is refused, and so nothing else is called. */
#include <errno.h>
#include <stddef.h>
#include <rte_common.h>
#include "options.h"
#include "tls.h"

int
tls_check(bool server)
{
	return tls_conf.on ? complain("--tls: this tern was built without OpenSSL: meson setup -Dtls=enabled") : 0;
}

struct tls_ctx *
tls_ctx_new(bool server)
{
	return NULL;
}

void
tls_end(void)
{
}

uint64_t
tls_sum(bool server, unsigned int k)
{
	return 0;
}

void
tls_report(bool server)
{
}

int
tls_start(struct tls_ctx *x, struct item *i)
{
	return -ENOTSUP;
}

void
tls_free(struct item *i)
{
}

int
tls_shake(struct item *i)
{
	return -EPROTO;
}

ssize_t
tls_send(struct item *i, const void *buf, size_t len)
{
	return -EPROTO;
}

ssize_t
tls_recv(struct item *i, void *buf, size_t len)
{
	return -EPROTO;
}

char *
tls_buf(const struct item *i)
{
	return NULL;
}

bool
tls_over(const struct item *i)
{
	return true;
}

const char *
tls_wrong(const struct item *i)
{
	return NULL;
}

void
tls_bye(struct item *i)
{
}
