# SPDX-License-Identifier: BSD-3-Clause
"""From socket() to connect(), and names."""
import fcntl as f
import os
import socket as so
import struct
import time

from bed import *


# --- socket(), bind(), listen() ---

@case
def socket_kinds():
    for family in so.AF_INET, so.AF_INET6:
        for proto in 0, so.IPPROTO_TCP:
            say("stream", socket(family, so.SOCK_STREAM, proto) >= 0)
    say("udp proto", socket(so.AF_INET, so.SOCK_STREAM, so.IPPROTO_UDP))
    say("family", socket(77))
    say("kind", socket(so.AF_INET, 77))


@case
def socket_flags():
    for flags in 0, so.SOCK_NONBLOCK, so.SOCK_CLOEXEC, so.SOCK_NONBLOCK | so.SOCK_CLOEXEC:
        fd = socket(kind=so.SOCK_STREAM | flags)
        say("flags", fcntl(fd, f.F_GETFL) & os.O_NONBLOCK, fcntl(fd, f.F_GETFD))


@case
def socket_lowest_number():
    a, b = socket(), socket()
    close(a)
    say("again", socket() == a, socket() > b)


@case
def bind_twice():
    fd = socket()
    say("bind", bind(fd, ME, new_port()), bind(fd, ME, new_port()))


@case
def bind_not_mine():
    say("bind", bind(socket(), "198.51.100.9", new_port()), bind(socket(so.AF_INET6), "2001:db8:9::9", new_port()))


@case
def bind_wrong_family():
    a = addr(ME, new_port(), 77)
    say("bind", call("bind", socket(), a, len(a)), bind(socket(), ME6, new_port()))
    a = addr(ME, new_port())
    say("v4 on v6", call("bind", socket(so.AF_INET6), a, len(a)))


@case
def bind_short():
    a = addr(ME, new_port())
    say("bind", *[call("bind", socket(), a, n) for n in (0, 1, 8, 15, 16)])
    a = addr(ME6, new_port())
    say("bind 6", *[call("bind", socket(so.AF_INET6), a, n) for n in (2, 16, 23, 24)])


@case
def bind_in_use():
    fd, port = listener()
    say("bind", bind(socket(), ME, port))
    other = socket()
    setopt(other, so.SOL_SOCKET, so.SO_REUSEADDR, 1)
    say("reuseaddr", bind(other, ME, port))


@case
def bind_in_use_unlistened():
    port = new_port()
    say("bind", bind(socket(), ME, port), bind(socket(), ME, port))


@case
def bind_port_zero():
    fd = socket()
    say("bind", bind(fd, ME, 0))
    rc, host, port, n = name(fd)
    say("name", rc, host, port != 0, n)
    say("listen", listen(fd), name(fd)[2] == port)


@case
def bind_any_then_connect():
    fd = socket()
    say("bind", bind(fd, "0.0.0.0", new_port()))
    p = peer.ask("listen", id="l")
    say("connect", connect(fd, PEER, p), peer.ask("accept", id="l", new="p"), name(fd)[1])
    send(fd, b"hello")
    say("peer", peer.ask("recv", id="p", n=5))


@case
def bind_then_connect():
    fd, port = socket(), new_port()
    say("bind", bind(fd, ME, port))
    p = peer.ask("listen", id="l")
    say("connect", connect(fd, PEER, p), name(fd)[2] == port)


@case
def bound_socket_is_not_listening():
    fd, port = socket(), new_port()
    bind(fd, ME, port)
    say("connect", peer.ask("connect", id="p", host=ME, port=port))


@case
def listen_twice():
    fd, port = listener()
    say("listen", listen(fd, 5), listen(fd, 0), listen(fd, -1))


@case
def listen_unbound():
    fd = socket()
    say("listen", listen(fd))
    rc, host, port, n = name(fd)
    say("name", rc, host, port != 0)
    t = peer.go("connect", id="p", host=ME, port=port)
    say("accept", accept(fd) >= 0, peer.get(t))


@case
def listen_after_connect():
    say("listen", listen(passive()), listen(active()))


@case
def listen_two_on_one_port():
    fd, port = socket(), new_port()
    other = socket()
    for s in fd, other:
        setopt(s, so.SOL_SOCKET, so.SO_REUSEADDR, 1)
        say("bind", bind(s, ME, port))
    say("listen", listen(fd), listen(other))


@case
def reuseport_two_listeners():
    port, fds = new_port(), [socket(), socket()]
    for fd in fds:
        say("set", setopt(fd, so.SOL_SOCKET, so.SO_REUSEPORT, 1))
        say("bind", bind(fd, ME, port), listen(fd))
    t = peer.go("connect", id="p", host=ME, port=port)
    say("poll", poll([(fd, 1) for fd in fds], 2000)[0])
    say("peer", peer.get(t))


@case
def port_again_after_close():
    fd, port = listener()
    t = peer.go("connect", id="p", host=ME, port=port)
    got = accept(fd)
    peer.get(t)
    close(got)
    close(fd)
    settle()
    other = socket()
    say("bind", bind(other, ME, port))
    other = socket()
    setopt(other, so.SOL_SOCKET, so.SO_REUSEADDR, 1)
    say("reuseaddr", bind(other, ME, port), listen(other))


# --- accept() ---

@case
def accept_flags():
    for flags in 0, so.SOCK_NONBLOCK, so.SOCK_CLOEXEC, so.SOCK_NONBLOCK | so.SOCK_CLOEXEC:
        fd = passive(flags=flags)
        say("flags", fcntl(fd, f.F_GETFL) & os.O_NONBLOCK, fcntl(fd, f.F_GETFD))


@case
def accept_bad_flags():
    fd, port = listener()
    say("accept", accept(fd, 0x10))


@case
def accept_flags_are_not_inherited():
    fd, port = listener(flags=so.SOCK_NONBLOCK | so.SOCK_CLOEXEC)
    t = peer.go("connect", id="p", host=ME, port=port)
    wait_for(fd)
    got = accept(fd)
    peer.get(t)
    say("flags", fcntl(got, f.F_GETFL) & os.O_NONBLOCK, fcntl(got, f.F_GETFD))


@case
def accept_long_after_the_handshake():
    """There is a stack already, from the first connection on: the second listener answers as soon as it listens."""
    passive()
    fd, port = listener()
    t = peer.go("connect", id="q", host=ME, port=port)
    settle(100)
    say("peer", peer.get(t))
    say("accept", accept(fd) >= 0)


@case
def accept_nothing():
    fd, port = listener(flags=so.SOCK_NONBLOCK)
    say("accept", accept(fd))


@case
def accept_no_listener():
    fd = socket()
    say("new", accept(fd))
    bind(fd, ME, new_port())
    say("bound", accept(fd))
    say("connected", accept(passive()))


@case
def accept_name():
    fd, port = listener()
    t = peer.go("connect", id="p", host=ME, port=port)
    buf, n = ctypes.create_string_buffer(128), ctypes.c_uint(128)
    got = keep(call("accept", fd, buf, ctypes.byref(n)))
    peer.get(t)
    say("name", got >= 0, name_of(buf.raw)[0], n.value, name(got, "getpeername")[2] == name_of(buf.raw)[1])


@case
def accept_name_cut():
    fd, port = listener()
    t = peer.go("connect", id="p", host=ME, port=port)
    buf, n = ctypes.create_string_buffer(b"\xaa" * 16, 16), ctypes.c_uint(4)
    got = keep(call("accept4", fd, buf, ctypes.byref(n), 0))
    peer.get(t)
    say("name", got >= 0, n.value, buf.raw[8:].hex())


@case
def accept_timeout():
    fd, port = listener()
    setopt(fd, so.SOL_SOCKET, so.SO_RCVTIMEO, struct.pack("ll", 0, 50000))
    began = time.monotonic()
    say("accept", accept(fd), elapsed(began, 50))


@case
def accept_many():
    fd, port = listener()
    tickets = [peer.go("connect", id=f"p{i}", host=ME, port=port) for i in range(5)]
    say("accept", *[accept(fd) >= 0 for _ in range(5)], *[peer.get(t) for t in tickets])


@case
def accept_of_one_reset():
    fd, port = listener(flags=so.SOCK_NONBLOCK)
    t = peer.go("connect", id="p", host=ME, port=port)
    wait_for(fd)
    peer.get(t)
    peer.ask("reset", id="p")
    settle()
    got = accept(fd)
    say("accept", got >= 0)
    say("recv", recv(got) if got >= 0 else b"")


@case
def accept_of_one_closed_with_data():
    fd, port = listener()
    t = peer.go("connect", id="p", host=ME, port=port)
    wait_for(fd)
    peer.get(t)
    peer.ask("send", id="p", data="text")
    peer.ask("shut", id="p")
    got = accept(fd)
    say("accept", got >= 0, recv(got), recv(got))


@case
def listener_closed_resets_who_waits():
    fd, port = listener()
    t = peer.go("connect", id="p", host=ME, port=port)
    wait_for(fd)
    peer.get(t)
    close(fd)
    settle()
    say("peer", peer.ask("drain", id="p"))
    say("refused", peer.ask("connect", id="q", host=ME, port=port))


@case
def listener_shutdown():
    fd, port = listener(flags=so.SOCK_NONBLOCK)
    say("shutdown", call("shutdown", fd, so.SHUT_RD))
    say("accept", accept(fd))
    say("refused", peer.ask("connect", id="q", host=ME, port=port))


# --- connect() ---

@case
def connect_blocking():
    p = peer.ask("listen", id="l")
    fd = socket()
    say("connect", connect(fd, PEER, p), peer.ask("accept", id="l", new="p"), so_error(fd))
    say("again", connect(fd, PEER, p), connect(fd, PEER, p))


@case
def connect_nonblocking():
    p = peer.ask("listen", id="l")
    fd = socket(kind=so.SOCK_STREAM | so.SOCK_NONBLOCK)
    rc = connect(fd, PEER, p)
    say("connect", rc)
    say("poll", *poll([(fd, 4)], 2000))
    say("error", so_error(fd))
    say("again", connect(fd, PEER, p), connect(fd, PEER, p))


@case
def connect_nonblocking_asked_by_connect():
    p = peer.ask("listen", id="l")
    fd = socket(kind=so.SOCK_STREAM | so.SOCK_NONBLOCK)
    say("connect", connect(fd, PEER, p))
    wait_for(fd, 4)
    say("again", connect(fd, PEER, p), connect(fd, PEER, p))


@case
def connect_already():
    fd = socket(kind=so.SOCK_STREAM | so.SOCK_NONBLOCK)
    say("connect", connect(fd, NOBODY, 9), connect(fd, NOBODY, 9))
    say("poll", *poll([(fd, 7)], 0))
    say("name", name(fd)[1], name(fd, "getpeername")[0])
    say("recv", recv(fd), send(fd, b"x"))


def bound_to_all():
    """A socket that is bound to all addresses, in an epoll set. @return it, the set."""
    fd, ep = socket(kind=so.SOCK_STREAM | so.SOCK_NONBLOCK), epoll()
    say("bind", bind(fd, "0.0.0.0", new_port()), ctl(ep, ADD, fd, 5, 7), ewait(ep), *poll([(fd, 5)]))
    return fd, ep


@case
def connect_of_a_bound_one_pending():
    fd, ep = bound_to_all()
    say("connect", connect(fd, NOBODY, 9), *poll([(fd, 5)]))
    say("set", ewait(ep), ctl(ep, MOD, fd, 4, 8), ewait(ep), ctl(ep, DEL, fd), ctl(ep, ADD, fd, 4), ewait(ep))


@case
def connect_of_a_bound_one_refused():
    fd, ep = bound_to_all()
    say("connect", connect(fd, PEER, 9), *poll([(fd, 5)], 2000))
    say("set", ewait(ep), so_error(fd), ctl(ep, MOD, fd, 4, 8), ewait(ep), ctl(ep, DEL, fd))


@case
def connect_of_a_bound_one():
    fd, ep = bound_to_all()
    p = peer.ask("listen", id="l")
    say("connect", connect(fd, PEER, p), *poll([(fd, 5)], 2000), so_error(fd), ewait(ep))
    peer.ask("accept", id="l", new="p")
    peer.ask("send", id="p", data="x")
    say("text", *poll([(fd, 1)], 2000), ewait(ep), recv(fd), ctl(ep, DEL, fd))


@case
def listen_in_a_set_no_more():
    fd, ep = bound_to_all()
    say("listen", listen(fd), ewait(ep), call("shutdown", fd, so.SHUT_RD), ewait(ep), *poll([(fd, 5)]))
    say("set", ctl(ep, MOD, fd, 1, 8), ewait(ep), ctl(ep, DEL, fd), ewait(ep), ctl(ep, DEL, fd))


@case
def connect_refused():
    fd = socket()
    say("connect", connect(fd, PEER, 9), so_error(fd))
    say("again", connect(fd, PEER, 9))


@case
def connect_refused_nonblocking():
    fd = socket(kind=so.SOCK_STREAM | so.SOCK_NONBLOCK)
    say("connect", connect(fd, PEER, 9))
    say("poll", *poll([(fd, 0x2007)], 2000))
    say("error", so_error(fd), so_error(fd))
    say("poll", *poll([(fd, 0x2007)], 0))


@case
def connect_refused_asked_by_connect():
    fd = socket(kind=so.SOCK_STREAM | so.SOCK_NONBLOCK)
    say("connect", connect(fd, PEER, 9))
    wait_for(fd, 4)
    say("again", connect(fd, PEER, 9))


@case
def connect_refused_asked_by_recv_and_send():
    for what in recv, lambda fd: send(fd, b"x", so.MSG_NOSIGNAL):
        fd = socket(kind=so.SOCK_STREAM | so.SOCK_NONBLOCK)
        connect(fd, PEER, 9)
        wait_for(fd, 4)
        say("error", what(fd), what(fd))


@case
def connect_after_refused():
    fd = socket()
    say("connect", connect(fd, PEER, 9))
    p = peer.ask("listen", id="l")
    say("again", connect(fd, PEER, p), peer.ask("accept", id="l", new="p"))
    send(fd, b"hello")
    say("peer", peer.ask("recv", id="p", n=5))


@case
def connect_timeout():
    fd = socket()
    setopt(fd, so.SOL_SOCKET, so.SO_SNDTIMEO, struct.pack("ll", 0, 100000))
    began = time.monotonic()
    say("connect", connect(fd, NOBODY, 9), elapsed(began, 100))
    say("again", connect(fd, NOBODY, 9))


@case
def connect_interrupted():
    fd = socket()
    catch()
    alarm(50)
    say("connect", connect(fd, NOBODY, 9), *caught)
    say("again", connect(fd, NOBODY, 9) if nonblock(fd) == 0 else 0)


@case
def connect_bad_address():
    a = addr(PEER, 9, 77)
    say("family", call("connect", socket(), a, len(a)))
    say("short", *[call("connect", socket(), addr(PEER, 9), n) for n in (1, 8)])
    say("v6 on v4", connect(socket(), PEER6, 9))


@case
def connect_a_listener():
    fd, port = listener()
    say("connect", connect(fd, PEER, 9))


@case
def connect_v6():
    p = peer.ask("listen", id="l", host="::")
    fd = socket(so.AF_INET6)
    say("connect", connect(fd, PEER6, p), peer.ask("accept", id="l", new="p"))
    say("name", name(fd)[0], name(fd)[1], name(fd)[3], name(fd, "getpeername")[1])


@case
def connect_v4_mapped():
    p = peer.ask("listen", id="l")
    fd = socket(so.AF_INET6)
    say("connect", connect(fd, "::ffff:" + PEER, p), peer.ask("accept", id="l", new="p"))
    say("name", name(fd)[1], name(fd)[3], name(fd, "getpeername")[1])


@case
def connect_v4_mapped_v6only():
    fd = socket(so.AF_INET6)
    setopt(fd, so.IPPROTO_IPV6, so.IPV6_V6ONLY, 1)
    say("connect", connect(fd, "::ffff:" + PEER, 9))


@case
def connect_unspec():
    fd = socket()
    say("connect", call("connect", fd, struct.pack("=H", 0) + bytes(14), 16))
    fd = active()
    say("dissolve", call("connect", fd, struct.pack("=H", 0) + bytes(14), 16))
    say("name", name(fd, "getpeername")[0], recv(fd, 1, so.MSG_DONTWAIT))


@case
def send_and_recv_unconnected():
    fd = socket()
    say("new", recv(fd), send(fd, b"x", so.MSG_NOSIGNAL), call("shutdown", fd, so.SHUT_WR))
    bind(fd, ME, new_port())
    say("bound", recv(fd), send(fd, b"x", so.MSG_NOSIGNAL), call("shutdown", fd, so.SHUT_RD))
    listen(fd)
    say("listens", recv(fd), send(fd, b"x", so.MSG_NOSIGNAL))


# --- names ---

@case
def names_new():
    fd = socket()
    say("sock", *name(fd))
    say("peer", *name(fd, "getpeername"))
    say("sock 6", *name(socket(so.AF_INET6)))


@case
def names_listening():
    fd, port = listener()
    rc, host, p, n = name(fd)
    say("sock", rc, host, p == port, n)
    say("peer", name(fd, "getpeername")[0])


@case
def names_connected():
    for fd in passive(), active():
        say("sock", name(fd)[1], name(fd, "getpeername")[1])


@case
def names_v6():
    fd = passive(ME6, so.AF_INET6)
    say("sock", name(fd)[1], name(fd)[3], name(fd, "getpeername")[1])


@case
def names_cut():
    fd = passive()
    for room in 0, 2, 8, 16, 100:
        buf, n = ctypes.create_string_buffer(b"\xaa" * 16, 16), ctypes.c_uint(room)
        rc = call("getpeername", fd, buf, ctypes.byref(n))
        say("name", rc, n.value, buf.raw[:2].hex(), buf.raw[14:].hex())


@case
def names_after_the_end():
    fd = passive()
    peer.ask("shut", id="p")
    say("half", name(fd)[1], name(fd, "getpeername")[1])
    call("shutdown", fd, so.SHUT_WR)
    settle()
    say("over", name(fd)[1], name(fd, "getpeername")[0])


@case
def names_after_reset():
    fd = passive()
    peer.ask("reset", id="p")
    wait_for(fd)
    say("sock", name(fd)[1], name(fd, "getpeername")[0])


@case
def dual_stack_listener():
    fd, port = listener("::", so.AF_INET6)
    for host in ME, ME6:
        t = peer.go("connect", id=host, host=host, port=port)
        got = accept(fd)
        say("accept", got >= 0, peer.get(t), name(got)[1], name(got, "getpeername")[1])


@case
def v6only_listener():
    fd, port = socket(so.AF_INET6), new_port()
    say("set", setopt(fd, so.IPPROTO_IPV6, so.IPV6_V6ONLY, 1))
    say("listen", bind(fd, "::", port), listen(fd))
    say("v4", peer.ask("connect", id="p", host=ME, port=port))
    t = peer.go("connect", id="p6", host=ME6, port=port)
    say("v6", accept(fd) >= 0, peer.get(t))


@case
def v4_beside_v6only():
    fd6, port = socket(so.AF_INET6), new_port()
    setopt(fd6, so.IPPROTO_IPV6, so.IPV6_V6ONLY, 1)
    say("six", bind(fd6, "::", port), listen(fd6))
    fd = socket()
    say("four", bind(fd, "0.0.0.0", port), listen(fd))
    for host, l in (ME, fd), (ME6, fd6):
        t = peer.go("connect", id=host, host=host, port=port)
        got = accept(l)
        say("accept", got >= 0, peer.get(t), name(got)[1])


@case
def v4_mapped_bind():
    fd, port = socket(so.AF_INET6), new_port()
    say("listen", bind(fd, "::ffff:" + ME, port), listen(fd), name(fd)[1])
    t = peer.go("connect", id="p", host=ME, port=port)
    got = accept(fd)
    say("accept", got >= 0, peer.get(t), name(got)[1])


@case
def loopback_stays():
    fd = socket()
    say("bind", bind(fd, "127.0.0.1", 0), listen(fd))
    c = socket()
    say("connect", connect(c, "127.0.0.1", name(fd)[2]))
    got = accept(fd)
    send(c, b"hello")
    say("recv", recv(got), name(got, "getpeername")[1])


@case
def all_addresses_are_loopback_too():
    fd, port = listener("0.0.0.0")
    c = socket()
    say("connect", connect(c, "127.0.0.1", port))
    got = accept(fd)
    say("from", name(got, "getpeername")[1])
    t = peer.go("connect", id="p", host=ME, port=port)
    got = accept(fd)
    say("from", name(got, "getpeername")[1], peer.get(t))
