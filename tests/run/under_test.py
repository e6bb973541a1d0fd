# SPDX-License-Identifier: BSD-3-Clause
"""under_test.py SOCKET CASE...: runs the cases in this process, whose sockets are the kernel's or tern's. TERN_DIFFER_THREADS: there is a
second thread from the start."""
import os
import signal
import sys
import threading
import traceback

import bed
import case_data
import case_ends
import case_open
import case_opt
import case_proc
import case_wait

MODULES = case_open, case_ends, case_data, case_opt, case_wait, case_proc


def run(name):
    print(f"=== {name}", flush=True)
    bed.serial = sorted(bed.CASES).index(name) * 8  # ports of its own, also after a restart
    try:
        bed.CASES[name]()
    except Exception:
        print("raised:", traceback.format_exc().replace("\n", " | "), flush=True)
    signal.setitimer(signal.ITIMER_REAL, 0)
    bed.tidy()
    print(f"--- {name}", flush=True)


def main():
    if len(sys.argv) == 1:
        print("\n".join(bed.CASES))
        return
    bed.peer.open(sys.argv[1])
    if os.environ.get("TERN_DIFFER_THREADS"):
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
    bed.wait_for(bed.listener()[0], ms=0)  # there is a stack from now on
    bed.tidy()
    for name in sys.argv[2:]:
        run(name)


if __name__ == "__main__":
    main()
