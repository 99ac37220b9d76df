/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/lane_seat.c - the exactly_once lane's producer and its right to use
 * it; see lane.h.  The lane's thread.
 *
 * Order: the slot was claimed and recovered by others; then a producer is made
 * and inited, and only then an owner's write says that the slot is still ours.
 * Whoever claims it later inits after the claim, which fences us.
 */
#include "config.h"

#include "commit/lane.h"

#include "base/clock.h"
#include "kafka/logreader.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define QUEUE_KB (64 << 10)
#define INIT_MS 5000
#define AGAIN_MS 500 /* after what may be mended by itself */
#define HELD_MS 5000 /* after what needs a person */
#define TRIM_EVERY_MS 3600000
#define TRIM_KEEP_MS (24 * 3600000ll)
#define TRIM_WAIT_MS 1000

/* ---- the store, on its writer's thread -------------------------------------------- */

struct store_call {
    struct writer_request request;
    struct store_slot slot; /* as it is; out */
    int64_t pos;
};

static int call_verify(struct writer_request *r, struct store_session *x,
                       struct err *err)
{
    struct store_call *c = list_of(r, struct store_call, request);

    return store_verify(x, &c->slot, err);
}

static int call_ledger_begin(struct writer_request *r, struct store_session *x,
                             struct err *err)
{
    struct store_call *c = list_of(r, struct store_call, request);

    return store_ledger_begin(x, c->pos, 0, err);
}

/* The position as it is, on the disk for certain. */
static int call_sync(struct writer_request *r, struct store_session *x,
                     struct err *err)
{
    struct store_call *c = list_of(r, struct store_call, request);
    int result = store_verify(x, &c->slot, err);

    return result < 0 ? result
                      : store_ledger_begin(x, c->slot.ledger_pos,
                                           c->slot.ledger_seq, err);
}

static int run_call(struct exactly *e, struct store_call *c,
                    int (*call)(struct writer_request *, struct store_session *,
                                struct err *),
                    struct err *err)
{
    c->request = (struct writer_request){.kind = WRITE_CALL, .call = call};
    return writer_run(e->set.commit->writer, &c->request, err);
}

int lane_verify(struct exactly *e, struct store_slot *ret, struct err *err)
{
    struct store_call c = {.pos = -1};
    int r = run_call(e, &c, call_verify, err);

    if (r == -EPIPE)
        return -ECANCELED;
    *ret = c.slot;
    return r;
}

/* ---- sitting down ------------------------------------------------------------------ */

void lane_leave(struct exactly *e)
{
    e->seated = false;
    txproducer_close(&e->producer);
    batch_use(&e->batch, NULL);
}

static int open_producer(struct exactly *e, struct err *err)
{
    const struct commit_settings *set = e->set.commit;
    const struct txproducer_settings p = {
        .kafka = set->kafka,
        .name = "transactions",
        .transactional_id = e->transactional_id,
        .queue_records = (int64_t)set->transaction_jobs * 8 + 100000,
        .queue_kb = QUEUE_KB,
        .report = batch_report,
        .arg = &e->batch,
    };
    int r;

    (void)snprintf(e->transactional_id, sizeof(e->transactional_id), "%s-%d",
                   set->transactional_prefix, (int)e->slot);
    r = txproducer_open(&p, &e->producer, err);
    if (r == 0)
        r = txproducer_init(e->producer, INIT_MS, err);
    return r;
}

/* Nothing has been in this ledger on our account: it begins at its end. */
static int begin_ledger(struct exactly *e, struct store_slot *slot,
                        struct err *err)
{
    struct store_call c = {.pos = -1};
    int r = logreader_end(e->set.commit->kafka, e->set.commit->ledger_topic,
                          e->slot, INIT_MS, &c.pos, err);

    if (r < 0)
        return r;
    slot->ledger_pos = c.pos;
    return run_call(e, &c, call_ledger_begin, err);
}

static int sit(struct exactly *e, struct err *err)
{
    struct store_slot slot = {0};
    int r = open_producer(e, err);

    if (r == 0)
        r = lane_verify(e, &slot, err);
    if (r == 0 && slot.slot != e->slot)
        r = err_set(err, -ESTALE, "the store's session works for slot %d",
                    (int)slot.slot);
    if (r == 0 && !slot.ledger_used)
        r = begin_ledger(e, &slot, err);
    if (r < 0)
        return r;
    /* After a failure of our producer the positions in memory are further. */
    if (e->batch.head.slot != e->slot || e->batch.head.epoch != slot.epoch) {
        e->next_pos = slot.ledger_pos;
        e->batch.head = (struct ledger_head){.slot = slot.slot,
                                             .epoch = slot.epoch,
                                             .seq = slot.ledger_seq + 1,
                                             .writer = e->writer};
        (void)snprintf(e->batch.head.store_id, sizeof(e->batch.head.store_id),
                       "%s", e->set.commit->store_id);
    }
    return 0;
}

static void failed(struct exactly *e, int r, const struct err *err)
{
    if (r == -ECANCELED || r == -EPIPE)
        return;
    if (r == -ESTALE) {
        lane_fenced(e, err->text);
        return;
    }
    lane_complain(e, "transactions_wait", err);
    lane_set_state(e, err->retry ? EXACTLY_WAITING : EXACTLY_HELD, err->text);
}

int lane_sit(struct exactly *e)
{
    struct err err = {0};
    int r = sit(e, &err);

    if (r == 0) {
        batch_use(&e->batch, e->producer);
        e->seated = true;
        if (log_calm(&e->trouble))
            log_info("commit", LOG_EVENT("transactions_go_on"));
        lane_set_state(e, EXACTLY_READY, "");
        return 0;
    }
    lane_leave(e);
    failed(e, r, &err);
    if (r != -ESTALE)
        (void)lane_nap(e, err.retry ? AGAIN_MS : HELD_MS);
    return r;
}

/* ---- trimming ------------------------------------------------------------------------ */

static int trim(struct exactly *e, int64_t *ret_before, struct err *err)
{
    const char *topic = e->set.commit->ledger_topic;
    struct store_call c = {.pos = -1};
    int64_t old;
    int r = txproducer_offset_at(e->producer, topic, e->slot,
                                 clock_wall_ms() - TRIM_KEEP_MS, &old, err);

    if (r == 0)
        r = run_call(e, &c, call_sync, err);
    if (r < 0)
        return r;
    if (old < 0 || old > c.slot.ledger_pos)
        old = c.slot.ledger_pos;
    *ret_before = old;
    return old == 0 ? 0
                    : txproducer_trim(e->producer, topic, e->slot, old,
                                      TRIM_WAIT_MS, err);
}

void lane_trim(struct exactly *e)
{
    int64_t now = clock_boot_ms(), before = 0;
    struct err err = {0};

    if (e->trim_ms == 0)
        e->trim_ms = now + 60000; /* not while everything starts */
    if (now < e->trim_ms)
        return;
    e->trim_ms = now + TRIM_EVERY_MS;
    if (trim(e, &before, &err) < 0)
        log_warn("commit", LOG_EVENT("ledger_not_trimmed"), LOG_ERR(&err));
    else
        log_debug("commit", LOG_EVENT("ledger_trimmed"),
                  LOG_INT("before", before));
}
