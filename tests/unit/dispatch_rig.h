/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/dispatch_rig.h - dispatch with real plugins (fix_hook, which does
 * what a test says) and a receiver that notes what became of each job.
 */
#ifndef ONTIME_TESTS_DISPATCH_RIG_H
#define ONTIME_TESTS_DISPATCH_RIG_H

#include "plug_yard.h"

#include "../fixtures/fix_hook.h"
#include "conf/conf.h"
#include "dispatch/dispatch.h"
#include "plug/registry.h"

#include <pthread.h>
#include <stdatomic.h>

#define RIG_JOBS 8192

struct rig_end { /* of the job with that id */
    unsigned times;
    enum attempt_fate fate;
    enum attempt_end by;
    int64_t again_ms, started_ms, ended_ms;
    const struct topic_name *dead_letters;
};

struct rig {
    struct yard y;
    struct dispatch *d;
    struct registry *registry; /* in force */
    struct list retired;       /* struct rig_old.link */

    pthread_mutex_t mtx;
    struct rig_end ends[RIG_JOBS];
    unsigned ended, returned;
    struct list jobs; /* returned ones */
    atomic_uint rooms, marks, marked;
    atomic_int mark_result;
    atomic_int permit; /* enum permit: the answer to every question */
};

struct rig_old { /* an instance that is served no more */
    struct list link;
    struct plugin_instance *instance;
};

static void rig_ended(void *arg, struct list *attempts, size_t n)
{
    struct rig *r = arg;
    size_t seen = 0;

    (void)pthread_mutex_lock(&r->mtx);
    for (struct list *e; (e = list_pop(attempts)) != NULL; seen++) {
        struct attempt *a = list_of(e, struct attempt, link);
        struct rig_end *x = &r->ends[a->job->id];

        *x = (struct rig_end){x->times + 1,
                              a->decision.fate,
                              a->ended_by,
                              a->decision.again_ms,
                              a->started_ms,
                              a->ended_ms,
                              a->decision.dead_letters};
        r->ended++;
        attempt_free(&a);
    }
    (void)pthread_mutex_unlock(&r->mtx);
    assert_int_equal(seen, n);
}

static void rig_returned(void *arg, struct list *jobs, size_t n)
{
    struct rig *r = arg;

    (void)pthread_mutex_lock(&r->mtx);
    list_splice(&r->jobs, jobs);
    r->returned += (unsigned)n;
    (void)pthread_mutex_unlock(&r->mtx);
}

static int rig_mark(void *arg, struct job **jobs, size_t n, struct err *err)
{
    struct rig *r = arg;
    int result = atomic_load(&r->mark_result);

    (void)jobs;
    atomic_fetch_add(&r->marks, 1);
    if (result < 0)
        return err_set(err, result, "the test says no");
    atomic_fetch_add(&r->marked, (unsigned)n);
    return 0;
}

static enum permit rig_permit(void *arg, const struct job *j)
{
    struct rig *r = arg;

    (void)j;
    return (enum permit)atomic_load(&r->permit);
}

static void rig_room(void *arg)
{
    struct rig *r = arg;

    atomic_fetch_add(&r->rooms, 1);
}

YARD_UNUSED static unsigned rig_count(struct rig *r)
{
    unsigned n;

    (void)pthread_mutex_lock(&r->mtx);
    n = r->ended;
    (void)pthread_mutex_unlock(&r->mtx);
    return n;
}

YARD_UNUSED static unsigned rig_returns(struct rig *r)
{
    unsigned n;

    (void)pthread_mutex_lock(&r->mtx);
    n = r->returned;
    (void)pthread_mutex_unlock(&r->mtx);
    return n;
}

YARD_UNUSED static struct rig_end rig_end(struct rig *r, int64_t id)
{
    struct rig_end x;

    (void)pthread_mutex_lock(&r->mtx);
    x = r->ends[id];
    (void)pthread_mutex_unlock(&r->mtx);
    return x;
}

YARD_UNUSED static int rig_try_start(struct rig *r, unsigned workers,
                                     unsigned most, uint32_t attempts,
                                     struct err *err)
{
    const struct dispatch_settings set = {
        .workers = workers,
        .max_workers = most,
        .attempts = attempts,
        .overdue_after_ms = 1000,
        .store_id = "rig",
        .ended = rig_ended,
        .returned = rig_returned,
        .mark_running = rig_mark,
        .permit = rig_permit,
        .room = rig_room,
        .arg = r,
    };

    return dispatch_start(&set, &r->d, err);
}

YARD_UNUSED static void rig_start(struct rig *r, unsigned workers,
                                  unsigned most, uint32_t attempts)
{
    struct err err = {0};

    memset(r, 0, sizeof(*r));
    yard_open(&r->y, YARD_PATIENCE_MS);
    yard_put(&r->y, "fix_hook", "fix_hook");
    yard_put(&r->y, "fix_hook_serial", "fix_hook_serial");
    (void)pthread_mutex_init(&r->mtx, NULL);
    list_init(&r->jobs);
    list_init(&r->retired);
    if (rig_try_start(r, workers, most, attempts, &err) < 0)
        fail_msg("%s", err.text);
}

/* Keeps a reference to what is served no more, as the reload does. */
static void rig_retire(struct rig *r, struct registry *fresh)
{
    struct plugin_instance *i;

    for (size_t n = 0; (i = registry_replaced(r->registry, fresh, n)) != NULL;
         n++) {
        struct rig_old *x = calloc(1, sizeof(*x));

        assert_non_null(x);
        x->instance = i;
        list_push(&r->retired, &x->link);
    }
}

/* Serves the apps of these settings ("apps.a.plugin=fix_hook", ...) up to NULL. */
YARD_UNUSED static void rig_serve_list(struct rig *r,
                                       const char *const *settings)
{
    struct registry_settings set = {.loader = r->y.loader,
                                    .attempts = dispatch_attempts(r->d)};
    struct conf_input in = {.overrides = settings};
    struct registry *fresh = NULL;
    struct conf *conf = NULL;
    struct err err = {0};

    while (settings[in.override_count] != NULL)
        in.override_count++;
    if (conf_load(&in, &conf, NULL, &err) < 0 ||
        registry_build(conf, r->registry, &set, &fresh, NULL, &err) < 0)
        fail_msg("%s", err.text);
    conf_unref(&conf);
    assert_int_equal(dispatch_set_registry(r->d, fresh), 0);
    if (r->registry != NULL)
        rig_retire(r, fresh);
    registry_unref(&r->registry);
    r->registry = fresh;
}
#define rig_serve(r, ...)                                                      \
    rig_serve_list(r, (const char *const[]){__VA_ARGS__, NULL})

YARD_UNUSED static struct plugin_instance *rig_instance(struct rig *r,
                                                        const char *app)
{
    const struct registry_app *a = registry_find(r->registry, app_name_s(app));

    assert_non_null(a);
    return a->instance;
}

YARD_UNUSED static struct job *rig_job(const char *app, int64_t id,
                                       struct fix_hook *h)
{
    const struct job_text text = {.payload = {(const char *)&h, sizeof(h)}};
    struct job *j = job_new(app_name_s(app), &text);

    assert_non_null(j);
    assert_true(id > 0 && id < RIG_JOBS);
    j->id = id;
    j->due_ms = j->scheduled_ms = clock_wall_ms();
    return j;
}

YARD_UNUSED static void rig_give_job(struct rig *r, struct job *j)
{
    struct list one;

    list_init(&one);
    list_push(&one, &j->link);
    dispatch_give(r->d, j->app, j->overdue, (enum job_priority)j->priority,
                  &one, 1);
}

YARD_UNUSED static void rig_give(struct rig *r, const char *app, int64_t id,
                                 struct fix_hook *h)
{
    rig_give_job(r, rig_job(app, id, h));
}

YARD_UNUSED static void rig_give_many(struct rig *r, const char *app,
                                      int64_t first, size_t n,
                                      struct fix_hook *h)
{
    struct list jobs;

    list_init(&jobs);
    for (size_t i = 0; i < n; i++)
        list_push(&jobs, &rig_job(app, first + (int64_t)i, h)->link);
    dispatch_give(r->d, app_name_s(app), 0, JOB_NORMAL, &jobs, n);
}

static void rig_close_instance(struct plugin_instance *i)
{
    struct err err = {0};

    instance_retire(i);
    if (!instance_zombie(i)) {
        yard_until(instance_idle(i));
        if (instance_close(i, YARD_PATIENCE_MS, &err) < 0)
            fail_msg("%s", err.text);
    }
}

/* Every job handed over and none twice is the test's to check; here: that
 * nothing is left behind. */
YARD_UNUSED static void rig_stop(struct rig *r)
{
    struct plugin_instance *i;

    dispatch_drain(r->d, clock_boot_ms() + YARD_PATIENCE_MS);
    assert_true(dispatch_join(r->d));
    for (struct list *e; (e = list_pop(&r->retired)) != NULL;) {
        struct rig_old *x = list_of(e, struct rig_old, link);

        rig_close_instance(x->instance);
        instance_unref(&x->instance);
        free(x);
    }
    for (size_t n = 0; r->registry != NULL &&
                       (i = registry_replaced(r->registry, NULL, n)) != NULL;
         n++) {
        rig_close_instance(i);
        instance_unref(&i);
    }
    registry_unref(&r->registry);
    assert_int_equal(attempt_table_used(dispatch_attempts(r->d)), 0);
    assert_true(dispatch_stop(&r->d));
    for (struct list *e; (e = list_pop(&r->jobs)) != NULL;) {
        struct job *j = list_of(e, struct job, link);

        job_free(&j);
    }
    (void)pthread_mutex_destroy(&r->mtx);
    yard_close(&r->y);
}

/* ---- hooks ------------------------------------------------------------------ */

struct gate { /* who comes waits until it is open */
    struct fix_hook hook;
    atomic_bool open;
    atomic_int inside, most, calls;
    int outcome;
};

static void gate_enter(struct gate *g)
{
    int n = atomic_fetch_add(&g->inside, 1) + 1, most = atomic_load(&g->most);

    atomic_fetch_add(&g->calls, 1);
    while (n > most && !atomic_compare_exchange_weak(&g->most, &most, n))
        ;
}

static int gate_run(struct fix_hook *h, const struct ontime_host *host,
                    struct ontime_instance *self, const struct ontime_job *job)
{
    struct gate *g = h->arg;

    (void)host;
    (void)self;
    (void)job;
    gate_enter(g);
    while (!atomic_load(&g->open))
        yard_step();
    atomic_fetch_sub(&g->inside, 1);
    return g->outcome;
}

YARD_UNUSED static void gate_init(struct gate *g, bool open, int outcome)
{
    memset(g, 0, sizeof(*g));
    g->hook = (struct fix_hook){gate_run, g};
    atomic_store(&g->open, open);
    g->outcome = outcome;
}

#endif
