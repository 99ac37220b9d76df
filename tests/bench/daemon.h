/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/daemon.h - one ontimed as a child process, asked over its socket.
 */
#ifndef ONTIME_BENCH_DAEMON_H
#define ONTIME_BENCH_DAEMON_H

#include "bench/bench.h"

#include <stdio.h>

struct daemon {
    pid_t pid;            /* 0: it does not run */
    int64_t exec_wall_ms; /* when it was started */
    char dir[160];        /* all that it writes, its log included */
    char store[240];      /* url; "": a file in dir */
    char page[256 * 1024];
};

/* Starts it with the configuration and returns when it says that it is ready
 * (within 30 s).  overrides: "path=value", ends with NULL, may be NULL; they
 * win over the run's. */
int daemon_start(struct daemon *d, const struct bench *b, const char *config,
                 const char *const *overrides, struct err *err);
/* SIGTERM, and until it has ended (30 s); -EIO when it did not end with 0. */
int daemon_stop(struct daemon *d, struct err *err);
void daemon_kill(struct daemon *d); /* SIGKILL; nothing when it does not run */

/* A value of /metrics, `ontime_x_total{label="y"}`; 0 where it is not there.
 * -EIO: it does not answer, or has ended. */
int daemon_metric(struct daemon *d, const char *name, double *ret,
                  struct err *err);
/* Until the metric is at least (at most) value. */
int daemon_wait_metric(struct daemon *d, const char *name, double value,
                       int64_t timeout_ms, struct err *err);

void daemon_show_log(const struct daemon *d, FILE *f);

#endif
