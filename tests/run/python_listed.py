# SPDX-License-Identifier: BSD-3-Clause
"""Python's own test modules, what of them is left out, and what differs from the kernel: {regex of a case's name: reason}. "server": the
servers are tern's and the clients the kernel's; "client": the other way round."""

MODULES = ["test.test_socket", "test.test_select", "test.test_selectors", "test.test_epoll", "test.test_poll", "test.test_ssl",
           "test.test_socketserver", *("test.test_asyncio.test_" + m for m in ("buffered_proto", "events", "sendfile", "server",
                                                                              "sock_lowlevel", "ssl", "sslproto", "streams"))]

SKIPPED = {
    "UDP|Datagram|datagram|test_socket_fileno|InterruptedRecvTimeout|test_recvfrom|test_sendto_blocking": "UDP, which is the kernel's: "
    "it can't be bound to tern's address",
    "VSOCK|CAN|J1939|RDS|SCTP|QIPCRTR|Hyperv|Bluetooth|Afalg|AFALG|LinuxKernelCrypto": "no TCP",
    "test_select.SelectTestCase.test_select$": "pipes, for half a minute",
    "test_create_connection_local_addr": "a client that is bound to the address to which it connects has no way to it: ENETUNREACH",
}

NOT_AT_ONCE = "what one end does the other one sees at once over the loopback, over a device a moment later"
KERNEL_US = "while tern's sockets have events epoll_wait() looks at the kernel's every 20 us, not each time"

LISTED = {
    "server": {
        "test_socketserver.*test_ForkingTCPServer": "the stack belongs to the parent: its child can't answer",
        "EventLoopTests.test_create_server$": "who comes has the other end's address, not the same",
        "test_preauth_data_to_tls_server": NOT_AT_ONCE,
        "test_epoll.TestEPoll.test_fromfd": KERNEL_US,
    },
    "client": {
        "EventLoopTests.test_create_server$": "who comes has the other end's address, not the same",
        "EventLoopTests.test_sock_client_connect_racing|test_preauth_data_to_tls_server": NOT_AT_ONCE,
        "test_epoll.TestEPoll.test_fromfd": KERNEL_US,
        "test_epoll.TestEPoll.test_control_and_wait": KERNEL_US,
    },
}
