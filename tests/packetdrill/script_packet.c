/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets of a script: segments with their options, ICMP messages. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "script_read.h"

static struct opt *
add_opt(struct pd_packet *p, uint8_t kind, uint8_t len)
{
	struct opt *o = &p->opts[p->n_opts++];

	*o = (struct opt){.kind = kind, .len = len};
	return o;
}

static bool
sack_blocks(struct reader *r, struct opt *o)
{
	unsigned int n = 0;

	do {
		if (n == 8 || !rd_number(r, &o->v[n]) || !rd_take(r, ":") || !rd_number(r, &o->v[n + 1]))
			return false;
		n += 2;
		rd_skip_space(r);
	} while (isdigit((unsigned char)*r->p));
	o->len = 2 + 4 * n;
	return true;
}

/* FO with a cookie in hexadecimal, or without. */
static bool
fast_open(struct reader *r, struct opt *o)
{
	unsigned int n = 0, byte;

	rd_skip_space(r);
	while (isxdigit((unsigned char)r->p[0]) && isxdigit((unsigned char)r->p[1]) && n < sizeof(o->raw)) {
		sscanf(r->p, "%2x", &byte);
		o->raw[n++] = byte;
		r->p += 2;
	}
	o->len = 2 + n;
	return true;
}

static bool
one_option(struct reader *r, struct pd_packet *p)
{
	struct opt *o;

	if (p->n_opts == sizeof(p->opts) / sizeof(p->opts[0]))
		return false;
	if (rd_take(r, "mss"))
		return rd_number(r, &add_opt(p, 2, 4)->v[0]);
	if (rd_take(r, "nop"))
		return add_opt(p, 1, 1);
	if (rd_take(r, "eol"))
		return add_opt(p, 0, 1);
	if (rd_take(r, "sackOK"))
		return add_opt(p, 4, 2);
	if (rd_take(r, "wscale"))
		return rd_number(r, &add_opt(p, 3, 3)->v[0]);
	if (rd_take(r, "sack"))
		return sack_blocks(r, add_opt(p, 5, 2));
	if (rd_take(r, "FO"))
		return fast_open(r, add_opt(p, 34, 2));
	if (!rd_take(r, "TS"))
		return false;
	o = add_opt(p, 8, 10);
	return rd_take(r, "val") && rd_number(r, &o->v[0]) && rd_take(r, "ecr") && rd_number(r, &o->v[1]);
}

static int
options(struct reader *r, struct pd_packet *p)
{
	if (!rd_take(r, "<"))
		return 0;
	if (rd_take(r, "...")) {
		p->any_options = true;
		return rd_take(r, ">") ? 0 : rd_bad(r, "'>' expected");
	}
	do {
		if (!one_option(r, p))
			return rd_bad(r, "unknown TCP option");
	} while (rd_take(r, ","));
	return rd_take(r, ">") ? 0 : rd_bad(r, "',' or '>' expected");
}

/* `type_N`, `code_N` */
static bool
prefixed(struct reader *r, const char *prefix, uint8_t *v)
{
	const size_t n = strlen(prefix);
	uint32_t code;

	rd_skip_space(r);
	if (strncmp(r->p, prefix, n) || !isdigit((unsigned char)r->p[n]))
		return false;
	r->p += n;
	if (!rd_number(r, &code) || code > 255)
		return false;
	*v = code;
	return true;
}

static int
icmp(struct reader *r, struct pd_packet *p)
{
	static const struct {
		const char *name;
		uint8_t type4, code4, type6, code6;
	} codes[] =
		{
			{"net_unreachable", 3, 0, 1, 0},
			{"host_unreachable", 3, 1, 1, 3},
			{"protocol_unreachable", 3, 2, 4, 1},
			{"port_unreachable", 3, 3, 1, 4},
			{"frag_needed", 3, 4, 2, 0},
			{"packet_too_big", 3, 4, 2, 0},
			{"source_route_failed", 3, 5, 1, 5},
			{"net_unknown", 3, 6, 1, 0},
			{"host_unknown", 3, 7, 1, 3},
			{"net_prohibited", 3, 9, 1, 1},
			{"host_prohibited", 3, 10, 1, 1},
			{"net_unreachable_for_tos", 3, 11, 1, 0},
			{"host_unreachable_for_tos", 3, 12, 1, 3},
			{"packet_filtered", 3, 13, 1, 1},
			{"precedence_violation", 3, 14, 1, 1},
			{"precedence_cutoff", 3, 15, 1, 1},
			{"no_route", 3, 0, 1, 0},
			{"admin_prohibited", 3, 13, 1, 1},
			{"address_unreachable", 3, 1, 1, 3},
			{"not_neighbour", 3, 1, 1, 2},
			{"time_exceeded", 11, 0, 3, 0},
			{"parameter_problem", 12, 0, 4, 0},
			{"source_quench", 4, 0, 1, 0},
			{"source_host_isolated", 3, 8, 1, 0},
		},
	  details[] = {
		  /* codes of what has a name of its own */
		  {"exceeded_hop_limit", 11, 0, 3, 0}, {"exceeded_fragment_time", 11, 1, 3, 1},
		  {"header_field", 12, 0, 4, 0},       {"unknown_next_header", 12, 0, 4, 1},
		  {"unknown_option", 12, 0, 4, 2},
	  };
	const bool v6 = r->s->af == 6;
	bool unreachable, named = false;
	unsigned int i;

	p->is_icmp = true;
	unreachable = rd_take(r, "unreachable");
	for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (rd_take(r, codes[i].name))
			break;
	if (i < sizeof(codes) / sizeof(codes[0])) {
		p->icmp_type = v6 ? codes[i].type6 : codes[i].type4;
		p->icmp_code = v6 ? codes[i].code6 : codes[i].code4;
	} else if (unreachable || prefixed(r, "type_", &p->icmp_type)) {
		p->icmp_type = unreachable ? (v6 ? 1 : 3) : p->icmp_type;
		named = prefixed(r, "code_", &p->icmp_code); /* else 0 */
	} else {
		return rd_bad(r, "unknown ICMP message");
	}
	for (i = 0; !named && i < sizeof(details) / sizeof(details[0]); i++)
		if ((v6 ? details[i].type6 : details[i].type4) == p->icmp_type && rd_take(r, details[i].name)) {
			p->icmp_code = v6 ? details[i].code6 : details[i].code4;
			break;
		}
	if (rd_take(r, "mtu") && !rd_number(r, &p->icmp_mtu))
		return rd_bad(r, "MTU expected");
	rd_skip_space(r);
	if (*r->p != '[') /* the first packet of the connection is meant */
		return 0;
	if (!rd_take(r, "[") || !rd_number(r, &p->seq) || !rd_take(r, ":") || !rd_number(r, &p->wnd) ||
	    !rd_take(r, "(") || !rd_number(r, &p->len) || !rd_take(r, ")") || !rd_take(r, "]"))
		return rd_bad(r, "the quoted segment [first:last(length)] expected");
	return 0;
}

int
rd_packet(struct reader *r, struct pd_packet *p)
{
	static const char letters[] = "FSRP.UEW";
	static const char *const ecn[] = {"noecn", "ect1", "ect0", "ce"};
	uint32_t end;

	if (rd_take(r, "icmp"))
		return icmp(r, p);
	if (rd_take(r, "[")) {
		unsigned int i = 0;

		rd_take(r, "ecn");
		while (i < 4 && !rd_take(r, ecn[i]))
			i++;
		if (i == 4 || !rd_take(r, "]"))
			return rd_bad(r, "unknown ECN codepoint");
		p->ecn = 1 + i;
	}
	rd_skip_space(r);
	if (*r->p == '-') {
		r->p++;
	} else {
		const char *l;

		if (!*r->p || !strchr(letters, *r->p))
			return rd_bad(r, "TCP flags expected");
		for (; *r->p && (l = strchr(letters, *r->p)); r->p++)
			p->flags |= 1 << (l - letters);
	}
	if (!rd_number(r, &p->seq) || !rd_take(r, ":") || !rd_number(r, &end) || !rd_take(r, "(") ||
	    !rd_number(r, &p->len) || !rd_take(r, ")"))
		return rd_bad(r, "first:last(length) expected");
	if (end - p->seq != p->len)
		return rd_bad(r, "length %u is not that of the range", p->len);
	if (rd_take(r, "ack") && !rd_number(r, &p->ack))
		return rd_bad(r, "number expected");
	if (rd_take(r, "win")) {
		p->has_wnd = true;
		if (!rd_number(r, &p->wnd))
			return rd_bad(r, "number expected");
	}
	if (rd_take(r, "urg") && !rd_number(r, &p->urg))
		return rd_bad(r, "number expected");
	return options(r, p);
}
