/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's server behind a proxy: where it is, non-blocking sockets to it, and what it is told of a client. */
#ifndef BACKEND_H
#define BACKEND_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include "tern.h"

struct backend {
	struct sockaddr_storage at;
	socklen_t len; /* 0: none was given */
	char name[128];
};

/** ADDR:PORT, [ADDR]:PORT or unix:PATH. @return NULL, or what is wrong with it. */
const char *backend_parse(const char *val, struct backend *b);
/** A socket for it. @return a descriptor or -errno. */
int backend_socket(const struct backend *b);
/** @return 0: connected; -EINPROGRESS: it will be writable; -EAGAIN: its queue is full, ask again; or why not. */
int backend_connect(const struct backend *b, int fd);
/** The peer is reset, not told of an end: of TCP by an RST; a socket of AF_UNIX has nothing like it and is closed. */
void backend_reset(int fd);
/** Raise the limit of descriptors to what may be. @return how many there may be. */
uint64_t backend_descriptors(void);

#define PROXY_HEAD_MAX 52u
/** The head of PROXY protocol version 2 that says who the client is and where it connected. @return bytes. */
unsigned int proxy_head(uint8_t head[PROXY_HEAD_MAX], const struct tern_endpoint *from, const struct tern_endpoint *to);
#endif
