/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch/worker.c - the threads that run attempts.
 *
 * A worker takes a batch of one app's jobs under the lock, runs them one after
 * the other without it, and hands the ended attempts on in batches too.  How
 * large a batch is depends on how long the app's attempts take: about a
 * millisecond's worth, so that a slow plugin's jobs spread over the workers.
 */
#include "config.h"

#include "dispatch/internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "metrics/metrics.h"

#include <errno.h>
#include <stdlib.h>

#define BATCH_NS 1000000    /* what a batch should take */
#define HAND_ON 32          /* ended attempts handed on at once */

static _Thread_local struct worker *self; /* NULL: not one of ours */

/* ---- ended attempts ----------------------------------------------------------- */

static void hand_on(struct dispatch *d, struct list *ended, size_t n)
{
    if (n == 0)
        return;
    pthread_mutex_lock(&d->mtx);
    for (struct list *e = ended->next; e != ended; e = e->next) {
        struct attempt *a = list_of(e, struct attempt, link);
        struct slot *s = slot_find(d, instance_app(a->instance));

        s->open--;
        if (s->policy != NULL && s->policy->concurrency > 0 && d->idle > 0)
            pthread_cond_signal(&d->work);
    }
    pthread_mutex_unlock(&d->mtx);
    d->set.ended(d->set.arg, ended, n);
}

static void hand_on_own(struct worker *w)
{
    size_t n = w->ended_count;

    w->ended_count = 0;
    hand_on(w->d, &w->ended, n);
}

void worker_ended(void *arg, struct attempt *a)
{
    struct dispatch *d = arg;
    struct policy *p = a->owner;
    struct list one;

    policy_decide(p, a);
    a->owner = NULL;
    policy_unref(&p);
    list_init(&a->link);
    if (self != NULL && self->d == d) {
        list_push(&self->ended, &a->link);
        self->ended_count++;
        return;
    }
    list_init(&one);
    list_push(&one, &a->link);
    hand_on(d, &one, 1);
}

/* ---- one job --------------------------------------------------------------------- */

/* The next job of the batch; NULL at its end, or when it was taken away. */
static struct job *next_job(struct worker *w)
{
    struct job *j = NULL;

    pthread_mutex_lock(&w->mtx);
    w->token = 0;
    if (w->next < w->count)
        j = w->batch[w->next++];
    pthread_mutex_unlock(&w->mtx);
    return j;
}

/* Not run after all: back to the front of its queue. */
static void put_back(struct worker *w, struct job *j)
{
    struct dispatch *d = w->d;

    pthread_mutex_lock(&d->mtx);
    w->slot->open--;
    queues_return(&w->slot->queues, j);
    pthread_mutex_unlock(&d->mtx);
}

static void put_back_rest(struct worker *w)
{
    for (struct job *j; (j = next_job(w)) != NULL;)
        put_back(w, j);
}

static void begin(struct worker *w, struct attempt *a)
{
    pthread_mutex_lock(&w->mtx);
    w->token = a->token;
    w->since_ns = clock_mono_ns();
    pthread_mutex_unlock(&w->mtx);
}

/* False: the job could not be run now and is back in its queue. */
static bool run_job(struct worker *w, struct job *j)
{
    const struct policy *p = w->policy;
    int64_t now = clock_wall_ms();
    int64_t deadline = p->timeout_ms > 0 ? now + p->timeout_ms : 0;
    struct attempt *a;

    if (attempt_open(w->d->attempts, w->instance, j, now, deadline, &a) < 0) {
        put_back(w, j);
        return false;
    }
    a->owner = policy_ref(w->policy);
    metric_observe_ms(w->slot->m_lateness, now - j->due_ms);
    if (policy_skips(p, j, now)) {
        (void)attempt_expire(w->d->attempts, a->token, ATTEMPT_SKIPPED, now);
        (void)attempt_abort(a, &j); /* has ended: only lets go of it */
        return true;
    }
    begin(w, a);
    if (attempt_run(a) < 0) { /* serial, and a late call is still inside */
        struct policy *owner = a->owner; /* ours only if it has not ended */

        if (attempt_abort(a, &j) == 0) {
            policy_unref(&owner);
            put_back(w, j);
        }
        return false;
    }
    return true;
}

/* ---- a batch --------------------------------------------------------------------- */

static size_t batch_size(const struct dispatch *d, const struct slot *s, size_t most)
{
    size_t n = s->run_ns > 0 ? (size_t)(BATCH_NS / s->run_ns) : 1;
    size_t share = most / (d->idle + 1) + 1;

    if (n > share)
        n = share;
    if (n > most)
        n = most;
    if (n > BATCH_MOST)
        n = BATCH_MOST;
    return n == 0 ? 1 : n;
}

/* Under dispatch.mtx: fills the worker's batch from the slot. */
static void take_batch(struct worker *w, struct slot *s, size_t most, int64_t now_ns)
{
    size_t n = bucket_take(&s->bucket, batch_size(w->d, s, most), now_ns);

    w->slot = s;
    w->instance = instance_ref(s->instance);
    w->policy = policy_ref(s->policy);
    s->inside++;
    s->open += (unsigned)n;
    pthread_mutex_lock(&w->mtx);
    w->next = 0;
    w->count = (unsigned)n;
    for (size_t i = 0; i < n; i++)
        w->batch[i] = queues_pick(&s->queues);
    pthread_mutex_unlock(&w->mtx);
    metric_set(s->m_queue, (int64_t)s->queues.count);
    metric_set(s->m_open, s->open);
}

static void mark_running(struct worker *w)
{
    struct err err;

    if (!w->policy->track_running || w->d->set.mark_running == NULL)
        return;
    if (w->d->set.mark_running(w->d->set.arg, w->batch, w->count, &err) == 0)
        return;
    log_warn("dispatch", LOG_EVENT("mark_running_failed"),
             LOG_STR("app", w->slot->name->text), LOG_ERR(&err));
    put_back_rest(w); /* no attempt without its mark */
}

static void run_batch(struct worker *w, size_t n)
{
    int64_t began = clock_mono_ns(), each;
    size_t done = 0;

    mark_running(w);
    for (struct job *j; (j = next_job(w)) != NULL; done++) {
        if (!run_job(w, j)) {
            put_back_rest(w);
            break;
        }
        if (w->ended_count >= HAND_ON)
            hand_on_own(w);
    }
    hand_on_own(w);
    if (done == 0)
        return;
    each = (clock_mono_ns() - began) / (int64_t)done + 1;
    pthread_mutex_lock(&w->d->mtx);
    w->slot->run_ns = w->slot->run_ns == 0 ? each : (w->slot->run_ns * 7 + each) / 8;
    pthread_mutex_unlock(&w->d->mtx);
    (void)n;
}

/* ---- the thread --------------------------------------------------------------------- */

static void wait_for_work(struct dispatch *d, int64_t until_ns)
{
    struct timespec t = {.tv_sec = (time_t)(until_ns / 1000000000),
                         .tv_nsec = (long)(until_ns % 1000000000)};

    d->idle++;
    if (until_ns == INT64_MAX)
        pthread_cond_wait(&d->work, &d->mtx);
    else
        (void)pthread_cond_timedwait(&d->work, &d->mtx, &t);
    d->idle--;
}

/* Under the lock, which is let go of while the batch runs. */
static void work_once(struct worker *w)
{
    struct dispatch *d = w->d;
    int64_t now_ns = clock_mono_ns(), wake_ns = INT64_MAX;
    size_t most = 0;
    struct slot *s = d->draining ? NULL : slot_next(d, now_ns, &wake_ns, &most);
    bool room;

    if (s == NULL) {
        wait_for_work(d, wake_ns);
        return;
    }
    take_batch(w, s, most, now_ns);
    room = queues_room_again(&s->queues);
    if (d->idle > 0 && slot_next(d, now_ns, &wake_ns, &most) != NULL)
        pthread_cond_signal(&d->work);
    pthread_mutex_unlock(&d->mtx);
    if (room)
        d->set.room(d->set.arg);
    run_batch(w, most);
    pthread_mutex_lock(&d->mtx);
    s->inside--;
    if (d->idle > 0 && s->serial && s->queues.count > 0)
        pthread_cond_signal(&d->work);
    instance_unref(&w->instance);
    policy_unref(&w->policy);
}

static bool is_lost(struct worker *w)
{
    bool lost;

    pthread_mutex_lock(&w->mtx);
    lost = w->lost;
    pthread_mutex_unlock(&w->mtx);
    return lost;
}

static void *run(void *arg)
{
    struct worker *w = arg;
    struct dispatch *d = w->d;
    bool lost;

    self = w;
    pthread_mutex_lock(&d->mtx);
    do {
        work_once(w);
        lost = is_lost(w);
    } while (!d->stopping && !lost);
    if (lost) { /* was replaced and counted as hung: nobody joins it */
        d->hung--;
        list_remove(&w->link);
        pthread_detach(w->thread);
    }
    pthread_mutex_unlock(&d->mtx);
    if (lost)
        worker_free(&w);
    return NULL;
}

int worker_start(struct dispatch *d, struct err *err)
{
    struct worker *w = calloc(1, sizeof(*w));
    int r;

    if (w == NULL)
        return err_set(err, -ENOMEM, "start a worker: no memory");
    w->d = d;
    list_init(&w->link);
    list_init(&w->ended);
    pthread_mutex_init(&w->mtx, NULL);
    r = thread_start(&w->thread, "worker", run, w, err);
    if (r < 0) {
        worker_free(&w);
        return r;
    }
    list_push(&d->workers, &w->link);
    d->worker_count++;
    return 0;
}

void worker_free(struct worker **pw)
{
    struct worker *w = *pw;

    *pw = NULL;
    if (w == NULL)
        return;
    pthread_mutex_destroy(&w->mtx);
    free(w);
}

static void lose(struct worker *w)
{
    struct dispatch *d = w->d;

    w->lost = true;
    d->hung++;
    d->worker_count--;
    while (w->count > w->next) {
        queues_return(&w->slot->queues, w->batch[--w->count]);
        w->slot->open--;
    }
    log_warn("dispatch", LOG_EVENT("worker_hangs"), LOG_STR("app", w->slot->name->text),
             LOG_INT("workers", d->worker_count), LOG_INT("hung", d->hung));
}

bool worker_check(struct worker *w, int64_t now_ns, int64_t patience_ns)
{
    bool blocked;

    pthread_mutex_lock(&w->mtx);
    blocked = w->token != 0 && now_ns - w->since_ns > patience_ns;
    if (blocked && !w->lost && !attempt_is_open(w->d->attempts, w->token))
        lose(w); /* its time is over, the call has not come back */
    if (w->lost)
        blocked = false; /* no longer counted among the workers */
    pthread_mutex_unlock(&w->mtx);
    return blocked;
}
