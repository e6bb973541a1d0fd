# SPDX-License-Identifier: BSD-3-Clause
"""Options: each on a new socket, a listener, an accepted and an opened connection; what programs read back."""
import socket as so
import struct

from bed import *

SOL, TCP, IP, IP6 = so.SOL_SOCKET, so.IPPROTO_TCP, so.IPPROTO_IP, so.IPPROTO_IPV6
TCP_USER_TIMEOUT, TCP_DEFER_ACCEPT, TCP_FASTOPEN, TCP_FASTOPEN_CONNECT = 18, 9, 23, 30
SO_ZEROCOPY, TCP_MD5SIG = 60, 14


def states(family=so.AF_INET):
    yield "new", socket(family)
    yield "listens", listener(ME6 if family == so.AF_INET6 else ME, family)[0]
    yield "accepted", passive(ME6 if family == so.AF_INET6 else ME, family)
    yield "opened", active(PEER6 if family == so.AF_INET6 else PEER, family)


def flag(level, opt, family=so.AF_INET):
    for state, fd in states(family):
        say(state, getopt(fd, level, opt))
        for v in 1, 5, 0, -1:
            say(f"{state} {v}", setopt(fd, level, opt, v), getopt(fd, level, opt))
        say(f"{state} short", setopt(fd, level, opt, b"\1"), getraw(fd, level, opt, 8) if level != TCP else b"")


def number(level, opt, values, family=so.AF_INET):
    for state, fd in states(family):
        say(state, getopt(fd, level, opt))
        for v in values:
            say(f"{state} {v}", setopt(fd, level, opt, v), getopt(fd, level, opt))
        say(f"{state} short", setopt(fd, level, opt, b"\1"))


def simple(name, how, *args):
    def it():
        how(*args)
    it.__name__ = f"opt_{name}"
    case(it)


for _name, _level, _opt in (
        ("reuseaddr", SOL, so.SO_REUSEADDR), ("reuseport", SOL, so.SO_REUSEPORT), ("keepalive", SOL, so.SO_KEEPALIVE),
        ("oobinline", SOL, so.SO_OOBINLINE), ("dontroute", SOL, so.SO_DONTROUTE), ("broadcast", SOL, so.SO_BROADCAST),
        ("timestamp", SOL, so.SO_TIMESTAMP if hasattr(so, "SO_TIMESTAMP") else 29),
        ("nodelay", TCP, so.TCP_NODELAY), ("cork", TCP, so.TCP_CORK), ("quickack_flag", TCP, so.TCP_QUICKACK)):
    simple(_name, flag, _level, _opt)

for _name, _level, _opt, _values in (
        ("keepidle", TCP, so.TCP_KEEPIDLE, (0, 1, 60, 32767, 32768, -1)),
        ("keepintvl", TCP, so.TCP_KEEPINTVL, (0, 1, 60, 32767, 32768)),
        ("keepcnt", TCP, so.TCP_KEEPCNT, (0, 1, 127, 128)),
        ("syncnt", TCP, so.TCP_SYNCNT, (0, 1, 6, 127, 128)),
        ("user_timeout", TCP, TCP_USER_TIMEOUT, (0, 5000, -1)),
        ("linger2", TCP, so.TCP_LINGER2, (5, 0)),
        ("notsent_lowat", TCP, 25, (16384, 0)),
        ("priority", SOL, so.SO_PRIORITY, (0, 4, 6)),
        ("mark", SOL, so.SO_MARK, (0, 7)),
        ("busy_poll", SOL, 46, (0, 50)),
        ("rcvlowat", SOL, so.SO_RCVLOWAT, (1, 0)),
        ("ttl", IP, so.IP_TTL, (1, 64, 255, 256, 0, -1)),
        ("tos", IP, so.IP_TOS, (0, 0x10, 0xb8)),
        ("mtu_discover", IP, 10, (0, 1, 2, 3)),
        ("freebind", IP, 15, (1, 0)),
        ("transparent", IP, 19, (1, 0)),
        ("bind_address_no_port", IP, 24, (1, 0))):
    simple(_name, number, _level, _opt, _values)

for _name, _opt, _values in ("unicast_hops", so.IPV6_UNICAST_HOPS, (1, 64, 255, 256)), ("tclass", so.IPV6_TCLASS, (0, 0x10, 0xb8)):
    simple(_name, number, IP6, _opt, _values, so.AF_INET6)


@case
def opt_v6only():
    fd = socket(so.AF_INET6)
    say("set", getopt(fd, IP6, so.IPV6_V6ONLY), setopt(fd, IP6, so.IPV6_V6ONLY, 1), getopt(fd, IP6, so.IPV6_V6ONLY))
    bind(fd, ME6, new_port())
    say("bound", setopt(fd, IP6, so.IPV6_V6ONLY, 0), getopt(fd, IP6, so.IPV6_V6ONLY))
    say("accepted", setopt(passive(ME6, so.AF_INET6), IP6, so.IPV6_V6ONLY, 1))


@case
def opt_buffers():
    for state, fd in states():
        for opt in so.SO_SNDBUF, so.SO_RCVBUF:
            say(state, getopt(fd, SOL, opt) > 4096, setopt(fd, SOL, opt, 20000), getopt(fd, SOL, opt))
            say(f"{state} small", setopt(fd, SOL, opt, 1), 0 < getopt(fd, SOL, opt) <= 9216, setopt(fd, SOL, opt, -1))


@case
def opt_buffers_forced():
    fd = passive()
    for opt in so.SO_SNDBUF, so.SO_RCVBUF:
        say("force", setopt(fd, SOL, {so.SO_SNDBUF: 32, so.SO_RCVBUF: 33}[opt], 3000000), getopt(fd, SOL, opt))


@case
def opt_linger():
    for state, fd in states():
        say(state, getraw(fd, SOL, so.SO_LINGER, 8).hex())
        for on, s in (1, 0), (1, 30), (0, 30):
            say(state, setopt(fd, SOL, so.SO_LINGER, struct.pack("ii", on, s)), getraw(fd, SOL, so.SO_LINGER, 8).hex())
        say("short", setopt(fd, SOL, so.SO_LINGER, 1))


@case
def opt_timeouts():
    for state, fd in states():
        for opt in so.SO_RCVTIMEO, so.SO_SNDTIMEO:
            say(state, getraw(fd, SOL, opt, 16).hex(), setopt(fd, SOL, opt, struct.pack("ll", 2, 500000)), getraw(fd, SOL, opt, 16).hex())
            say("bad", setopt(fd, SOL, opt, struct.pack("ll", 0, 1000000)), setopt(fd, SOL, opt, 1))
            say("negative", setopt(fd, SOL, opt, struct.pack("ll", -1, 0)), getraw(fd, SOL, opt, 16).hex())


@case
def opt_what_it_is():
    for state, fd in states():
        say(state, *[getopt(fd, SOL, o) for o in (so.SO_TYPE, so.SO_DOMAIN, so.SO_PROTOCOL, so.SO_ACCEPTCONN, so.SO_ERROR)])
        say("set", *[setopt(fd, SOL, o, 1) for o in (so.SO_TYPE, so.SO_DOMAIN, so.SO_PROTOCOL, so.SO_ACCEPTCONN, so.SO_ERROR)])


@case
def opt_unknown():
    for state, fd in states():
        say(state, setopt(fd, SOL, 9999, 1), getopt(fd, SOL, 9999), setopt(fd, TCP, 9999, 1), getopt(fd, TCP, 9999))
        say("level", setopt(fd, 9999, 1, 1), getopt(fd, 9999, 1))


@case
def opt_promises():
    """Taken and not kept they would be waited for, or relied on."""
    md5 = addr(PEER, 0).ljust(128, b"\0") + struct.pack("=BBHi80s", 0, 0, 3, 0, b"key")
    for state, fd in states():
        say("zerocopy", setopt(fd, SOL, SO_ZEROCOPY, 1))
        say("md5", setopt(fd, TCP, TCP_MD5SIG, md5))
        say("off", setopt(fd, SOL, SO_ZEROCOPY, 0))


@case
def opt_lengths():
    for state, fd in states():
        for level, opt in (TCP, so.TCP_NODELAY), (SOL, so.SO_KEEPALIVE), (SOL, so.SO_ERROR), (TCP, so.TCP_KEEPIDLE):
            say(state, *[getraw(fd, level, opt, n) if n else "" for n in (0, 1, 2, 4, 8)])
            say("long", setopt(fd, level, opt, struct.pack("ii", 1, 0)) if opt != so.SO_ERROR else 0, setopt(fd, level, opt, b""))


@case
def opt_null():
    fd = passive()
    say("set", call("setsockopt", fd, TCP, so.TCP_NODELAY, None, 4), call("setsockopt", fd, SOL, so.SO_KEEPALIVE, None, 4))


@case
def opt_congestion():
    for state, fd in states():
        say(state, len(getraw(fd, TCP, so.TCP_CONGESTION, 16)), setopt(fd, TCP, so.TCP_CONGESTION, b"reno"), getraw(fd, TCP, so.TCP_CONGESTION, 16))
        say("unknown", setopt(fd, TCP, so.TCP_CONGESTION, b"nothing"), setopt(fd, TCP, so.TCP_CONGESTION, b"cubic\0\0"))
        say("short", getraw(fd, TCP, so.TCP_CONGESTION, 3))


@case
def opt_maxseg():
    fd = socket()
    say("new", getopt(fd, TCP, so.TCP_MAXSEG), setopt(fd, TCP, so.TCP_MAXSEG, 1000), setopt(fd, TCP, so.TCP_MAXSEG, 1), setopt(fd, TCP, so.TCP_MAXSEG, 40000))
    p = peer.ask("listen", id="l")
    say("connect", connect(fd, PEER, p), 900 < getopt(fd, TCP, so.TCP_MAXSEG) <= 1000)
    say("accepted", 1300 < getopt(passive(), TCP, so.TCP_MAXSEG) <= 1460)


@case
def opt_defer_accept():
    for state, fd in states():
        say(state, getopt(fd, TCP, TCP_DEFER_ACCEPT), setopt(fd, TCP, TCP_DEFER_ACCEPT, 1), getopt(fd, TCP, TCP_DEFER_ACCEPT))


@case
def defer_accept_with_data():
    fd, port = socket(), new_port()
    say("set", setopt(fd, TCP, TCP_DEFER_ACCEPT, 5), bind(fd, ME, port), listen(fd))
    t = peer.go("connect", id="p", host=ME, port=port)
    say("empty", *poll([(fd, 1)], 100))
    peer.get(t)
    t = peer.go("send", id="p", data="hello", acked=False)
    say("data", *poll([(fd, 1)], 2000))
    got = accept(fd)
    say("recv", recv(got), peer.get(t))


@case
def opt_fastopen():
    for state, fd in states():
        say(state, setopt(fd, TCP, TCP_FASTOPEN, 5), getopt(fd, TCP, TCP_FASTOPEN))
        say("connect", setopt(fd, TCP, TCP_FASTOPEN_CONNECT, 1))


@case
def fastopen_connect():
    p = peer.ask("listen", id="l")
    fd = socket()
    setopt(fd, TCP, TCP_FASTOPEN_CONNECT, 1)
    say("connect", connect(fd, PEER, p), send(fd, b"hello"))
    say("peer", peer.ask("accept", id="l", new="p"), peer.ask("recv", id="p", n=5))


@case
def fastopen_sendto():
    p = peer.ask("listen", id="l")
    fd, a = socket(), addr(PEER, p)
    say("sendto", call("sendto", fd, b"hello", 5, 0x20000000, a, len(a)))
    say("peer", peer.ask("accept", id="l", new="p"), peer.ask("recv", id="p", n=5))


@case
def opt_inherited():
    """What an accepted connection has of its listener."""
    fd, port = socket(), new_port()
    say("congestion", setopt(fd, TCP, so.TCP_CONGESTION, b"reno"))
    ints = ((SOL, so.SO_KEEPALIVE, 1), (TCP, so.TCP_NODELAY, 1), (TCP, so.TCP_KEEPIDLE, 77), (TCP, TCP_USER_TIMEOUT, 5000), (IP, so.IP_TTL, 33),
            (IP, so.IP_TOS, 0x10), (SOL, so.SO_REUSEADDR, 1), (SOL, so.SO_OOBINLINE, 1), (SOL, so.SO_PRIORITY, 3), (TCP, TCP_DEFER_ACCEPT, 0))
    say("set", *[setopt(fd, level, opt, v) for level, opt, v in ints])
    setopt(fd, SOL, so.SO_LINGER, struct.pack("ii", 1, 7))
    setopt(fd, SOL, so.SO_RCVTIMEO, struct.pack("ll", 3, 0))
    setopt(fd, SOL, so.SO_SNDTIMEO, struct.pack("ll", 4, 0))
    say("listen", bind(fd, ME, port), listen(fd))
    t = peer.go("connect", id="p", host=ME, port=port)
    got = accept(fd)
    peer.get(t)
    say("get", *[getopt(got, level, opt) for level, opt, v in ints])
    say("linger", getraw(got, SOL, so.SO_LINGER, 8).hex())
    say("congestion", getraw(got, TCP, so.TCP_CONGESTION, 16))
    say("timeouts", getraw(got, SOL, so.SO_RCVTIMEO, 16).hex(), getraw(got, SOL, so.SO_SNDTIMEO, 16).hex())


@case
def opt_set_before_connect():
    def before(fd):
        say("set", setopt(fd, TCP, so.TCP_NODELAY, 1), setopt(fd, SOL, so.SO_KEEPALIVE, 1), setopt(fd, TCP, so.TCP_KEEPCNT, 4),
            setopt(fd, IP, so.IP_TTL, 44))
    fd = active(before=before)
    say("get", getopt(fd, TCP, so.TCP_NODELAY), getopt(fd, SOL, so.SO_KEEPALIVE), getopt(fd, TCP, so.TCP_KEEPCNT), getopt(fd, IP, so.IP_TTL))


@case
def opt_bindtodevice():
    fd = socket()
    say("set", setopt(fd, SOL, so.SO_BINDTODEVICE, b"none9\0"), getraw(fd, SOL, so.SO_BINDTODEVICE, 16))


@case
def opt_peercred_and_filter():
    fd = passive()
    say("cookie", len(getraw(fd, SOL, 57, 8)), len(getraw(fd, SOL, 48, 4)) if not isinstance(getraw(fd, SOL, 48, 4), int) else "none")
    say("peercred", len(getraw(fd, SOL, so.SO_PEERCRED, 12)))
    say("original", getraw(fd, IP, 80, 16))
    say("ulp", setopt(fd, TCP, 31, b"tls\0") <= 0)


# --- TCP_INFO ---

STATES = {1: "ESTABLISHED", 2: "SYN_SENT", 4: "FIN_WAIT1", 5: "FIN_WAIT2", 6: "TIME_WAIT", 7: "CLOSE", 8: "CLOSE_WAIT", 9: "LAST_ACK", 10: "LISTEN"}


def info(fd, n=232):
    raw = getraw(fd, TCP, so.TCP_INFO, n)
    return raw if isinstance(raw, int) else raw + bytes(256 - len(raw))


def words(raw):
    return dict(zip("rto ato snd_mss rcv_mss unacked sacked lost retrans fackets last_data_sent last_ack_sent last_data_recv last_ack_recv pmtu "
                    "rcv_ssthresh rtt rttvar snd_ssthresh snd_cwnd advmss reordering rcv_rtt rcv_space total_retrans".split(),
                    struct.unpack("24I", raw[8:104])))


@case
def info_states():
    for state, fd in states():
        say(state, STATES[info(fd)[0]])
    fd = passive()
    peer.ask("shut", id="p")
    say("fin came", STATES[info(fd)[0]])
    fd = passive()
    call("shutdown", fd, so.SHUT_WR)
    settle()
    say("fin went", STATES[info(fd)[0]])
    fd = passive()
    peer.ask("reset", id="p")
    wait_for(fd)
    say("reset", STATES[info(fd)[0]])


@case
def info_connecting():
    fd = socket(kind=so.SOCK_STREAM | so.SOCK_NONBLOCK)
    connect(fd, NOBODY, 9)
    say("state", STATES[info(fd)[0]])


@case
def info_sane():
    fd = passive()
    send(fd, bytes(5000))
    peer.ask("recv", id="p", n=5000)
    peer.ask("send", id="p", n=3000)
    recv(fd, 5000)
    i = words(info(fd))
    say("mss", 500 < i["snd_mss"] <= 1460, 0 < i["rcv_mss"] <= 1460, i["advmss"], i["pmtu"])
    say("times", 0 < i["rtt"] < 2000000, 0 < i["rttvar"] < 2000000, 1000 < i["rto"] < 10000000)
    say("window", i["snd_cwnd"] >= 2, i["snd_ssthresh"] > 100, i["rcv_space"] > 1000)
    say("quiet", i["unacked"], i["sacked"], i["lost"], i["retrans"])
    say("ago", i["last_data_recv"] < 5000, i["last_ack_recv"] < 5000, i["last_data_sent"] < 5000)


@case
def info_bytes():
    fd = passive()
    send(fd, bytes(5000))
    peer.ask("recv", id="p", n=5000)
    peer.ask("send", id="p", n=3000)
    settle()
    raw = info(fd)
    acked, received = struct.unpack("QQ", raw[120:136])
    out, came = struct.unpack("II", raw[136:144])
    say("bytes", acked, received)
    say("segments", out >= 4, came >= 4)
    say("sent", struct.unpack("Q", raw[200:208])[0])


@case
def info_options():
    fd = passive()
    raw = info(fd)
    say("options", raw[5] & 7, raw[6] & 15 > 0, raw[6] >> 4 > 0)


@case
def info_lengths():
    fd = passive()
    for n in 0, 1, 8, 104, 232:
        say("room", len(getraw(fd, TCP, so.TCP_INFO, n)))
    say("set", setopt(fd, TCP, so.TCP_INFO, bytes(104)))
