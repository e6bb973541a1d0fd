# SPDX-License-Identifier: BSD-3-Clause
# tern check: a line for each thing that a start would find; the status tells whether it would fail.

# checked EXPECTED-STATUS ARGS...: the lines are in $LIB_TMP/check.out.
checked() {
	local want=$1 rc=0
	shift
	in_ns timeout 60 "$TERN" check "$@" >"$LIB_TMP/check.out" 2>"$LIB_TMP/check.err" || rc=$?
	[ $rc = "$want" ] || fail "tern check $*: status $rc, expected $want"
}
has() { grep -qE -- "$1" "$LIB_TMP/check.out" || fail "no line '$1'"; }
no_fail() { ! grep -q '^fail ' "$LIB_TMP/check.out" || fail "a line says fail"; }

test_check_tap() {
	checked 0 "${EAL_TAP[@]}" -l 0 --vdev net_tap0,iface=dtap0 -- --addr $HOST/24
	no_fail
	has '^ok +user +root$'
	has '^warn +hugepages .*no-huge.*; mend: '
	has '^(ok|warn) +clock '
	has '^ok +nic .*--no-pci'
	has '^(ok|warn) +cores +1 lcores'
	has '^ok +port 0 +net_tap0, net_tap, MTU 1500'
	has '^ok +port 0 +one worker: '
	has '^ok +stack +role http, 1 workers .*[1-9][0-9]* MiB resident'
	has '^[0-9]+ ok, [0-9]+ warn, 0 fail$'
	! ip -n "$NS" link show dtap0 >/dev/null 2>&1 || fail "the tap is still there"
	checked 0 --config "$TOP/config/http-tap.cfg"
	has '^ok +port 0 +net_tap0, net_tap, MTU 1500'
	if [ "$(nproc)" -ge 2 ]; then
		checked 0 "${EAL_TAP[@]}" -l 0,1 --vdev net_tap0,iface=dtap0 -- --addr $HOST/24
		has '^warn +port 0 .*for 2 workers: .*; mend: --workers 1'
	fi
}

test_check_fails() {
	checked 1 "${EAL_TAP[@]}" -l 0
	has '^fail +ports +no device; mend: '
	has '1 fail$'
	checked 1 --no-huge --no-shconf --no-pci --no-telemetry -m 256 -l 999
	has '^fail +EAL '
	grep -q '^tern: EAL did not start: ' "$LIB_TMP/check.err" || fail "no reason"
	checked 1 "${EAL_TAP[@]}" -l 0 --vdev net_tap0,iface=dtap0 -- --addr $HOST/24 --port-id 7
	has '^fail +stack '
	checked 2 "${EAL_TAP[@]}" -l 0 -- --no-such-option
	[ ! -s "$LIB_TMP/check.out" ] && [ "$(wc -l <"$LIB_TMP/check.err")" = 1 ] || fail "a bad option has not its one line"
}
