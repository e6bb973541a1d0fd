#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# soak.sh: a million connections of nginx and of redis on tern, ten minutes of everything at once, and a file of 1 GB: memory and descriptors
# do not grow, every byte is right. Root; half an hour or more. SOAK_CONNS, SOAK_SECONDS, SOAK_FILE_MB: other sizes; BUILD as in run.sh.
set -euo pipefail
export SOAK_CONNS=${SOAK_CONNS:-1000000} SOAK_SECONDS=${SOAK_SECONDS:-600} SOAK_FILE_MB=${SOAK_FILE_MB:-1024}
export TEST_TIMEOUT_S=${TEST_TIMEOUT_S:-7200}
exec "$(dirname "$0")/../tests/integration/run.sh" -v test_run_sendfile test_run_soak
