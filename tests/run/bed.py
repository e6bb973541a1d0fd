# SPDX-License-Identifier: BSD-3-Clause
"""What the cases stand on: libc's calls as they are (Python's own would retry and raise), and the peer.

A call's result is what it returned, or -errno. A case prints lines with say(): a word that names the line and what was
seen, with nothing in it that two runs of one kernel would not have in common: no port, no descriptor's number, no time.
"""
import ctypes
import errno
import fcntl as _fcntl
import json
import os
import signal
import socket as so
import struct
import time

ME, PEER, ME6, PEER6 = "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"
NOBODY = "192.0.2.77"
libc = ctypes.CDLL(None, use_errno=True)
for _name in "recv recvmsg recvfrom read readv preadv2 pwritev2 send sendmsg sendto write writev sendfile splice tee".split():
    getattr(libc, _name).restype = ctypes.c_long
CASES = {}


def case(fn):
    """A case. Its name is the function's."""
    CASES[fn.__name__] = fn
    return fn


def r(rc):
    return rc if rc >= 0 else errno.errorcode[-rc]


def say(tag, *what):
    print(f"{tag}:", *[r(w) if isinstance(w, int) else w for w in what], flush=True)


def call(name, *args):
    ctypes.set_errno(0)
    rc = getattr(libc, name)(*args)
    return rc if rc != -1 else -ctypes.get_errno()


# --- descriptors: all that a case opens is closed after it ---

opened = []
serial = 0


def keep(fd):
    if fd >= 0 and not isinstance(fd, bool):
        opened.append(fd)
    return fd


def tidy():
    while opened:
        libc.close(opened.pop())


def close(fd):
    if fd in opened:
        opened.remove(fd)
    return call("close", fd)


def new_port():
    global serial
    serial += 1
    return 20000 + serial


# --- sockets ---

def socket(family=so.AF_INET, kind=so.SOCK_STREAM, proto=0):
    return keep(call("socket", family, kind, proto))


def addr(host, port, family=None):
    if ":" in host:
        return struct.pack("=H", so.AF_INET6 if family is None else family) + struct.pack("!HI", port, 0) + \
            so.inet_pton(so.AF_INET6, host) + struct.pack("=I", 0)
    return struct.pack("=H", so.AF_INET if family is None else family) + struct.pack("!H", port) + so.inet_aton(host) + bytes(8)


def name_of(raw):
    family, port = struct.unpack("=H", raw[:2])[0], struct.unpack("!H", raw[2:4])[0]
    if family == so.AF_INET:
        return so.inet_ntoa(raw[4:8]), port
    return so.inet_ntop(so.AF_INET6, raw[8:24]), port


def bind(fd, host, port):
    a = addr(host, port)
    return call("bind", fd, a, len(a))


def connect(fd, host, port):
    a = addr(host, port)
    return call("connect", fd, a, len(a))


def listen(fd, backlog=16):
    return call("listen", fd, backlog)


def accept(fd, flags=0):
    return keep(call("accept4", fd, None, None, flags))


def name(fd, which="getsockname", room=128):
    """(rc, address, port, length)"""
    buf, n = ctypes.create_string_buffer(128), ctypes.c_uint(room)
    rc = call(which, fd, buf, ctypes.byref(n))
    return (rc, *name_of(buf.raw), n.value) if rc == 0 else (rc, None, 0, 0)


def send(fd, data, flags=0):
    return call("send", fd, data, len(data), flags)


def recv(fd, n=100, flags=0):
    """The text, or -errno."""
    buf = ctypes.create_string_buffer(max(n, 1))
    rc = call("recv", fd, buf, n, flags)
    return rc if rc < 0 else buf.raw[:rc] if not flags & so.MSG_TRUNC else rc


def write_all(fd, data):
    done = 0
    while done < len(data):
        rc = send(fd, data[done:], so.MSG_NOSIGNAL)
        if rc < 0:
            return rc
        done += rc
    return done


def fill(fd, chunk=65536, rounds=2000):
    """Send without waiting until nothing goes any more, even after a while. @return what the last send said."""
    idle = 0
    for _ in range(rounds):
        rc = send(fd, bytes(chunk), so.MSG_DONTWAIT | so.MSG_NOSIGNAL)
        if rc == -errno.EAGAIN:
            if idle == 3:
                return rc
            idle += 1
            settle(20)
        elif rc < 0:
            return rc
    return 0


def fcntl(fd, cmd, arg=0):
    return call("fcntl", fd, cmd, ctypes.c_long(arg))


def nonblock(fd, on=True):
    return fcntl(fd, _fcntl.F_SETFL, os.O_NONBLOCK if on else 0)


def ioctl_int(fd, what, value=0):
    v = ctypes.c_int(value)
    rc = call("ioctl", fd, ctypes.c_ulong(what), ctypes.byref(v))
    return v.value if rc == 0 else rc


def setopt(fd, level, opt, value, n=None):
    raw = value if isinstance(value, bytes) else struct.pack("i", value)
    return call("setsockopt", fd, level, opt, raw, len(raw) if n is None else n)


def getraw(fd, level, opt, room=64):
    """Bytes, or -errno."""
    buf, n = ctypes.create_string_buffer(max(room, 1)), ctypes.c_uint(room)
    rc = call("getsockopt", fd, level, opt, buf, ctypes.byref(n))
    return buf.raw[:n.value] if rc == 0 else rc


def getopt(fd, level, opt):
    raw = getraw(fd, level, opt, 4)
    return raw if isinstance(raw, int) else struct.unpack("i", raw)[0] if len(raw) == 4 else list(raw)


def so_error(fd):
    v = abs(getopt(fd, so.SOL_SOCKET, so.SO_ERROR))
    return errno.errorcode.get(v, v)


# --- waiting ---

BITS = {1: "IN", 2: "PRI", 4: "OUT", 8: "ERR", 16: "HUP", 32: "NVAL", 64: "RDNORM", 256: "WRNORM", 0x2000: "RDHUP"}


def bits(mask):
    return "|".join(n for b, n in BITS.items() if mask & b) or "0"


class PollFd(ctypes.Structure):
    _fields_ = [("fd", ctypes.c_int), ("events", ctypes.c_short), ("revents", ctypes.c_short)]


class EpollEvent(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("events", ctypes.c_uint32), ("data", ctypes.c_uint64)]


class Timespec(ctypes.Structure):
    _fields_ = [("sec", ctypes.c_long), ("nsec", ctypes.c_long)]


def ts(ms):
    return None if ms is None else ctypes.byref(Timespec(ms // 1000, ms % 1000 * 1000000))


def poll(wants, ms=0):
    """wants: [(fd, events)]. @return (rc, "IN|OUT", ...)"""
    p = (PollFd * max(len(wants), 1))(*[PollFd(fd, ev) for fd, ev in wants])
    rc = call("poll", p, ctypes.c_ulong(len(wants)), ms)
    return (rc, *[bits(p[i].revents) for i in range(len(wants))])


def settle(ms=30):
    """Let things happen."""
    libc.poll(None, 0, ms)


def wait_for(fd, events=1, ms=3000):
    return poll([(fd, events)], ms)[0]


def epoll(flags=0):
    return keep(call("epoll_create1", flags))


ADD, DEL, MOD = 1, 2, 3
ET, ONESHOT, EXCLUSIVE, RDHUP = 1 << 31, 1 << 30, 1 << 28, 0x2000


def ctl(ep, op, fd, events=1, data=0):
    return call("epoll_ctl", ep, op, fd, ctypes.byref(EpollEvent(events, data)))


def ewait(ep, ms=0, most=16):
    """Sorted [(data, "IN|OUT")], or -errno."""
    e = (EpollEvent * max(most, 1))()
    rc = call("epoll_wait", ep, e, most, ms)
    return rc if rc < 0 else sorted((e[i].data, bits(e[i].events)) for i in range(rc))


# --- the peer ---

class Peer:
    def __init__(self):
        self.ticket = 0
        self.answers = {}
        self.text = b""

    def open(self, path):
        self.s = so.socket(so.AF_UNIX)
        self.s.connect(path)

    def go(self, do, **what):
        self.ticket += 1
        self.s.sendall(json.dumps(dict(what, do=do, ticket=self.ticket)).encode() + b"\n")
        return self.ticket

    def get(self, ticket):
        while ticket not in self.answers:
            wait_for(self.s.fileno(), ms=5000)
            self.text += self.s.recv(65536)
            *lines, self.text = self.text.split(b"\n")
            self.answers.update(json.loads(line) for line in lines)
        return self.answers.pop(ticket)

    def ask(self, do, **what):
        return self.get(self.go(do, **what))


peer = Peer()


def listener(host=ME, family=so.AF_INET, backlog=16, flags=0):
    """A listening socket. @return fd, port"""
    fd, port = socket(family, so.SOCK_STREAM | flags), new_port()
    assert bind(fd, host, port) == 0 and listen(fd, backlog) == 0
    return fd, port


def passive(host=ME, family=so.AF_INET, flags=0, **how):
    """An accepted connection; the peer's end is p."""
    fd, port = listener(host, family)
    ticket = peer.go("connect", id="p", host=ME if host == "::" else host, port=port, **how)
    got = accept(fd, flags)
    assert got >= 0 and peer.get(ticket) == "ok", r(got)
    close(fd)
    return got


def active(host=PEER, family=so.AF_INET, before=None):
    """A connection that was opened here."""
    port = peer.ask("listen", id="l", host="::" if ":" in host else "0.0.0.0")
    fd = socket(family)
    if before:
        before(fd)
    rc = connect(fd, host, port)
    assert rc == 0, r(rc)
    peer.ask("accept", id="l", new="p")
    return fd


# --- signals ---

caught = []


def catch(sig=signal.SIGALRM, restart=False):
    caught.clear()
    signal.signal(sig, lambda s, f: caught.append(signal.Signals(s).name))
    signal.siginterrupt(sig, not restart)


def alarm(ms):
    signal.setitimer(signal.ITIMER_REAL, ms / 1000)


def elapsed(began, about_ms):
    """Was it about as long as it should be? Machines are slow at times, never fast."""
    ms = (time.monotonic() - began) * 1000
    return "early" if ms < about_ms - 5 else "late" if ms > about_ms + 1500 else "in time"


__all__ = [n for n in dir() if not n.startswith("__")]
