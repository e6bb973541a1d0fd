# SPDX-License-Identifier: BSD-3-Clause
# Shared by the scripts and the integration tests. Everything started or made here is remembered and taken away by
# lib_cleanup(): processes by pid, namespaces by name, one temporary directory.

LIB_PIDS=()
LIB_NETNS=()
LIB_TMP=
EAL_TAP=(--no-huge --no-shconf -m 512 --no-pci --no-telemetry --log-level=lib.eal:error
	--log-level=pmd.net.tap:critical)

say() { printf '%s\n' "$*"; }
die() {
	printf 'error: %s\n' "$*" >&2
	exit 1
}

lib_cleanup() {
	local pid ns
	set +e
	for pid in "${LIB_PIDS[@]}"; do kill -TERM "$pid" 2>/dev/null; done
	for pid in "${LIB_PIDS[@]}"; do
		for _ in {1..30}; do
			kill -0 "$pid" 2>/dev/null || break
			sleep 0.1
		done
		kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	for ns in "${LIB_NETNS[@]}"; do wait_for 2 ip netns del "$ns"; done # may be busy for a moment
	[ -n "$LIB_TMP" ] && rm -rf "$LIB_TMP"
	LIB_PIDS=() LIB_NETNS=() LIB_TMP=
	return 0
}

# Interrupted or not, the same clean-up runs once and the exit status says why we left.
lib_init() {
	LIB_TMP=$(mktemp -d "${TMPDIR:-/tmp}/tern.XXXXXX")
	chmod 755 "$LIB_TMP"
	trap lib_cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

need_root() { [ "$(id -u)" = 0 ] || die "root is needed (network namespaces, tap devices): run it with sudo"; }

# missing COMMAND...: prints those that are not installed.
missing() {
	local c
	for c in "$@"; do command -v "$c" >/dev/null || printf '%s ' "$c"; done
}

# What a machine may be slower than a quiet one, where only a fault is told by time.
PATIENCE=1

# wait_for SECONDS COMMAND...: true as soon as the command is.
wait_for() {
	local left=$(($1 * 20 * PATIENCE))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $((left -= 1)) -gt 0 ] || return 1
		sleep 0.05
	done
}

# bg NAME COMMAND...: in the background and remembered; its pid is in BG_PID, its output in $LIB_TMP/NAME.out and .err. Both are
# empty on return: the shell in the background might open them after we looked for "listening", and found its predecessor's.
bg() {
	: >"$LIB_TMP/$1.out" 2>"$LIB_TMP/$1.err"
	"${@:2}" >"$LIB_TMP/$1.out" 2>"$LIB_TMP/$1.err" &
	BG_PID=$!
	LIB_PIDS+=($BG_PID)
}

# wait_exit SECONDS PID: the exit status of a child of this shell, 124 when it is still there.
wait_exit() {
	local left=$(($1 * 20 * PATIENCE))
	while kill -0 "$2" 2>/dev/null; do
		[ $((left -= 1)) -gt 0 ] || return 124
		sleep 0.05
	done
	wait "$2"
}

# netns_sweep: removes the namespaces whose maker (the number in tern-NAME[-]PID[f]) was killed before it could.
netns_sweep() {
	local ns pid
	ip netns list | while read -r ns _; do
		pid=$(sed -nE 's/^tern-.*[a-z-]([0-9]+)f?$/\1/p' <<<"$ns")
		[ -z "$pid" ] || [ -e "/proc/$pid" ] || ip netns del "$ns" 2>/dev/null || :
	done
}

netns_make() {
	[ ${#LIB_NETNS[@]} -gt 0 ] || netns_sweep
	ip netns add "$1" || die "cannot make the network namespace $1"
	LIB_NETNS+=("$1")
	ip -n "$1" link set lo up
}

# tap_up NETNS [DEVICE]: the kernel's end of tern's tap, once tern made it; tern's end is 192.0.2.1 and 2001:db8::1. A client may have asked
# for it before: then it asks again a second later, and its SYN is sent again, too. (The MAC is tern's, too, when its device is
# started after this.)
tap_up() {
	local dev=${2:-dtap0}
	wait_for 15 ip -n "$1" link show "$dev" || return 1
	printf '%s\n' "link set $dev address 02:00:00:00:00:02 up" "addr add 192.0.2.2/24 dev $dev" "addr add 2001:db8::2/64 dev $dev nodad" |
		ip -n "$1" -batch -
}

# browser ARGS...: Chromium without a screen, its window 1000 pixels wide and as high as a page may be.
browser() {
	HOME=$LIB_TMP timeout 200 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --force-device-scale-factor=1 \
		--window-size=1000,9000 --user-data-dir="$LIB_TMP/chromium" "$@" 2>"$LIB_TMP/chromium.err"
}

# random_file PATH MEGABYTES
random_file() { head -c $(($2 * 1048576)) /dev/urandom >"$1"; }

sha() { sha256sum "$1" | cut -d' ' -f1; }

# nginx_start NETNS ADDR:PORT ROOT: a private nginx, in the foreground of a remembered process.
nginx_start() {
	local ns=$1 listen=$2 root=$3 dir=$LIB_TMP/nginx
	mkdir -p "$dir"
	cat >"$dir/nginx.conf" <<EOF
user root;
worker_processes 1;
daemon off;
pid $dir/nginx.pid;
error_log $dir/error.log;
events { worker_connections 1024; }
http {
	access_log off;
	client_body_temp_path $dir; proxy_temp_path $dir; fastcgi_temp_path $dir;
	uwsgi_temp_path $dir; scgi_temp_path $dir;
	server { listen $listen; root $root; }
}
EOF
	ip netns exec "$ns" nginx -e "$dir/error.log" -c "$dir/nginx.conf" &
	LIB_PIDS+=($!)
	wait_for 5 test -s "$dir/nginx.pid"
}

# tcp_lines FILE PORT: the packets of one connection as `tcpdump -n -t -S` prints them, without what it decodes of
# the payload after the length.
tcp_lines() { grep -E "^IP6? [0-9a-f.:]+\.$2 > |^IP6? [0-9a-f.:]+ > [0-9a-f.:]+\.$2: " "$1" | sed -E 's/(length [0-9]+).*/\1/'; }

# meson_setup DIR OPTIONS...: unless it is there.
meson_setup() {
	[ -f "$1/build.ninja" ] || meson setup "$@" >"$LIB_TMP/setup.log" || { cat "$LIB_TMP/setup.log"; die "meson setup $1"; }
}

ninja_quiet() { # DIR TARGET...
	ninja -C "$@" >"$LIB_TMP/ninja.log" || { tail -40 "$LIB_TMP/ninja.log"; die "ninja -C $1"; }
	say "built $1 ($SECONDS s after the start)"
}

# meson_tests DIR REGEX [all]: names of meson's tests of DIR but those that match; then, after "--", what ninja must build for them,
# and with "all" whatever else is built by default (meson 1.0's `ninja` builds every test, whatever its build_by_default says).
meson_tests() {
	python3 - "$@" <<'END'
import json, os, re, subprocess, sys
def ask(what):
    return json.loads(subprocess.run(["meson", "introspect", sys.argv[1], what], capture_output=True, check=True).stdout)
targets = ask("--targets")
files = {t["id"]: t["filename"] for t in targets}
tests = [t for t in ask("--tests") if not re.fullmatch(sys.argv[2], t["name"])]
need = {f for t in tests for i in t["depends"] for f in files[i]}
if len(sys.argv) > 3:
    need |= {f for t in targets if t["build_by_default"] for f in t["filename"]}
print(*(t["name"] for t in tests), "--", *(os.path.relpath(f, os.path.realpath(sys.argv[1])) for f in sorted(need)))
END
}

# huge_free: free 2 MB huge pages.
huge_free() { awk '/^HugePages_Free/ { n = $2 } END { print n + 0 }' /proc/meminfo; }

# allowed_cpus: the numbers of the CPUs that this shell may use, a line each.
allowed_cpus() { taskset -cp $$ | sed 's/.*: //' | tr , '\n' | awk -F- '{ for (i = $1; i <= ($2 ? $2 : $1); i++) print i }'; }
