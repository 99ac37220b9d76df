/* SPDX-License-Identifier: Apache-2.0
 *
 * store/convert.c - one store made of another: see store_convert() in move.h.
 * The caller's thread.
 *
 * Rows are gathered to batches and imported, a transaction each.  Of each kind
 * both sides are counted and summed up; the sum does not depend on the order.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "store/move.h"
#include "store/ops.h"

#define BATCH_ROWS 10000
#define BATCH_BYTES (8 << 20) /* of texts */
#define TELL_ROWS 2000
#define WATCH_MS 4000 /* an instance that lives has shown it by then */

struct sum {
    uint64_t rows, hash;
};

struct convert {
    const struct convert_request *q;
    struct store *from, *to;
    struct store_session *in, *out;
    enum move_kind kind; /* under way */
    uint64_t total;      /* of its rows; 0: not known */
    struct sum *sums;    /* by kind, of the side that is being read */
    struct move_row *rows;
    size_t count;
    char *text; /* BATCH_BYTES, of which */
    size_t used;
    size_t job_bytes;
    struct store_slot slots[STORE_SLOTS_MOST];
    int slot_count;
};

/* ---- sums ---------------------------------------------------------------- */

static const struct hash_key sum_key = {0x6f6e74696d65, 1};

static uint64_t of_text(struct span s)
{
    return hash64(&sum_key, s.len > 0 ? s.data : "", s.len);
}

static uint64_t of_string(const char *s)
{
    return hash64(&sum_key, s, strlen(s));
}

static uint64_t of_words(const uint64_t *v, size_t n)
{
    return hash64(&sum_key, v, n * sizeof(*v));
}

static uint64_t of_job(const struct job *j)
{
    const uint64_t v[] = {
        (uint64_t)j->id,
        (uint64_t)j->due_ms,
        (uint64_t)j->scheduled_ms,
        (uint64_t)j->created_ms,
        j->version,
        j->attempt,
        j->state,
        j->priority,
        j->redelivered,
        of_string(j->app->text),
        of_text(j->key),
        j->payload.data != NULL,
        of_text(j->payload),
        of_text(j->headers),
    };

    return of_words(v, sizeof(v) / sizeof(v[0]));
}

static uint64_t of_wish(const struct wish *w)
{
    const struct job *j = w->content;
    const uint64_t v[] = {
        (uint64_t)w->number,
        (uint64_t)w->job_id,
        (uint64_t)w->kind,
        j != NULL ? (uint64_t)j->due_ms : (uint64_t)w->due_ms,
        j != NULL ? of_string(j->app->text) : 0,
        j != NULL ? of_text(j->key) : 0,
        j != NULL ? of_text(j->payload) : 0,
        j != NULL ? of_text(j->headers) : 0,
        j != NULL ? j->priority : 0,
    };

    return of_words(v, sizeof(v) / sizeof(v[0]));
}

static uint64_t of_execution(const struct execution *e)
{
    const uint64_t v[] = {
        (uint64_t)e->job_id,
        (uint64_t)e->scheduled_ms,
        (uint64_t)e->started_ms,
        (uint64_t)e->finished_ms,
        e->version,
        e->attempt,
        (uint64_t)e->outcome,
        of_string(e->app),
        of_text(e->key),
        of_text(e->error),
    };

    return of_words(v, sizeof(v) / sizeof(v[0]));
}

static uint64_t of_app(const struct store_count *a)
{
    const uint64_t v[] = {
        of_string(a->app), (uint64_t)a->pending,  (uint64_t)a->succeeded,
        (uint64_t)a->dead, (uint64_t)a->canceled, (uint64_t)a->retried,
    };

    return of_words(v, sizeof(v) / sizeof(v[0]));
}

static uint64_t of_position(const struct store_position *p)
{
    const uint64_t v[] = {of_string(p->cluster), of_string(p->source),
                          of_string(p->topic), (uint64_t)p->partition,
                          (uint64_t)p->next};

    return of_words(v, sizeof(v) / sizeof(v[0]));
}

/* Slots are not the same afterwards: kinds of stores have their own. */
static uint64_t of_row(const struct move_row *row)
{
    switch (row->kind) {
    case MOVE_STORE:
        return of_string(row->store.id) ^ row->store.secret.k0;
    case MOVE_APP:
        return of_app(&row->app);
    case MOVE_POSITION:
        return of_position(&row->position);
    case MOVE_JOB:
        return of_job(row->job);
    case MOVE_WISH:
        return of_wish(row->wish);
    case MOVE_EXECUTION:
        return of_execution(&row->execution);
    case MOVE_REPEAT:
        return of_words((const uint64_t[]){row->repeat.hash[0],
                                           row->repeat.hash[1],
                                           (uint64_t)row->repeat.accepted_ms},
                        3);
    default:
        return 0;
    }
}

static int add_sum(struct convert *c, const struct move_row *row,
                   struct err *err)
{
    struct sum *s = &c->sums[row->kind];
    struct move_progress p = {move_kind_name(row->kind), 0, c->total, false};

    s->rows++;
    s->hash += of_row(row);
    p.done = s->rows;
    return s->rows % TELL_ROWS == 0 ? move_tell(&c->q->tell, &p, err) : 0;
}

static int sum_only(void *arg, struct move_row *row, struct err *err)
{
    return add_sum(arg, row, err);
}

/* ---- batches ---------------------------------------------------------------- */

static int flush(struct convert *c, struct err *err)
{
    int r = store_import(c->out, c->rows, c->count, err);

    for (size_t i = 0; i < c->count; i++)
        move_row_done(&c->rows[i]);
    c->count = 0;
    c->used = c->job_bytes = 0;
    return r < 0 ? err_wrap(err, "%s", move_kind_name(c->kind)) : 0;
}

static const void *keep(struct convert *c, const void *data, size_t len)
{
    char *at = c->text + c->used;

    memcpy(at, data, len);
    c->used += len;
    return at;
}

static struct span keep_span(struct convert *c, struct span s)
{
    if (s.data != NULL && s.len > 0)
        s.data = keep(c, s.data, s.len);
    return s;
}

static const char *keep_string(struct convert *c, const char *s)
{
    return keep(c, s, strlen(s) + 1);
}

/* Makes the batch's own what the row borrows. */
static void own(struct convert *c, struct move_row *row)
{
    if (row->kind == MOVE_EXECUTION) {
        row->execution.key = keep_span(c, row->execution.key);
        row->execution.error = keep_span(c, row->execution.error);
    } else if (row->kind == MOVE_POSITION) {
        row->position.cluster = keep_string(c, row->position.cluster);
        row->position.source = keep_string(c, row->position.source);
        row->position.topic = keep_string(c, row->position.topic);
    }
}

static int gather(void *arg, struct move_row *row, struct err *err)
{
    struct convert *c = arg;
    struct move_row *mine;
    int r = add_sum(c, row, err);

    if (r < 0)
        return r;
    mine = &c->rows[c->count++];
    *mine = *row;
    own(c, mine);
    if (row->kind == MOVE_JOB) {
        c->job_bytes += job_size(row->job);
        row->job = NULL;
    } else if (row->kind == MOVE_WISH) {
        row->wish = NULL;
    }
    /* The texts of one more row fit in any case. */
    return c->count == BATCH_ROWS || c->used > BATCH_BYTES - 65536 ||
                   c->job_bytes > BATCH_BYTES
               ? flush(c, err)
               : 0;
}

/* ---- all of it ------------------------------------------------------------------ */

static uint64_t pending_jobs(struct convert *c)
{
    static struct store_count counts[1024];
    uint64_t n = 0;
    int apps = store_counts(c->in, counts, 1024, NULL);

    for (int i = 0; i < apps; i++)
        n += (uint64_t)counts[i].pending;
    return n;
}

static int carry(struct convert *c, struct sum *sums, move_row_fn *fn,
                 struct store_session *x, struct err *err)
{
    uint64_t jobs = pending_jobs(c);
    int r = 0;

    c->sums = sums;
    for (int k = 0; k < MOVE_KINDS && r == 0; k++) {
        c->kind = (enum move_kind)k;
        c->total = k == MOVE_JOB ? jobs : 0;
        r = store_export(x, c->kind, fn, c, err);
        if (r == 0 && fn == gather)
            r = flush(c, err);
    }
    return r;
}

static int compare(const struct sum *a, const struct sum *b, struct err *err)
{
    for (int k = 0; k < MOVE_KINDS; k++) {
        if (k == MOVE_SLOT)
            continue;
        if (a[k].rows != b[k].rows || a[k].hash != b[k].hash)
            return err_set(
                err, -EUCLEAN, "%s differ: %llu were read, %llu are there%s",
                move_kind_name((enum move_kind)k),
                (unsigned long long)a[k].rows, (unsigned long long)b[k].rows,
                a[k].rows == b[k].rows ? ", with other content" : "");
    }
    return 0;
}

/* ---- nobody else -------------------------------------------------------------------- */

static bool same_slot(const struct store_slot *a, const struct store_slot *b)
{
    return a->epoch == b->epoch && a->beat == b->beat && a->wseq == b->wseq;
}

/* Whether a slot has moved since c->slots was read. */
static int check_still(struct convert *c, struct err *err)
{
    struct store_slot now[STORE_SLOTS_MOST];
    int n = store_slots(c->in, now, STORE_SLOTS_MOST, err);

    if (n < 0)
        return n;
    for (int i = 0; i < n; i++) {
        if (i >= c->slot_count || !same_slot(&now[i], &c->slots[i]))
            return err_set(
                err, -EBUSY, "the store is in use by instance %s: stop it",
                now[i].owner[0] != '\0' ? now[i].owner : "(unknown)");
    }
    return 0;
}

/* A shared store has no lock: whoever lives shows it. */
static int check_alone(struct convert *c, struct err *err)
{
    struct move_progress p = {"instances looked for", 0, 0, false};
    bool owned = false;
    int r = 0;

    c->slot_count = store_slots(c->in, c->slots, STORE_SLOTS_MOST, err);
    if (c->slot_count < 0)
        return c->slot_count;
    for (int i = 0; i < c->slot_count; i++)
        owned = owned || c->slots[i].owned;
    if (!store_shared(c->from) || !owned)
        return 0;
    for (int ms = 0; ms < WATCH_MS && r == 0; ms += 200) {
        (void)poll(NULL, 0, 200);
        r = move_tell(&c->q->tell, &p, err);
    }
    return r < 0 ? r : check_still(c, err);
}

static int open_from(struct convert *c, struct err *err)
{
    const struct store_settings set = {
        .url = c->q->from, .instance_id = "ontimectl", .cluster = "ontimectl"};
    int r = store_open(&set, &c->from, err);

    if (r == 0)
        r = store_session_open(c->from, false, &c->in, err);
    return r < 0 ? r : check_alone(c, err);
}

static int open_to(struct convert *c, struct err *err)
{
    const struct store_settings set = {.use = STORE_IMPORT,
                                       .url = c->q->to,
                                       .cache_kb = 65536,
                                       .instance_id = "ontimectl",
                                       .cluster = "ontimectl"};
    int r = store_open(&set, &c->to, err);

    if (r == 0)
        r = store_session_open(c->to, true, &c->out, err);
    return r;
}

static int convert(struct convert *c, struct sum *sums, struct err *err)
{
    struct sum there[MOVE_KINDS] = {{0, 0}};
    struct store_session *look = NULL;
    int r = open_to(c, err);

    if (r == 0)
        r = carry(c, sums, gather, c->in, err);
    if (r == 0)
        r = check_still(c, err);
    if (r == 0)
        r = store_session_open(c->to, false, &look, err);
    if (r == 0)
        r = carry(c, there, sum_only, look, err);
    if (r == 0)
        r = compare(sums, there, err);
    store_session_close(&look);
    return r < 0 ? r : store_import_end(c->out, err);
}

int store_convert(const struct convert_request *q, struct convert_result *ret,
                  struct err *err)
{
    struct sum sums[MOVE_KINDS] = {{0, 0}};
    struct convert *c = calloc(1, sizeof(*c));
    int r = -ENOMEM;

    memset(ret, 0, sizeof(*ret));
    if (c != NULL) {
        c->q = q;
        c->rows = calloc(BATCH_ROWS, sizeof(*c->rows));
        c->text = malloc(BATCH_BYTES);
    }
    if (c == NULL || c->rows == NULL || c->text == NULL) {
        (void)err_again(err, -ENOMEM, "no memory for a conversion");
        goto out;
    }
    r = store_ops_of(q->to, err) == NULL ? -ENOTSUP : open_from(c, err);
    if (r == 0 && q->dry_run)
        r = carry(c, sums, sum_only, c->in, err);
    else if (r == 0)
        r = convert(c, sums, err);
    for (int k = 0; k < MOVE_KINDS; k++)
        ret->rows[k] = sums[k].rows;
    if (c->from != NULL)
        memcpy(ret->id, store_id(c->from), sizeof(ret->id));
out:
    for (size_t i = 0; c != NULL && i < c->count; i++)
        move_row_done(&c->rows[i]);
    if (c != NULL) {
        store_session_close(&c->out);
        store_session_close(&c->in);
        store_close(&c->to);
        store_close(&c->from);
        free(c->rows);
        free(c->text);
    }
    free(c);
    return r;
}
