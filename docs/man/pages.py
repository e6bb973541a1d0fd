#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""pages.py TEMPLATE TERN TERN_H: a manual page on stdout, its lists from what `tern --help` says and from the words of tern.h.

A line `.\\" @WHAT` of the template is where a list comes: roles, options, keys, faults, scenes, functions, run, run-keys.
"""
import re
import subprocess
import sys

GROUPS = {"if": "if0"}


def text(s):
    """Words as mdoc takes them: no escapes, no requests, a line for each sentence."""
    s = s.replace("\\", "\\e").replace("--", "\\-\\-")
    s = re.sub(r"([^.][.]\)?) +(?=\S)", r"\1\n", s)
    return re.sub(r"^([.'])", r"\\&\1", s, flags=re.M)


def quoted(s):
    return '"' + text(s).replace('"', "\\(dq") + '"'


def tagged(items):
    """A list of (head, text)."""
    return "\n".join([".Bl -tag -width indent", *(f".It {head}\n{body}".rstrip("\n") for head, body in items), ".El"])


class Help:
    """What a --help says, by its paragraphs."""

    def __init__(self, tern, *command):
        self.text = subprocess.run([tern, *command, "--help"], capture_output=True, text=True, check=True).stdout
        self.parts = re.findall(r"^(\S.*):\n((?:  .*\n)+)", self.text, re.M)

    def part(self, title):
        return next(body for head, body in self.parts if head == title)

    def pairs(self, title):
        return [line.split(None, 1) for line in self.part(title).splitlines()]

    def sections(self):
        """(section of a file, its options) of every section."""
        for head, body in self.parts:
            m = re.match(r"Options, and keys of \[(\w+)\]", head)
            if m:
                yield m[1], list(options(body))


def options(body):
    """(name, argument, text) of each line of an option."""
    for m in re.finditer(r"^  --([\w-]+)(?: (\S+))? +(\S.*)$", body, re.M):
        yield m[1], m[2] or "", m[3]


def fl(name, arg):
    return f"Fl -{name}" + (f" Ar {quoted(arg)}" if arg else "")


def option_lists(tern):
    for section, opts in tern.sections():
        yield f".Ss \\&[{section}]\n" + tagged((fl(n, a), text(t)) for n, a, t in opts)


def key_list(opts):
    return tagged((f"Ic {n} No = Ar {quoted(a or 'yes | no')}", text(t)) for n, a, t in opts)


def key_lists(tern):
    for section, opts in tern.sections():
        # of a file the section says which interface it is
        yield f".Ss \\&[{section}]\n" + key_list([o for o in opts if o[0] != "if"])


def functions(path):
    """tern.h's functions under its headings; those without words of their own stand with the one before."""
    token = re.compile(r"^/\* --- (?P<head>.*?) -+ \*/|^/\*\*(?P<doc>.*?)\*/|^(?P<type>[a-z][\w ]*?[ *]+)(?P<name>tern_\w+)\("
                       r"(?P<args>[^;]*)\);", re.M | re.S)
    doc, groups = "", [["addresses and configuration", []]]
    for m in token.finditer(open(path).read()):
        if m["head"]:
            groups.append([m["head"], []])
        elif m["doc"]:
            doc = re.sub(r"^[ \t]*\* ?", "", m["doc"], flags=re.M).strip()
            doc = re.sub(r"\s*\n\s*", "\n", doc)
            doc = re.sub(r"@return\b", "Returns", re.sub(r"@param (\w+)", r"\1:", doc))
        elif m["name"]:
            groups[-1][1].append((m, doc))
            doc = ""
    for head, found in groups:
        yield f".Ss {head}\n" + tagged((prototype(m), text(words)) for m, words in found)


def prototype(m):
    args = re.sub(r"\s+", " ", m["args"])
    args = re.split(r", (?![^()]*\))", args)
    return f"Ft {quoted(m['type'].strip())} Fn {m['name']} " + " ".join(map(quoted, args))


def main():
    template, program, header = sys.argv[1:]
    tern = Help(program)
    run = list(options(Help(program, "run").text))
    made = {
        "roles": lambda: [tagged((f"Cm {n}", text(t)) for n, t in tern.pairs("Roles"))],
        "options": lambda: option_lists(tern),
        "keys": lambda: key_lists(tern),
        "faults": lambda: [text(tern.part("Faults of a wire, separated by commas").strip())],
        "scenes": lambda: [tagged((f"Cm {n}", text(t)) for n, t in (m.groups() for m in re.finditer(
            r"^  ([a-z][\w-]*) +(\S.*)$", Help(program, "explain").text, re.M)))],
        "run": lambda: [tagged((fl(n, a), text(t)) for n, a, t in run)],
        "run-keys": lambda: [key_list([o for o in run if o[0] != "dry-run"])],
        "functions": lambda: functions(header),
    }
    for line in open(template).read().splitlines():
        m = re.fullmatch(r'\.\\" @([\w-]+)', line)
        print("\n".join(made[m[1]]()) if m else line)


if __name__ == "__main__":
    main()
