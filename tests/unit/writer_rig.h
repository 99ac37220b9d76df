/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/writer_rig.h - a writer on a store in SQLite, held where a test
 * wants it by a request that waits for a gate; what became of each request.
 */
#ifndef ONTIME_TESTS_WRITER_RIG_H
#define ONTIME_TESTS_WRITER_RIG_H

#include "store/writer.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "metrics/metrics.h"

#define RIG_UNUSED __attribute__((unused))
#define T0 INT64_C(1800000000000)
#define REQUESTS 12

struct told { /* what one request's end was */
    struct bench *b;
    int order; /* 1 for the first that ended; 0: not yet */
    int result;
    struct err err;
};

struct bench {
    char dir[64];
    struct store *store;
    struct writer *w;
    const struct app_name *app;

    pthread_mutex_t mtx;
    pthread_cond_t changed;
    bool open, held; /* the gate, and whether the writer stands before it */
    int ended;
    int failures; /* calls that are still to fail */

    struct writer_request gate;
    struct writer_request r[REQUESTS];
    struct put_item item[REQUESTS];
    struct told told[REQUESTS];
};

/* ---- the bench ---------------------------------------------------------------- */

RIG_UNUSED static void note(struct writer_request *r, int result,
                            const struct err *err)
{
    struct told *t = r->arg;

    (void)pthread_mutex_lock(&t->b->mtx);
    t->order = ++t->b->ended;
    t->result = result;
    t->err = *err;
    (void)pthread_cond_broadcast(&t->b->changed);
    (void)pthread_mutex_unlock(&t->b->mtx);
}

RIG_UNUSED static void ignore(struct writer_request *r, int result,
                              const struct err *err)
{
    (void)r;
    (void)result;
    (void)err;
}

RIG_UNUSED static int at_gate(struct writer_request *r, struct store_session *x,
                              struct err *err)
{
    struct bench *b = r->arg;

    (void)x;
    (void)err;
    (void)pthread_mutex_lock(&b->mtx);
    b->held = true;
    (void)pthread_cond_broadcast(&b->changed);
    while (!b->open)
        (void)pthread_cond_wait(&b->changed, &b->mtx);
    (void)pthread_mutex_unlock(&b->mtx);
    return 0;
}

/* Makes the writer wait, so that requests gather behind. */
RIG_UNUSED static void hold(struct bench *b)
{
    b->open = b->held = false;
    b->gate = (struct writer_request){
        .kind = WRITE_CALL, .call = at_gate, .done = ignore, .arg = b};
    assert_int_equal(writer_submit(b->w, &b->gate), 0);
    (void)pthread_mutex_lock(&b->mtx);
    while (!b->held)
        (void)pthread_cond_wait(&b->changed, &b->mtx);
    (void)pthread_mutex_unlock(&b->mtx);
}

RIG_UNUSED static void release(struct bench *b)
{
    (void)pthread_mutex_lock(&b->mtx);
    b->open = true;
    (void)pthread_cond_broadcast(&b->changed);
    (void)pthread_mutex_unlock(&b->mtx);
}

RIG_UNUSED static void wait_for(struct bench *b, int ended)
{
    (void)pthread_mutex_lock(&b->mtx);
    while (b->ended < ended)
        (void)pthread_cond_wait(&b->changed, &b->mtx);
    (void)pthread_mutex_unlock(&b->mtx);
}

RIG_UNUSED static void submit(struct bench *b, int i)
{
    b->told[i] = (struct told){.b = b};
    b->r[i].done = note;
    b->r[i].arg = &b->told[i];
    assert_int_equal(writer_submit(b->w, &b->r[i]), 0);
}

RIG_UNUSED static void submit_put(struct bench *b, int i, size_t key_len)
{
    static char key[STORE_KEY_MAX + 1];
    const struct job_text text = {.key = {key, key_len}};

    memset(key, 'k', sizeof(key));
    key[0] = (char)('a' + i);
    job_free(&b->item[i].job);
    b->item[i] = (struct put_item){.job = job_new(b->app, &text)};
    b->item[i].job->due_ms = T0 + 1000;
    b->r[i] = (struct writer_request){
        .kind = WRITE_PUT,
        .put = {.items = &b->item[i], .count = 1, .now_ms = T0}};
    submit(b, i);
}

RIG_UNUSED static int setup(void **state)
{
    struct store_settings set = {.idempotency_ms = 1000, .history_ms = 1000};
    struct bench *b = calloc(1, sizeof(*b));
    char url[100];
    struct err err;

    (void)snprintf(b->dir, sizeof(b->dir), "/tmp/ontime-writer.XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    (void)snprintf(url, sizeof(url), "sqlite:%s/w.db", b->dir);
    set.url = url;
    (void)pthread_mutex_init(&b->mtx, NULL);
    (void)pthread_cond_init(&b->changed, NULL);
    b->app = app_name_s("app");
    if (store_open(&set, &b->store, &err) < 0 ||
        writer_start(b->store, &b->w, &err) < 0)
        fail_msg("%s", err.text);
    *state = b;
    return 0;
}

RIG_UNUSED static int teardown(void **state)
{
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    struct bench *b = *state;
    char path[100];

    writer_stop(&b->w, clock_boot_ms() + 1000);
    store_close(&b->store);
    for (int i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof(path), "%s/w.db%s", b->dir, ends[i]);
        (void)unlink(path);
    }
    (void)rmdir(b->dir);
    for (int i = 0; i < REQUESTS; i++)
        job_free(&b->item[i].job);
    (void)pthread_cond_destroy(&b->changed);
    (void)pthread_mutex_destroy(&b->mtx);
    free(b);
    return 0;
}

#endif
