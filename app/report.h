/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers for people: a line a second and the end's list, nstat style. Never called on a worker while it runs. */
#ifndef REPORT_H
#define REPORT_H
#include "role.h"

/** What a stack had at the last line. */
struct interval {
	uint64_t at_us, established, closed, failed, rx, tx, busy_cycles, total_cycles;
};
/** One line of what happened since *last, which is renewed. seconds: since the start. */
void report_line(const struct stack *s, struct interval *last, double seconds);
/** Counters that are not zero, with their names; what the devices lost; how full every pool is. */
void report_counters(const struct stack *s);
/** Memory of the process that is in RAM, huge pages included. */
uint64_t report_resident_mib(void);
/** The longest poll of its workers while the load was on. */
void report_longest(const struct stack *s);
/** The first line of a file that has the word. @return whether there is one. */
bool report_line_of(const char *path, const char *word, char *line, size_t size);
/** Packets and busy cycles per connection of a stack that is alone in its process. */
void report_cost(const struct stack *s);
/** "pools: all full, queues: empty", or every number that is off. @return how many are. */
unsigned int report_pools(const struct stack *st, unsigned int n, unsigned int left_in_cables, uint32_t flood_missing);
/** Which work of a port the device does. */
struct offloads {
	bool rx_checksums, tx_checksums, tso;
};
struct offloads report_offloads(uint16_t port_id);
#endif
