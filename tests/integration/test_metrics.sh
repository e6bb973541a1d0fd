# SPDX-License-Identifier: BSD-3-Clause
# --metrics: what is served, read by Prometheus' own parsers and scraped by Prometheus.

METRICS=$HERE/metrics.py

# scrape FILE [URL]: what is served goes to FILE.
scrape() { in_ns curl -sS -f --max-time 60 -o "$1" "${2:-http://$HOST:9100/metrics}" || fail "no answer to a scrape"; }

# metric FILE NAME [LABEL=VALUE]...
metric() { "$METRICS" value "$@" 2>>"$LIB_TMP/metrics.err" || fail "no such metric: ${*:2}"; }

# metric_is WANT FILE NAME [LABEL=VALUE]...
metric_is() { [ "$(metric "${@:2}")" = "$1" ] || fail "${*:3} is $(metric "${@:2}"), expected $1"; }

test_metrics_served() {
	local a=$LIB_TMP/a b=$LIB_TMP/b got
	tern_serve --role http --root "$LIB_TMP/www" --metrics :9100
	scrape "$a"
	for _ in {1..3}; do in_ns curl -sS --max-time 60 -o /dev/null "http://$HOST/index.html" || fail "curl"; done
	in_ns curl -sS --max-time 60 -o /dev/null "http://$HOST:81/" 2>/dev/null
	scrape "$b" "http://[$HOST6]:9100/metrics?x=y"
	"$METRICS" check "$a" "$b" 2>"$LIB_TMP/metrics.err" || fail "it is not as it should be"
	"$METRICS" plain "$b" | promtool check metrics >"$LIB_TMP/promtool.out" 2>&1 || fail "promtool does not like it"
	metric_is 3 "$b" tern_server_requests_total
	[ "$(metric "$b" tern_tcp_passive_opens_total)" -ge 5 ] || fail "fewer connections than three requests and two scrapes"
	[ "$(metric "$b" tern_drops_total reason=no_socket)" -ge 1 ] || fail "the SYN to port 81 is no drop"
	metric_is 16384 "$b" tern_pool_limit pool=conns worker=0
	metric_is 1 "$b" tern_build_info role=http
	[ "$(metric "$b" tern_conns)" -ge 1 ] || fail "not even the scrape's own connection"
	metric_is 1024 "$b" tern_listener_accept_limit local=0.0.0.0:80
	got=$(in_ns curl -sS --max-time 60 -o /dev/null -w '%{http_code} %{content_type}' "http://$HOST:9100/metrics")
	[ "$got" = '200 application/openmetrics-text; version=1.0.0; charset=utf-8' ] || fail "it says: $got"
	# what is missing and what is there, on one connection
	got=$(in_ns curl -sS --max-time 60 -o /dev/null -o /dev/null -o /dev/null -w '%{http_code},%{num_connects} ' "http://$HOST:9100/"{nothing,metrics,metrics})
	[ "$got" = '404,1 200,0 200,0 ' ] || fail "it says: $got"
	got=$(in_ns curl -sS --max-time 60 -d text -o /dev/null -w '%{http_code}' "http://$HOST:9100/metrics")
	[ "$got" = 405 ] || fail "POST: $got"
	got=$(in_ns curl -sS --max-time 60 -I "http://$HOST:9100/metrics" | tr -d '\r' | awk '/^Content-Length/ { print ($2 > 10000) }')
	[ "$got" = 1 ] || fail "HEAD has no length"
	tern_end
}

# Scrapers that say nothing, or half of it, make room for others; one that is kept does not keep tern from its end.
test_metrics_silent() {
	tern_serve --role echo --metrics $HOST:9100
	in_ns python3 - $HOST 9100 2>"$LIB_TMP/silent.err" <<'END' || fail "who is silent keeps others out"
import socket, sys
def scraper():
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 60)
    s.settimeout(60)
    return s
def scrape(s, head):
    s.sendall(head)
    got = b""
    while b"# EOF\n" not in got:
        text = s.recv(65536)
        assert text, got
        got += text
first = scraper()
first.sendall(b"GET /metr")
silent = [scraper() for _ in range(20)]
try:
    assert first.recv(1) == b""
except ConnectionResetError:
    pass
pieces = scraper()
for c in b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r":
    pieces.sendall(bytes([c]))
scrape(pieces, b"\n")
scrape(pieces, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
two = scraper() # a pipeline; the second ends it
two.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\nGET /metrics HTTP/1.0\r\n\r\n")
got = b""
while (text := two.recv(65536)):
    got += text
assert got.count(b"# EOF\n") == 2, got.count(b"# EOF\n")
long = scraper()
long.sendall(b"GET /metrics HTTP/1.1\r\nX: " + 9000 * b"x")
assert long.recv(65536).startswith(b"HTTP/1.1 431 ")
END
	bg kept ip netns exec "$NS" python3 -c 'import socket, sys
s = socket.create_connection((sys.argv[1], 9100))
s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
while b"# EOF" not in s.recv(1 << 20, socket.MSG_PEEK): pass
print("kept", flush=True)
while s.recv(65536): pass' $HOST
	wait_for 20 grep -q kept "$LIB_TMP/kept.out" || fail "no answer"
	tern_end
}

# A client has times; every name that is used elsewhere is served.
test_metrics_client() {
	local m=$LIB_TMP/m server=$LIB_TMP/server
	tern_serve --role http --root "$LIB_TMP/www" --metrics :9100
	scrape "$server"
	tern_end
	nginx_start "$NS" 8080 "$LIB_TMP/www" || fail "nginx did not start"
	tern_bg --role client --connect 192.0.2.2:8080 --http /index.html --cps 100 --duration 600 --latency --metrics :9100
	done_some() { scrape "$m" && [ "$("$METRICS" value "$m" tern_client_done_total)" -ge 100 ]; }
	wait_for 60 done_some || fail "the client does nothing"
	"$METRICS" check "$m" 2>"$LIB_TMP/metrics.err" || fail "it is not as it should be"
	"$METRICS" plain "$m" | promtool check metrics >"$LIB_TMP/promtool.out" 2>&1 || fail "promtool does not like it"
	metric_is 0 "$m" tern_client_failures_total
	[ "$(metric "$m" tern_client_response_seconds_count)" -ge 100 ] || fail "few times"
	[ "$(metric "$m" tern_client_response_seconds_bucket le=+Inf)" = "$(metric "$m" tern_client_response_seconds_count)" ] || fail "le=+Inf"
	awk "BEGIN { exit !($(metric "$m" tern_client_response_seconds_sum) > 0) }" || fail "no sum"
	metric "$m" tern_client_connect_sent_seconds_count >/dev/null
	"$METRICS" served "$server" "$TOP/config/tern-alerts.yml" "$TOP/config/grafana.json" 2>"$LIB_TMP/metrics.err" || fail "a name is not served"
	"$METRICS" served "$server,$m" "$TOP/docs/metrics.md" 2>"$LIB_TMP/metrics.err" || fail "a name of the page is not served"
	kill -INT $TERN_PID
	wait_exit 60 $TERN_PID || fail "the client failed"
	pools_clean
}

# Two workers listen, and each knows of both.
test_metrics_workers() {
	local m=$LIB_TMP/m
	LCORES=0,1
	tern_serve --role http --root "$LIB_TMP/www" --workers 2 --metrics :9100
	scraped_by_both() {
		scrape "$m"
		[ "$("$METRICS" value "$m" tern_listener_conns worker=0)" = 1 ] && seen0=1
		[ "$("$METRICS" value "$m" tern_listener_conns worker=1)" = 1 ] && seen1=1
		[ "$seen0$seen1" = 11 ]
	}
	seen0='' seen1=''
	wait_for 60 scraped_by_both || fail "one worker serves all"
	"$METRICS" check "$m" 2>"$LIB_TMP/metrics.err" || fail "it is not as it should be"
	# the sum is read before its parts
	[ "$(metric "$m" tern_rx_packets_total)" -le "$(($(metric "$m" tern_worker_rx_packets_total worker=0) + $(metric "$m" tern_worker_rx_packets_total worker=1)))" ] ||
		fail "the workers' packets are not all"
	tern_end
}

# prometheus_says WANT QUERY
prometheus_says() {
	[ "$(in_ns curl -sS -G --max-time 60 --data-urlencode "query=$2" http://127.0.0.1:9090/api/v1/query |
		json data result 0 value 1)" = "$1" ]
}

test_metrics_prometheus() {
	local dir=$LIB_TMP/prometheus
	tern_serve --role http --root "$LIB_TMP/www" --metrics $HOST:9100 --ctl "$LIB_TMP/ctl"
	mkdir "$dir"
	cp "$TOP/config/tern-alerts.yml" "$dir"
	cat >"$dir/prometheus.yml" <<EOF
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [tern-alerts.yml]
scrape_configs:
  - job_name: tern
    static_configs: [{targets: ['$HOST:9100']}]
EOF
	promtool check config "$dir/prometheus.yml" >"$LIB_TMP/promtool.out" 2>&1 || fail "the configuration is wrong"
	bg prometheus ip netns exec "$NS" prometheus --config.file="$dir/prometheus.yml" --storage.tsdb.path="$dir/data" \
		--web.listen-address=127.0.0.1:9090
	wait_for 15 prometheus_says 1 'up{job="tern"}' || fail "it is not up"
	for _ in {1..7}; do in_ns curl -sS --max-time 60 -o /dev/null "http://$HOST/index.html" || fail "curl"; done
	wait_for 15 prometheus_says 7 tern_server_requests_total || fail "Prometheus does not know of the requests"
	same_opens() { prometheus_says "$(ctl --json show stats TcpPassiveOpens | json counters 0 value)" tern_tcp_passive_opens_total; }
	wait_for 15 same_opens || fail "Prometheus has other numbers than tern ctl"
	# a second is all that a scrape has: on a busy machine one may fail
	wait_for 15 prometheus_says 1 'sum_over_time(up{job="tern"}[5m]) >= bool 4' || fail "few scrapes"
	wait_for 15 prometheus_says 0 'tern_worker_busy_seconds_total / tern_worker_seconds_total > bool 1' || fail "more than busy"
	# the kind of a metric comes with OpenMetrics and with the older text; a counter without _total only with the former
	[ "$(in_ns curl -sS --max-time 60 'http://127.0.0.1:9090/api/v1/metadata?metric=tern_drops' | json data tern_drops 0 type)" = counter ] ||
		fail "Prometheus does not take it as OpenMetrics"
	rules_known() {
		in_ns curl -sS --max-time 60 http://127.0.0.1:9090/api/v1/rules | python3 -c 'import json, sys
rules = [r for g in json.load(sys.stdin)["data"]["groups"] for r in g["rules"]]
sys.exit(not rules or any(r["health"] != "ok" for r in rules))'
	}
	wait_for 15 rules_known || fail "a rule can't be evaluated"
	tern_end
	wait_for 15 prometheus_says 0 'up{job="tern"}' || fail "it is still up"
}

test_metrics_alerts() {
	cp "$TOP/config/tern-alerts.yml" "$HERE/alerts.yml" "$LIB_TMP"
	promtool check rules "$LIB_TMP/tern-alerts.yml" >"$LIB_TMP/promtool.out" 2>&1 || fail "promtool does not like the rules"
	promtool test rules "$LIB_TMP/alerts.yml" >"$LIB_TMP/promtool.out" 2>&1 || fail "an alert does not come, or comes without cause"
	[ "$(grep -c 'alert: ' "$LIB_TMP/tern-alerts.yml")" = "$(grep -oE 'alertname: \w+' "$LIB_TMP/alerts.yml" | sort -u | wc -l)" ] ||
		fail "an alert has no test"
}

test_metrics_refused() {
	local ok=(--role http --body x --addr $HOST/24)
	refused "metrics: 'nonsense': write ADDR:PORT" "${ok[@]}" --metrics nonsense
	refused "metrics: '$HOST': write ADDR:PORT" "${ok[@]}" --metrics $HOST
	refused "metrics: '$HOST:0': write ADDR:PORT" "${ok[@]}" --metrics $HOST:0
	refused "metrics: '9100': write ADDR:PORT" "${ok[@]}" --metrics 9100
	refused "metrics: '$HOST6:x': write ADDR:PORT" "${ok[@]}" --metrics $HOST6:x
	refused 'metrics: 65536 is out of range' "${ok[@]}" --metrics :65536
	refused "metrics: '' is not a number" "${ok[@]}" --metrics :
	refused '--metrics is not an address of an interface' "${ok[@]}" --metrics 192.0.2.7:9100
	refused '--metrics is not an address of an interface' "${ok[@]}" --metrics "[$HOST6]:9100"
	refused '--metrics: port 80 is --port, where the role listens' "${ok[@]}" --metrics :80
	refused '--metrics: port 81 is --port, where the role listens' "${ok[@]}" --port 81 --metrics $HOST:81
	refused '--metrics: wire does not serve any' --role wire --metrics :9100
	refused '--metrics: bench does not serve any' --role bench --metrics :9100
	printf '[tern]\nmetrics = 192.0.2.7\n' >"$LIB_TMP/bad.cfg"
	refused "bad.cfg:2: metrics: '192.0.2.7': write ADDR:PORT" --config "$LIB_TMP/bad.cfg" "${ok[@]}"
}
