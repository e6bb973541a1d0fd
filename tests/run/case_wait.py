# SPDX-License-Identifier: BSD-3-Clause
"""Waiting: epoll, poll, select, and what interrupts them."""
import ctypes
import os
import select as sel
import signal
import socket as so
import struct
import time

from bed import *

ALL = 0x2007


def eventfd(n=0):
    return keep(call("eventfd", n, 0x800))


def set_of(*wants):
    """An epoll set of (fd, events); their numbers are 0, 1, ..."""
    ep = epoll()
    for i, (fd, ev) in enumerate(wants):
        rc = ctl(ep, ADD, fd, ev, i)
        assert rc == 0, r(rc)
    return ep


# --- epoll ---

@case
def epoll_level():
    fd = passive()
    ep = set_of((fd, 1))
    say("none", ewait(ep))
    peer.ask("send", id="p", data="hello")
    say("there", ewait(ep), ewait(ep))
    recv(fd, 2)
    say("some", ewait(ep))
    recv(fd)
    say("none", ewait(ep))


@case
def epoll_edge():
    fd = passive()
    ep = set_of((fd, 1 | ET))
    peer.ask("send", id="p", data="hello")
    say("there", ewait(ep, 1000), ewait(ep))
    recv(fd, 2)
    say("rest", ewait(ep))
    peer.ask("send", id="p", data="more")
    say("more", ewait(ep, 1000), ewait(ep))


@case
def epoll_edge_added_late():
    fd = passive()
    peer.ask("send", id="p", data="hello")
    ep = set_of((fd, 5 | ET))
    say("there", ewait(ep), ewait(ep))


@case
def epoll_edge_both_ways():
    fd = passive()
    ep = set_of((fd, 5 | ET | RDHUP))
    say("out", ewait(ep), ewait(ep))
    peer.ask("send", id="p", data="hello")
    say("in", ewait(ep, 1000), ewait(ep))
    peer.ask("shut", id="p")
    say("end", ewait(ep, 1000), ewait(ep))


@case
def epoll_edge_full_and_room():
    fd = passive(rcvbuf=4096)
    ep = set_of((fd, 4 | ET))
    say("out", ewait(ep))
    fill(fd)
    say("full", ewait(ep))
    t = peer.go("drain", id="p")
    say("room", ewait(ep, 3000))
    call("shutdown", fd, so.SHUT_WR)
    peer.get(t)


@case
def epoll_edge_listener():
    fd, port = listener(flags=so.SOCK_NONBLOCK)
    ep = set_of((fd, 1 | ET))
    tickets = [peer.go("connect", id=f"p{i}", host=ME, port=port) for i in range(2)]
    say("there", ewait(ep, 1000) == [(0, "IN")])
    for t in tickets:
        peer.get(t)
    settle()
    ewait(ep)
    say("again", ewait(ep), accept(fd) >= 0, accept(fd) >= 0, accept(fd))


@case
def epoll_oneshot():
    fd = passive()
    ep = set_of((fd, 1 | ONESHOT))
    peer.ask("send", id="p", data="hello")
    say("once", ewait(ep, 1000), ewait(ep))
    peer.ask("send", id="p", data="more")
    say("more", ewait(ep))
    say("armed", ctl(ep, MOD, fd, 1 | ONESHOT, 7), ewait(ep), ewait(ep))


@case
def epoll_oneshot_and_the_end():
    fd = passive()
    ep = set_of((fd, 1 | ONESHOT))
    peer.ask("send", id="p", data="hello")
    say("once", ewait(ep, 1000))
    peer.ask("reset", id="p")
    settle()
    say("off", ewait(ep))
    say("armed", ctl(ep, MOD, fd, 1 | ONESHOT, 7), ewait(ep))


@case
def epoll_mod():
    fd = passive()
    ep = set_of((fd, 1))
    say("in", ewait(ep), ctl(ep, MOD, fd, 4, 9), ewait(ep))
    say("none", ctl(ep, MOD, fd, 0, 9), ewait(ep))
    peer.ask("send", id="p", data="x")
    say("again", ctl(ep, MOD, fd, 1, 3), ewait(ep))


@case
def epoll_mod_edge_tells_again():
    fd = passive()
    ep = set_of((fd, 1 | ET))
    peer.ask("send", id="p", data="x")
    say("there", ewait(ep, 1000), ewait(ep), ctl(ep, MOD, fd, 1 | ET), ewait(ep), ewait(ep))


@case
def epoll_no_events_has_hup():
    fd = passive()
    ep = set_of((fd, 0))
    peer.ask("send", id="p", data="x")
    say("none", ewait(ep))
    peer.ask("reset", id="p")
    say("reset", ewait(ep, 1000))


@case
def epoll_exclusive():
    fd, port = listener()
    a, b = set_of((fd, 1 | EXCLUSIVE)), set_of((fd, 1 | EXCLUSIVE))
    t = peer.go("connect", id="p", host=ME, port=port)
    poll([(a, 1), (b, 1)], 1000)
    peer.get(t)
    say("one at least", len(ewait(a)) + len(ewait(b)) >= 1)
    say("mod", ctl(a, MOD, fd, 1))


@case
def epoll_exclusive_errors():
    fd = passive()
    ep = epoll()
    say("oneshot", ctl(ep, ADD, fd, 1 | EXCLUSIVE | ONESHOT))
    say("rdhup", ctl(ep, ADD, fd, 1 | EXCLUSIVE | RDHUP))
    say("mod to", ctl(ep, ADD, fd, 1), ctl(ep, MOD, fd, 1 | EXCLUSIVE))


@case
def epoll_errors():
    fd, ep = passive(), epoll()
    say("del", ctl(ep, DEL, fd), ctl(ep, MOD, fd))
    say("add", ctl(ep, ADD, fd), ctl(ep, ADD, fd), ctl(ep, DEL, fd), ctl(ep, DEL, fd))
    say("op", ctl(ep, 9, fd), ctl(999, ADD, fd), ctl(fd, ADD, fd), ctl(ep, ADD, 999), ctl(ep, ADD, ep))
    say("no set", ctl(passive(), ADD, fd))
    say("null", call("epoll_ctl", ep, ADD, fd, None), call("epoll_ctl", ep, DEL, fd, None))


@case
def epoll_errors_of_new_and_listening():
    ep = epoll()
    for fd in socket(), listener()[0]:
        say("del", ctl(ep, DEL, fd), ctl(ep, MOD, fd))
        say("add", ctl(ep, ADD, fd), ctl(ep, ADD, fd), ctl(ep, MOD, fd, 5), ctl(ep, DEL, fd), ctl(ep, DEL, fd))


@case
def epoll_wait_errors():
    ep = set_of((passive(), 1))
    e = (EpollEvent * 4)()
    say("max", call("epoll_wait", ep, e, 0, 0), call("epoll_wait", ep, e, -1, 0))
    say("fd", call("epoll_wait", 999, e, 4, 0), call("epoll_wait", passive(), e, 4, 0), call("epoll_wait", keep(os.pipe()[0]), e, 4, 0))


@case
def epoll_set_is_no_socket():
    ep = set_of((passive(), 1))
    say("calls", recv(ep), send(ep, b"x"), listen(ep), so_error(ep), connect(ep, PEER, 9), name(ep)[0])


@case
def epoll_new_socket():
    ep = set_of((socket(), ALL))
    say("new", ewait(ep))


@case
def epoll_listener_states():
    fd, port = socket(), new_port()
    ep = set_of((fd, 1))
    say("new", ewait(ep))
    say("listen", bind(fd, ME, port), listen(fd), ewait(ep))
    t = peer.go("connect", id="p", host=ME, port=port)
    say("there", ewait(ep, 1000), peer.get(t))
    got = accept(fd)
    say("none", ewait(ep), got >= 0)


@case
def epoll_connect_in_the_set():
    p = peer.ask("listen", id="l")
    fd = socket(kind=so.SOCK_STREAM | so.SOCK_NONBLOCK)
    ep = set_of((fd, 5 | RDHUP))
    say("new", ewait(ep))
    connect(fd, PEER, p)
    say("connected", ewait(ep, 2000))
    fd = socket(kind=so.SOCK_STREAM | so.SOCK_NONBLOCK)
    ep = set_of((fd, 5 | RDHUP | ET))
    ewait(ep)
    connect(fd, PEER, 9)
    say("refused", ewait(ep, 2000), ewait(ep))


@case
def epoll_connect_to_the_kernels():
    """It turns out to be the kernel's while it is watched."""
    srv = socket()
    bind(srv, "127.0.0.1", 0), listen(srv)
    fd = socket(kind=so.SOCK_STREAM | so.SOCK_NONBLOCK)
    ep = set_of((fd, 4))
    connect(fd, "127.0.0.1", name(srv)[2])
    say("connected", ewait(ep, 1000))
    say("mod", ctl(ep, MOD, fd, 1, 5), ewait(ep), ctl(ep, DEL, fd))


@case
def epoll_ends():
    for how in "shut", "reset":
        fd = passive()
        ep = set_of((fd, 1 | RDHUP))
        peer.ask(how, id="p")
        say(how, ewait(ep, 1000))
        call("shutdown", fd, so.SHUT_WR)
        settle()
        say(how + " both", ewait(ep))


@case
def epoll_mixed():
    fd, ev = passive(), eventfd()
    r_, w_ = map(keep, os.pipe())
    ep = set_of((fd, 1), (ev, 1), (r_, 1), (w_, 4))
    say("w", ewait(ep))
    ctl(ep, DEL, w_)
    os.write(ev, struct.pack("Q", 1))
    say("eventfd", ewait(ep, 1000))
    os.write(w_, b"x")
    peer.ask("send", id="p", data="x")
    say("all", ewait(ep, 1000))
    say("two", len(ewait(ep, 0, 2)), len(ewait(ep, 0, 1)))
    os.read(ev, 8), os.read(r_, 1), recv(fd)
    say("none", ewait(ep))


@case
def epoll_kernels_do_not_starve():
    """A socket that is always ready, and another's turn comes."""
    fd, ev = passive(), eventfd(1)
    ep = set_of((fd, 4), (ev, 1))
    seen = set()
    for _ in range(2000):
        seen.update(d for d, _ in ewait(ep, 100, 1))
    say("seen", sorted(seen))


@case
def epoll_all_get_a_turn():
    fds = [passive() for _ in range(3)]
    ep = set_of(*[(fd, 4) for fd in fds])
    say("seen", sorted({d for _ in range(6) for d, _ in ewait(ep, 100, 1)}))


@case
def epoll_timerfd_signalfd():
    fd = passive()
    timer = keep(call("timerfd_create", 1, 0x800))
    spec = struct.pack("4q", 0, 0, 0, 30000000)
    call("timerfd_settime", timer, 0, spec, None)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    sigs = keep(call("signalfd", -1, struct.pack("Q", 1 << (signal.SIGUSR1 - 1)) + bytes(120), 0x800))
    ep = set_of((fd, 1), (timer, 1), (sigs, 1))
    say("timer", ewait(ep, 1000))
    os.read(timer, 8)
    os.kill(os.getpid(), signal.SIGUSR1)
    say("signal", ewait(ep, 1000), len(os.read(sigs, 128)))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])


@case
def epoll_nested():
    fd, ev = passive(), eventfd()
    inner = set_of((fd, 1), (ev, 1))
    outer = set_of((inner, 1))
    say("none", ewait(outer))
    peer.ask("send", id="p", data="x")
    say("there", ewait(outer, 1000), ewait(inner))
    recv(fd)
    say("none", ewait(outer), ewait(inner))
    os.write(ev, struct.pack("Q", 1))
    say("kernel's", ewait(outer, 1000), ewait(inner))
    peer.ask("send", id="p", data="x")
    say("both", ewait(outer, 1000), ewait(inner))
    say("once", ctl(outer, MOD, inner, 1 | ONESHOT, 4), ewait(outer), ewait(outer), ctl(outer, DEL, inner), ewait(outer))


@case
def epoll_nested_waits():
    fd = passive()
    inner = set_of((fd, 1))
    outer = set_of((inner, 1), (eventfd(), 1))
    t = peer.go("send", id="p", data="x", delay=0.05)
    say("there", ewait(outer, 2000), peer.get(t))


@case
def epoll_nested_before_its_sockets():
    inner = epoll()
    outer = set_of((inner, 1))
    fd = passive()
    ctl(inner, ADD, fd, 1, 5)
    t = peer.go("send", id="p", data="x", delay=0.05)
    say("there", ewait(outer, 2000), ewait(inner), peer.get(t))
    close(inner)
    say("gone", ewait(outer))


@case
def epoll_in_poll_and_select():
    fd = passive()
    ep = set_of((fd, 1))
    say("none", *poll([(ep, 1)], 0), sel.select([ep], [], [], 0)[0] == [ep])
    t = peer.go("send", id="p", data="x", delay=0.05)
    say("there", *poll([(ep, 1)], 2000), sel.select([ep], [], [], 0)[0] == [ep], peer.get(t))
    recv(fd)
    say("none", *poll([(ep, 1)], 0))


@case
def epoll_dup_of_the_set():
    fd = passive()
    ep = set_of((fd, 1))
    other = keep(call("dup", ep))
    peer.ask("send", id="p", data="x")
    say("there", ewait(other, 1000), ewait(ep))
    say("ctl", ctl(other, MOD, fd, 4, 8), ewait(ep))
    close(ep)
    say("closed", ewait(other), ctl(other, DEL, fd), ewait(other))


@case
def epoll_closed_is_forgotten():
    fd = passive()
    ep = set_of((fd, 5))
    close(fd)
    say("none", ewait(ep))


@case
def epoll_dup_keeps_it():
    fd = passive()
    ep = set_of((fd, 4))
    other = keep(call("dup", fd))
    close(fd)
    say("kept", ewait(ep))
    close(other)
    say("gone", ewait(ep))


@case
def epoll_two_descriptors_of_one():
    fd = passive()
    other = keep(call("dup", fd))
    ep = set_of((fd, 1), (other, 4))
    peer.ask("send", id="p", data="x")
    say("both", ewait(ep, 1000))


@case
def epoll_two_sets():
    fd = passive()
    a, b = set_of((fd, 1)), set_of((fd, 1 | ET))
    peer.ask("send", id="p", data="x")
    say("both", ewait(a, 1000), ewait(b, 1000), ewait(a), ewait(b))


@case
def epoll_set_closed_first():
    fd = passive()
    ep = set_of((fd, 1))
    close(ep)
    other = set_of((fd, 4))
    say("other", ewait(other))


@case
def epoll_timeouts():
    ep = set_of((passive(), 1))
    for ms in 0, 1, 40:
        began = time.monotonic()
        say("wait", ewait(ep, ms), elapsed(began, ms))


@case
def epoll_pwait2_timeout():
    ep = set_of((passive(), 1))
    e = (EpollEvent * 4)()
    began = time.monotonic()
    say("wait", call("epoll_pwait2", ep, e, 4, ts(30), None), elapsed(began, 30))
    say("bad", call("epoll_pwait2", ep, e, 4, ctypes.byref(Timespec(0, -1)), None), call("epoll_pwait2", ep, e, 4, ctypes.byref(Timespec(-1, 0)), None))


@case
def epoll_wakes():
    fd = passive()
    ep = set_of((fd, 1))
    t = peer.go("send", id="p", data="x", delay=0.05)
    say("there", ewait(ep, -1), peer.get(t))


@case
def epoll_wakes_by_a_pipe():
    import subprocess
    fd = passive()
    r_, w_ = map(keep, os.pipe())
    ep = set_of((fd, 1), (r_, 1))
    child = subprocess.Popen(["/bin/sh", "-c", "sleep 0.05; echo x"], stdout=w_)
    say("there", ewait(ep, 3000))
    child.wait()


# --- poll ---

@case
def poll_states():
    say("new", *poll([(socket(), ALL)], 0))
    say("listens", *poll([(listener()[0], ALL)], 0))
    say("connected", *poll([(passive(), ALL)], 0))
    say("bits", *poll([(passive(), 0x3fff)], 0))


@case
def poll_nval():
    other, fd = passive(), passive()
    close(fd)
    say("closed", *poll([(fd, 5), (-1, 5), (999, 5), (other, 4)], 1000))


@case
def poll_same_twice():
    fd = passive()
    peer.ask("send", id="p", data="x")
    say("twice", *poll([(fd, 1), (fd, 4), (fd, 0)], 0))


@case
def poll_mixed():
    fd, ev = passive(), eventfd()
    say("none", *poll([(fd, 1), (ev, 1)], 0))
    os.write(ev, struct.pack("Q", 1))
    say("kernel's", *poll([(fd, 1), (ev, 1)], 1000))
    peer.ask("send", id="p", data="x")
    say("both", *poll([(ev, 1), (fd, 1), (fd, 4)], 1000))


@case
def poll_many():
    fd = passive()
    evs = [(eventfd(), 1) for _ in range(100)]
    t = peer.go("send", id="p", data="x", delay=0.05)
    got = poll([*evs, (fd, 1)], 2000)
    say("one", got[0], got[-1], peer.get(t))


@case
def poll_timeouts():
    fd = passive()
    for ms in 0, 1, 40:
        began = time.monotonic()
        say("poll", *poll([(fd, 1)], ms), elapsed(began, ms))
    began = time.monotonic()
    p = PollFd(fd, 1)
    say("ppoll", call("ppoll", ctypes.byref(p), 1, ts(20), None), elapsed(began, 20))
    say("bad", call("ppoll", ctypes.byref(p), 1, ctypes.byref(Timespec(0, 2000000000)), None))


@case
def poll_hup_is_told_unasked():
    fd = passive()
    peer.ask("reset", id="p")
    say("reset", *poll([(fd, 0)], 1000))


# --- select ---

def fdset(*fds):
    words = (ctypes.c_ulong * 16)()
    for fd in fds:
        words[fd // 64] |= 1 << fd % 64
    return words


def has(s, fd):
    return bool(s[fd // 64] >> fd % 64 & 1)


@case
def select_states():
    fd, other = passive(), eventfd()
    rs, ws, xs = fdset(fd, other), fdset(fd), fdset(fd)
    tv = struct.pack("ll", 0, 0)
    say("none", call("select", 400, rs, ws, xs, tv), has(rs, fd), has(rs, other), has(ws, fd), has(xs, fd))
    peer.ask("send", id="p", data="x")
    os.write(other, struct.pack("Q", 1))
    rs, ws = fdset(fd, other), fdset(fd)
    say("both", call("select", 400, rs, ws, None, tv), has(rs, fd), has(rs, other), has(ws, fd))


@case
def select_timeout_is_what_is_left():
    fd = passive()
    tv = ctypes.create_string_buffer(struct.pack("ll", 0, 30000), 16)
    began = time.monotonic()
    rs = fdset(fd)
    say("none", call("select", fd + 1, rs, None, None, tv), has(rs, fd), struct.unpack("ll", tv.raw), elapsed(began, 30))
    peer.ask("send", id="p", data="x")
    tv = ctypes.create_string_buffer(struct.pack("ll", 9, 0), 16)
    say("there", call("select", fd + 1, fdset(fd), None, None, tv), struct.unpack("ll", tv.raw)[0] >= 5)


@case
def select_errors():
    fd = passive()
    tv = struct.pack("ll", 0, 0)
    say("n", call("select", -1, fdset(fd), None, None, tv))
    close(fd)
    say("closed", call("select", fd + 1, fdset(fd), None, None, tv))
    say("time", call("select", 1, None, None, None, struct.pack("ll", -1, 0)), call("select", 1, None, None, None, struct.pack("ll", 0, -1)))


@case
def select_reset_is_readable_and_writable():
    fd = passive()
    peer.ask("reset", id="p")
    wait_for(fd)
    rs, ws, xs = fdset(fd), fdset(fd), fdset(fd)
    say("reset", call("select", fd + 1, rs, ws, xs, struct.pack("ll", 0, 0)), has(rs, fd), has(ws, fd), has(xs, fd))


@case
def select_refused():
    fd = socket(kind=so.SOCK_STREAM | so.SOCK_NONBLOCK)
    connect(fd, PEER, 9)
    ws = fdset(fd)
    say("refused", call("select", fd + 1, None, ws, None, struct.pack("ll", 2, 0)), has(ws, fd), so_error(fd))


@case
def select_urgent():
    fd = passive()
    peer.ask("send", id="p", data="!", oob=True)
    xs = fdset(fd)
    say("urgent", call("select", fd + 1, None, None, xs, struct.pack("ll", 1, 0)), has(xs, fd))


@case
def pselect_works():
    fd = passive()
    t = peer.go("send", id="p", data="x", delay=0.05)
    rs = fdset(fd)
    say("there", call("pselect", fd + 1, rs, None, None, ts(2000), None), has(rs, fd), peer.get(t))
    recv(fd)
    say("none", call("pselect", fd + 1, fdset(fd), None, None, ts(10), None))


# --- signals ---

WAITS = {
    "epoll_wait": lambda fd: call("epoll_wait", set_of((fd, 1)), (EpollEvent * 4)(), 4, 2000),
    "poll": lambda fd: poll([(fd, 1)], 2000)[0],
    "select": lambda fd: call("select", fd + 1, fdset(fd), None, None, struct.pack("ll", 2, 0)),
    "pselect": lambda fd: call("pselect", fd + 1, fdset(fd), None, None, ts(2000), None),
    "ppoll": lambda fd: call("ppoll", ctypes.byref(PollFd(fd, 1)), 1, ts(2000), None),
    "recv": lambda fd: recv(fd),
    "nanosleep": lambda fd: call("nanosleep", ts(2000), None),
    "clock_nanosleep": lambda fd: -libc.clock_nanosleep(1, 0, ts(2000), None),
    "usleep": lambda fd: call("usleep", 900000),
}


def interrupted(name, restart):
    def it():
        fd = passive()
        catch(restart=restart)
        began = time.monotonic()
        alarm(40)
        t = peer.go("send", id="p", data="x", delay=0.15)
        say("rc", WAITS[name](fd), *caught)
        say("time", elapsed(began, 40))
        peer.get(t)
    it.__name__ = f"signal_{'restarts' if restart else 'ends'}_{name}"
    case(it)


for _name in WAITS:
    interrupted(_name, False)
    interrupted(_name, True)


@case
def signal_ends_accept():
    for restart in False, True:
        fd, port = listener()
        catch(restart=restart)
        alarm(40)
        t = peer.go("connect", id="p", host=ME, port=port, delay=0.15)
        rc = accept(fd)
        say("accept", "connection" if rc >= 0 else rc, *caught)
        peer.get(t)


@case
def signal_with_timeout_does_not_restart():
    """signal(7): SO_RCVTIMEO set, EINTR whatever SA_RESTART says."""
    fd = passive()
    setopt(fd, so.SOL_SOCKET, so.SO_RCVTIMEO, struct.pack("ll", 1, 0))
    catch(restart=True)
    alarm(40)
    say("recv", recv(fd), *caught)


def sigset(*sigs):
    return struct.pack("Q", sum(1 << (s - 1) for s in sigs)) + bytes(120)


@case
def mask_lets_a_signal_in():
    """Blocked outside, open within: the reason why there are pselect() and its like."""
    fd = passive()
    calls = {
        "ppoll": lambda m: call("ppoll", ctypes.byref(PollFd(fd, 1)), 1, ts(1000), m),
        "pselect": lambda m: call("pselect", fd + 1, fdset(fd), None, None, ts(1000), m),
        "epoll_pwait": lambda m: call("epoll_pwait", set_of((fd, 1)), (EpollEvent * 4)(), 4, 1000, m),
        "epoll_pwait2": lambda m: call("epoll_pwait2", set_of((fd, 1)), (EpollEvent * 4)(), 4, ts(1000), m),
    }
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    for name_, wait in calls.items():
        catch(signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR1)
        say(name_, *caught, wait(sigset()), *caught)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])


@case
def mask_keeps_a_signal_out():
    fd = passive()
    catch()
    alarm(20)
    began = time.monotonic()
    say("ppoll", call("ppoll", ctypes.byref(PollFd(fd, 1)), 1, ts(60), sigset(signal.SIGALRM)), elapsed(began, 60), *caught)
    alarm(20)
    say("epoll_pwait", call("epoll_pwait", set_of((fd, 1)), (EpollEvent * 4)(), 4, 60, sigset(signal.SIGALRM)), *caught)


@case
def mask_and_what_is_ready():
    """Ready, and a signal pends that the mask lets in: the event is told, and the handler runs."""
    fd = passive()
    peer.ask("send", id="p", data="x")
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    catch(signal.SIGUSR1)
    os.kill(os.getpid(), signal.SIGUSR1)
    say("ppoll", call("ppoll", ctypes.byref(PollFd(fd, 1)), 1, ts(1000), sigset()))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])
    say("handler", *caught)


@case
def signal_ignored_does_not_end():
    fd = passive()
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    alarm(20)
    t = peer.go("send", id="p", data="x", delay=0.08)
    say("recv", recv(fd), peer.get(t))


@case
def signal_back_to_default():
    """What sigaction() says was installed is what the program installed."""
    signal.signal(signal.SIGUSR2, signal.SIG_DFL)
    old = ctypes.create_string_buffer(160)
    call("sigaction", int(signal.SIGUSR2), None, old)
    say("default", struct.unpack("Q", old.raw[:8])[0])
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    call("sigaction", int(signal.SIGUSR2), None, old)
    say("ignored", struct.unpack("Q", old.raw[:8])[0])


@case
def sigtimedwait_works():
    fd = passive()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    alarm(30)
    say("sigwait", signal.sigtimedwait([signal.SIGALRM], 2).si_signo == signal.SIGALRM)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
    peer.ask("send", id="p", data="x")
    say("recv", recv(fd))


@case
def python_sleep_lets_the_peer_in():
    """A program that sleeps answers its peers meanwhile."""
    fd, port = listener()
    t = peer.go("connect", id="p", host=ME, port=port)
    time.sleep(0.3)
    say("there", *poll([(fd, 1)], 0), peer.get(t))
