/* SPDX-License-Identifier: Apache-2.0
 *
 * support/ingestworld.h - what a source needs around it: librdkafka's mock
 * cluster with the topics "in" (2 partitions) and "dlq" (1), a SQLite store in
 * a directory of its own, its writer, and a house that takes jobs.  Programs
 * link with --wrap=store_put: jobs whose payload says "poison" are refused.
 */
#ifndef ONTIME_TESTS_INGESTWORLD_H
#define ONTIME_TESTS_INGESTWORLD_H

#include "ingest/ingest.h"
#include "kafka/producer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

struct world {
    rd_kafka_t *mock_rk;
    rd_kafka_mock_cluster_t *mock;
    struct kafka_settings kafka;
    struct producer *p;
    char dir[64], url[128], name[32];
    struct store *store;
    struct writer *writer;
    struct conf_source conf;
    struct ingest_env env;
    struct source *source;
    pthread_mutex_t mtx;
    struct list jobs; /* handed over, under mtx */
    size_t count;
    /* a request that holds the writer up */
    struct writer_request plug;
    atomic_bool plugged, release, unplugged;
};

extern atomic_int world_poison_seen;
extern atomic_int world_refusals; /* batches that the store itself refused */

int world_setup(void **state); /* cmocka's; fails the test on trouble */
int world_teardown(void **state);

void world_start(struct world *w);
void world_stop(struct world *w);
size_t world_stored(struct world *w); /* jobs handed over */
int64_t world_metric(const struct world *w, const char *family);
bool world_state_is(const struct world *w, const char *state);
char *world_text(const char *s); /* as conf_source wants them */
void world_nap(void);

void world_send(struct world *w, int32_t part, struct span key,
                struct span value, struct span headers);
void world_send_text(struct world *w, int32_t part, const char *value);
/* Jobs r-<from> .. r-<to - 1>, odd ones to partition 1. */
void world_send_jobs(struct world *w, int from, int to);
/* The store has jobs r-0 .. r-(n-1), each once, handed over each once. */
void world_expect_jobs(struct world *w, int n);

/* The dead-letter topic; a letter within wait_ms or NULL. */
rd_kafka_t *world_letters(struct world *w);
rd_kafka_message_t *world_next_letter(rd_kafka_t *rk, int wait_ms);
void world_close_letters(rd_kafka_t *rk);
/* The letter's header number `at`; value NULL: any. */
void world_header_is(const rd_kafka_message_t *m, size_t at, const char *name,
                     const char *value);
size_t world_header_count(const rd_kafka_message_t *m);

/* Holds the writer up until world_unplug(). */
void world_plug(struct world *w);
void world_unplug(struct world *w);

/* Polls until the condition holds; fails the test (with cmocka.h and
 * base/clock.h included) when that takes too long. */
#define WORLD_WAIT_MS 30000
#define wait_for(condition)                                                    \
    do {                                                                       \
        int64_t until_ = clock_boot_ms() + WORLD_WAIT_MS;                      \
        while (!(condition)) {                                                 \
            if (clock_boot_ms() > until_)                                      \
                fail_msg("not within %d s: %s (state %s, stored %zu)",         \
                         WORLD_WAIT_MS / 1000, #condition,                     \
                         w->source != NULL ? source_state(w->source) : "-",    \
                         world_stored(w));                                     \
            world_nap();                                                       \
        }                                                                      \
    } while (0)

#endif
