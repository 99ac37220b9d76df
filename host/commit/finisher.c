/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/finisher.c - outcomes to the store in batches; see finisher.h.
 */
#include "config.h"

#include "commit/finisher.h"

#include "base/clock.h"
#include "base/log.h"
#include "metrics/metrics.h"

#include <errno.h>
#include <stdlib.h>

#define BATCHES_MOST 3 /* at the writer at once */

struct finish { /* one batch on its way */
    struct list link;
    struct list flight; /* finisher.flying, under mtx */
    struct writer_request request;
    struct finisher *f;
    struct settled_batch *told;
    size_t count;
    struct work **works;
    struct outcome *outcomes[];
};

struct finisher {
    struct finisher_settings set;
    struct list waiting; /* struct work.link */
    size_t waiting_count;
    int64_t oldest_ns; /* when the first of them came */
    unsigned under_way;
    pthread_mutex_t mtx;
    struct list done;   /* struct finish.link, under mtx */
    struct list flying; /* struct finish.flight, under mtx: at the writer */
    bool gap;           /* under mtx: a batch was not stored */
};

int finisher_new(const struct finisher_settings *set, struct finisher **ret)
{
    struct finisher *f = calloc(1, sizeof(*f));

    if (f == NULL)
        return -ENOMEM;
    f->set = *set;
    list_init(&f->waiting);
    list_init(&f->done);
    list_init(&f->flying);
    pthread_mutex_init(&f->mtx, NULL);
    *ret = f;
    return 0;
}

static void finish_free(struct finish *x)
{
    for (size_t i = 0; i < x->count; i++)
        work_free(&x->works[i]);
    free(x->works);
    free(x->told);
    free(x);
}

void finisher_free(struct finisher **pf)
{
    struct finisher *f = *pf;

    *pf = NULL;
    if (f == NULL)
        return;
    (void)finisher_free_done(f, NULL);
    for (struct list *e; (e = list_pop(&f->waiting)) != NULL;) {
        struct work *w = list_of(e, struct work, link);

        work_free(&w);
    }
    pthread_mutex_destroy(&f->mtx);
    free(f);
}

void finisher_take(struct finisher *f, struct work *w)
{
    if (f->waiting_count++ == 0)
        f->oldest_ns = clock_mono_ns();
    list_push(&f->waiting, &w->link);
}

int64_t finisher_next_ns(const struct finisher *f)
{
    if (f->waiting_count == 0 || f->under_way >= BATCHES_MOST)
        return INT64_MAX;
    return f->oldest_ns + f->set.commit.linger_ms * 1000000;
}

/* ---- the writer's thread ---------------------------------------------------------- */

/* Follow-ups that were stored go to the scheduler. */
static void offer_follow_ups(struct finish *x)
{
    const struct commit_settings *set = &x->f->set.commit;
    bool wished = false;
    struct list jobs;
    size_t n = 0;

    list_init(&jobs);
    for (size_t i = 0; i < x->count; i++) {
        struct outcome *o = x->outcomes[i];

        for (size_t k = 0; k < o->follow_up_count && !o->stale; k++) {
            struct put_item *item = &o->follow_ups[k];

            wished |= item->result == PUT_WISHED;
            if (item->job == NULL ||
                (item->result != PUT_STORED && item->result != PUT_REPLACED))
                continue;
            list_push(&jobs, &item->job->link);
            item->job = NULL;
            n++;
        }
    }
    if (n > 0)
        set->stored(set->arg, &jobs, n);
    if (wished && set->wished != NULL)
        set->wished(set->arg);
}

static void tell(struct finish *x)
{
    for (size_t i = 0; i < x->count; i++) {
        struct outcome *o = x->outcomes[i];
        struct settled *s = &x->told->items[i];

        s->id = o->job->id;
        s->tenure = o->job->tenure;
        s->again = NULL;
        s->look = false;
        if (o->stale) {
            log_warn("commit", LOG_EVENT("outcome_stale"),
                     LOG_INT("job", o->job->id));
            s->look = !o->refused; /* or it would be run again and again */
        } else if (o->kind == OUTCOME_RETRY) {
            s->again = attempt_take_job(x->works[i]->attempt);
            s->look = s->again == NULL; /* no memory for it */
        }
    }
    x->told->count = x->count;
    offer_follow_ups(x);
    x->f->set.commit.settled(x->f->set.commit.arg, x->told);
    x->told = NULL;
}

/*
 * A batch is missing in the store: its jobs must be found by a replay, so the
 * ledger's position stays before them, also for the batches that are under way
 * (only the writer's thread, this one, reads them).  Under mtx.
 */
static void hold_ledger(struct finisher *f)
{
    f->gap = true;
    for (struct list *e = f->flying.next; e != &f->flying; e = e->next) {
        struct finish *x = list_of(e, struct finish, flight);

        x->request.finish.ledger_pos = x->request.finish.ledger_seq = -1;
    }
}

static void finished(struct writer_request *r, int result,
                     const struct err *err)
{
    struct finish *x = list_of(r, struct finish, request);
    struct finisher *f = x->f;

    if (result == 0)
        tell(x);
    else if (result != -ECANCELED && result != -ESTALE)
        log_error("commit", LOG_EVENT("outcomes_not_stored"),
                  LOG_INT("jobs", x->count),
                  LOG_ERR(err)); /* the ids stay held: nothing fires twice */
    pthread_mutex_lock(&f->mtx);
    list_remove(&x->flight);
    if (result != 0)
        hold_ledger(f);
    list_push(&f->done, &x->link);
    pthread_mutex_unlock(&f->mtx);
    f->set.wake(f->set.arg);
}

/* ---- commit's thread ------------------------------------------------------------------ */

static struct finish *finish_new(struct finisher *f, size_t n)
{
    struct finish *x = calloc(1, sizeof(*x) + n * sizeof(x->outcomes[0]));

    if (x == NULL)
        return NULL;
    list_init(&x->link);
    list_init(&x->flight);
    x->f = f;
    x->works = calloc(n, sizeof(struct work *));
    x->told = malloc(sizeof(*x->told) + n * sizeof(x->told->items[0]));
    if (x->works == NULL || x->told == NULL) {
        finish_free(x);
        return NULL;
    }
    return x;
}

/* Transactions come one behind the other, each as a whole: the position behind
 * the last one that ends in this batch holds for all before it. */
static void fill(struct finisher *f, struct finish *x, size_t n)
{
    int64_t pos = -1, seq = -1;
    uint32_t tenure = 0;
    struct list *e;

    while (x->count < n && (e = list_pop(&f->waiting)) != NULL) {
        struct work *w = list_of(e, struct work, link);

        x->works[x->count] = w;
        x->outcomes[x->count++] = &w->outcome;
        if (w->ledger_pos >= 0) {
            pos = w->ledger_pos;
            seq = w->ledger_seq;
            tenure = w->outcome.job->tenure;
        }
    }
    f->waiting_count -= x->count;
    x->request = (struct writer_request){
        .kind = WRITE_FINISH,
        .finish = {.outcomes = x->outcomes,
                   .count = x->count,
                   .now_ms = clock_wall_ms(),
                   .ledger_pos = pos,
                   .ledger_seq = seq,
                   .ledger_tenure = tenure},
        .done = finished,
    };
    pthread_mutex_lock(&f->mtx);
    list_push(&f->flying, &x->flight);
    if (f->gap)
        x->request.finish.ledger_pos = x->request.finish.ledger_seq = -1;
    pthread_mutex_unlock(&f->mtx);
}

/* The writer has stopped: nothing that is handed in later gets there.  What is
 * under way is before this one, and keeps its positions. */
static void not_submitted(struct finish *x)
{
    struct finisher *f = x->f;

    pthread_mutex_lock(&f->mtx);
    list_remove(&x->flight);
    f->gap = true;
    list_push(&f->done, &x->link);
    pthread_mutex_unlock(&f->mtx);
    f->set.wake(f->set.arg);
}

bool finisher_turn(struct finisher *f, int64_t now_ns)
{
    size_t most = f->set.commit.batch_jobs;
    size_t n = f->waiting_count < most ? f->waiting_count : most;
    struct finish *x;

    if (n == 0 || f->under_way >= BATCHES_MOST ||
        (n < most && now_ns < finisher_next_ns(f)))
        return false;
    x = finish_new(f, n);
    if (x == NULL)
        return false; /* tried again at the next turn */
    fill(f, x, n);
    f->oldest_ns = now_ns;
    f->under_way++;
    if (writer_submit(f->set.commit.writer, &x->request) < 0)
        not_submitted(x);
    return true;
}

size_t finisher_free_done(struct finisher *f, size_t *ret_exact)
{
    struct list done;
    size_t n = 0, exact = 0;

    list_init(&done);
    pthread_mutex_lock(&f->mtx);
    list_splice(&done, &f->done);
    pthread_mutex_unlock(&f->mtx);
    for (struct list *e; (e = list_pop(&done)) != NULL;) {
        struct finish *x = list_of(e, struct finish, link);

        n += x->count;
        for (size_t i = 0; i < x->count; i++)
            exact += x->works[i]->exact;
        f->under_way--;
        finish_free(x);
    }
    if (ret_exact != NULL)
        *ret_exact = exact;
    return n;
}
