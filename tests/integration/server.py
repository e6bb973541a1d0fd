#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""server.py MODE PORT: an HTTP server that does what few do; a thread for each connection, until it is killed.

plain    GET /: 200, 5 bytes                  chunked  the body in chunks of one byte, a packet each, with a trailer
interim  100 and 103 before each answer       lengths  two Content-Lengths that differ
status   206, 204 and 201 in turn             404      that
slow     plain, a tenth of a second later
mute     reads and never answers              half     half a head, then FIN, and the connection stays
short    half a body, then FIN                reset    RST after the request
idle3    closes after three answers without a word; it reads what comes late: FIN
kill3    resets the connection after three answers
say3     Connection: close with the third answer
echo     no HTTP: everything comes back, then the FIN does
"""
import socket
import struct
import sys
import threading
import time


def answer(body=b"hello", status="200 OK", extra=b""):
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s" % (status.encode(), len(body), extra, body)


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def requests(s):
    """The heads of the requests, until the client's FIN."""
    data = b""
    while True:
        while b"\r\n\r\n" not in data:
            more = s.recv(65536)
            if not more:
                return
            data += more
        head, _, data = data.partition(b"\r\n\r\n")
        yield head


def chunks(s):
    s.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for c in b"hello":
        for piece in (b"1;x=y\r", b"\n", bytes([c]), b"\r\n"):
            s.sendall(piece)
            time.sleep(0.001)
    s.sendall(b"0\r\nTrailer: x\r\n\r\n")


def serve(s, mode):
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    n = 0
    for _ in requests(s):
        n += 1
        if mode == "plain":
            s.sendall(answer())
        elif mode == "slow":
            time.sleep(0.1)
            s.sendall(answer())
        elif mode == "chunked":
            chunks(s)
        elif mode == "interim":
            s.sendall(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer())
        elif mode == "lengths":
            s.sendall(answer(extra=b"Content-Length: 6\r\n"))
        elif mode == "status":
            s.sendall((answer(status="206 Partial Content"), b"HTTP/1.1 204 No Content\r\n\r\n",
                       answer(b"", "201 Created"))[n % 3])
        elif mode == "404":
            s.sendall(answer(status="404 Not Found"))
        elif mode == "half":
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")
            s.shutdown(socket.SHUT_WR)
        elif mode == "short":
            s.sendall(answer(b"x" * 100)[:-50])
            s.shutdown(socket.SHUT_WR)
        elif mode == "reset":
            return reset(s)
        elif mode in ("idle3", "kill3", "say3"):
            s.sendall(answer(extra=b"Connection: close\r\n" if mode == "say3" and n == 3 else b""))
            if n == 3 and mode == "kill3":
                time.sleep(0.01)
                return reset(s)
            if n == 3:
                return s.close() if mode == "say3" else s.shutdown(socket.SHUT_WR)
    s.close()


def echo(s):
    while data := s.recv(65536):
        s.sendall(data)
    s.close()


def run(s, mode):
    try:
        echo(s) if mode == "echo" else serve(s, mode)
    except OSError:
        pass


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    listener = socket.create_server(("", int(sys.argv[2])), backlog=128)
    print("listening", flush=True)
    while True:
        threading.Thread(target=run, args=(listener.accept()[0], sys.argv[1]), daemon=True).start()


main()
