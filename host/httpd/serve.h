/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/serve.h - libmicrohttpd's side: listeners read requests, hand them to
 * lanes and send the answers.
 */
#ifndef ONTIME_HTTPD_SERVE_H
#define ONTIME_HTTPD_SERVE_H

#include "httpd/lane.h"

#include <stdatomic.h>

struct MHD_Daemon;

struct server { /* what the listeners share */
    struct httpd_house house;
    struct lane lane[LANES]; /* [LANE_NONE] is not used */
    size_t max_body;
    size_t max_held; /* bytes of all bodies at once */
    atomic_size_t held;
};

struct listener {
    struct server *srv;
    struct MHD_Daemon *daemon; /* NULL: off */
    bool check_host;           /* loopback TCP: see guard.h */
};

/* Starts serving on the listening descriptor fd, which is the listener's from
 * here on, also after a failure. */
int serve_start(struct listener *l, int fd, unsigned max_connections,
                struct err *err);
/* The lanes must have stopped: no request is with them. */
void serve_stop(struct listener *l);

/* A lane is through with rq: goes on with its connection. */
void serve_answered(struct request *rq);

#endif
