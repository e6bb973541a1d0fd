# SPDX-License-Identifier: BSD-3-Clause
"""peer.py SOCKET: the kernel's end of the differential test: does what a case scripts, a command a line of JSON.

Every command runs in a thread of its own, after its delay, and is answered when it is done: sent means acknowledged,
shut means that the FIN is, too. So a case needs no sleeps to be sure of what has arrived.
"""
import errno
import fcntl
import json
import os
import socket
import struct
import sys
import threading
import time

LIMIT_S = 4
FIN_WAIT2, CLOSE, TIME_WAIT = 5, 7, 6
SIOCOUTQ = 0x5411


def until(true):
    end = time.monotonic() + LIMIT_S
    while not true():
        if time.monotonic() > end:
            return "late"
        time.sleep(0.001)
    return "ok"


class Peer:
    def __init__(self):
        self.socks = {}

    def outq(self, s):
        return struct.unpack("i", fcntl.ioctl(s, SIOCOUTQ, b"\0" * 4))[0]

    def listen(self, id, host="0.0.0.0", backlog=16):
        s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        s.bind((host, 0))
        s.listen(backlog)
        s.settimeout(LIMIT_S)
        self.socks[id] = s
        return s.getsockname()[1]

    def accept(self, id, new):
        self.socks[new], where = self.socks[id].accept()
        self.socks[new].settimeout(LIMIT_S)
        return where[0]

    def connect(self, id, host, port, rcvbuf=0):
        s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if rcvbuf:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        s.settimeout(LIMIT_S)
        self.socks[id] = s
        s.connect((host, port))
        return "ok"

    def send(self, id, data="", n=0, oob=False, acked=True):
        s = self.socks[id]
        data = data.encode("latin-1") or bytes(i * 7 % 251 for i in range(n))
        if oob:
            s.send(data, socket.MSG_OOB)
        else:
            s.sendall(data)
        return until(lambda: not self.outq(s)) if acked else "ok"

    def recv(self, id, n):
        got = b""
        while len(got) < n:
            more = self.socks[id].recv(n - len(got))
            if not more:
                return got.decode("latin-1") + " EOF"
            got += more
        return got.decode("latin-1")

    def drain(self, id):
        """How many bytes until the end, their sum, and which end."""
        n = total = 0
        while True:
            try:
                got = self.socks[id].recv(65536)
            except OSError as e:
                return [n, total, errno.errorcode[e.errno] if e.errno else "timeout"]
            if not got:
                return [n, total, "EOF"]
            n += len(got)
            total += sum(got)

    def shut(self, id):
        s = self.socks[id]
        s.shutdown(socket.SHUT_WR)
        return until(lambda: s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] in (FIN_WAIT2, TIME_WAIT, CLOSE))

    def close(self, id):
        self.socks.pop(id).close()
        return "ok"

    def reset(self, id):
        self.socks[id].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return self.close(id)

    def run(self, line, answer):
        time.sleep(line.pop("delay", 0))
        ticket = line.pop("ticket")
        try:
            result = getattr(self, line.pop("do"))(**line)
        except (OSError, KeyError) as e:
            result = errno.errorcode.get(getattr(e, "errno", None), repr(e))
        answer(json.dumps([ticket, result]).encode() + b"\n")

    def end(self):
        for s in self.socks.values():
            s.close()


def session(conn):
    peer = Peer()
    with conn, conn.makefile("rb") as lines:
        for line in lines:
            threading.Thread(target=peer.run, args=(json.loads(line), conn.sendall), daemon=True).start()
    peer.end()


def main():
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(sys.argv[1])
        door.listen(4)
        while True:
            try:
                session(door.accept()[0])
            except OSError:
                pass  # who was under test is dead


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        os._exit(0)
