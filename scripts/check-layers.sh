#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Holds the sources to the rows of ARCHITECTURE.md: a library file includes headers of its own room or a lower one (base, net, tcp,
# stack), only the last row knows devices and the clock, the application knows tern.h only. First proves on bad files that it would
# notice.
set -euo pipefail
cd "$(dirname "$0")/.."

row_of() { # of a library file, by its path below lib/
	case "$1" in
	tern.h | base/*.[ch]) echo 1 ;;
	net/*.[ch]) echo 2 ;;
	tcp/*.[ch]) echo 3 ;;
	stack/port.[ch] | stack/engine.[ch] | stack/post.[ch] | stack/sleep.c | stack/tern.c | stack/watch.c) echo 5 ;;
	stack/*.[ch]) echo 4 ;;
	*) echo 0 ;;
	esac
}

DEVICE='rte_ethdev\.h|rte_eth_[a-z]'
CLOCK='rte_rdtsc|rte_get_(timer|tsc)_cycles|clock_gettime|gettimeofday|(^|[^_[:alnum:]])time[[:space:]]*\('

code() { gcc -fpreprocessed -dD -E -P "$1"; } # the file without its comments
includes() { code "$1" | sed -nE 's/^[[:space:]]*#[[:space:]]*include "([^"]+)".*/\1/p'; }

check_lib() { # TOP file: prints what is wrong with it
	local f=$1/$2 row inc irow
	row=$(row_of "$2")
	if [ "$row" = 0 ]; then
		echo "$f: has no row in scripts/check-layers.sh"
		return
	fi
	for inc in $(includes "$f"); do
		irow=$(row_of "$inc")
		[ "$irow" != 0 ] && [ "$irow" -le "$row" ] || echo "$f (row $row) includes $inc (row $irow)"
	done
	[ "$row" -le 4 ] || return 0
	code "$f" | grep -nE "$DEVICE" | sed "s|^|$f (row $row) knows the device: |" || true
	code "$f" | grep -nE "$CLOCK" | sed "s|^|$f (row $row) reads a clock: |" || true
}

check_app() { # file of app/ or run/: of the library it may include tern.h only
	local f=$1 inc
	for inc in $(includes "$f"); do
		[ "$inc" = tern.h ] || [ ! -e "lib/${inc#../lib/}" ] || echo "$f includes the library's $inc"
	done
	for inc in $(code "$f" | sed -nE 's/^[[:space:]]*#[[:space:]]*include <([^>]+)>.*/\1/p'); do
		[ ! -e "lib/$inc" ] || [ "$inc" = tern.h ] || echo "$f includes the private header $inc"
	done
}

self_check() {
	local d
	d=$(mktemp -d)
	trap "rm -rf '$d'" RETURN
	mkdir -p "$d/base" "$d/net" "$d/tcp" "$d/stack"
	printf '#include "net/pkt.h"\n' >"$d/base/wheel.c"
	printf '#include "tcp/conn.h"\n' >"$d/net/neigh.c"
	printf '#include "stack/worker.h"\n' >"$d/tcp/tcp.c"
	printf '#include "stack/engine.h"\n' >"$d/stack/worker.c"
	printf '#include <rte_ethdev.h>\n' >"$d/net/link.c"
	printf 'long f(void) { return time (0); }\n' >"$d/net/pkt.c"
	printf 'long f(void) { return rte_rdtsc(); }\n' >"$d/tcp/timer.c"
	printf 'int x;\n' >"$d/nobody.c"
	printf '/* rte_rdtsc()\n#include "stack/worker.h"\n*/\n#include "tcp/conn.h"\nlong rto_time(int x);\n' >"$d/tcp/output.c"
	printf '#include "../lib/stack/worker.h"\n' >"$d/main.c"
	for f in base/wheel net/neigh tcp/tcp stack/worker net/link net/pkt tcp/timer nobody; do
		[ -n "$(check_lib "$d" "$f.c")" ] || { echo "check-layers: $f.c of the self-check was let through"; return 1; }
	done
	[ -n "$(check_app "$d/main.c")" ] || { echo "check-layers: main.c of the self-check was let through"; return 1; }
	[ -z "$(check_lib "$d" tcp/output.c)" ] || { echo "check-layers: a good file was refused"; return 1; }
}

self_check || exit 1
bad=$(
	find lib -name '*.[ch]' -printf '%P\n' | sort | while read -r f; do check_lib lib "$f"; done
	find app run -name '*.[ch]' | sort | while read -r f; do check_app "$f"; done
)
if [ -n "$bad" ]; then
	printf '%s\n' "$bad"
	echo "check-layers: FAILED"
	exit 1
fi
echo "check-layers: $(find lib -name '*.[ch]' | wc -l) library files and $(find app -name '*.[ch]' | wc -l) program files keep to their rows"
