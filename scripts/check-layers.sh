#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Holds the sources to the rows of ARCHITECTURE.md: a library file includes headers of its own row or below, rows 1-3
# know no device and no clock, the application knows tern.h only. First proves on bad files that it would notice.
set -euo pipefail
cd "$(dirname "$0")/.."

row_of() { # of a library file, by name
	case "$(basename "$1")" in
	tern.h | cksum.h | siphash.h | pool.[ch] | ifconf.[ch] | wheel.[ch] | stats.[ch]) echo 1 ;;
	table.[ch] | pkt.[ch] | pkt_plain.h | tcp_opt.[ch] | steer.h | link.h | mem.h | worker.h | tcp.h | cc.h) echo 2 ;;
	icmp.[ch] | frag.[ch] | trace.[ch] | link.c | neigh.c | steer.c | portset.[ch] | worker.c | tcp*.[ch] | cc_*.[ch]) echo 3 ;;
	port.[ch] | engine.[ch] | tern.c) echo 4 ;;
	*) echo 0 ;;
	esac
}

DEVICE='rte_ethdev\.h|rte_eth_[a-z]'
CLOCK='rte_rdtsc|rte_get_(timer|tsc)_cycles|clock_gettime|gettimeofday|(^|[^_[:alnum:]])time[[:space:]]*\('

code() { gcc -fpreprocessed -dD -E -P "$1"; } # the file without its comments
includes() { code "$1" | sed -nE 's/^[[:space:]]*#[[:space:]]*include "([^"]+)".*/\1/p'; }

check_lib() { # file: prints what is wrong with it
	local f=$1 row inc irow
	row=$(row_of "$f")
	if [ "$row" = 0 ]; then
		echo "$f: has no row in scripts/check-layers.sh"
		return
	fi
	for inc in $(includes "$f"); do
		irow=$(row_of "$inc")
		[ "$irow" != 0 ] && [ "$irow" -le "$row" ] || echo "$f (row $row) includes $inc (row $irow)"
	done
	[ "$row" -le 3 ] || return 0
	code "$f" | grep -nE "$DEVICE" | sed "s|^|$f (row $row) knows the device: |" || true
	code "$f" | grep -nE "$CLOCK" | sed "s|^|$f (row $row) reads a clock: |" || true
}

check_app() { # file: of the library it may include tern.h only
	local f=$1 inc
	for inc in $(includes "$f"); do
		[ "$(basename "$inc")" = tern.h ] || [ ! -e "lib/$(basename "$inc")" ] || echo "$f includes the library's $inc"
	done
	code "$f" | grep -nE '#[[:space:]]*include <(worker|tcp|table|wheel|link|pkt|pool|stats|steer|engine|port)\.h>' |
		sed "s|^|$f includes a private header: |" || true
}

self_check() {
	local d
	d=$(mktemp -d)
	trap "rm -rf '$d'" RETURN
	printf '#include "worker.h"\n' >"$d/wheel.c"
	printf '#include "engine.h"\n' >"$d/tcp.c"
	printf '#include <rte_ethdev.h>\n' >"$d/link.c"
	printf 'long f(void) { return time (0); }\n' >"$d/pkt.c"
	printf 'long f(void) { return rte_rdtsc(); }\n' >"$d/tcp_timer.c"
	printf 'int x;\n' >"$d/nobody.c"
	printf '/* rte_rdtsc() */ #include "tcp.h"\n#include "tcp.h"\nlong rto_time(int x);\n' >"$d/tcp_output.c"
	printf '#include "../lib/worker.h"\n' >"$d/main.c"
	for f in wheel tcp link pkt tcp_timer nobody; do
		[ -n "$(check_lib "$d/$f.c")" ] || { echo "check-layers: $f.c of the self-check was let through"; return 1; }
	done
	[ -n "$(check_app "$d/main.c")" ] || { echo "check-layers: main.c of the self-check was let through"; return 1; }
	[ -z "$(check_lib "$d/tcp_output.c")" ] || { echo "check-layers: a good file was refused"; return 1; }
}

self_check || exit 1
bad=$(
	for f in lib/*.[ch]; do check_lib "$f"; done
	find app -name '*.[ch]' | sort | while read -r f; do check_app "$f"; done
)
if [ -n "$bad" ]; then
	printf '%s\n' "$bad"
	echo "check-layers: FAILED"
	exit 1
fi
echo "check-layers: $(ls lib/*.[ch] | wc -l) library files and $(find app -name '*.[ch]' | wc -l) program files keep to their rows"
