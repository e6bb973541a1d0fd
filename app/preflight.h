/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PREFLIGHT_H
#define PREFLIGHT_H
/** tern check: options are known, EAL's are argv[1 .. argc). @return the exit status: 1 when something fails. */
int preflight(int argc, char **argv);
#endif
