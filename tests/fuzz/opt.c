/* SPDX-License-Identifier: BSD-3-Clause */
/* TCP options: the parser against a second one, which is slow and plain, and what is emitted against the parser. */
#include <string.h>
#include "../bytes.h"
#include "tcp/opt.h"
#include "fuzz.h"

const char fuzz_name[] = "opt";

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	return 0;
}

static void
reference(const uint8_t *p, unsigned int n, bool syn, struct tcp_opts *o)
{
	unsigned int i, k, len;

	memset(o, 0, sizeof(*o));
	for (i = 0; i < n && p[i] != 0; i += len) {
		len = p[i] == 1 ? 1 : i + 1 < n ? p[i + 1] : 0;
		if (len == 0 || (p[i] != 1 && len < 2) || len > n - i)
			return;
		if (syn && p[i] == 2 && len == 4) {
			o->has_mss = true;
			o->mss = get16(p + i + 2);
		} else if (syn && p[i] == 3 && len == 3) {
			o->has_ws = true;
			o->ws = p[i + 2] < 14 ? p[i + 2] : 14;
		} else if (syn && p[i] == 4 && len == 2) {
			o->sack_ok = true;
		} else if (p[i] == 8 && len == 10) {
			o->has_ts = true;
			o->tsval = get32(p + i + 2);
			o->tsecr = get32(p + i + 6);
		} else if (!syn && p[i] == 5 && (len == 10 || len == 18 || len == 26 || len == 34)) {
			o->n_sack = len / 8;
			for (k = 0; k < o->n_sack; k++) {
				o->sack[k].left = get32(p + i + 2 + 8 * k);
				o->sack[k].right = get32(p + i + 6 + 8 * k);
			}
		}
	}
}

static void
same(const struct tcp_opts *a, const struct tcp_opts *b)
{
	FUZZ_MUST(a->has_mss == b->has_mss && a->has_ws == b->has_ws && a->has_ts == b->has_ts &&
		  a->sack_ok == b->sack_ok);
	FUZZ_MUST(a->n_sack == b->n_sack && (!a->has_mss || a->mss == b->mss) && (!a->has_ws || a->ws == b->ws));
	FUZZ_MUST(!a->has_ts || (a->tsval == b->tsval && a->tsecr == b->tsecr));
	FUZZ_MUST(memcmp(a->sack, b->sack, a->n_sack * sizeof(a->sack[0])) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int n = size ? (size - 1 < 40 ? size - 1 : 40) : 0;
	const bool syn = size && data[0] & 1;
	struct tcp_opts o, want, emitted;
	uint8_t out[40];

	fuzz_steps++;
	memset(&o, 0xa5, sizeof(o));
	tcp_opt_parse(data + size - n, n, syn, &o);
	reference(data + size - n, n, syn, &want);
	same(&want, &o);
	if (!syn)
		return 0;
	o.has_mss = true;
	o.mss = o.mss ? o.mss : 536;
	n = tcp_opt_emit_syn(out, &o);
	FUZZ_MUST(n <= sizeof(out) && n % 4 == 0);
	tcp_opt_parse(out, n, true, &emitted);
	o.n_sack = 0;
	same(&o, &emitted);
	return 0;
}

size_t
fuzz_make(uint8_t *p, size_t max, uint32_t (*r)(uint32_t n))
{
	static const uint8_t kinds[] = {0, 1, 1, 2, 3, 4, 5, 5, 8, 8, 34, 254},
			     lens[] = {4, 3, 2, 10, 18, 26, 34, 10, 10, 0, 1, 40};
	size_t n = 1 + r(41), i = 1, k;

	if (max < 42)
		return 0;
	p[0] = r(256);
	while (i < n) {
		k = r(sizeof(kinds));
		p[i++] = kinds[k];
		if (i < n && kinds[k] > 1)
			p[i++] = r(4) && kinds[k] == 2 ? 4 : r(4) && kinds[k] == 8 ? 10 : lens[r(sizeof(lens))];
		for (k = p[i - 1] > 2 ? p[i - 1] - 2 : 0; k && i < n; k--)
			p[i++] = r(256);
	}
	return n;
}
