/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/put.c - jobs in; see put.h.  The writing session's thread.
 *
 * A batch goes through in steps, each over the whole batch in the order of the
 * tree it touches: repeats are dropped, keys are looked up, the jobs of new
 * keys (nearly all) are added in bulk, and the few that meet a live job are
 * done one by one.
 */
#include "config.h"

#include "store/sqlite/put.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/change.h"
#include "store/sqlite/names.h"
#include "store/sqlite/radix.h"
#include "store/sqlite/row.h"

#define ID_TO_COME INT64_MAX /* for a key whose job is not numbered yet */

struct fresh { /* a job to be added in bulk */
    struct job *job;
    int32_t app;
};

struct put { /* one call's work */
    struct sq_session *x;
    struct put_item *const *items;
    size_t n;
    int64_t now_ms;
    struct sq_name *names; /* n */
    struct fresh *fresh;   /* n */
    struct sq_ref *refs;   /* of fresh, 2 * n, for sorting */
    size_t fresh_count;
    size_t near_count; /* of fresh: those that go into job_order */
};

static bool has_key(const struct put_item *it)
{
    return it->kind == PUT_CANCEL || it->job->key.len > 0;
}

static struct span key_of(const struct put_item *it)
{
    return it->kind == PUT_CANCEL ? it->key : it->job->key;
}

static const struct app_name *app_of(const struct put_item *it)
{
    return it->kind == PUT_CANCEL ? it->app : it->job->app;
}

/* ---- repeats ------------------------------------------------------------ */

/* Marks repeats PUT_DUPLICATE and leaves what is new in names, in order. */
static size_t sift(struct put *p, size_t n)
{
    int64_t since = p->now_ms - p->x->st->idempotency_ms;
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        struct sq_name *name = &p->names[i];
        const struct sq_name *last = kept > 0 ? &p->names[kept - 1] : NULL;

        if ((last != NULL && last->hash == name->hash &&
             last->rest == name->rest) ||
            (name->value > 0 && name->value > since)) {
            p->items[name->item]->result = PUT_DUPLICATE;
            continue;
        }
        p->x->st->names[NAMES_REPEATS].count += name->value == 0;
        name->value = p->now_ms > 0 ? p->now_ms : 1;
        p->names[kept++] = *name;
    }
    return kept;
}

static int drop_repeats(struct put *p, struct err *err)
{
    struct sq_pile *repeats = &p->x->st->names[NAMES_REPEATS];
    int64_t since = p->now_ms - p->x->st->idempotency_ms;
    size_t n = 0;
    int r;

    if (since > repeats->floor)
        repeats->floor = since;
    for (size_t i = 0; i < p->n; i++) {
        struct put_item *it = p->items[i];

        it->result = PUT_STORED;
        if (it->idempotency.len == 0)
            continue;
        sq_name_hash(p->x, app_of(it), it->idempotency, &p->names[n]);
        p->names[n++].item = (uint32_t)i;
    }
    if (n == 0)
        return 0;
    sq_names_sort(p->names, n);
    r = sq_names_get(p->x, NAMES_REPEATS, p->names, n, err);
    if (r < 0)
        return r;
    n = sift(p, n);
    return sq_names_set(p->x, NAMES_REPEATS, p->names, n, err);
}

/* ---- new jobs, in bulk ---------------------------------------------------- */

/* Gives the job its numbers.  It is entered by add_fresh. */
static int note_fresh(struct put *p, struct job *j, struct err *err)
{
    struct fresh *f = &p->fresh[p->fresh_count];
    int64_t fire = j->due_ms > p->now_ms ? j->due_ms : p->now_ms;
    int32_t app = sq_app_number(p->x, j->app, true, err);
    uint64_t seq = p->x->next_seq++;

    if (app < 0)
        return app;
    *f = (struct fresh){.job = j, .app = app};
    j->version = 1;
    j->attempt = 0;
    if (j->created_ms == 0)
        j->created_ms = p->now_ms;
    j->id = sq_make_id(fire, p->now_ms, seq);
    j->pos = sq_make_pos(fire, seq);
    p->near_count += sq_in_order(&p->x->sorted, j->id, j->pos);
    sq_app_delta(p->x, app)->pending++;
    p->fresh_count++;
    return 0;
}

static int add_order(struct put *p, struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < p->fresh_count; i++)
        p->refs[i] = (struct sq_ref){(uint64_t)p->fresh[i].job->pos, i};
    sq_radix(p->refs, p->refs + p->n, p->fresh_count);
    for (size_t i = 0; i < p->fresh_count && r == 0; i++) {
        struct fresh *f = &p->fresh[p->refs[i].i];
        struct sq_place at = {f->job->pos, f->job->id, f->app};

        r = sq_order_enter(p->x, &at, err);
        f->job->pos = at.pos;
    }
    return r;
}

static int add_fresh(struct put *p, struct err *err)
{
    int r = 0;

    if (p->near_count > 0)
        r = add_order(p, err);
    for (size_t i = 0; i < p->fresh_count; i++)
        p->refs[i] = (struct sq_ref){(uint64_t)p->fresh[i].job->id, i};
    sq_radix(p->refs, p->refs + p->n, p->fresh_count);
    for (size_t i = 0; i < p->fresh_count && r == 0; i++) {
        struct fresh *f = &p->fresh[p->refs[i].i];

        r = sq_row_write(p->x, f->job, f->app, err);
        if (r == 0) /* its id is taken */
            r = sq_row_renumber(p->x, f->job, f->app, p->now_ms, err);
        else if (r > 0)
            r = 0;
    }
    return r;
}

/* ---- one by one: a key that lives, or comes twice --------------------------- */

static int put_job(struct put *p, struct put_item *it, struct sq_row *live,
                   bool *alive, struct err *err)
{
    struct change c = {
        .kind = CHANGE_REPLACE, .content = it->job, .now_ms = p->now_ms};
    int r;

    if (!*alive) {
        r = sq_row_add(p->x, it->job, p->now_ms, err);
        if (r == 0)
            r = sq_row_get(p->x, it->job->id, NULL, live, err);
        *alive = r > 0;
        it->result = PUT_STORED;
        return r < 0 ? r : 0;
    }
    r = sq_change_row(p->x, &c, live, err);
    if (r < 0)
        return r;
    it->result = c.wish > 0 ? PUT_WISHED : PUT_REPLACED;
    it->job->id = live->id;
    it->job->pos = live->pos;
    it->job->version = live->version;
    return 0;
}

static int put_cancel(struct put *p, struct put_item *it, struct sq_row *live,
                      bool *alive, struct err *err)
{
    struct change c = {.kind = CHANGE_CANCEL, .now_ms = p->now_ms};
    int r;

    it->result = PUT_ABSENT;
    if (!*alive)
        return 0;
    r = sq_change_row(p->x, &c, live, err);
    if (r < 0)
        return r;
    it->result = c.wish > 0 ? PUT_WISHED : PUT_CANCELED;
    if (c.wish == 0)
        *alive = false;
    return 0;
}

/* All items of one key, in the order in which they came.  Sets the value of
 * names[0] to what the key stands for in the end. */
static int put_group(struct put *p, struct sq_name *names, size_t n,
                     struct err *err)
{
    struct span key = key_of(p->items[names[0].item]);
    struct sq_row live = {0};
    bool alive = false;
    int r;

    if (names[0].value > 0) {
        r = sq_row_get(p->x, names[0].value, &key, &live, err);
        if (r < 0)
            return r;
        alive = r > 0;
    }
    for (size_t i = 0; i < n; i++) {
        struct put_item *it = p->items[names[i].item];

        r = it->kind == PUT_CANCEL ? put_cancel(p, it, &live, &alive, err)
                                   : put_job(p, it, &live, &alive, err);
        if (r < 0)
            return r;
    }
    names[0].value = alive ? live.id : 0;
    return 0;
}

/* ---- all of them ------------------------------------------------------------ */

/* Collects the names of items with a key; those without go to fresh. */
static int sort_out(struct put *p, size_t *ret, struct err *err)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++) {
        struct put_item *it = p->items[i];
        int r;

        if (it->result == PUT_DUPLICATE)
            continue;
        if (has_key(it)) {
            sq_name_hash(p->x, app_of(it), key_of(it), &p->names[n]);
            p->names[n++].item = (uint32_t)i;
            continue;
        }
        r = note_fresh(p, it->job, err);
        if (r < 0)
            return r;
    }
    *ret = n;
    return 0;
}

/* Splits the sorted names into groups of one key; what their keys stand for
 * now goes to the front of names. */
static int put_keys(struct put *p, size_t n, struct err *err)
{
    size_t len, changed = 0;
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i += len) {
        struct sq_name *first = &p->names[i];
        struct put_item *it = p->items[first->item];

        for (len = 1; i + len < n; len++) {
            if (first[len].hash != first->hash ||
                first[len].rest != first->rest)
                break;
        }
        if (len > 1 || first->value > 0 || it->kind == PUT_CANCEL) {
            int64_t before = first->value;

            r = put_group(p, first, len, err);
            if (first->value != before)
                p->names[changed++] = *first;
            continue;
        }
        r = note_fresh(p, it->job, err);
        first->value = ID_TO_COME;
        p->names[changed++] = *first;
    }
    if (r == 0)
        r = add_fresh(p, err);
    for (size_t i = 0; i < changed; i++) {
        if (p->names[i].value == ID_TO_COME)
            p->names[i].value = p->items[p->names[i].item]->job->id;
    }
    if (r == 0)
        r = sq_names_set(p->x, NAMES_KEYS, p->names, changed, err);
    return r;
}

int sq_put_items(struct sq_session *x, struct put_item *const *items, size_t n,
                 int64_t now_ms, struct err *err)
{
    struct put p = {.x = x, .items = items, .n = n, .now_ms = now_ms};
    size_t keys = 0;
    int r;

    if (n == 0)
        return 0;
    p.names = calloc(n, sizeof(*p.names));
    p.fresh = calloc(n, sizeof(*p.fresh));
    p.refs = malloc(2 * n * sizeof(*p.refs));
    if (p.names == NULL || p.fresh == NULL || p.refs == NULL) {
        r = err_again(err, -ENOMEM, "no memory for %zu jobs", n);
        goto out;
    }
    r = drop_repeats(&p, err);
    if (r == 0)
        r = sort_out(&p, &keys, err);
    if (r < 0)
        goto out;
    sq_names_sort(p.names, keys);
    r = sq_names_get(x, NAMES_KEYS, p.names, keys, err);
    if (r == 0)
        r = put_keys(&p, keys, err);
out:
    free(p.names);
    free(p.fresh);
    free(p.refs);
    return r;
}

/* ---- positions -------------------------------------------------------------- */

static sqlite3_stmt *position_stmt(struct sq_session *x, enum sql q,
                                   const struct store_position *p,
                                   struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, q, err);

    if (st != NULL) {
        (void)sqlite3_bind_text(st, 1, p->cluster, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(st, 2, p->source, -1, SQLITE_STATIC);
        (void)sqlite3_bind_text(st, 3, p->topic, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int(st, 4, p->partition);
    }
    return st;
}

int sq_position_move(struct sq_session *x, const struct store_position *p,
                     struct err *err)
{
    enum sql q = p->from < 0 ? SQL_POSITION_ADD : SQL_POSITION_MOVE;
    sqlite3_stmt *st = position_stmt(x, q, p, err);
    int r;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 5, p->next);
    if (q == SQL_POSITION_MOVE)
        (void)sqlite3_bind_int64(st, 6, p->from);
    r = sq_run(x, st, err);
    if (r == 0 && sqlite3_changes(x->db) != 1)
        r = err_set(err, -ESTALE,
                    "%s [%d] of source %s is not at %lld: "
                    "somebody else has moved it",
                    p->topic, p->partition, p->source, (long long)p->from);
    return r;
}

int sq_position_get(struct store_session *sx, struct store_position *p,
                    struct err *err)
{
    struct sq_session *x = sq_session(sx);
    sqlite3_stmt *st = position_stmt(x, SQL_POSITION_GET, p, err);
    int r;

    if (st == NULL)
        return -EIO;
    p->from = -1;
    r = sq_row(x, st, err);
    if (r > 0)
        p->from = sqlite3_column_int64(st, 0);
    p->next = p->from;
    (void)sqlite3_reset(st);
    return r < 0 ? r : 0;
}

int sq_put(struct store_session *sx, struct put_batch *b, struct err *err)
{
    struct sq_session *x = sq_session(sx);
    struct put_item **items;
    int r;

    items = calloc(b->count + 1, sizeof(struct put_item *));
    if (items == NULL)
        return err_again(err, -ENOMEM, "no memory for %zu jobs", b->count);
    for (size_t i = 0; i < b->count; i++)
        items[i] = &b->items[i];
    r = sq_begin(x, b->sync, err);
    for (size_t i = 0; r == 0 && i < b->position_count; i++)
        r = sq_position_move(x, &b->positions[i], err);
    if (r == 0)
        r = sq_put_items(x, items, b->count, b->now_ms, err);
    if (r == 0)
        r = sq_commit(x, NULL, err);
    else
        sq_rollback(x);
    free(items);
    return r;
}
