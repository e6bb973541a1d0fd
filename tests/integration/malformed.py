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
file("\0\1\2[tern]\n", r"bad\.cfg")
file("[tern]\n" + "port = " + "8" * 5000 + "\n", r"bad\.cfg:2:")

print("%d malformed: %d not as they should be" % (n, len(odd)))
for line in odd:
    print(" ", line)
sys.exit(bool(odd))
