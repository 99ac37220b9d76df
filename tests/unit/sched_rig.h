/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/sched_rig.h - the scheduler's thread between a store in SQLite with
 * its writer and a taker that notes what it is given.
 */
#ifndef ONTIME_TESTS_SCHED_RIG_H
#define ONTIME_TESTS_SCHED_RIG_H

#include "base/clock.h"
#include "base/log.h"
#include "sched/sched.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define RIG_PATIENCE_MS 20000
#define RIG_GIVEN 4096
#define RIG_UNUSED __attribute__((unused))

struct given {
    int64_t id, due_ms, at_ms;
    uint32_t version, attempt;
    bool redelivered;
    enum lane lane;
    struct job *job; /* until it is settled or returned */
};

struct rig {
    char dir[64];
    struct store *store;
    struct writer *writer;
    struct store_session *x; /* the test's */
    struct sched *sched;
    const struct app_name *a, *b;
    const char *key; /* of the jobs that are put; NULL: none */
    bool no_copies;  /* no memory for the jobs of another attempt */

    pthread_mutex_t mtx;
    struct given given[RIG_GIVEN];
    size_t count;
    atomic_size_t room;
    atomic_bool held; /* room() does not come back before this is false */
    atomic_bool inside;
};

RIG_UNUSED static void rig_step(void)
{
    const struct timespec step = {.tv_nsec = 1000000};

    (void)nanosleep(&step, NULL);
}

#define rig_until(condition)                                                   \
    do {                                                                       \
        int64_t end = clock_boot_ms() + RIG_PATIENCE_MS;                       \
        while (!(condition)) {                                                 \
            if (clock_boot_ms() > end)                                         \
                fail_msg("never: %s", #condition);                             \
            rig_step();                                                        \
        }                                                                      \
    } while (0)

/* ---- the taker ------------------------------------------------------------- */

static size_t rig_room(void *arg, const struct app_name *app, enum lane lane,
                       enum job_priority priority)
{
    struct rig *r = arg;

    (void)app, (void)lane, (void)priority;
    while (atomic_load(&r->held)) {
        atomic_store(&r->inside, true);
        rig_step();
    }
    return atomic_load(&r->room);
}

static void rig_give(void *arg, const struct app_name *app, enum lane lane,
                     enum job_priority priority, struct list *jobs, size_t n)
{
    struct rig *r = arg;
    int64_t now = clock_wall_ms();

    (void)pthread_mutex_lock(&r->mtx);
    for (struct list *e; (e = list_pop(jobs)) != NULL; n--) {
        struct job *j = list_of(e, struct job, link);

        assert_true(now >= j->due_ms); /* none early, in no test */
        assert_ptr_equal(j->app, app);
        assert_int_equal(j->priority, priority);
        assert_true(r->count < RIG_GIVEN);
        r->given[r->count++] =
            (struct given){j->id,      j->due_ms,      now,  j->version,
                           j->attempt, j->redelivered, lane, j};
    }
    (void)pthread_mutex_unlock(&r->mtx);
    assert_int_equal(n, 0);
}

RIG_UNUSED static size_t rig_count(struct rig *r)
{
    size_t n;

    (void)pthread_mutex_lock(&r->mtx);
    n = r->count;
    (void)pthread_mutex_unlock(&r->mtx);
    return n;
}

/* How often the id was given, and the last of them. */
RIG_UNUSED static unsigned rig_times(struct rig *r, int64_t id,
                                     struct given *ret)
{
    unsigned n = 0;

    (void)pthread_mutex_lock(&r->mtx);
    for (size_t i = 0; i < r->count; i++)
        if (r->given[i].id == id) {
            n++;
            if (ret != NULL)
                *ret = r->given[i];
        }
    (void)pthread_mutex_unlock(&r->mtx);
    return n;
}

/* The job that was given last under that id, now the caller's. */
RIG_UNUSED static struct job *rig_fetch(struct rig *r, int64_t id)
{
    struct job *j = NULL;

    (void)pthread_mutex_lock(&r->mtx);
    for (size_t i = r->count; i-- > 0 && j == NULL;)
        if (r->given[i].id == id && r->given[i].job != NULL) {
            j = r->given[i].job;
            r->given[i].job = NULL;
        }
    (void)pthread_mutex_unlock(&r->mtx);
    assert_non_null(j);
    return j;
}

/* ---- building ---------------------------------------------------------------- */

RIG_UNUSED static void rig_open_store(struct rig *r)
{
    char url[100];
    const struct store_settings set = {.url = url,
                                       .instance_id = "i",
                                       .cluster = "c",
                                       .cache_kb = 1024,
                                       .idempotency_ms = 3600000,
                                       .history_ms = 3600000};
    struct err err = {0};

    (void)snprintf(url, sizeof(url), "sqlite:%s/jobs.db", r->dir);
    if (store_open(&set, &r->store, &err) < 0 ||
        store_session_open(r->store, false, &r->x, &err) < 0 ||
        writer_start(r->store, &r->writer, &err) < 0)
        fail_msg("%s", err.text);
}

RIG_UNUSED static void rig_open(struct rig *r)
{
    memset(r, 0, sizeof(*r));
    log_set_fd(-1);
    (void)snprintf(r->dir, sizeof(r->dir), "/tmp/ontime-sched-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    (void)pthread_mutex_init(&r->mtx, NULL);
    atomic_store(&r->room, 100);
    r->a = app_name_s("rig_a");
    r->b = app_name_s("rig_b");
    rig_open_store(r);
}

RIG_UNUSED static void rig_serve(struct rig *r, bool a, bool b)
{
    const struct app_name *apps[2];
    size_t n = 0;

    if (a)
        apps[n++] = r->a;
    if (b)
        apps[n++] = r->b;
    assert_int_equal(sched_set_apps(r->sched, apps, n), 0);
}

/* Starts the scheduler, which serves app a. */
RIG_UNUSED static void rig_start(struct rig *r, size_t window)
{
    const struct sched_settings set = {
        .window = {.jobs = window, .bytes = 1 << 24, .overdue_after_ms = 1000},
        .ahead_ms = 4000,
        .writer = r->writer,
        .taker = {rig_room, rig_give, r},
    };
    struct err err = {0};

    if (sched_start(&set, &r->sched, &err) < 0)
        fail_msg("%s", err.text);
    rig_serve(r, true, false);
}

RIG_UNUSED static void rig_started(struct rig *r)
{
    struct sched_view v;

    rig_until((sched_look(r->sched, &v), v.started));
}

/* In the order in which the house does it. */
RIG_UNUSED static void rig_stop(struct rig *r)
{
    if (r->sched != NULL)
        sched_pause(r->sched);
    writer_close(r->writer, clock_boot_ms() + RIG_PATIENCE_MS);
    sched_stop(&r->sched);
    writer_stop(&r->writer, 0);
    store_session_close(&r->x);
    store_close(&r->store);
    for (size_t i = 0; i < r->count; i++)
        job_free(&r->given[i].job);
}

RIG_UNUSED static void rig_close(struct rig *r)
{
    static const char *const files[] = {"jobs.db", "jobs.db-wal", "jobs.db-shm",
                                        "jobs.db-lock", "jobs.db.lock"};
    char path[100];

    rig_stop(r);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", r->dir, files[i]);
        (void)unlink(path);
    }
    (void)rmdir(r->dir);
    (void)pthread_mutex_destroy(&r->mtx);
}

/* ---- what other rooms do ------------------------------------------------------ */

struct put_work { /* several jobs in one transaction, offered when stored */
    struct writer_request request;
    struct rig *rig;
    size_t count;
    atomic_bool done;
    int64_t first_id;
    struct put_item items[];
};

static void rig_put_done(struct writer_request *q, int result,
                         const struct err *err)
{
    struct put_work *p = list_of(q, struct put_work, request);
    struct list jobs;

    (void)err;
    assert_int_equal(result, 0);
    list_init(&jobs);
    p->first_id = p->items[0].job->id;
    for (size_t i = 0; i < p->count; i++) {
        assert_int_equal(p->items[i].result, PUT_STORED);
        list_push(&jobs, &p->items[i].job->link);
    }
    if (p->rig->sched != NULL)
        sched_offer(p->rig->sched, &jobs, p->count);
    for (struct list *e; (e = list_pop(&jobs)) != NULL;) {
        struct job *j = list_of(e, struct job, link);

        job_free(&j);
    }
    atomic_store(&p->done, true);
}

/* n jobs, the first due then and each step_ms after the one before; the id of the
 * first. */
RIG_UNUSED static int64_t rig_put(struct rig *r, const struct app_name *app,
                                  size_t n, int64_t due, int64_t step_ms)
{
    struct span key = {r->key, r->key != NULL ? strlen(r->key) : 0};
    struct put_work *p = calloc(1, sizeof(*p) + n * sizeof(p->items[0]));
    int64_t id;

    assert_non_null(p);
    p->rig = r;
    p->count = n;
    for (size_t i = 0; i < n; i++) {
        struct job *j = job_new(app, &(struct job_text){key, {"x", 1}, {0}});

        assert_non_null(j);
        j->due_ms = j->scheduled_ms = due + (int64_t)i * step_ms;
        p->items[i] = (struct put_item){.kind = PUT_JOB, .job = j};
    }
    p->request = (struct writer_request){
        .kind = WRITE_PUT,
        .put = {.items = p->items, .count = n, .now_ms = clock_wall_ms()},
        .done = rig_put_done,
    };
    assert_int_equal(writer_submit(r->writer, &p->request), 0);
    rig_until(atomic_load(&p->done));
    id = p->first_id;
    free(p);
    return id;
}

struct end_work {
    struct writer_request request;
    struct rig *rig;
    struct outcome outcome, *one;
    struct settled_batch *told;
    atomic_bool done;
};

static void rig_end_done(struct writer_request *q, int result,
                         const struct err *err)
{
    struct end_work *w = list_of(q, struct end_work, request);

    (void)err;
    assert_int_equal(result, 0);
    assert_false(w->outcome.stale);
    w->told->count = 1;
    w->told->items[0] =
        (struct settled){.id = w->outcome.job->id, .again = NULL};
    if (w->outcome.kind == OUTCOME_RETRY && w->rig->no_copies) {
        w->told->items[0].look = true;
    } else if (w->outcome.kind == OUTCOME_RETRY) {
        w->told->items[0].again = w->outcome.job;
        w->outcome.job = NULL;
    }
    sched_settled(w->rig->sched, w->told);
    atomic_store(&w->done, true);
}

/* The attempt of a given job ends, as the commit stage does it. */
RIG_UNUSED static void rig_end(struct rig *r, int64_t id,
                               enum outcome_kind kind, int64_t retry_ms)
{
    struct end_work w = {.rig = r,
                         .outcome = {.job = rig_fetch(r, id),
                                     .kind = kind,
                                     .retry_ms = retry_ms}};

    w.one = &w.outcome;
    w.told = malloc(sizeof(*w.told) + sizeof(w.told->items[0]));
    assert_non_null(w.told);
    w.request = (struct writer_request){
        .kind = WRITE_FINISH,
        .finish = {.outcomes = &w.one,
                   .count = 1,
                   .now_ms = clock_wall_ms(),
                   .ledger_pos = -1,
                   .ledger_seq = -1},
        .done = rig_end_done,
    };
    assert_int_equal(writer_submit(r->writer, &w.request), 0);
    rig_until(atomic_load(&w.done));
    job_free(&w.outcome.job);
}

/* A change as HTTP makes it, without telling the scheduler; the wish's number,
 * or 0 when it was done at once. */
RIG_UNUSED static int64_t rig_change(struct rig *r, struct change c)
{
    struct writer_request q = {.kind = WRITE_CHANGE, .change = c};
    struct err err = {0};

    q.change.now_ms = clock_wall_ms();
    if (writer_run(r->writer, &q, &err) < 0)
        fail_msg("%s", err.text);
    job_free(&q.change.job);
    return q.change.wish;
}

RIG_UNUSED static enum verdict rig_verdict(struct rig *r, int64_t wish)
{
    enum verdict v = VERDICT_NONE;

    assert_int_equal(store_verdict(r->x, wish, &v, NULL), 0);
    return v;
}

/* The job as it stands in the store; false: there is none. */
RIG_UNUSED static bool rig_row(struct rig *r, int64_t id, struct job *ret)
{
    struct job *j = NULL;

    if (store_get(r->x, id, &j, NULL) < 0)
        return false;
    *ret = *j;
    job_free(&j);
    return true;
}

#endif
