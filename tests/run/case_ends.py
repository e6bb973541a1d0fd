# SPDX-License-Identifier: BSD-3-Clause
"""How connections end, and what is done to descriptors."""
import ctypes
import fcntl as f
import os
import resource
import socket as so
import struct
import time

from bed import *


# --- the ends ---

@case
def shutdown_write():
    fd = passive()
    t = peer.go("drain", id="p")
    send(fd, b"bye")
    say("shutdown", call("shutdown", fd, so.SHUT_WR), peer.get(t))
    say("send", send(fd, b"x", so.MSG_NOSIGNAL))
    peer.ask("send", id="p", data="late")
    say("recv", recv(fd))
    say("poll", *poll([(fd, 0x2007)], 0))


@case
def shutdown_read():
    fd = passive()
    peer.ask("send", id="p", data="early")
    say("shutdown", call("shutdown", fd, so.SHUT_RD))
    say("poll", *poll([(fd, 0x2007)], 0))
    say("recv", recv(fd), recv(fd))
    say("send", send(fd, b"hello"), peer.ask("recv", id="p", n=5))


@case
def shutdown_read_then_more_comes():
    fd = passive()
    say("shutdown", call("shutdown", fd, so.SHUT_RD))
    peer.ask("send", id="p", data="late")
    say("recv", recv(fd), recv(fd))


@case
def shutdown_both():
    fd = passive()
    t = peer.go("drain", id="p")
    say("shutdown", call("shutdown", fd, so.SHUT_RDWR), peer.get(t))
    say("poll", *poll([(fd, 0x2007)], 0))
    say("recv", recv(fd), send(fd, b"x", so.MSG_NOSIGNAL))


@case
def shutdown_twice():
    fd = passive()
    say("shutdown", *[call("shutdown", fd, so.SHUT_WR) for _ in range(2)], call("shutdown", fd, so.SHUT_RD))
    say("bad", call("shutdown", fd, 3), call("shutdown", fd, -1))


@case
def shutdown_after_the_end():
    fd = passive()
    peer.ask("reset", id="p")
    wait_for(fd)
    say("shutdown", call("shutdown", fd, so.SHUT_WR))


@case
def peer_half_closes():
    fd = passive()
    peer.ask("shut", id="p")
    say("poll", *poll([(fd, 0x2007)], 0))
    say("recv", recv(fd), recv(fd))
    say("send", send(fd, b"answer"), peer.ask("recv", id="p", n=6))


@case
def peer_closes_and_then_resets():
    fd = passive()
    peer.ask("shut", id="p")
    peer.ask("close", id="p")
    say("recv", recv(fd))
    say("send", send(fd, b"x"))
    settle()
    say("poll", *poll([(fd, 0x2007)], 0))
    say("send", send(fd, b"x", so.MSG_NOSIGNAL), send(fd, b"x", so.MSG_NOSIGNAL))
    say("recv", recv(fd), so_error(fd))


@case
def peer_resets():
    fd = passive()
    peer.ask("reset", id="p")
    wait_for(fd, 0)
    say("poll", *poll([(fd, 0x2007)], 1000))
    say("recv", recv(fd), recv(fd))
    say("send", send(fd, b"x", so.MSG_NOSIGNAL))
    say("poll", *poll([(fd, 0x2007)], 0))


@case
def peer_resets_error_by_option():
    fd = passive()
    peer.ask("reset", id="p")
    wait_for(fd)
    say("error", so_error(fd), so_error(fd), recv(fd))


@case
def peer_resets_error_by_send():
    fd = passive()
    peer.ask("reset", id="p")
    wait_for(fd)
    say("send", send(fd, b"x", so.MSG_NOSIGNAL), send(fd, b"x", so.MSG_NOSIGNAL), recv(fd))


@case
def peer_resets_with_data_unread():
    fd = passive()
    peer.ask("send", id="p", data="text")
    peer.ask("reset", id="p")
    poll([(fd, 0)], 1000)
    say("recv", recv(fd), recv(fd))


@case
def close_with_unread_data_resets():
    fd = passive()
    peer.ask("send", id="p", data="text")
    t = peer.go("drain", id="p")
    say("close", close(fd), peer.get(t))


@case
def close_sends_what_is_left():
    fd = passive()
    t = peer.go("drain", id="p")
    write_all(fd, bytes(range(200)) * 500)
    say("close", close(fd), peer.get(t))


@case
def close_sends_before_it_resets():
    fd = passive(flags=so.SOCK_NONBLOCK)
    peer.ask("send", id="p", data="unread")
    wait_for(fd)
    t = peer.go("drain", id="p")
    say("unread", send(fd, b"bye"), close(fd), peer.get(t))


@case
def close_twice():
    fd = passive()
    say("close", close(fd), close(fd), recv(fd), send(fd, b"x"), listen(fd), fcntl(fd, f.F_GETFL), so_error(fd))


@case
def linger_zero_resets():
    fd = passive()
    say("set", setopt(fd, so.SOL_SOCKET, so.SO_LINGER, struct.pack("ii", 1, 0)))
    t = peer.go("drain", id="p")
    say("close", close(fd), peer.get(t))


@case
def linger_zero_sends_before_it_resets():
    fd = passive(flags=so.SOCK_NONBLOCK)
    setopt(fd, so.SOL_SOCKET, so.SO_LINGER, struct.pack("ii", 1, 0))
    t = peer.go("drain", id="p")
    say("close", send(fd, b"bye"), close(fd), peer.get(t))


@case
def connect_to_nothing_sends_before_it_resets():
    fd = passive(flags=so.SOCK_NONBLOCK)
    t = peer.go("drain", id="p")
    say("connect", send(fd, b"bye"), call("connect", fd, bytes(16), 16), peer.get(t))


@case
def linger_waits_for_the_peer():
    fd = passive(rcvbuf=4096)
    setopt(fd, so.SOL_SOCKET, so.SO_LINGER, struct.pack("ii", 5, 5))
    fill(fd)
    t = peer.go("drain", id="p", delay=0.1)
    began = time.monotonic()
    say("close", close(fd), elapsed(began, 100), peer.get(t)[2])


@case
def linger_gives_up():
    fd = passive(rcvbuf=4096)
    setopt(fd, so.SOL_SOCKET, so.SO_LINGER, struct.pack("ii", 1, 1))
    fill(fd)
    began = time.monotonic()
    say("close", close(fd), elapsed(began, 1000))


# --- descriptors ---

@case
def dup_lives_on():
    fd = passive()
    for how in lambda: call("dup", fd), lambda: call("dup2", fd, 200), lambda: call("dup3", fd, 201, os.O_CLOEXEC), \
            lambda: fcntl(fd, f.F_DUPFD, 100), lambda: fcntl(fd, f.F_DUPFD_CLOEXEC, 100):
        other = keep(how())
        say("dup", other >= 0, other >= 100, fcntl(other, f.F_GETFD), send(other, b"x"))
    say("close", close(fd), send(opened[-1], b"y"))
    say("peer", peer.ask("recv", id="p", n=6))


@case
def dup_shares_flags():
    fd = passive()
    other = keep(call("dup", fd))
    nonblock(other)
    say("flags", fcntl(fd, f.F_GETFL) & os.O_NONBLOCK, recv(fd))
    fcntl(fd, f.F_SETFD, 1)
    say("cloexec", fcntl(fd, f.F_GETFD), fcntl(other, f.F_GETFD))


@case
def dup_last_close_ends():
    fd = passive()
    other = keep(call("dup", fd))
    t = peer.go("drain", id="p")
    close(fd)
    settle()
    say("send", send(other, b"still"))
    close(other)
    say("peer", peer.get(t))


@case
def dup_errors():
    fd = passive()
    say("same", call("dup2", fd, fd) == fd, call("dup3", fd, fd, 0), call("dup3", fd, 200, 1))
    say("bad", call("dup", 999), call("dup2", 999, 200), call("dup2", fd, -1), fcntl(fd, f.F_DUPFD, -1))


@case
def dup2_over_another():
    a = passive()
    t = peer.go("drain", id="p")
    b = active()
    say("dup2", call("dup2", b, a) == a, peer.get(t))
    peer.ask("send", id="p", data="hello")
    say("recv", recv(a))


@case
def dup2_over_a_file():
    fd, pipe = passive(), keep(os.pipe()[0])
    say("dup2", call("dup2", fd, pipe) == pipe)
    peer.ask("send", id="p", data="hello")
    say("recv", recv(pipe))
    say("back", call("dup2", keep(os.open("/dev/null", 0)), pipe) == pipe, recv(pipe), call("read", pipe, bytes(4), 4))


@case
def dup_of_a_listener():
    fd, port = listener()
    other = keep(call("dup", fd))
    close(fd)
    t = peer.go("connect", id="p", host=ME, port=port)
    say("accept", accept(other) >= 0, peer.get(t))


@case
def dup_of_a_new_one():
    fd, port = socket(), new_port()
    other = keep(call("dup", fd))
    say("bind", bind(other, ME, port), name(fd)[2] == port, listen(fd))
    t = peer.go("connect", id="p", host=ME, port=port)
    say("accept", accept(other) >= 0, peer.get(t))


@case
def close_range_closes():
    fds = [keep(call("dup2", passive(), 300)), keep(call("dup2", active(), 301))]
    close(min(opened))
    say("range", call("close_range", 300, 305, 0), *[fcntl(fd, f.F_GETFD) for fd in fds])
    say("bad", call("close_range", 305, 300, 0))


@case
def close_range_cloexec():
    fd = keep(call("dup2", passive(), 300))
    say("range", call("close_range", 300, 305, 4), fcntl(fd, f.F_GETFD), send(fd, b"x"))


@case
def fcntl_flags():
    for fd in socket(), listener()[0], passive(), active():
        say("flags", fcntl(fd, f.F_GETFL) & os.O_ACCMODE, fcntl(fd, f.F_SETFL, os.O_NONBLOCK | os.O_APPEND))
        say("flags", hex(fcntl(fd, f.F_GETFL)))
        say("cloexec", fcntl(fd, f.F_SETFD, 1), fcntl(fd, f.F_GETFD), fcntl(fd, f.F_SETFD, 0), fcntl(fd, f.F_GETFD))


@case
def fcntl_others():
    fd = passive()
    say("owner", fcntl(fd, f.F_SETOWN, os.getpid()), fcntl(fd, f.F_GETOWN) == os.getpid())
    say("bad", fcntl(fd, 9999))


@case
def ioctl_bytes():
    fd = passive()
    say("none", ioctl_int(fd, 0x541b), ioctl_int(fd, 0x5411))
    peer.ask("send", id="p", data="hello")
    say("FIONREAD", ioctl_int(fd, 0x541b))
    recv(fd, 2)
    say("FIONREAD", ioctl_int(fd, 0x541b))
    send(fd, b"x" * 10)
    peer.ask("recv", id="p", n=10)
    settle()
    say("SIOCOUTQ", ioctl_int(fd, 0x5411))
    peer.ask("shut", id="p")
    say("after FIN", ioctl_int(fd, 0x541b))


@case
def ioctl_outq_unacknowledged():
    fd = passive(rcvbuf=4096)
    fill(fd)
    say("SIOCOUTQ", ioctl_int(fd, 0x5411) > 4096)


@case
def ioctl_flags():
    fd = passive()
    say("FIONBIO", ioctl_int(fd, 0x5421, 1), fcntl(fd, f.F_GETFL) & os.O_NONBLOCK, recv(fd), ioctl_int(fd, 0x5421, 0))
    say("FIOCLEX", call("ioctl", fd, 0x5451), fcntl(fd, f.F_GETFD), call("ioctl", fd, 0x5450), fcntl(fd, f.F_GETFD))


@case
def ioctl_of_a_listener():
    fd, port = listener()
    say("FIONREAD", ioctl_int(fd, 0x541b), ioctl_int(fd, 0x5411), ioctl_int(fd, 0x8905))
    say("bad", ioctl_int(fd, 0xdead))


@case
def ioctl_bad():
    fd = passive()
    say("bad", ioctl_int(fd, 0xdead), call("isatty", fd))


@case
def file_calls():
    fd = passive()
    say("lseek", call("lseek", fd, 0, 0), call("fsync", fd), call("ftruncate", fd, 0))
    buf = ctypes.create_string_buffer(8)
    say("pread", call("pread", fd, buf, 8, ctypes.c_long(0)), call("pwrite", fd, buf, 8, ctypes.c_long(0)))
    iov = (ctypes.c_void_p * 2)(ctypes.addressof(buf), 8)
    say("preadv", call("preadv", fd, iov, 1, ctypes.c_long(0)), call("pwritev", fd, iov, 1, ctypes.c_long(0)))
    say("is", os.path.stat.S_ISSOCK(os.fstat(fd).st_mode))


@case
def limit_of_descriptors():
    old = resource.getrlimit(resource.RLIMIT_NOFILE)
    top = max(int(x) for x in os.listdir("/proc/self/fd")) + 4
    resource.setrlimit(resource.RLIMIT_NOFILE, (top, old[1]))
    got = [socket() for _ in range(64)]
    resource.setrlimit(resource.RLIMIT_NOFILE, old)
    say("error", got[-1])
