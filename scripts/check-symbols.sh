#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# check-symbols.sh LIBTERN.SO LIBTERN.A TERN.H: the calls that the header names leave the library, all of them and nothing else.
# First proves on a made-up archive that it would notice.
set -euo pipefail
so=$1 archive=$2 header=$3

declared() { gcc -fpreprocessed -dD -E -P "$1" | grep -oE '\btern_[a-z0-9_]+ ?\(' | tr -d ' (' | sort -u; }
exported() { nm "$@" --defined-only | awk 'NF == 3 { print $3 }' | sort -u; }

# compare WHAT NAMES: the differences, a line each
compare() {
	comm -13 <(echo "$declared") <(echo "$2") | sed "s/.*/$1 exports &, which is in no header/"
	comm -23 <(echo "$declared") <(echo "$2") | sed "s/.*/$1 does not export &/"
}

declared=$(declared "$header")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
echo 'void pool_init(void); void pool_init(void) { } void tern_stop(void); void tern_stop(void) { }' |
	gcc -x c -c -o "$tmp/a.o" -
bad=$(compare made-up "$(exported -g "$tmp/a.o")")
if ! grep -q 'exports pool_init' <<<"$bad" || ! grep -q 'not export tern_destroy' <<<"$bad" || grep -q 'tern_stop' <<<"$bad"; then
	echo "check-symbols: the self-check found: $bad"
	exit 1
fi
bad=$(compare libtern.so "$(exported -D "$so")"; compare libtern.a "$(exported -g "$archive")")
if [ -n "$bad" ]; then
	printf '%s\n' "$bad"
	exit 1
fi
echo "check-symbols: $(wc -l <<<"$declared") calls leave the library, and nothing else"
