#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's ends of scripts/goodput.sh, and its table.

goodput.py serve CC                     port 80: whoever sends a line gets bytes for ever; port 9: read and forget
goodput.py down HOST SECONDS CC CONNS   ask port 80, count what comes: prints Mbit/s of all connections together
goodput.py up HOST SECONDS CC CONNS     send to port 9, count what was acknowledged: the same
goodput.py table FILE MARKDOWN          FILE has lines: loss delay_ms reorder direction who mbit_s
"""
import concurrent.futures
import math
import socket
import statistics
import struct
import sys
import threading
import time

CHUNK = bytes(65536)
BYTES_ACKED = 120  # offset in struct tcp_info


def cc(s, name):
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, name.encode())
    return s


def source(c):
    try:
        c.recv(4096)
        while True:
            c.sendall(CHUNK)
    except OSError:
        c.close()


def sink(c):
    try:
        while c.recv(1 << 20):
            pass
    except OSError:
        pass
    c.close()


def listen(port, fn, name):
    s = cc(socket.socket(), name)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", port))
    s.listen(16)
    while True:
        c, _ = s.accept()
        threading.Thread(target=fn, args=(c,), daemon=True).start()


def serve(name):
    threading.Thread(target=listen, args=(9, sink, name), daemon=True).start()
    listen(80, source, name)


def connect(host, port, name):
    """Connected and on its way: the handshake of a lossy wire is not goodput."""
    s = cc(socket.socket(), name)
    s.settimeout(20)
    s.connect((host, port))
    return s


def close(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def down(s, seconds):
    s.sendall(b"GET / HTTP/1.0\r\n\r\n")
    got, start = 0, time.monotonic()
    while (left := start + seconds - time.monotonic()) > 0:
        s.settimeout(left)
        try:
            n = len(s.recv(1 << 18))
        except socket.timeout:
            break
        if n == 0:
            sys.exit("goodput: the server closed")
        got += n
    return got


def up(s, seconds):
    start = time.monotonic()
    while (left := start + seconds - time.monotonic()) > 0:
        s.settimeout(left)
        try:
            s.send(CHUNK)
        except socket.timeout:
            break
    info = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return struct.unpack_from("Q", info, BYTES_ACKED)[0]


def total(fn, port, host, seconds, name, n):
    """Mbit/s of n connections side by side: each has losses of its own, so their sum depends less on which frames those are."""
    conns = [connect(host, port, name) for _ in range(n)]
    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        bits = 8 * sum(pool.map(fn, conns, [seconds] * n))
    for s in conns:
        close(s)
    return bits / seconds / 1e6


def table(path, out):
    runs = {}
    for line in open(path):
        loss, delay, reorder, way, who, mbit = line.split()
        runs.setdefault((loss, int(delay), reorder, way), {}).setdefault(who, []).append(float(mbit))
    rows, ratios = [], []
    for (loss, delay, reorder, way), by in runs.items():
        if set(by) != {"kernel", "tern"}:
            continue
        k, t = statistics.median(by["kernel"]), statistics.median(by["tern"])
        ratio = t / k if k else float("inf")
        ratios.append(max(ratio, 1e-3))
        rows.append(f"| {loss} % | {delay} ms | {reorder} % | {way} | {k:.2f} | {t:.2f} | {ratio:.2f} |")
    if not rows:
        sys.exit("goodput: nothing was measured")
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    summary = (f"Cells: {len(ratios)}; geometric mean of the ratios {mean:.2f}, smallest {min(ratios):.2f}, "
               f"below 0.8: {sum(r < 0.8 for r in ratios)}.")
    text = "\n".join(["| loss | round trip | reordered | bytes go | kernel Mbit/s | tern Mbit/s | ratio |",
                      "|---|---|---|---|---|---|---|"] + rows + ["", summary])
    print(text)
    doc = open(out).read()
    head, rest = doc.split("<!-- table -->\n", 1)
    tail = rest.split("<!-- end -->\n", 1)[1]
    open(out, "w").write(f"{head}<!-- table -->\n{text}\n<!-- end -->\n{tail}")


def main():
    a = sys.argv[1:]
    if len(a) == 2 and a[0] == "serve":
        serve(a[1])
    elif len(a) == 5 and a[0] in ("down", "up"):
        fn, port = (down, 80) if a[0] == "down" else (up, 9)
        print(f"{total(fn, port, a[1], float(a[2]), a[3], int(a[4])):.3f}")
    elif len(a) == 3 and a[0] == "table":
        table(a[1], a[2])
    else:
        sys.exit(__doc__)


main()
