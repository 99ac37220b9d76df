/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/client.h - one request to the daemon and its answer, by libcurl.
 */
#ifndef ONTIME_CTL_CLIENT_H
#define ONTIME_CTL_CLIENT_H

#include "base/buf.h"
#include "base/err.h"

struct client; /* a connection, kept open between calls */

struct client_settings { /* borrowed for as long as the client lives */
    const char *socket;  /* path; NULL: url */
    const char *url;     /* "http://host:port"; NULL: socket */
};

int client_new(const struct client_settings *set, struct client **ret,
               struct err *err);
void client_free(struct client **pc);

struct answer {
    long status;
    struct buf body;
};
void answer_done(struct answer *a);

/*
 * path starts with '/'; body.data NULL: no body.  0 with any status, also an
 * error's; -ENOTCONN when the daemon cannot be reached or does not answer, with
 * a text that says where it was looked for.  Blocks a minute at most.
 */
int client_call(struct client *c, const char *method, const char *path,
                struct span body, struct answer *ret, struct err *err);

#endif
