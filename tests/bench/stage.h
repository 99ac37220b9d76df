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
    char source[80], target[80], dlq[80];
    char config[200];
    struct daemon daemon;
    struct feed *feed;
};

/* Allocates; a stage is large. */
int stage_open(struct bench *b, const struct bench_case *c, struct stage **ret,
               struct err *err);
/* Ends what runs, removes what it made; failed: shows ontimed's log first. */
void stage_close(struct stage **ps, bool failed);

/* overrides as of daemon_start */
int stage_start(struct stage *s, const char *const *overrides, struct err *err);
/* Until so many messages have been stored since ontimed was started. */
int stage_wait_stored(struct stage *s, int64_t count, int64_t timeout_ms,
                      struct err *err);

/* Says what the store has spent its time with since ontimed was started. */
void stage_say_store(struct stage *s);

#endif
