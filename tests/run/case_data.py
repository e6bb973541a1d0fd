# SPDX-License-Identifier: BSD-3-Clause
"""Text in and out."""
import ctypes
import errno
import os
import signal
import socket as so
import struct
import tempfile
import time

from bed import *


class Iov(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


class MsgHdr(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint), ("iov", ctypes.POINTER(Iov)), ("iovlen", ctypes.c_size_t),
                ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t), ("flags", ctypes.c_int)]


class MMsgHdr(ctypes.Structure):
    _fields_ = [("hdr", MsgHdr), ("len", ctypes.c_uint)]


def iovs(bufs):
    return (Iov * max(len(bufs), 1))(*[Iov(ctypes.addressof(b), n) for b, n in bufs])


def room(*sizes):
    return [(ctypes.create_string_buffer(max(n, 1)), n) for n in sizes]


def texts(*data):
    return [(ctypes.create_string_buffer(d, len(d) or 1), len(d)) for d in data]


def msg(bufs):
    return MsgHdr(iov=iovs(bufs), iovlen=len(bufs))


def raw(bufs):
    return [b.raw[:n].rstrip(b"\0") for b, n in bufs]


# --- in ---

@case
def read_and_recv():
    fd = passive()
    peer.ask("send", id="p", data="hello, world")
    buf = ctypes.create_string_buffer(5)
    say("read", call("read", fd, buf, 5), buf.raw)
    say("recv", recv(fd, 2), recv(fd, 100))


@case
def read_waits():
    fd = passive()
    t = peer.go("send", id="p", data="late", delay=0.05)
    say("recv", recv(fd), peer.get(t))


@case
def recv_nothing():
    fd = passive()
    say("recv", recv(fd, 10, so.MSG_DONTWAIT), nonblock(fd), recv(fd))


@case
def recv_zero_length():
    fd = passive()
    say("recv", recv(fd, 0, so.MSG_DONTWAIT))
    peer.ask("send", id="p", data="x")
    say("recv", recv(fd, 0), recv(fd, 1))


@case
def recv_zero_length_waits():
    fd = passive()
    t = peer.go("send", id="p", data="x", delay=0.05)
    say("recv", recv(fd, 0), peer.get(t), recv(fd, 1, so.MSG_DONTWAIT))


@case
def read_zero_length():
    fd = passive()
    say("read", call("read", fd, None, 0), call("readv", fd, iovs(room(0)), 1), call("write", fd, None, 0), nonblock(fd),
        call("read", fd, None, 0), call("readv", fd, iovs(room(0, 0)), 2))
    peer.ask("shut", id="p")
    say("at the end", recv(fd, 0), call("read", fd, None, 0))


@case
def recv_peek():
    fd = passive()
    say("nothing", recv(fd, 5, so.MSG_PEEK | so.MSG_DONTWAIT))
    peer.ask("send", id="p", data="hello")
    say("peek", recv(fd, 3, so.MSG_PEEK), recv(fd, 100, so.MSG_PEEK), recv(fd, 100))


@case
def recv_peek_waitall():
    fd = passive()
    peer.ask("send", id="p", data="abc")
    t = peer.go("send", id="p", data="def", delay=0.05)
    say("peek", recv(fd, 6, so.MSG_PEEK | so.MSG_WAITALL), peer.get(t), recv(fd, 10))


@case
def recv_peek_at_the_end():
    fd = passive()
    peer.ask("send", id="p", data="abc")
    peer.ask("shut", id="p")
    say("peek", recv(fd, 10, so.MSG_PEEK), recv(fd, 10), recv(fd, 10, so.MSG_PEEK), recv(fd, 10))


@case
def recv_waitall():
    fd = passive()
    peer.ask("send", id="p", data="abc")
    t = peer.go("send", id="p", data="def", delay=0.05)
    say("recv", recv(fd, 6, so.MSG_WAITALL), peer.get(t))


@case
def recv_waitall_cut_by_the_end():
    fd = passive()
    peer.ask("send", id="p", data="abc")
    t = peer.go("shut", id="p", delay=0.05)
    say("recv", recv(fd, 6, so.MSG_WAITALL), recv(fd, 6, so.MSG_WAITALL), peer.get(t))


@case
def recv_waitall_nonblocking():
    fd = passive()
    peer.ask("send", id="p", data="abc")
    say("recv", recv(fd, 6, so.MSG_WAITALL | so.MSG_DONTWAIT))


@case
def recv_waitall_cut_by_a_signal():
    fd = passive()
    peer.ask("send", id="p", data="abc")
    catch()
    alarm(50)
    say("recv", recv(fd, 6, so.MSG_WAITALL), *caught)


@case
def recv_waitall_cut_by_timeout():
    fd = passive()
    setopt(fd, so.SOL_SOCKET, so.SO_RCVTIMEO, struct.pack("ll", 0, 50000))
    peer.ask("send", id="p", data="abc")
    say("recv", recv(fd, 6, so.MSG_WAITALL), recv(fd, 6, so.MSG_WAITALL))


@case
def recv_trunc():
    fd = passive()
    peer.ask("send", id="p", data="hello, world")
    say("trunc", recv(fd, 5, so.MSG_TRUNC), recv(fd, 100))


@case
def recv_timeout():
    fd = passive()
    setopt(fd, so.SOL_SOCKET, so.SO_RCVTIMEO, struct.pack("ll", 0, 50000))
    began = time.monotonic()
    say("recv", recv(fd), elapsed(began, 50))


@case
def recv_oob_none():
    fd = passive()
    say("recv", recv(fd, 1, so.MSG_OOB))


@case
def recv_oob():
    fd = passive()
    peer.ask("send", id="p", data="abc")
    peer.ask("send", id="p", data="!", oob=True)
    say("poll", *poll([(fd, 3)], 1000))
    say("oob", recv(fd, 1, so.MSG_OOB))
    say("recv", recv(fd, 10))


@case
def recv_oob_inline():
    fd = passive()
    say("set", setopt(fd, so.SOL_SOCKET, so.SO_OOBINLINE, 1))
    peer.ask("send", id="p", data="abc")
    peer.ask("send", id="p", data="!", oob=True)
    say("poll", *poll([(fd, 3)], 1000))
    say("recv", recv(fd, 10), ioctl_int(fd, 0x8905))
    say("recv", recv(fd, 10, so.MSG_DONTWAIT))


@case
def send_oob():
    fd = passive()
    say("send", send(fd, b"ab"), send(fd, b"c!", so.MSG_OOB), send(fd, b"def"))
    say("peer", peer.ask("recv", id="p", n=6))


@case
def recv_errqueue():
    say("recv", recv(passive(), 10, so.MSG_ERRQUEUE))


@case
def recvfrom_has_no_address():
    fd = passive()
    peer.ask("send", id="p", data="hello")
    buf, a, n = ctypes.create_string_buffer(16), ctypes.create_string_buffer(16), ctypes.c_uint(16)
    say("recvfrom", call("recvfrom", fd, buf, 16, 0, a, ctypes.byref(n)), n.value)


@case
def readv_pieces():
    fd = passive()
    peer.ask("send", id="p", data="hello, world")
    bufs = room(3, 0, 4, 100)
    say("readv", call("readv", fd, iovs(bufs), 4), *raw(bufs))


@case
def readv_waits_for_the_first():
    fd = passive()
    t = peer.go("send", id="p", data="abc", delay=0.05)
    bufs = room(3, 3)
    say("readv", call("readv", fd, iovs(bufs), 2), *raw(bufs), peer.get(t))


@case
def readv_errors():
    fd = passive()
    say("readv", call("readv", fd, iovs([]), 0), call("readv", fd, iovs([]), -1), call("readv", fd, iovs([]), 1025))


@case
def preadv2_at_the_place():
    """At -1 they are readv() and writev()."""
    fd = passive()
    peer.ask("send", id="p", data="abcd")
    at, bufs = ctypes.c_long(-1), room(3)
    say("in", call("preadv2", fd, iovs(bufs), 1, at, 0), *raw(bufs), recv(fd))
    say("out", call("pwritev2", fd, iovs(texts(b"xyz")), 1, at, 0), peer.ask("recv", id="p", n=3))
    at = ctypes.c_long(0)
    say("elsewhere", call("preadv2", fd, iovs(bufs), 1, at, 0), call("pwritev2", fd, iovs(bufs), 1, at, 0))


@case
def recvmsg_whole():
    fd = passive()
    peer.ask("send", id="p", data="hello")
    bufs = room(2, 10)
    m = msg(bufs)
    a, c = ctypes.create_string_buffer(64), ctypes.create_string_buffer(64)
    m.name, m.namelen, m.control, m.controllen, m.flags = ctypes.addressof(a), 64, ctypes.addressof(c), 64, 77
    say("recvmsg", call("recvmsg", fd, ctypes.byref(m), 0), *raw(bufs))
    say("rest", m.namelen, m.controllen, m.flags)


@case
def recvmsg_peek_over_pieces():
    fd = passive()
    peer.ask("send", id="p", data="hello, world")
    bufs = room(3, 20)
    say("peek", call("recvmsg", fd, ctypes.byref(msg(bufs)), so.MSG_PEEK), *raw(bufs))
    say("recv", recv(fd))


@case
def recvmsg_waitall_over_pieces():
    fd = passive()
    peer.ask("send", id="p", data="abc")
    t = peer.go("send", id="p", data="def", delay=0.05)
    bufs = room(2, 4)
    say("recvmsg", call("recvmsg", fd, ctypes.byref(msg(bufs)), so.MSG_WAITALL), *raw(bufs), peer.get(t))


@case
def recvmmsg_some():
    fd = passive()
    peer.ask("send", id="p", data="abcdefgh")
    bufs = [room(3), room(3), room(3)]
    m = (MMsgHdr * 3)(*[MMsgHdr(hdr=msg(b)) for b in bufs])
    say("recvmmsg", call("recvmmsg", fd, m, 3, so.MSG_DONTWAIT, None), *[x.len for x in m], *[raw(b) for b in bufs])
    say("again", call("recvmmsg", fd, m, 3, so.MSG_DONTWAIT, None))


@case
def recvmmsg_wait_for_one():
    fd = passive()
    t = peer.go("send", id="p", data="abcd", delay=0.05)
    bufs = [room(3), room(3), room(3)]
    m = (MMsgHdr * 3)(*[MMsgHdr(hdr=msg(b)) for b in bufs])
    say("recvmmsg", call("recvmmsg", fd, m, 3, 0x10000, None), m[0].len, m[1].len, peer.get(t))


# --- out ---

@case
def write_and_send():
    fd = passive()
    say("send", call("write", fd, b"abc", 3), send(fd, b"def"), send(fd, b"gh", so.MSG_DONTWAIT), send(fd, b""))
    say("peer", peer.ask("recv", id="p", n=8))


@case
def send_more():
    fd = passive()
    say("send", send(fd, b"abc", so.MSG_MORE), send(fd, b"def"))
    say("peer", peer.ask("recv", id="p", n=6))


@case
def send_more_alone_goes_at_last():
    fd = passive()
    send(fd, b"abc", so.MSG_MORE)
    say("peer", peer.ask("recv", id="p", n=3))


@case
def cork_holds_and_uncork_sends():
    fd = passive()
    say("cork", setopt(fd, so.IPPROTO_TCP, so.TCP_CORK, 1), send(fd, b"abc"), send(fd, b"def"))
    say("uncork", setopt(fd, so.IPPROTO_TCP, so.TCP_CORK, 0))
    say("peer", peer.ask("recv", id="p", n=6))


@case
def sendto_with_an_address():
    fd = passive()
    a = addr(PEER, 9)
    say("sendto", call("sendto", fd, b"abc", 3, 0, a, len(a)))
    say("unconnected", call("sendto", socket(), b"abc", 3, so.MSG_NOSIGNAL, a, len(a)))


@case
def writev_pieces():
    fd = passive()
    say("writev", call("writev", fd, iovs(texts(b"abc", b"", b"defg")), 3), call("writev", fd, iovs([]), 0))
    say("bad", call("writev", fd, iovs([]), -1), call("writev", fd, iovs([]), 1025))
    say("peer", peer.ask("recv", id="p", n=7))


@case
def writev_many():
    fd = passive()
    bufs = texts(*[b"%03d" % i for i in range(300)])
    say("writev", call("writev", fd, iovs(bufs), 300))
    say("peer", peer.ask("recv", id="p", n=900)[-9:])


@case
def sendmsg_pieces():
    fd = passive()
    say("sendmsg", call("sendmsg", fd, ctypes.byref(msg(texts(b"abc", b"def"))), so.MSG_NOSIGNAL))
    say("none", call("sendmsg", fd, ctypes.byref(msg([])), 0))
    m = msg(texts(b"x"))
    m.iovlen = 1025
    say("many", call("sendmsg", fd, ctypes.byref(m), 0))
    say("peer", peer.ask("recv", id="p", n=6))


@case
def sendmmsg_some():
    fd = passive()
    m = (MMsgHdr * 3)(*[MMsgHdr(hdr=msg(texts(t))) for t in (b"ab", b"cde", b"f")])
    say("sendmmsg", call("sendmmsg", fd, m, 3, 0), *[x.len for x in m])
    say("peer", peer.ask("recv", id="p", n=6))


@case
def send_until_full():
    fd = passive(rcvbuf=4096)
    say("full", fill(fd))
    say("poll", *poll([(fd, 4)], 0))
    t = peer.go("drain", id="p")
    say("poll", *poll([(fd, 4)], 3000))
    call("shutdown", fd, so.SHUT_WR)
    got = peer.get(t)
    say("peer", got[2], got[0] > 4096)


@case
def send_waits_for_room():
    fd = passive(rcvbuf=4096)
    fill(fd)
    t = peer.go("drain", id="p", delay=0.05)
    say("send", send(fd, bytes(300000)))
    call("shutdown", fd, so.SHUT_WR)
    say("peer", peer.get(t)[2])


@case
def send_timeout():
    fd = passive(rcvbuf=4096)
    setopt(fd, so.SOL_SOCKET, so.SO_SNDTIMEO, struct.pack("ll", 0, 50000))
    fill(fd)
    began = time.monotonic()
    say("send", send(fd, bytes(100000)), elapsed(began, 50))


@case
def send_cut_by_a_signal():
    fd = passive(rcvbuf=4096)
    fill(fd)
    catch()
    alarm(50)
    say("send", send(fd, bytes(100000)), *caught)


@case
def send_large_in_order():
    fd = passive()
    t = peer.go("drain", id="p")
    data = bytes(i * 11 % 253 for i in range(1000000))
    say("write", write_all(fd, data), call("shutdown", fd, so.SHUT_WR))
    say("peer", peer.get(t) == [len(data), sum(data), "EOF"])


@case
def recv_large_in_order():
    fd = passive()
    t = peer.go("send", id="p", n=1000000, acked=False)
    n = total = 0
    while n < 1000000:
        got = recv(fd, 65536)
        n, total = n + len(got), total + sum(got)
    say("recv", n, total, peer.get(t))


@case
def send_to_who_reset():
    fd = passive(rcvbuf=4096)
    fill(fd)
    t = peer.go("reset", id="p", delay=0.05)
    say("send", send(fd, bytes(100000), so.MSG_NOSIGNAL), peer.get(t))


# --- SIGPIPE ---

def broken():
    fd = passive()
    call("shutdown", fd, so.SHUT_WR)
    return fd


@case
def sigpipe_comes():
    fd = broken()
    catch(signal.SIGPIPE)
    say("send", send(fd, b"x"), *caught)
    catch(signal.SIGPIPE)
    say("write", call("write", fd, b"x", 1), *caught)
    catch(signal.SIGPIPE)
    say("writev", call("writev", fd, iovs(texts(b"x")), 1), *caught)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


@case
def sigpipe_not_wanted():
    fd = broken()
    catch(signal.SIGPIPE)
    say("send", send(fd, b"x", so.MSG_NOSIGNAL), *caught)
    say("sendmsg", call("sendmsg", fd, ctypes.byref(msg(texts(b"x"))), so.MSG_NOSIGNAL), *caught)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    say("ignored", send(fd, b"x"))


@case
def sigpipe_blocked_is_pending():
    fd = broken()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPIPE])
    catch(signal.SIGPIPE)
    say("send", send(fd, b"x"), signal.SIGPIPE in signal.sigpending(), *caught)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGPIPE])


@case
def sigpipe_of_sendfile():
    fd = broken()
    catch(signal.SIGPIPE)
    say("sendfile", call("sendfile", fd, file_of(b"abc"), None, 3), *caught)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


# --- files and pipes ---

def file_of(data):
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        fd = keep(os.dup(file.fileno()))
    os.lseek(fd, 0, 0)
    return fd


@case
def sendfile_from_its_place():
    fd, file = passive(), file_of(b"hello, world")
    os.lseek(file, 2, 0)
    say("sendfile", call("sendfile", fd, file, None, 5), os.lseek(file, 0, 1))
    say("rest", call("sendfile", fd, file, None, 100), call("sendfile", fd, file, None, 100))
    say("peer", peer.ask("recv", id="p", n=10))


@case
def sendfile_from_an_offset():
    fd, file = passive(), file_of(b"hello, world")
    off = ctypes.c_long(7)
    say("sendfile", call("sendfile", fd, file, ctypes.byref(off), 3), off.value, os.lseek(file, 0, 1))
    say("peer", peer.ask("recv", id="p", n=3))


@case
def sendfile_large():
    fd, data = passive(), bytes(i * 3 % 251 for i in range(700001))
    file, t, done = file_of(data), peer.go("drain", id="p"), 0
    while done < len(data):
        rc = call("sendfile", fd, file, None, len(data) - done)
        if rc <= 0:
            break
        done += rc
    call("shutdown", fd, so.SHUT_WR)
    say("sendfile", done, peer.get(t) == [len(data), sum(data), "EOF"])


@case
def sendfile_nonblocking_is_short():
    fd, file = passive(rcvbuf=4096), file_of(bytes(20000000))
    nonblock(fd)
    rc = call("sendfile", fd, file, None, 20000000)
    say("sendfile", 0 < rc < 20000000, os.lseek(file, 0, 1) == rc)
    fill(fd)
    say("full", call("sendfile", fd, file, None, 1000))


@case
def sendfile_errors():
    fd, file, out = passive(), file_of(b"abc"), keep(os.open("/dev/null", os.O_WRONLY))
    say("unconnected", call("sendfile", socket(), file, None, 3))
    say("bad in", call("sendfile", fd, 999, None, 3), call("sendfile", 999, file, None, 3))
    say("from socket", call("sendfile", out, fd, None, 3))
    pipe, w = os.pipe()
    keep(pipe), keep(w)
    os.write(w, b"abc")
    say("from pipe", call("sendfile", fd, pipe, None, 3))


@case
def splice_to_a_pipe_and_back():
    fd = passive()
    pr, pw = map(keep, os.pipe())
    peer.ask("send", id="p", data="hello")
    say("in", call("splice", fd, None, pw, None, ctypes.c_size_t(100), 0), os.read(pr, 100))
    os.write(pw, b"answer")
    say("out", call("splice", pr, None, fd, None, ctypes.c_size_t(6), 0), peer.ask("recv", id="p", n=6))


@case
def splice_edges():
    fd = passive()
    pr, pw = map(keep, os.pipe())
    nonblock(fd)
    say("nonblock", call("splice", fd, None, pw, None, ctypes.c_size_t(100), 0))
    off = ctypes.c_long(0)
    say("offset", call("splice", fd, ctypes.byref(off), pw, None, ctypes.c_size_t(100), 2))
    say("no pipe", call("splice", fd, None, passive(), None, ctypes.c_size_t(100), 2))
    say("tee", call("tee", fd, pw, ctypes.c_size_t(10), 2))


@case
def splice_at_the_end():
    fd = passive()
    pr, pw = map(keep, os.pipe())
    peer.ask("shut", id="p")
    say("end", call("splice", fd, None, pw, None, ctypes.c_size_t(100), 0))


@case
def splice_large():
    fd = passive()
    pr, pw = map(keep, os.pipe())
    t, n, total = peer.go("send", id="p", n=300000, acked=False), 0, 0
    while n < 300000:
        rc = call("splice", fd, None, pw, None, ctypes.c_size_t(1 << 20), 0)
        if rc <= 0:
            break
        got = os.read(pr, 1 << 20)
        while len(got) < rc:
            got += os.read(pr, 1 << 20)
        n, total = n + rc, total + sum(got)
    say("splice", n, total, peer.get(t))


@case
def descriptors_over_a_unix_socket():
    """A connection in a program without tern is nothing: it is refused."""
    fd = passive()
    a, b = so.socketpair()
    with a, b:
        try:
            so.send_fds(a, [b"x"], [fd])
            say("file", "sent")
        except OSError as e:
            say("file", errno.errorcode[e.errno])
        so.send_fds(a, [b"x"], [file_of(b"")])
        say("other", "sent")


@case
def descriptors_by_sendmmsg():
    """The first message has none, the second one a connection."""
    fd = passive()
    a, b = so.socketpair()
    with a, b:
        control = ctypes.create_string_buffer(struct.pack("Nii", 20, so.SOL_SOCKET, so.SCM_RIGHTS) + struct.pack("i", fd), 24)
        m = (MMsgHdr * 2)(*(MMsgHdr(msg(texts(b"x"))) for _ in range(2)))
        m[1].hdr.control, m[1].hdr.controllen = ctypes.addressof(control), 20
        say("file", call("sendmmsg", a.fileno(), m, 2, 0))
        say("file", call("sendmmsg", a.fileno(), ctypes.byref(m[1]), 1, 0))


@case
def kernel_sockets_are_untouched():
    a, b = so.socketpair()
    with a, b:
        say("send", send(a.fileno(), b"hello"), recv(b.fileno()), *poll([(b.fileno(), 1)], 0))
    udp = socket(kind=so.SOCK_DGRAM)
    say("udp", bind(udp, "127.0.0.1", 0), connect(udp, "127.0.0.1", name(udp)[2]), send(udp, b"x"), recv(udp))
