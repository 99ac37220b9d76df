/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/batch.c - one transaction; see batch.h.  The lane's thread.
 */
#include "config.h"

#include "commit/batch.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define TOPIC_MS 2000     /* how long a topic's metadata is waited for */
#define ASK_AGAIN_MS 5000 /* for a topic that was not there */
#define COMMIT_SLICE_MS 1000
#define FULL_MOST_MS 10000 /* a full queue for so long: give this one up */

void batch_init(struct batch *b, const char *ledger_topic)
{
    *b = (struct batch){.ledger_topic = ledger_topic};
    list_init(&b->works);
    for (size_t i = 0; i < BATCH_LEDGER_MOST; i++)
        b->ledger[i].b = BUF_INIT(LEDGER_ENTRY_BYTES + (2u << 20));
}

void batch_done(struct batch *b)
{
    for (struct list *e; (e = list_pop(&b->works)) != NULL;) {
        struct work *w = list_of(e, struct work, link);

        work_free(&w);
    }
    for (size_t i = 0; i < BATCH_LEDGER_MOST; i++)
        buf_done(&b->ledger[i].b);
    free(b->topics);
}

void batch_use(struct batch *b, struct txproducer *p)
{
    b->producer = p;
    free(b->topics);
    b->topics = NULL;
    b->topic_count = 0;
    b->ledger_handle = NULL;
}

/* ---- topics ---------------------------------------------------------------------- */

static struct batch_topic *topic_entry(struct batch *b,
                                       const struct topic_name *t)
{
    if (t->index >= b->topic_count) {
        size_t n = t->index + 16;
        struct batch_topic *p = realloc(b->topics, n * sizeof(*p));

        if (p == NULL)
            return NULL;
        for (size_t i = b->topic_count; i < n; i++)
            p[i] = (struct batch_topic){.handle = NULL};
        b->topics = p;
        b->topic_count = n;
    }
    return &b->topics[t->index];
}

static void ask(struct batch *b, const char *name, struct batch_topic *at)
{
    int64_t now = clock_boot_ms();
    struct err err = {0};

    if (now < at->ask_ms)
        return;
    at->code = txproducer_topic(b->producer, name, TOPIC_MS, &at->handle,
                                &at->partitions, &err);
    at->ask_ms = clock_boot_ms() + ASK_AGAIN_MS;
    if (at->code == 0)
        return;
    at->handle = NULL;
    (void)snprintf(at->why, sizeof(at->why), "%.99s", err.text);
}

/* 0: there, with that partition.  -ENOENT and others; -ETIMEDOUT: not known. */
static int know_topic(struct batch *b, const struct attempt_record *r,
                      const char **ret_why)
{
    struct batch_topic *at = topic_entry(b, r->topic);

    if (at == NULL)
        return -ETIMEDOUT;
    if (at->handle == NULL || r->partition >= at->partitions)
        ask(b, r->topic->text, at);
    *ret_why = at->why;
    if (at->handle == NULL)
        return at->code;
    if (r->partition < at->partitions)
        return 0;
    *ret_why = "it has no such partition";
    return -EINVAL;
}

/* ---- gathering -------------------------------------------------------------------- */

/* The offsets of the records before are another transaction's. */
static bool next_record(struct batch *b)
{
    struct batch_ledger *l = &b->ledger[b->ledger_count];

    if (b->ledger_count > 0)
        (void)ledger_end(&b->writer);
    if (b->ledger_count == BATCH_LEDGER_MOST)
        return false;
    buf_reset(&l->b);
    l->sent = (struct sent){.state = SENT_NOT};
    l->offset = -1;
    l->result = 0;
    ledger_begin(&b->writer, &l->b, &b->head);
    b->head.seq++;
    b->ledger_count++;
    return true;
}

void batch_begin(struct batch *b)
{
    b->count = b->bytes = 0;
    b->ledger_count = 0;
    b->head.time_ms = clock_wall_ms();
    (void)next_record(b);
}

void batch_cancel(struct batch *b)
{
    b->head.seq -= (int64_t)b->ledger_count;
    b->ledger_count = 0;
}

static enum batch_answer enter(struct batch *b, struct work *w)
{
    int r = ledger_add(&b->writer, &w->outcome);

    if (r == -EMSGSIZE && b->writer.count > 0) {
        if (!next_record(b))
            return BATCH_FULL;
        r = ledger_add(&b->writer, &w->outcome);
    }
    if (r == -EMSGSIZE) {
        work_refuse(w, b->ledger_topic, r,
                    "its follow-up jobs are too large for the ledger");
        return BATCH_REFUSED;
    }
    return r < 0 ? BATCH_LATER : BATCH_TAKEN;
}

enum batch_answer batch_add(struct batch *b, struct work *w)
{
    size_t bytes = w->attempt->record_bytes + w->attempt->job->payload.len;
    enum batch_answer r;

    if (b->count > 0 && b->bytes + bytes > BATCH_BYTES)
        return BATCH_FULL;
    for (uint32_t i = 0; i < w->records; i++) {
        const struct attempt_record *a = w->sent[i].record;
        const char *why = "";
        int code = know_topic(b, a, &why);

        if (code == -ETIMEDOUT || code == -ENOMEM)
            return BATCH_LATER;
        if (code < 0) {
            work_refuse(w, a->topic->text, code, why);
            return BATCH_REFUSED;
        }
    }
    r = enter(b, w);
    if (r != BATCH_TAKEN)
        return r;
    b->count++;
    b->bytes += bytes;
    list_push(&b->works, &w->link);
    return BATCH_TAKEN;
}

/* ---- sending ------------------------------------------------------------------------ */

void batch_report(void *arg, const struct producer_report *r)
{
    struct sent *s = r->opaque;
    struct batch_ledger *l;

    (void)arg;
    if (s->work != NULL) {
        work_report(s, r->result, r->text);
        return;
    }
    l = list_of(s, struct batch_ledger, sent);
    l->result = r->result;
    s->state = r->result == 0 ? SENT_OK : SENT_NOT;
    if (r->result == 0)
        l->offset = r->offset;
}

/* 0, or negative as producer_send (a full queue was waited for). */
static int send_one(struct batch *b, const struct producer_record *r,
                    const atomic_bool *stop, struct err *err)
{
    int64_t until = clock_boot_ms() + FULL_MOST_MS;
    int result;

    while ((result = txproducer_send(b->producer, r, err)) == -EAGAIN &&
           clock_boot_ms() < until && !atomic_load(stop))
        (void)txproducer_poll(b->producer, 5);
    return result;
}

static int send_work(struct batch *b, struct work *w, const atomic_bool *stop,
                     struct err *err)
{
    for (; w->next < w->records; w->next++) {
        struct sent *s = &w->sent[w->next];
        const struct attempt_record *a = s->record;
        const struct producer_record r = {
            .topic = b->topics[a->topic->index].handle,
            .partition = a->partition,
            .key = a->key,
            .value = a->value,
            .headers = a->headers,
            .opaque = s,
        };
        int result;

        s->state = SENT_WAITING;
        w->waiting++;
        result = send_one(b, &r, stop, err);
        if (result < 0) {
            work_report(s, result, err->text);
            return result;
        }
    }
    return 0;
}

static int send_ledger(struct batch *b, const atomic_bool *stop,
                       struct err *err)
{
    int32_t partitions;
    int r = ledger_end(&b->writer);

    if (r < 0)
        return err_set(err, r, "ledger record: no memory");
    if (b->ledger_handle == NULL)
        r = txproducer_topic(b->producer, b->ledger_topic, TOPIC_MS,
                             &b->ledger_handle, &partitions, err);
    for (size_t i = 0; i < b->ledger_count && r == 0; i++) {
        struct batch_ledger *l = &b->ledger[i];
        const struct producer_record rec = {
            .topic = b->ledger_handle,
            .partition = b->head.slot,
            .value = {l->b.data, l->b.len},
            .opaque = &l->sent,
        };

        l->sent.state = SENT_WAITING;
        r = send_one(b, &rec, stop, err);
    }
    return r;
}

static int send_all(struct batch *b, const atomic_bool *stop, struct err *err)
{
    int r =
        send_ledger(b, stop, err); /* first: it is the one that is checked */

    for (struct list *e = b->works.next; e != &b->works && r == 0; e = e->next)
        r = send_work(b, list_of(e, struct work, link), stop, err);
    return r;
}

enum tx_result batch_commit(struct batch *b, const atomic_bool *stop,
                            bool *ret_doubt, struct err *err)
{
    enum tx_result r = txproducer_begin(b->producer, err);

    *ret_doubt = false;
    if (r != TX_OK)
        return r;
    if (send_all(b, stop, err) < 0)
        return TX_ABORT;
    *ret_doubt = true;
    do {
        r = txproducer_commit(b->producer, COMMIT_SLICE_MS, err);
    } while (r == TX_UNKNOWN && !atomic_load(stop));
    return r;
}

enum tx_result batch_abort(struct batch *b, const atomic_bool *stop,
                           struct err *err)
{
    enum tx_result r;

    do {
        r = txproducer_abort(b->producer, COMMIT_SLICE_MS, err);
    } while (r == TX_UNKNOWN && !atomic_load(stop));
    return r;
}

int64_t batch_next(const struct batch *b)
{
    int64_t last = -1;

    for (size_t i = 0; i < b->ledger_count; i++) {
        if (b->ledger[i].offset < 0)
            return -1;
        if (b->ledger[i].offset > last)
            last = b->ledger[i].offset;
    }
    return last < 0 ? -1 : last + 1;
}
