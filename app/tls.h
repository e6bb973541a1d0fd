/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS 1.2 and 1.3 (RFC 8446) over a role's connections, by OpenSSL. What roles send and receive by item_*() (role.h)
 * goes through here when the slab has a struct tls_ctx. */
#ifndef TLS_H
#define TLS_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct item;
struct tls_ctx;

enum tls_max { TLS_1_2, TLS_1_3 };

struct tls_conf {
	bool on;
	const char *cert, *key; /* PEM; NULL: made at start */
	const char *ca;         /* the server's must be signed by one of these; NULL: any will do */
	const char *name;       /* the server is asked for (RFC 6066 3), and must have with ca */
	uint8_t max;            /* enum tls_max */
	bool resume;
};
extern struct tls_conf tls_conf;

enum { TLS_HANDSHAKES, TLS_RESUMED, TLS_FAILED, TLS_COUNTS };

#define TLS_SERVER_OPTIONS "tls tls-cert tls-key tls-max"
#define TLS_CLIENT_OPTIONS "tls tls-ca tls-name tls-max tls-resume"
#define TLS_BUF 16384u /* a record's text at most */

/** Do the options fit, and the files? A server's certificate is made, if there is none. @return 0 or -EINVAL after a
 *  line. */
int tls_check(bool server);
/** On the worker. Freed by tls_end(). @return NULL after a line. */
struct tls_ctx *tls_ctx_new(bool server);
/** When no worker runs: all contexts, and what connections still have. */
void tls_end(void);
/** Counter k of all contexts of one side. */
uint64_t tls_sum(bool server, unsigned int k);
/** A line, if there is TLS. */
void tls_report(bool server);

/** i->c speaks TLS from now on. @return 0 or -ENOMEM. */
int tls_start(struct tls_ctx *x, struct item *i);
void tls_free(struct item *i);
/** @return 1: it is done; 0: something is still missing; -EPROTO: it failed. */
int tls_shake(struct item *i);
/** As tern_send(): bytes taken, which may be fewer; -EAGAIN: writable() follows, and then the same must be sent. */
ssize_t tls_send(struct item *i, const void *buf, size_t len);
/** As tern_recv(); until it says -EAGAIN there may be more, of which no readable() tells. -EPROTO: it failed. */
ssize_t tls_recv(struct item *i, void *buf, size_t len);
/** TLS_BUF bytes of the worker's. */
char *tls_buf(const struct item *i);
/** Is the peer's side over, by close_notify or an error? */
bool tls_over(const struct item *i);
/** NULL, or what went wrong, in words that stay. */
const char *tls_wrong(const struct item *i);
/** We send nothing more: close_notify, unless the peer is gone, too. */
void tls_bye(struct item *i);
#endif
