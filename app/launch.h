/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef LAUNCH_H
#define LAUNCH_H
/** `tern run [--config FILE] [OPTIONS] -- PROGRAM ARGS...`: argv[1] is "run". @return 1 after one line, or does not. */
int launch(int argc, char **argv);
#endif
