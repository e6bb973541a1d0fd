/* SPDX-License-Identifier: BSD-3-Clause */
/* What client, serve and bench must agree on. The options are among the client's (role_client.c). */
#ifndef REQUESTS_H
#define REQUESTS_H
#include "role.h"

#define REQUEST_OPTIONS "request-size response-size requests-per-conn work-us close packets"

enum close_mode { CLOSE_CLIENT, CLOSE_SERVER, CLOSE_RESET };
extern const char *const close_names[]; /* as an option says it; NULL ends them */

struct requests {
	uint32_t request_size, response_size, per_conn;
	uint32_t work_us; /* before each answer */
	uint8_t close_mode;
	uint8_t packets; /* of a short connection: 6, 7 or 8; 0: as close_mode says */
};
extern struct requests requests;
extern const struct role role_serve; /* bench's server */

/** Do they fit each other? @return 0 or -EINVAL after a line. */
int requests_check(void);
#endif
