/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A target by itself, where there is no fuzzer: random inputs from a seed, or the files that are named.
 *
 *	fuzz_NAME [--seed N] [--steps N] [--inputs N] [--len N] [--skip N] [-v] [FILE or DIRECTORY ...]
 *
 * Each input has a seed of its own, which follows from the number of the input: of a fault the file of the input is
 * left behind (crash-NAME-SEED-NUMBER), and the command that makes it again is printed.
 */
#define _GNU_SOURCE /* program_invocation_name */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "../random.h"
#include "fuzz.h"

#define LEN_MAX 65536u
#define HANG_S 60u /* for one input */
#define SAY_EVERY 10000000u /* steps */

static uint8_t input[LEN_MAX];
static size_t input_len;
static uint64_t first_seed, rng, number;
static char crash_name[128];
static bool from_file;

const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "abort_on_error=1:detect_leaks=0:handle_abort=0";
}

static uint32_t
below(uint32_t n)
{
	return (random_next(&rng) >> 32) * n >> 32;
}

/* Nothing but what a signal handler may do. */
static void
died(int sig)
{
	char text[400];
	int n = 0, fd;

	if (!from_file) {
		fd = open(crash_name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
		if (fd >= 0) {
			n = write(fd, input, input_len);
			close(fd);
		}
		n = snprintf(text, sizeof(text),
			     "FUZZ %s: signal %d%s. Replay: %s -v %s, or --seed %llu --skip %llu --inputs 1\n",
			     fuzz_name, sig, sig == SIGALRM ? " (hang)" : "", program_invocation_name, crash_name,
			     (unsigned long long)first_seed, (unsigned long long)number);
		n = write(2, text, n);
	}
	(void)n;
	signal(sig, SIG_DFL);
	raise(sig == SIGALRM ? SIGKILL : sig);
}

static void
run_one(void)
{
	/* a copy of its own size: who reads behind it is noticed */
	uint8_t *copy = malloc(input_len ? input_len : 1);

	memcpy(copy, input, input_len);
	alarm(HANG_S);
	LLVMFuzzerTestOneInput(copy, input_len);
	alarm(0);
	free(copy);
}

static unsigned int
run_path(const char *path)
{
	struct stat st;
	unsigned int n = 0;

	if (stat(path, &st))
		fuzz_fail("%s is not there", path);
	if (S_ISDIR(st.st_mode)) {
		struct dirent **e = NULL;
		int k = scandir(path, &e, NULL, alphasort), i;

		for (i = 0; i < k; i++) {
			char name[512];

			snprintf(name, sizeof(name), "%s/%s", path, e[i]->d_name);
			if (e[i]->d_name[0] != '.')
				n += run_path(name);
			free(e[i]);
		}
		free(e);
	} else {
		FILE *f = fopen(path, "rb");

		if (!f)
			fuzz_fail("%s cannot be read", path);
		input_len = fread(input, 1, sizeof(input), f);
		fclose(f);
		if (fuzz_trace)
			printf("--- %s\n", path);
		run_one();
		n++;
	}
	return n;
}

static void
run_random(uint64_t skip, uint64_t inputs, uint64_t steps, size_t len)
{
	const uint64_t from = fuzz_steps;
	uint64_t next = SAY_EVERY;

	for (number = skip; number < skip + inputs && fuzz_steps - from < steps; number++) {
		rng = first_seed * 0x2545f4914f6cdd1d + number;
		input_len = fuzz_make(input, len, below);
		snprintf(crash_name, sizeof(crash_name), "crash-%s-%llu-%llu", fuzz_name,
			 (unsigned long long)first_seed, (unsigned long long)number);
		run_one();
		if (fuzz_steps - from >= next) {
			printf("%llu steps, %llu inputs\n", (unsigned long long)(fuzz_steps - from),
			       (unsigned long long)number + 1);
			next += SAY_EVERY;
		}
	}
}

int
main(int argc, char **argv)
{
	static const struct option opts[] = {{"seed", 1, NULL, 's'}, {"steps", 1, NULL, 'n'}, {"inputs", 1, NULL, 'i'},
					     {"len", 1, NULL, 'l'}, {"skip", 1, NULL, 'k'}, {NULL}};
	const char *env = getenv("TERN_SEED");
	uint64_t steps = 0, inputs = 0, skip = 0, files = 0;
	struct timespec a, b;
	size_t len = 4096;
	double s;
	int o;

	first_seed = env ? strtoull(env, NULL, 0) : (uint64_t)time(NULL) << 16 ^ getpid();
	while ((o = getopt_long(argc, argv, "v", opts, NULL)) != -1) {
		if (o == 's')
			first_seed = strtoull(optarg, NULL, 0);
		else if (o == 'n')
			steps = strtoull(optarg, NULL, 0);
		else if (o == 'i')
			inputs = strtoull(optarg, NULL, 0);
		else if (o == 'k')
			skip = strtoull(optarg, NULL, 0);
		else if (o == 'l')
			len = strtoull(optarg, NULL, 0);
		else if (o == 'v')
			fuzz_trace = true;
		else
			return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	LLVMFuzzerInitialize(&argc, &argv);
	for (o = SIGSEGV; o; o = o == SIGSEGV   ? SIGABRT
				 : o == SIGABRT ? SIGBUS
				 : o == SIGBUS  ? SIGALRM
				 : o == SIGALRM ? SIGFPE
						: 0)
		signal(o, died);
	clock_gettime(CLOCK_MONOTONIC, &a);
	from_file = true;
	for (; optind < argc; optind++)
		files += run_path(argv[optind]);
	from_file = false;
	if (steps || inputs) {
		printf("TERN_SEED=%llu\n", (unsigned long long)first_seed);
		run_random(skip, inputs ? inputs : UINT64_MAX / 2, steps ? steps : UINT64_MAX,
			   len < LEN_MAX ? len : LEN_MAX);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	s = b.tv_sec - a.tv_sec + (b.tv_nsec - a.tv_nsec) / 1e9;
	printf("fuzz %s: %llu files, %llu random inputs, %llu steps in %.1f s, %.0f/s: no fault\n", fuzz_name,
	       (unsigned long long)files, (unsigned long long)(number - (number ? skip : 0)),
	       (unsigned long long)fuzz_steps, s, fuzz_steps / (s > 0 ? s : 1));
	return 0;
}
