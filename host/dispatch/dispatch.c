/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch/dispatch.c - starting, stopping, the queues' doors, and the ticker
 * that looks after time-outs and workers; see dispatch.h.
 */
#include "config.h"

#include "dispatch/internal.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define CUT_OFF_MS 1000 /* at a stop: for calls of ours to come to an end */
#define COME_BACK_MS                                                           \
    1000 /* and for calls of plugins, whose attempts have ended */

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
    return r == 0 ? ticker_start(d, err) : r;
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
    d->app_most = d->set.max_workers - d->set.workers;
    if (d->app_most < d->set.workers)
        d->app_most = d->set.workers;
    d->timer_ns = INT64_MAX;
    list_init(&d->workers);
    init_locks(d);
    table.arg = d;
    r = attempt_table_new(&table, &d->attempts, err);
    if (r == 0)
        r = start_threads(d, err);
    if (r < 0) {
        (void)dispatch_stop(&d);
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

/* Ends what is open, until nobody of ours is about to call out any more. */
static void cut_off(struct dispatch *d)
{
    int64_t until = clock_boot_ms() + CUT_OFF_MS;
    unsigned n = 0;

    do {
        n += attempt_expire_instance(d->attempts, NULL, ATTEMPT_STOP,
                                     clock_wall_ms());
        ticker_sweep(d, 0);
        if (atomic_load(&d->underway) == 0)
            break;
        nap();
    } while (clock_boot_ms() < until);
    if (n > 0)
        log_warn("dispatch", LOG_EVENT("attempts_cut_off"),
                 LOG_INT("attempts", n));
}

void dispatch_drain(struct dispatch *d, int64_t deadline_boot_ms)
{
    atomic_store(&d->draining, true);
    pthread_mutex_lock(&d->mtx); /* behind whoever calls room */
    pthread_cond_broadcast(&d->work);
    pthread_mutex_unlock(&d->mtx);
    while (atomic_load(&d->underway) + atomic_load(&d->marking) > 0 &&
           clock_boot_ms() < deadline_boot_ms)
        nap();
    cut_off(d);
}

/* A worker whose thread has ended (ret_hung: how many have not), or NULL. */
static struct worker *next_over(struct dispatch *d, unsigned *ret_hung)
{
    struct worker *w = NULL;

    *ret_hung = 0;
    pthread_mutex_lock(&d->mtx);
    for (struct list *e = d->workers.next; e != &d->workers; e = e->next) {
        struct worker *x = list_of(e, struct worker, link);

        if (x->over)
            w = x;
        else
            (*ret_hung)++;
    }
    if (w != NULL)
        list_remove(&w->link);
    pthread_mutex_unlock(&d->mtx);
    return w;
}

/* False: some do not come back. */
static bool join_workers(struct dispatch *d)
{
    int64_t until = clock_boot_ms() + COME_BACK_MS;
    unsigned hung;

    do {
        struct worker *w = next_over(d, &hung);

        if (w == NULL) {
            if (hung > 0)
                nap();
            continue;
        }
        pthread_join(w->thread, NULL);
        worker_free(&w);
        hung++; /* look again */
    } while (hung > 0 && clock_boot_ms() < until);
    return hung == 0;
}

static void dispatch_free(struct dispatch **pd)
{
    struct dispatch *d = *pd;

    *pd = NULL;
    for (size_t i = 0; i < d->slot_count; i++)
        slot_free(&d->slots[i]);
    free(d->slots);
    registry_unref(&d->registry);
    attempt_table_free(&d->attempts);
    pthread_cond_destroy(&d->work);
    pthread_mutex_destroy(&d->mtx);
    free(d);
}

bool dispatch_join(struct dispatch *d)
{
    if (d == NULL)
        return true;
    atomic_store(&d->draining, true);
    pthread_mutex_lock(&d->mtx);
    d->stopping = true;
    pthread_cond_broadcast(&d->work);
    pthread_mutex_unlock(&d->mtx);
    if (d->ticker_started)
        pthread_join(d->ticker, NULL);
    d->ticker_started = false;
    return join_workers(d);
}

bool dispatch_stop(struct dispatch **pd)
{
    struct dispatch *d = *pd;

    *pd = NULL;
    if (d == NULL)
        return true;
    if (!dispatch_join(d))
        return false;
    dispatch_free(&d);
    return true;
}

struct attempt_table *dispatch_attempts(struct dispatch *d)
{
    return d->attempts;
}

/* ---- which apps ------------------------------------------------------------------------- */

/* Under the lock: the slot's instance goes.  The next one waits for it; when it
 * was itself waiting for a former one it has never run, and that one is waited
 * for.  Retired, so that a worker with some of its jobs begins no more. */
static void slot_replace(struct slot *s)
{
    if (s->instance == NULL)
        return;
    instance_retire(s->instance);
    if (s->former == NULL)
        s->former = s->instance;
    else
        instance_unref(&s->instance);
    s->instance = NULL;
    s->serving++;
    s->inside = s->hung = 0;
    s->run_ns = s->rest_ns = 0;
}

/* Under the lock.  The slot's policy is in place before its instance. */
static void slot_serve(struct slot *s, const struct registry_app *a,
                       struct policy *p)
{
    policy_unref(&s->policy);
    s->policy = p;
    if (s->instance != a->instance) {
        slot_replace(s);
        s->instance = instance_ref(a->instance);
    }
    s->serial = !instance_concurrent(a->instance);
    if (s->bucket.rate < p->rate || s->bucket.rate > p->rate ||
        s->bucket.burst < p->burst || s->bucket.burst > p->burst)
        bucket_init(&s->bucket, p->rate, p->burst, clock_mono_ns());
}

static void slot_close(struct slot *s, struct list *jobs, size_t *n)
{
    if (s == NULL || s->instance == NULL)
        return;
    slot_replace(s);
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
        if (whole)
            p[i]->exactly_once =
                d->set.transactions && registry_exactly_once(a);
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
static void close_others(struct dispatch *d, struct registry *r,
                         struct list *jobs, size_t *n)
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

size_t dispatch_room(struct dispatch *d, const struct app_name *app,
                     unsigned lane, enum job_priority priority)
{
    struct slot *s;
    size_t n = 0;

    pthread_mutex_lock(&d->mtx);
    s = slot_find(d, app);
    if (s != NULL && s->instance != NULL && !atomic_load(&d->draining))
        n = queues_room(&s->queues, lane, priority);
    pthread_mutex_unlock(&d->mtx);
    return n;
}

void dispatch_give(struct dispatch *d, const struct app_name *app,
                   unsigned lane, enum job_priority priority, struct list *jobs,
                   size_t n)
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
