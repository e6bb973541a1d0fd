# SPDX-License-Identifier: BSD-3-Clause
# The bad cable: two tap devices in two namespaces, bridged by --role wire; the kernel's TCP goes through it.

# wire_bg ARGS...: the kernel's ends are 192.0.2.2 in $NS and 192.0.2.3 in $FAR, up on return.
wire_bg() {
	FAR=${NS}f
	netns_make "$FAR"
	bg tern ip netns exec "$NS" "$TERN" "${EAL_TAP[@]}" -l $LCORES --vdev net_tap0,iface=dtap0 --vdev net_tap1,iface=dtap1 -- \
		--role wire --wire-idle-us 20 "$@"
	TERN_PID=$BG_PID
	wait_for 15 grep -q '^wire: a is' "$LIB_TMP/tern.out" || fail "the wire did not start"
	ip -n "$NS" link set dtap1 netns "$FAR" || fail "dtap1 stays where it was made"
	wire_end_up "$NS" dtap0 2
	wire_end_up "$FAR" dtap1 3
}

wire_end_up() { # NETNS DEV N
	ip -n "$1" link set "$2" address "02:00:00:00:00:0$3" up
	ip -n "$1" addr add "192.0.2.$3/24" dev "$2"
	ip -n "$1" -6 addr add "2001:db8::$3/64" dev "$2" nodad
}

# wire_send MEGABYTES: from $NS to $FAR, compared.
wire_send() {
	head -c $(($1 * 1000000)) "$LIB_TMP/www/10m.bin" >"$LIB_TMP/sent"
	ip netns exec "$FAR" timeout 100 nc -l -p 7000 >"$LIB_TMP/received" </dev/null &
	local pid=$!
	LIB_PIDS+=($pid)
	wait_for 5 sh -c "ip netns exec $FAR ss -Hltn | grep -q :7000" || fail "nc does not listen"
	in_ns timeout 100 nc -N 192.0.2.3 7000 <"$LIB_TMP/sent" || fail "nc through the wire"
	wait_exit 30 $pid || fail "the receiving nc"
	same_sha "$LIB_TMP/sent" "$LIB_TMP/received"
}

sum_out() { echo $(($(counter "$1-in") + $(counter "$1-duplicated") - $(counter "$1-lost-random") - $(counter "$1-lost-every") - \
	$(counter "$1-lost-kind") - $(counter "$1-lost-burst") - $(counter "$1-dropped-queue") - $(counter "$1-dropped-slots") - \
	$(under_way "$1"))); }

# frames of wire $1 that its end met on their way
under_way() {
	local n
	n=$(sed -nE "s/^wire: ([0-9]+) frames $1 were under way.*/\1/p" "$LIB_TMP/tern.out")
	echo "${n:-0}"
}

test_wire_perfect() {
	wire_bg
	in_ns ping -c 3 -i 0.2 -W 10 -q 192.0.2.3 >/dev/null || fail "ping over IPv4"
	in_ns ping -c 3 -i 0.2 -W 10 -q 2001:db8::3 >/dev/null || fail "ping over IPv6"
	wire_send 5
	in_ns nstat -asz TcpRetransSegs TcpExtTCPLossProbes TcpExtTCPTimeouts >"$LIB_TMP/nstat" # what a pause of the machine is to it
	awk '/^Tcp/ { n += $1 == "TcpRetransSegs" ? -$2 : $2 } END { exit n < 0 }' "$LIB_TMP/nstat" ||
		fail "the kernel retransmitted on a perfect wire: $(cat "$LIB_TMP/nstat")"
	wait_for 10 grep -q '^wire 1 s: a /s in' "$LIB_TMP/tern.out" || fail "no line of numbers each second"
	tern_end
	want_counter a-in -gt 100
	[ "$(counter a-in)" = "$(counter a-out)" ] || fail "a: $(counter a-in) in, $(counter a-out) out"
	[ "$(counter b-in)" = "$(counter b-out)" ] || fail "b: $(counter b-in) in, $(counter b-out) out"
	! grep -E '^(a|b)-(lost|dropped|corrupted|reordered|duplicated)' "$LIB_TMP/tern.out" || fail "a perfect wire has faults"
}

test_wire_faults() {
	wire_bg --wire-a loss=2%,delay=2ms,reorder=1%/1ms,dup=1%,corrupt=1%,seed=7 --wire-b every=50,delay=3ms,drop=synack:1
	ping_ms=$(in_ns ping -c 5 -i 0.2 -W 10 -q 192.0.2.3 | sed -nE 's|^rtt [^=]*= ([0-9]+).*|\1|p')
	[ "${ping_ms:-0}" -ge 5 ] && [ "$ping_ms" -lt 50 ] || fail "round trip of $ping_ms ms, expected 5 and little more"
	wire_send 5
	tern_end
	want_counter a-lost-random -ge 20
	want_counter a-duplicated -ge 5
	want_counter a-corrupted -ge 5
	want_counter a-reordered -ge 5
	want_counter b-lost-every -ge 10
	want_counter b-lost-kind -eq 1
	for d in a b; do
		[ "$(sum_out $d)" = "$(counter $d-out)" ] || fail "$d: not every frame has one fate: $(sum_out $d), $(counter $d-out) out"
	done
}

test_wire_rate() {
	wire_bg --wire-a rate=20m,queue=50 --wire-b rate=20m,queue=50
	local start=$(date +%s%N)
	wire_send 4 # 1.6 s at 20 Mbit/s, and a little for headers
	local ms=$((($(date +%s%N) - start) / 1000000))
	[ $ms -ge 1500 ] || fail "4 MB in $ms ms through 20 Mbit/s"
	tern_end
}

wire_refused() { # TEXT ARGS...
	local text=$1
	shift
	timeout 60 "$TERN" --no-huge -- --role wire "$@" >"$LIB_TMP/out" 2>"$LIB_TMP/refused" && fail "$*: was taken"
	[ "$(wc -l <"$LIB_TMP/refused")" = 1 ] && grep -qF -- "$text" "$LIB_TMP/refused" || fail "$*: $(cat "$LIB_TMP/refused")"
}

test_wire_refuses() {
	wire_refused "--wire-a: loss=150%: write a chance" --wire-a loss=150%
	wire_refused "--wire-b: 'los' is not a fault" --wire-b los=1%
	wire_refused "--wire-a: delay=20: write a time with its unit" --wire-a loss=1%,delay=20
	wire_refused "wire has no addresses" --addr 192.0.2.1/24
	wire_refused "from port 0 to itself" --if 1 --port-id 0
	printf '[tern]\nrole = wire\n[wire]\nwire-a = rate=fast\n' >"$LIB_TMP/bad.cfg"
	"$TERN" --config "$LIB_TMP/bad.cfg" 2>"$LIB_TMP/refused" && fail "a bad file was taken"
	grep -q "bad.cfg:4: wire-a: rate=fast: write bits per second" "$LIB_TMP/refused" || fail "$(cat "$LIB_TMP/refused")"
}

test_config_wire() {
	FAR=${NS}f
	netns_make "$FAR"
	config_bg wire.cfg
	wait_for 15 grep -q '^wire: a is' "$LIB_TMP/tern.out" || fail "the wire did not start"
	ip -n "$NS" link set wire1 netns "$FAR" || fail "no wire1"
	wire_end_up "$NS" wire0 2
	wire_end_up "$FAR" wire1 3
	wait_for 10 ip netns exec "$NS" ping -c 1 -W 1 -q 192.0.2.3 || fail "no answer through the wire"
	tern_end
}
