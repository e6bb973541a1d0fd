# SPDX-License-Identifier: BSD-3-Clause
# Wrong input: one clear line on stderr, a status that is not 0, and soon.

refused() { # REGEX ARGS...: of tern's own options, on a tap
	local re=$1 rc lines
	shift
	timeout 60 ip netns exec "$NS" "$TERN" "${EAL_TAP[@]}" -l $LCORES --vdev net_tap0,iface=dtap0 -- "$@" \
		>"$LIB_TMP/tern.out" 2>"$LIB_TMP/tern.err"
	rc=$?
	[ $rc != 0 ] || fail "accepted: $*"
	[ $rc != 124 ] || fail "did not end: $*"
	[ $rc -lt 128 ] || fail "died of signal $((rc - 128)): $*"
	# one line; two when the library named the cause and the program refers to it; what it chose does not count
	lines=$(grep -vcE 'see the line above|rx queue, one worker|rte_ip_frag_table_create' "$LIB_TMP/tern.err")
	[ "$lines" = 1 ] || fail "$lines lines on stderr, expected 1: $*"
	grep -qiE -- "$re" "$LIB_TMP/tern.err" || fail "the line does not say '$re': $*"
}

test_bad_options() {
	local ok=(--role http --root "$LIB_TMP/www")
	refused 'no-such' "${ok[@]}" --addr $HOST/24 --no-such
	refused 'addr' "${ok[@]}"
	refused 'addr' "${ok[@]}" --addr 192.0.2
	refused 'addr' "${ok[@]}" --addr 192.0.2.1/33
	refused 'addr6' "${ok[@]}" --addr6 2001:zz::1/64
	refused 'workers' "${ok[@]}" --addr $HOST/24 --workers 3
	refused 'workers' "${ok[@]}" --addr $HOST/24 --workers -1
	refused 'port' "${ok[@]}" --addr $HOST/24 --port 0
	refused 'port' "${ok[@]}" --addr $HOST/24 --port 65536
	refused 'port' "${ok[@]}" --addr $HOST/24 --port x
	refused 'backlog' "${ok[@]}" --addr $HOST/24 --backlog -1
	refused 'root|nowhere' --role http --root /nowhere --addr $HOST/24
	refused 'role' --role cook --addr $HOST/24
	refused 'connect' --role client --addr $HOST/24
	refused 'connect' --role client --addr $HOST/24 --connect 192.0.2.2
	local search=(--role client --addr $HOST/24 --connect 192.0.2.2:80 --search)
	refused 'leave --cps' "${search[@]}" cps --cps 5
	refused 'search rps: give --hold' "${search[@]}" rps
	refused 'only rps can be searched for' "${search[@]}" cps --hold 5
	refused 'search-from 300 is more than 256' "${search[@]}" conns --search-from 300
	refused "'speed' is none of: none, cps, rps, conns" "${search[@]}" speed
	refused 'total-num-mbufs is of all workers, --mbufs of each' "${ok[@]}" --addr $HOST/24 --mbufs 4096 --total-num-mbufs 4096
	refused 'rxq 2, --txq 1: a worker has one of each' "${ok[@]}" --addr $HOST/24 --rxq 2 --txq 1
	refused 'txq 1: a worker has one, and --workers is 2' "${ok[@]}" --addr $HOST/24 --txq 1 --nb-cores 2
	refused 'portmask 0x3 has 2 ports, and there are 1 interfaces' "${ok[@]}" --addr $HOST/24 --portmask 3
	refused 'portmask and --port-id both' "${ok[@]}" --addr $HOST/24 --portmask 0x1 --port-id 0
	refused 'port 7 does not exist' "${ok[@]}" --addr $HOST/24 --portmask 80
	refused 'n_mbufs 8 is too small' "${ok[@]}" --addr $HOST/24 --total-num-mbufs 8
	refused 'proxy needs --to' --role proxy --addr $HOST/24
	refused "to: 'localhost:80': write ADDR:PORT" --role proxy --addr $HOST/24 --to localhost:80
	refused "to: 'unix:': there is no path" --role proxy --addr $HOST/24 --to unix:
	refused 'memory|mbuf|-m' "${ok[@]}" --addr $HOST/24 --mbufs 4000000
	refused 'port' "${ok[@]}" --addr $HOST/24 --port-id 7
}

# What would be taken and then not be used, or not work.
test_bad_combinations() {
	local ok=(--role http --body x --addr $HOST/24) cl=(--role client --connect 192.0.2.2:80 --addr $HOST/24)
	refused '--connect is for --role client; this is --role http' "${ok[@]}" --connect 192.0.2.2:80
	refused '--park is for --role client, bench; this is --role http' "${ok[@]}" --park 5
	refused '--one-lcore is for --role bench' "${ok[@]}" --one-lcore
	refused '--wire-a is for --role wire' "${ok[@]}" --wire-a loss=1
	refused '--body is for --role http; this is --role echo' "${ok[@]}" --role echo
	refused '--root is for --role http' "${cl[@]}" --root /tmp
	refused '--to is for --role proxy; this is --role http' "${ok[@]}" --to 127.0.0.1:8080
	refused '--port is for .*; this is --role client' "${cl[@]}" --port 80
	refused '--packets 6: then the server closes first' "${cl[@]}" --packets 6 --close client
	refused '--arrivals is of a rate: give --cps' "${cl[@]}" --arrivals poisson
	refused '--ramp-down-ms: the end is not known: give --duration' "${cl[@]}" --cps 9 --ramp-down-ms 100
	refused '--ramp-down-ms: the end is not known: give --duration' "${cl[@]}" --hold 9 --ramp-down-ms 100
	refused '--ramp-up-ms is of a rate' "${cl[@]}" --ramp-up-ms 100
	refused '--arrivals is of a rate' "${cl[@]}" --hold 9 --ramp-up-ms 100 --arrivals poisson
	refused '--ramp-up-ms 900 and --ramp-down-ms 200 are more than --duration 1' "${cl[@]}" --cps 9 --duration 1 --ramp-up-ms 900 \
		--ramp-down-ms 200
	refused '--rps is of connections that are held: give --hold' "${cl[@]}" --rps 9
	refused '--active is of connections that are held: give --hold' "${cl[@]}" --active 9
	refused '--active 9 says when the next asks: leave --rps out' "${cl[@]}" --hold 9 --active 9 --rps 9
	refused '--think-ms is of connections that are held: give --hold' "${cl[@]}" --think-ms 9
	refused '--concurrency is of --cps: --hold 5 says how many' "${cl[@]}" --hold 5 --concurrency 9
	refused '--total 4 is less than --hold 5' "${cl[@]}" --hold 5 --total 4
	refused '--total 6: held connections do not end by themselves' "${cl[@]}" --hold 5 --total 6
	refused '--hold beside --cps: .*leave --close server out' "${cl[@]}" --hold 5 --cps 6 --close server
	refused '--hold 20000: 20000 connections a worker and one more need --max-conns 20001' "${cl[@]}" --hold 20000 --workers 1
	refused '--http: .*blank or a control character: write it as %20' "${cl[@]}" --http '/a b'
	refused '--rto-min-ms 2000 is above --rto-max-ms 1000' "${ok[@]}" --rto-min-ms 2000 --rto-max-ms 1000
	refused '--rto-init-ms 1000 is above --rto-max-ms 500' "${ok[@]}" --rto-max-ms 500
	refused '--snd-buf: 100 is out of range: 2048' "${ok[@]}" --snd-buf 100
	refused '--rcv-buf: 2047 is out of range: 2048' "${ok[@]}" --rcv-buf 2047
	refused 'both ethdev port 0: give each its own --port-id' "${ok[@]}" --if 1 --port-id 0 --addr 198.51.100.1/24
	refused 'does not fit: raise --max-requests' "${ok[@]}" --max-requests 8
	refused 'listen-addr is not an address of an interface' "${ok[@]}" --listen-addr 192.0.2.7
	refused 'port 1 is not there: wire needs two' --role wire
	refused 'Is a directory' --config /tmp
}

# A file may say what another role needs: the command line chooses one.
test_file_of_two_roles() {
	printf '[tern]\nrole = client\n[http]\nbody = x\n[client]\nconnect = 192.0.2.2:80\n' >"$LIB_TMP/two.cfg"
	tern_serve --config "$LIB_TMP/two.cfg" --role http
	[ "$(in_ns curl -sS --max-time 60 "http://$HOST/")" = x ] || fail "no page"
	tern_end
}

# Addresses that would be taken and then not work; EAL's lcores.
test_bad_addresses() {
	local ok=(--role http --root "$LIB_TMP/www")
	refused 'interface 0: gateway 192.0.2.1 is the interface.s own' "${ok[@]}" --addr 192.0.2.1/24 --gw 192.0.2.1
	refused 'gateway 192.0.2.255.*broadcast' "${ok[@]}" --addr 192.0.2.1/24 --gw 192.0.2.255
	refused 'gateway 224.0.0.1 is multicast' "${ok[@]}" --addr 192.0.2.1/24 --gw 224.0.0.1
	refused 'gateway 127.0.0.1 is loopback' "${ok[@]}" --addr 192.0.2.1/24 --gw 127.0.0.1
	refused 'gateway ff02::2 is multicast' "${ok[@]}" --addr6 2001:db8::1/64 --gw6 ff02::2
	refused 'leave its /25' "${ok[@]}" --addr 192.0.2.100/25+100
	refused 'broadcast address 192.0.2.255' "${ok[@]}" --addr 192.0.2.1/24+255
	refused 'both have the address 192.0.2.1' "${ok[@]}" --addr 192.0.2.1/24 --if 1 --addr 192.0.2.1/24
	refused 'both in one subnet' "${ok[@]}" --addr 192.0.2.1/24 --if 1 --addr 192.0.2.2/24
	refused 'both have a default gateway' "${ok[@]}" --addr 192.0.2.1/24 --gw 192.0.2.9 --if 1 --addr 198.51.100.1/24 \
		--gw 198.51.100.9
	refused 'interface 0 has the address 192.0.2.1 twice' "${ok[@]}" --addr 192.0.2.1/24 --addr 192.0.2.1/24
	refused 'one subnet lies in the other' "${ok[@]}" --addr "192.0.2.1/24, 192.0.2.7/25"
	refused 'leave its /64' "${ok[@]}" --addr6 2001:db8::1/64 --addr6 2001:db8:1::ffff:ffff/64+2
	refused 'addr: more than 16 addresses' "${ok[@]}" $(printf ' --addr 192.0.2.%u/24' $(seq 1 18))
}

# What EAL will not have: the last line has its reason and what to do.
test_bad_eal() {
	local rc
	timeout 60 ip netns exec "$NS" "$TERN" "${EAL_TAP[@]}" -l 77 -- --role http --body x --addr $HOST/24 \
		>"$LIB_TMP/tern.out" 2>"$LIB_TMP/tern.err"
	rc=$?
	[ $rc = 1 ] || fail "status $rc with an lcore that is not there"
	tail -n 1 "$LIB_TMP/tern.err" | grep -qiE 'EAL did not start: .*(lcore|core list).*-l' || fail "the last line does not say which lcore"
	! grep -q 'Success' "$LIB_TMP/tern.err" || fail "it says Success"
	timeout 60 ip netns exec "$NS" "$TERN" "${EAL_TAP[@]}" -l $LCORES stray -- --role http --body x --addr $HOST/24 \
		>"$LIB_TMP/tern.out" 2>"$LIB_TMP/tern.err"
	rc=$?
	[ $rc = 1 ] && grep -q "'stray' is not an EAL option" "$LIB_TMP/tern.err" || fail "status $rc with a stray word, or no line about it"
}

# The same tap twice: the second one ends, the first goes on.
test_tap_shared() {
	tern_serve --role http --root "$LIB_TMP/www"
	timeout 60 ip netns exec "$NS" "$TERN" "${EAL_TAP[@]}" -l $LCORES --vdev net_tap0,iface=dtap0 -- --role http \
		--root "$LIB_TMP/www" --addr $HOST/24 >"$LIB_TMP/second.out" 2>"$LIB_TMP/second.err"
	local rc=$?
	[ $rc = 1 ] || fail "status $rc of a second one on the same tap"
	[ "$(wc -l <"$LIB_TMP/second.err")" = 1 ] && grep -q 'dtap0 is there already' "$LIB_TMP/second.err" ||
		fail "not one line that says the tap is taken"
	in_ns curl -sS --max-time 60 -o "$LIB_TMP/page" "http://$HOST/" || fail "the first one is disturbed"
	tern_end
}

test_bad_config() {
	printf '[tern]\nrole = http\nbacklog = many\n' >"$LIB_TMP/bad.cfg"
	refused 'bad.cfg:3.*backlog' --config "$LIB_TMP/bad.cfg"
	printf '[tern]\nrole = http\ncolour = red\n' >"$LIB_TMP/bad.cfg"
	refused 'bad.cfg:3.*colour' --config "$LIB_TMP/bad.cfg"
	refused 'none.cfg' --config "$LIB_TMP/none.cfg"
	printf '[if0]\naddr = 192.0.2.1/24\naddr = 192.0.2.7/24\n' >"$LIB_TMP/bad.cfg"
	refused 'bad.cfg:.*addr: is there twice in .if0.*commas' --config "$LIB_TMP/bad.cfg"
}

# Backlog 0 and a huge one are adjusted, not refused, and say so.
test_backlog_limits() {
	for backlog in 0 99999999999; do
		tern_serve --role http --root "$LIB_TMP/www" --backlog $backlog
		in_ns curl -sS --max-time 60 -o "$LIB_TMP/page" "http://$HOST/" || fail "curl with backlog $backlog"
		cat "$LIB_TMP/tern.out" "$LIB_TMP/tern.err" | grep -qi backlog || fail "backlog $backlog was adjusted silently"
		tern_end
	done
}

test_not_root() {
	chmod 755 "$LIB_TMP/www"
	timeout 60 setpriv --reuid 65534 --regid 65534 --clear-groups "$TERN" "${EAL_TAP[@]}" -l $LCORES \
		--vdev net_tap0,iface=dtap0 -- --role http --root "$LIB_TMP/www" --addr $HOST/24 \
		>"$LIB_TMP/tern.out" 2>"$LIB_TMP/tern.err"
	local rc=$?
	[ $rc != 0 ] && [ $rc -lt 124 ] || fail "status $rc without root"
	cat "$LIB_TMP/tern.err" "$LIB_TMP/tern.out" | grep -qiE 'root|permi|not permitted|CAP_NET_ADMIN' || fail "it does not say that root is missing"
}

# The name of the tap is taken by somebody else's device.
test_name_taken() {
	ip -n "$NS" link add dtap0 type veth peer name other 2>/dev/null || ip -n "$NS" tuntap add dev dtap0 mode tun ||
		fail "cannot make the other device"
	timeout 60 ip netns exec "$NS" "$TERN" "${EAL_TAP[@]}" -l $LCORES --vdev net_tap0,iface=dtap0 -- \
		--role http --root "$LIB_TMP/www" --addr $HOST/24 >"$LIB_TMP/tern.out" 2>"$LIB_TMP/tern.err"
	local rc=$?
	[ $rc != 0 ] && [ $rc -lt 124 ] || fail "status $rc with the name taken"
	[ -s "$LIB_TMP/tern.err" ] || fail "nothing on stderr"
}

test_help() {
	timeout 60 "$TERN" --help >"$LIB_TMP/tern.out" 2>"$LIB_TMP/tern.err" || fail "--help ends with $?"
	for o in --role --addr --port --backlog --trace --connect --config; do
		grep -q -- "$o" "$LIB_TMP/tern.out" || fail "--help does not mention $o"
	done
}

test_malformed() {
	/usr/bin/python3 "$HERE/malformed.py" "$TERN" "$LIB_TMP" >"$LIB_TMP/malformed.out" || fail "not each is one line, with what and where, and status 2"
	[ "$(sed -n 's/^\([0-9]*\) malformed: 0 .*/\1/p' "$LIB_TMP/malformed.out")" -gt 800 ] || fail "too few were tried"
}
