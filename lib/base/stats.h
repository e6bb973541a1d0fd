/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters, one set per worker, written by its owner only. Names are Linux's nstat names where one exists. A dropped
 * packet is counted once under one DROP reason (STAT_DROP_FIRST ..); pkt_parse() returns such a reason.
 */
#ifndef STATS_H
#define STATS_H
#include <stdint.h>

/* X(symbol, "Name", "what it counts") */
#define STATS_COUNTERS(X)                                                                                              \
	X(RX_PKTS, "RxPackets", "packets received")                                                                    \
	X(RX_HELD, "TernRxHeld", "polls that left a tap's packets to the kernel: too few mbufs to replace theirs")     \
	X(TX_PKTS, "TxPackets", "packets handed to the device")                                                        \
	X(TX_FULL, "TxBackpressure", "bursts the device did not take whole")                                           \
	X(HANDOVER_OUT, "HandoverOut", "packets given to the worker that owns their connection")                       \
	X(HANDOVER_IN, "HandoverIn", "packets taken from another worker")                                              \
	X(POSTED, "TernPosted", "calls of tern_post() that were run")                                                  \
	X(POST_FULL, "TernPostFull", "calls of tern_post() refused: too many wait already")                            \
	X(POST_DROPPED, "TernPostDropped", "calls of tern_post() that the worker left before it came to")              \
	X(IN_SEGS, "TcpInSegs", "TCP segments received")                                                               \
	X(OUT_SEGS, "TcpOutSegs", "TCP segments sent, retransmissions included")                                       \
	X(RETRANS_SEGS, "TcpRetransSegs", "segments retransmitted")                                                    \
	X(OUT_RSTS, "TcpOutRsts", "RST segments sent")                                                                 \
	X(ACTIVE_OPENS, "TcpActiveOpens", "CLOSED -> SYN_SENT")                                                        \
	X(PASSIVE_OPENS, "TcpPassiveOpens", "connections made from a listener")                                        \
	X(ATTEMPT_FAILS, "TcpAttemptFails", "opens that failed before ESTABLISHED")                                    \
	X(ESTAB_RESETS, "TcpEstabResets", "resets of ESTABLISHED or CLOSE_WAIT")                                       \
	X(ESTABLISHED, "TcpExtTernEstablished", "connections that reached ESTABLISHED")                                \
	X(ACCEPTED, "TcpExtTernAccepted", "connections handed out by accept")                                          \
	X(EXPORTED, "TcpExtTernExported", "connections that another worker has, before accept")                        \
	X(IMPORTED, "TcpExtTernImported", "connections that another worker had, before accept")                        \
	X(CLOSED_OK, "TcpExtTernClosed", "connections closed in order by both sides")                                  \
	X(SYN_RETRANS, "TcpExtTCPSynRetrans", "SYN and SYN-ACK retransmissions")                                       \
	X(LISTEN_OVERFLOWS, "TcpExtListenOverflows", "accept queue full")                                              \
	X(LISTEN_DROPS, "TcpExtListenDrops", "SYN or final ACK dropped at a listener for any reason")                  \
	X(REQQ_FULL_COOKIES, "TcpExtTCPReqQFullDoCookies", "half-open queue full: cookie sent")                        \
	X(REQQ_FULL_DROP, "TcpExtTCPReqQFullDrop", "half-open queue full: SYN dropped")                                \
	X(COOKIES_SENT, "TcpExtSyncookiesSent", "SYN cookies sent")                                                    \
	X(COOKIES_RECV, "TcpExtSyncookiesRecv", "valid SYN cookies received")                                          \
	X(RCV_SHUT, "TcpExtTernRcvShut", "segments acknowledged and dropped after tern_shutdown() of reading")         \
	X(COOKIES_FAILED, "TcpExtSyncookiesFailed", "invalid or stale SYN cookies received")                           \
	X(ACCEPT_DEFER, "TcpExtTernAcceptDefer", "final ACK found the accept queue full")                              \
	X(TW, "TcpExtTW", "TIME-WAIT records made")                                                                    \
	X(TW_EXPIRED, "TcpExtTernTWExpired", "TIME-WAIT records that lived for 2 MSL")                                 \
	X(TW_RECYCLED, "TcpExtTWRecycled", "TIME-WAIT ended early by a newer SYN (RFC 6191)")                          \
	X(TW_OVERFLOW, "TcpExtTCPTimeWaitOverflow", "no TIME-WAIT record free: closed at once")                        \
	X(TW_REACK, "TcpExtTernTWReAck", "ACKs repeated from TIME-WAIT")                                               \
	X(TW_RST, "TcpExtTernTWRst", "TIME-WAIT ended by the RST that answered our ACK of a SYN")                      \
	X(TW_RST_IGNORED, "TcpExtTernTWRstIgnored", "RST ignored in TIME-WAIT (RFC 1337)")                             \
	X(DELAYED_ACKS, "TcpExtDelayedACKs", "delayed ACKs sent by timer")                                             \
	X(TIMEOUTS, "TcpExtTCPTimeouts", "retransmission timeouts")                                                    \
	X(FAST_RETRANS, "TcpExtTCPFastRetrans", "fast retransmits")                                                    \
	X(SLOW_START_RETRANS, "TcpExtTCPSlowStartRetrans", "segments retransmitted after a timeout")                   \
	X(SACK_RECOVERY, "TcpExtTCPSackRecovery", "fast recoveries with SACK")                                         \
	X(RENO_RECOVERY, "TcpExtTCPRenoRecovery", "fast recoveries without SACK")                                      \
	X(LOST_RETRANSMIT, "TcpExtTCPLostRetransmit", "retransmissions that were lost again")                          \
	X(SACK_RENEGING, "TcpExtTCPSACKReneging", "timeouts that found SACKed data not acknowledged")                  \
	X(SACK_REORDER, "TcpExtTCPSACKReorder", "connections on whose path reordering was seen")                       \
	X(SACK_DISCARD, "TcpExtTCPSACKDiscard", "SACK blocks outside what is in flight")                               \
	X(SACK_NO_RUN, "TernSackNoRun", "sent or SACKed data not noted: no scoreboard entry free")                     \
	X(SACK_RUN_LIMIT, "TernSackRunLimit", "sent or SACKed data not noted: its share of the scoreboard is full")    \
	X(DSACK_RECV, "TcpExtTCPDSACKRecv", "D-SACK blocks received")                                                  \
	X(DSACK_UNDO, "TcpExtTCPDSACKUndo", "reductions undone: D-SACK for every retransmission")                      \
	X(FULL_UNDO, "TcpExtTCPFullUndo", "reductions undone at the end of a recovery: timestamps")                    \
	X(PARTIAL_UNDO, "TcpExtTCPPartialUndo", "reductions undone within a recovery: timestamps")                     \
	X(SPURIOUS_RTOS, "TcpExtTCPSpuriousRTOs", "timeouts undone: timestamps or F-RTO")                              \
	X(LOSS_PROBES, "TcpExtTCPLossProbes", "tail loss probes sent")                                                 \
	X(LOSS_PROBE_RECOVERY, "TcpExtTCPLossProbeRecovery", "losses repaired by a tail loss probe")                   \
	X(PROBES, "TcpExtTCPWinProbe", "zero-window probes sent")                                                      \
	X(KEEPALIVES, "TcpExtTCPKeepAlive", "keep-alive probes sent")                                                  \
	X(OFO_QUEUE, "TcpExtTCPOFOQueue", "segments queued out of order")                                              \
	X(OFO_DROP, "TcpExtTCPOFODrop", "out-of-order segments dropped: queue limit")                                  \
	X(OFO_RUN_LIMIT, "TernOfoRunLimit", "of those: too many holes, or the connection's share of them")             \
	X(OFO_PRUNED, "TcpExtOfoPruned", "buffers of text out of order given up: the worker's memory was short")       \
	X(RCVQ_DROP, "TcpExtTCPRcvQDrop", "text in order not kept: the worker's memory was short")                     \
	X(TFO_ACTIVE, "TcpExtTCPFastOpenActive", "data of a SYN acknowledged by the SYN-ACK")                          \
	X(TFO_ACTIVE_FAIL, "TcpExtTCPFastOpenActiveFail", "data of a SYN not taken by the server")                     \
	X(TFO_PASSIVE, "TcpExtTCPFastOpenPassive", "SYNs whose data was taken")                                        \
	X(TFO_PASSIVE_FAIL, "TcpExtTCPFastOpenPassiveFail", "SYNs with a Fast Open cookie that is not ours")           \
	X(TFO_PASSIVE_ALT, "TcpExtTCPFastOpenPassiveAltKey", "of these with a cookie of the key before")               \
	X(TFO_COOKIE_REQD, "TcpExtTCPFastOpenCookieReqd", "Fast Open cookies sent")                                    \
	X(TFO_OVERFLOW, "TcpExtTCPFastOpenListenOverflow", "data of a SYN not taken: too many unconfirmed")            \
	X(TFO_BLACKHOLE, "TcpExtTCPFastOpenBlackhole", "SYNs with Fast Open that were not answered")                   \
	X(IN_CE, "IpExtInCEPkts", "segments marked CE of connections with ECN")                                        \
	X(ECE_RX, "TernEceIn", "congestion told of by ECE: the window was reduced")                                    \
	X(URG_RX, "TernUrgentIn", "urgent data announced by the peer")                                                 \
	X(R1, "TernR1", "connections told that data is not acknowledged (RFC 9293 3.8.3)")                             \
	X(BUF_GROWN, "TernBufGrown", "buffers made larger to fit the path")                                            \
	X(BUF_PRESSURE, "TcpExtTCPMemoryPressures", "buffers not made larger: bound of the worker's memory")           \
	X(GRO, "TernGro", "segments merged into the one before them in their burst")                                   \
	X(RCV_COALESCE, "TcpExtTCPRcvCoalesce", "small segments copied into the previous buffer")                      \
	X(CHALLENGE_ACK, "TcpExtTCPChallengeACK", "challenge ACKs sent (RFC 5961)")                                    \
	X(SYN_CHALLENGE, "TcpExtTCPSYNChallenge", "SYNs in synchronised states")                                       \
	X(ACK_SKIPPED_CHALLENGE, "TcpExtTCPACKSkippedChallenge", "challenge ACKs not sent: limits")                    \
	X(ACK_SKIPPED_SEQ, "TcpExtTCPACKSkippedSeq", "ACKs of segments outside the window not sent: limit")            \
	X(TS_MISSING, "TernTimestampMissing", "segments taken without the timestamp that was agreed on")               \
	X(ACK_SKIPPED_PAWS, "TcpExtTCPACKSkippedPAWS", "ACKs of old timestamps not sent: limit")                       \
	X(ABORT_ON_DATA, "TcpExtTCPAbortOnData", "closed with unread or late data: RST")                               \
	X(ABORT_ON_CLOSE, "TcpExtTCPAbortOnClose", "aborted by the application")                                       \
	X(ABORT_ON_TIMEOUT, "TcpExtTCPAbortOnTimeout", "given up after R2, keep-alive or orphan timeout")              \
	X(ABORT_ON_MEMORY, "TcpExtTCPAbortOnMemory", "connection dropped: a pool was empty")                           \
	X(CONN_POOL_EMPTY, "TernConnPoolEmpty", "no connection object free")                                           \
	X(REQ_POOL_EMPTY, "TernReqPoolEmpty", "no half-open object free")                                              \
	X(MBUF_EMPTY, "TernMbufEmpty", "no mbuf for a packet or data to send")                                         \
	X(TABLE_FULL, "TernTableFull", "connection table bucket overflow")                                             \
	X(PORTS_EXHAUSTED, "TernPortsExhausted", "connect: no local port free")                                        \
	X(ARP_RX, "ArpIn", "ARP packets for us")                                                                       \
	X(ARP_TX, "ArpOut", "ARP packets sent")                                                                        \
	X(ND_RX, "Icmp6NdIn", "neighbour discovery messages for us")                                                   \
	X(ND_TX, "Icmp6NdOut", "neighbour discovery messages sent")                                                    \
	X(NEIGH_FULL, "NeighTableFull", "no neighbour entry could be made")                                            \
	X(ECHO_REPLY, "IcmpOutEchoReps", "ICMP and ICMPv6 echo replies sent")                                          \
	X(PORT_UNREACH, "IcmpOutDestUnreachs", "UDP datagrams answered with port unreachable")                         \
	X(ICMP_RATELIMIT, "IcmpOutRateLimitGlobal", "UDP datagrams not answered: rate limit")                          \
	X(FRAG_OUT, "IpFragCreates", "fragments of echo replies longer than the MTU")                                  \
	X(REASM_OK, "IpReasmOKs", "datagrams reassembled")                                                             \
	X(ICMP_SOFT, "TernIcmpSoft", "ICMP errors remembered for a connection (RFC 1122 4.2.3.9)")                     \
	X(ICMP_ABORT, "TernIcmpAbort", "opens ended by an ICMP error")                                                 \
	X(NEIGH_ABORT, "TernNeighAbort", "opens ended: the next hop does not answer")                                  \
	X(PMTU_DOWN, "TernPmtuLowered", "segments made smaller by ICMP (RFC 1191, RFC 8201)")                          \
	X(PMTU_BLACKHOLE, "TernPmtuBlackHole", "segments made smaller: full-sized ones time out (RFC 4821)")           \
	X(PMTU_UP, "TernPmtuRaised", "full-sized segments tried again")                                                \
	X(RST_RATELIMIT, "TernRstRateLimited", "RST or ACK answers not sent: rate limit")                              \
	X(UNREACH_RX, "IcmpInDestUnreachs", "ICMP errors received")

/* Named reasons: a packet that ends under one of these was dropped, once. */
#define STATS_DROPS(X)                                                                                                 \
	X(DROP_RUNT, "DropRunt", "frame too short for its headers")                                                    \
	X(DROP_ETHERTYPE, "DropEtherType", "not IPv4, IPv6 or ARP")                                                    \
	X(DROP_L2_DST, "DropL2Dst", "unicast IP in a multicast or broadcast frame, or not our MAC")                    \
	X(DROP_IP_HDR, "DropIpHdrErrors", "bad version, header length or total length")                                \
	X(DROP_IP_CSUM, "DropIpCsum", "bad IPv4 header checksum")                                                      \
	X(DROP_IP_OPTIONS, "DropIpOptions", "malformed or source-route IPv4 option, bad IPv6 extension header")        \
	X(DROP_IP_ADDR, "DropIpAddr", "not addressed to us")                                                           \
	X(DROP_MARTIAN, "DropMartian", "impossible source or destination address")                                     \
	X(DROP_NO_ROUTE, "DropNoRoute", "no way back to the source by the interface it came in")                       \
	X(DROP_IP_PROTO, "DropIpProto", "not TCP or ICMP")                                                             \
	X(DROP_FRAG, "DropFrag", "bad or overlapping fragment, with what came of its datagram")                        \
	X(DROP_FRAG_FULL, "DropFragFull", "fragment of one datagram too many")                                         \
	X(DROP_FRAG_SHARE, "DropFragShare", "fragments hold too many of the worker's mbufs already")                   \
	X(DROP_FRAG_TIMEOUT, "DropFragTimeout", "fragment whose datagram was not whole in time")                       \
	X(DROP_ARP, "DropArp", "malformed or foreign ARP")                                                             \
	X(DROP_ICMP, "DropIcmp", "malformed or unhandled ICMP")                                                        \
	X(DROP_ICMP_SEQ, "DropIcmpSeq", "ICMP error that quotes no segment of ours in flight (RFC 5927)")              \
	X(DROP_NEIGH_FULL, "DropNeighFull", "every neighbour entry is in use")                                         \
	X(DROP_NEIGH_QUEUE, "DropNeighQueueFull", "too many packets wait for this neighbour already")                  \
	X(DROP_NEIGH_SHARE, "DropNeighShare", "too many of the worker's mbufs wait for neighbours already")            \
	X(DROP_NEIGH_FAILED, "DropNeighFailed", "waited for a neighbour that did not answer")                          \
	X(DROP_TCP_HDR, "DropTcpHdr", "TCP header too short or data offset out of range")                              \
	X(DROP_TCP_CSUM, "DropTcpCsum", "bad TCP checksum")                                                            \
	X(DROP_TCP_FLAGS, "DropTcpFlags", "impossible flags for the state")                                            \
	X(DROP_NO_SOCKET, "DropNoSocket", "no connection and no listener (RST sent unless limited)")                   \
	X(DROP_LISTEN, "DropListen", "SYN dropped by a listener: queue or pool full")                                  \
	X(DROP_LISTEN_FLAGS, "DropListenFlags", "segment a listener ignores or resets")                                \
	X(DROP_COOKIE, "DropCookie", "forged or stale SYN cookie")                                                     \
	X(DROP_SEQ, "DropSeq", "sequence number outside the window")                                                   \
	X(DROP_ACK, "DropAck", "acknowledgement outside what was sent")                                                \
	X(DROP_PAWS, "DropPaws", "timestamp older than the last (RFC 7323)")                                           \
	X(DROP_RST_SEQ, "DropRstSeq", "RST not exactly at RCV.NXT (RFC 5961)")                                         \
	X(DROP_TW, "DropTimeWait", "old segment in TIME-WAIT")                                                         \
	X(DROP_CLOSED_RX, "DropAfterClose", "data after the application closed")                                       \
	X(DROP_SHUT_RX, "DropShutRx", "text beyond a hole after tern_shutdown() of reading")                           \
	X(DROP_RX_NOBUF, "DropRxNoBuf", "receive buffer or out-of-order queue full")                                   \
	X(DROP_TX_FULL, "DropTxFull", "no room to send an answer")                                                     \
	X(DROP_TX_PREPARE, "DropTxPrepare", "frame that the device refuses to send")                                   \
	X(DROP_HANDOVER, "DropHandoverFull", "hand-over ring full")

enum stat {
#define X(sym, name, text) STAT_##sym,
	STATS_COUNTERS(X) STATS_DROPS(X)
#undef X
	STAT_COUNT
};
#define STAT_DROP_FIRST STAT_DROP_RUNT

const char *stats_name(unsigned int i); /* base/stats.c */
const char *stats_help(unsigned int i);
#endif
