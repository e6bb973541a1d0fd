# SPDX-License-Identifier: BSD-3-Clause
# Several addresses of one interface: the kernel reaches each, tern connects to either subnet from the right one.

kernel_alias() { # the kernel's end is in the second subnets, too
	in_ns ip addr add 198.51.100.2/24 dev dtap0
	in_ns ip addr add 2001:db8:1::2/64 dev dtap0 nodad
}

test_alias_served() {
	local a
	printf '[tern]\nrole = http\n[http]\nbody = x\n[if0]\naddr = 192.0.2.1/24, 198.51.100.11/24+2 192.0.2.77/32\n' >"$LIB_TMP/a.cfg"
	printf 'addr6 = 2001:db8::1/64,2001:db8:1::1/64\n' >>"$LIB_TMP/a.cfg"
	tern_tap --config "$LIB_TMP/a.cfg"
	kernel_alias
	wait_for 10 ip netns exec "$NS" ping -c 1 -W 1 -q $HOST || fail "no answer to ping"
	for a in 192.0.2.1 192.0.2.77 198.51.100.11 198.51.100.12 2001:db8::1 2001:db8:1::1; do
		in_ns ping -c 1 -W 10 -q $a >"$LIB_TMP/ping.out" || fail "no answer to ping from $a"
		case $a in *:*) a=[$a] ;; esac
		[ "$(in_ns curl -gsS --max-time 60 "http://$a/")" = x ] || fail "no page from $a"
	done
	! in_ns ping -c 1 -W 1 -q 198.51.100.9 >"$LIB_TMP/ping.out" || fail "198.51.100.9 answers"
	tern_end
}

listening() { in_ns ss -Hltn sport = 8080 | grep -q LISTEN; }

# connect ADDR SOURCE: tern opens a connection to the kernel's ADDR; it comes from SOURCE.
connect() {
	local from
	bg peer ip netns exec "$NS" python3 "$PEER" accept-from "$1" 8080
	local peer=$BG_PID to=$1
	wait_for 5 listening || fail "the kernel does not listen"
	case $to in *:*) to=[$to] ;; esac
	tern_bg --role client --total 1 --request-size 4 --response-size 4 --connect "$to:8080" --addr 198.51.100.1/24 \
		--addr6 2001:db8:1::1/64
	kernel_alias
	wait_exit 15 $TERN_PID || fail "the client's status is not 0 for $1"
	wait_exit 5 $peer || fail "the kernel's end of $1 saw no connection"
	from=$(cat "$LIB_TMP/peer.out")
	[ "$from" = "$2" ] || fail "to $1 it came from $from, expected $2"
}

test_alias_connects() {
	connect 198.51.100.2 198.51.100.1
	connect 192.0.2.2 192.0.2.1
	connect 2001:db8:1::2 2001:db8:1::1
}
