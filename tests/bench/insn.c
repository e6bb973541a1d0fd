/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For counting instructions: bench-compare.sh runs it under callgrind, which collects inside server_turn() or
 * client_turn() only.
 *
 *	insn <EAL options> -- CONNECTIONS PACKETS
 */
#include <stdio.h>
#include "pairbed.h"

#define TURNS_MAX 10000000u

int
main(int argc, char **argv)
{
	const int n_eal = rte_eal_init(argc, argv);
	struct tern_conf conf;
	uint64_t want, turns;

	pair_conf(&conf, "insn");
	if (n_eal < 0)
		return 1;
	if (argc - n_eal != 3)
		errx(1, "insn <EAL options> -- CONNECTIONS PACKETS");
	want = strtoul(argv[n_eal + 1], NULL, 10);
	packets = atoi(argv[n_eal + 2]);
	short_init(&conf);
	for (turns = 0; done < want && turns < TURNS_MAX; turns++)
		pair_turn();
	printf("insn: %lu connections, %lu failed, %.2f packets a connection, %lu turns\n", done, failed,
	       (double)frames / (done ? done : 1), turns);
	return done < want || failed;
}
