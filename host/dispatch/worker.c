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

#define BATCH_NS 1000000        /* what a batch should take */
#define HAND_ON 32              /* ended attempts handed on at once */
#define SHORT_NS 5000000        /* after a job could not be begun */
#define UNMARKED_NS 100000000   /* after the store did not take a mark */
#define UNPERMITTED_NS 20000000 /* after "not now" */

static _Thread_local struct worker *self; /* NULL: not one of ours */

/* ---- ended attempts ----------------------------------------------------------- */

/* What the stop has cut off is as after a crash: the store still has the job,
 * with this attempt to be made. */
static size_t drop_stopped(struct list *ended)
{
    size_t left = 0;

    for (struct list *e = ended->next, *next; e != ended; e = next) {
        struct attempt *a = list_of(e, struct attempt, link);

        next = e->next;
        left++;
        if (a->ended_by != ATTEMPT_STOP)
            continue;
        list_remove(e);
        attempt_free(&a);
        left--;
    }
    return left;
}

void worker_hand_on(struct dispatch *d, struct list *ended, size_t n)
{
    size_t left;

    if (n == 0)
        return;
    pthread_mutex_lock(&d->mtx);
    for (struct list *e = ended->next; e != ended; e = e->next) {
        struct attempt *a = list_of(e, struct attempt, link);
        struct slot *s = slot_find(d, instance_app(a->instance));

        s->open--;
        if (a->started_ms > 0)
            metric_observe_ms(s->m_execute, a->ended_ms - a->started_ms);
        if (s->policy != NULL && s->policy->concurrency > 0 && d->idle > 0)
            pthread_cond_signal(&d->work);
    }
    pthread_mutex_unlock(&d->mtx);
    left = drop_stopped(ended);
    if (left > 0)
        d->set.ended(d->set.arg, ended, left);
    atomic_fetch_sub(&d->underway, (unsigned)n);
}

/* Those of the worker itself, when there are so many. */
static void hand_on_own(struct worker *w, size_t least)
{
    struct list ended;
    size_t n = 0;

    list_init(&ended);
    pthread_mutex_lock(&w->mtx);
    if (w->ended_count >= least) {
        n = w->ended_count;
        w->ended_count = 0;
        list_splice(&ended, &w->ended);
    }
    pthread_mutex_unlock(&w->mtx);
    worker_hand_on(w->d, &ended, n);
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
        pthread_mutex_lock(&self->mtx);
        list_push(&self->ended, &a->link);
        self->ended_count++;
        pthread_mutex_unlock(&self->mtx);
        return;
    }
    list_init(&one);
    list_push(&one, &a->link);
    worker_hand_on(d, &one, 1);
}

/* ---- one job --------------------------------------------------------------------- */

/* The next job of the batch, counted as under way; NULL at its end, when it was
 * taken away, and at a stop. */
static struct job *next_job(struct worker *w)
{
    struct job *j = NULL;

    atomic_fetch_add(&w->d->underway, 1);
    pthread_mutex_lock(&w->mtx);
    w->token = 0;
    if (w->next < w->count && !atomic_load(&w->d->draining))
        j = w->batch[w->next++];
    pthread_mutex_unlock(&w->mtx);
    if (j == NULL)
        atomic_fetch_sub(&w->d->underway, 1);
    return j;
}

size_t worker_take_rest(struct worker *w, struct list *jobs)
{
    size_t n = w->count - w->next;

    while (w->next < w->count)
        list_push(jobs, &w->batch[w->next++]->link);
    return n;
}

/* Not run after all: j (NULL: none; else under way) and the rest of the batch.
 * The app rests for a moment, or we would be here again at once. */
static void put_back(struct worker *w, struct job *j, int64_t rest_ns)
{
    struct dispatch *d = w->d;
    struct list jobs, gone;
    size_t n = 0;

    if (j == NULL && w->next == w->count && rest_ns == 0)
        return;
    list_init(&jobs);
    list_init(&gone);
    atomic_fetch_add(&d->underway, 1);
    if (j != NULL) {
        list_push(&jobs, &j->link);
        n++;
    }
    pthread_mutex_lock(&d->mtx);
    pthread_mutex_lock(&w->mtx);
    n += worker_take_rest(w, &jobs);
    pthread_mutex_unlock(&w->mtx);
    if (rest_ns > 0)
        w->slot->rest_ns = clock_mono_ns() + rest_ns;
    if (n > 0)
        slot_put_back(d, w->slot, &jobs, n, &gone);
    pthread_mutex_unlock(&d->mtx);
    ticker_give_back(d, &gone);
    atomic_fetch_sub(&d->underway, j != NULL ? 2u : 1u);
}

/* It will not be begun here. */
static void uncount(struct worker *w)
{
    pthread_mutex_lock(&w->d->mtx);
    w->slot->open--;
    bucket_return(&w->slot->bucket, 1);
    pthread_mutex_unlock(&w->d->mtx);
}

/* Not to be run by us, or not yet: the clock was set back since it was due. */
static void give_back(struct worker *w, struct job *j)
{
    struct dispatch *d = w->d;
    struct list one;

    list_init(&one);
    list_push(&one, &j->link);
    uncount(w);
    d->set.returned(d->set.arg, &one, 1);
    atomic_fetch_sub(&d->underway, 1);
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
    struct policy *owner = policy_ref(w->policy); /* `ended` lets go of it */
    struct attempt_start start = {
        .job = j,
        .now_ms = now,
        .boot_ms = clock_boot_ms(),
        .timeout_ms = p->timeout_ms,
        .owner = owner,
    };
    struct attempt *a;

    if (attempt_open(w->d->attempts, w->instance, &start, &a) < 0) {
        policy_unref(&owner);
        put_back(w, j, SHORT_NS);
        return false;
    }
    metric_observe_ms(w->slot->m_lateness, now - j->due_ms);
    if (policy_skips(p, j, now)) {
        (void)attempt_expire(w->d->attempts, a->token, ATTEMPT_SKIPPED, now);
        (void)attempt_abort(a, &j); /* has ended: only lets go of it */
        return true;
    }
    begin(w, a);
    if (attempt_run(a) < 0) { /* serial, and a late call is still inside */
        if (attempt_abort(a, &j) < 0)
            return true; /* its time was over meanwhile: it has ended */
        policy_unref(&owner);
        put_back(w, j, SHORT_NS);
        return false;
    }
    return true;
}

static bool try_job(struct worker *w, struct job *j)
{
    const struct dispatch_settings *set = &w->d->set;

    switch (set->permit == NULL ? PERMIT_RUN : set->permit(set->arg, j)) {
    case PERMIT_RUN:
        break;
    case PERMIT_WAIT:
        put_back(w, j, UNPERMITTED_NS);
        return false;
    case PERMIT_RETURN:
        give_back(w, j);
        return true;
    case PERMIT_DROP:
        uncount(w);
        job_free(&j);
        atomic_fetch_sub(&w->d->underway, 1);
        return true;
    }
    if (clock_wall_ms() >= j->due_ms)
        return run_job(w, j);
    give_back(w, j);
    return true;
}

/* ---- a batch --------------------------------------------------------------------- */

static size_t batch_size(const struct dispatch *d, const struct slot *s,
                         size_t most)
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
static void take_batch(struct worker *w, struct slot *s, size_t most,
                       int64_t now_ns)
{
    size_t n = bucket_take(&s->bucket, batch_size(w->d, s, most), now_ns);

    w->d->turn = s->name->index + 1;
    w->slot = s;
    w->serving = s->serving;
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

static void set_marking(struct worker *w, bool marking)
{
    pthread_mutex_lock(&w->mtx);
    w->marking = marking;
    w->since_ns = clock_mono_ns();
    pthread_mutex_unlock(&w->mtx);
}

/* False: no attempt without its mark. */
static bool mark_running(struct worker *w)
{
    struct dispatch *d = w->d;
    struct err err = {0};
    int r = -ESHUTDOWN;

    if (!w->policy->track_running || d->set.mark_running == NULL)
        return true;
    atomic_fetch_add(&d->marking, 1);
    if (!atomic_load(&d->draining)) {
        set_marking(w, true);
        r = d->set.mark_running(d->set.arg, w->batch, w->count, &err);
        set_marking(w, false);
        if (r < 0)
            log_warn("dispatch", LOG_EVENT("mark_running_failed"),
                     LOG_STR("app", w->slot->name->text), LOG_ERR(&err));
    }
    atomic_fetch_sub(&d->marking, 1);
    return r == 0;
}

/* How long one takes, for the size of the next batch. */
static void note_time(struct worker *w, int64_t began_ns, size_t done)
{
    struct slot *s = w->slot;
    int64_t each;

    if (done == 0)
        return;
    each = (clock_mono_ns() - began_ns) / (int64_t)done + 1;
    pthread_mutex_lock(&w->d->mtx);
    s->run_ns = s->run_ns == 0 ? each : (s->run_ns * 7 + each) / 8;
    pthread_mutex_unlock(&w->d->mtx);
}

static void run_batch(struct worker *w)
{
    int64_t began_ns = clock_mono_ns();
    size_t done = 0;

    if (mark_running(w)) {
        for (struct job *j; (j = next_job(w)) != NULL && try_job(w, j); done++)
            hand_on_own(w, HAND_ON);
        hand_on_own(w, 1);
        put_back(w, NULL, 0); /* what is left at a stop */
    } else {
        put_back(w, NULL, UNMARKED_NS);
    }
    note_time(w, began_ns, done);
}

/* ---- the thread --------------------------------------------------------------------- */

/* One idle worker waits for the earliest time at which something may be begun;
 * the others for a signal. */
static void wait_for_work(struct dispatch *d, int64_t until_ns)
{
    struct timespec t = {.tv_sec = (time_t)(until_ns / 1000000000),
                         .tv_nsec = (long)(until_ns % 1000000000)};
    bool leads = until_ns < d->timer_ns;

    if (leads)
        d->timer_ns = until_ns;
    d->idle++;
    if (until_ns == INT64_MAX)
        pthread_cond_wait(&d->work, &d->mtx);
    else
        (void)pthread_cond_timedwait(&d->work, &d->mtx, &t);
    d->idle--;
    if (leads)
        d->timer_ns = INT64_MAX;
}

/* Under the lock: somebody else is to look when there is more, or will be at a
 * time that nobody waits for. */
static void wake_another(struct dispatch *d, int64_t now_ns)
{
    int64_t wake_ns = INT64_MAX;
    size_t most;

    if (d->idle == 0)
        return;
    if (slot_next(d, now_ns, &wake_ns, &most) != NULL || wake_ns < d->timer_ns)
        pthread_cond_signal(&d->work);
}

static void batch_over(struct worker *w)
{
    struct slot *s = w->slot;

    if (w->serving == s->serving) {
        s->inside--;
        s->hung -= w->lost;
    }
    if (w->d->idle > 0 && s->queues.count > 0)
        pthread_cond_signal(&w->d->work);
    instance_unref(&w->instance);
    policy_unref(&w->policy);
}

/* Under the lock, which is let go of while the batch runs. */
static void work_once(struct worker *w)
{
    struct dispatch *d = w->d;
    int64_t now_ns = clock_mono_ns(), wake_ns = INT64_MAX;
    size_t most = 0;
    struct slot *s = atomic_load(&d->draining)
                         ? NULL
                         : slot_next(d, now_ns, &wake_ns, &most);

    if (s == NULL) {
        wait_for_work(d, wake_ns);
        return;
    }
    take_batch(w, s, most, now_ns);
    if (queues_room_again(&s->queues))
        d->set.room(d->set.arg);
    wake_another(d, now_ns);
    pthread_mutex_unlock(&d->mtx);
    run_batch(w);
    pthread_mutex_lock(&d->mtx);
    batch_over(w);
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
    while (!(lost = is_lost(w)) && !d->stopping)
        work_once(w);
    w->over = true;
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
