# SPDX-License-Identifier: BSD-3-Clause
# tern explain: each scene goes as it is told (it says itself when not), with the numbers and states that are promised.

# lines SCENE REGEX...: these lines, in this order.
lines() {
	local scene=$1 from=1 at
	shift
	"$TERN" explain "$scene" --svg "$LIB_TMP/$scene.svg" >"$LIB_TMP/$scene.out" 2>"$LIB_TMP/explain.err" || fail "$scene: $(tail -n 1 "$LIB_TMP/explain.err")"
	/usr/bin/python3 "$HERE/ladder.py" "$LIB_TMP/$scene.svg" "$TOP/docs/explain/$scene.svg" >"$LIB_TMP/ladder.out" 2>&1 || fail "$scene: the picture: tern explain $scene --svg docs/explain/$scene.svg makes another"
	for re; do
		at=$(tail -n "+$from" "$LIB_TMP/$scene.out" | grep -nE -m 1 -- "$re" | cut -d: -f1) || :
		[ -n "$at" ] || fail "$scene: no line '$re' behind line $from"
		from=$((from + at))
	done
}

test_explain() {
	local scene
	"$TERN" explain --help >"$LIB_TMP/help.out" || fail "--help"
	lines handshake 'half-open queue 0 of 16' 'SYN_SENT.*--- \[S\] seq 0 .*--> SYN_RCVD' 'half-open queue 1 of 16, accept queue 0' \
		'ESTABLISHED.*<-- \[S\.\] seq 0 ack 1 .*--- SYN_RCVD' '--- \[\.\] seq 1 ack 1 .*--> ESTABLISHED' \
		'half-open queue 0 of 16, accept queue 1 of 8' 'accept\(\)' 'accept queue 0 of 8'
	lines close 'FIN_WAIT_1.*--- \[F\.\] seq 1 ack 1.*--> CLOSE_WAIT' 'FIN_WAIT_2.*<-- \[\.\] seq 1 ack 2' 'TIME_WAIT.*<-- \[F\.\].*LAST_ACK' \
		'TIME_WAIT.*--- \[\.\] seq 2 ack 2' '2 MSL pass' 'CLOSED .* LISTEN$'
	lines old-syn 'now the old SYN arrives' 'CLOSED +--- \[S\] .*--> SYN_RCVD' '<-- \[S\.\]' 'CLOSED +--- \[R\] seq 1 .*--> LISTEN'
	lines last-ack '--- \[\.\] seq 2 ack 2 .* -x +LAST_ACK' 'TIME_WAIT .*<-- \[F\.\] seq 1 ack 2' '--- \[\.\] seq 2 ack 2 .*--> LISTEN'
	lines old-segment 'the old segment arrives' '--- \[P\.\] seq 1 ack 1 length 100 .*--> TIME_WAIT' 'TIME_WAIT \('
	lines syn-flood 'SYN cookies sent 84' 'ESTABLISHED .*<-- \[S\.\] seq 0 ack 1 .*--- LISTEN' '--- \[\.\] seq 1 ack 1 .*--> ESTABLISHED' 'sent 85'
	lines full-queue 'accept queue 1 of 1' '--> LISTEN$' 'for want of room 1$' 'accept\(\)' 'ESTABLISHED$'
	lines zero-window 'win 0 ' 'persist.*length 1 ' 'win 0 ' 'recv\(\)' 'win 8192'
	lines fast-retransmit 'seq 101 .*length 1448.* -x' 'ack 101 ' 'ack 101 ' 'ack 101 ' 'seq 101 .*length 1448.*-->'
	for scene in $(awk '/^  [a-z]/ { print $1 }' "$LIB_TMP/help.out"); do
		[ -s "$LIB_TMP/$scene.out" ] || lines "$scene" "^$scene: .*RFC" '^ +[0-9.]+ +[A-Z]'
	done
	/usr/bin/python3 "$HERE/explained.py" "$TOP/docs/explain-sentences.csv" "$LIB_TMP" >"$LIB_TMP/explained.out" 2>&1 ||
		fail "explain-sentences.csv: $(head -n 1 "$LIB_TMP/explained.out")"
	local rc=0
	"$TERN" explain --svg "$LIB_TMP/x.svg" >"$LIB_TMP/none.out" 2>"$LIB_TMP/none.err" || rc=$?
	[ $rc = 2 ] && grep -q 'draws one scene: name it' "$LIB_TMP/none.err" || fail "a picture of all: status $rc"
	rc=0
	"$TERN" explain close --svg /dev/full >"$LIB_TMP/none.out" 2>"$LIB_TMP/none.err" || rc=$?
	[ $rc = 1 ] && grep -q 'svg /dev/full: No space left' "$LIB_TMP/none.err" || fail "a picture that can't be written: status $rc"
	rc=0
	"$TERN" explain no-such-scene >"$LIB_TMP/none.out" 2>"$LIB_TMP/none.err" || rc=$?
	[ $rc = 2 ] && [ ! -s "$LIB_TMP/none.out" ] && [ "$(wc -l <"$LIB_TMP/none.err")" = 1 ] || fail "a scene that is not there: status $rc"
}
