#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# report-picture.sh RUN.json... OUT.png   what a browser makes of `tern report`: for who changes the page
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
lib_init
[ $# -ge 2 ] || die "report-picture.sh RUN.json... OUT.png"
[ -z "$(missing chromium)" ] || die "chromium is missing: run scripts/setup.sh"
"${BUILD:-build}/app/tern" report "${@:1:$#-1}" -o "$LIB_TMP/page.html"
browser --screenshot="$LIB_TMP/page.png" "file://$LIB_TMP/page.html" || { tail -5 "$LIB_TMP/chromium.err"; die "chromium made no picture"; }
cp "$LIB_TMP/page.png" "${!#}"
say "${!#}"
