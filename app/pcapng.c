/* SPDX-License-Identifier: BSD-3-Clause */
/* See pcapng.h. A block: type, length, body, options, the length again; each padded to four bytes. */
#include <string.h>
#include "pcapng.h"

#define SECTION 0x0a0d0d0au
#define INTERFACE 1u
#define PACKET 6u
#define ETHERNET 1
enum { OPT_END, OPT_COMMENT, OPT_EPB_FLAGS = 2, OPT_IF_NAME = 2, OPT_SHB_USERAPPL = 4, OPT_IF_TSRESOL = 9 };
enum { FLAG_IN = 1, FLAG_OUT = 2 };

static uint32_t
padded(uint32_t n)
{
	return (n + 3) & ~3u;
}

static void
put32(FILE *f, uint32_t v)
{
	fwrite(&v, sizeof(v), 1, f);
}

static void
put_padded(FILE *f, const void *p, uint32_t n)
{
	static const char zero[4];

	fwrite(p, 1, n, f);
	fwrite(zero, 1, padded(n) - n, f);
}

/* What an option of n bytes takes. */
static uint32_t
option_size(uint32_t n)
{
	return 4 + padded(n);
}

static void
put_option(FILE *f, uint16_t code, const void *p, uint16_t n)
{
	const uint16_t head[2] = {code, n};

	fwrite(head, sizeof(head), 1, f);
	put_padded(f, p, n);
}

void
pcapng_begin(FILE *f, const char *program)
{
	const uint16_t version[2] = {1, 0};
	const int64_t unknown = -1; /* how long the section is */
	const uint32_t n = strlen(program), size = 28 + option_size(n) + option_size(0);

	put32(f, SECTION);
	put32(f, size);
	put32(f, 0x1a2b3c4d);
	fwrite(version, sizeof(version), 1, f);
	fwrite(&unknown, sizeof(unknown), 1, f);
	put_option(f, OPT_SHB_USERAPPL, program, n);
	put_option(f, OPT_END, "", 0);
	put32(f, size);
}

void
pcapng_iface(FILE *f, const char *name)
{
	const uint32_t n = strlen(name), size = 20 + option_size(n) + option_size(1) + option_size(0);
	const uint16_t type[2] = {ETHERNET, 0};
	const uint8_t nanoseconds = 9;

	put32(f, INTERFACE);
	put32(f, size);
	fwrite(type, sizeof(type), 1, f);
	put32(f, 0); /* packets of any length */
	put_option(f, OPT_IF_NAME, name, n);
	put_option(f, OPT_IF_TSRESOL, &nanoseconds, 1);
	put_option(f, OPT_END, "", 0);
	put32(f, size);
}

uint32_t
pcapng_put(FILE *f, const struct pcapng_packet *p)
{
	const uint32_t n = strlen(p->comment), flags = p->out ? FLAG_OUT : FLAG_IN;
	const uint32_t size =
		32 + padded(p->cap) + option_size(sizeof(flags)) + (n ? option_size(n) : 0) + option_size(0);

	put32(f, PACKET);
	put32(f, size);
	put32(f, p->iface);
	put32(f, p->time_ns >> 32);
	put32(f, (uint32_t)p->time_ns);
	put32(f, p->cap);
	put32(f, p->len);
	put_padded(f, p->data, p->cap);
	put_option(f, OPT_EPB_FLAGS, &flags, sizeof(flags));
	if (n)
		put_option(f, OPT_COMMENT, p->comment, n);
	put_option(f, OPT_END, "", 0);
	put32(f, size);
	return size;
}
