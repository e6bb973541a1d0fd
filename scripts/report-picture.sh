#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# report-picture.sh RUN.json... OUT.png   what a browser makes of `tern report`: for who changes the page; installs Chromium (300 MB)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
lib_init
[ $# -ge 2 ] || die "report-picture.sh RUN.json... OUT.png"
[ -z "$(missing chromium)" ] || { apt-get -qq update && apt-get -qq -y --no-install-recommends install chromium >/dev/null; }
"${BUILD:-build}/app/tern" report "${@:1:$#-1}" -o "$LIB_TMP/page.html"
timeout 60 chromium --headless --no-sandbox --disable-gpu --window-size=1000,6000 --screenshot="$LIB_TMP/page.png" "file://$LIB_TMP/page.html" \
	2>"$LIB_TMP/chromium.err" || { tail -5 "$LIB_TMP/chromium.err"; die "chromium made no picture"; }
cp "$LIB_TMP/page.png" "${!#}"
say "${!#}"
