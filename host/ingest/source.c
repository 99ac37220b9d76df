/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/source.c - the thread of a source; see source.h.
 */
#include "config.h"

#include "ingest/source.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "ingest/flow.h"
#include "ingest/reopen.h"
#include "metrics/metrics.h"

#define IDLE_POLL_MS 100 /* nothing is under way */
#define BUSY_POLL_MS 2   /* something is */
#define GATHER_NAP_MS 8
#define BLOCKED_MS 1000 /* then the partitions are paused, and people told */
#define CHORES_MS 1000
#define RESYNC_AGAIN_MS 200

void source_phase(struct source *s, enum source_phase phase)
{
    if (atomic_exchange(&s->phase, (int)phase) != (int)phase)
        log_info("ingest", LOG_EVENT("source_state"),
                 LOG_STR("source", s->conf->name),
                 LOG_STR("state", source_state(s)));
}

/* ---- what the consumer tells ------------------------------------------------ */

int source_assigned(void *arg, int32_t partition, int64_t *ret_next,
                    struct err *err)
{
    struct source *s = arg;
    struct place *p = places_make(&s->places, partition);
    int r;

    if (p == NULL)
        return err_again(err, -ENOMEM, "partitions");
    if (p->open > 0) /* the position will move: ask again when it has */
        return err_again(err, -EBUSY,
                         "partition %d: its last batch is on its way",
                         (int)partition);
    r = flow_position(s, partition, &p->from, err);
    if (r < 0)
        return r;
    p->held = true;
    p->first = -1;
    p->stored = p->committed = p->from;
    *ret_next = p->from;
    source_phase(s, PHASE_RUNNING);
    return 0;
}

void source_revoked(void *arg, int32_t partition, bool lost)
{
    struct source *s = arg;
    struct place *p = places_find(&s->places, partition);

    if (p == NULL)
        return;
    if (!lost && s->consumer != NULL && p->stored > p->committed)
        consumer_commit(s->consumer, partition, p->stored);
    p->held = false;
    s->flush = true; /* what has been read of it is stored soon */
}

int64_t source_out_of_range(void *arg, int32_t partition, int64_t low,
                            int64_t high)
{
    struct source *s = arg;
    const struct place *p = places_find(&s->places, partition);
    const char *policy = s->conf->on_position_lost;

    log_error(
        "ingest", LOG_EVENT("position_lost"), LOG_STR("source", s->conf->name),
        LOG_STR("topic", s->conf->topic), LOG_INT("partition", partition),
        LOG_INT("position", p != NULL ? p->from : -1), LOG_INT("low", low),
        LOG_INT("high", high), LOG_STR("on_position_lost", policy));
    if (strcmp(policy, "earliest") == 0)
        return low;
    if (strcmp(policy, "latest") == 0)
        return high;
    source_phase(s, PHASE_LOST);
    return -1;
}

/* ---- messages -------------------------------------------------------------------- */

/* A message that no job can be made of.  -ENOMEM: not taken. */
static int take_bad(struct source *s, struct message *m, const char *why)
{
    bool drop =
        s->conf->dlq_topic[0] == '\0' || strcmp(s->conf->on_bad, "drop") == 0;
    unsigned swallowed;

    if (!drop && dead_send(&s->dead, s->batch, m, why, clock_wall_ms()) < 0)
        return -ENOMEM;
    metric_add(s->meters.failed, 1);
    if (log_complain(&s->bad_story, clock_boot_ms(), &swallowed))
        log_warn("ingest",
                 LOG_EVENT(drop ? "message_dropped" : "message_refused"),
                 LOG_STR("source", s->conf->name), LOG_STR("error", why),
                 LOG_INT("swallowed", swallowed));
    return 0;
}

/* What the store would refuse, and with it the whole batch, is a bad message. */
static int check(struct put_item *item, struct err *err)
{
    if (store_put_check(item, err) == 0)
        return 0;
    job_free(&item->job);
    return -EINVAL;
}

/* -EINVAL: no job can be made of it.  -ENOMEM. */
static int decode(struct source *s, struct message *m, struct put_item *item,
                  struct err *err)
{
    int r;

    struct format_input in = {
        .key = m->key, .value = m->value, .now_ms = clock_wall_ms()};

    if (s->condemned && m->offset == s->suspect_offset &&
        m->partition == s->suspect_partition) {
        *err = s->suspect_err;
        return -EINVAL;
    }
    if (s->format->wants_headers)
        in.headers = message_headers(m);
    r = s->format->decode(&s->fs, &in, item, err);
    return r < 0 ? r : check(item, err);
}

/* -ENOMEM: not taken. */
static int take(struct source *s, struct message *m)
{
    const struct batch_where where = {s->env.cluster_id, s->conf->name,
                                      s->conf->topic};
    struct place *p = places_find(&s->places, m->partition);
    int64_t offset = m->offset;
    struct put_item item;
    struct err err;
    bool good;
    int r;

    if (s->batch == NULL && (s->batch = batch_new()) == NULL)
        return -ENOMEM;
    r = batch_reserve(s->batch, &where, p->partition, p->from);
    if (r < 0)
        return r;
    p->open += r == 1;
    if (p->first < 0)
        p->first = offset;
    if (s->batch->born_ms == 0)
        s->batch->born_ms = clock_boot_ms();
    r = decode(s, m, &item, &err);
    good = r == 0;
    if (r == -EINVAL)
        r = take_bad(s, m, err.text);
    if (r == 0)
        batch_take(s->batch, offset, good ? &item : NULL);
    return r;
}

static void poll_failed(struct source *s, const struct err *err)
{
    unsigned swallowed;

    if (err->code == -EBUSY)
        return;
    if (err->code == -ENOTCONN)
        source_phase(s, PHASE_CONNECTING);
    if (!err->retry) {
        reopen_failed(s, err);
        return;
    }
    if (log_complain(&s->poll_story, clock_boot_ms(), &swallowed))
        log_warn("ingest", LOG_EVENT("cannot_read"),
                 LOG_STR("source", s->conf->name), LOG_ERR(err),
                 LOG_INT("swallowed", swallowed));
}

/* Nothing came, and nothing is wrong. */
static void poll_quiet(struct source *s)
{
    if (atomic_load(&s->phase) != PHASE_CONNECTING)
        return;
    for (size_t i = 0; i < s->places.count; i++) {
        if (s->places.at[i].held) {
            source_phase(s, PHASE_RUNNING);
            return;
        }
    }
}

static void poll_worked(struct source *s)
{
    int phase = atomic_load(&s->phase);

    if (log_calm(&s->poll_story))
        log_info("ingest", LOG_EVENT("reads_again"),
                 LOG_STR("source", s->conf->name));
    if (phase != PHASE_RUNNING && phase != PHASE_LOST)
        source_phase(s, PHASE_RUNNING);
}

/* How many messages may come, and how long to wait for the first. */
static size_t room(const struct source *s)
{
    size_t n = (size_t)s->conf->max_poll_records;
    size_t used = s->batch != NULL ? s->batch->taken : 0;

    if (n > POLL_RECORDS)
        n = POLL_RECORDS;
    if (used < s->limit && s->limit - used < n)
        n = s->limit - used;
    return n;
}

static int patience(const struct source *s)
{
    if (s->batch != NULL || s->in_flight > 0)
        return BUSY_POLL_MS;
    return s->conf->poll_timeout_ms < IDLE_POLL_MS
               ? (int)s->conf->poll_timeout_ms
               : IDLE_POLL_MS;
}

static void read_some(struct source *s, size_t cap, int timeout_ms)
{
    struct err err = {0};
    int n = consumer_poll(s->consumer, s->messages, cap, timeout_ms, &err),
        taken = 0;

    s->drained = n < (int)cap;
    if (n < 0) {
        poll_failed(s, &err);
        return;
    }
    if (n == 0) {
        poll_quiet(s);
        return;
    }
    poll_worked(s);
    while (taken < n && !s->resync && !s->closed) {
        if (take(s, &s->messages[taken]) < 0)
            flow_give_up(s, RESYNC_AGAIN_MS);
        else
            taken++;
    }
    metric_add(s->meters.received, taken);
    if (taken < n) /* no room or no memory: they are read again */
        flow_give_up(s, 0);
    for (int i = 0; i < n; i++)
        message_free(&s->messages[i]);
}

/* ---- the thread's turns ------------------------------------------------------- */

static bool blocked(const struct source *s)
{
    return s->closed || s->resync || clock_boot_ms() < s->hold_ms;
}

/* Nothing can be read.  When that lasts, the partitions are paused and polled
 * on, so that the group keeps us. */
static void wait_blocked(struct source *s)
{
    int64_t now = clock_boot_ms();
    bool letters = s->batch != NULL && s->batch->bad_open > 0;

    if (s->blocked_ms == 0)
        s->blocked_ms = now;
    if (letters && s->in_flight == 0)
        dead_serve(&s->dead, 5);
    else
        flow_reap(s, letters ? 1 : 5);
    if (now - s->blocked_ms < BLOCKED_MS)
        return;
    if (!s->paused) {
        s->paused = true;
        consumer_pause(s->consumer, true);
        metric_set(s->meters.paused, 1);
        source_phase(s, letters ? PHASE_PAUSED_DEAD : PHASE_PAUSED_STORE);
        if (letters)
            log_error("ingest", LOG_EVENT("dead_letter_topic_away"),
                      LOG_STR("source", s->conf->name),
                      LOG_STR("topic", s->conf->dlq_topic),
                      LOG_INT("waiting", s->batch->bad_open));
    }
    read_some(s, 1, 0);
}

static void unblocked(struct source *s)
{
    s->blocked_ms = 0;
    if (!s->paused)
        return;
    s->paused = false;
    consumer_pause(s->consumer, false);
    metric_set(s->meters.paused, 0);
    source_phase(s, PHASE_RUNNING);
}

static void chores(struct source *s)
{
    int64_t now = clock_boot_ms(), lag;

    if (s->consumer == NULL || now - s->chores_ms < CHORES_MS)
        return;
    s->chores_ms = now;
    lag = consumer_lag(s->consumer);
    if (lag >= 0)
        metric_set(s->meters.lag, lag);
    for (size_t i = 0; i < s->places.count; i++) {
        struct place *p = &s->places.at[i];

        if (!p->held || p->stored <= p->committed)
            continue;
        consumer_commit(s->consumer, p->partition, p->stored);
        p->committed = p->stored;
    }
}

static void nap(void)
{
    struct timespec t = {.tv_nsec = GATHER_NAP_MS * 1000000};

    (void)nanosleep(&t, NULL);
}

static void turn(struct source *s)
{
    if (flow_gathers(s))
        nap(); /* messages gather in the client meanwhile */
    flow_reap(s, 0);
    if (reopen_waits(s)) {
        nap();
        return;
    }
    dead_serve(&s->dead, 0);
    if (s->resync)
        flow_resync(s);
    flow_close_if_due(s, false);
    flow_submit_if_ready(s);
    chores(s);
    if (blocked(s)) {
        wait_blocked(s);
        return;
    }
    unblocked(s);
    read_some(s, room(s), patience(s));
    flow_close_if_due(s, false);
    flow_submit_if_ready(s);
}

/* What has been read is stored, if that is done in time. */
static void finish(struct source *s)
{
    int64_t deadline = atomic_load(&s->deadline_ms);
    struct list left, *at;

    source_phase(s, PHASE_STOPPING);
    flow_close_if_due(s, true);
    while ((s->batch != NULL || s->in_flight > 0) &&
           clock_boot_ms() < deadline) {
        dead_serve(&s->dead, s->batch != NULL && s->in_flight == 0 ? 5 : 0);
        flow_submit_if_ready(s);
        flow_reap(s, s->in_flight > 0 ? 5 : 0);
    }
    s->chores_ms = 0;
    chores(s);
    flow_give_up(s, 0);
    /* What is still on its way is the writer's from here on. */
    inbox_close(&s->finished);
    list_init(&left);
    (void)inbox_take(&s->finished, &left, 0);
    while ((at = list_pop(&left)) != NULL) {
        struct batch *b = list_of(at, struct batch, link);

        batch_free(&b);
    }
}

void source_run(struct source *s)
{
    while (!atomic_load(&s->stop))
        turn(s);
    finish(s);
}
