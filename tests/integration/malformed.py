# SPDX-License-Identifier: BSD-3-Clause
"""malformed.py TERN DIR: every option of --help given wrongly, on the command line and in a file of DIR, and what is wrong with a
line or the whole: each is one line on stderr that names the option, or file and line, nothing on stdout, and exit status 2."""
import os
import re
import subprocess
import sys

tern, folder = sys.argv[1:3]
path = os.path.join(folder, "bad.cfg")
odd = []
n = 0


def refused(args, names, what):
    global n
    n += 1
    try:
        p = subprocess.run([tern] + args, capture_output=True, text=True, timeout=30, errors="replace")
    except subprocess.TimeoutExpired:
        odd.append("%s: it does not end" % what)
        return
    lines = p.stderr.splitlines()
    if p.returncode != 2 or p.stdout or len(lines) != 1 or not lines[0].startswith("tern: ") or not re.search(names, lines[0]):
        odd.append("%s: status %d, %s" % (what, p.returncode, (p.stdout + p.stderr).strip()[:300] or "not a word"))


def argv(*args, names):
    refused(["--"] + list(args), names, " ".join(args))


def file(text, names):
    with open(path, "w") as f:
        f.write(text)
    refused(["--config", path], names, repr(text))


options, section = [], "tern"
for line in subprocess.run([tern, "--help"], capture_output=True, text=True).stdout.splitlines():
    m = re.match(r"Options.*keys of \[(\w+)\]", line)
    section = m.group(1) if m else section
    m = re.match(r"  --([a-z0-9-]+)(?: (\S+))? {2,}", line)
    if m:
        options.append((section,) + m.groups())
assert len(options) > 100, len(options)

TAKES_ANY = {"DIR", "TEXT", "FILE", "PATH", "NAME", "CPU"}
for section, name, arg in options:
    said = r"--%s\b" % name
    where = r"bad\.cfg:2: %s\b" % name
    if arg is None:
        argv("--" + name + "=perhaps", names=said)
        if name not in ("interactive", "auto-start"):
            file("[%s]\n%s = perhaps\n" % (section, name), where)
        continue
    argv("--" + name, names=said)
    wrong = {"N": ["", "x", "-1", "1.5", "1k", "99999999999999999999"]}.get(arg, [] if arg in TAKES_ANY else ["?"])
    for value in wrong:
        if section == "if" and name == "if":
            continue
        argv("--%s=%s" % (name, value), names=said)
        if value:
            file("[%s]\n%s = %s\n" % (section if section != "if" else "if0", name, value), where)

argv("stray", names="stray")
argv("--no-such", names="no-such")
argv("--prot", "80", names="--prot .*did you mean")
argv("--role", "cook", names="cook")
argv("--if", "4", names="--if")
argv("--role", "client", "--addr", "192.0.2.1/24", names="connect")
argv("--role", "client", "--addr", "192.0.2.1/24", "--connect", "192.0.2.2:80", "--root", "/", names="--root is for --role http")
argv("--role", "http", names="addr")
argv("--addr", "192.0.2.1/24", "--snd-buf", "5000", "--snd-buf-max", "x", names="--snd-buf-max")
file("port = 80\n", r"bad\.cfg:1:.*section")
file("[tern\nport = 80\n", r"bad\.cfg:1:")
file("[tern]\nport\n", r"bad\.cfg:2:")
file("[tern]\n= 80\n", r"bad\.cfg:2:")
file("[tern]\nport = 80\nport = 81\n", r"bad\.cfg:[23]: port.*twice")
file("[tern]\nprot = 80\n", r"bad\.cfg:2: prot")
file("[turn]\nport = 80\n", r"bad\.cfg:1:.*turn")
file("[tern]\nconfig = other.cfg\n", r"bad\.cfg:2: config")
file("[if4]\naddr = 192.0.2.1/24\n", r"bad\.cfg:1:.*if4")
file("[if0]\naddr = 192.0.2.1\n", r"bad\.cfg:2: addr")
file("[if0]\naddr = 192.0.2.1/33\n", r"bad\.cfg:2: addr")
file("[if0]\naddr6 = 2001:db8::1/129\n", r"bad\.cfg:2: addr6")
file("[if0]\naddr = 192.0.2.1/24+0\n", r"bad\.cfg:2: addr")
file("[if0]\nmtu = 10\n", r"bad\.cfg:2: mtu")
file("[client]\nconnect = 192.0.2.2\n", r"bad\.cfg:2: connect")
file("[client]\nconnect = 192.0.2.2:0\n", r"bad\.cfg:2: connect")
file("[client]\nconnect = 2001:db8::2:80\n", r"bad\.cfg:2: connect")
file("[client]\nconnect = 192.0.2.2:65535,2\n", r"bad\.cfg:2: connect")
file("[tcp]\nlocal-ports = 2000-1000\n", r"bad\.cfg:2: local-ports")
file("[tcp]\nlocal-ports = 0-70000\n", r"bad\.cfg:2: local-ports")
file("[wire]\nwire-a = loss=200%\n", r"bad\.cfg:2: wire-a")
file("[wire]\nwire-a = lose=1%\n", r"bad\.cfg:2: wire-a")

def mix(text, names, *args):
    """A file of --mix: the line and what is wrong with it."""
    with open(path, "w") as f:
        f.write(text)
    client = ["--", "--role", "client", "--addr", "192.0.2.1/24", "--mix", path]
    refused(client + (list(args) or ["--connect", "192.0.2.2:80"]), names, "mix " + repr(text) + " ".join(args))


mix("", r"bad\.cfg: .*no \[section\]")
mix("weight = 1\n", r"bad\.cfg:1: a key needs a \[section\]")
mix("[a\nweight = 1\n", r"bad\.cfg:1: a section ends")
mix("[a b]\nweight = 1\n", r"bad\.cfg:1: \[a b\]: name a class")
mix("[%s]\n" % ("a" * 40), r"bad\.cfg:1: .*name a class with 1 to 31")
mix("[a]\n[b]\n[a]\n", r"bad\.cfg:[13]: section \[a\] is there twice")
mix("".join("[c%u]\n" % i for i in range(33)), r"bad\.cfg: 33 sections, at most 32")
mix("[a]\nweight\n", r"bad\.cfg:2: write key = value")
mix("[a]\nweight =\n", r"bad\.cfg:2: weight: the value is empty")
mix("[a]\nwait = 1\n", r"bad\.cfg:2: wait: unknown key: a class has weight, connect, .*stay-ms$")
mix("[a]\nweight = 1\nweight = 2\n", r"bad\.cfg:[23]: weight: is there twice")
mix("[a]\n[b]\nweight = 0\n", r"bad\.cfg:3: weight: 0 is out of range: 1\.\.1000000")
for key, wrong in (("weight", "-1"), ("body-size", "1k"), ("request-size", "0"), ("response-size", "x"), ("requests-per-conn", "0"),
                   ("think-ms", "99999999999"), ("stay-ms", "1.5"), ("read-rate", "0"), ("send-rate", "-5"), ("status", "100")):
    mix("[a]\n\n%s = %s\n" % (key, wrong), r"bad\.cfg:3: %s: .*(is out of range|is not a number)" % key)
mix("[a]\nconnect = 192.0.2.2\n", r"bad\.cfg:2: connect: .*write ADDR:PORT")
mix("[a]\nconnect = 192.0.2.2:80,0\n", r"bad\.cfg:2: connect: 0 is out of range")
mix("[a]\nconnect = www:80\n", r"bad\.cfg:2: connect: 'www:80'")
mix("[a]\n[b]\nconnect = [2001:db8::2]:80\n", r"bad\.cfg:3: \[b\]: no interface has an IPv6 address")
mix("[a]\nconnect = 192.0.2.2:80\n[b]\nweight = 1\n", r"bad\.cfg:3: \[b\] has no server", "--total", "1")
mix("[a]\nkind = rude\n", r"bad\.cfg:2: kind: 'rude' is none of: request, half-close, ")
mix("[a]\nhttp = /\nmethod = get\n", r"bad\.cfg:3: method: 'get' is none of: GET")
mix("[a]\nclose = never\n", r"bad\.cfg:2: close: 'never' is none of: ")
mix("[a]\nmethod = GET\n", r"bad\.cfg:2: method: is of HTTP")
mix("[a]\nstatus = 404\n", r"bad\.cfg:2: status: is of HTTP")
mix("[a]\nhttp = a.html\n", r"bad\.cfg:2: http: 'a.html' does not start with '/'")
mix("[a]\nhttp = /a b\n", r"bad\.cfg:2: http: .*blank")
mix("[a]\nhttp = /%s\n" % ("a" * 260), r"bad\.cfg:2: the value is longer than 255")
mix("[a]\nhttp = /%s\n" % ("a" * 360), r"bad\.cfg:2: the line is too long")
for wrong in ("{", "}", "{m}", "{n", "{n:}", "{n:1}", "{n:9-1}", "{n:-1-1}", "{n:a-b}", "{n:1-2", "{n:1-99999999999999999999}", "a}b"):
    mix("[a]\nhttp = /%s\n" % wrong, r"bad\.cfg:2: http: '.*write \{n\}")
mix("[a]\nhttp = /{n}{n}{n}{n}{n}\n", r"bad\.cfg:2: http: more than 4 numbers")
mix("[a]\nhttp = /\nrequest-size = 5\n", r"bad\.cfg:3: request-size: is of raw requests")
mix("[a]\nhttp = /\nbody-size = 5\n", r"bad\.cfg:3: body-size: .*method = POST or PUT")
mix("[a]\nstay-ms = 5\n", r"bad\.cfg:2: stay-ms: kind = request has no use for it")
for key, kind in (("http", "silent"), ("send-rate", "connect"), ("read-rate", "deaf"), ("requests-per-conn", "abort"), ("close", "cut"),
                  ("think-ms", "stall"), ("close", "half-close"), ("response-size", "deaf"), ("stay-ms", "cut")):
    value = {"http": "/", "close": "client"}.get(key, "1")
    mix("[a]\nkind = %s\n%s = %s\n" % (kind, key, value), r"bad\.cfg:3: %s: kind = %s has no use for it" % (key, kind))
mix("[a]\n", "--mix: .*leave --hold out", "--connect", "192.0.2.2:80", "--hold", "5")
mix("[a]\n", "--mix: .*leave --park out", "--connect", "192.0.2.2:80", "--park", "5")
mix("[a]\n", "--mix: .*leave --packets out", "--connect", "192.0.2.2:80", "--packets", "7")
mix("[a]\nhttp = /\n", "--mix: .*leave --output out", "--connect", "192.0.2.2:80", "--http", "/", "--total", "1", "--output", "f")
argv("--role", "bench", "--mix", path, names="--mix is for --role client")
argv("--role", "client", "--addr", "192.0.2.1/24", "--mix", "/nowhere/mix.cfg", names="/nowhere/mix.cfg: No such file")
file("\0\1\2[tern]\n", r"bad\.cfg")
file("[tern]\n" + "port = " + "8" * 5000 + "\n", r"bad\.cfg:2:")

print("%d malformed: %d not as they should be" % (n, len(odd)))
for line in odd:
    print(" ", line)
sys.exit(bool(odd))
