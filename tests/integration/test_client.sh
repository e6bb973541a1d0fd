# SPDX-License-Identifier: BSD-3-Clause
# tern as the client; nginx on the kernel's TCP answers.

# tern_get PATH [ARGS...]: tern fetches one page of the nginx at 192.0.2.2:8080 into $LIB_TMP/got; sets RC.
tern_get() {
	local path=$1
	shift
	rm -f "$LIB_TMP/got"
	tern_bg --role client --connect "${PEER_ADDR:-192.0.2.2:8080}" --http "$path" --output "$LIB_TMP/got" --total 1 \
		--concurrency 1 "$@"
	wait_exit 40 $TERN_PID
	RC=$?
}

# nginx has to listen before the tap exists: on the wildcard.
test_client_gets_10mb() {
	nginx_start "$NS" '8080; listen [::]:8080' "$LIB_TMP/www" || fail "nginx did not start"
	tern_get /10m.bin
	[ $RC = 0 ] || fail "the client ended with $RC"
	same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/got"
	pools_clean
	PEER_ADDR='[2001:db8::2]:8080'
	tern_get /10m.bin
	[ $RC = 0 ] || fail "the client ended with $RC over IPv6"
	same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/got"
	pools_clean
}

test_client_many() {
	nginx_start "$NS" 8080 "$LIB_TMP/www" || fail "nginx did not start"
	tern_bg --role client --connect 192.0.2.2:8080 --http /index.html --total 5000 --concurrency 20
	wait_exit 60 $TERN_PID
	[ $? = 0 ] || fail "the client failed"
	want_counter TcpExtTernEstablished -eq 5000
	pools_clean
}

test_client_refused() {
	tern_get /
	[ $RC != 0 ] && [ $RC != 124 ] || fail "a refused connection must end the client with an error, not $RC"
	want_counter TcpAttemptFails -eq 1
	pools_clean
}

# tern and the peer open and close a connection of known sequence; the trace of it is tcpdump's.
test_client_trace_is_tcpdump() {
	nginx_start "$NS" 8080 "$LIB_TMP/www" || fail "nginx did not start"
	tern_bg --role client --connect 192.0.2.2:8080 --http /index.html --output "$LIB_TMP/got" --total 1 --trace
	wait_exit 40 $TERN_PID || fail "the client failed"
	# the first may have been sent again: tap_up()
	[ "$(grep -o '^IP 192.0.2.1.*192.0.2.2.8080: Flags \[S\], seq [0-9]*, win [0-9]*, options \[mss' "$LIB_TMP/tern.out" | sort -u | wc -l)" = 1 ] ||
		fail "the trace does not show one SYN"
	grep -qE '^192.0.2.1.[0-9]+ > 192.0.2.2.8080: SYN_SENT -> ESTABLISHED' "$LIB_TMP/tern.out" || fail "no state line"
}

# odd_server MODE PORT: server.py listens.
odd_server() {
	bg server ip netns exec "$NS" python3 -B "$HERE/server.py" "$1" "$2"
	ODD_PID=$BG_PID
	wait_for 10 grep -q listening "$LIB_TMP/server.out" || fail "server.py $1 did not start"
}

odd_end() {
	kill $ODD_PID
	wait $ODD_PID
	return 0
}

# tern_ask PORT ARGS...: 4 connections of 7 requests; sets RC.
tern_ask() {
	local port=$1
	shift
	tern_bg --role client --connect 192.0.2.2:$port --http / --total 4 --concurrency 2 --requests-per-conn 7 --timeout-ms ${ASK_MS:-2500} \
		--drain-ms 2000 "$@"
	wait_exit 20 $TERN_PID
	RC=$?
	[ $RC != 124 ] || fail "the client did not end"
	grep -E '^tern: (client|connect|notice|GET)' "$LIB_TMP/tern.err" >"$LIB_TMP/said.err"
}

said() { grep -qE -- "$1" "$LIB_TMP/tern.out" "$LIB_TMP/tern.err" || fail "the report does not say '$1'"; }

# failed REGEX: it ended with 1, and with one line on stderr, that says so.
failed() {
	[ $RC = 1 ] || fail "exit status $RC, expected 1"
	[ "$(wc -l <"$LIB_TMP/said.err")" = 1 ] || fail "not one line on stderr"
	grep -qE -- "$1" "$LIB_TMP/said.err" || fail "stderr does not say '$1'"
}

# What servers may do: all of it is answered, and nothing is said on stderr.
test_client_odd_answers() {
	local mode ASK_MS=8000
	for mode in plain chunked interim status; do
		odd_server $mode 8080
		tern_ask 8080
		[ $RC = 0 ] || fail "$mode: exit status $RC"
		[ ! -s "$LIB_TMP/said.err" ] || fail "$mode: something on stderr"
		said '4 connections opened, 4 established, 4 done, .* 0 failed'
		said 'client: 28 responses'
		pools_clean
		odd_end
	done
}

# Kept connections that the server ends after three of seven requests: two more each, and no failure.
test_client_reopens() {
	local mode ASK_MS=8000
	for mode in idle3 kill3 say3; do
		odd_server $mode 8080
		tern_ask 8080
		[ $RC = 0 ] || fail "$mode: exit status $RC"
		said '4 connections opened, 12 established, 4 done, .* 0 failed'
		said 'client: 28 responses'
		pools_clean
		said 'ended 8 kept connections'
		odd_end
	done
}

# What fails is told once, by class, whatever its number.
test_client_failures() {
	local mode class
	for mode in lengths:'4 bad response' 404:'4 bad response' mute:'4 request timeout' half:'4 cut short' \
		short:'4 cut short' reset:'4 reset'; do
		class=${mode#*:} mode=${mode%%:*}
		odd_server $mode 8080
		tern_ask 8080
		failed "nothing was answered: 4 connections failed: $class\$|4 of 4 connections failed: $class\$"
		case $mode in
		lengths) said 'bad responses: 4 Content-Lengths that differ' ;;
		404) said 'bad responses: 4 of status 404' ;;
		esac
		odd_end
	done
}

# Nobody has the address; the port is closed; SYNs are lost; no route; or the run ends before any timeout.
test_client_nothing_works() {
	tern_ask 8080 --connect 192.0.2.77:8080
	failed 'nothing was answered: 4 connections failed: 4 unreachable'
	tern_ask 8080
	failed 'nothing was answered: 4 connections failed: 4 refused'
	tern_ask 8080 --connect 198.51.100.1:80
	failed 'no interface or gateway leads to the server'
	drop_first 1000 in tcp dport 8080
	tern_ask 8080
	failed 'nothing was answered: 4 connections failed: 4 connect timeout'
	tern_ask 8080 --total 0 --duration 1 --timeout-ms 0 --drain-ms 500
	failed 'nothing was answered: at the end [0-9]+ connections still waited for the answer to their SYN'
}

# What can't be parked is refused, or given up; a concurrency that is cut says so.
test_client_park_limits() {
	local ok=(--role client --addr $HOST/24 --connect 192.0.2.2:8080)
	refused 'park 100: .* need --max-conns 101' "${ok[@]}" --park 100 --max-conns 100
	refused 'park 50: the local addresses and ports make 50 connections' "${ok[@]}" --park 50 --local-ports 2000-2049
	tern_ask 8080 --park 20
	failed 'only 0 of 20 connections could be parked: [0-9]+ refused'
	odd_server plain 8080
	tern_ask 8080 --park 20 --max-conns 21
	[ $RC = 0 ] || fail "exit status $RC"
	said 'notice: --concurrency 2 is cut to 1 a worker'
}

# searched ARGS...: the client's search against server.py in this mode; its status in RC, the load that passed in BEST.
searched() {
	tern_bg --role client --connect 192.0.2.2:8080 --http / --search-step 1 "$@"
	wait_exit 100 $TERN_PID
	RC=$?
	BEST=$(sed -n 's/^search: \([0-9]*\) .* pass (.*/\1/p' "$LIB_TMP/tern.out")
}

# A server that takes a tenth of a second for each of twenty at a time: 200 a second, whatever is offered.
test_search() {
	odd_server slow 8080
	searched --search cps --search-from 100 --concurrency 20 --search-within 50 --json "$LIB_TMP/run.json"
	python3 "$HERE/report.py" "$LIB_TMP/run.json" || fail "the report is not as docs/report.md says"
	python3 - "$LIB_TMP/run.json" "$BEST" <<'END' || fail "the report has another search"
import json, sys
s = json.load(open(sys.argv[1]))["end"]["search"]
loads = {t["passed"]: [x["load"] for x in s["trials"] if x["passed"] == t["passed"]] for t in s["trials"]}
assert s["ended"] and s["unit"] == "connections/s" and s["passed"] == int(sys.argv[2]) == max(loads[True]), s
assert s["failed"] == min(loads[False]) and all(("why" in t) != t["passed"] for t in s["trials"]), s
END
	[ $RC = 0 ] && [ "${BEST:-0}" -ge 25 ] && [ "$BEST" -le 210 ] || fail "status $RC, '$BEST' connections/s pass"
	grep -qE '^search: [0-9]+ connections/s for 1 s: .*: fails, not reached$' "$LIB_TMP/tern.out" || fail "no load was too much"
	searched --search rps --hold 20 --search-from 100 --search-within 50
	[ $RC = 0 ] && [ "${BEST:-0}" -ge 25 ] && [ "$BEST" -le 210 ] || fail "status $RC, '$BEST' requests/s pass"
	searched --search conns --search-from 8 --search-to 16 --concurrency 64
	[ $RC = 0 ] && [ "$BEST" = 16 ] && grep -q 'pass (.*), and nothing failed$' "$LIB_TMP/tern.out" || fail "status $RC, '$BEST' connections pass"
	searched --search conns --search-from 1 --search-p99-us 50000 --concurrency 64
	[ $RC = 1 ] && grep -q '^tern: search: not even 1 connections pass (.*99 % within 50000 us)$' "$LIB_TMP/tern.err" || fail "status $RC, and no bound held"
	searched --search cps --search-from 25 --concurrency 20 --duration 1
	[ $RC = 1 ] && grep -q 'the run ended before the search did' "$LIB_TMP/tern.err" || fail "status $RC of a search that was cut"
}

# of_class NAME WHAT: how many connections, or responses, the report has of a class of the mix.
of_class() {
	case $2 in
	responses) sed -nE "s/^client: \[$1\]: .*; ([0-9]+) responses,.*/\1/p" "$LIB_TMP/tern.out" ;;
	*) sed -nE "s/^client: \[$1\]: .*\<([0-9]+) (connections )?$2\>.*/\1/p" "$LIB_TMP/tern.out" ;;
	esac
}

# The example's classes, and one over IPv6: nginx logged as many requests of each as the report has, and each number once.
test_client_mix() {
	local class logged re
	nginx_start "$NS" '8080; location /form { return 201; } listen [::]:8080' "$LIB_TMP/www; access_log $LIB_TMP/access.log" ||
		fail "nginx did not start"
	cp "$TOP/config/client-mix.cfg" "$LIB_TMP/mix.cfg"
	printf '\n[six]\nweight = 10\nconnect = [2001:db8::2]:8080\nhttp = /index.html?six\n' >>"$LIB_TMP/mix.cfg"
	tern_bg --role client --connect 192.0.2.2:8080 --mix "$LIB_TMP/mix.cfg" --total 2000 --concurrency 32 --json "$LIB_TMP/run.json" \
		--csv "$LIB_TMP/run.csv"
	wait_exit 120 $TERN_PID || fail "the client failed"
	pools_clean
	python3 "$HERE/report.py" "$LIB_TMP/run.json" "$LIB_TMP/run.csv" || fail "the report is not as docs/report.md says"
	for class in browse:'GET /index.html.page=[0-9]+ HTTP/1.1" 200' look:'HEAD /index.html.look=[1-3] HTTP/1.1" 200' \
		form:'POST /form.[0-9]+ HTTP/1.1" 201' missing:'GET /missing/[0-9]+.html HTTP/1.1" 404' \
		half-close:'GET /index.html.half HTTP/1.1" 200' slow-reader:'GET /index.html.slow HTTP/1.1" 200' \
		slow-sender:'POST /form.slow HTTP/1.1" 201' six:'2001:db8::1 .*GET /index.html.six HTTP/1.1" 200'; do
		re=${class#*:} class=${class%%:*}
		logged=$(grep -cE "$re" "$LIB_TMP/access.log")
		[ "$logged" = "$(of_class $class responses)" ] && [ "$logged" -gt 0 ] ||
			fail "[$class]: nginx has $logged, the report '$(of_class $class responses)'"
	done
	[ "$(grep -oE 'page=[0-9]+' "$LIB_TMP/access.log" | sort | uniq -d | wc -l)" = 0 ] || fail "a number was asked for twice"
	for class in $(sed -n 's/^\[\(.*\)\]/\1/p' "$LIB_TMP/mix.cfg"); do
		[ "$(of_class $class opened)" = "$(of_class $class done)" ] || fail "[$class] is not all done"
		[ "$(jq --arg c $class '.end.client.classes[] | select(.name == $c).counts.done' "$LIB_TMP/run.json")" = "$(of_class $class done)" ] ||
			fail "[$class]: the JSON has another number"
	done
	[ "$(jq '[.end.client.classes[].counts.opened] | add' "$LIB_TMP/run.json")" = 2000 ] || fail "classes do not add up to 2000"
}

# Sixteen million addresses of the client's, of which so many at a time as there may be port sets; then they are shared.
test_client_range() {
	local n
	nginx_start "$NS" 8080 "$LIB_TMP/www; access_log $LIB_TMP/access.log" || fail "nginx did not start"
	tern_tap --addr 10.0.0.1/8+16000000 --role client --connect 10.255.255.254:8080 --http /index.html --total 3000 --concurrency 20 \
		--max-portsets 16
	in_ns ip addr add 10.255.255.254/8 dev dtap0 || fail "no address for the kernel's end"
	wait_exit 60 $TERN_PID || fail "the client failed"
	want_counter TcpExtTernEstablished -eq 3000
	n=$(cut -d' ' -f1 "$LIB_TMP/access.log" | sort -u | wc -l)
	[ "$n" -ge 16 ] || fail "connections came from $n addresses, not from 16 at least"
	pools_clean
}
