/* SPDX-License-Identifier: BSD-3-Clause */
/* What HTTP is made of, right and wrong. The order counts: inputs name words by it. */
#ifndef WORDS_H
#define WORDS_H

static const char *const http_words[] = {
	"GET ", "HEAD ", "POST ", "/", "/index.html", "/../", "%2e%2E", "%", "?x=1", " HTTP/1.1", " HTTP/1.0", "\r\n",
	"\r\n", "\n", "Host: x\r\n", "Host:", "Connection: ", "close", "keep-alive", ", ", "Content-Length: ", "12",
	"0", "-1", "99999999999999999999", "Transfer-Encoding: ", "chunked", "gzip", "HTTP/1.1 200 OK\r\n",
	"HTTP/1.0 404\r\n", "HTTP/1.1 ", "200", "\r\n\r\n", "\n\n", " ", "\t", "a\r\n", "1\r\nx\r\n", "0\r\n\r\n",
	"ffffffffffffffff\r\n", "5;ext=1\r\nhello\r\n", ":", "http://host", "\r",
	/* whole ones */
	"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"};
#define N_HTTP_WORDS (sizeof(http_words) / sizeof(*http_words))
#endif
