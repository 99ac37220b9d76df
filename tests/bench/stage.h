/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/stage.h - what one case works with: a directory, topics and an ontimed
 * of its own, the app sms_retry between a source and a target topic.
 */
#ifndef ONTIME_BENCH_STAGE_H
#define ONTIME_BENCH_STAGE_H

#include "bench/bench.h"
#include "bench/daemon.h"
#include "bench/feed.h"

#define STORED "ontime_messages_processed_total{source=\"bench\"}"
#define FINISHED "ontime_store_batch_rows_total{op=\"finish\"}"
#define PENDING "ontime_jobs{state=\"PENDING\"}"

struct stage {
    struct bench *bench;
    const struct bench_case *c;
    char source[80], target[80], dlq[80], ledger[90];
    char config[200];
    char database[64]; /* of a server; "": none */
    struct daemon daemon;
    struct daemon *second; /* another instance on the same store; NULL: none */
    struct feed *feed;
};

/* Allocates; a stage is large. */
int stage_open(struct bench *b, const struct bench_case *c, struct stage **ret,
               struct err *err);
/* Ends what runs, removes what it made; failed: shows ontimed's log first. */
void stage_close(struct stage **ps, bool failed);

/* All its instances; overrides as of daemon_start. */
int stage_start(struct stage *s, const char *const *overrides, struct err *err);
int stage_stop(struct stage *s, struct err *err); /* orderly */
/* A metric, of both instances together. */
int stage_metric(struct stage *s, const char *name, double *ret,
                 struct err *err);
int stage_wait_metric(struct stage *s, const char *name, double value,
                      int64_t timeout_ms, struct err *err);
/* Starts it, puts c->pending jobs into the store that are due in a few hours
 * and have numbers from first on, and stops it.  Nothing when there are none. */
int stage_fill_pending(struct stage *s, int64_t first, struct err *err);
/* Until so many messages have been stored since ontimed was started. */
int stage_wait_stored(struct stage *s, int64_t count, int64_t timeout_ms,
                      struct err *err);

/* Says what the store has spent its time with since ontimed was started. */
void stage_say_store(struct stage *s);

#endif
