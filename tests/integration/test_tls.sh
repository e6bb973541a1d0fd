# SPDX-License-Identifier: BSD-3-Clause
# TLS of the roles http, client and serve against curl, openssl and nginx.

tls_cert() { # a CA, and a certificate of it for tern.test
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=${2:-tern.test}" \
		-addext "subjectAltName=DNS:${2:-tern.test}" -keyout "$LIB_TMP/$1.key" -out "$LIB_TMP/$1.pem" 2>/dev/null || fail "openssl req"
}

# https ARGS...: curl, which must trust the certificate.
https() { in_ns curl -sS --max-time 40 --cacert "$LIB_TMP/ca.pem" --resolve tern.test:443:$HOST "$@"; }

# nginx_tls: nginx_start(), on 8443 with TLS.
nginx_tls() {
	tls_cert ca
	nginx_start "$NS" "8443 ssl; ssl_certificate $LIB_TMP/ca.pem; ssl_certificate_key $LIB_TMP/ca.key" "$LIB_TMP/www" || fail "nginx did not start"
}

test_tls_curl() {
	local version
	tls_cert ca
	tern_serve --role http --port 443 --root "$LIB_TMP/www" --tls --tls-cert "$LIB_TMP/ca.pem" --tls-key "$LIB_TMP/ca.key"
	for version in 1.2 1.3; do
		https --tlsv$version --tls-max $version -o "$LIB_TMP/got" https://tern.test/10m.bin || fail "curl, TLS $version"
		same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/got"
	done
	# one connection for ten requests, and none that is not TLS
	https -o /dev/null -w '%{http_code} %{num_connects}\n' "https://tern.test/index.html?[1-10]" >"$LIB_TMP/codes.out" || fail "ten at a time"
	[ "$(sort "$LIB_TMP/codes.out" | uniq -c | xargs)" = "9 200 0 1 200 1" ] || fail "not one connection for ten requests"
	in_ns curl -sS --max-time 10 http://$HOST:443/ >/dev/null 2>&1 && fail "an answer without TLS"
	in_ns curl -sS --max-time 10 --tls-max 1.1 --ciphers DEFAULT@SECLEVEL=0 -k https://$HOST/ >/dev/null 2>&1 && fail "TLS 1.1 is taken"
	# a session comes back, by ticket, in either version, and who says nothing is closed
	for version in tls1_2 tls1_3; do
		(sleep 1; echo) | in_ns timeout 20 openssl s_client -connect $HOST:443 -$version -sess_out "$LIB_TMP/session" >/dev/null 2>&1
		(sleep 1; echo) | in_ns timeout 20 openssl s_client -connect $HOST:443 -$version -sess_in "$LIB_TMP/session" -alpn h2,http/1.1 \
			>"$LIB_TMP/s_client.out" 2>&1
		grep -q '^Reused' "$LIB_TMP/s_client.out" || fail "$version: not resumed"
		grep -q 'ALPN protocol: http/1.1' "$LIB_TMP/s_client.out" || fail "$version: no ALPN"
	done
	in_ns openssl s_client -connect $HOST:443 -alpn h2 </dev/null >"$LIB_TMP/s_client.out" 2>&1 && fail "a protocol that is not spoken is taken"
	tern_end
	grep -qE '^tls: server: [0-9]+ handshakes, 2 of them resumed, [234] connections failed$' "$LIB_TMP/tern.out" || fail "the report"
}

test_tls_client() {
	local version
	nginx_tls
	PEER_ADDR=192.0.2.2:8443
	for version in 1.2 1.3; do
		tern_get /10m.bin --tls --tls-ca "$LIB_TMP/ca.pem" --tls-name tern.test --tls-max $version
		[ $RC = 0 ] || fail "TLS $version: the client ended with $RC"
		same_sha "$LIB_TMP/www/10m.bin" "$LIB_TMP/got"
		pools_clean
	done
	tern_bg --role client --connect 192.0.2.2:8443 --http /index.html --total 300 --concurrency 20 --requests-per-conn 3 --tls --tls-resume --latency
	wait_exit 60 $TERN_PID || fail "300 connections"
	pools_clean
	grep -q '^client: 300 connections opened, 300 established, 300 done, 0 cut off at the end, 0 failed' "$LIB_TMP/tern.out" || fail "not all done"
	grep -q '^client: TLS handshake latency' "$LIB_TMP/tern.out" || fail "no latency of the handshake"
	[ "$(sed -n 's/^tls: client: 300 handshakes, \([0-9]*\) of them.*/\1/p' "$LIB_TMP/tern.out")" -gt 50 ] || fail "sessions do not come back"
}

# The example of a mix: nginx has nothing against a half-closed one either.
test_tls_mix() {
	tls_cert ca
	nginx_start "$NS" "8443 ssl; location /form { return 201; } ssl_certificate $LIB_TMP/ca.pem; ssl_certificate_key $LIB_TMP/ca.key" \
		"$LIB_TMP/www" || fail "nginx did not start"
	tern_bg --role client --connect 192.0.2.2:8443 --mix "$TOP/config/client-mix.cfg" --total 1000 --concurrency 30 --tls --tls-resume
	wait_exit 120 $TERN_PID || fail "the client failed"
	pools_clean
	grep -q '^client: 1000 connections opened, 1000 established, 1000 done, 0 cut off at the end, 0 failed' "$LIB_TMP/tern.out" || fail "not all done"
	[ "$(grep -c '^client: \[.*\]: [1-9][0-9]* connections opened, .* 0 failed' "$LIB_TMP/tern.out")" = 13 ] || fail "not all classes"
}

# Each is a line that says why, and a failure.
test_tls_client_refuses() {
	nginx_tls
	PEER_ADDR=192.0.2.2:8443
	tls_cert other
	tern_get / --tls --tls-ca "$LIB_TMP/other.pem"
	[ $RC = 1 ] && grep -q 'bad responses: 1 certificate verify failed' "$LIB_TMP/tern.out" || fail "a stranger is believed"
	tern_get / --tls --tls-ca "$LIB_TMP/ca.pem" --tls-name other.test
	[ $RC = 1 ] && grep -q 'bad responses: 1 certificate verify failed' "$LIB_TMP/tern.out" || fail "another name is believed"
	nginx_start "$NS" 8080 "$LIB_TMP/www" || fail "nginx did not start"
	PEER_ADDR=192.0.2.2:8080
	tern_get / --tls
	[ $RC = 1 ] && grep -q 'bad responses: 1 wrong version number' "$LIB_TMP/tern.out" || fail "HTTP is taken for TLS"
	pools_clean
}

tls_usage() { # WHAT ARGS...: refused by a line that has WHAT
	local what=$1
	shift
	"$TERN" --no-huge --no-shconf -m 64 --no-pci -- "$@" >"$LIB_TMP/usage.out" 2>&1
	[ $? = 2 ] || fail "$*: not exit status 2"
	grep -qF -- "$what" "$LIB_TMP/usage.out" || fail "$*: it does not say '$what'"
}

test_tls_usage() {
	tls_cert ca
	tls_cert other
	local client=(--role client --addr 192.0.2.1/24 --connect 192.0.2.2:443) http=(--role http --addr 192.0.2.1/24)
	tls_usage "--tls-name is of TLS: give --tls" "${client[@]}" --tls-name a
	tls_usage "--tls-key is missing" "${http[@]}" --tls --tls-cert "$LIB_TMP/ca.pem"
	tls_usage "--tls-cert is missing" "${http[@]}" --tls --tls-key "$LIB_TMP/ca.key"
	tls_usage "--tls-ca is for --role client" "${http[@]}" --tls --tls-ca "$LIB_TMP/ca.pem"
	tls_usage "'1.1' is none of: 1.2, 1.3" "${http[@]}" --tls --tls-max 1.1
	tls_usage "key values mismatch" "${http[@]}" --tls --tls-cert "$LIB_TMP/ca.pem" --tls-key "$LIB_TMP/other.key"
	tls_usage "--tls-ca $LIB_TMP/nothing.pem" "${client[@]}" --tls --tls-ca "$LIB_TMP/nothing.pem"
}
