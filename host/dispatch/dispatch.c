/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch/dispatch.c - starting, stopping, the queues' doors, and the ticker
 * that looks after time-outs and workers; see dispatch.h.
 */
#include "config.h"

#include "dispatch/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "metrics/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 20
#define BLOCKED_NS (10 * 1000000) /* in one call for so long: others need a worker */

/* ---- the ticker ------------------------------------------------------------------ */

/* How many workers are free or busy computing, not blocked in a plugin. */
static unsigned active_workers(struct dispatch *d, int64_t now_ns)
{
    unsigned blocked = 0;

    for (struct list *e = d->workers.next, *next; e != &d->workers; e = next) {
        next = e->next;
        blocked += worker_check(list_of(e, struct worker, link), now_ns, BLOCKED_NS);
    }
    return d->worker_count - blocked;
}

static void keep_workers(struct dispatch *d, int64_t now_ns)
{
    unsigned active = active_workers(d, now_ns);
    int64_t wake_ns = INT64_MAX;
    size_t most;
    struct err err;

    while (active < d->set.workers && d->worker_count < d->set.max_workers &&
           slot_next(d, now_ns, &wake_ns, &most) != NULL) {
        if (worker_start(d, &err) < 0) {
            log_error("dispatch", LOG_EVENT("no_worker"), LOG_ERR(&err));
            return;
        }
        active++;
    }
}

static void tick(struct dispatch *d)
{
    int64_t now_ns = clock_mono_ns();
    bool news = false;

    (void)attempt_expire_due(d->attempts, clock_wall_ms());
    pthread_mutex_lock(&d->mtx);
    for (size_t i = 0; i < d->slot_count; i++) {
        struct slot *s = d->slots[i];

        news |= slot_former_gone(s);
        if (s != NULL && s->name != NULL) {
            metric_set(s->m_queue, (int64_t)s->queues.count);
            metric_set(s->m_open, s->open);
        }
    }
    keep_workers(d, now_ns);
    if (news)
        pthread_cond_broadcast(&d->work);
    pthread_mutex_unlock(&d->mtx);
}

static void *run_ticker(void *arg)
{
    struct dispatch *d = arg;
    struct timespec t = {.tv_nsec = TICK_MS * 1000000};
    bool stop = false;

    while (!stop) {
        (void)nanosleep(&t, NULL);
        tick(d);
        pthread_mutex_lock(&d->mtx);
        stop = d->stopping;
        pthread_mutex_unlock(&d->mtx);
    }
    return NULL;
}

/* ---- starting and stopping ---------------------------------------------------------- */

static void init_locks(struct dispatch *d)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&d->mtx, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&d->work, &attr);
    pthread_condattr_destroy(&attr);
}

static unsigned cpus(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n < 1 ? 1 : (unsigned)n;
}

static int start_threads(struct dispatch *d, struct err *err)
{
    int r = 0;

    pthread_mutex_lock(&d->mtx);
    for (unsigned i = 0; i < d->set.workers && r == 0; i++)
        r = worker_start(d, err);
    pthread_mutex_unlock(&d->mtx);
    if (r == 0)
        r = thread_start(&d->ticker, "ticker", run_ticker, d, err);
    d->ticker_started = r == 0;
    return r;
}

int dispatch_start(const struct dispatch_settings *set, struct dispatch **ret,
                   struct err *err)
{
    struct dispatch *d = calloc(1, sizeof(*d));
    struct attempt_table_settings table = {.capacity = set->attempts,
                                           .store_id = set->store_id,
                                           .ended = worker_ended};
    int r;

    if (d == NULL)
        return err_set(err, -ENOMEM, "start dispatch: no memory");
    d->set = *set;
    if (d->set.workers == 0)
        d->set.workers = cpus();
    if (d->set.max_workers < d->set.workers)
        d->set.max_workers = d->set.workers;
    list_init(&d->workers);
    init_locks(d);
    table.arg = d;
    r = attempt_table_new(&table, &d->attempts, err);
    if (r == 0)
        r = start_threads(d, err);
    if (r < 0) {
        dispatch_stop(&d);
        return r;
    }
    *ret = d;
    return 0;
}

static void nap(void)
{
    struct timespec t = {.tv_nsec = 2000000};

    (void)nanosleep(&t, NULL);
}

void dispatch_drain(struct dispatch *d, int64_t deadline_boot_ms)
{
    pthread_mutex_lock(&d->mtx);
    d->draining = true;
    pthread_cond_broadcast(&d->work);
    pthread_mutex_unlock(&d->mtx);
    while (attempt_table_open(d->attempts) > 0 && clock_boot_ms() < deadline_boot_ms)
        nap();
    if (attempt_table_open(d->attempts) > 0)
        log_warn("dispatch", LOG_EVENT("attempts_ended_at_stop"),
                 LOG_INT("attempts", attempt_table_open(d->attempts)));
    (void)attempt_expire_instance(d->attempts, NULL, ATTEMPT_STOP, clock_wall_ms());
}

/* Joins those that come back; a hung one stays behind. */
static void join_workers(struct dispatch *d)
{
    for (;;) {
        struct worker *w = NULL;

        pthread_mutex_lock(&d->mtx);
        for (struct list *e = d->workers.next; e != &d->workers && w == NULL;
             e = e->next) {
            struct worker *x = list_of(e, struct worker, link);

            if (!x->lost)
                w = x;
        }
        if (w != NULL)
            list_remove(&w->link);
        pthread_mutex_unlock(&d->mtx);
        if (w == NULL)
            return;
        pthread_join(w->thread, NULL);
        worker_free(&w);
    }
}

bool dispatch_stop(struct dispatch **pd)
{
    struct dispatch *d = *pd;
    bool hung;

    *pd = NULL;
    if (d == NULL)
        return true;
    tick(d); /* workers that hang are told from those that are busy */
    pthread_mutex_lock(&d->mtx);
    d->stopping = d->draining = true;
    pthread_cond_broadcast(&d->work);
    pthread_mutex_unlock(&d->mtx);
    if (d->ticker_started)
        pthread_join(d->ticker, NULL);
    join_workers(d);
    pthread_mutex_lock(&d->mtx);
    hung = d->hung > 0;
    pthread_mutex_unlock(&d->mtx);
    if (hung)
        return false;
    for (size_t i = 0; i < d->slot_count; i++)
        slot_free(&d->slots[i]);
    free(d->slots);
    registry_unref(&d->registry);
    attempt_table_free(&d->attempts);
    pthread_cond_destroy(&d->work);
    pthread_mutex_destroy(&d->mtx);
    free(d);
    return true;
}

struct attempt_table *dispatch_attempts(struct dispatch *d)
{
    return d->attempts;
}

/* ---- which apps ------------------------------------------------------------------------- */

/* Under the lock.  The slot's policy is in place before its instance. */
static void slot_serve(struct slot *s, const struct registry_app *a, struct policy *p)
{
    policy_unref(&s->policy);
    s->policy = p;
    if (s->instance != a->instance) {
        if (s->former != NULL)
            instance_unref(&s->former); /* two reloads in a row: the later one counts */
        s->former = s->instance;
        s->instance = instance_ref(a->instance);
        s->run_ns = 0;
    }
    s->serial = !instance_concurrent(a->instance);
    bucket_init(&s->bucket, p->rate, p->burst, clock_mono_ns());
}

static void slot_close(struct slot *s, struct list *jobs, size_t *n)
{
    if (s == NULL || s->instance == NULL)
        return;
    instance_unref(&s->instance);
    *n += queues_drain(&s->queues, jobs);
}

static struct policy **make_policies(struct dispatch *d, struct registry *r)
{
    size_t n = registry_count(r);
    struct policy **p = calloc(n + 1, sizeof(struct policy *));
    bool whole = p != NULL;

    pthread_mutex_lock(&d->mtx);
    for (size_t i = 0; i < n && whole; i++) {
        const struct registry_app *a = registry_at(r, i);

        p[i] = policy_new(a->conf, d->set.overdue_after_ms);
        whole = p[i] != NULL && slot_get(d, a->name) != NULL;
    }
    pthread_mutex_unlock(&d->mtx);
    for (size_t i = 0; i < n && p != NULL && !whole; i++)
        policy_unref(&p[i]);
    if (!whole) {
        free(p);
        p = NULL;
    }
    return p;
}

/* Under the lock: everything that r does not serve is closed. */
static void close_others(struct dispatch *d, struct registry *r, struct list *jobs,
                         size_t *n)
{
    for (size_t i = 0; i < d->slot_count; i++) {
        const struct registry_app *a;

        if (d->slots[i] == NULL)
            continue;
        a = registry_find(r, d->slots[i]->name);
        if (a == NULL || a->instance == NULL)
            slot_close(d->slots[i], jobs, n);
    }
}

int dispatch_set_registry(struct dispatch *d, struct registry *r)
{
    struct policy **policies = make_policies(d, r);
    struct registry *old;
    struct list jobs;
    size_t n = 0;

    if (policies == NULL)
        return -ENOMEM;
    list_init(&jobs);
    pthread_mutex_lock(&d->mtx);
    for (size_t i = 0; i < registry_count(r); i++) {
        const struct registry_app *a = registry_at(r, i);

        if (a->instance != NULL)
            slot_serve(d->slots[a->name->index], a, policies[i]);
        else
            policy_unref(&policies[i]);
    }
    close_others(d, r, &jobs, &n);
    old = d->registry;
    d->registry = registry_ref(r);
    pthread_cond_broadcast(&d->work);
    pthread_mutex_unlock(&d->mtx);
    free(policies);
    registry_unref(&old);
    if (n > 0)
        d->set.returned(d->set.arg, &jobs, n);
    return 0;
}

/* ---- the queues' doors --------------------------------------------------------------------- */

size_t dispatch_room(struct dispatch *d, const struct app_name *app, unsigned lane,
                     enum job_priority priority)
{
    struct slot *s;
    size_t n = 0;

    pthread_mutex_lock(&d->mtx);
    s = slot_find(d, app);
    if (s != NULL && s->instance != NULL && !d->draining)
        n = queues_room(&s->queues, lane, priority);
    pthread_mutex_unlock(&d->mtx);
    return n;
}

void dispatch_give(struct dispatch *d, const struct app_name *app, unsigned lane,
                   enum job_priority priority, struct list *jobs, size_t n)
{
    struct slot *s;

    pthread_mutex_lock(&d->mtx);
    s = slot_find(d, app);
    if (s->instance != NULL) {
        queues_add(&s->queues, lane, priority, jobs, n);
        n = 0;
        if (d->idle > 0)
            pthread_cond_signal(&d->work);
    }
    pthread_mutex_unlock(&d->mtx);
    if (n > 0) /* its app has gone since room() */
        d->set.returned(d->set.arg, jobs, n);
}

void dispatch_look(struct dispatch *d, const struct app_name *app,
                   struct dispatch_view *ret)
{
    const struct slot *s;

    *ret = (struct dispatch_view){0};
    pthread_mutex_lock(&d->mtx);
    s = slot_find(d, app);
    if (s != NULL)
        *ret = (struct dispatch_view){s->queues.count, s->open, s->inside,
                                      s->former != NULL};
    pthread_mutex_unlock(&d->mtx);
}

unsigned dispatch_workers(struct dispatch *d, unsigned *ret_hung)
{
    unsigned n;

    pthread_mutex_lock(&d->mtx);
    n = d->worker_count;
    *ret_hung = d->hung;
    pthread_mutex_unlock(&d->mtx);
    return n;
}
