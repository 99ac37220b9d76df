/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/commit.c - the commit stage's thread; see commit.h.
 *
 * An attempt goes: incoming -> sender or exactly_once lane (when it has
 * records) -> finisher -> the store's writer -> back here to be freed.
 */
#include "config.h"

#include "commit/commit.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "commit/exactly.h"
#include "commit/finisher.h"
#include "commit/sender.h"
#include "metrics/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define POLL_NS 500000      /* between looks at the producers' reports */
#define ON_TIME_LINGER_MS 1 /* one request for what is due in a millisecond */
#define OVERDUE_LINGER_MS 20
#define LATE_MS 50 /* so late, a larger request is worth more than haste */

enum { ON_TIME, OVERDUE, SENDERS };

struct app_metrics {            /* by app_name.index */
    struct metric *outcomes[4]; /* enum outcome_kind */
    struct metric *emitted, *refused, *dead, *retries;
};

struct commit {
    /* shared, under mtx */
    pthread_mutex_t mtx;
    pthread_cond_t wake; /* CLOCK_MONOTONIC */
    struct list incoming;
    struct list ended; /* struct work.link, from the exactly_once lane */
    size_t unsettled;
    bool woken, stopping;

    struct commit_settings set; /* frozen */
    pthread_t thread;

    /* the thread's own */
    struct sender *senders[SENDERS];
    struct exactly *exactly; /* NULL: none */
    struct finisher *finisher;
    struct app_metrics *apps;
    size_t app_count;
};

static void wake(void *arg)
{
    struct commit *c = arg;

    pthread_mutex_lock(&c->mtx);
    c->woken = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->mtx);
}

/* ---- counting ------------------------------------------------------------------------ */

static struct app_metrics *metrics_of(struct commit *c,
                                      const struct app_name *app)
{
    static const char *const names[] = {"done", "dead", "skipped", "retry"};

    if (app->index >= c->app_count) {
        size_t n = app->index + 16;
        struct app_metrics *m = realloc(c->apps, n * sizeof(*m));

        if (m == NULL)
            return NULL;
        for (size_t i = c->app_count; i < n; i++)
            m[i] = (struct app_metrics){.emitted = NULL};
        c->apps = m;
        c->app_count = n;
    }
    if (c->apps[app->index].emitted == NULL) {
        struct app_metrics *m = &c->apps[app->index];

        for (int i = 0; i < 4; i++)
            m->outcomes[i] =
                metric_series2("ontime_executions_total", app->text, names[i]);
        m->emitted = metric_series("ontime_emitted_total", app->text);
        m->refused = metric_series("ontime_records_failed_total", app->text);
        m->dead = metric_series("ontime_dead_letters_total", app->text);
        m->retries = metric_series("ontime_retries_total", app->text);
    }
    return &c->apps[app->index];
}

static void count(struct commit *c, const struct work *w)
{
    struct app_metrics *m = metrics_of(c, w->attempt->job->app);

    if (m == NULL)
        return;
    metric_add(m->outcomes[w->outcome.kind], 1);
    if (w->outcome.kind == OUTCOME_DONE && w->records > 0)
        metric_add(m->emitted, w->records);
    if (w->grief != NULL && work_fault(w)[0] != '\0')
        metric_add(m->refused, 1);
    if (w->outcome.kind == OUTCOME_DEAD)
        metric_add(m->dead, 1);
    if (w->outcome.kind == OUTCOME_RETRY)
        metric_add(m->retries, 1);
}

/* ---- the thread ------------------------------------------------------------------------ */

static void sent(void *arg, struct work *w)
{
    struct commit *c = arg;

    count(c, w);
    finisher_take(c->finisher, w);
}

static void settled_some(struct commit *c, size_t n)
{
    pthread_mutex_lock(&c->mtx);
    c->unsettled -= n;
    pthread_mutex_unlock(&c->mtx);
}

/* No memory for it: the store still has the job, it fires after a restart. */
static void give_up(struct commit *c, struct attempt *a)
{
    log_error("commit", LOG_EVENT("no_memory"), LOG_INT("job", a->job->id));
    attempt_free(&a);
    settled_some(c, 1);
}

static struct sender *sender_for(struct commit *c, const struct job *j,
                                 int64_t now_ms)
{
    return c->senders[j->overdue || now_ms - j->due_ms > LATE_MS ? OVERDUE
                                                                 : ON_TIME];
}

static enum commit_lane lane_of(const struct commit *c, const struct work *w)
{
    if (w->records == 0)
        return COMMIT_STORE_ONLY;
    return w->attempt->decision.exactly_once && c->exactly != NULL
               ? COMMIT_EXACTLY_ONCE
               : COMMIT_AT_LEAST_ONCE;
}

static void begin(struct commit *c, struct attempt *a, int64_t now_ms)
{
    struct work *w = work_new(a);

    if (w == NULL) {
        give_up(c, a);
        return;
    }
    switch (lane_of(c, w)) {
    case COMMIT_EXACTLY_ONCE:
        exactly_take(c->exactly, w);
        return;
    case COMMIT_AT_LEAST_ONCE:
        sender_take(sender_for(c, a->job, now_ms), w);
        return;
    default:
        sent(c, w);
    }
}

/* The exactly_once lane's thread. */
static void on_exactly_ended(void *arg, struct list *works, size_t n)
{
    struct commit *c = arg;

    (void)n;
    pthread_mutex_lock(&c->mtx);
    list_splice(&c->ended, works);
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->mtx);
}

/* Waits for something to do; false when it is time to end. */
static bool take(struct commit *c, struct list *in, struct list *ended,
                 int64_t until_ns)
{
    struct timespec t = {.tv_sec = (time_t)(until_ns / 1000000000),
                         .tv_nsec = (long)(until_ns % 1000000000)};
    bool go_on;
    int r = 0;

    pthread_mutex_lock(&c->mtx);
    while (list_empty(&c->incoming) && list_empty(&c->ended) && !c->woken &&
           !c->stopping && r == 0) {
        if (until_ns == INT64_MAX)
            r = pthread_cond_wait(&c->wake, &c->mtx);
        else
            r = pthread_cond_timedwait(&c->wake, &c->mtx, &t);
    }
    c->woken = false;
    list_splice(in, &c->incoming);
    list_splice(ended, &c->ended);
    go_on = !c->stopping;
    pthread_mutex_unlock(&c->mtx);
    return go_on;
}

static void free_done(struct commit *c)
{
    size_t exact, n = finisher_free_done(c->finisher, &exact);

    if (exact > 0)
        exactly_stored(c->exactly, exact);
    if (n > 0)
        settled_some(c, n);
}

static int64_t next_look(struct commit *c)
{
    int64_t at = finisher_next_ns(c->finisher), poll_at = INT64_MAX;

    if (sender_busy(c->senders[ON_TIME]) || sender_busy(c->senders[OVERDUE]))
        poll_at = clock_mono_ns() + POLL_NS;
    return at < poll_at ? at : poll_at;
}

static void free_attempts(struct list *attempts)
{
    for (struct list *e; (e = list_pop(attempts)) != NULL;) {
        struct attempt *a = list_of(e, struct attempt, link);

        attempt_free(&a);
    }
}

static void free_works(struct list *works)
{
    for (struct list *e; (e = list_pop(works)) != NULL;) {
        struct work *w = list_of(e, struct work, link);

        work_free(&w);
    }
}

/* What the exactly_once lane is done with. */
static void take_ended(struct commit *c, struct list *ended)
{
    for (struct list *e; (e = list_pop(ended)) != NULL;) {
        struct work *w = list_of(e, struct work, link);

        if (w->dropped) {
            work_free(&w);
            settled_some(c, 1);
        } else {
            sent(c, w);
        }
    }
}

static void *run(void *arg)
{
    struct commit *c = arg;
    int64_t until = INT64_MAX;
    struct list in, ended;

    list_init(&in);
    list_init(&ended);
    while (take(c, &in, &ended, until)) {
        int64_t now_ms = clock_wall_ms();
        bool some;

        free_done(c);
        for (struct list *e; (e = list_pop(&in)) != NULL;)
            begin(c, list_of(e, struct attempt, link), now_ms);
        take_ended(c, &ended);
        some = sender_turn(c->senders[ON_TIME]);
        some |= sender_turn(c->senders[OVERDUE]);
        some |= finisher_turn(c->finisher, clock_mono_ns());
        until = some ? 0 : next_look(c);
    }
    free_attempts(&in);
    free_works(&ended);
    return NULL;
}

/* ---- what others call --------------------------------------------------------------------- */

static void commit_free(struct commit **pc)
{
    struct commit *c = *pc;

    *pc = NULL;
    exactly_stop(&c->exactly);
    free_works(&c->ended);
    free_attempts(&c->incoming);
    for (int i = 0; i < SENDERS; i++)
        sender_close(&c->senders[i]);
    finisher_free(&c->finisher);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->mtx);
    free(c->apps);
    free(c);
}

static void init_locks(struct commit *c)
{
    pthread_condattr_t attr;

    pthread_mutex_init(&c->mtx, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&c->wake, &attr);
    pthread_condattr_destroy(&attr);
}

static int open_senders(struct commit *c, struct err *err)
{
    struct sender_settings s = {.kafka = c->set.kafka,
                                .name = "commit",
                                .linger_ms = ON_TIME_LINGER_MS,
                                .inflight_records = c->set.inflight_records,
                                .sent = sent,
                                .arg = c};
    int r = sender_open(&s, &c->senders[ON_TIME], err);

    if (r < 0)
        return r;
    s.name = "overdue";
    s.linger_ms = OVERDUE_LINGER_MS;
    return sender_open(&s, &c->senders[OVERDUE], err);
}

static int open_exactly(struct commit *c, struct err *err)
{
    const struct exactly_settings x = {
        .commit = &c->set, .ended = on_exactly_ended, .arg = c};

    if (c->set.transactional_prefix == NULL)
        return 0;
    return exactly_start(&x, &c->exactly, err);
}

int commit_start(const struct commit_settings *set, struct commit **ret,
                 struct err *err)
{
    struct commit *c = calloc(1, sizeof(*c));
    struct finisher_settings f = {.commit = *set, .wake = wake};
    int r;

    if (c == NULL)
        return err_set(err, -ENOMEM, "start the commit stage: no memory");
    c->set = *set;
    list_init(&c->incoming);
    list_init(&c->ended);
    init_locks(c);
    f.arg = c;
    r = open_senders(c, err);
    if (r == 0 && finisher_new(&f, &c->finisher) < 0)
        r = err_set(err, -ENOMEM, "start the commit stage: no memory");
    if (r == 0)
        r = open_exactly(c, err);
    if (r == 0)
        r = thread_start(&c->thread, "commit", run, c, err);
    if (r < 0) {
        commit_free(&c);
        return r;
    }
    *ret = c;
    return 0;
}

void commit_submit(struct commit *c, struct list *attempts, size_t n)
{
    pthread_mutex_lock(&c->mtx);
    list_splice(&c->incoming, attempts);
    c->unsettled += n;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->mtx);
}

int commit_drain(struct commit *c, int64_t deadline_boot_ms)
{
    struct timespec nap = {.tv_nsec = 2000000};
    struct commit_view v;

    for (;;) {
        commit_look(c, &v);
        if (v.unsettled == 0)
            return 0;
        if (clock_boot_ms() >= deadline_boot_ms)
            return -ETIMEDOUT;
        (void)nanosleep(&nap, NULL);
    }
}

void commit_stop(struct commit **pc)
{
    struct commit *c = *pc;

    if (c == NULL)
        return;
    pthread_mutex_lock(&c->mtx);
    c->stopping = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->mtx);
    pthread_join(c->thread, NULL);
    commit_free(pc);
}

void commit_look(struct commit *c, struct commit_view *ret)
{
    pthread_mutex_lock(&c->mtx);
    ret->unsettled = c->unsettled;
    pthread_mutex_unlock(&c->mtx);
    ret->outstanding = sender_outstanding(c->senders[ON_TIME]) +
                       sender_outstanding(c->senders[OVERDUE]);
    ret->connected = sender_connected(c->senders[ON_TIME]);
    ret->exactly = EXACTLY_OFF;
    ret->why[0] = '\0';
    if (c->exactly != NULL)
        ret->exactly = exactly_look(c->exactly, ret->why, sizeof(ret->why));
}

int commit_seat(struct commit *c, int32_t slot, int timeout_ms, struct err *err)
{
    if (c->exactly == NULL)
        return err_set(err, -ENOTSUP, "no transactions in this house");
    return exactly_seat(c->exactly, slot, timeout_ms, err);
}

void commit_unseat(struct commit *c)
{
    if (c->exactly != NULL)
        exactly_unseat(c->exactly);
}

const char *exactly_state_name(enum exactly_state s)
{
    static const char *const names[] = {"off", "waiting", "ready", "held",
                                        "fenced"};

    return names[s];
}
