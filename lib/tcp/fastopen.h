/* SPDX-License-Identifier: BSD-3-Clause */
/* A worker's side of Fast Open. Theory of operation: tcp/fastopen.c. */
#ifndef TCP_FASTOPEN_H
#define TCP_FASTOPEN_H
#include <stdbool.h>
#include <stdint.h>

struct seg;
struct tern_conn;
struct tern_listener;
struct tcp_opts;
struct tern_worker;

struct fastopen {
	uint32_t pending;   /* connections without the final ACK */
	uint32_t resets[2]; /* those that were reset: this minute, the last */
	uint64_t resets_at, key_until_at;
	uint8_t key[2][16], n_keys; /* of cookies: the current, the one before */
	struct tfo_peer *peers;	    /* what servers gave */
};

enum tfo_syn { TFO_NO, TFO_YES, TFO_OLD }; /* TFO_OLD: TFO_YES, and a new cookie */
int tcp_tfo_init(struct tern_worker *w);
void tcp_tfo_fini(struct tern_worker *w);
/** Is this SYN's data to be taken? If not, optlen bytes at opt go into the SYN-ACK; else tcp_tfo_option() says what. */
enum tfo_syn tcp_tfo_syn(struct tern_worker *w, struct tern_listener *l, const struct seg *s, uint8_t *opt,
			 unsigned int *optlen);
/** The peer of a passive open is there, or the connection is over. */
void tcp_tfo_confirmed(struct tern_worker *w, struct tern_conn *c);
/** Before that, the connection was reset. */
void tcp_tfo_reset(struct tern_worker *w);
/** The option of c's SYN or SYN-ACK. @return its bytes. */
unsigned int tcp_tfo_option(struct tern_worker *w, const struct tern_conn *c, uint8_t *opt);
/** Would data go with c's SYN? */
bool tcp_tfo_known(const struct tern_worker *w, const struct tern_conn *c);
/** The option of c's SYN. @return its bytes, and how much data goes along. */
unsigned int tcp_tfo_offer(const struct tern_worker *w, const struct tern_conn *c, uint8_t *opt, uint32_t *data);
/** The SYN-ACK came: keep its cookie; what it does not acknowledge of our data is sent again. */
void tcp_tfo_answer(struct tern_worker *w, struct tern_conn *c, const struct seg *s, const struct tcp_opts *o);
/** None came. */
void tcp_tfo_hole(struct tern_worker *w, struct tern_conn *c);
/** An ICMP error came. */
void tcp_tfo_icmp(struct tern_worker *w, struct tern_conn *c);
/** The SYN is due again, without what went along. */
void tcp_tfo_plain(struct tern_conn *c);
#endif
