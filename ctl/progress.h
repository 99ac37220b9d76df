/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/progress.h - how far a long command is: a line on a terminal that is
 * written again and again, with rate and time left; elsewhere nothing.  And its
 * end when the user interrupts it.  One at a time, one thread.
 */
#ifndef ONTIME_CTL_PROGRESS_H
#define ONTIME_CTL_PROGRESS_H

#include <stdio.h>

#include "store/move.h"

struct progress {
    FILE *f;
    bool shown; /* a line stands there */
    const char *what;
    int64_t began_ms, last_ms; /* boot clock */
    uint64_t began_at;         /* done, when `what` began */
};

/* From here on SIGINT and SIGTERM stop the work in an orderly way. */
void progress_begin(struct progress *p, FILE *f);
/* A move_tell_fn; arg is a struct progress. */
bool progress_tell(void *arg, const struct move_progress *at);
/* Wipes the line; signals are as before. */
void progress_end(struct progress *p);

/* The line: "copied 12.0 MB of 48.0 MB (25%), 4.1 MB/s, 9s left".  Pure. */
#define PROGRESS_LINE 160
void progress_line(const struct progress *p, const struct move_progress *at,
                   int64_t now_ms, char out[PROGRESS_LINE]);

/* "980 B", "12.0 MB". */
#define PROGRESS_SIZE 32
void progress_bytes(uint64_t n, char out[PROGRESS_SIZE]);

#endif
