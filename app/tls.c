/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See tls.h. OpenSSL reads and writes by a BIO that is the connection: no copy in between but its own, and what tern
 * has no room for is its retry. Each worker has a context of its own, so that workers share no lock; the keys of
 * session tickets are the same in all, as a session may come back to another one.
 *
 * A server without --tls-cert has a key and a certificate made at start, which nobody has signed. The client keeps the
 * last session of each worker for --tls-resume.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <rte_spinlock.h>
#include "role.h"
#include "tls.h"

#define TICKET_KEYS 80u /* as OpenSSL wants them */
#define CERT_DAYS 30

struct tls {
	LIST_ENTRY(tls) next;
	SSL *ssl;
	struct tls_ctx *x;
	struct item *i;
	const char *wrong;
	bool up;
};

struct tls_ctx {
	SLIST_ENTRY(tls_ctx) next;
	LIST_HEAD(, tls) all;
	SSL_CTX *ctx;
	SSL_SESSION *last; /* the client's */
	uint64_t n[TLS_COUNTS];
	bool server;
	char buf[TLS_BUF];
};

static SLIST_HEAD(, tls_ctx) contexts = SLIST_HEAD_INITIALIZER(contexts);
static rte_spinlock_t lock = RTE_SPINLOCK_INITIALIZER; /* workers start at the same time */
static EVP_PKEY *own_key;
static X509 *own_cert;
static uint8_t ticket_keys[TICKET_KEYS];

static const char *
why(void)
{
	const char *text = ERR_reason_error_string(ERR_get_error());

	ERR_clear_error();
	return text ? text : "TLS failed";
}

/* --- certificate ----------------------------------------------------------------------------------------------- */

static bool
make_cert(void)
{
	X509_NAME *name;

	own_key = EVP_EC_gen("P-256");
	own_cert = X509_new();
	if (!own_key || !own_cert)
		return false;
	name = X509_get_subject_name(own_cert);
	return X509_set_version(own_cert, 2) && ASN1_INTEGER_set(X509_get_serialNumber(own_cert), 1) &&
	       X509_gmtime_adj(X509_getm_notBefore(own_cert), -60) &&
	       X509_gmtime_adj(X509_getm_notAfter(own_cert), CERT_DAYS * 86400L) &&
	       X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"tern", -1, -1, 0) &&
	       X509_set_issuer_name(own_cert, name) && X509_set_pubkey(own_cert, own_key) &&
	       X509_sign(own_cert, own_key, EVP_sha256());
}

/* Into a context, which says what is wrong with them. */
static bool
use_cert(SSL_CTX *ctx)
{
	if (tls_conf.cert)
		return SSL_CTX_use_certificate_chain_file(ctx, tls_conf.cert) == 1 &&
		       SSL_CTX_use_PrivateKey_file(ctx, tls_conf.key, SSL_FILETYPE_PEM) == 1 &&
		       SSL_CTX_check_private_key(ctx) == 1;
	return SSL_CTX_use_certificate(ctx, own_cert) == 1 && SSL_CTX_use_PrivateKey(ctx, own_key) == 1;
}

static int
try_ca(void)
{
	SSL_CTX *const ctx = SSL_CTX_new(TLS_client_method());
	int rc = 0;

	if (!ctx || SSL_CTX_load_verify_file(ctx, tls_conf.ca) != 1)
		rc = complain("--tls-ca %s: %s", tls_conf.ca, why());
	SSL_CTX_free(ctx);
	return rc;
}

static int
try_cert(void)
{
	SSL_CTX *ctx;
	int rc = 0;

	if (RAND_bytes(ticket_keys, sizeof(ticket_keys)) != 1 || (!tls_conf.cert && !make_cert()))
		return complain("--tls: no certificate could be made: %s", why());
	ctx = SSL_CTX_new(TLS_server_method());
	if (!ctx || !use_cert(ctx))
		rc = complain("--tls-cert %s, --tls-key %s: %s", tls_conf.cert ? tls_conf.cert : "(made at start)",
			      tls_conf.key ? tls_conf.key : "(made at start)", why());
	SSL_CTX_free(ctx);
	return rc;
}

int
tls_check(bool server)
{
	if (!tls_conf.on && (tls_conf.cert || tls_conf.key || tls_conf.ca || tls_conf.name || tls_conf.resume))
		return complain("--tls-%s is of TLS: give --tls", tls_conf.cert   ? "cert"
								  : tls_conf.key  ? "key"
								  : tls_conf.ca   ? "ca"
								  : tls_conf.name ? "name"
										  : "resume");
	if (!tls_conf.cert != !tls_conf.key)
		return complain("--tls-cert and --tls-key go together: --tls-%s is missing",
				tls_conf.cert ? "key" : "cert");
	if (!tls_conf.on)
		return 0;
	if (server)
		return try_cert();
	return tls_conf.ca ? try_ca() : 0;
}

/* --- the connection as OpenSSL sees it ------------------------------------------------------------------------- */

static int
bio_write(BIO *b, const char *buf, int len)
{
	const struct item *i = BIO_get_data(b);
	const ssize_t n = tern_send(i->c, buf, len, 0);

	BIO_clear_retry_flags(b);
	if (n > 0)
		return (int)n;
	if (n == 0 || n == -EAGAIN)
		BIO_set_retry_write(b);
	return -1;
}

static int
bio_read(BIO *b, char *buf, int len)
{
	const struct item *i = BIO_get_data(b);
	const ssize_t n = tern_recv(i->c, buf, len);

	BIO_clear_retry_flags(b);
	if (n == -EAGAIN)
		BIO_set_retry_read(b);
	return n < 0 ? -1 : (int)n;
}

static long
bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	const struct item *i = BIO_get_data(b);

	if (cmd == BIO_CTRL_EOF)
		return tern_recv_eof(i->c);
	return cmd == BIO_CTRL_FLUSH;
}

static const BIO_METHOD *
bio_method(void)
{
	static BIO_METHOD *m; /* of tls_ctx_new(), behind its lock, for good */

	if (!m) {
		m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tern");
		if (m && (!BIO_meth_set_write(m, bio_write) || !BIO_meth_set_read(m, bio_read) ||
			  !BIO_meth_set_ctrl(m, bio_ctrl)))
			return NULL;
	}
	return m;
}

/* --- contexts --------------------------------------------------------------------------------------------------- */

/* Whatever they offer, if http/1.1 is among it (RFC 7301). */
static int
on_alpn(SSL *ssl, const unsigned char **out, unsigned char *len, const unsigned char *in, unsigned int in_len,
	void *arg)
{
	static const unsigned char ours[] = "\x8http/1.1";

	if (SSL_select_next_proto((unsigned char **)(uintptr_t)out, len, ours, sizeof(ours) - 1, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	return SSL_TLSEXT_ERR_OK;
}

static int
on_session(SSL *ssl, SSL_SESSION *s)
{
	struct tls_ctx *x = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

	SSL_SESSION_free(x->last);
	x->last = s;
	return 1; /* it is ours now */
}

static bool
client_ctx(struct tls_ctx *x)
{
	if (tls_conf.ca) {
		if (SSL_CTX_load_verify_file(x->ctx, tls_conf.ca) != 1)
			return false;
		SSL_CTX_set_verify(x->ctx, SSL_VERIFY_PEER, NULL);
	}
	if (tls_conf.resume) {
		SSL_CTX_set_session_cache_mode(x->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(x->ctx, on_session);
	}
	return SSL_CTX_set_alpn_protos(x->ctx, (const unsigned char *)"\x8http/1.1", 9) == 0; /* a 0 is well */
}

static bool
server_ctx(struct tls_ctx *x)
{
	SSL_CTX_set_alpn_select_cb(x->ctx, on_alpn, NULL);
	SSL_CTX_set_session_cache_mode(x->ctx, SSL_SESS_CACHE_OFF); /* sessions are in their tickets */
	SSL_CTX_set_num_tickets(x->ctx, 1);
	return SSL_CTX_set_session_id_context(x->ctx, (const unsigned char *)"tern", 4) == 1 && use_cert(x->ctx) &&
	       SSL_CTX_set_tlsext_ticket_keys(x->ctx, ticket_keys, sizeof(ticket_keys)) == 1;
}

struct tls_ctx *
tls_ctx_new(bool server)
{
	struct tls_ctx *x = calloc(1, sizeof(*x));
	bool is_well;

	if (!x) {
		complain("--tls: no memory");
		return NULL;
	}
	x->server = server;
	x->ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	rte_spinlock_lock(&lock);
	is_well = x->ctx && bio_method() && (server ? server_ctx(x) : client_ctx(x));
	if (is_well)
		SLIST_INSERT_HEAD(&contexts, x, next);
	rte_spinlock_unlock(&lock);
	if (!is_well) {
		complain("--tls: %s", why());
		SSL_CTX_free(x->ctx);
		free(x);
		return NULL;
	}
	SSL_CTX_set_app_data(x->ctx, x);
	SSL_CTX_set_min_proto_version(x->ctx, TLS1_2_VERSION);
	SSL_CTX_set_max_proto_version(x->ctx, tls_conf.max == TLS_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION);
	SSL_CTX_set_options(x->ctx, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION); /* lengths say the end */
	SSL_CTX_set_mode(x->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					 SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(x->ctx, 1);
	return x;
}

void
tls_end(void)
{
	struct tls_ctx *x;

	while ((x = SLIST_FIRST(&contexts)) != NULL) {
		SLIST_REMOVE_HEAD(&contexts, next);
		while (!LIST_EMPTY(&x->all))
			tls_free(LIST_FIRST(&x->all)->i);
		SSL_SESSION_free(x->last);
		SSL_CTX_free(x->ctx);
		free(x);
	}
	EVP_PKEY_free(own_key);
	X509_free(own_cert);
	own_key = NULL;
	own_cert = NULL;
}

uint64_t
tls_sum(bool server, unsigned int k)
{
	const struct tls_ctx *x;
	uint64_t sum = 0;

	SLIST_FOREACH(x, &contexts, next)
	sum += x->server == server ? x->n[k] : 0;
	return sum;
}

void
tls_report(bool server)
{
	if (tls_conf.on)
		printf("tls: %s: %lu handshakes, %lu of them resumed, %lu connections failed\n",
		       server ? "server" : "client", tls_sum(server, TLS_HANDSHAKES), tls_sum(server, TLS_RESUMED),
		       tls_sum(server, TLS_FAILED));
}

/* --- connections ------------------------------------------------------------------------------------------------ */

int
tls_start(struct tls_ctx *x, struct item *i)
{
	struct tls *t = calloc(1, sizeof(*t));
	BIO *b = t ? BIO_new(bio_method()) : NULL;

	if (t)
		t->ssl = b ? SSL_new(x->ctx) : NULL;
	if (!t || !t->ssl) {
		BIO_free(b);
		free(t);
		return -ENOMEM;
	}
	t->x = x;
	t->i = i;
	i->tls = t;
	LIST_INSERT_HEAD(&x->all, t, next);
	BIO_set_data(b, i);
	BIO_set_init(b, 1);
	SSL_set_bio(t->ssl, b, b); /* its owner */
	if (x->server) {
		SSL_set_accept_state(t->ssl);
		return 0;
	}
	SSL_set_connect_state(t->ssl);
	if (tls_conf.name &&
	    (SSL_set_tlsext_host_name(t->ssl, tls_conf.name) != 1 || SSL_set1_host(t->ssl, tls_conf.name) != 1))
		return -ENOMEM; /* tls_free() follows */
	if (x->last)
		SSL_set_session(t->ssl, x->last);
	return 0;
}

void
tls_free(struct item *i)
{
	struct tls *t = i->tls;

	if (!t)
		return;
	i->tls = NULL;
	LIST_REMOVE(t, next);
	SSL_free(t->ssl);
	free(t);
}

/* rc: of an SSL_*() call that did nothing. @return 0: the peer's side is over; -EAGAIN; -EPROTO. */
static int
outcome(struct tls *t, int rc)
{
	const int err = SSL_get_error(t->ssl, rc);

	if (err == SSL_ERROR_WANT_READ || err == SSL_ERROR_WANT_WRITE)
		return -EAGAIN;
	if (err == SSL_ERROR_ZERO_RETURN && t->up)
		return 0;
	if (err == SSL_ERROR_SYSCALL && t->up) { /* a reset, say: closed() follows */
		ERR_clear_error();
		return -EAGAIN;
	}
	if (!t->wrong) {
		t->wrong = err == SSL_ERROR_SSL ? why() : "the connection ended within the TLS handshake";
		t->x->n[TLS_FAILED]++;
	}
	ERR_clear_error();
	return -EPROTO;
}

static void
look_if_up(struct tls *t)
{
	if (likely(t->up) || !SSL_is_init_finished(t->ssl))
		return;
	t->up = true;
	t->x->n[TLS_HANDSHAKES]++;
	t->x->n[TLS_RESUMED] += SSL_session_reused(t->ssl) == 1;
}

int
tls_shake(struct item *i)
{
	struct tls *t = i->tls;
	int rc;

	if (t->wrong)
		return -EPROTO;
	rc = SSL_do_handshake(t->ssl);
	if (rc != 1) {
		rc = outcome(t, rc);
		return rc == -EAGAIN ? 0 : -EPROTO;
	}
	look_if_up(t);
	return 1;
}

ssize_t
tls_send(struct item *i, const void *buf, size_t len)
{
	struct tls *t = i->tls;
	size_t n;
	int rc;

	if (t->wrong)
		return -EPROTO;
	rc = SSL_write_ex(t->ssl, buf, len, &n);
	if (rc == 1)
		return n;
	rc = outcome(t, rc);
	return rc ? rc : -EPROTO;
}

ssize_t
tls_recv(struct item *i, void *buf, size_t len)
{
	struct tls *t = i->tls;
	size_t n;
	int rc;

	if (t->wrong)
		return -EPROTO;
	rc = SSL_read_ex(t->ssl, buf, len, &n);
	look_if_up(t);
	return rc == 1 ? (ssize_t)n : outcome(t, rc);
}

char *
tls_buf(const struct item *i)
{
	return i->tls->x->buf;
}

bool
tls_over(const struct item *i)
{
	return i->tls->wrong || SSL_get_shutdown(i->tls->ssl) & SSL_RECEIVED_SHUTDOWN;
}

const char *
tls_wrong(const struct item *i)
{
	return i->tls->wrong;
}

void
tls_bye(struct item *i)
{
	struct tls *t = i->tls;

	if (!t->up || t->wrong || tls_over(i) || tern_peer_closed(i->c))
		return;
	SSL_shutdown(t->ssl);
	ERR_clear_error();
}
