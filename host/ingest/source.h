/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/source.h - internal to ingest/: one source's thread and what it has.
 *
 * The thread reads, decodes and gathers batches; the writer stores them one
 * after the other and says so through `finished`.  At most IN_FLIGHT batches
 * are on their way, so a store that is slow or away is felt here: the batch
 * under way fills, and then nothing is read.
 *
 * A batch is handed in when its dead letters are delivered: what a position
 * has passed is stored or in the dead-letter topic.  When the store refuses a
 * batch, everything under way is dropped and the source goes back to where the
 * store says it is (resync).
 */
#ifndef ONTIME_INGEST_SOURCE_H
#define ONTIME_INGEST_SOURCE_H

#include "base/inbox.h"
#include "ingest/batch.h"
#include "ingest/dead.h"
#include "ingest/format.h"
#include "ingest/ingest.h"
#include "ingest/places.h"
#include "kafka/consumer.h"

#include <pthread.h>
#include <stdatomic.h>

#define IN_FLIGHT 2
#define BATCH_ITEMS 20000
#define BATCH_BYTES (8u << 20)
#define BATCH_BAD 500     /* dead letters in a batch */
#define POLL_RECORDS 2000 /* at most, at once */

enum source_phase { /* what source_state() says */
                    PHASE_CONNECTING,
                    PHASE_RUNNING,
                    PHASE_PAUSED_STORE,
                    PHASE_PAUSED_DEAD,
                    PHASE_LOST,
                    PHASE_FAILED,
                    PHASE_STOPPING,
                    PHASES
};

struct source_meters {
    struct metric *received, *processed, *failed, *duplicate, *lag, *paused,
        *reopened;
};

struct source {
    /* shared: any thread */
    atomic_int phase;
    atomic_bool stop;
    atomic_int_least64_t deadline_ms; /* boot clock, once stop is set */
    atomic_uint refs;      /* the owner's and each batch's on its way */
    struct inbox finished; /* batches that the writer is done with */

    /* frozen before the thread starts */
    pthread_t thread;
    struct ingest_env env;
    const struct conf_source *conf;
    const struct format *format;
    struct format_source fs;
    struct zone *zone; /* own; NULL: the house's */
    const char **passthrough;
    struct source_meters meters;

    /* the thread's own */
    struct consumer *consumer; /* NULL: has failed, see reopen.h */
    int64_t opened_ms, reopen_ms, reopen_wait_ms;
    struct store_session *reading;
    struct places places;
    struct dead dead;
    struct batch *batch; /* being filled; may be NULL */
    bool closed;         /* ... and takes no more */
    bool flush;          /* ... nor shall it: a partition of it was given up */
    bool drained;        /* the last poll got less than it could take */
    size_t limit; /* items of a batch; less while a bad one is looked for */
    unsigned in_flight;
    bool resync;
    int64_t hold_ms;    /* do not read before, boot clock */
    int64_t blocked_ms; /* cannot read since; 0: can */
    bool paused;        /* the consumer is */
    int64_t chores_ms;
    int32_t suspect_partition; /* the message that the store refuses */
    int64_t suspect_offset;    /* -1: none */
    unsigned suspect_tries;
    bool condemned; /* ... and will go to the dead letters */
    struct err suspect_err;
    struct log_complaint bad_story, poll_story, store_story;
    struct message messages[POLL_RECORDS];
};

void source_run(struct source *s); /* the thread, until stop is set */
void source_unref(struct source *s);
void source_phase(struct source *s, enum source_phase phase);

/* source.c's events for the consumer */
int source_assigned(void *arg, int32_t partition, int64_t *ret_next,
                    struct err *err);
void source_revoked(void *arg, int32_t partition, bool lost);
int64_t source_out_of_range(void *arg, int32_t partition, int64_t low,
                            int64_t high);

#endif
