/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/plug_box.h - the receiver of ended attempts: a list under a lock.
 */
#ifndef ONTIME_TESTS_PLUG_BOX_H
#define ONTIME_TESTS_PLUG_BOX_H

#include "plug_yard.h"

#include <pthread.h>

struct box {
    pthread_mutex_t mtx;
    struct list ended;
    unsigned count; /* ever */
    struct attempt_table *table;
};

static inline void box_take(void *arg, struct attempt *a)
{
    struct box *b = arg;

    (void)pthread_mutex_lock(&b->mtx);
    list_push(&b->ended, &a->link);
    b->count++;
    (void)pthread_mutex_unlock(&b->mtx);
}

static inline void box_open(struct box *b, uint32_t capacity, size_t bytes)
{
    const struct attempt_table_settings set = {.capacity = capacity,
                                               .attempt_bytes = bytes,
                                               .store_id = "store",
                                               .ended = box_take,
                                               .arg = b};
    struct err err = {0};

    memset(b, 0, sizeof(*b));
    (void)pthread_mutex_init(&b->mtx, NULL);
    list_init(&b->ended);
    if (attempt_table_new(&set, &b->table, &err) < 0)
        fail_msg("%s", err.text);
}

static inline unsigned box_count(struct box *b)
{
    unsigned n;

    (void)pthread_mutex_lock(&b->mtx);
    n = b->count;
    (void)pthread_mutex_unlock(&b->mtx);
    return n;
}

/* The next ended attempt; NULL: none. */
static inline struct attempt *box_next(struct box *b)
{
    struct list *e;

    (void)pthread_mutex_lock(&b->mtx);
    e = list_pop(&b->ended);
    (void)pthread_mutex_unlock(&b->mtx);
    return e != NULL ? list_of(e, struct attempt, link) : NULL;
}

static inline void box_close(struct box *b)
{
    struct attempt *a;

    while ((a = box_next(b)) != NULL)
        attempt_free(&a);
    yard_until(attempt_table_used(b->table) == 0);
    attempt_table_free(&b->table);
    (void)pthread_mutex_destroy(&b->mtx);
}

/* Opens an attempt for a new job; its token. */
static inline struct attempt *box_begin(struct box *b,
                                        struct plugin_instance *i, int64_t id,
                                        const char *payload, int64_t timeout_ms)
{
    struct attempt *a = NULL;

    assert_int_equal(
        attempt_open(b->table, i,
                     &(struct attempt_start){.job = yard_job(id, payload),
                                             .now_ms = 1000,
                                             .boot_ms = 1000,
                                             .timeout_ms = timeout_ms},
                     &a),
        0);
    return a;
}

/* One job through the plugin: its token. */
static inline uint64_t box_run(struct box *b, struct plugin_instance *i,
                               int64_t id, const char *payload)
{
    struct attempt *a = box_begin(b, i, id, payload, 0);
    uint64_t token = a->token;

    assert_int_equal(attempt_run(a), 0);
    return token;
}

/* One job that ends at once. */
static inline struct attempt *box_result(struct box *b,
                                         struct plugin_instance *i, int64_t id,
                                         const char *payload)
{
    uint64_t token = box_run(b, i, id, payload);
    struct attempt *a = box_next(b);

    assert_non_null(a);
    assert_true(a->token == token);
    return a;
}

#define box_message(a) ((int)(a)->message.len), (const char *)(a)->message.data

YARD_UNUSED static void expect_message(const struct attempt *a,
                                       const char *text)
{
    if (a->message.len != strlen(text) ||
        memcmp(a->message.data, text, a->message.len) != 0)
        fail_msg("message \"%.*s\", not \"%s\"", box_message(a), text);
}

YARD_UNUSED static void expect_empty(const struct attempt *a)
{
    assert_null(a->records);
    assert_null(a->followups);
    assert_int_equal(a->record_count, 0);
    assert_int_equal(a->followup_count, 0);
    assert_int_equal(a->record_bytes, 0);
}

YARD_UNUSED static void expect_record(const struct attempt_record *r,
                                      const char *text)
{
    assert_non_null(r);
    assert_true(span_eqs(r->value, text));
}

#endif
