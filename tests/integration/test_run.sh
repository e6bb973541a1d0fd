# SPDX-License-Identifier: BSD-3-Clause
# tern run: unmodified programs with their TCP sockets on tern.

# What some 300 small cases print on the kernel and on tern (tests/run/).
test_run_differs() {
	/usr/bin/python3 -B "$HERE/../run/differ.py" --tern "$TERN" >"$LIB_TMP/differ.out" 2>&1 || fail "calls differ from the kernel's"
	tail -n 1 "$LIB_TMP/differ.out"
	# asleep until something wakes them, instead of for 50 us
	/usr/bin/python3 -B "$HERE/../run/differ.py" --tern "$TERN" --idle irq ^thread >"$LIB_TMP/differ.out" 2>&1 || fail "threads that sleep differ"
	tail -n 1 "$LIB_TMP/differ.out"
}

# Of Python's own tests those that are quick, of all three kinds: calls, waiting, loops. python_suite.py without more runs all.
test_run_python_suite() {
	/usr/bin/python3 -B "$HERE/../run/python_suite.py" --tern "$TERN" \
		'test_socket.*(BasicTCP|MsgTCP|BufferIO|FileObject)|test_asyncio.test_server' \
		>"$LIB_TMP/suite.out" 2>&1 || fail "Python's tests differ from the kernel's"
	tail -n 3 "$LIB_TMP/suite.out"
}
