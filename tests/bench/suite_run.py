# SPDX-License-Identifier: BSD-3-Clause
"""Programs by `tern run` over net_memif, a core each for server and client, beside the same over the kernel's loopback."""
import os
import re
import signal
import subprocess
import time

from harness import (BUILD, CPUS, OUT, TERN, Benchmark, Failed, Skip, Variant, eal, finish, free_hugepages, is_root, netns, numbers,
                     run, start, wait_line)

HOST = "198.51.100.254"
SERVER, CLIENT = ["taskset", "-c", str(CPUS[0])], ["taskset", "-c", str(CPUS[1])]
HERTZ = os.sysconf("SC_CLK_TCK")
CALLS = os.path.join(BUILD, "tests", "bench", "calls")
TAP, VETH = "192.0.2.1", "203.0.113.1"


def config(name, cpu, vdev, addr, more=""):
    """A file for `tern run`: one end of the memif cable."""
    args = " ".join(eal(400, cpu, extra=["--vdev=net_memif0," + vdev])[:-1])
    path = os.path.join(OUT, name)
    with open(path, "w") as f:
        f.write("[eal]\nargs = %s\n[tern]\nmax-timewait = 131072\nmbufs = 32768\nbacklog = 4096\n%s[run]\nidle = spin\n"
                "[if0]\naddr = %s\n" % (args, more, addr))
    return path


def nginx_conf():
    path = os.path.join(OUT, "nginx.conf")
    with open(path, "w") as f:
        f.write("user root; worker_processes 1; daemon off; master_process off; pid %s/nginx.pid; error_log stderr;\n"
                "worker_rlimit_nofile 20000;\nevents { worker_connections 8192; multi_accept on; }\nhttp { access_log off; keepalive_requests "
                "1000000000;\nserver { listen 80 backlog=4096; location / { return 200 \"%s\"; } } }\n" % (OUT, "x" * 64))
    return ["nginx", "-e", "stderr", "-c", path]


def cpu_s(pid):
    """User and system seconds of a process so far."""
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / HERTZ


def answers(ns, port, seconds):
    """Until something listens there, on the loopback."""
    for _ in range(int(seconds * 20)):
        if subprocess.run(ns + ["nc", "-z", "127.0.0.1", str(port)], capture_output=True).returncode == 0:
            return
        time.sleep(0.05)
    raise Failed("nothing listens on port %d" % port)


def by_tern(cmd, device, idle="spin"):
    """The command with its sockets on tern: the server's end of the memif cable, or a tap device."""
    if device == "tap":
        return [TERN, "run", "--idle", idle, "--"] + cmd
    return [TERN, "run", "--config", config("run-server.cfg", CPUS[0], "role=server,rsize=12", HOST + "/24"), "--"] + cmd


def tern_or_kernel(ns, cmd, device, idle="spin"):
    """Start it with its sockets on a device of tern's, where it listens on return, or on the kernel."""
    p = start(ns + SERVER + (by_tern(cmd, device, idle) if device else cmd))
    if device:
        wait_line(p, "tern: listening on", 60)
    return p


def served(ns, cmd, port, device, load, watch=None, idle="spin"):
    """Run the server, on tern's device or, if it is None, on the kernel, and load(). watch(pid, load) may stand in for load(). @return
    load()'s numbers and the server's CPU time of a request: its share of a core while load() ran, over load()'s rate. (Not seconds by
    requests: who spins does so while the client starts, too.)"""
    p = tern_or_kernel(ns, cmd, device, idle)
    try:
        answers(ns, port, 10)
        before, since = cpu_s(p.pid), time.monotonic()
        r = watch(p.pid, load) if watch else load()
        r["server us"] = (cpu_s(p.pid) - before) / (time.monotonic() - since) * 1e6 / r["requests/s"]
    finally:
        finish(p, 20, signal.SIGTERM)
    return r


def veth():
    """A namespace of its own for the kernel's server: the kernel's best way to another namespace. @return its prefix."""
    near, far = netns("run"), netns("far")
    if subprocess.run(far + ["ip", "link", "show", "veth1"], capture_output=True).returncode:
        subprocess.run(near + ["ip", "link", "add", "veth0", "type", "veth", "peer", "name", "veth1", "netns", far[-1]], check=True)
        for ns, dev, addr in ((near, "veth0", "203.0.113.2/24"), (far, "veth1", VETH + "/24")):
            subprocess.run(ns + ["ip", "addr", "add", addr, "dev", dev], check=True)
            subprocess.run(ns + ["ip", "link", "set", dev, "up"], check=True)
    return far


def compared(name, title, tern, kernel):
    """Two functions that each measure requests/s and the server's CPU time of one."""
    return Benchmark(name, title, "requests/s", [Variant("tern", tern), Variant("kernel", kernel)],
                     [("tern/kernel", "requests/s", "tern", "kernel"), ("CPU kernel/tern", "server us", "kernel", "tern")])


# --- nginx ----------------------------------------------------------------------------------------------------------

def load_tern(o, ns, keep):
    args = ["--requests-per-conn", "1000000"] if keep else []
    text = run(ns + CLIENT + [TERN] + eal(400, CPUS[1], extra=["--vdev=net_memif0,rsize=12"]) + [
        "--role", "client", "--addr", "198.51.100.1/24+200", "--connect", HOST + ":80", "--mbufs", "32768", "--http", "/",
        "--duration", str(o.seconds), "--concurrency", "128"] + args, o.seconds + 60, ok=(0, 1))
    r = numbers(r"client: (\d+) responses", text, ["n"])
    if not re.search(r" 0 failed", text):
        raise Failed("connections failed:\n" + text[-1000:])
    return {"requests/s": r["n"] / o.seconds}


def load_wrk(o, ns, keep, host="127.0.0.1"):
    text = run(ns + CLIENT + ["wrk", "-t1", "-c128", "-d%d" % o.seconds] + ([] if keep else ["-H", "Connection: close"]) +
               ["http://%s/" % host], o.seconds + 60)
    r = numbers(r"(\d+) requests in", text, ["n"])
    if "Socket errors" in text and not re.search(r"connect 0, read \d+, write 0, timeout 0", text):
        raise Failed("connections failed:\n" + text[-1000:])
    return {"requests/s": r["n"] / o.seconds}


KEEP = {False: ("close", "Connection: close"), True: ("keep", "keep-alive")}


def http(o, name, title, cmd, keep):
    ns = netns("run")
    return compared("run-%s-%s" % (name, KEEP[keep][0]), "%s, 64 bytes, %s" % (title, KEEP[keep][1]),
                    lambda: served(ns, cmd, 80, "memif", lambda: load_tern(o, ns, keep)),
                    lambda: served(ns, cmd, 80, None, lambda: load_wrk(o, ns, keep)))


def http_tap(o, keep):
    """The kernel's client beside either: what is left of it where each packet is two system calls."""
    ns = netns("run")
    return compared("run-tap-" + KEEP[keep][0], "nginx over a tap device, the kernel over veth, wrk, " + KEEP[keep][1],
                    lambda: served(ns, nginx_conf(), 80, "tap", lambda: load_wrk(o, ns, keep, TAP)),
                    lambda: served(veth(), nginx_conf(), 80, None, lambda: load_wrk(o, ns, keep, VETH)))


def haproxy_conf():
    path = os.path.join(OUT, "haproxy.cfg")
    with open(path, "w") as f:
        f.write("global\n nbthread 1\n maxconn 8000\ndefaults\n mode http\n timeout connect 5s\n timeout client 10s\n timeout server "
                "10s\nfrontend f\n bind :80\n http-request return status 200 content-type text/plain string \"%s\"\n" % ("x" * 64))
    return ["haproxy", "-f", path]


# --- redis and memcached --------------------------------------------------------------------------------------------

def load_redis(o, ns, tern, what):
    n = o.seconds * (200000 if tern else 30000)
    text = run(ns + by_client(tern) + ["redis-benchmark", "-h", HOST if tern else "127.0.0.1", "-q", "-c", "50", "-t", what, "-n", str(n)],
               o.seconds * 30 + 60)
    return {"requests/s": numbers(r"%s: ([\d.]+) requests per second" % what.upper(), text, ["r"])["r"]}


def redis(o, what):
    ns = netns("run")
    cmd = ["redis-server", "--port", "6379", "--protected-mode", "no", "--save", "", "--dir", OUT]
    return compared("run-redis-" + what, "redis %s, 50 connections, no pipelining" % what.upper(),
                    *(lambda d=d: served(ns, cmd, 6379, d, lambda: load_redis(o, ns, d, what)) for d in ("memif", None)))


def by_client(tern):
    """What starts a program of the client's core."""
    return CLIENT + ([TERN, "run", "--config", config("run-client.cfg", CPUS[1], "rsize=12", "198.51.100.1/24"), "--"] if tern else [])


def load_memcached(o, ns, tern):
    text = run(ns + by_client(tern) + [CALLS, "ask", HOST if tern else "127.0.0.1", "11211", str(o.seconds), "50", "get a\r\n",
                                       "END\r\n"], o.seconds + 60)
    n = numbers(r"(\d+) answers", text, ["n"])["n"]
    return {"requests/s": n / o.seconds}


def memcached(o):
    ns = netns("run")
    cmd = ["memcached", "-u", "root", "-t", "1", "-l", "0.0.0.0", "-p", "11211"]
    return compared("run-memcached-get", "memcached get, 50 connections, no pipelining",
                    *(lambda d=d: served(ns, cmd, 11211, d, lambda: load_memcached(o, ns, d)) for d in ("memif", None)))


def can(huge):
    if not is_root():
        raise Skip("a network namespace needs root")
    if free_hugepages() < huge:
        raise Skip("two processes need %d free huge pages of 2 MB (scripts/setup.sh hugepages)" % huge)


def programs(o):
    can(2 * 208)
    for keep in (False, True):
        yield http(o, "nginx", "nginx", nginx_conf(), keep)
    for what in ("get", "set"):
        yield redis(o, what)
    yield http(o, "haproxy", "haproxy's own answer", haproxy_conf(), False)
    yield memcached(o)
    for keep in (False, True):
        yield http_tap(o, keep)
