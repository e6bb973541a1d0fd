/* SPDX-License-Identifier: BSD-3-Clause */
/* The scenes of tern explain. Each is played by two real stacks; a line that is not true ends it. */
#include <stddef.h>
#include <rte_common.h>
#include "explain.h"

#define NOTED(t)                                                                                                       \
	{                                                                                                              \
		NOTE, 0, 0, NULL, t                                                                                    \
	}
#define DOES(a, n, t)                                                                                                  \
	{                                                                                                              \
		DO, a, n, NULL, t                                                                                      \
	}
#define SEES(p, t)                                                                                                     \
	{                                                                                                              \
		SEE, PASS, 0, p, t                                                                                     \
	}
#define SEES_AT(seq, p, t)                                                                                             \
	{                                                                                                              \
		SEE, PASS, seq, p, t                                                                                   \
	}
#define LOSES(p, t)                                                                                                    \
	{                                                                                                              \
		SEE, LOSE, 0, p, t                                                                                     \
	}
#define HOLDS(slot, p, t)                                                                                              \
	{                                                                                                              \
		SEE, HOLD, slot, p, t                                                                                  \
	}
#define COPIES(slot, p, t)                                                                                             \
	{                                                                                                              \
		SEE, COPY, slot, p, t                                                                                  \
	}
#define STATES(client, server)                                                                                         \
	{                                                                                                              \
		ARE, 0, 0, client, server                                                                              \
	}
#define WAITS(n, t)                                                                                                    \
	{                                                                                                              \
		PAUSE, 0, n, NULL, t                                                                                   \
	}
#define FIN                                                                                                            \
	{                                                                                                              \
		END, 0, 0, NULL, NULL                                                                                  \
	}

/* What most begin with. */
#define OPENED                                                                                                         \
	DOES(LISTEN, 8, "server: listen()"), DOES(CONNECT, 40000, "client: connect()"), SEES(">S", NULL),              \
		SEES("<S.", NULL), SEES(">.", NULL), DOES(ACCEPT, 0, "server: accept()")
#define ASKED DOES(SEND, 100, "client: send(100)"), SEES(">.", NULL), SEES("<.", NULL)

static const struct step handshake[] = {
	DOES(LISTEN, 8,
	     "server: listen(). The lengths of the half-open and of the accept queue are fixed, and their memory is "
	     "taken."),
	DOES(QUEUES, 0, NULL),
	STATES("CLOSED", "LISTEN"),
	DOES(CONNECT, 40000,
	     "client: connect(). It takes a free port, chooses an initial sequence number, and is in SYN_SENT."),
	SEES(">S",
	     "First: SYN, seq = J, to the server's port. The flag SYN asks for a connection, and J, which nobody can "
	     "foretell, is where the client's numbers begin (RFC 9293 3.4.1). They are relative here, so J is 0; a SYN "
	     "counts as one byte. The client starts its retransmission timer and waits in SYN_SENT for the answer. By "
	     "the flag SYN the server knows that a connection is asked for. Were the accept queue full, it would drop "
	     "the SYN (RFC 9293 3.10.7.2). As it is not, the server makes a half-open entry, puts it into the "
	     "half-open queue, starts a timer for it, and is in SYN_RECEIVED. For tcpdump it is Flags [S]."),
	DOES(QUEUES, 0, NULL),
	SEES("<S.", "Second: SYN and ACK in one packet, Flags [S.], seq = K, which is the server's own initial number, "
		    "ack = J + 1. That confirms the client's SYN. ack is the number that is expected next: what it "
		    "confirms, plus one for a SYN. The flag ACK says that the number ack counts; whatever confirms "
		    "something has it set. The client checks that ACK is set and ack is J + 1, stops its "
		    "retransmission timer, and is in ESTABLISHED. It starts a keep-alive timer only if its program "
		    "asked for that: it is off by default (RFC 9293 3.8.4, MUST-25)."),
	SEES(">.", "Third: ACK, Flags [.], ack = K + 1. The server finds the half-open entry, checks that ACK is set "
		   "and ack is K + 1, takes the entry out, makes a connection of it, puts that into the accept queue, "
		   "and is in ESTABLISHED."),
	DOES(QUEUES, 0, NULL),
	STATES("ESTABLISHED", "ESTABLISHED"),
	DOES(ACCEPT, 0,
	     "server: accept(). It takes the connection out of the accept queue and gives it to the program."),
	DOES(QUEUES, 0, NULL),
	NOTED("The handshake is done and the connection open at both ends: now both may send."),
	DOES(SEND, 752, "client: send(752), a request"),
	SEES(">.", "Flags [P.]: text begins at J + 1, as the SYN has counted. P (push): nothing follows for now."),
	SEES("<.", "Of text each byte counts: ack = seq + length."),
	FIN};

static const struct step close4[] = {
	OPENED,
	NOTED("TCP is a connection-oriented, reliable stream of bytes, and full duplex: each direction is closed by "
	      "itself, with a FIN and its ACK, which makes four packets. close() or shutdown() of either program "
	      "begins it. Who closes first does the active close, the other one the passive."),
	DOES(SHUT, 0, "client: shutdown(). It has no more to send."),
	SEES(">F.", "First: FIN, with a seq of its own. It ends this direction: all text was sent before it. It counts "
		    "as one byte. The client is in FIN_WAIT_1."),
	SEES("<.", "Second: its ACK, ack = seq + 1. So the server has seen that the client is done, and agrees. It is "
		   "in CLOSE_WAIT: no more text will come, but it may still send, for as long as it likes, until it "
		   "sends a FIN, too. The client is in FIN_WAIT_2."),
	STATES("FIN_WAIT_2", "CLOSE_WAIT"),
	DOES(CLOSE_SERVER, 0, "server: close(). It has no more to send, either."),
	SEES("<F.", "Third: the server's FIN says that it is done, too. The server is in LAST_ACK: who closes second, "
		    "never the client here (RFC 9293 3.6, figure 12). That is why it takes four to close and three to "
		    "open: SYN and ACK of the server go together, the ACK as an answer and the SYN to synchronize its "
		    "own numbers, as it has nothing to wait for; its FIN waits until its program is done."),
	SEES(">.", "Fourth: its ACK. The server is CLOSED. The client closed first, so it is in TIME_WAIT, for 2 MSL "
		   "(here a second, for a minute). MSL, the maximum segment lifetime, is the longest that a segment "
		   "may be in the network before it is dropped."),
	STATES("TIME_WAIT", "LISTEN"),
	WAITS(1200, "2 MSL pass, and no FIN comes again: the server has the last ACK and is closed. So the client is "
		    "CLOSED, too."),
	STATES("CLOSED", "LISTEN"),
	FIN};

static const struct step half_close[] = {
	OPENED,
	DOES(SHUT, 0, "client: shutdown(SHUT_WR): a half-close. The other direction stays open."),
	SEES(">F.", NULL),
	SEES("<.", NULL),
	STATES("FIN_WAIT_2", "CLOSE_WAIT"),
	DOES(ANSWER, 500, "server: send(500), in CLOSE_WAIT"),
	SEES("<.", "Text goes on in this direction. The server does not close its socket before all of it is sent."),
	SEES(">.", NULL),
	DOES(READ, 0, "client: recv()"),
	DOES(CLOSE_SERVER, 0, "server: close()"),
	SEES("<F.", NULL),
	SEES(">.", NULL),
	FIN};

static const struct step close_both[] = {
	OPENED,
	DOES(CLOSE, 0, "client: close()"),
	DOES(CLOSE_SERVER, 0, "server: close(), at the same time"),
	HOLDS(0, ">F.", "The two FINs cross each other."),
	SEES("<F.", "The client is in FIN_WAIT_1 and gets a FIN instead of an ACK of its own: CLOSING (RFC 9293 3.6, "
		    "figure 13)."),
	DOES(RELEASE, 0, "and the client's FIN arrives"),
	SEES(">.", NULL),
	SEES("<.", "Each FIN is acknowledged: both were the first to close, so both are in TIME_WAIT."),
	STATES("TIME_WAIT", "TIME_WAIT"),
	FIN};

static const struct step open_both[] = {
	DOES(CONNECT, 40000, "client: connect() from port 40000 to port 80"),
	HOLDS(0, ">S", "It is under way while"),
	DOES(CONNECT_BACK, 40000, "server: connect() from port 80 to port 40000. Nobody listens."),
	SEES("<S", "Who is in SYN_SENT and gets a SYN without ACK is in SYN_RECEIVED (RFC 9293 3.5, figure 7), and "
		   "answers with SYN and ACK."),
	DOES(RELEASE, 0, "and the client's SYN arrives"),
	SEES(">S.", NULL),
	SEES("<S.", "One connection, not two: both ends have the same four numbers. Nobody accepts it."),
	STATES("ESTABLISHED", "ESTABLISHED"),
	FIN};

static const struct step lost_syn[] = {
	DOES(LISTEN, 8, "server: listen()"),
	DOES(CONNECT, 40000, "client: connect()"),
	LOSES(">S", "The network loses it. Nobody tells the client, but its timer is running."),
	SEES(">S", "A second later (RFC 6298 2.1) the same SYN with the same number goes out again, and the timer is "
		   "twice as long: 2 s."),
	SEES("<S.", NULL),
	SEES(">.", NULL),
	STATES("ESTABLISHED", "ESTABLISHED"),
	FIN};

static const struct step lost_ack[] = {
	DOES(LISTEN, 8, "server: listen()"),
	DOES(CONNECT, 40000, "client: connect()"),
	SEES(">S", NULL),
	SEES("<S.", NULL),
	LOSES(">.", "The last ACK is lost. The client is in ESTABLISHED, the server is not."),
	SEES("<S.", "The timer of the half-open entry: the SYN-ACK goes out again."),
	SEES(">.", "An ACK is never sent again by itself: it is the answer to what comes again (RFC 9293 3.10.7.4)."),
	STATES("ESTABLISHED", "ESTABLISHED"),
	FIN};

static const struct step old_syn[] = {
	DOES(LISTEN, 8, "server: listen()"),
	DOES(CONNECT, 40000, "client: connect()"),
	COPIES(0, ">S", "A copy of this SYN is not lost: it lies in some node of the network, for long."),
	SEES("<S.", NULL),
	SEES(">.", NULL),
	DOES(ACCEPT, 0, "server: accept()"),
	DOES(CLOSE_SERVER, 0, "server: close()"),
	SEES("<F.", NULL),
	SEES(">.", NULL),
	DOES(CLOSE, 0, "client: close()"),
	SEES(">F.", NULL),
	SEES("<.", "The connection is over."),
	WAITS(1200, "2 MSL pass. The client has forgotten it."),
	STATES("CLOSED", "LISTEN"),
	DOES(RELEASE, 0, "now the old SYN arrives"),
	SEES("<S.",
	     "Its connection is over, but the server can't know that it is old: it takes it for a new request of the "
	     "client's, and agrees. With a handshake of two it would be in ESTABLISHED now, by its own answer alone, "
	     "and wait for ever for text of a client that wants nothing: what a connection takes would be wasted."),
	SEES(">R", "The client has asked for nothing: it does not confirm that, and sends no text. It even says that "
		   "it knows of no such connection (RFC 9293 3.5, figure 8). So the server knows that none is wanted. "
		   "That is what the third packet is for."),
	STATES("CLOSED", "LISTEN"),
	FIN};

static const struct step last_ack[] = {
	OPENED,
	DOES(CLOSE, 0, "client: close()"),
	SEES(">F.", NULL),
	SEES("<.", NULL),
	DOES(CLOSE_SERVER, 0, "server: close()"),
	SEES("<F.", NULL),
	LOSES(">.",
	      "The last ACK is lost, as IP promises nothing. The client is in TIME_WAIT, the server in LAST_ACK."),
	SEES("<F.", "The server's timer runs out, and its FIN comes again. Were the client CLOSED by now, the FIN "
		    "would find no connection: it would be answered with RST, and the server's program would hear of "
		    "an error at the end of a connection without one."),
	SEES(">.", "That is the first reason to wait for 2 MSL, and not to be CLOSED at once: to acknowledge it again, "
		   "so that the server closes in order. And 2 MSL begin anew (RFC 9293 3.10.7.4)."),
	STATES("TIME_WAIT", "LISTEN"),
	FIN};

static const struct step old_text[] = {
	OPENED,
	DOES(SEND, 100, "client: send(100)"),
	COPIES(0, ">.", "A copy of this segment stays in the network for long."),
	SEES("<.", NULL),
	DOES(READ_SERVER, 0, "server: recv()"),
	DOES(CLOSE_SERVER, 0, "server: close()"),
	SEES("<F.", NULL),
	SEES(">.", NULL),
	DOES(CLOSE, 0, "client: close()"),
	SEES(">F.", NULL),
	SEES("<.", "The server closed first: it is in TIME_WAIT."),
	STATES("CLOSED", "TIME_WAIT"),
	DOES(RELEASE, 0, "the old segment arrives: it finds TIME_WAIT"),
	SEES("<.", "It is acknowledged and dropped. Were there no TIME_WAIT, there might be a new connection by now, "
		   "with the same addresses and the same ports, for nothing forbids to take them again. The old "
		   "numbers might fit, and old text would be taken for new. After 2 MSL no segment of the old one is "
		   "left in the network: the second reason (RFC 9293 3.4.2)."),
	SEES(">R", "(The client has no connection any more, and says so. TIME_WAIT does not end by it: RFC 1337.)"),
	STATES("CLOSED", "TIME_WAIT"),
	FIN};

static const struct step retransmit[] = {
	OPENED,
	DOES(SEND, 100, "client: send(100)"),
	LOSES(">.",
	      "The only segment under way is lost: there is nothing behind it that the server could complain of."),
	SEES(">.", "So the client asks by itself: a tail loss probe, after two round trips (RFC 8985 7), or else the "
		   "retransmission timer (RFC 6298 "
		   "5.4)."),
	SEES("<.", NULL),
	STATES("ESTABLISHED", "ESTABLISHED"),
	FIN};

static const struct step fast[] = {OPENED,
				   ASKED,
				   DOES(SEND, 5792, "client: send(5792), which is four segments"),
				   LOSES(">.", "The first is lost."),
				   SEES_AT(1549, ">.", NULL),
				   SEES_AT(2997, ">.", NULL),
				   SEES_AT(4445, ">.", NULL),
				   SEES("<.", "Each segment behind the hole is answered at once, with the number that "
					      "is missing, and in a SACK option what came (RFC 2018)."),
				   SEES("<.", NULL),
				   SEES("<.", "Three are enough (RFC 5681 3.2, RFC 6675):"),
				   SEES_AT(101, ">.", "the first goes out again, long before any timer."),
				   SEES("<.", "All has arrived."),
				   FIN};

static const struct step full[] = {
	DOES(LISTEN, 1, "server: listen(), with a backlog of 1; its program is busy and does not accept"),
	DOES(CONNECT, 40000, "a client: connect()"),
	SEES(">S", NULL),
	SEES("<S.", NULL),
	SEES(">.", NULL),
	DOES(QUEUES, 0, NULL),
	DOES(CONNECT, 40001, "another client: connect()"),
	SEES(">S", "The accept queue is full: the SYN is dropped and counted, as if the network had lost it. No RST: "
		   "it may be better in a second."),
	DOES(QUEUES, 0, NULL),
	STATES("SYN_SENT", "LISTEN"),
	DOES(ACCEPT, 0, "server: accept(): there is room for one"),
	SEES(">S", "The client asks again after a second."),
	SEES("<S.", NULL),
	SEES(">.", NULL),
	STATES("ESTABLISHED", "ESTABLISHED"),
	FIN};

static const struct step flooded[] = {DOES(LISTEN, 8, "server: listen()"),
				      DOES(CONNECT, 40000, "client: connect()"),
				      HOLDS(0, ">S", "It is late, and before it come"),
				      DOES(FLOOD, 100,
					   "100 SYNs from ports of nobody's: each takes a place in the half-open queue "
					   "for as long as its SYN-ACK is sent again"),
				      DOES(QUEUES, 0, NULL),
				      NOTED("The queue is full, and for the rest there are SYN cookies (RFC 4987 3.6): "
					    "the SYN-ACK's sequence number is a keyed hash of the "
					    "addresses, the ports and the client's number. Nothing is kept."),
				      DOES(RELEASE, 0, "the client's SYN arrives"),
				      SEES("<S.", "Its SYN-ACK is a cookie, too."),
				      SEES(">.", "The ACK brings the cookie back, plus one: the hash is right, so "
						 "somebody got the SYN-ACK at that address, and the connection is made "
						 "from the ACK alone."),
				      STATES("ESTABLISHED", "ESTABLISHED"),
				      DOES(QUEUES, 0, NULL),
				      FIN};

static const struct step zero_window[] = {
	OPENED,
	DOES(SEND, 12000,
	     "client: send(12000). The server has a buffer of 8,192 bytes, and its program does not read."),
	SEES(">.", NULL),
	SEES(">.", NULL),
	SEES(">.", NULL),
	SEES(">.", NULL),
	SEES(">.", NULL),
	SEES("<.", NULL),
	SEES("<.", NULL),
	SEES("<.", NULL),
	SEES("<.", NULL),
	SEES("<.", "Each ACK says how much more may come: the window shrinks as the buffer fills. What is left of it "
		   "is less than a segment: the "
		   "client waits for more room, so as not to send in crumbs (RFC 9293 3.8.6.2.1)."),
	SEES_AT(7241, ">.", "A timer ends the wait, and what fits goes."),
	SEES("<.", "The window is shut. The client may send nothing."),
	SEES_AT(8193, ">.",
		"But it must ask (MUST-36): the ACK that opens the window might be lost, and both would wait for ever. "
		"A byte, more and more "
		"seldom."),
	SEES("<.", "The byte was not taken; the answer says that the receiver is alive. So it may go on for as long as "
		   "it likes."),
	DOES(READ_SERVER, 0, "server: recv(), all there is"),
	SEES("<.", "The window is open: a window update, unasked."),
	SEES_AT(8193, ">.", NULL),
	SEES_AT(9641, ">.", NULL),
	SEES_AT(11089, ">.", "All of it is sent."),
	FIN};

#define SCENE(id, title, rfc, steps)                                                                                   \
	{                                                                                                              \
		id, title, rfc, 0, 0, steps                                                                            \
	}
const struct scene scenes[] = {
	SCENE("handshake", "three packets open a connection", "RFC 9293 3.5", handshake),
	SCENE("close", "four packets close it", "RFC 9293 3.6", close4),
	SCENE("half-close", "one end is done, the other goes on", "RFC 9293 3.6", half_close),
	SCENE("simultaneous-close", "both close at once", "RFC 9293 3.6", close_both),
	SCENE("simultaneous-open", "both open at once", "RFC 9293 3.5", open_both),
	SCENE("lost-syn", "the first packet is lost", "RFC 6298", lost_syn),
	SCENE("lost-ack", "the third packet is lost", "RFC 9293 3.5", lost_ack),
	SCENE("old-syn", "an old duplicate SYN: why three, and not two", "RFC 9293 3.5", old_syn),
	SCENE("last-ack", "the last ACK is lost: why 2 MSL, reason one", "RFC 9293 3.6.1", last_ack),
	SCENE("old-segment", "an old segment: why 2 MSL, reason two", "RFC 9293 3.4.2", old_text),
	SCENE("rto", "the last segment is lost", "RFC 6298, RFC 8985", retransmit),
	SCENE("fast-retransmit", "a segment in the middle is lost", "RFC 5681 3.2", fast),
	SCENE("full-queue", "the accept queue is full", "RFC 9293 3.9.1.2", full),
	SCENE("syn-flood", "a flood of SYNs, and cookies", "RFC 4987", flooded),
	{"zero-window", "the receiver has no room", "RFC 9293 3.8.6", 0, 8192, zero_window},
};
const unsigned int n_scenes = RTE_DIM(scenes);
