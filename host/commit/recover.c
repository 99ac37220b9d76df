/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/recover.c - the ledger's unfinished entries into the store; see
 * recover.h.  The session's thread.
 *
 * Finishing is the same call that the commit stage makes: what ends a job is
 * (job, version), so an entry that was finished before finds no row.
 */
#include "config.h"

#include "commit/recover.h"

#include "base/clock.h"
#include "base/log.h"
#include "commit/ledger.h"
#include "kafka/logreader.h"
#include "kafka/txproducer.h"
#include "metrics/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 4096 /* jobs finished in one write */

struct redo { /* one entry that the store has not taken in */
    struct outcome o;
    struct job *job; /* as the store has it */
    char *error;
    struct put_item *items;
};

struct replay {
    const struct recover_settings *set;
    struct store_session *x;
    struct store_slot slot;
    int64_t seq;  /* of the last record read */
    int64_t next; /* behind it */
    struct redo *redos;
    struct outcome **outcomes;
    size_t count, cap;
    size_t records, jobs, known;
};

/* ---- fencing -------------------------------------------------------------------- */

int recover_fence(const struct recover_settings *set,
                  const struct store_slot *slot, struct err *err)
{
    char id[200];
    const struct txproducer_settings p = {.kafka = set->kafka,
                                          .name = "recovery",
                                          .transactional_id = id,
                                          .queue_records = 1000,
                                          .queue_kb = 1000};
    struct txproducer *t;
    int r;

    (void)snprintf(id, sizeof(id), "%s-%d", set->transactional_prefix,
                   (int)slot->slot);
    r = txproducer_open(&p, &t, err);
    if (r < 0)
        return r;
    r = txproducer_init(t, set->timeout_ms, err);
    txproducer_close(&t);
    return r;
}

/* ---- one entry -------------------------------------------------------------------- */

static void redo_free(struct redo *d)
{
    for (size_t i = 0; i < d->o.follow_up_count; i++)
        job_free(&d->items[i].job);
    free(d->items);
    free(d->error);
    job_free(&d->job);
}

static int add_follow_up(struct redo *d, const struct ledger_follow_up *f,
                         struct err *err)
{
    const struct job_text t = {f->key, f->payload, f->headers};
    const struct app_name *app = app_name(f->app.data, f->app.len);
    struct job *j = app == NULL ? NULL : job_new(app, &t);

    if (j == NULL)
        return err_again(err, -ENOMEM, "replay: no memory for a follow-up");
    j->due_ms = j->scheduled_ms = f->due_ms;
    j->created_ms = f->created_ms;
    j->priority = f->priority;
    d->items[d->o.follow_up_count++] =
        (struct put_item){.kind = PUT_JOB, .job = j};
    return 0;
}

static int fill_redo(struct redo *d, struct ledger_entry *e, int64_t time_ms,
                     struct err *err)
{
    struct ledger_follow_up f;
    int r = 0;

    d->o = (struct outcome){.job = d->job,
                            .kind = e->kind,
                            .started_ms = time_ms,
                            .finished_ms = time_ms};
    list_init(&d->o.link);
    d->job->attempt = e->attempt;
    if (e->error.len > 0) {
        d->error = malloc(e->error.len);
        if (d->error == NULL)
            return err_again(err, -ENOMEM, "replay: no memory");
        memcpy(d->error, e->error.data, e->error.len);
        d->o.error = (struct span){d->error, e->error.len};
    }
    if (e->follow_up_count > 0) {
        d->items = calloc(e->follow_up_count, sizeof(*d->items));
        if (d->items == NULL)
            return err_again(err, -ENOMEM, "replay: no memory");
        d->o.follow_ups = d->items;
    }
    while (r == 0 && (r = ledger_follow_up(e, &f, err)) == 1)
        r = add_follow_up(d, &f, err);
    return r;
}

static int grow(struct replay *p, struct err *err)
{
    size_t n = p->cap == 0 ? 1024 : p->cap * 2;
    struct redo *d;

    if (p->count < p->cap)
        return 0;
    d = realloc(p->redos, n * sizeof(*d));
    if (d == NULL)
        return err_again(err, -ENOMEM, "replay: no memory");
    p->redos = d;
    p->cap = n;
    return 0;
}

static int redo(struct replay *p, struct ledger_entry *e, int64_t time_ms,
                struct err *err)
{
    struct redo *d;
    struct job *job = NULL;
    int r = store_get(p->x, e->id, &job, err);

    p->jobs++;
    if (r == -ENOENT || (r == 0 && job->version != e->version)) {
        p->known++;
        job_free(&job);
        return 0;
    }
    if (r == 0)
        r = grow(p, err);
    if (r < 0) {
        job_free(&job);
        return r;
    }
    d = &p->redos[p->count++];
    *d = (struct redo){.job = job};
    return fill_redo(d, e, time_ms, err);
}

/* ---- to the store ------------------------------------------------------------------- */

static void offer(struct replay *p)
{
    struct list jobs;
    size_t n = 0;

    list_init(&jobs);
    for (size_t i = 0; i < p->count; i++) {
        struct outcome *o = &p->redos[i].o;

        for (size_t k = 0; k < o->follow_up_count && !o->stale; k++) {
            struct put_item *it = &p->redos[i].items[k];

            if (it->result != PUT_STORED && it->result != PUT_REPLACED)
                continue;
            list_push(&jobs, &it->job->link);
            it->job = NULL;
            n++;
        }
    }
    if (n > 0)
        p->set->stored(p->set->arg, &jobs, n);
}

static void forget(struct replay *p)
{
    for (size_t i = 0; i < p->count; i++)
        redo_free(&p->redos[i]);
    p->count = 0;
}

static int finish(struct replay *p, struct err *err)
{
    struct finish_batch b = {.count = p->count,
                             .now_ms = clock_wall_ms(),
                             .ledger_pos = p->next,
                             .ledger_seq = p->seq};
    int r;

    p->outcomes = calloc(p->count + 1, sizeof(struct outcome *));
    if (p->outcomes == NULL)
        return err_again(err, -ENOMEM, "replay: no memory");
    for (size_t i = 0; i < p->count; i++)
        p->outcomes[i] = &p->redos[i].o;
    b.outcomes = p->outcomes;
    r = store_finish(p->x, &b, err);
    if (r == 0 && p->set->stored != NULL)
        offer(p);
    if (r == 0)
        forget(p);
    free(p->outcomes);
    p->outcomes = NULL;
    return r;
}

/* ---- the ledger ----------------------------------------------------------------------- */

static int broken(const struct replay *p, struct err *err, const char *what)
{
    return err_set(err, -EUCLEAN,
                   "the ledger (%s, partition %d) does not continue what the "
                   "store knows: %s; when jobs may fire a second time for "
                   "that: ontimectl slots accept-ledger-loss %d",
                   p->set->ledger_topic, (int)p->slot.slot, what,
                   (int)p->slot.slot);
}

static int check(const struct replay *p, const struct ledger_head *h,
                 int64_t offset, struct err *err)
{
    char text[160];

    if (strcmp(h->store_id, p->set->store_id) != 0)
        (void)snprintf(text, sizeof(text),
                       "the record at %lld is of another store (%.40s)",
                       (long long)offset, h->store_id);
    else if (h->slot != p->slot.slot || h->epoch > p->slot.epoch)
        (void)snprintf(text, sizeof(text),
                       "the record at %lld is of slot %d, epoch %lld",
                       (long long)offset, (int)h->slot, (long long)h->epoch);
    else if (h->seq != p->seq + 1)
        (void)snprintf(text, sizeof(text),
                       "entry %lld stands where %lld was expected (at %lld)",
                       (long long)h->seq, (long long)(p->seq + 1),
                       (long long)offset);
    else
        return 0;
    return broken(p, err, text);
}

static int take_record(struct replay *p, const struct logrecord *rec,
                       struct err *err)
{
    struct ledger_reader lr;
    struct ledger_head h;
    struct ledger_entry e;
    struct err why = {0};
    int r = ledger_parse(&lr, rec->value, &h, &why);

    if (r < 0)
        return broken(p, err, why.text);
    r = check(p, &h, rec->offset, err);
    if (r < 0)
        return r;
    while ((r = ledger_next(&lr, &e, &why)) == 1) {
        r = redo(p, &e, h.time_ms, err);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return broken(p, err, why.text);
    p->seq = h.seq;
    p->next = rec->offset + 1;
    p->records++;
    return p->count >= BATCH ? finish(p, err) : 0;
}

static int read_ledger(struct replay *p, struct err *err)
{
    const struct recover_settings *set = p->set;
    struct logreader *reader = NULL;
    struct logrecord rec;
    struct err why = {0};
    int64_t end;
    int r = logreader_end(set->kafka, set->ledger_topic, p->slot.slot,
                          set->timeout_ms, &end, &why);

    if (r == 0)
        r = logreader_open(set->kafka,
                           &(struct logrange){set->ledger_topic, p->slot.slot,
                                              p->slot.ledger_pos, end},
                           &reader, &why);
    while (r == 0 &&
           (r = logreader_next(reader, set->timeout_ms, &rec, &why)) == 1) {
        r = take_record(p, &rec, err);
        if (r < 0)
            goto out; /* err is filled */
    }
    if (r == 0 && p->records > 0)
        r = finish(p, err);
    else if (r == -EUCLEAN || r == -ENOENT)
        r = broken(p, err, why.text);
    else if (r < 0 && err != NULL)
        *err = why;
out:
    logreader_close(&reader);
    return r;
}

int recover_replay(const struct recover_settings *set, struct store_session *x,
                   struct err *err)
{
    struct replay p = {.set = set, .x = x};
    int64_t began = clock_mono_ns();
    int r = store_verify(x, &p.slot, err);

    if (r < 0 || !p.slot.ledger_used)
        return r;
    p.seq = p.slot.ledger_seq;
    p.next = p.slot.ledger_pos;
    r = read_ledger(&p, err);
    forget(&p);
    free(p.redos);
    metric_add(metric_series("ontime_ledger_replayed_total", NULL),
               (int64_t)(p.jobs - p.known));
    if (r == 0)
        log_info("commit", LOG_EVENT("ledger_replayed"),
                 LOG_INT("slot", p.slot.slot), LOG_INT("records", p.records),
                 LOG_INT("jobs", p.jobs), LOG_INT("known", p.known),
                 LOG_INT("next", p.next),
                 LOG_INT("us", (clock_mono_ns() - began) / 1000));
    return r;
}

int recover_slot(void *arg, struct store_session *x,
                 const struct store_slot *slot, struct err *err)
{
    const struct recover_settings *set = arg;
    int r;

    if (!slot->ledger_used)
        return 0;
    r = recover_fence(set, slot, err);
    return r < 0 ? r : recover_replay(set, x, err);
}

int recover_accept_loss(const struct recover_settings *set,
                        struct store_session *x, struct err *err)
{
    struct store_slot slot;
    int64_t end;
    int r = store_verify(x, &slot, err);

    if (r == 0)
        r = logreader_end(set->kafka, set->ledger_topic, slot.slot,
                          set->timeout_ms, &end, err);
    if (r == 0)
        r = store_ledger_begin(x, end, 0, err);
    if (r == 0)
        log_warn("commit", LOG_EVENT("ledger_loss_accepted"),
                 LOG_INT("slot", slot.slot), LOG_INT("from", slot.ledger_pos),
                 LOG_INT("to", end));
    return r;
}
