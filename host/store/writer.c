/* SPDX-License-Identifier: Apache-2.0
 *
 * store/writer.c - the thread that owns the writing session; see writer.h.
 *
 * Requests wait in two queues, loads in the first.  Puts that stand one behind
 * the other are stored in one transaction, so that many small ones (HTTP) share
 * a sync; should that fail for good, each is tried by itself.
 */
#include "config.h"

#include "store/writer.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "metrics/metrics.h"
#include "store/tenure.h"

#define NICE 3
#define BACKOFF_MIN_MS 50
#define BACKOFF_MAX_MS 5000
#define GROUP_REQUESTS 256 /* puts in one transaction, at most */
#define GROUP_ITEMS 4096

static const char *const kinds[] = {
    [WRITE_PUT] = "put",       [WRITE_FINISH] = "finish",
    [WRITE_LOAD] = "load",     [WRITE_RUNNING] = "running",
    [WRITE_CHANGE] = "change", [WRITE_WISHES] = "wishes",
    [WRITE_DECIDE] = "decide", [WRITE_PRUNE] = "prune",
    [WRITE_CALL] = "call",
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct writer {
    /* shared: any thread, under mtx */
    pthread_mutex_t mtx;
    pthread_cond_t wake;
    struct list loads, others;
    bool stop;
    int64_t deadline_ms; /* boot clock, once stop is set */
    bool ended;          /* somebody joins, or has joined, the thread */

    atomic_bool healthy; /* any thread */
    atomic_uint tenure;  /* likewise; the writer's thread changes it */

    /* frozen before the thread starts */
    pthread_t thread;
    struct store_session *x;
    struct writer_meters {
        struct metric *batches, *rows, *busy_ms, *errors;
    } meters[KINDS];

    /* the thread's own */
    void (*stale)(void *arg); /* NULL: nobody asked */
    void *stale_arg;
    struct log_complaint complaint;
    int64_t busy_ns[KINDS]; /* not yet counted, less than a millisecond */
};

/* ---- one request ------------------------------------------------------------ */

/* What it is about, for the metrics; after it was done. */
static size_t rows_of(const struct writer_request *r)
{
    switch (r->kind) {
    case WRITE_PUT:
        return r->put.count;
    case WRITE_FINISH:
        return r->finish.count;
    case WRITE_LOAD:
        return r->load.r.count;
    case WRITE_RUNNING:
        return r->running.count;
    default:
        return 1;
    }
}

static int perform(struct writer *w, struct writer_request *r, struct err *err)
{
    uint32_t tenure = atomic_load(&w->tenure);
    struct store_session *x = w->x;

    if (tenure_is_past(r, tenure))
        return err_set(err, -ESTALE, "the slot has been lost meanwhile");
    switch (r->kind) {
    case WRITE_PUT:
        return store_put(x, &r->put, err);
    case WRITE_FINISH:
        return tenure_finish(x, &r->finish, tenure, err);
    case WRITE_LOAD:
        return store_load_due(x, &r->load.q, &r->load.r, err);
    case WRITE_RUNNING:
        return store_mark_running(x, r->running.jobs, r->running.count, err);
    case WRITE_CHANGE:
        return store_change(x, &r->change, err);
    case WRITE_WISHES:
        list_init(&r->wishes.into);
        return store_wishes(x, r->wishes.after, r->wishes.cap, &r->wishes.into,
                            err);
    case WRITE_DECIDE:
        return store_decide(x, r->decide.wish, r->decide.verdict,
                            r->decide.now_ms, &r->decide.job, err);
    case WRITE_PRUNE:
        return store_prune(x, r->prune.now_ms, r->prune.rows, err);
    case WRITE_CALL:
        break;
    }
    return r->call(r, x, err);
}

/* ---- until it is done, or given up ------------------------------------------ */

static void complain(struct writer *w, enum writer_kind kind,
                     const struct err *err)
{
    unsigned swallowed;

    if (log_complain(&w->complaint, clock_boot_ms(), &swallowed))
        log_warn("store", LOG_EVENT("waiting_for_store"),
                 LOG_STR("op", kinds[kind]), LOG_INT("swallowed", swallowed),
                 LOG_ERR(err));
}

/* Waits before another try.  False: no more time, we are stopping. */
static bool wait_again(struct writer *w, int64_t ms)
{
    int64_t now = clock_boot_ms(), until = now + ms;
    struct timespec at;
    bool more;

    (void)pthread_mutex_lock(&w->mtx);
    while (now < until && !(w->stop && now >= w->deadline_ms)) {
        int64_t left = until - now;

        if (w->stop && w->deadline_ms - now < left)
            left = w->deadline_ms - now;
        (void)clock_gettime(CLOCK_MONOTONIC, &at);
        at.tv_sec += (time_t)(left / 1000);
        at.tv_nsec += (long)(left % 1000) * 1000000;
        if (at.tv_nsec >= 1000000000) {
            at.tv_sec++;
            at.tv_nsec -= 1000000000;
        }
        (void)pthread_cond_timedwait(&w->wake, &w->mtx, &at);
        now = clock_boot_ms();
    }
    more = !(w->stop && now >= w->deadline_ms);
    (void)pthread_mutex_unlock(&w->mtx);
    return more;
}

static void count(struct writer *w, const struct writer_request *r, int result,
                  int64_t ns)
{
    struct writer_meters *m = &w->meters[r->kind];
    int64_t *busy = &w->busy_ns[r->kind];

    *busy += ns;
    if (*busy >= 1000000) {
        metric_add(m->busy_ms, *busy / 1000000);
        *busy %= 1000000;
    }
    if (result < 0) {
        metric_add(m->errors, 1);
        return;
    }
    metric_add(m->batches, 1);
    metric_add(m->rows, (int64_t)rows_of(r));
}

/* Does the request, again and again while the store is away. */
static int insist(struct writer *w, struct writer_request *r, struct err *err)
{
    int64_t pause = BACKOFF_MIN_MS;

    for (;;) {
        int64_t ns = clock_mono_ns();
        int result;

        *err = (struct err){0};
        result = perform(w, r, err);
        count(w, r, result, clock_mono_ns() - ns);
        if (result >= 0 || !err->retry) {
            atomic_store(&w->healthy, true);
            if (log_calm(&w->complaint))
                log_info("store", LOG_EVENT("store_is_back"));
            if (result == -ESTALE && w->stale != NULL)
                w->stale(w->stale_arg);
            return result;
        }
        atomic_store(&w->healthy, false);
        complain(w, r->kind, err);
        if (!wait_again(w, pause))
            break;
        pause = pause * 2 < BACKOFF_MAX_MS ? pause * 2 : BACKOFF_MAX_MS;
    }
    (void)err_wrap(err, "given up at the stop");
    err->code = -ECANCELED;
    return -ECANCELED;
}

static void do_alone(struct writer *w, struct writer_request *r)
{
    struct err err;
    int result = insist(w, r, &err);

    r->done(r, result, &err);
}

/* ---- puts that share a transaction ------------------------------------------- */

struct group {
    struct writer_request *requests[GROUP_REQUESTS];
    size_t count, items, positions;
};

static bool fits(const struct group *g, const struct writer_request *r)
{
    return r->kind == WRITE_PUT && g->count < GROUP_REQUESTS &&
           g->items + r->put.count <= GROUP_ITEMS;
}

static void join(struct group *g, struct writer_request *r)
{
    g->requests[g->count++] = r;
    g->items += r->put.count;
    g->positions += r->put.position_count;
}

/* One request with all that the group wants.  The caller frees its arrays. */
static int merge(const struct group *g, struct writer_request *all,
                 struct put_item **ret_items, struct store_position **ret_at)
{
    struct put_item *items = calloc(g->items + 1, sizeof(*items));
    struct store_position *at = calloc(g->positions + 1, sizeof(*at));

    *ret_items = items;
    *ret_at = at;
    if (items == NULL || at == NULL)
        return -ENOMEM;
    *all = (struct writer_request){.kind = WRITE_PUT};
    for (size_t i = 0; i < g->count; i++) {
        const struct put_batch *b = &g->requests[i]->put;

        if (b->count > 0)
            memcpy(items + all->put.count, b->items, b->count * sizeof(*items));
        if (b->position_count > 0)
            memcpy(at + all->put.position_count, b->positions,
                   b->position_count * sizeof(*at));
        all->put.count += b->count;
        all->put.position_count += b->position_count;
        all->put.sync = all->put.sync || b->sync;
        if (b->now_ms > all->put.now_ms)
            all->put.now_ms = b->now_ms;
    }
    all->put.items = items;
    all->put.positions = at;
    return 0;
}

static void share_results(const struct group *g, const struct put_item *items)
{
    for (size_t i = 0; i < g->count; i++) {
        struct put_batch *b = &g->requests[i]->put;

        for (size_t k = 0; k < b->count; k++)
            b->items[k].result = (items++)->result;
    }
}

static void do_group(struct writer *w, const struct group *g)
{
    struct store_position *at = NULL;
    struct put_item *items = NULL;
    struct writer_request all;
    struct err err;
    int r;

    r = g->count == 1 ? -ENOMEM : merge(g, &all, &items, &at);
    if (r == 0)
        r = insist(w, &all, &err);
    if (r >= 0)
        share_results(g, items);
    for (size_t i = 0; i < g->count; i++) {
        struct writer_request *one = g->requests[i];

        if (r >= 0 || r == -ECANCELED)
            one->done(one, r, &err);
        else
            do_alone(w, one);
    }
    free(items);
    free(at);
}

/* ---- the thread ---------------------------------------------------------------- */

/* Waits for work.  NULL: stopped, and nothing is left.  Puts that stand behind
 * a put come along in *g. */
static struct writer_request *take(struct writer *w, struct group *g)
{
    struct writer_request *r = NULL;

    g->count = g->items = g->positions = 0;
    (void)pthread_mutex_lock(&w->mtx);
    while (list_empty(&w->loads) && list_empty(&w->others) && !w->stop)
        (void)pthread_cond_wait(&w->wake, &w->mtx);
    if (!list_empty(&w->loads)) {
        r = list_of(list_pop(&w->loads), struct writer_request, link);
    } else if (!list_empty(&w->others)) {
        r = list_of(list_pop(&w->others), struct writer_request, link);
        if (r->kind == WRITE_PUT)
            join(g, r);
        while (g->count > 0 && !list_empty(&w->others)) {
            struct writer_request *next =
                list_of(w->others.next, struct writer_request, link);

            if (!fits(g, next))
                break;
            list_remove(&next->link);
            join(g, next);
        }
    }
    (void)pthread_mutex_unlock(&w->mtx);
    return r;
}

static void *run(void *arg)
{
    struct writer *w = arg;
    struct writer_request *r;
    struct group g;

    thread_yield_to_others(NICE); /* to what fires now */
    while ((r = take(w, &g)) != NULL) {
        if (g.count > 0)
            do_group(w, &g);
        else
            do_alone(w, r);
    }
    return NULL;
}

/* ---- others ---------------------------------------------------------------------- */

static void writer_free(struct writer **pw)
{
    struct writer *w = *pw;

    *pw = NULL;
    if (w == NULL)
        return;
    store_session_close(&w->x);
    (void)pthread_cond_destroy(&w->wake);
    (void)pthread_mutex_destroy(&w->mtx);
    free(w);
}

static void init_meters(struct writer *w)
{
    for (size_t i = 0; i < KINDS; i++)
        w->meters[i] = (struct writer_meters){
            .batches = metric_series("store_batches_total", kinds[i]),
            .rows = metric_series("store_batch_rows_total", kinds[i]),
            .busy_ms = metric_series("store_busy_ms_total", kinds[i]),
            .errors = metric_series("store_errors_total", kinds[i]),
        };
}

int writer_start(struct store *s, struct writer **ret, struct err *err)
{
    struct writer *w = calloc(1, sizeof(*w));
    pthread_condattr_t attr;
    int r;

    if (w == NULL)
        return err_again(err, -ENOMEM, "no memory for the store's writer");
    list_init(&w->loads);
    list_init(&w->others);
    atomic_init(&w->healthy, true);
    (void)pthread_mutex_init(&w->mtx, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->wake, &attr);
    (void)pthread_condattr_destroy(&attr);
    init_meters(w);
    r = store_session_open(s, true, &w->x, err);
    if (r == 0)
        r = thread_start(&w->thread, "ot-store", run, w, err);
    if (r < 0)
        writer_free(&w);
    else
        *ret = w;
    return r;
}

void writer_close(struct writer *w, int64_t deadline_boot_ms)
{
    bool ended;

    (void)pthread_mutex_lock(&w->mtx);
    w->stop = true;
    w->deadline_ms = deadline_boot_ms;
    ended = w->ended;
    w->ended = true;
    (void)pthread_cond_broadcast(&w->wake);
    (void)pthread_mutex_unlock(&w->mtx);
    if (!ended)
        (void)pthread_join(w->thread, NULL);
}

void writer_stop(struct writer **pw, int64_t deadline_boot_ms)
{
    if (*pw == NULL)
        return;
    writer_close(*pw, deadline_boot_ms);
    writer_free(pw);
}

int writer_submit(struct writer *w, struct writer_request *r)
{
    int result = 0;

    assert(r->done != NULL);
    (void)pthread_mutex_lock(&w->mtx);
    if (w->stop)
        result = -EPIPE;
    else
        list_push(r->kind == WRITE_LOAD ? &w->loads : &w->others, &r->link);
    (void)pthread_cond_signal(&w->wake);
    (void)pthread_mutex_unlock(&w->mtx);
    return result;
}

bool writer_healthy(const struct writer *w)
{
    return atomic_load(&w->healthy);
}

uint32_t writer_tenure(const struct writer *w)
{
    return atomic_load(&w->tenure);
}

uint32_t writer_new_tenure(struct writer *w)
{
    assert(pthread_equal(pthread_self(), w->thread));
    return atomic_fetch_add(&w->tenure, 1) + 1;
}

void writer_tell_stale(struct writer *w, void (*stale)(void *arg), void *arg)
{
    (void)pthread_mutex_lock(&w->mtx);
    w->stale = stale;
    w->stale_arg = arg;
    (void)pthread_mutex_unlock(&w->mtx);
}
