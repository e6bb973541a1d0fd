# SPDX-License-Identifier: BSD-3-Clause
# What a scanner learns: nmap's SYN, FIN, NULL and Xmas scans, and its guess at the system.

# ports SCAN STATE: how many of the last scan's are in that state.
ports() {
	grep -oE "(<extraports|portid=\"[0-9]+\"><state) state=\"$1\"( count=\"[0-9]+)?" "$LIB_TMP/nmap.xml" |
		awk -F '"' '{ n += /extraports/ ? $4 : 1 } END { print n + 0 }'
}

# scan OPTIONS...: 100 ports, of which 80 is open.
scan() {
	in_ns timeout 100 nmap -n -p 1-100 -oX "$LIB_TMP/nmap.xml" "$@" >"$LIB_TMP/nmap.out" 2>&1 || fail "nmap $*"
}

# RFC 9293 3.10.7.1, 3.10.7.2: a closed port answers all but a RST with a RST; LISTEN answers a SYN, and what has neither SYN, ACK nor RST never.
test_nmap_scans() {
	local how state to
	tern_serve --role http --root "$LIB_TMP/www"
	for to in $HOST "-6 $HOST6"; do
		for how in -sS:open '-sF:open\|filtered' '-sN:open\|filtered' '-sX:open\|filtered' -sA:none; do
			state=${how#*:}
			# shellcheck disable=SC2086
			scan "${how%%:*}" $to
			if [ "$state" = none ]; then # an ACK gets a RST from both
				[ "$(ports unfiltered)" = 100 ] || fail "$how $to: not every port sent a RST"
				continue
			fi
			[ "$(ports closed)" = 99 ] || fail "$how $to: $(ports closed) of 99 ports are closed"
			[ "$(ports "$state")" = 1 ] || fail "$how $to: port 80 is not $state"
		done
	done
	[ "$(in_ns curl -sS --max-time 60 -o "$LIB_TMP/page" -w '%{http_code}' http://$HOST/)" = 200 ] || fail "no page after the scans"
	tern_end
	want_counter TcpOutRsts -ge 990
}

# Its probes have wrong flags, options and lengths; numbers must be such that nobody guesses the next one.
test_nmap_system() {
	tern_serve --role http --root "$LIB_TMP/www"
	scan -sS -O -v $HOST
	grep -E '^(TCP Sequence|IP ID)|^OS|^Running|guess' "$LIB_TMP/nmap.out"
	# 0, with DF: each datagram is a whole one (RFC 6864 4.1)
	grep -q '^IP ID Sequence Generation: All zeros' "$LIB_TMP/nmap.out" || fail "IP IDs that tell how much is sent"
	grep -q '^TCP Sequence Prediction: .*(Good luck!)' "$LIB_TMP/nmap.out" || fail "numbers that can be guessed"
	[ "$(in_ns curl -sS --max-time 60 -o "$LIB_TMP/page" -w '%{http_code}' http://$HOST/)" = 200 ] || fail "no page after the probes"
	tern_end
}
