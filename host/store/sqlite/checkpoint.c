/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/checkpoint.c - see checkpoint.h.
 */
#include "config.h"

#include "store/sqlite/checkpoint.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "store/sqlite/session.h"

#define NICE 5
#define WAL_PAGES 32768 /* the log is worth it: 128 MB */
#define IDLE_PAGES 256  /* worth it when nothing else is going on */
#define IDLE_MS 1000
#define PASSES 4 /* then the writer waits whatever is left */
#define CACHE_KB 256

struct sq_checkpoint {
    /* shared, under mtx */
    pthread_mutex_t mtx;
    pthread_cond_t changed;
    bool wanted, stop;
    bool closed;  /* the writer must not begin */
    bool writing; /* it is in a transaction */
    int pages;    /* in the log at the last commit */
    uint64_t commits;

    /* frozen before the thread starts */
    pthread_t thread;

    /* the thread's own */
    sqlite3 *db;
    struct log_complaint complaint;
};

/* One pass over what is in the log; returns the pages that are left, or
 * negative. */
static int pass(struct sq_checkpoint *c)
{
    int in_log = 0, moved = 0, r;
    unsigned swallowed;
    struct err err;

    r = sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE,
                                  &in_log, &moved);
    if (r == SQLITE_OK) {
        (void)log_calm(&c->complaint);
        return in_log - moved;
    }
    r = sq_fail(c->db, &err, "move the log into the database");
    if (log_complain(&c->complaint, clock_boot_ms(), &swallowed))
        log_warn("store", LOG_EVENT("checkpoint_failed"), LOG_ERR(&err));
    return r;
}

/* How many pages have come to the log meanwhile is seen by the next pass; the
 * passes get shorter, and the last one is made with the gate closed. */
static void checkpoint(struct sq_checkpoint *c)
{
    int64_t ns, last = INT64_MAX;

    for (int i = 0; i < PASSES; i++) {
        ns = clock_mono_ns();
        if (pass(c) < 0)
            return;
        ns = clock_mono_ns() - ns;
        if (ns > last / 2) /* it does not get shorter any more */
            break;
        last = ns;
    }
    (void)pthread_mutex_lock(&c->mtx);
    c->closed = true;
    while (c->writing)
        (void)pthread_cond_wait(&c->changed, &c->mtx);
    (void)pthread_mutex_unlock(&c->mtx);
    (void)pass(c);
    (void)pthread_mutex_lock(&c->mtx);
    c->closed = false;
    (void)pthread_cond_broadcast(&c->changed);
    (void)pthread_mutex_unlock(&c->mtx);
}

/* Waits until there is something to do.  Called and returns under mtx. */
static void wait_for_work(struct sq_checkpoint *c)
{
    struct timespec at;
    uint64_t seen;

    while (!c->wanted && !c->stop) {
        if (c->pages < IDLE_PAGES) {
            (void)pthread_cond_wait(&c->changed, &c->mtx);
            continue;
        }
        /* A short log is a quick start, should we be killed. */
        seen = c->commits;
        (void)clock_gettime(CLOCK_MONOTONIC, &at);
        at.tv_sec += IDLE_MS / 1000;
        while (!c->wanted && !c->stop &&
               pthread_cond_timedwait(&c->changed, &c->mtx, &at) == 0)
            ;
        c->wanted = c->wanted || c->commits == seen;
    }
}

static void *run(void *arg)
{
    struct sq_checkpoint *c = arg;

    (void)pthread_mutex_lock(&c->mtx);
    for (;;) {
        wait_for_work(c);
        if (c->stop)
            break;
        (void)pthread_mutex_unlock(&c->mtx);
        checkpoint(c);
        (void)pthread_mutex_lock(&c->mtx);
        c->wanted = false;
        c->pages = 0; /* until the next commit tells */
    }
    (void)pthread_mutex_unlock(&c->mtx);
    return NULL;
}

void sq_checkpoint_want(struct sq_checkpoint *c)
{
    (void)pthread_mutex_lock(&c->mtx);
    if (!c->wanted) {
        c->wanted = true;
        (void)pthread_cond_broadcast(&c->changed);
    }
    (void)pthread_mutex_unlock(&c->mtx);
}

/* After each commit of the writer, on its thread. */
static int committed(void *arg, sqlite3 *db, const char *name, int pages)
{
    struct sq_checkpoint *c = arg;
    bool news;

    (void)db;
    (void)name;
    (void)pthread_mutex_lock(&c->mtx);
    news = !c->wanted && (pages >= WAL_PAGES ||
                          (pages >= IDLE_PAGES && c->pages < IDLE_PAGES));
    c->wanted = c->wanted || pages >= WAL_PAGES;
    c->pages = pages;
    c->commits++;
    if (news)
        (void)pthread_cond_broadcast(&c->changed);
    (void)pthread_mutex_unlock(&c->mtx);
    return SQLITE_OK;
}

static void checkpoint_free(struct sq_checkpoint **pc)
{
    struct sq_checkpoint *c = *pc;

    *pc = NULL;
    (void)sqlite3_close(c->db);
    (void)pthread_cond_destroy(&c->changed);
    (void)pthread_mutex_destroy(&c->mtx);
    free(c);
}

int sq_checkpoint_start(sqlite3 *db, const char *path,
                        struct sq_checkpoint **ret, struct err *err)
{
    struct sq_checkpoint *c = calloc(1, sizeof(*c));
    pthread_condattr_t attr;
    int r;

    if (c == NULL)
        return err_again(err, -ENOMEM, "no memory for a checkpointer");
    (void)pthread_mutex_init(&c->mtx, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&c->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    r = sq_connect(path, CACHE_KB, true, &c->db, err);
    if (r == 0)
        r = thread_start(&c->thread, "ot-checkpoint", run, c, err);
    if (r < 0) {
        checkpoint_free(&c);
        return r;
    }
    (void)sqlite3_wal_hook(db, committed, c);
    *ret = c;
    return 0;
}

void sq_checkpoint_stop(struct sq_checkpoint **pc)
{
    struct sq_checkpoint *c = *pc;

    if (c == NULL)
        return;
    (void)pthread_mutex_lock(&c->mtx);
    c->stop = true;
    (void)pthread_cond_broadcast(&c->changed);
    (void)pthread_mutex_unlock(&c->mtx);
    (void)pthread_join(c->thread, NULL);
    checkpoint_free(pc);
}

void sq_checkpoint_enter(struct sq_checkpoint *c)
{
    (void)pthread_mutex_lock(&c->mtx);
    while (c->closed)
        (void)pthread_cond_wait(&c->changed, &c->mtx);
    c->writing = true;
    (void)pthread_mutex_unlock(&c->mtx);
}

void sq_checkpoint_leave(struct sq_checkpoint *c)
{
    (void)pthread_mutex_lock(&c->mtx);
    c->writing = false;
    if (c->closed)
        (void)pthread_cond_broadcast(&c->changed);
    (void)pthread_mutex_unlock(&c->mtx);
}
