/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/exactly.c - the exactly_once lane's thread; see exactly.h.
 *
 * A work goes: incoming -> batch -> (committed) ended.  What a transaction
 * could not take with it comes again; what Kafka refuses for good is condemned.
 */
#include "config.h"

#include "commit/exactly.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "commit/lane.h"
#include "metrics/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#define UNSTORED_MOST 65536 /* committed and not yet in the store */
#define OVERDUE_MOST                                                           \
    2000             /* in one transaction: what is on time waits so long */
#define SLOW_MS 1000 /* between tries of what Kafka did not take */
#define IDLE_MS 1000 /* between looks at what time alone brings */

/* ---- the lane's shared side ---------------------------------------------------- */

void lane_set_state(struct exactly *e, enum exactly_state state,
                    const char *why)
{
    bool changed;

    pthread_mutex_lock(&e->mtx);
    changed = e->state != state;
    e->state = state;
    (void)snprintf(e->why, sizeof(e->why), "%s", why);
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->mtx);
    if (changed && e->set.commit->exactly_changed != NULL)
        e->set.commit->exactly_changed(e->set.commit->arg, state);
}

static void timed_wait(struct exactly *e, pthread_cond_t *cond,
                       int64_t until_ns)
{
    struct timespec t = {.tv_sec = (time_t)(until_ns / 1000000000),
                         .tv_nsec = (long)(until_ns % 1000000000)};

    (void)pthread_cond_timedwait(cond, &e->mtx, &t);
}

bool lane_nap(struct exactly *e, int64_t ms)
{
    int64_t until = clock_mono_ns() + ms * 1000000;

    pthread_mutex_lock(&e->mtx);
    while (!atomic_load(&e->stopping) && clock_mono_ns() < until)
        timed_wait(e, &e->wake, until);
    pthread_mutex_unlock(&e->mtx);
    return !atomic_load(&e->stopping);
}

void exactly_take(struct exactly *e, struct work *w)
{
    bool overdue = w->attempt->job->overdue;

    pthread_mutex_lock(&e->mtx);
    if (e->incoming_count++ == 0) {
        e->oldest_ns = clock_mono_ns();
        pthread_cond_signal(&e->wake);
    } else if (e->incoming_count == e->set.commit->transaction_jobs) {
        pthread_cond_signal(&e->wake);
    }
    list_push(&e->incoming[overdue], &w->link);
    pthread_mutex_unlock(&e->mtx);
}

void exactly_stored(struct exactly *e, size_t n)
{
    pthread_mutex_lock(&e->mtx);
    if (e->unstored >= UNSTORED_MOST && e->unstored - n < UNSTORED_MOST)
        pthread_cond_signal(&e->wake);
    e->unstored -= n;
    pthread_mutex_unlock(&e->mtx);
}

/* When a transaction may begin; INT64_MAX: when something comes.  Under mtx. */
static int64_t begin_at(const struct exactly *e)
{
    int64_t gap = e->last_commit_ns + e->gap_ns, at;

    if (!e->seated || e->unstored >= UNSTORED_MOST)
        return INT64_MAX;
    if (!list_empty(&e->again) || e->mine_count > 0 ||
        e->incoming_count >= e->set.commit->transaction_jobs)
        return gap;
    at = e->slow_ns;
    if (e->incoming_count > 0) {
        int64_t linger =
            e->oldest_ns + e->set.commit->transaction_linger_ms * 1000000;

        at = linger < at ? linger : at;
    }
    return at > gap ? at : gap;
}

/* Waits until a transaction may begin (*ret_begin) or there is something else
 * to do; false: the end. */
static bool wait_for_work(struct exactly *e, bool *ret_begin)
{
    int64_t idle = clock_mono_ns() + IDLE_MS * 1000000ll, now, at;

    *ret_begin = false;
    pthread_mutex_lock(&e->mtx);
    while (!atomic_load(&e->stopping) && e->turn == e->seen &&
           (e->seated || e->slot == LANE_NO_SLOT)) {
        now = clock_mono_ns();
        at = begin_at(e);
        *ret_begin = now >= at;
        if (*ret_begin || now >= idle)
            break;
        timed_wait(e, &e->wake, at < idle ? at : idle);
    }
    pthread_mutex_unlock(&e->mtx);
    return !atomic_load(&e->stopping);
}

/* ---- what becomes of works -------------------------------------------------------- */

void lane_end_works(struct exactly *e, struct list *works, size_t n)
{
    e->set.ended(e->set.arg, works, n);
}

/* Kafka will not have it: a dead letter goes its way, the rest to the store. */
void lane_condemn(struct exactly *e, struct work *w)
{
    struct list one;
    unsigned swallowed;

    if (log_complain(&e->refusals, clock_boot_ms(), &swallowed))
        log_warn("commit", LOG_EVENT("record_refused"),
                 LOG_INT("job", w->attempt->job->id),
                 LOG_STR("error", work_fault(w)),
                 LOG_INT("swallowed", swallowed));
    if (work_condemn(w)) {
        list_push(&e->again, &w->link);
        return;
    }
    list_init(&one);
    list_push(&one, &w->link);
    lane_end_works(e, &one, 1);
}

void lane_slow(struct exactly *e, struct work *w)
{
    list_push(&e->slow, &w->link);
    if (e->slow_ns == INT64_MAX)
        e->slow_ns = clock_mono_ns() + SLOW_MS * 1000000ll;
}

void lane_complain(struct exactly *e, const char *event, const struct err *err)
{
    unsigned swallowed;

    if (log_complain(&e->trouble, clock_boot_ms(), &swallowed))
        log_warn("commit", LOG_EVENT(event), LOG_ERR(err),
                 LOG_INT("swallowed", swallowed));
}

/* ---- gathering -------------------------------------------------------------------- */

/* Handed out in an earlier tenure of the seat: another instance's by now. */
static bool is_past(const struct exactly *e, const struct work *w)
{
    return w->attempt->job->tenure != writer_tenure(e->set.commit->writer);
}

static void drop(struct exactly *e, struct work *w)
{
    struct list one;

    w->dropped = true;
    list_init(&one);
    list_push(&one, &w->link);
    lane_end_works(e, &one, 1);
}

/* Until the batch has `most`; how many left the list. */
static size_t gather_from(struct exactly *e, struct list *from, size_t most)
{
    size_t n = 0;

    for (; !list_empty(from) && e->batch.count < most; n++) {
        struct work *w = list_of(list_pop(from), struct work, link);

        if (is_past(e, w)) {
            drop(e, w);
            continue;
        }
        switch (batch_add(&e->batch, w)) {
        case BATCH_TAKEN:
            break;
        case BATCH_FULL:
            list_push(from->next, &w->link); /* at the front again */
            return n;
        case BATCH_LATER:
            lane_slow(e, w);
            break;
        case BATCH_REFUSED:
            lane_condemn(e, w);
            break;
        }
    }
    return n;
}

static void fetch(struct exactly *e)
{
    pthread_mutex_lock(&e->mtx);
    list_splice(&e->mine[0], &e->incoming[0]);
    list_splice(&e->mine[1], &e->incoming[1]);
    e->mine_count += e->incoming_count;
    e->incoming_count = 0;
    pthread_mutex_unlock(&e->mtx);
}

/* What is on time goes first, and does not wait for many that are late. */
static void gather_new(struct exactly *e)
{
    size_t most = e->set.commit->transaction_jobs, late;

    fetch(e);
    e->mine_count -= gather_from(e, &e->mine[0], most);
    late = e->batch.count + OVERDUE_MOST;
    e->mine_count -= gather_from(e, &e->mine[1], late < most ? late : most);
}

static void gather(struct exactly *e)
{
    batch_begin(&e->batch);
    if (clock_mono_ns() >= e->slow_ns) {
        e->slow_ns = INT64_MAX;
        list_splice(&e->again, &e->slow);
    }
    if (e->alone > 0) { /* looking for what makes transactions fail */
        (void)gather_from(e, &e->again, e->alone);
        if (e->batch.count > 0)
            return;
        e->alone = 0;
    }
    (void)gather_from(e, &e->again, e->set.commit->transaction_jobs);
    gather_new(e);
}

/* Somebody else has the slot: no further try, or we would fence them. */
void lane_fenced(struct exactly *e, const char *why)
{
    lane_leave(e);
    metric_add(metric_series("ontime_transactions_total", "fenced"), 1);
    log_error("commit", LOG_EVENT("fenced"), LOG_STR("error", why));
    pthread_mutex_lock(&e->mtx);
    e->turn += e->want != LANE_NO_SLOT;
    e->want = LANE_NO_SLOT;
    pthread_mutex_unlock(&e->mtx);
    e->fenced = true;
    lane_set_state(e, EXACTLY_FENCED, why);
}

/* ---- the thread -------------------------------------------------------------------- */

/* Nobody to work for: what belonged to the slot before is not kept. */
static void drop_past(struct exactly *e)
{
    struct list *const all[] = {&e->mine[0], &e->mine[1], &e->again, &e->slow};
    struct list keep;

    fetch(e);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        list_init(&keep);
        for (struct list *x; (x = list_pop(all[i])) != NULL;) {
            struct work *w = list_of(x, struct work, link);

            if (!is_past(e, w)) {
                list_push(&keep, &w->link);
                continue;
            }
            e->mine_count -= i < 2;
            drop(e, w);
        }
        list_splice(all[i], &keep);
    }
}

/* Whether it works for the slot that it is to work for. */
static bool look_at_seat(struct exactly *e)
{
    int32_t want;
    bool changed;

    pthread_mutex_lock(&e->mtx);
    want = e->want;
    changed = e->turn != e->seen;
    e->seen = e->turn;
    pthread_mutex_unlock(&e->mtx);
    if (changed) {
        lane_leave(e);
        e->slot = want;
        drop_past(e);
        if (want == LANE_NO_SLOT && !e->fenced)
            lane_set_state(e, EXACTLY_OFF, "");
    }
    if (want == LANE_NO_SLOT || e->seated)
        return e->seated;
    return lane_sit(e) == 0;
}

static void *run(void *arg)
{
    struct exactly *e = arg;
    bool begin;

    while (wait_for_work(e, &begin)) {
        if (!look_at_seat(e))
            continue;
        lane_trim(e);
        if (!begin)
            continue;
        gather(e);
        if (e->batch.count > 0)
            lane_carry(e);
        else
            batch_cancel(&e->batch);
    }
    return NULL;
}

/* ---- what others call ----------------------------------------------------------------- */

static void free_works(struct list *works)
{
    for (struct list *x; (x = list_pop(works)) != NULL;) {
        struct work *w = list_of(x, struct work, link);

        work_free(&w);
    }
}

static void exactly_free(struct exactly **pe)
{
    struct exactly *e = *pe;

    *pe = NULL;
    lane_leave(e); /* first: it reads the records */
    batch_done(&e->batch);
    for (int i = 0; i < 2; i++) {
        free_works(&e->incoming[i]);
        free_works(&e->mine[i]);
    }
    free_works(&e->again);
    free_works(&e->slow);
    pthread_cond_destroy(&e->wake);
    pthread_cond_destroy(&e->changed);
    pthread_mutex_destroy(&e->mtx);
    free(e);
}

static void init_shared(struct exactly *e)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&e->mtx, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&e->wake, &attr);
    pthread_cond_init(&e->changed, &attr);
    pthread_condattr_destroy(&attr);
    for (int i = 0; i < 2; i++) {
        list_init(&e->incoming[i]);
        list_init(&e->mine[i]);
    }
    list_init(&e->again);
    list_init(&e->slow);
}

int exactly_start(const struct exactly_settings *set, struct exactly **ret,
                  struct err *err)
{
    struct exactly *e = calloc(1, sizeof(*e));
    int r = 0;

    if (e == NULL)
        return err_set(err, -ENOMEM, "start the exactly_once lane: no memory");
    init_shared(e);
    e->set = *set;
    e->want = e->slot = LANE_NO_SLOT;
    e->slow_ns = INT64_MAX;
    e->gap_ns = GAP_LEAST_NS;
    batch_init(&e->batch, set->commit->ledger_topic);
    if (getrandom(&e->writer, sizeof(e->writer), 0) != sizeof(e->writer))
        r = err_sys(err, errno, "getrandom");
    if (r == 0)
        r = thread_start(&e->thread, "commit-tx", run, e, err);
    if (r < 0)
        exactly_free(&e);
    else
        *ret = e;
    return r;
}

void exactly_stop(struct exactly **pe)
{
    struct exactly *e = *pe;

    if (e == NULL)
        return;
    atomic_store(&e->stopping, true);
    pthread_mutex_lock(&e->mtx);
    pthread_cond_broadcast(&e->wake);
    pthread_mutex_unlock(&e->mtx);
    pthread_join(e->thread, NULL);
    exactly_free(pe);
}

int exactly_seat(struct exactly *e, int32_t slot, int timeout_ms,
                 struct err *err)
{
    int64_t until = clock_mono_ns() + timeout_ms * 1000000ll;
    int r = 0;

    pthread_mutex_lock(&e->mtx);
    if (e->want != slot) {
        e->turn++;
        e->state = EXACTLY_WAITING;
        (void)snprintf(e->why, sizeof(e->why), "no Kafka broker has answered");
    }
    e->want = slot;
    e->fenced = false;
    pthread_cond_signal(&e->wake);
    while (e->state == EXACTLY_WAITING && clock_mono_ns() < until)
        timed_wait(e, &e->changed, until);
    if (e->state == EXACTLY_WAITING)
        r = err_again(err, -ETIMEDOUT, "transactions: %s", e->why);
    else if (e->state != EXACTLY_READY)
        r = err_set(err, -EUCLEAN, "transactions: %s", e->why);
    pthread_mutex_unlock(&e->mtx);
    return r;
}

void exactly_unseat(struct exactly *e)
{
    pthread_mutex_lock(&e->mtx);
    e->turn += e->want != LANE_NO_SLOT;
    e->want = LANE_NO_SLOT;
    pthread_cond_signal(&e->wake);
    pthread_mutex_unlock(&e->mtx);
}

enum exactly_state exactly_look(struct exactly *e, char *why, size_t whylen)
{
    enum exactly_state state;

    pthread_mutex_lock(&e->mtx);
    state = e->state;
    (void)snprintf(why, whylen, "%s", e->why);
    pthread_mutex_unlock(&e->mtx);
    return state;
}
