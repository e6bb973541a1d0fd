/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * See filter.h. The words are those of ss(8): first state and exclude, as often as wanted, then an expression of src,
 * dst, sport, dport and, beyond ss, the numbers that are known of a connection; and, or, not, brackets; two terms side
 * by side are joined by and.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <rte_common.h>
#include "filter.h"

#define DEPTH_MAX 16u /* of brackets and nots */
#define WORD_MAX 96u

/* clang-format off */
#define F(n) {#n, offsetof(struct tern_info, n), sizeof(((struct tern_info *)0)->n)}
/* clang-format on */
const struct info_field info_fields[] = {
	F(timer_ms),   F(mss),          F(rcv_mss),    F(snd_wscale), F(rcv_wscale),  F(backoff),
	F(retries),    F(srtt_us),      F(rttvar_us),  F(rto_us),     F(min_rtt_us),  F(cwnd),
	F(ssthresh),   F(snd_wnd),      F(rcv_wnd),    F(bytes_sent), F(bytes_acked), F(bytes_received),
	F(retrans),    F(in_flight),    F(lost),       F(sacked),     F(unsent),      F(unacked),
	F(unread),     F(out_of_order), F(snd_buf),    F(rcv_buf),    F(mbufs),       F(established_ms),
	F(last_rx_ms), F(last_data_ms), F(unacked_ms), F(segs_in),    F(segs_out),    F(send_rate)};
#undef F
const unsigned int n_info_fields = RTE_DIM(info_fields);

uint64_t
info_number(const struct tern_info *i, const struct info_field *f)
{
	const char *p = (const char *)i + f->at;

	switch (f->size) {
	case 1:
		return *(const uint8_t *)p;
	case 2:
		return *(const uint16_t *)(const void *)p;
	case 4:
		return *(const uint32_t *)(const void *)p;
	default:
		return *(const uint64_t *)(const void *)p;
	}
}

/* --- states -------------------------------------------------------------------------------------------------- */

#define BIT(s) (UINT32_C(1) << (s))
#define ALL (BIT(TERN_CLOSING + 1) - BIT(TERN_ESTABLISHED))
#define MINI (BIT(TERN_SYN_RECEIVED) | BIT(TERN_TIME_WAIT)) /* what ss calls buckets */

static const struct {
	const char *name, *shown;
	uint32_t states;
} state_words[] = {
	{"established", "ESTAB", BIT(TERN_ESTABLISHED)},
	{"syn-sent", "SYN-SENT", BIT(TERN_SYN_SENT)},
	{"syn-recv", "SYN-RECV", BIT(TERN_SYN_RECEIVED)},
	{"fin-wait-1", "FIN-WAIT-1", BIT(TERN_FIN_WAIT_1)},
	{"fin-wait-2", "FIN-WAIT-2", BIT(TERN_FIN_WAIT_2)},
	{"time-wait", "TIME-WAIT", BIT(TERN_TIME_WAIT)},
	{"closed", "UNCONN", BIT(TERN_CLOSED)},
	{"close-wait", "CLOSE-WAIT", BIT(TERN_CLOSE_WAIT)},
	{"last-ack", "LAST-ACK", BIT(TERN_LAST_ACK)},
	{"closing", "CLOSING", BIT(TERN_CLOSING)},
	{"all", NULL, ALL},
	{"connected", NULL, ALL & ~(BIT(TERN_CLOSED) | BIT(TERN_LISTEN))},
	{"synchronized", NULL, ALL & ~(BIT(TERN_CLOSED) | BIT(TERN_LISTEN) | BIT(TERN_SYN_SENT))},
	{"bucket", NULL, MINI},
	{"big", NULL, ALL & ~MINI},
};

const char *
filter_state_name(unsigned int state)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(state_words); i++)
		if (state_words[i].shown && state < 32 && state_words[i].states == BIT(state))
			return state_words[i].shown;
	return "?";
}

/* --- words --------------------------------------------------------------------------------------------------- */

struct parse {
	struct filter *f;
	const char *p;
	char word[WORD_MAX]; /* the next one; "": the end */
	unsigned int depth;
	char *why;
	size_t size;
};

static int __attribute__((format(printf, 2, 3))) wrong(struct parse *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(s->why, s->size, fmt, ap);
	va_end(ap);
	return -EINVAL;
}

static bool
is(const struct parse *s, const char *word)
{
	return strcmp(s->word, word) == 0;
}

/* What an operator consists of ends a word, but for brackets around an IPv6 address. */
static int
advance(struct parse *s)
{
	static const char marks[] = "=!<>&|";
	size_t n;

	while (isspace((unsigned char)*s->p))
		s->p++;
	if (*s->p == '(' || *s->p == ')')
		n = 1;
	else if (*s->p && strchr(marks, *s->p))
		n = strspn(s->p, marks);
	else
		n = strcspn(s->p, " \t\r\n()=!<>&|");
	if (n >= WORD_MAX)
		return wrong(s, "'%.20s...' is too long a word", s->p);
	memcpy(s->word, s->p, n);
	s->word[n] = 0;
	s->p += n;
	return 0;
}

/* --- terms --------------------------------------------------------------------------------------------------- */

static int
add(struct parse *s, const struct filter_term *t)
{
	if (s->f->n == FILTER_TERMS)
		return wrong(s, "more than %u terms", FILTER_TERMS);
	s->f->term[s->f->n++] = *t;
	return 0;
}

static int
add_op(struct parse *s, enum filter_is is)
{
	const struct filter_term t = {.is = is};

	return add(s, &t);
}

/* @return whether there was one, and the next word is what follows. */
static bool
take_cmp(struct parse *s, uint8_t *cmp, int *rc)
{
	static const struct {
		const char *word;
		enum filter_cmp cmp;
	} words[] = {{"=", FILTER_EQ},  {"==", FILTER_EQ},  {"eq", FILTER_EQ},  {"!=", FILTER_NE},
		     {"ne", FILTER_NE}, {"neq", FILTER_NE}, {"<", FILTER_LT},   {"lt", FILTER_LT},
		     {"<=", FILTER_LE}, {"le", FILTER_LE},  {"leq", FILTER_LE}, {">", FILTER_GT},
		     {"gt", FILTER_GT}, {">=", FILTER_GE},  {"ge", FILTER_GE},  {"geq", FILTER_GE}};
	unsigned int i;

	for (i = 0; i < RTE_DIM(words); i++) {
		if (!is(s, words[i].word))
			continue;
		*cmp = words[i].cmp;
		*rc = advance(s);
		return true;
	}
	return false;
}

static bool
read_number(const char *word, uint64_t max, uint64_t *n)
{
	char *end;

	errno = 0;
	*n = strtoull(word, &end, 10);
	return isdigit((unsigned char)*word) && !*end && !errno && *n <= max;
}

/* sport, dport [OP] [:]N */
static int
port_term(struct parse *s, bool source)
{
	struct filter_term t = {.is = FILTER_PORT, .source = source, .cmp = FILTER_EQ};
	const char *name = source ? "sport" : "dport";
	int rc = advance(s);

	if (!rc)
		take_cmp(s, &t.cmp, &rc);
	if (rc)
		return rc;
	if (!read_number(s->word + (*s->word == ':'), UINT16_MAX, &t.n))
		return wrong(s, "%s: '%s' is no port: write %s = :80", name, s->word, name);
	rc = add(s, &t);
	return rc ? rc : advance(s);
}

/* *, ADDR, ADDR/LEN, each with :PORT; an IPv6 address with a port in square brackets. */
static int
read_host(struct parse *s, struct filter_term *t)
{
	char word[WORD_MAX], *slash, *colon;
	uint64_t n = 0;
	bool six;

	snprintf(word, sizeof(word), "%s", s->word);
	six = *word == '[' || (strchr(word, ':') && strchr(word, ':') != strrchr(word, ':'));
	colon = *word == '[' ? strstr(word, "]:") : six ? NULL : strchr(word, ':');
	if (colon) {
		colon += *colon == ']';
		*colon++ = 0;
		t->with_port = strcmp(colon, "*") != 0;
		if (t->with_port && !read_number(colon, UINT16_MAX, &t->n))
			return -EINVAL;
	}
	if (*word == '[') {
		if (word[strlen(word) - 1] != ']')
			return -EINVAL;
		word[strlen(word) - 1] = 0;
		memmove(word, word + 1, strlen(word));
	}
	slash = strchr(word, '/');
	if (slash)
		*slash++ = 0;
	if (!*word || strcmp(word, "*") == 0)
		return slash || (!*word && !colon) ? -EINVAL : 0;
	if (tern_endpoint_parse(word, &t->e) || t->e.port)
		return -EINVAL;
	t->prefix = six ? 128 : 32;
	if (slash && !read_number(slash, t->prefix, &n))
		return -EINVAL;
	t->prefix = slash ? n : t->prefix;
	return 0;
}

/* src, dst [OP] HOST */
static int
host_term(struct parse *s, bool source)
{
	struct filter_term t = {.is = FILTER_HOST, .source = source, .cmp = FILTER_EQ};
	const char *name = source ? "src" : "dst";
	int rc = advance(s);

	if (!rc)
		take_cmp(s, &t.cmp, &rc);
	if (rc)
		return rc;
	if (t.cmp > FILTER_NE)
		return wrong(s, "%s: an address is equal or not: write = or !=", name);
	if (read_host(s, &t))
		return wrong(s, "%s: '%s' is no address: write ADDR, ADDR/LEN or ADDR:PORT", name, s->word);
	rc = add(s, &t);
	return rc ? rc : advance(s);
}

/* A number of struct tern_info. */
static int
number_term(struct parse *s)
{
	struct filter_term t = {.is = FILTER_NUMBER};
	unsigned int i;
	int rc;

	for (i = 0; i < n_info_fields; i++)
		if (is(s, info_fields[i].name))
			break;
	if (i == n_info_fields) {
		if (is(s, "state") || is(s, "exclude"))
			return wrong(s, "'%s' belongs to the front", s->word);
		return *s->word ? wrong(s,
					"'%s' is no word of a filter: src, dst, sport, dport, and, or, not, or a "
					"number's name as --json has it",
					s->word)
				: wrong(s, "something is missing at the end");
	}
	t.field = i;
	rc = advance(s);
	if (!rc && !take_cmp(s, &t.cmp, &rc))
		return wrong(s, "%s: '%s' compares nothing: write =, !=, <, <=, > or >=", info_fields[i].name, s->word);
	if (rc)
		return rc;
	if (!read_number(s->word, UINT64_MAX, &t.n))
		return wrong(s, "%s: '%s' is no number", info_fields[i].name, s->word);
	rc = add(s, &t);
	return rc ? rc : advance(s);
}

/* --- expressions --------------------------------------------------------------------------------------------- */

static int either(struct parse *s);

static int
bracket(struct parse *s)
{
	int rc = advance(s);

	rc = rc ? rc : either(s);
	if (rc)
		return rc;
	return is(s, ")") ? advance(s) : wrong(s, "a ) is missing");
}

static int
term(struct parse *s)
{
	int rc;

	if (s->depth == DEPTH_MAX)
		return wrong(s, "more than %u brackets in each other", DEPTH_MAX);
	s->depth++;
	if (is(s, "not") || is(s, "!")) {
		rc = advance(s);
		rc = rc ? rc : term(s);
		rc = rc ? rc : add_op(s, FILTER_NOT);
	} else if (is(s, "(")) {
		rc = bracket(s);
	} else if (is(s, "sport") || is(s, "dport")) {
		rc = port_term(s, *s->word == 's');
	} else if (is(s, "src") || is(s, "dst")) {
		rc = host_term(s, *s->word == 's');
	} else {
		rc = number_term(s);
	}
	s->depth--;
	return rc;
}

static int
both(struct parse *s)
{
	int rc = term(s);

	while (!rc && *s->word && !is(s, ")") && !is(s, "or") && !is(s, "|") && !is(s, "||")) {
		if (is(s, "and") || is(s, "&") || is(s, "&&"))
			rc = advance(s);
		rc = rc ? rc : term(s);
		rc = rc ? rc : add_op(s, FILTER_AND);
	}
	return rc;
}

static int
either(struct parse *s)
{
	int rc = both(s);

	while (!rc && (is(s, "or") || is(s, "|") || is(s, "||"))) {
		rc = advance(s);
		rc = rc ? rc : both(s);
		rc = rc ? rc : add_op(s, FILTER_OR);
	}
	return rc;
}

static int
state(struct parse *s, uint32_t *set)
{
	const bool out = is(s, "exclude");
	unsigned int i;
	int rc = advance(s);

	if (rc)
		return rc;
	if (is(s, "listening"))
		return wrong(s, "who listens is no connection: show listeners");
	for (i = 0; i < RTE_DIM(state_words); i++)
		if (is(s, state_words[i].name))
			break;
	if (i == RTE_DIM(state_words))
		return wrong(s,
			     "'%s' is no state: established, syn-sent, syn-recv, fin-wait-1, fin-wait-2, time-wait, "
			     "close-wait, last-ack, closing, closed, all, connected, synchronized, bucket, big",
			     s->word);
	if (out)
		s->f->states &= ~state_words[i].states;
	else
		*set |= state_words[i].states;
	return advance(s);
}

int
filter_parse(struct filter *f, const char *text, char *why, size_t size)
{
	struct parse s = {.f = f, .p = text, .why = why, .size = size};
	uint32_t set = 0;
	int rc;

	memset(f, 0, sizeof(*f));
	f->states = UINT32_MAX;
	rc = advance(&s);
	while (!rc && (is(&s, "state") || is(&s, "exclude")))
		rc = state(&s, &set);
	/* As ss: without a word, no half-open requests and no TIME-WAITs. */
	f->states &= set ? set : f->states == UINT32_MAX ? ~(MINI | BIT(TERN_CLOSED)) : UINT32_MAX;
	if (!rc && *s.word)
		rc = either(&s);
	if (!rc && *s.word)
		rc = wrong(&s, "'%s' is too much", s.word);
	return rc;
}

/* --- matching ------------------------------------------------------------------------------------------------ */

static bool
compare(uint64_t a, uint8_t cmp, uint64_t b)
{
	switch (cmp) {
	case FILTER_EQ:
		return a == b;
	case FILTER_NE:
		return a != b;
	case FILTER_LT:
		return a < b;
	case FILTER_LE:
		return a <= b;
	case FILTER_GT:
		return a > b;
	default:
		return a >= b;
	}
}

static bool
in_prefix(const uint8_t *a, const uint8_t *b, unsigned int bits)
{
	const unsigned int whole = bits / 8, rest = bits % 8;

	return memcmp(a, b, whole) == 0 && (!rest || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

static bool
host_is(const struct filter_term *t, const struct tern_endpoint *e)
{
	const bool same = (!t->e.af || (t->e.af == e->af && in_prefix(t->e.addr, e->addr, t->prefix))) &&
			  (!t->with_port || ntohs(e->port) == t->n);

	return same == (t->cmp == FILTER_EQ);
}

static bool
term_is(const struct filter_term *t, const struct tern_info *i)
{
	const struct tern_endpoint *e = t->source ? &i->local : &i->remote;

	if (t->is == FILTER_HOST)
		return host_is(t, e);
	if (t->is == FILTER_PORT)
		return compare(ntohs(e->port), t->cmp, t->n);
	return compare(info_number(i, &info_fields[t->field]), t->cmp, t->n);
}

bool
filter_match(const struct filter *f, const struct tern_info *i)
{
	uint64_t stack = 1; /* the top is its lowest bit; what an empty expression says is below all */
	unsigned int k;

	if (!(f->states & BIT(i->state)))
		return false;
	for (k = 0; k < f->n; k++) {
		const struct filter_term *t = &f->term[k];

		if (t->is == FILTER_NOT)
			stack ^= 1;
		else if (t->is == FILTER_AND)
			stack = stack >> 1 & (stack | ~UINT64_C(1));
		else if (t->is == FILTER_OR)
			stack = stack >> 1 | (stack & 1);
		else
			stack = stack << 1 | term_is(t, i);
	}
	return stack & 1;
}
