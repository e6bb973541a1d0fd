# SPDX-License-Identifier: BSD-3-Clause
# A running tern, asked and told: tern ctl, the prompt.

ctl() { "$TERN" ctl --socket "$LIB_TMP/ctl" "$@"; }

# json FIELD...: of what stands on stdin, by keys and indices.
json() { python3 -c 'import json, sys
v = json.load(sys.stdin)
for k in sys.argv[1:]: v = len(v) if k == "#" else v[int(k) if isinstance(v, list) else k]
print(v)' "$@"; }

# ctl_fails REGEX ARGS...: one line, exit status 2.
ctl_fails() {
	local rc
	"$TERN" ctl "${@:2}" >"$LIB_TMP/ctl.out" 2>"$LIB_TMP/ctl.err"
	rc=$?
	[ $rc = 2 ] || fail "status $rc, expected 2: ctl ${*:2}"
	[ "$(wc -l <"$LIB_TMP/ctl.err")" = 1 ] || fail "not one line: ctl ${*:2}"
	[ ! -s "$LIB_TMP/ctl.out" ] || fail "an answer: ctl ${*:2}"
	grep -qE -- "$1" "$LIB_TMP/ctl.err" || fail "the line does not say '$1': ctl ${*:2}"
}

# kernel_has N: connections at the kernel's end, established or on their way there or out.
kernel_has() { [ "$(in_ns ss -tnH | wc -l)" = "$1" ] && [ "$(in_ns ss -tnH state established | wc -l)" = "$1" ]; }

# Both ends have the same connections: the kernel's, by ss, with ends swapped. Its states, too.
test_ctl_conns() {
	local host kernel tern pids=()
	tern_serve --role http --root "$LIB_TMP/www" --ctl "$LIB_TMP/ctl"
	[ "$(stat -c %a "$LIB_TMP/ctl")" = 600 ] || fail "the socket's mode is not 600"
	for host in $HOST $HOST "[$HOST6]"; do
		bg hold ip netns exec "$NS" curl -sS --limit-rate 1000 -o /dev/null "http://$host/10m.bin"
		pids+=($BG_PID)
	done
	wait_for 10 kernel_has 3 || fail "the kernel's end does not have three connections"
	in_ns curl -sS --max-time 60 -o /dev/null -H 'Connection: close' "http://$HOST/index.html" || fail "curl"
	wait_for 10 kernel_has 3 || fail "the short connection did not end"
	kernel=$(in_ns ss -tnH | awk '{ print $1, $5, $4 }' | sort)
	tern=$(ctl show conns | awk 'NR > 1 { print $1, $4, $5 }' | sort)
	[ "$(wc -l <<<"$kernel")" = 3 ] || fail "the kernel has: $kernel"
	[ "$kernel" = "$tern" ] || fail "the kernel has: $kernel; tern: $tern"
	[ "$(ctl --json show conns | json conns '#')" = 3 ] || fail "JSON has not three"
	[ "$(ctl --json show conns "src $HOST6" | json conns 0 local)" = "[$HOST6]:80" ] || fail "JSON: local"
	[ "$(ctl show conns state time-wait | tail -n +2 | wc -l)" = 1 ] || fail "no TIME-WAIT"
	[ "$(ctl show conns dport = :1 | wc -l)" = 1 ] || fail "a filter that nothing matches"
	grep -q 'cubic .*rtt:.*mss:14' <<<"$(ctl show conns -i)" || fail "no details"
	kill "${pids[@]}"
	tern_end
	[ ! -e "$LIB_TMP/ctl" ] || fail "the socket is still there"
}

test_ctl_shows() {
	local c
	tern_serve --role http --root "$LIB_TMP/www" --ctl "$LIB_TMP/ctl"
	in_ns curl -sS --max-time 60 -o /dev/null "http://$HOST/index.html" || fail "curl"
	in_ns curl -sS -o /dev/null "http://$HOST:81/" 2>/dev/null
	python3 - "$LIB_TMP/ctl" <<'END' || fail "a show says nothing, or no JSON"
import json, socket, sys
def ask(line):
    s = socket.socket(socket.AF_UNIX)
    s.connect(sys.argv[1])
    s.sendall(line.encode() + b"\n")
    said, verdict = s.makefile().read().split("\0")
    assert verdict == "0\n", (line, verdict)
    return said
for show in ("help", "show conns", "show conns -i", "show listeners", "show drops", "show drops all", "show workers", "show memory",
             "show stats", "show stats *", "show role", "show neigh", "show routes", "show timers", "show capture",
             "show port info all", "show port stats 0", "show port xstats 0", "show port rss all"):
    assert ask("text " + show).count("\n") >= 1, show
    assert json.loads(ask("json " + show)), show
assert ask("text clear port stats all") == "" and ask("json clear port xstats 0") == "{}\n"
END
	[ "$(ctl --json show listeners | json listeners 0 accept_max)" = 1024 ] || fail "listener's queue"
	[ "$(ctl --json show port info all | json ports 0 driver)" = net_tap ] || fail "port info"
	[ "$(ctl --json show port rss 0 | json ports 0 rxq)" = 1 ] || fail "port rss"
	grep -qE '^DropNoSocket +1 +no connection and no listener' <<<"$(ctl show drops)" || fail "the drop is not told"
	grep -qE '^TcpPassiveOpens +1 ' <<<"$(ctl show stats)" || fail "the connection is not counted"
	ctl clear stats
	! grep -q 'TcpPassiveOpens\|DropNoSocket' <<<"$(ctl show stats)" || fail "clear stats"
	in_ns curl -sS --max-time 60 -o /dev/null "http://$HOST/index.html" || fail "curl"
	grep -qE '^TcpPassiveOpens +1 ' <<<"$(ctl show stats)" || fail "the difference is not one"
	ctl --json help | python3 -c 'import json, re, sys # but for choices: port info|stats
for c in json.load(sys.stdin)["commands"]: print(re.split(r" [^a-z]| ID| port| WORD", c["command"])[0])' >"$LIB_TMP/commands"
	[ "$(wc -l <"$LIB_TMP/commands")" -ge 20 ] || fail "few commands"
	while read -r c; do
		grep -q "\`$c\>" "$TOP/docs/ctl.md" || fail "docs/ctl.md lacks $c"
		grep -qE "^\.I[tc] .*\b$c\b" "$TOP/docs/man/tern-ctl.1" || fail "tern-ctl.1 lacks $c"
	done < <(sed 's/ LEVEL.*//; s/ NAME.*//' "$LIB_TMP/commands")
	tern_end
	want_counter TcpPassiveOpens -eq 2
}

test_ctl_refused() {
	local file=$LIB_TMP/file
	ctl_fails 'No such file.*is tern running' --socket "$LIB_TMP/ctl" show conns
	ctl_fails 'no command: tern ctl help' --socket "$LIB_TMP/ctl"
	ctl_fails 'not an option' --sockt "$LIB_TMP/ctl" show conns
	ctl_fails 'needs a value' --socket
	ctl_fails 'no path of a socket' --socket "$(printf '%0200d' 0)" show conns
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$LIB_TMP/ctl" # of a dead process
	ctl_fails 'that made it is gone' --socket "$LIB_TMP/ctl" show conns
	: >"$file"
	refused "--ctl $file: there is a file of that name" --role http --body x --addr $HOST/24 --ctl "$file"
	refused '--ctl /nowhere/ctl: No such file' --role http --body x --addr $HOST/24 --ctl /nowhere/ctl
	refused 'workers: 99 is out of range' --role http --body x --addr $HOST/24 --nb-cores 99
	refused 'wire takes no commands' --role wire --ctl "$file"
	[ -e "$file" ] || fail "the file is gone"
	tern_serve --role http --body x --ctl "$LIB_TMP/ctl" # takes the stale one over
	ctl_fails "'shwo conns' is no command" --socket "$LIB_TMP/ctl" shwo conns
	ctl_fails 'show what\? conns, ' --socket "$LIB_TMP/ctl" show
	ctl_fails "show conns: 'up' is no state" --socket "$LIB_TMP/ctl" show conns state up
	ctl_fails "sport: 'x' is no port" --socket "$LIB_TMP/ctl" --json show conns sport = x
	ctl_fails "there is no port 7" --socket "$LIB_TMP/ctl" show port stats 7
	ctl_fails "'loud' is none of: emergency" --socket "$LIB_TMP/ctl" set log loud
	ctl_fails "'cps' is nothing that --role http can change" --socket "$LIB_TMP/ctl" set cps 5
	ctl_fails 'no counter is like' --socket "$LIB_TMP/ctl" show stats Nothing
	ctl_fails 'a command of more than' --socket "$LIB_TMP/ctl" show conns "$(printf '%03000d' 0)"
	tern_end
}

# stop and start of a server, then drain: as at the end of --duration.
test_ctl_changes() {
	tern_serve --role http --root "$LIB_TMP/www" --ctl "$LIB_TMP/ctl"
	ctl set log debug || fail "set log"
	ctl stop accepting || fail "stop accepting"
	[ "$(ctl --json show listeners | json listeners '#')" = 0 ] || fail "it still listens"
	in_ns curl -sS --max-time 60 -o /dev/null "http://$HOST/" 2>"$LIB_TMP/curl.err"
	[ $? = 7 ] || fail "curl was not refused"
	ctl start || fail "start"
	in_ns curl -sS --max-time 60 -o "$LIB_TMP/page" "http://$HOST/index.html" || fail "curl after start"
	same_sha "$LIB_TMP/www/index.html" "$LIB_TMP/page"
	ctl drain || fail "drain"
	wait_exit 12 $TERN_PID || fail "it did not end by drain"
	pools_clean
}

# --ctl auto is found without a path; the socket of a process that was killed is none.
test_ctl_auto() {
	tern_serve --role http --body x --ctl auto
	kill -KILL $TERN_PID
	wait_exit 5 $TERN_PID
	[ -S /run/tern/$TERN_PID.sock ] || fail "no socket in /run/tern"
	ctl_fails 'no tern answers in /run/tern: start it with --ctl auto' show conns
	rm /run/tern/$TERN_PID.sock
	tern_serve --role http --body x --ctl auto
	grep -q '0.0.0.0:80' <<<"$("$TERN" ctl show listeners)" || fail "it is not found"
	tern_end
	[ ! -e /run/tern/$TERN_PID.sock ] || fail "the socket is still there"
}

# A client's rate, and that it stops.
test_ctl_client() {
	local a b
	nginx_start "$NS" 80 "$LIB_TMP/www" || fail "nginx"
	tern_bg --role client --connect 192.0.2.2:80 --http /index.html --cps 20 --concurrency 8 --ctl "$LIB_TMP/ctl"
	opens() { ctl --json show stats TcpActiveOpens | json counters 0 value; }
	more_than() { [ "$(opens)" -gt "$1" ]; }
	wait_for 10 more_than 0 || fail "it opens nothing"
	ctl_fails 'cps: .*out of range' --socket "$LIB_TMP/ctl" set cps 99999999999
	ctl_fails 'out of range: 1..8, which --concurrency' --socket "$LIB_TMP/ctl" set concurrency 9
	ctl_fails "'x' is no number" --socket "$LIB_TMP/ctl" set cps x
	ctl set concurrency 4 && ctl set cps 2000 || fail "set"
	a=$(opens)
	wait_for 10 more_than $((a + 200)) || fail "the rate is not higher"
	ctl stop || fail "stop"
	a=$(opens)
	sleep 0.3
	b=$(opens)
	[ "$a" = "$b" ] || fail "$((b - a)) opened after stop"
	ctl start || fail "start"
	wait_for 10 more_than "$b" || fail "it did not start again"
	ctl quit || fail "quit"
	wait_exit 12 $TERN_PID || fail "status $? after quit"
}

# A neighbour that was heard of is looked after; so is who is idle, by the server.
timers_right() {
	in_ns ping -c 1 -W 5 -q $HOST >/dev/null
	ctl --json show timers | python3 -c 'import json, sys
t = {t["timer"]: t for t in json.load(sys.stdin)["timers"]}
w, n, a = t["time-wait"], t["neighbour"], t["application"]
spans = [k for k in n if k.startswith("in_") or k == "later"]
assert w["armed"] == 1 and w["in_1min"] == 1 and w["in_1s"] == 0, t
assert n["armed"] == sum(n[k] for k in spans) >= 1 and a["armed"] >= 1 and not any(a[k] for k in spans), t'
}

# Neighbours as ip neigh of the other end has them, routes as they were given, timers of what is there.
test_ctl_net() {
	local row mac
	tern_serve --role http --root "$LIB_TMP/www" --gw 192.0.2.2 --addr 198.51.100.1/32 --ctl "$LIB_TMP/ctl"
	bg hold ip netns exec "$NS" curl -sS --limit-rate 1000 -o /dev/null "http://$HOST/10m.bin"
	wait_for 10 kernel_has 1 || fail "no connection"
	in_ns curl -sS --max-time 60 -o /dev/null -H 'Connection: close' "http://$HOST/index.html" || fail "curl"
	in_ns ping -c 1 -W 5 -q $HOST6 >/dev/null || fail "ping, IPv6"
	mac=$(in_ns cat /sys/class/net/dtap0/address)
	row=$(ctl --json show neigh | python3 -c 'import json, sys
for n in json.load(sys.stdin)["neighbours"]:
    if n["address"] == "192.0.2.2": print(n["lladdr"].lower(), n["state"], n["dev"], n["conns"], n["confirmed_ago_s"] < 400)')
	grep -qE "^$mac (REACHABLE|STALE) net_tap0 [1-9] True$" <<<"$row" || fail "neighbour: $row"
	grep -qE "^2001:db8::2 +net_tap0 " <<<"$(ctl show neigh)" || fail "no neighbour of IPv6: $(ctl show neigh)"
	row=$(ctl show routes | awk '{ print $1, $2, $3, $4 }')
	for mac in "192.0.2.0/24 - net_tap0 $HOST" "198.51.100.1/32 - net_tap0 198.51.100.1" "2001:db8::/64 - net_tap0 $HOST6" \
		"default 192.0.2.2 net_tap0 $HOST"; do
		grep -qxF "$mac" <<<"$row" || fail "no route $mac: $row"
	done
	wait_for 20 timers_right || fail "timers: $(ctl show timers)"
	kill $BG_PID
	tern_end
}

# The same by DPDK's telemetry, over its socket.
test_ctl_telemetry() {
	local prefix=ctl$$
	bg tern ip netns exec "$NS" "$TERN" "${EAL_TAP[@]/--no-telemetry/--file-prefix=$prefix}" -l $LCORES \
		--vdev net_tap0,iface=dtap0 -- --addr $HOST/24 --role http --root "$LIB_TMP/www"
	TERN_PID=$BG_PID
	tap_up "$NS" || fail "the tap device did not appear"
	bg hold ip netns exec "$NS" curl -sS --retry 3 --limit-rate 1000 -o /dev/null "http://$HOST/10m.bin"
	wait_for 10 kernel_has 1 || fail "no connection"
	python3 - /var/run/dpdk/$prefix/dpdk_telemetry.v2 <<'END' || fail "telemetry"
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
room = json.loads(s.recv(1024))["max_output_len"]
def ask(cmd):
    s.send(cmd.encode())
    return json.loads(s.recv(room))[cmd.split(",")[0]]
assert {"/tern/conns", "/tern/drops", "/tern/listeners", "/tern/workers"} <= set(ask("/"))
assert ask("/tern/listeners")["0"]["local"] == "0.0.0.0:80", ask("/tern/listeners")
assert ask("/tern/conns,state established dport 1") == {}
conns = ask("/tern/conns,state established sport = :80")
assert len(conns) == 1 and conns["0"]["state"] == "ESTAB" and conns["0"]["cwnd"] > 0, conns
assert ask("/tern/workers")["0"]["worker"] == 0
drops = ask("/tern/drops,all")
assert len(drops) > 30 and drops["0"]["name"] == "DropRunt", drops
assert len(ask("/tern/stats,*")) + ask("/tern/stats,*").get("left_off", 0) > 150
assert ask("/tern/conns,state up") is None
assert ask("/tern/neigh")["0"]["dev"] == "net_tap0" and ask("/tern/routes")["0"]["dst"] == "192.0.2.0/24"
assert ask("/tern/capture") == {} and ask("/tern/timers").get("left_off", 0) == 0
END
	kill $BG_PID
	tern_end
	rm -rf /var/run/dpdk/$prefix
}

# Commands of a pipe, and at a terminal: completed by a tab, remembered, the terminal left as it was.
test_ctl_prompt() {
	local pid rc
	printf 'show listeners\nshow nothing\nquit\n' >"$LIB_TMP/in"
	timeout 60 ip netns exec "$NS" "$TERN" "${EAL_TAP[@]}" -l $LCORES --vdev net_tap0,iface=dtap0 -- --addr $HOST/24 \
		--role http --body x -i <"$LIB_TMP/in" >"$LIB_TMP/tern.out" 2>"$LIB_TMP/tern.err" || fail "status $? of a pipe"
	grep -q '^0.0.0.0:80 ' "$LIB_TMP/tern.out" || fail "no answer to a pipe"
	grep -q "^'show nothing' is no command" "$LIB_TMP/tern.out" || fail "a wrong command is not told"
	pools_clean
	timeout 60 ip netns exec "$NS" python3 - "$TERN" "${EAL_TAP[@]}" -l $LCORES --vdev net_tap0,iface=dtap0 -- \
		--addr $HOST/24 --role http --body x --nb-cores 1 --rxq 1 --txq 1 --portmask 0x1 --total-num-mbufs 8192 --stats-period 0 --auto-start --interactive <<'E' >"$LIB_TMP/pty.out" 2>&1 || fail "the terminal"
import os, pty, sys, termios, time
fd, end = pty.openpty()
before = termios.tcgetattr(end)[3]
pid = os.fork()
if pid == 0:
    os.login_tty(end)
    os.execv(sys.argv[1], sys.argv[1:])
seen = b""
def until(what):
    global seen
    while what not in seen:
        seen += os.read(fd, 4096)
    print(seen.decode(errors="replace"))
    seen = seen[seen.index(what) + len(what):]
until(b"tern> ")
until(b"ready: ")
os.write(fd, b"sho\tlis\t\n")
until(b"0.0.0.0:80 ")
until(b"tern> ")
os.write(fd, b"show conns state up\n")
until(b"'up' is no state")
os.write(fd, b"quit\n")
until(b"pools: all full")
assert os.waitpid(pid, 0)[1] == 0
assert termios.tcgetattr(fd)[3] == before, "the terminal is not as it was"
E
}

# net_null tells what it hashes: half of its table is each worker's.
test_ctl_rss() {
	printf 'show port rss 0\nquit\n' | timeout 60 ip netns exec "$NS" "$TERN" "${EAL_TAP[@]}" -l 0,1 --vdev net_null0 -- \
		--addr $HOST/24 --role http --body x --rxq 2 -i >"$LIB_TMP/tern.out" 2>"$LIB_TMP/tern.err" || fail "status $?"
	grep -qE '^ +0 +2 +ipv4-tcp ipv6-tcp +128 +0:64 1:64 +[0-9a-f]{80}$' "$LIB_TMP/tern.out" || fail "port rss"
}

# top_fails REGEX ARGS...: one line, exit status 2.
top_fails() {
	local rc
	"$TERN" top "${@:2}" >"$LIB_TMP/top.out" 2>"$LIB_TMP/top.err"
	rc=$?
	[ $rc = 2 ] || fail "status $rc, expected 2: top ${*:2}"
	[ "$(wc -l <"$LIB_TMP/top.err")" = 1 ] && [ ! -s "$LIB_TMP/top.out" ] || fail "not one line: top ${*:2}"
	grep -qE -- "$1" "$LIB_TMP/top.err" || fail "the line does not say '$1': top ${*:2}"
}

# Lines where there is no terminal: what happens shows in one of them.
test_top_lines() {
	local top
	top_fails 'No such file' "$LIB_TMP/ctl"
	top_fails "-i: 'x' is no number of 0.1 to 3600" -i x "$LIB_TMP/ctl"
	top_fails "'-x' is not an option" -x
	top_fails '-n needs a value' -n
	top_fails 'is too much' a b
	tern_serve --role http --root "$LIB_TMP/www" --ctl "$LIB_TMP/ctl"
	"$TERN" top -i 0.2 -n 3 "$LIB_TMP/ctl" >"$LIB_TMP/three" || fail "status $?"
	[ "$(grep -cE '^[0-9]+ s: conns/s 0 rx/s [0-9]+ .*requests/s 0 .*open 0 half-open 0 .*busy [0-9]+ % \| dropped/s' "$LIB_TMP/three")" = 3 ] ||
		fail "lines: $(cat "$LIB_TMP/three")"
	bg top "$TERN" top -i 0.2 "$LIB_TMP/ctl"
	top=$BG_PID
	wait_for 20 grep -q 'open 0' "$LIB_TMP/top.out" || fail "it says nothing"
	in_ns curl -sS --max-time 60 -o /dev/null "http://$HOST/index.html" || fail "curl"
	in_ns curl -sS --max-time 60 -o /dev/null "http://$HOST:81/" 2>/dev/null
	wait_for 20 grep -qE 'conns/s [1-9]' "$LIB_TMP/top.out" || fail "no connection: $(tail -3 "$LIB_TMP/top.out")"
	wait_for 20 grep -qE 'requests/s [1-9]' "$LIB_TMP/top.out" || fail "no request"
	wait_for 20 grep -qE 'dropped/s [1-9].* DropNoSocket [1-9]' "$LIB_TMP/top.out" || fail "no drop"
	kill -INT $top
	wait_exit 12 $top || fail "status $? after SIGINT"
	bg top "$TERN" top -i 0.2 "$LIB_TMP/ctl"
	top=$BG_PID
	wait_for 20 grep -q 'open 0' "$LIB_TMP/top.out" || fail "it says nothing"
	tern_end
	wait_exit 12 $top
	[ $? = 2 ] || fail "the tern has ended, and top has not"
}

# At a terminal it draws, until q or ^C, and leaves the terminal as it was.
test_top_screen() {
	tern_serve --role http --root "$LIB_TMP/www" --ctl "$LIB_TMP/ctl"
	timeout 60 python3 - "$TERN" top -i 0.2 "$LIB_TMP/ctl" <<'E' >"$LIB_TMP/pty.out" 2>&1 || fail "the terminal"
import os, pty, sys, termios
def session(keys):
    fd, end = pty.openpty()
    before = termios.tcgetattr(end)[3] # now: top is quick to change it
    pid = os.fork()
    if pid == 0:
        os.login_tty(end)
        os.execv(sys.argv[1], sys.argv[1:])
    seen = b""
    while seen.count(b"worker 0 lcore") < 3:
        seen += os.read(fd, 4096)
    print(seen.decode(errors="replace"))
    assert b"conns/s 0" in seen and b"] busy " in seen and b"\033[J" in seen
    assert termios.tcgetattr(fd)[3] != before
    os.write(fd, keys)
    assert os.waitpid(pid, 0)[1] == 0
    assert termios.tcgetattr(end)[3] == before, "the terminal is not as it was"
session(b"xq")
session(b"\x03")
E
	tern_end
}
