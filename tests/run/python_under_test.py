# SPDX-License-Identifier: BSD-3-Clause
"""python_under_test.py DIR MODULE...: the names of the cases in Python's own test modules, of the copy in DIR.
python_under_test.py DIR -- CASE...: runs them in this process; a line each of how it went: ok, skip, FAIL or ERROR."""
import select
import socket
import sys
import unittest

MODULES, CASES = (sys.argv[2:], []) if sys.argv[2] != "--" else ([], sys.argv[3:])
sys.path.insert(0, sys.argv[1])
from test import support  # noqa: E402


class Result(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        self.how = "ok"
        print(f"=== {test.id()}", flush=True)

    def stopTest(self, test):
        super().stopTest(test)
        print(self.how, flush=True)
        print(f"--- {test.id()}", flush=True)

    def went(self, word, test, err):
        why = self._exc_info_to_string(err, test)
        print(test.id(), why, file=sys.stderr, flush=True)
        self.how = f"{word} {[line for line in why.splitlines() if line and line[0] != ' '][-1]}"

    def addError(self, test, err):
        if isinstance(test, unittest.TestCase):
            self.went("ERROR", test, err)
        else:  # setUpClass(), and what it stands for is not run
            print("a fixture:", self._exc_info_to_string(err, test), file=sys.stderr, flush=True)

    def addFailure(self, test, err):
        self.went("FAIL", test, err)

    def addSubTest(self, test, sub, err):
        if err:
            self.went("FAIL", test, err)

    def addSkip(self, test, why):
        self.how = f"skip {why}"


def names(suite):
    for t in suite:
        yield from [t.id()] if isinstance(t, unittest.TestCase) else names(t)


support.verbose = 0
support.use_resources = ["network", "walltime"]  # of this namespace, which has no way out
socket.getfqdn = lambda name="": name or "localhost"  # it would ask a name server for seconds
if CASES:  # there is a stack from now on, and its tap
    with socket.create_server(("", 0)) as s:
        select.select([s], [], [], 0)
loaded = unittest.defaultTestLoader.loadTestsFromNames(MODULES or CASES)
if CASES:
    loaded.run(Result())
else:
    print(*names(loaded), sep="\n")
