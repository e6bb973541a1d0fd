# SPDX-License-Identifier: BSD-3-Clause
"""Children, threads, stdio, and Python's own modules."""
import asyncio
import ctypes
import errno
import os
import selectors
import signal
import socket as so
import struct
import subprocess
import sys
import threading

from bed import *


# --- stdio ---

@case
def fdopen_reads_lines():
    fd = passive()
    peer.ask("send", id="p", data="one\ntwo\nthree")
    peer.ask("shut", id="p")
    libc.fdopen.restype = libc.fgets.restype = ctypes.c_void_p
    file = ctypes.c_void_p(libc.fdopen(fd, b"r"))
    buf = ctypes.create_string_buffer(64)
    while libc.fgets(buf, 64, file):
        say("line", buf.value)
    say("end", libc.feof(file) != 0, libc.ferror(file), libc.fileno(file) == fd)
    opened.remove(fd)
    say("close", libc.fclose(file), fcntl(fd, 1))


@case
def fdopen_writes():
    fd = passive()
    libc.fdopen.restype = ctypes.c_void_p
    file = ctypes.c_void_p(libc.fdopen(fd, b"w"))
    t = peer.go("drain", id="p")
    say("print", libc.fputs(b"hello, ", file) >= 0, libc.fprintf(file, b"%s\n", b"world"))
    say("flush", libc.fflush(file))
    opened.remove(fd)
    say("close", libc.fclose(file), peer.get(t))


@case
def fdopen_both_ways():
    fd = passive()
    libc.fdopen.restype = libc.fgets.restype = ctypes.c_void_p
    other = keep(call("dup", fd))
    rd, wr = ctypes.c_void_p(libc.fdopen(fd, b"r")), ctypes.c_void_p(libc.fdopen(other, b"w"))
    say("seek", libc.fseek(rd, 0, 0))
    libc.fputs(b"ask\n", wr)
    libc.fflush(wr)
    say("peer", peer.ask("recv", id="p", n=4))
    t = peer.go("send", id="p", data="answer\n", delay=0.05)
    buf = ctypes.create_string_buffer(64)
    libc.fgets(buf, 64, rd)
    say("line", buf.value, peer.get(t))
    opened.remove(fd), opened.remove(other)
    say("close", libc.fclose(wr), libc.fclose(rd))


@case
def fdopen_errors():
    fd = passive()
    libc.fdopen.restype = ctypes.c_void_p
    ctypes.set_errno(0)
    say("mode", libc.fdopen(fd, b"q") is None, errno.errorcode.get(ctypes.get_errno()))


@case
def dprintf_writes():
    fd = passive()
    say("dprintf", libc.dprintf(fd, b"%d-%s", 42, b"x"), peer.ask("recv", id="p", n=4))


# --- children ---

def child_of(fn):
    """What fn prints comes from a forked child; its status."""
    pid = os.fork()
    if pid == 0:
        fn()
        os._exit(7)
    while True:
        got, status = os.waitpid(pid, os.WNOHANG)
        if got:
            return os.waitstatus_to_exitcode(status)
        settle(5)


@case
def fork_child_closes_and_goes():
    fd = passive()

    def child():
        call("close", fd)
    say("child", child_of(child))
    peer.ask("send", id="p", data="still")
    say("parent", recv(fd), send(fd, b"here"), peer.ask("recv", id="p", n=4))


@case
def fork_child_does_nothing():
    fd, (lfd, port) = passive(), listener()
    say("child", child_of(lambda: None))
    t = peer.go("connect", id="q", host=ME, port=port)
    say("parent", accept(lfd) >= 0, peer.get(t), send(fd, b"here"), peer.ask("recv", id="p", n=4))


@case
def fork_child_uses_the_kernel():
    passive()

    def child():
        a, b = so.socketpair()
        send(a.fileno(), b"x")
        say("pair", recv(b.fileno()), *poll([(b.fileno(), 4)], 10))
        srv, c = call("socket", so.AF_INET, so.SOCK_STREAM, 0), call("socket", so.AF_INET, so.SOCK_STREAM, 0)
        say("loopback", bind(srv, "127.0.0.1", 0), listen(srv), connect(c, "127.0.0.1", name(srv)[2]))
    say("child", child_of(child))


@case
def forkpty_child_closes_and_goes():
    """libc forks by itself."""
    fd = passive()
    pid, pty = os.forkpty()
    if pid == 0:
        call("close", fd)
        settle(20)
        os._exit(7)
    keep(pty)
    say("child", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    peer.ask("send", id="p", data="still")
    say("parent", recv(fd), send(fd, b"here"), peer.ask("recv", id="p", n=4))


@case
def fork_while_threads_are_busy():
    fd, over = passive(), []

    def busy():
        while not over:
            wait_for(fd, ms=20)
    threads = [threading.Thread(target=busy) for _ in range(3)]
    for t in threads:
        t.start()
    children = [child_of(lambda: call("close", fd)) for _ in range(20)]
    over.append(True)
    for t in threads:
        t.join()
    say("children", *sorted(set(children)))


@case
def fork_child_reads_the_connection():
    """What a child that goes on with its parent's connection is told."""
    fd = passive()
    peer.ask("send", id="p", data="x")

    def child():
        say("recv", recv(fd, 1, so.MSG_DONTWAIT))
    say("child", child_of(child))


@case
def exec_with_a_connection_open():
    fd = passive()
    say("status", subprocess.run(["/bin/sh", "-c", "exit 3"], close_fds=False).returncode)
    peer.ask("send", id="p", data="still")
    say("parent", recv(fd), send(fd, b"here"), peer.ask("recv", id="p", n=4))


TAKER = """
import socket, sys
l = socket.socket(fileno=int(sys.argv[1]))
c, _ = l.accept()
print(l.getsockname(), c.recv(100))
for s in l, c:
    for level, opt, n in %s:
        print(s.getsockopt(level, opt, n) if n else s.getsockopt(level, opt), end=" ")
    print()
c.sendall(b"got it")
"""
SET_BEFORE = [(so.SOL_SOCKET, so.SO_KEEPALIVE, 1), (so.SOL_SOCKET, so.SO_RCVBUF, 30000), (so.SOL_SOCKET, so.SO_SNDBUF, 40000),
              (so.IPPROTO_TCP, so.TCP_NODELAY, 1), (so.IPPROTO_TCP, so.TCP_KEEPIDLE, 77), (so.IPPROTO_TCP, so.TCP_KEEPINTVL, 7),
              (so.IPPROTO_TCP, so.TCP_KEEPCNT, 5), (so.IPPROTO_TCP, so.TCP_USER_TIMEOUT, 5000), (so.IPPROTO_IP, so.IP_TTL, 33),
              (so.IPPROTO_IP, so.IP_TOS, 0x10), (so.IPPROTO_TCP, so.TCP_CONGESTION, b"reno"),
              (so.SOL_SOCKET, so.SO_LINGER, struct.pack("ii", 1, 7)), (so.SOL_SOCKET, so.SO_RCVTIMEO, struct.pack("ll", 30, 0)),
              (so.SOL_SOCKET, so.SO_SNDTIMEO, struct.pack("ll", 40, 0))]
TAKER %= [(level, opt, 0 if isinstance(v, int) else 16) for level, opt, v in SET_BEFORE]


@case
def listener_goes_over_exec():
    """To a program that waits in accept(), with nothing in its environment; who comes before it does is refused by the stack."""
    fd, port = socket(), new_port()
    say("set", *[setopt(fd, level, opt, v) for level, opt, v in SET_BEFORE], bind(fd, ME, port), listen(fd))
    os.set_inheritable(fd, False)
    say("closed", subprocess.run([sys.executable, "-c", TAKER, str(fd)], close_fds=False, env={}, capture_output=True).returncode)
    os.set_inheritable(fd, True)
    child = subprocess.Popen([sys.executable, "-c", TAKER, str(fd)], close_fds=False, env={}, stdout=subprocess.PIPE)
    close(fd)
    for _ in range(100):
        if peer.ask("connect", id="p", host=ME, port=port) == "ok":
            break
        settle(100)
    peer.ask("send", id="p", data="hello")
    say("child", child.communicate(timeout=10)[0].decode().strip().replace(str(port), "PORT"), child.returncode)
    say("peer", peer.ask("recv", id="p", n=6))


@case
def posix_spawn_works():
    fd = passive()
    pid = os.posix_spawn("/bin/true", ["true"], {})
    say("status", os.waitpid(pid, 0)[1])
    peer.ask("send", id="p", data="still")
    say("parent", recv(fd))


@case
def system_and_popen():
    fd = passive()
    say("system", libc.system(b"exit 5") >> 8)
    with os.popen("echo hello") as pipe:
        say("popen", pipe.read().strip())
    peer.ask("send", id="p", data="still")
    say("parent", recv(fd))


@case
def child_gets_pipes_as_stdio():
    fd = passive()
    done = subprocess.run(["/bin/cat"], input=b"through", capture_output=True)
    say("cat", done.returncode, done.stdout)
    peer.ask("send", id="p", data="still")
    say("parent", recv(fd))


@case
def cloexec_child_does_not_hold_it():
    """Closed in the parent while a child of exec() lives: the peer sees the end at once."""
    fd = passive()
    fcntl(fd, 2, 1)
    t = peer.go("drain", id="p")
    child = subprocess.Popen(["/bin/sleep", "3"])
    close(fd)
    say("peer", peer.get(t))
    child.kill()
    child.wait()


# --- threads ---

def beside(fn, ms=50):
    """fn in a thread of its own, a little later."""
    def it():
        settle(ms)
        fn()
    t = threading.Thread(target=it)
    t.start()
    return t


@case
def thread_sends_while_another_receives():
    fd = passive()
    t = beside(lambda: send(fd, b"ask"))
    a = peer.go("recv", id="p", n=3)
    b = peer.go("send", id="p", data="answer", delay=0.1)
    say("recv", recv(fd), peer.get(a), peer.get(b))
    t.join()


@case
def thread_shuts_down_who_receives():
    fd = passive()
    t = beside(lambda: call("shutdown", fd, so.SHUT_RDWR))
    say("recv", recv(fd))
    t.join()


@case
def thread_shuts_down_a_listener():
    fd, port = listener()
    t = beside(lambda: call("shutdown", fd, so.SHUT_RD))
    say("accept", accept(fd))
    t.join()


@case
def thread_adds_to_a_set_waited_for():
    ep, fd = epoll(), passive()
    ctl(ep, ADD, keep(call("eventfd", 0, 0)), 1)
    t = beside(lambda: ctl(ep, ADD, fd, 4, 5))
    say("wait", ewait(ep, 3000))
    t.join()


@case
def thread_modifies_a_set_waited_for():
    fd = passive()
    ep = epoll()
    ctl(ep, ADD, fd, 1, 5)
    t = beside(lambda: ctl(ep, MOD, fd, 4, 6))
    say("wait", ewait(ep, 3000))
    t.join()


@case
def thread_closes_what_is_waited_for():
    fd = passive()
    ep = epoll()
    ctl(ep, ADD, fd, 1, 5)
    t = beside(lambda: close(fd))
    say("wait", ewait(ep, 200))
    t.join()


@case
def thread_wakes_by_an_eventfd():
    ev, fd = keep(call("eventfd", 0, 0)), passive()
    ep = epoll()
    ctl(ep, ADD, ev, 1, 1)
    ctl(ep, ADD, fd, 1, 2)
    t = beside(lambda: os.write(ev, struct.pack("Q", 1)))
    say("wait", ewait(ep, 3000))
    t.join()


def several(n):
    """n accepted connections by their names at the peer's end."""
    fd, port = listener()
    fds = {}
    for i in range(n):
        t = peer.go("connect", id=f"t{i}", host=ME, port=port)
        fds[f"t{i}"] = accept(fd)
        peer.get(t)
    return fds


@case
def threads_of_many():
    """Eight threads, a connection each, all at once; each has its own text."""
    fds = several(8)
    got = {}

    def echo(i):
        text = recv(fds[i], 10)
        got[i] = text
        send(fds[i], text)
    threads = [threading.Thread(target=echo, args=(i,)) for i in fds]
    for t in threads:
        t.start()
    tickets = [peer.go("send", id=i, data=i, acked=False) for i in fds]
    for t in threads:
        t.join(5)
    for t in tickets:
        peer.get(t)
    say("recv", *[got.get(i) for i in fds])
    say("peer", *[peer.ask("recv", id=i, n=2) for i in fds])


@case
def threads_in_turns():
    """Four threads, a connection each, all asleep: a packet wakes one, which finds that it is for another."""
    fds = several(4)
    rounds = 10

    def echo(i):
        for _ in range(rounds):
            send(fds[i], recv(fds[i], 10))
    threads = [threading.Thread(target=echo, args=(i,)) for i in fds]
    for t in threads:
        t.start()
    for _ in range(rounds):
        for i in fds:
            peer.ask("send", id=i, data=i, acked=False)
            if peer.ask("recv", id=i, n=2) != i:
                say("peer", i, "has another answer")
    for t in threads:
        t.join(5)
    say("echoes", sum(not t.is_alive() for t in threads))


@case
def threads_accept_together():
    fd, port = listener()
    got = []
    threads = [threading.Thread(target=lambda: got.append(accept(fd))) for _ in range(3)]
    for t in threads:
        t.start()
    tickets = [peer.go("connect", id=f"p{i}", host=ME, port=port) for i in range(3)]
    say("peer", *[peer.get(t) for t in tickets])
    for t in threads:
        t.join(5)
    say("accept", len(got), all(x >= 0 for x in got), len(set(got)))


@case
def threads_wait_in_one_set():
    fd, ep = passive(), epoll()
    ctl(ep, ADD, fd, 1 | ONESHOT, 5)
    got = []
    threads = [threading.Thread(target=lambda: got.append(ewait(ep, 400))) for _ in range(3)]
    for t in threads:
        t.start()
    peer.ask("send", id="p", data="x")
    for t in threads:
        t.join(5)
    say("told", sorted(map(str, got)))


@case
def thread_blocks_in_the_kernel():
    """One waits in recv() of a pipe; another's connection goes on."""
    r_, w_ = map(keep, os.pipe())
    t = threading.Thread(target=lambda: os.read(r_, 1))
    t.start()
    fd = passive()
    peer.ask("send", id="p", data="x")
    say("recv", recv(fd))
    os.write(w_, b"x")
    t.join(3)
    say("joined", not t.is_alive())


@case
def all_signals_are_reset():
    """As haproxy does when it leaves; a device may have taken one that was free."""
    fd = passive()
    for sig in range(signal.SIGRTMIN, signal.SIGRTMAX + 1):
        was = signal.signal(sig, signal.SIG_DFL)
        if was != signal.SIG_DFL:
            say("was", sig, was)
    peer.ask("send", id="p", data="x")
    settle(50)
    say("recv", recv(fd))


@case
def signal_to_a_thread():
    fd, got = passive(), []
    catch(signal.SIGUSR1)
    t = threading.Thread(target=lambda: got.append(recv(fd)))
    t.start()
    settle(50)
    signal.pthread_kill(t.ident, signal.SIGUSR1)
    t.join(3)
    say("recv", *got)


# --- Python's own ---

@case
def python_socket_timeout():
    with so.create_server((ME, new_port())) as srv:
        srv.settimeout(0.05)
        try:
            srv.accept()
        except TimeoutError as e:
            say("accept", e)


@case
def python_makefile():
    with so.create_server((ME, new_port())) as srv:
        t = peer.go("connect", id="p", host=ME, port=srv.getsockname()[1])
        conn, _ = srv.accept()
        peer.get(t)
        with conn, conn.makefile("rwb") as file:
            peer.ask("send", id="p", data="line\n")
            say("line", file.readline())
            file.write(b"answer\n")
            file.flush()
            say("peer", peer.ask("recv", id="p", n=7))


@case
def python_selectors():
    fd = passive()
    for kind in selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector:
        with kind() as s:
            s.register(fd, selectors.EVENT_READ | selectors.EVENT_WRITE, "data")
            say(kind.__name__, *[(k.data, ev) for k, ev in s.select(1)])


@case
def python_asyncio_server():
    async def serve(reader, writer):
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    async def run():
        srv = await asyncio.start_server(serve, ME, new_port())
        port = srv.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        conn = await loop.run_in_executor(None, lambda: peer.ask("connect", id="p", host=ME, port=port))
        sent = await loop.run_in_executor(None, lambda: peer.ask("send", id="p", data="hello\n", acked=False))
        say("peer", conn, sent, await loop.run_in_executor(None, lambda: peer.ask("drain", id="p")))
        srv.close()
    asyncio.run(asyncio.wait_for(run(), 8))


@case
def python_asyncio_client():
    async def run():
        port = peer.ask("listen", id="l")
        reader, writer = await asyncio.open_connection(PEER, port)
        peer.ask("accept", id="l", new="p")
        writer.write(b"hello")
        await writer.drain()
        say("peer", peer.ask("recv", id="p", n=5), peer.ask("send", id="p", data="answer"), peer.ask("shut", id="p"))
        say("read", await reader.read())
        writer.close()
        await writer.wait_closed()
    asyncio.run(asyncio.wait_for(run(), 8))


@case
def python_sendfile():
    import tempfile
    with so.create_server((ME, new_port())) as srv, tempfile.TemporaryFile() as file:
        file.write(bytes(range(256)) * 1000)
        file.flush()
        t = peer.go("connect", id="p", host=ME, port=srv.getsockname()[1])
        conn, _ = srv.accept()
        peer.get(t)
        d = peer.go("drain", id="p")
        with conn:
            say("sent", conn.sendfile(file))
        say("peer", peer.get(d))
