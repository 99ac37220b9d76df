/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/flow.c - a source's batches on their way to the store, and the way
 * back when the store refuses one; see flow.h.
 *
 * The source's thread, except on_put(), which the writer calls.
 */
#include "config.h"

#include "ingest/flow.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "metrics/metrics.h"

#define BATCH_AGE_MS 50 /* a batch is handed in at this age at the latest */
#define GATHER_MS 25    /* so long it waits for company ... */
#define SOON_MS 500     /* ... unless something in it is due within this */
#define RESYNC_AGAIN_MS 200
#define AWAY_MS 1000
#define STALE_MS 100 /* after somebody else has moved a position */

/* ---- on the writer's thread -------------------------------------------------- */

static void hand_over(struct source *s, struct batch *b)
{
    struct batch_counts n;
    struct list jobs;

    list_init(&jobs);
    batch_settle(b, &jobs, &n);
    if (n.stored > 0)
        s->env.stored(s->env.arg, &jobs, n.stored);
    if (n.wished > 0 && s->env.wished != NULL)
        s->env.wished(s->env.arg);
    metric_add(s->meters.processed, (int64_t)(n.stored + n.wished + n.other));
    metric_add(s->meters.duplicate, (int64_t)n.duplicate);
}

static void on_put(struct writer_request *r, int result, const struct err *err)
{
    struct batch *b = r->arg;
    struct source *s = b->owner;

    b->result = result;
    if (result < 0)
        b->err = *err;
    else
        hand_over(s, b);
    if (inbox_post(&s->finished, &b->link, 1) < 0)
        batch_free(&b); /* the source has not waited for it */
    source_unref(s);
}

/* ---- batches ------------------------------------------------------------------- */

void flow_give_up(struct source *s, int64_t hold_ms)
{
    s->resync = true;
    s->hold_ms = clock_boot_ms() + hold_ms;
    if (s->batch == NULL)
        return;
    dead_forget(&s->dead, s->batch);
    for (size_t i = 0; i < s->batch->position_count; i++)
        places_find(&s->places, s->batch->positions[i].partition)->open--;
    batch_free(&s->batch);
    s->closed = s->flush = false;
}

static void submit(struct source *s)
{
    struct batch *b = s->batch;
    int r;

    for (size_t i = 0; i < b->position_count; i++)
        places_find(&s->places, b->positions[i].partition)->from =
            b->positions[i].next;
    b->owner = s;
    b->req = (struct writer_request){
        .kind = WRITE_PUT,
        .put = {.items = b->items,
                .count = b->count,
                .positions = b->positions,
                .position_count = b->position_count,
                .now_ms = clock_wall_ms(),
                .sync = s->env.durable != NULL && s->env.durable(s->env.arg)},
        .done = on_put,
        .arg = b,
    };
    atomic_fetch_add(&s->refs, 1);
    r = writer_submit(s->env.writer, &b->req);
    if (r < 0) { /* the writer has stopped before us */
        atomic_fetch_sub(&s->refs, 1);
        flow_give_up(s, AWAY_MS);
        return;
    }
    s->in_flight++;
    s->batch = NULL;
    s->closed = s->flush = false;
}

bool flow_gathers(const struct source *s)
{
    const struct batch *b = s->batch;

    return b != NULL && b->taken > 0 && !s->closed && s->drained &&
           clock_boot_ms() - b->born_ms < GATHER_MS &&
           b->soonest_ms > clock_wall_ms() + SOON_MS;
}

void flow_close_if_due(struct source *s, bool now)
{
    const struct batch *b = s->batch;

    if (b == NULL || s->closed || b->taken == 0)
        return;
    s->closed = now || s->flush || b->taken >= s->limit ||
                b->bytes >= BATCH_BYTES || b->bad_count >= BATCH_BAD ||
                (s->drained && s->in_flight == 0 && !flow_gathers(s)) ||
                (s->in_flight < IN_FLIGHT &&
                 clock_boot_ms() - b->born_ms >= BATCH_AGE_MS);
}

void flow_submit_if_ready(struct source *s)
{
    if (s->closed && s->batch->bad_open == 0 && s->in_flight < IN_FLIGHT &&
        !s->resync)
        submit(s);
}

/* ---- what the store says ------------------------------------------------------ */

/* The store cannot take one of these items: look for it with smaller batches;
 * alone, it is tried again a few times and then condemned. */
static void refused_item(struct source *s, const struct batch *b)
{
    int64_t offset = b->positions[0].next - 1;
    int32_t partition = b->positions[0].partition;

    if (b->taken > 1) {
        s->limit = s->limit < b->taken ? s->limit / 2 : b->taken / 2;
        s->limit = s->limit > 0 ? s->limit : 1;
        flow_give_up(s, 0);
        return;
    }
    if (s->suspect_offset != offset || s->suspect_partition != partition)
        s->suspect_tries = 0;
    s->suspect_partition = partition;
    s->suspect_offset = offset;
    s->suspect_err = b->err;
    s->condemned = s->suspect_tries >= (unsigned)s->conf->max_retries;
    flow_give_up(s, s->condemned ? 0 : INT64_C(200) << s->suspect_tries);
    if (s->suspect_tries < 8)
        s->suspect_tries++;
}

static void failed_put(struct source *s, const struct batch *b)
{
    unsigned swallowed;

    switch (b->result) {
    case -ESTALE: /* another has moved the position */
        /* ... or this instance has lost its slot, and will have another. */
        if (log_complain(&s->store_story, clock_boot_ms(), &swallowed))
            log_info("ingest", LOG_EVENT("position_moved"),
                     LOG_STR("source", s->conf->name), LOG_ERR(&b->err),
                     LOG_INT("swallowed", swallowed));
        flow_give_up(s, STALE_MS);
        break;
    case -EINVAL:
    case -EMSGSIZE:
        if (!s->resync && b->count > 0) {
            refused_item(s, b);
            break;
        }
        flow_give_up(s, RESYNC_AGAIN_MS);
        break;
    default:
        if (log_complain(&s->store_story, clock_boot_ms(), &swallowed))
            log_error("ingest", LOG_EVENT("not_stored"),
                      LOG_STR("source", s->conf->name), LOG_ERR(&b->err),
                      LOG_INT("swallowed", swallowed));
        source_phase(s, PHASE_PAUSED_STORE);
        flow_give_up(s, AWAY_MS);
    }
}

static void stored_put(struct source *s, const struct batch *b)
{
    (void)log_calm(&s->store_story);
    for (size_t i = 0; i < b->position_count; i++)
        places_find(&s->places, b->positions[i].partition)->stored =
            b->positions[i].next;
    if (s->limit < BATCH_ITEMS)
        s->limit = s->limit * 2 < BATCH_ITEMS ? s->limit * 2 : BATCH_ITEMS;
}

void flow_reap(struct source *s, int timeout_ms)
{
    struct list done, *at;

    list_init(&done);
    if (s->in_flight == 0 && timeout_ms == 0)
        return;
    (void)inbox_take(&s->finished, &done, timeout_ms);
    while ((at = list_pop(&done)) != NULL) {
        struct batch *b = list_of(at, struct batch, link);

        s->in_flight--;
        for (size_t i = 0; i < b->position_count; i++)
            places_find(&s->places, b->positions[i].partition)->open--;
        if (b->result < 0)
            failed_put(s, b);
        else
            stored_put(s, b);
        batch_free(&b);
    }
}

/* ---- where we stand ------------------------------------------------------------ */

int flow_position(struct source *s, int32_t partition, int64_t *ret,
                  struct err *err)
{
    struct store_position p = {.cluster = s->env.cluster_id,
                               .source = s->conf->name,
                               .topic = s->conf->topic,
                               .partition = partition};
    int r = store_position_get(s->reading, &p, err);

    *ret = p.next;
    return r;
}

void flow_resync(struct source *s)
{
    struct err err = {0};
    unsigned swallowed;

    if (s->in_flight > 0 || clock_boot_ms() < s->hold_ms)
        return;
    for (size_t i = 0; i < s->places.count; i++) {
        struct place *p = &s->places.at[i];
        int64_t to;

        if (!p->held)
            continue;
        if (flow_position(s, p->partition, &p->from, &err) < 0)
            goto later;
        to = p->from >= 0 ? p->from : p->first;
        if (to >= 0 && consumer_seek(s->consumer, p->partition, to, &err) < 0 &&
            err.code != -ENOENT)
            goto later;
    }
    s->resync = false;
    return;
later:
    s->hold_ms = clock_boot_ms() + RESYNC_AGAIN_MS;
    if (log_complain(&s->store_story, clock_boot_ms(), &swallowed))
        log_warn("ingest", LOG_EVENT("position_unknown"),
                 LOG_STR("source", s->conf->name), LOG_ERR(&err),
                 LOG_INT("swallowed", swallowed));
}
