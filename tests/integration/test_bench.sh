# SPDX-License-Identifier: BSD-3-Clause
# The benchmark suite works: every run gives numbers, the JSON holds each run, and nothing stays behind.

test_bench_suite() {
	[ "$(nproc)" -ge 2 ] || { echo "one core: not run"; return; }
	[ -f "$TOP/build/build.ninja" ] || fail "build/ is missing: test_demo makes it"
	# one that its maker, killed, left behind, and one whose maker lives
	local dead ns
	sh -c 'exit 0' &
	dead=$!
	wait $dead
	for ns in tern-bench-kernel-$dead tern-bench-kernel-$$; do netns_make $ns; done
	(cd "$TOP" && BUILD=build timeout 350 scripts/bench.sh --quick --runs 1 cps null) >"$LIB_TMP/bench.out" 2>"$LIB_TMP/bench.err" ||
		fail "bench.sh ended with $?"
	python3 - "$TOP/build/bench" <<'END' || fail "the JSON is not as it should be"
import json, sys
for name, want in (("cps", {"tern 8 packets", "tern 7 packets", "tern 6 packets", "tern 8 packets IPv6",
                            "bare cable 8 packets", "kernel"}), ("null", {"8 packets", "6 packets"})):
    with open("%s/%s.json" % (sys.argv[1], name)) as f:
        doc = json.load(f)
    got = {v["name"]: v["runs"] for v in doc["variants"]}
    assert want <= set(got), (want, set(got))
    assert all(r["connections/s"] > 0 for runs in got.values() for r in runs), got
    assert not doc["failed"] and doc["machine"]["cpu"] and doc["machine"]["commit"] and doc["command"], doc
    for packets in (6, 7, 8): # what the form promises is what is counted
        for r in got.get("tern %u packets" % packets, []):
            assert abs(r["packets/connection"] - packets) < 0.2 and r["failed"] == 0, r
    assert name == "null" or doc["ratios"], doc
END
	[ "$(ip netns list | grep -o '^tern-bench-[^ ]*')" = tern-bench-kernel-$$ ] ||
		fail "namespaces after it: $(ip netns list | tr '\n' ' ')"
	(cd "$TOP" && BUILD=build timeout 60 scripts/bench.sh no-such-name) >"$LIB_TMP/bench.out" 2>&1 && fail "an unknown name was accepted"
	grep -q 'no-such-name' "$LIB_TMP/bench.out" || fail "the line does not name it"
}

test_pgo() {
	[ "$(nproc)" -ge 2 ] || { echo "one core: not run"; return; }
	(cd "$TOP" && timeout 300 scripts/pgo.sh "$LIB_TMP/pgo") >"$LIB_TMP/pgo.out" 2>&1 || fail "pgo.sh ended with $?: $(tail -3 "$LIB_TMP/pgo.out")"
	find "$LIB_TMP/pgo" -name 'tcp_cookie*.gcda' | grep -q . || fail "no profile was made"
	timeout 60 "$LIB_TMP/pgo/app/tern" "${EAL_TAP[@]}" -l 0 -- --role bench --one-lcore --total 1000 >"$LIB_TMP/tern.out" 2>&1 ||
		fail "what it built ended with $?"
	# not the line of connections/s: it counts from its first look at the clock, which some are done before on a busy machine
	grep -q '^client: 1000 connections opened, 1000 established, 1000 done, 0 cut off at the end, 0 failed' "$LIB_TMP/tern.out" ||
		fail "it did not do what it was asked for"
}

test_tx_wait() { # too few for a burst: a request waits at the client, its response at the server
	timeout 60 "$TERN" "${EAL_TAP[@]}" -l 0 -- --role bench --one-lcore --total 1 --concurrency 1 --requests-per-conn 20 \
		--tx-wait-us 5000 >"$LIB_TMP/tern.out" 2>&1 || fail "tern ended with $?"
	half=$(sed -n 's/.*request to response: half within \([0-9]*\) us.*/\1/p' "$LIB_TMP/tern.out")
	[ "${half:-0}" -ge 9000 ] || fail "half of the responses came within ${half:-?} us"
	grep -q 'client: 20 responses' "$LIB_TMP/tern.out" || fail "not every request was answered"
}

# Many open, some at a time in work, over a cable that loses frames: all is repaired, and it did lose some.
test_bench_cold() {
	[ "$(nproc)" -ge 2 ] || { echo "one core: not run"; return; }
	timeout 120 "$TERN" --no-huge --no-shconf -m 256 --no-pci --no-telemetry -l 0,1 -- --role bench --duration 2 --hold 2000 --active 500 \
		--requests-per-conn 1 --bench-loss 10000 --stats-interval 0 --drain-ms 20000 >"$LIB_TMP/cold.out" 2>&1 ||
		fail "bench ended with $?: $(tail -5 "$LIB_TMP/cold.out")"
	grep -qE '^TcpRetransSegs +[1-9]' "$LIB_TMP/cold.out" || fail "nothing was lost"
	grep -qE '^client: 2000 connections were held, [1-9][0-9]* ended and were replaced' "$LIB_TMP/cold.out" || fail "none came after them"
	grep -qE '^client: .* 0 failed$' "$LIB_TMP/cold.out" || fail "some failed"
}
