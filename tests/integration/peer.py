#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Peers that do what ordinary clients do not.

peer.py linger0 HOST PORT PATH        ask for a file, read some of it, reset the connection
peer.py timewait HOST PORT SECONDS    see that HOST, which closes first, holds TIME-WAIT for SECONDS (2 MSL)
peer.py syn-flood HOST PORT SECONDS   SYNs from addresses that do not answer, some 20,000 a second, or until SIGTERM; print how many
peer.py accept-from ADDR PORT         take one connection to ADDR, answer as much as it asks, print where it came from
"""
import select
import signal
import socket
import struct
import sys
import time

FIN, SYN, RST, ACK = 1, 2, 4, 16


def request(host, port, path, local_port=0):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.settimeout(10)
    s.bind(("", local_port))
    s.connect((host, port))
    s.sendall(f"GET {path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
    return s


def linger0(host, port, path):
    s = request(host, port, path)
    got = 0
    while got < 100000:
        got += len(s.recv(65536))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def flags_of(frame, sport, dport):
    """The TCP flags of an IPv4 frame of the connection, or None."""
    if frame[12:14] != b"\x08\x00" or frame[23] != 6:
        return None
    tcp = 14 + (frame[14] & 15) * 4
    ports = struct.unpack("!HH", frame[tcp:tcp + 4])
    return frame[tcp + 13] if ports == (sport, dport) else None


class Tap:
    """Reads and writes frames at the kernel's end of the tap."""

    def __init__(self, dev, mine, theirs):
        self.s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.s.bind((dev, 0))
        self.mine, self.theirs = mine, theirs

    def read(self, seconds):
        """('out' or 'in', flags, frame) of the connection's packets until none came for so long."""
        found = []
        while select.select([self.s], [], [], seconds)[0]:
            frame = self.s.recv(65536)
            out, inn = flags_of(frame, self.mine, self.theirs), flags_of(frame, self.theirs, self.mine)
            if out is not None:
                found.append(("out", out, frame))
            elif inn is not None:
                found.append(("in", inn, frame))
        return found


def replay(tap, frame, what, want):
    """Send the frame again: what comes back must have these flags; the kernel, which forgot the connection, answers
    an ACK with RST."""
    tap.s.send(frame)
    seen = tap.read(0.3)
    back = [f for way, f, _ in seen if way == "in"]
    kernel_rst = [f for way, f, _ in seen if way == "out" and f & RST]
    print(f"{what}: answers {back}, RST from the kernel: {len(kernel_rst)}")
    if len(back) != 1 or (back[0] & (RST | ACK | SYN | FIN)) not in want:
        sys.exit(f"{what}: expected one answer with flags of {want}, got {back}")
    if want == (ACK,) and not kernel_rst:
        sys.exit(f"{what}: the kernel sent no RST, so nothing shows that it was ignored")


def timewait(host, port, seconds):
    local_port = 40100
    tap = Tap("dtap0", local_port, port)
    s = request(host, port, "/", local_port)
    while s.recv(65536):
        pass
    s.close()
    fins = [frame for way, f, frame in tap.read(0.5) if way == "out" and f & FIN]
    if len(fins) != 1:
        sys.exit(f"expected one FIN of the kernel, saw {len(fins)}")
    replay(tap, fins[0], "FIN again at once", (ACK,))
    time.sleep(seconds - 1)
    replay(tap, fins[0], "FIN again before 2 MSL", (ACK,))
    time.sleep(seconds - 1)
    replay(tap, fins[0], "FIN again less than 2 MSL after that", (ACK,))
    time.sleep(seconds + 0.5)
    replay(tap, fins[0], "FIN again after 2 MSL", (RST, RST | ACK))


def accept_from(addr, port):
    """One connection to our port: an answer as long as its request; says where it came from."""
    v6 = ":" in addr
    with socket.socket(socket.AF_INET6 if v6 else socket.AF_INET) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("::" if v6 else "0.0.0.0", port))  # addr may come later
        s.listen()
        s.settimeout(15)
        c, peer = s.accept()
        with c:
            c.settimeout(10)
            c.sendall(c.recv(4))
            c.recv(1)
            assert c.getsockname()[0] == addr
    print(peer[0])


def syn_flood(host, port, seconds):
    """Of 198.51.100.0/24 and each port in turn; no option but MSS."""
    dst, n, end, told = socket.inet_aton(host), 0, time.monotonic() + seconds, []
    signal.signal(signal.SIGTERM, lambda *_: told.append(1))
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as s:
        while time.monotonic() < end and not told:
            for _ in range(40):
                src = bytes((198, 51, 100, n % 254 + 1))
                tcp = struct.pack("!HHIIBBHHHI", 1024 + n % 60000, port, n * 2654435761 & 0xffffffff, 0, 6 << 4, SYN, 65535, 0, 0,
                                  0x020405b4)
                words = sum(struct.unpack("!18H", src + dst + struct.pack("!HH", 6, len(tcp)) + tcp))
                words = (words & 0xffff) + (words >> 16)
                check = ~((words & 0xffff) + (words >> 16)) & 0xffff
                ip = struct.pack("!BBHHHBBH", 0x45, 0, 44, 0, 0, 64, 6, 0) + src + dst  # the kernel sums it
                s.sendto(ip + tcp[:16] + struct.pack("!H", check) + tcp[18:], (host, 0))
                n += 1
                if n == 1000:
                    print("flooding", flush=True)
            time.sleep(0.002)
    print(n)


def main():
    if len(sys.argv) == 5 and sys.argv[1] == "linger0":
        linger0(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    elif len(sys.argv) == 4 and sys.argv[1] == "accept-from":
        accept_from(sys.argv[2], int(sys.argv[3]))
    elif len(sys.argv) == 5 and sys.argv[1] == "syn-flood":
        syn_flood(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
    elif len(sys.argv) == 5 and sys.argv[1] == "timewait":
        timewait(sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
    else:
        sys.exit(__doc__)


main()
