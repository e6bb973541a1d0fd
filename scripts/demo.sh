#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# demo.sh: builds tern and shows it within about two minutes, on any Debian 12 machine with root and two cores: no
# NIC, no huge pages. Any step that does not hold ends it with a reason. What it makes, it takes away again. TERN names an
# installed program, which is shown then; nothing is built.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
need_root
lib_init

NS=tern-demo$$
INSTALLED=${TERN:-}
export TERN=${INSTALLED:-$PWD/build/app/tern}
# No $(...) around the hashing: bash 5.2 fails on a signal that is trapped inside one.
same_sha() { # FILE
	sha256sum <"$LIB_TMP/www/10m.bin" >"$LIB_TMP/sum"
	sha256sum <"$1" | cmp -s - "$LIB_TMP/sum" || oops "10m.bin arrived damaged"
	printf '   %.64s  (as the original)\n' "$(<"$LIB_TMP/sum")"
}
step() { printf '\n== %s\n' "$*"; }
show() { sed 's/^/   /' "$@"; }
# not for what runs in the background: $! would be the pid of a subshell
in_ns() { ip netns exec "$NS" "$@"; }
oops() {
	tail -n 20 "$LIB_TMP"/*.log 2>/dev/null || true
	die "$*"
}

step "what is needed"
if [ -n "$(missing gcc meson ninja pkg-config tcpdump curl nginx nft ip nc)" ] ||
	! pkg-config --exists libdpdk libsodium jansson cunit || [ ! -e /usr/include/numa.h ]; then
	scripts/setup.sh
else
	say "   all installed"
fi

if [ -n "$INSTALLED" ]; then
	step "the program: $TERN"
else
	step "build (release, into build/)"
	[ -f build/build.ninja ] || meson setup build --buildtype=release -Db_lto=true -Dtests=disabled >"$LIB_TMP/meson.log" ||
		oops "meson setup build failed"
	ninja -C build >"$LIB_TMP/ninja.log" || oops "ninja -C build failed"
fi
"$TERN" --version 2>/dev/null | show || true

mkdir "$LIB_TMP/www"
printf '<html><body>Hello from tern.</body></html>\n' >"$LIB_TMP/www/index.html"
random_file "$LIB_TMP/www/10m.bin" 10
netns_make "$NS"

step "tern serves HTTP at 192.0.2.1:80, on a tap device in the network namespace $NS"
ip netns exec "$NS" "$TERN" "${EAL_TAP[@]}" -l 0 --vdev net_tap0,iface=dtap0 -- --role http --addr 192.0.2.1/24 --port 80 \
	--root "$LIB_TMP/www" --trace >"$LIB_TMP/server.out" 2>"$LIB_TMP/server.log" &
server=$!
LIB_PIDS+=($server)
tap_up "$NS" || oops "the tap device did not appear"
wait_for 10 ip netns exec "$NS" ping -c 1 -W 1 -q 192.0.2.1 || oops "tern does not answer ping"
ip netns exec "$NS" tcpdump -n -t -S -l -i dtap0 'tcp port 80' >"$LIB_TMP/tcpdump.out" 2>"$LIB_TMP/tcpdump.log" &
dump=$!
LIB_PIDS+=($dump)
wait_for 5 grep -q listening "$LIB_TMP/tcpdump.log" || oops "tcpdump did not start"

say "   $ curl http://192.0.2.1/"
in_ns curl -sS --max-time 10 http://192.0.2.1/ | show
say "   $ curl http://192.0.2.1/10m.bin | sha256sum"
in_ns curl -sS --max-time 60 -o "$LIB_TMP/got" http://192.0.2.1/10m.bin || oops "curl of 10 MB failed"
same_sha "$LIB_TMP/got"

# One more connection for the camera: its client reads to the end and closes a little later, so that the ACK and the
# FIN of the kernel travel apart and the close shows its four packets.
in_ns bash -c 'exec 3<>/dev/tcp/192.0.2.1/80; printf "GET / HTTP/1.0\r\n\r\n" >&3; cat <&3; sleep 0.3; exec 3>&-' >/dev/null ||
	oops "the slow client failed"
sleep 0.5
kill -TERM $dump && wait $dump || true
kill -INT $server
wait_exit 10 $server || oops "tern left with status $?"

port=$(grep -oE '192\.0\.2\.2\.[0-9]+ > 192\.0\.2\.1\.80: Flags \[S\]' "$LIB_TMP/tcpdump.out" | tail -1 | sed -E 's/^192\.0\.2\.2\.([0-9]+) .*/\1/')
tcp_lines "$LIB_TMP/tcpdump.out" "$port" >"$LIB_TMP/theirs"
tcp_lines "$LIB_TMP/server.out" "$port" >"$LIB_TMP/ours"
for who in theirs ours; do
	[ $who = theirs ] && step "the handshake and the close, by the kernel's tcpdump -n -t -S" || step "the same by tern's --trace"
	head -3 "$LIB_TMP/$who" | show
	say "   ..."
	tail -4 "$LIB_TMP/$who" | show
done
[ "$(head -3 "$LIB_TMP/theirs" | grep -cE 'Flags \[(S|S\.|\.)\]')" = 3 ] || oops "tcpdump shows no three-way handshake"
[ "$(tail -4 "$LIB_TMP/theirs" | grep -cE 'Flags \[(F\.|FP\.|P?F?\.)\]')" = 4 ] || oops "tcpdump shows no four-way close"
# crossing packets may swap places between the two ends of the device: the sets must be equal
diff <(sort "$LIB_TMP/theirs") <(sort "$LIB_TMP/ours") || oops "tern's trace differs from tcpdump's"
say "   all $(wc -l <"$LIB_TMP/ours") packets of the connection agree: flags, seq, ack, window, options, length"

step "tern as the client fetches the same file from nginx"
nginx_start "$NS" 8080 "$LIB_TMP/www" || oops "nginx did not start"
ip netns exec "$NS" "$TERN" "${EAL_TAP[@]}" -l 0 --vdev net_tap0,iface=dtap0 -- --role client --addr 192.0.2.1/24 \
	--connect 192.0.2.2:8080 --http /10m.bin --output "$LIB_TMP/fetched" --total 1 --concurrency 1 \
	>"$LIB_TMP/client.out" 2>"$LIB_TMP/client.log" &
client=$!
LIB_PIDS+=($client)
tap_up "$NS" || oops "the tap device did not appear"
wait_exit 60 $client || oops "the client left with status $?"
same_sha "$LIB_TMP/fetched"

step "two workers on an in-memory cable, 10 s of short connections (64-byte request and response)"
scripts/bench.sh 10 --stats-interval 0 >"$LIB_TMP/bench.log" 2>&1 || oops "the benchmark failed"
grep -E '^(bench|pools):' "$LIB_TMP/bench.log" | show
step "done: everything held"
