# SPDX-License-Identifier: BSD-3-Clause
"""What differs from the kernel, and why it must: {case: {the line's word: reason}}."""

URGENT = "urgent data stays in line, whatever SO_OOBINLINE says (RFC 6093 5); there is no byte out of band"
GONE = "a connection that was reset before accept() leaves the queue, as on the BSDs"
PROBES = "one keepalive probe may be lost (RFC 9293 MUST-26): 1 counts as 2"

PROMISE = "tern has no such thing, and who is told that it has relies on it: EOPNOTSUPP"

LISTED = {
    "accept_of_one_reset": {"accept": GONE, "recv": GONE},
    "defer_accept_with_data": {"empty": "TCP_DEFER_ACCEPT is taken and does nothing: a connection is told when it is open"},
    "descriptors_by_sendmmsg": {"file": "a tern socket is nothing in another process: EOPNOTSUPP"},
    "descriptors_over_a_unix_socket": {"file": "a tern socket is nothing in another process: EOPNOTSUPP"},
    "epoll_nested_before_its_sockets": {"there": "a set that has no tern socket yet is the kernel's, and its place in another set not known"},
    "fcntl_flags": {"flags": "O_APPEND, which means nothing for a socket, is not kept"},
    "fork_child_reads_the_connection": {"recv": "the stack belongs to the parent: EOPNOTSUPP, and a line that says so"},
    "opt_inherited": {"get": "SO_REUSEADDR and SO_OOBINLINE of a connection are not those of its listener: both mean nothing there"},
    "opt_keepcnt": {f"{state} 1": PROBES for state in ("new", "listens", "accepted", "opened")},
    "opt_promises": {"zerocopy": PROMISE, "md5": PROMISE},
    "port_again_after_close": {"bind": "old connections are not the kernel's: they do not keep a port from who binds it again"},
    "recv_oob": {"oob": URGENT, "recv": URGENT},
    "recv_oob_inline": {"recv": URGENT},
}
