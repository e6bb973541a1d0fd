# SPDX-License-Identifier: BSD-3-Clause
# Every command of README.md is run by a test. Those of its sh blocks are listed here with the place that runs them;
# a command that is not listed fails.

readme_commands() { awk '/^```sh/ { on = 1; next } /^```/ { on = 0 } on && NF && !/^ *#/' "$TOP/README.md" | sed 's/  *#.*//'; }

test_readme_commands() {
	local line n=0
	while read -r line; do
		n=$((n + 1))
		case "$line" in
		"git clone "* | "sudo scripts/setup.sh" | "sudo bash .ci/run") ;; # CI itself
		"sudo scripts/demo.sh") ;;					  # test_demo
		"sudo scripts/test.sh") ;;					  # CI itself
		"meson setup build --buildtype=release" | "ninja -C build") ;;	  # demo.sh
		"meson install -C build" | 'cc '*) ;;				  # test.sh: examples()
		"scripts/bench.sh"*) ;;						  # test_bench
		"scripts/sim.sh"*) ;;						  # fewer seeds: the unit test `sim`
		"sudo scripts/setup.sh bind "* | "sudo scripts/setup.sh unbind "* | "scripts/setup.sh status") ;; # test_setup_usage
		"build/app/tern --help") ;;					  # test_help
		"sudo build/app/tern run -- python3"* | "curl http://192.0.2.1:8000/") ;; # test_run_python
		"build/app/tern explain handshake") ;; # test_explain
		"sudo build/app/tern check --config config/http-tap.cfg") ;; # test_check_tap
		"sudo build/app/tern --config config/"*)			  # test_config_*()
			[ -e "$TOP/${line##* }" ] || fail "${line##* } does not exist"
			;;
		*) fail "no test runs this command of the README: $line" ;;
		esac
	done < <(readme_commands)
	[ $n -ge 5 ] || fail "found only $n commands in the README"
}

# The configs as they are shipped, on the interface tern0 that they name.
config_bg() { # CONFIG ARGS...
	local cfg=$1
	shift
	bg tern ip netns exec "$NS" "$TERN" --config "$TOP/config/$cfg" "$@"
	TERN_PID=$BG_PID
}

tern0_up() {
	tap_up "$NS" tern0 || fail "tern0 did not appear"
}

test_config_http_tap() {
	config_bg http-tap.cfg
	tern0_up
	wait_for 10 ip netns exec "$NS" curl -s --max-time 2 http://$HOST/ || fail "no answer"
	[ "$(in_ns curl -sS --max-time 60 http://$HOST/)" = 'hello from tern' ] || fail "another answer than the config's"
	tern_end
}

test_config_client_cps() {
	nginx_start "$NS" 80 "$LIB_TMP/www" || fail "nginx did not start"
	config_bg client-cps.cfg
	tern0_up
	wait_exit 40 $TERN_PID || fail "the client ended with $?"
	want_counter TcpExtTernEstablished -ge 5000
	pools_clean
}

test_config_ring_bench() {
	[ "$(nproc)" -ge 2 ] || { echo "one core: not run"; return; }
	config_bg ring-bench.cfg -- --duration 2
	wait_exit 40 $TERN_PID || fail "the bench ended with $?"
	grep -q 'connections/s' "$LIB_TMP/tern.out" || fail "no connections/s"
	pools_clean
}

# No NIC here: all of it must parse, and EAL then miss the device.
test_config_nic() {
	config_bg nic.cfg
	wait_exit 20 $TERN_PID && fail "it ran without its NIC"
	grep -q 'nic.cfg:' "$LIB_TMP/tern.err" && fail "the config was refused"
	grep -q 'EAL' "$LIB_TMP/tern.err" || fail "EAL did not get to look for the NIC"
}

test_bench() {
	[ "$(nproc)" -ge 2 ] || { echo "one core: not run"; return; }
	[ -x "$TOP/build/app/tern" ] || fail "build/app/tern is missing: test_demo builds it"
	(cd "$TOP" && timeout 60 scripts/bench.sh 3) >"$LIB_TMP/tern.out" 2>"$LIB_TMP/tern.err" || fail "bench.sh ended with $?"
	cat "$LIB_TMP/tern.out"
	grep -qiE 'connections/s' "$LIB_TMP/tern.out" || fail "no connections/s"
	grep -qiE 'packets.*connection|packets/conn' "$LIB_TMP/tern.out" || fail "no packets per connection"
	grep -qiE 'cycles.*connection|cycles/conn' "$LIB_TMP/tern.out" || fail "no cycles per connection"
	pools_clean
}

# The whole demo, as a stranger starts it. Named so that it comes before test_readme_*: bash lists functions by name.
test_demo() {
	timeout 390 "$TOP/scripts/demo.sh" >"$LIB_TMP/tern.out" 2>"$LIB_TMP/tern.err" || fail "demo.sh ended with $?"
	cat "$LIB_TMP/tern.out"
	grep -q 'done: everything held' "$LIB_TMP/tern.out" || fail "the demo did not reach its end"
}

# Interrupted in the middle it leaves nothing: no namespace, no process, no file.
test_demo_interrupted() {
	local pid
	bg tern env TMPDIR=$LIB_TMP setsid "$TOP/scripts/demo.sh"
	pid=$BG_PID
	wait_for 120 grep -q 'tern serves HTTP' "$LIB_TMP/tern.out" || fail "the demo did not start"
	sleep 1.5
	kill -TERM $pid
	wait_exit 30 $pid
	[ $? = 143 ] || fail "demo.sh ended with $? after SIGTERM, expected 143"
	ip netns list | grep -q "tern-demo$pid" && fail "its namespace is still there"
	pgrep -f "ip=192.0.2.1.*tern-demo$pid" >/dev/null && fail "a process of it is still there"
	[ -z "$(find "$LIB_TMP" -mindepth 1 -maxdepth 1 -name 'tern.??????')" ] || fail "its temporary files are still there"
}

test_setup_usage() {
	"$TOP/scripts/setup.sh" nonsense >"$LIB_TMP/tern.out" 2>&1 && fail "nonsense was accepted"
	grep -q 'bind PCI' "$LIB_TMP/tern.out" || fail "no usage"
	"$TOP/scripts/setup.sh" bind >"$LIB_TMP/tern.out" 2>&1 && fail "bind without a NIC was accepted"
	"$TOP/scripts/setup.sh" unbind 9999:00:00.0 >"$LIB_TMP/tern.out" 2>&1 && fail "unbind of nothing was accepted"
	grep -q 'no such PCI device' "$LIB_TMP/tern.out" || fail "unbind does not say what is wrong"
	"$TOP/scripts/setup.sh" status >"$LIB_TMP/tern.out" 2>&1 || fail "status ended with $?"
}
