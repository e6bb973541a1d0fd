#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# package.sh [DIRECTORY]: Debian packages of what is committed, built where nothing else lies, looked at by lintian, unpacked and
# run: version, a scene, one second of bench, and as root `tern run`, an example and the demo. With DIRECTORY they are left there.
# Takes some minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
lib_init

KEEP=${1:-}
[ -z "$KEEP" ] || [ -d "$KEEP" ] || die "$KEEP: there is no such directory: make it first"
[ -z "$(missing git dpkg-buildpackage dh lintian)" ] || die "$(missing git dpkg-buildpackage dh lintian)is missing: run scripts/setup.sh package"
[ -z "$(git status --porcelain)" ] || say "package: what is not committed is left out"
src=$LIB_TMP/build/tern root=$LIB_TMP/root
mkdir -p "$src" "$root"
git archive HEAD | tar -x -C "$src"
say "== dpkg-buildpackage"
(cd "$src" && DEB_BUILD_OPTIONS="parallel=$(nproc)" dpkg-buildpackage -us -uc >"$LIB_TMP/log" 2>&1) || { tail -40 "$LIB_TMP/log"; die "dpkg-buildpackage"; }
(cd "$src/.." && ls -- *.deb *.dsc)
say "== lintian"
lintian --allow-root --fail-on error,warning "$src"/../*.changes || die "lintian is not content"
say "== the installed program"
for deb in "$src"/../*.deb; do dpkg-deb -x "$deb" "$root"; done
tern=$root/usr/bin/tern
"$tern" --version 2>/dev/null
"$tern" explain handshake >"$LIB_TMP/log" || die "tern explain ended with $?"
TERN=$tern scripts/bench.sh 1 --stats-interval 0 >"$LIB_TMP/log" 2>&1 || { tail -20 "$LIB_TMP/log"; die "tern's bench ended with an error"; }
grep '^bench: .*connections/s' "$LIB_TMP/log"
MANPATH=$root/usr/share/man man -w tern tern-run tern-ctl tern.cfg libtern >/dev/null || die "a manual page is missing"
[ -e "$root/usr/share/bash-completion/completions/tern" ] || die "the completion is missing"
# As if they were installed: in a mount namespace /usr is these files over the machine's.
# shellcheck disable=SC2016 # for the shell there
as_installed() { unshare -m sh -ec 'mount -t overlay overlay -o lowerdir="$0:/usr" /usr; "$@"' "$root/usr" "$@"; }
if as_installed true 2>/dev/null; then
	as_installed tern run --dry-run -- /bin/true 2>/dev/null || die "tern run does not find its libraries"
	as_installed sh -c 'cc -Wall -o "$1" /usr/share/doc/libtern-dev/examples/echo.c $(pkg-config --cflags --libs libtern)' - "$LIB_TMP/echo" ||
		die "an example can't be built with libtern-dev"
else
	say "package: no root, or no overlayfs: tern run and libtern-dev are not tried"
fi
if [ "$(id -u)" = 0 ]; then
	TERN=$tern scripts/demo.sh >"$LIB_TMP/log" 2>&1 || { tail -20 "$LIB_TMP/log"; die "the demo"; }
	tail -1 "$LIB_TMP/log"
fi
[ -z "$KEEP" ] || cp "$src"/../*.* "$KEEP/"
say "package: built, linted and run"
