/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/feed.h - puts jobs on a source topic, in the format "ingest".
 *
 * A job has a number, which is its campaignTaskId, so that the record it ends
 * in (key task-<number>) can be told.
 */
#ifndef ONTIME_BENCH_FEED_H
#define ONTIME_BENCH_FEED_H

#include "bench/bench.h"

struct feed;

int feed_open(const struct bench *b, const char *topic, struct feed **ret,
              struct err *err);
void feed_close(struct feed **pf);

/* Hands one job to the client's queue; waits for room there (30 s). */
int feed_job(struct feed *f, int64_t number, int64_t due_ms, struct err *err);
/* Until the broker has all (60 s); -EIO when it refused one. */
int feed_flush(struct feed *f, struct err *err);

/*
 * The numbers from first on, every step-th, below end, each ahead_ms before it
 * is due (due[number]); returns when the last is handed over.  Every 20 ms
 * `between` is called (may be NULL).
 */
struct pace {
    const int64_t *due;
    int64_t first, end, step, ahead_ms;
    int (*between)(void *arg, struct err *err);
    void *arg;
};
int feed_pace(struct feed *f, const struct pace *p, struct err *err);

#endif
