/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/lane_carry.c - one gathered transaction to its end, whatever Kafka
 * says; see lane.h.  The lane's thread.
 *
 *   OK        its works are ended; the ledger goes on behind it
 *   abortable abort, verify; the culprits are condemned, the others come again
 *   fatal     another producer, init, verify; then the ledger says whether it
 *             was committed
 */
#include "config.h"

#include "commit/lane.h"

#include "base/clock.h"
#include "commit/doubt.h"
#include "metrics/metrics.h"

#include <errno.h>

#define READ_MS 5000 /* a look at the ledger */
#define PAUSE_MS 100 /* after an abort that named nobody */
#define SLOW_COMMIT_NS 18000000
#define SMALL_BATCH 500
#define TRIES_TOGETHER 2 /* aborts that name nobody before we look closer */

/* ---- the good end ------------------------------------------------------------------- */

/* Kafka still writes the last one's markers: librdkafka then waits 20 ms.  A
 * wider gap costs less.  But a commit may be slow for other reasons (a broker
 * that has just started): so it narrows again within some seconds. */
static void adapt_gap(struct exactly *e, int64_t took_ns)
{
    if (took_ns > SLOW_COMMIT_NS && e->batch.count < SMALL_BATCH)
        e->gap_ns = e->gap_ns * 5 / 4;
    else
        e->gap_ns -= e->gap_ns / 32;
    if (e->gap_ns > GAP_MOST_NS)
        e->gap_ns = GAP_MOST_NS;
    if (e->gap_ns < GAP_LEAST_NS)
        e->gap_ns = GAP_LEAST_NS;
}

static void deliver(struct exactly *e, int64_t next_pos)
{
    struct list works;
    size_t n = e->batch.count;
    struct work *last = list_of(e->batch.works.prev, struct work, link);

    last->ledger_pos = next_pos;
    last->ledger_seq = e->batch.head.seq - 1;
    e->next_pos = next_pos;
    for (struct list *x = e->batch.works.next; x != &e->batch.works;
         x = x->next)
        list_of(x, struct work, link)->exact = true;
    list_init(&works);
    list_splice(&works, &e->batch.works);
    e->batch.count = 0;
    e->alone = 0;
    e->unnamed = 0;
    pthread_mutex_lock(&e->mtx);
    e->unstored += n;
    pthread_mutex_unlock(&e->mtx);
    if (log_calm(&e->trouble))
        log_info("commit", LOG_EVENT("transactions_go_on"));
    metric_add(metric_series("ontime_transactions_total", "committed"), 1);
    lane_end_works(e, &works, n);
}

/* ---- the ledger decides ---------------------------------------------------------------- */

/* 1: committed, *ret_next behind it; 0: it was not; negative: the end.  With
 * must it is known to be there, and only its place is asked for. */
static int ask_ledger(struct exactly *e, bool must, int64_t *ret_next)
{
    struct doubt d = {.kafka = e->set.commit->kafka,
                      .topic = e->set.commit->ledger_topic,
                      .expect = e->batch.head,
                      .records = e->batch.ledger_count,
                      .from = e->next_pos};
    int r;

    d.expect.seq -= (int64_t)d.records;
    for (;;) {
        struct err err = {0};

        r = doubt_resolve(&d, READ_MS, ret_next, &err);
        if (r == 0 && must)
            (void)err_again(&err, -EUCLEAN,
                            "the ledger lacks a committed transaction");
        else if (r >= 0)
            break;
        if (err.retry)
            lane_complain(e, "ledger_not_read", &err);
        else
            log_error("commit", LOG_EVENT("ledger_broken"), LOG_ERR(&err));
        lane_set_state(e, err.retry ? EXACTLY_WAITING : EXACTLY_HELD, err.text);
        if (!lane_nap(e, err.retry ? 200 : 5000))
            return -ECANCELED;
    }
    lane_set_state(e, EXACTLY_READY, "");
    log_info("commit", LOG_EVENT("doubt_resolved"),
             LOG_STR("committed", r == 1 ? "yes" : "no"),
             LOG_INT("jobs", e->batch.count));
    return r;
}

/* ---- the other ends ------------------------------------------------------------------- */

/* All of the batch come again, in their order, before what waits. */
static void again(struct exactly *e)
{
    struct list rest;

    list_init(&rest);
    list_splice(&rest, &e->again);
    for (struct list *x; (x = list_pop(&e->batch.works)) != NULL;) {
        struct work *w = list_of(x, struct work, link);

        work_restart(w);
        list_push(&e->again, &w->link);
    }
    list_splice(&e->again, &rest);
    e->batch.head.seq -= (int64_t)e->batch.ledger_count;
    e->batch.count = 0;
}

/* Whether anything of w was taken by a broker, though it was aborted then. */
static bool any_sent(const struct batch *b)
{
    for (struct list *x = b->works.next; x != &b->works; x = x->next) {
        const struct work *w = list_of(x, struct work, link);

        for (uint32_t i = 0; i < w->records; i++)
            if (w->sent[i].state == SENT_OK)
                return true;
    }
    return false;
}

/* Those that made the transaction fail leave it; true when there were any.
 * When nothing at all was taken in time the broker is away and nobody is to
 * blame. */
static bool sort_out(struct exactly *e)
{
    bool broker_took_some = any_sent(&e->batch), some = false;
    struct list keep;

    list_init(&keep);
    for (struct list *x; (x = list_pop(&e->batch.works)) != NULL;) {
        struct work *w = list_of(x, struct work, link);

        if (w->refused || w->refused_for_now) {
            lane_condemn(e, w);
        } else if (w->timed_out && broker_took_some) {
            work_restart(w);
            lane_slow(e, w);
        } else {
            list_push(&keep, &w->link);
            continue;
        }
        some = true;
    }
    list_splice(&e->batch.works, &keep);
    return some;
}

/* Nobody was named: half of them, and half of these, until it is one. */
static void look_closer(struct exactly *e)
{
    if (++e->unnamed <= TRIES_TOGETHER)
        return;
    e->unnamed = 0;
    if (e->batch.count > 1) {
        e->alone = e->batch.count / 2;
        return;
    }
    /* This one fails by itself, for reasons that Kafka keeps: others first. */
    for (struct list *x; (x = list_pop(&e->batch.works)) != NULL;) {
        struct work *w = list_of(x, struct work, link);

        work_restart(w);
        lane_slow(e, w);
    }
    e->alone = 0;
}

static void after_abort(struct exactly *e)
{
    bool named;

    metric_add(metric_series("ontime_transactions_total", "aborted"), 1);
    named = sort_out(e);
    if (named)
        e->unnamed = 0;
    else
        look_closer(e);
    again(e);
    if (!named)
        (void)lane_nap(e, PAUSE_MS);
}

/* A right to go on, with this producer or another. False: the end. */
static bool stand_up(struct exactly *e, bool fatal)
{
    struct store_slot slot;
    struct err err = {0};
    int r = -1;

    if (fatal) {
        lane_leave(e);
        while (!atomic_load(&e->stopping) && (r = lane_sit(e)) < 0)
            if (r == -ESTALE || r == -ECANCELED)
                return false;
        return r == 0;
    }
    r = lane_verify(e, &slot, &err);
    if (r < 0 && r != -ECANCELED)
        lane_fenced(e, err.text);
    return r == 0;
}

/* Abort, or another producer: who may write is clear again.  False: the end. */
static bool recover(struct exactly *e, enum tx_result r, bool *doubt)
{
    struct err err = {0};

    if (r == TX_ABORT)
        r = batch_abort(&e->batch, &e->stopping, &err);
    if (r == TX_UNKNOWN)
        return false;
    if (r == TX_FATAL) {
        metric_add(metric_series("ontime_transactions_total", "failed"), 1);
        *doubt = true;
    }
    return stand_up(e, r == TX_FATAL);
}

static void timed_commit(struct exactly *e, enum tx_result *ret, bool *doubt,
                         struct err *err)
{
    int64_t began = clock_mono_ns(), took;

    *ret = batch_commit(&e->batch, &e->stopping, doubt, err);
    e->last_commit_ns = clock_mono_ns();
    took = e->last_commit_ns - began;
    if (*ret != TX_OK)
        return;
    adapt_gap(e, took);
    metric_observe_ms(metric_series("ontime_transaction_seconds", NULL),
                      took / 1000000);
}

void lane_carry(struct exactly *e)
{
    enum tx_result r;
    struct err err = {0};
    int64_t next;
    bool doubt;
    int there = 0;

    timed_commit(e, &r, &doubt, &err);
    if (r == TX_UNKNOWN)
        return; /* the end: the next start reads the ledger */
    next = r == TX_OK ? batch_next(&e->batch) : -1;
    if (r != TX_OK) {
        lane_complain(e, "transaction_failed", &err);
        if (!recover(e, r, &doubt)) {
            again(e);
            return;
        }
    }
    if (next < 0 && doubt)
        there = ask_ledger(e, r == TX_OK, &next);
    if (there < 0)
        return;
    if (next >= 0)
        deliver(e, next);
    else
        after_abort(e);
}
