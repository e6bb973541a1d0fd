# SPDX-License-Identifier: BSD-3-Clause
# --json, --json-stream, --csv: what they hold, where they go, and what cannot be written.

report_bench() { # ARGS...: bench on one lcore
	timeout 60 "$TERN" "${EAL_TAP[@]}" -l $LCORES -- --role bench --one-lcore "$@"
}

test_report_files() {
	local f=$LIB_TMP/run
	report_bench --total 2000 --cps 4000 --json $f.json --json-stream $f.jsonl --csv $f.csv >"$LIB_TMP/tern.out" 2>"$LIB_TMP/tern.err" ||
		fail "tern ended with $?"
	python3 "$HERE/report.py" $f.json $f.jsonl $f.csv || fail "the report"
	python3 - $f.json <<'END' || fail "what the report says"
import json, sys
doc = json.load(open(sys.argv[1]))
o, c, s = doc["start"]["options"], doc["end"]["client"], doc["end"]["server"]
assert doc["start"]["workers"] == {"server": 1, "client": 1} and doc["start"]["role"] == "bench", doc["start"]
assert o["cps"] == {"value": 4000, "from": "command line"}, o["cps"]
assert o["backlog"] == {"value": "1024", "from": "default"} and o["no-sack"] == {"value": False, "from": "default"}, o
assert c["counts"]["done"] == c["counts"]["requests"] == s["counts"]["requests"] == s["counts"]["accepted"] == 2000, c["counts"]
assert c["times_us"]["first_byte"]["count"] == c["times_us"]["whole"]["count"] == c["times_us"]["whole_sent"]["count"] == 2000
assert c["failures"] == {} and doc["end"]["ok"] and doc["end"]["failed"] == 0
assert c["counters"]["TcpActiveOpens"] == 2000 and "TcpAttemptFails" not in c["counters"]
assert c["agreed"] == {"mss": 1448, "timestamps": True, "sack": True, "wscale": True, "ecn": False}, c["agreed"]
assert [(d["rx_checksums"], d["tx_checksums"]) for d in s["devices"] + c["devices"]] == [(False, False)] * 2, s["devices"]
assert doc["start"]["command"][-2:] == ["--csv", sys.argv[1].replace(".json", ".csv")]
END
}

# stdout is the report's alone; text goes to stderr.
test_report_stdout() {
	report_bench --total 10 --json - >"$LIB_TMP/run.json" 2>"$LIB_TMP/tern.err" || fail "tern ended with $?"
	python3 "$HERE/report.py" "$LIB_TMP/run.json" || fail "stdout is no report"
	grep -q '^client: 10 connections opened' "$LIB_TMP/tern.err" || fail "the text is not on stderr"
}

# Nobody listens: the tuples of the last four, in text and in the report, which says that it did not go well.
test_report_failures() {
	local f=$LIB_TMP/run.json
	tern_bg --role client --connect 192.0.2.2:9 --total 6 --json "$f"
	wait_exit 30 $TERN_PID && fail "all were refused, and the status is 0"
	python3 "$HERE/report.py" "$f" || fail "the report"
	python3 - "$f" <<'END' || fail "what the report says"
import json, sys
doc = json.load(open(sys.argv[1]))
r = doc["end"]["client"]["failures"]["refused"]
assert r["count"] == 6 and r["text"] == "refused" and len(r["last"]) == 4 and not doc["end"]["ok"], r
assert len({l["local"] for l in r["last"]}) == 4 and {l["peer"] for l in r["last"]} == {"192.0.2.2:9"}, r
assert all(l["local"].startswith("192.0.2.1:") for l in r["last"])
assert [l["at_s"] for l in r["last"]] == sorted((l["at_s"] for l in r["last"]), reverse=True)
assert doc["start"]["options"]["addr"] == {"value": "192.0.2.1/24", "from": "command line"}, doc["start"]["options"]["addr"]
END
	grep -qE '^client: refused, the last: 192.0.2.1:[0-9]+ > 192.0.2.2:9 at [0-9.]+ s, ' "$LIB_TMP/tern.out" || fail "the text names no tuple"
}

test_report_not_written() {
	local rc
	report_bench --total 10 --json /dev/full >"$LIB_TMP/tern.out" 2>"$LIB_TMP/tern.err"
	rc=$?
	[ $rc = 1 ] && [ "$(tail -n 1 "$LIB_TMP/tern.err")" = "tern: --json /dev/full: No space left on device" ] || fail "status $rc, or not that line"
	refused '--json /nowhere/x: No such file or directory' --role bench --json /nowhere/x
	refused '--json-stream /: Is a directory' --role bench --json-stream /
	refused '--json and --csv are both to be written to stdout: give each its own' --role bench --json - --csv -
	refused '--csv: wire has no report for programs' --role wire --csv x
	refused '--json: the value is empty' --role bench --json=
	"$TERN" run --json x -- /bin/true >"$LIB_TMP/tern.out" 2>&1 && fail "tern run takes --json"
	grep -q -- '--json: tern run has no report for programs' "$LIB_TMP/tern.out" || fail "tern run does not say why"
}

# The page has each interval and each bucket at its place, and asks nobody for anything.
test_report_page() {
	local f=$LIB_TMP
	report_bench --total 1200 --cps 1000 --stats-interval 1 --json $f/a.json >"$f/tern.out" 2>&1 || fail "tern ended with $?"
	report_bench --hold 50 --rps 500 --duration 1 --json "$f/b&<.json" >"$f/tern.out" 2>&1 || fail "tern ended with $?"
	"$TERN" report $f/a.json "$f/b&<.json" -o $f/page.html || fail "tern report ended with $?"
	python3 "$HERE/report_page.py" $f/page.html $f/a.json "$f/b&<.json" || fail "the page"
	"$TERN" report $f/a.json -o - >$f/stdout.html && grep -q '</html>' $f/stdout.html || fail "not to stdout"
	printf '{"format": "tern report",\n' >$f/half.json
	echo '{"format": "x"}' >$f/other.json
	echo '{"format": "tern report", "format_version": 2}' >$f/later.json
	no_page "half.json:2: .*is the run over" $f/half.json -o $f/x
	no_page "other.json is no report of --json" $f/other.json -o $f/x
	no_page "later.json is of format_version 2, this tern reads 1" $f/later.json -o $f/x
	no_page "/nowhere: No such file or directory" /nowhere -o $f/x
	no_page "-o /dev/full: No space left on device" $f/a.json -o /dev/full
	no_page "no run" -o $f/x
	no_page "no -o FILE" $f/a.json
	no_page "--frob is not an option" --frob
}

# Chromium's picture of it: lines, legends and words where they belong, and none over another.
test_report_picture() {
	local f=$LIB_TMP
	report_bench --total 3000 --cps 1000 --stats-interval 1 --json $f/rate.json >"$f/tern.out" 2>&1 || fail "tern ended with $?"
	report_bench --hold 50 --rps 500 --duration 4 --json $f/held.json >"$f/tern.out" 2>&1 || fail "tern ended with $?"
	"$TERN" report $f/rate.json $f/held.json -o $f/page.html || fail "tern report ended with $?"
	/usr/bin/python3 "$HERE/report_picture.py" measure $f/page.html >$f/measured.html || fail "the page can't be measured"
	browser --screenshot=$f/page.png "file://$f/page.html" >/dev/null || fail "chromium made no picture: status $?"
	browser --dump-dom "file://$f/measured.html" >$f/dom.html || fail "chromium did not open the page: status $?"
	/usr/bin/python3 "$HERE/report_picture.py" check $f/dom.html $f/page.png >$f/picture.out 2>&1 || fail "the picture"
}

no_page() { # REGEX ARGS...
	local re=$1
	shift
	"$TERN" report "$@" >"$LIB_TMP/tern.out" 2>"$LIB_TMP/tern.err" && fail "accepted: $*"
	[ "$(wc -l <"$LIB_TMP/tern.err")" = 1 ] && grep -qE -- "$re" "$LIB_TMP/tern.err" || fail "not one line that says '$re': $*"
}

# On a terminal: drawn over and over, progress and both sides; elsewhere lines, and not one escape.
test_report_screen() {
	python3 - "$TERN" "${EAL_TAP[@]}" -l $LCORES -- --role bench --one-lcore --duration 2 --cps 500 >"$LIB_TMP/tern.out" 2>&1 <<'END' || fail "the screen"
import os, pty, re, sys
pid, fd = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    os.execvp(sys.argv[1], sys.argv[1:])
text = b""
try:
    while chunk := os.read(fd, 4096):
        text += chunk
except OSError: # the other end is closed
    pass
text = text.decode()
print(text)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
drawn = text.split("\x1b[3A\x1b[J")
assert len(drawn) >= 3, len(drawn)
for d in drawn[1:]:
    assert re.match(r"\r\x1b\[K[0-9]+ s of 2 \[#*\.*\] [0-9]+ %\r\n\r\x1b\[Kserver [0-9]+ conns/s .*\r\n\r\x1b\[Kclient [0-9]+ conns/s ", d), d[:400]
assert "client: 1000 connections opened" in drawn[-1] and "/s established" not in text
assert re.search(r"client [0-9]+ conns/s [0-9]+ requests/s open [0-9]+ busy [0-9]+ % failed 0", text)
END
	report_bench --total 10 >"$LIB_TMP/plain.out" 2>&1 || fail "tern ended with $?"
	! grep -q $'\033' "$LIB_TMP/plain.out" || fail "escapes without a terminal"
}
