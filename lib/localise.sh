#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# localise.sh ARCHIVE localise.sh OBJECT...: an archive of one object, made of all of these, in which only tern_* is global.
set -eu
archive=$1 object=$1.o
shift 2
ld -r -o "$object" "$@"
objcopy --wildcard --keep-global-symbol='tern_*' --remove-section='.gnu.lto_*' "$object"
rm -f "$archive"
ar rcs "$archive" "$object"
rm -f "$object"
