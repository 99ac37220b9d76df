/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch/ticker.c - the thread that looks after time-outs and workers: calls
 * that take long, workers that hang, instances that others wait for.
 */
#include "config.h"

#include "dispatch/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "metrics/metrics.h"

#include <time.h>

#define TICK_MS 20
#define BLOCKED_NS                                                             \
    (10 * 1000000) /* in one call for so long: others need a worker */
#define HUNG_NS INT64_C(1000000000) /* in a call whose attempt has ended */

struct check {         /* what has been found; dealt with outside the lock */
    struct list ended; /* struct attempt.link */
    size_t ended_count;
    struct list gone; /* struct job.link: their app has gone */
};

void ticker_give_back(struct dispatch *d, struct list *jobs)
{
    size_t n = 0;

    for (struct list *e = jobs->next; e != jobs; e = e->next)
        n++;
    if (n > 0)
        d->set.returned(d->set.arg, jobs, n);
}

/* Under both locks. */
static void lose(struct worker *w)
{
    struct dispatch *d = w->d;

    w->lost = true;
    d->hung++;
    d->worker_count--;
    if (w->serving == w->slot->serving)
        w->slot->hung++;
    log_warn("dispatch", LOG_EVENT("worker_hangs"),
             LOG_STR("app", w->slot->name->text),
             LOG_INT("workers", d->worker_count), LOG_INT("hung", d->hung));
}

/* Under dispatch.mtx.  One that has been in a call for longer than patience_ns
 * does not keep others' jobs and outcomes meanwhile.  Whether it is blocked so. */
static bool check_worker(struct worker *w, int64_t now_ns, int64_t patience_ns,
                         struct check *c)
{
    struct list rest;
    int64_t since;
    size_t n = 0;
    bool blocked;

    list_init(&rest);
    pthread_mutex_lock(&w->mtx);
    since = now_ns - w->since_ns;
    blocked = (w->token != 0 || w->marking) && since >= patience_ns && !w->lost;
    if (blocked && w->token != 0) {
        n = worker_take_rest(w, &rest);
        list_splice(&c->ended, &w->ended);
        c->ended_count += w->ended_count;
        w->ended_count = 0;
        if (since > HUNG_NS && !attempt_is_open(w->d->attempts, w->token)) {
            lose(w);         /* its time is over, the call has not come back */
            blocked = false; /* no longer counted among the workers */
        }
    }
    pthread_mutex_unlock(&w->mtx);
    if (n > 0)
        slot_put_back(w->d, w->slot, &rest, n, &c->gone);
    return blocked;
}

/* Under the lock.  How many workers are blocked. */
static unsigned check_workers(struct dispatch *d, int64_t patience_ns,
                              struct check *c)
{
    int64_t now_ns = clock_mono_ns();
    unsigned blocked = 0;

    for (struct list *e = d->workers.next; e != &d->workers; e = e->next)
        blocked += check_worker(list_of(e, struct worker, link), now_ns,
                                patience_ns, c);
    return blocked;
}

static void check_begin(struct dispatch *d, struct check *c)
{
    list_init(&c->ended);
    list_init(&c->gone);
    c->ended_count = 0;
    atomic_fetch_add(&d->underway, 1);
}

/* Not under the lock: passes on what was found. */
static void check_end(struct dispatch *d, struct check *c)
{
    worker_hand_on(d, &c->ended, c->ended_count);
    ticker_give_back(d, &c->gone);
    atomic_fetch_sub(&d->underway, 1);
}

void ticker_sweep(struct dispatch *d, int64_t patience_ns)
{
    struct check c;

    check_begin(d, &c);
    pthread_mutex_lock(&d->mtx);
    (void)check_workers(d, patience_ns, &c);
    pthread_mutex_unlock(&d->mtx);
    check_end(d, &c);
}

/* Under the lock.  Others than the blocked ones are there for what waits. */
static void keep_workers(struct dispatch *d, unsigned blocked)
{
    unsigned active = d->worker_count - blocked;
    int64_t wake_ns = INT64_MAX;
    size_t most;
    struct err err;

    if (atomic_load(&d->draining) ||
        slot_next(d, clock_mono_ns(), &wake_ns, &most) == NULL)
        return;
    if (d->idle > 0) { /* in case a signal went to one that was busy */
        pthread_cond_signal(&d->work);
        return;
    }
    while (active < d->set.workers && d->worker_count < d->set.max_workers) {
        if (worker_start(d, &err) < 0) {
            log_error("dispatch", LOG_EVENT("no_worker"), LOG_ERR(&err));
            return;
        }
        active++;
    }
}

static void tick(struct dispatch *d)
{
    struct check c;
    bool news = false;

    (void)attempt_expire_due(d->attempts, clock_boot_ms(), clock_wall_ms());
    check_begin(d, &c);
    pthread_mutex_lock(&d->mtx);
    for (size_t i = 0; i < d->slot_count; i++) {
        struct slot *s = d->slots[i];

        if (s == NULL)
            continue;
        news |= slot_former_gone(s);
        metric_set(s->m_queue, (int64_t)s->queues.count);
        metric_set(s->m_open, s->open);
    }
    keep_workers(d, check_workers(d, BLOCKED_NS, &c));
    if (news)
        pthread_cond_broadcast(&d->work);
    pthread_mutex_unlock(&d->mtx);
    check_end(d, &c);
}

static void *run(void *arg)
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

int ticker_start(struct dispatch *d, struct err *err)
{
    int r = thread_start(&d->ticker, "ticker", run, d, err);

    d->ticker_started = r == 0;
    return r;
}
