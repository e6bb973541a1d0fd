#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""pauses.py SEED [MS [GAP_MS]]: every CPU is another's for 1 to MS milliseconds [60], GAP_MS apart [150] in the mean, as on a machine that others
share. Until it is ended, which whoever started it does. Needs root: it has real-time priority."""
import os
import random
import sys
import time


def take(cpu, seed, longest_s, gap_s):
    rng = random.Random(f"{seed} {cpu}")
    os.sched_setaffinity(0, {cpu})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
    while os.getppid() == parent:
        time.sleep(rng.expovariate(1 / gap_s))
        until = time.monotonic() + rng.uniform(0.001, longest_s)
        while time.monotonic() < until:
            pass


parent = os.getpid()
words = sys.argv[1:] + ["60", "150"][len(sys.argv) - 2:]
for cpu in sorted(os.sched_getaffinity(0)):
    if os.fork() == 0:
        take(cpu, words[0], float(words[1]) / 1000, float(words[2]) / 1000)
        os._exit(0)
for _ in os.sched_getaffinity(0):
    os.wait()
