/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/put.c - jobs in; see put.h.  The writing session's thread.
 *
 * A batch goes through in steps, each a few statements for the whole batch:
 * idempotency keys are accepted, job keys are entered, the jobs of new keys
 * (nearly all) are written in bulk, and the few that meet a live job are done
 * one by one.
 */
#include "config.h"

#include "store/mysql/put.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "store/mysql/change.h"
#include "store/mysql/names.h"
#include "store/mysql/wish.h"

struct put { /* one call's work */
    struct md_session *x;
    struct put_item *const *items;
    size_t n;
    int64_t now_ms;
    int64_t *ids;          /* n: what each item's job is to be */
    bool *entered;         /* n: the row of names for its key is made */
    struct md_name *names; /* n */
    struct md_name *heads; /* n: one for each different name */
    struct job **fresh;    /* n: to be written in bulk */
    size_t fresh_count;
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

/* How many of the sorted names from i on are the same. */
static size_t group_len(const struct md_name *names, size_t i, size_t n)
{
    size_t len = 1;

    while (i + len < n && md_name_same(&names[i], &names[i + len]))
        len++;
    return len;
}

/* ---- repeats -------------------------------------------------------------------- */

/* Marks repeats PUT_DUPLICATE; expired ones are accepted anew. */
static int judge_repeats(struct put *p, size_t heads, struct err *err)
{
    int64_t since = p->now_ms - p->x->st->idempotency_ms;
    size_t expired = 0;

    for (size_t i = 0; i < heads; i++) {
        struct md_name *h = &p->heads[i];

        if (h->there && h->accepted > 0 && h->accepted > since)
            p->items[h->item]->result = PUT_DUPLICATE;
        else if (h->there)
            p->heads[expired++] = *h;
        else
            p->entered[h->item] = has_key(p->items[h->item]) &&
                                  span_eq(key_of(p->items[h->item]),
                                          p->items[h->item]->idempotency);
    }
    return md_names_accept(p->x, p->heads, expired, p->now_ms, err);
}

static int drop_repeats(struct put *p, struct err *err)
{
    size_t n = 0, heads = 0;
    int r;

    for (size_t i = 0; i < p->n; i++) {
        struct put_item *it = p->items[i];

        it->result = PUT_STORED;
        p->entered[i] = false;
        if (it->idempotency.len == 0)
            continue;
        md_name_hash(p->x->st, app_of(it), it->idempotency, &p->names[n]);
        p->names[n++].item = (uint32_t)i;
    }
    if (n == 0)
        return 0;
    md_names_sort(p->names, n);
    for (size_t i = 0, len; i < n; i += len) {
        struct md_name *h = &p->heads[heads++];

        len = group_len(p->names, i, n);
        *h = p->names[i];
        h->accepted = p->now_ms > 0 ? p->now_ms : 1;
        h->id = p->ids[h->item];
        for (size_t k = 1; k < len; k++)
            p->items[p->names[i + k].item]->result = PUT_DUPLICATE;
    }
    r = md_names_add(p->x, p->heads, heads, err);
    return r < 0 ? r : judge_repeats(p, heads, err);
}

/* ---- new jobs, in bulk ------------------------------------------------------------ */

static void note_fresh(struct put *p, size_t item)
{
    struct job *j = p->items[item]->job;
    int64_t fire = j->due_ms > p->now_ms ? j->due_ms : p->now_ms;

    j->version = 1;
    j->attempt = 0;
    if (j->created_ms == 0)
        j->created_ms = p->now_ms;
    j->id = p->ids[item];
    j->pos = md_pos_of(fire, j->id);
    j->shard = md_is_near(p->x, fire, p->now_ms) ? md_shard_near(p->x)
                                                 : md_shard_far(p->x);
    md_app_delta(p->x, md_app_known(p->x, j->app))->pending++;
    p->fresh[p->fresh_count++] = j;
}

static int by_place(const void *pa, const void *pb)
{
    const struct job *a = *(struct job *const *)pa;
    const struct job *b = *(struct job *const *)pb;

    if (a->shard != b->shard)
        return a->shard < b->shard ? -1 : 1;
    return a->pos < b->pos ? -1 : a->pos > b->pos;
}

/* Others' shards: their owners are told of what lies where they have looked
 * already. */
static int tell_owners(struct put *p, struct err *err)
{
    struct md_shard shards[STORE_SHARDS_MOST];
    struct shard_set foreign = {{0}};
    struct job **late = p->fresh; /* in place */
    size_t n = 0;
    int r;

    for (size_t i = 0; i < p->fresh_count; i++) {
        if (!shard_in(&p->x->owned, p->fresh[i]->shard))
            shard_add(&foreign, p->fresh[i]->shard);
    }
    if (shard_count(&foreign) == 0)
        return 0;
    r = md_shards_lock(p->x, &foreign, shards, err);
    for (size_t i = 0; i < p->fresh_count && r == 0; i++) {
        struct job *j = p->fresh[i];

        if (shard_in(&foreign, j->shard) && shards[j->shard].owned &&
            j->pos <= shards[j->shard].loaded)
            late[n++] = j;
    }
    return r < 0 ? r : md_wish_add_loads(p->x, late, n, p->now_ms, err);
}

static int add_fresh(struct put *p, struct err *err)
{
    int r;

    if (p->fresh_count == 0)
        return 0;
    qsort(p->fresh, p->fresh_count, sizeof(struct job *), by_place);
    r = md_rows_write(p->x, p->fresh, p->fresh_count, err);
    return r < 0 ? r : tell_owners(p, err);
}

/* ---- one by one: a key that lives, or comes twice ------------------------------------ */

static int put_job(struct put *p, struct put_item *it, int64_t id,
                   struct md_row *live, bool *alive, struct err *err)
{
    struct change c = {
        .kind = CHANGE_REPLACE, .content = it->job, .now_ms = p->now_ms};
    int r;

    if (!*alive) {
        struct put one = *p;

        it->result = PUT_STORED;
        r = md_row_add(p->x, it->job, id, p->now_ms, live, err);
        one.fresh = &it->job;
        one.fresh_count = 1;
        *alive = r == 0;
        return r < 0 ? r : tell_owners(&one, err);
    }
    r = md_change_row(p->x, &c, live, err);
    if (r < 0)
        return r;
    it->result = c.wish > 0 ? PUT_WISHED : PUT_REPLACED;
    it->job->id = live->id;
    it->job->pos = live->pos;
    it->job->shard = live->shard;
    it->job->version = live->version;
    return 0;
}

static int put_cancel(struct put *p, struct put_item *it, struct md_row *live,
                      bool *alive, struct err *err)
{
    struct change c = {.kind = CHANGE_CANCEL, .now_ms = p->now_ms};
    int r;

    it->result = PUT_ABSENT;
    if (!*alive)
        return 0;
    r = md_change_row(p->x, &c, live, err);
    if (r < 0)
        return r;
    it->result = c.wish > 0 ? PUT_WISHED : PUT_CANCELED;
    if (c.wish == 0)
        *alive = false;
    return 0;
}

/* All items of one key, in the order in which they came; id is the last job
 * that had the key.  *ret_id: the one that has it in the end. */
static int put_group(struct put *p, const struct md_name *names, size_t n,
                     int64_t id, int64_t *ret_id, struct err *err)
{
    const struct put_item *first = p->items[names[0].item];
    struct job *j = NULL;
    struct md_row live = {0};
    bool alive = false;
    int r = 0;

    if (id != 0) {
        r = md_job_get(p->x, id, true, &j, &live, err);
        alive =
            r > 0 && j->app == app_of(first) && span_eq(j->key, key_of(first));
        job_free(&j);
    }
    for (size_t i = 0; i < n && r >= 0; i++) {
        struct put_item *it = p->items[names[i].item];

        r = it->kind == PUT_CANCEL
                ? put_cancel(p, it, &live, &alive, err)
                : put_job(p, it, p->ids[names[i].item], &live, &alive, err);
    }
    *ret_id = alive ? live.id : 0;
    return r < 0 ? r : 0;
}

/* ---- all of them ------------------------------------------------------------------------ */

/* Collects the names of items whose keys have to be looked at; the others are
 * fresh. */
static size_t sort_out(struct put *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++) {
        struct put_item *it = p->items[i];

        if (it->result == PUT_DUPLICATE)
            continue;
        if (!has_key(it)) {
            note_fresh(p, i);
            continue;
        }
        md_name_hash(p->x->st, app_of(it), key_of(it), &p->names[n]);
        p->names[n++].item = (uint32_t)i;
    }
    md_names_sort(p->names, n);
    return n;
}

/* A new key, as far as we can tell without asking: just entered by us. */
static bool known_new(const struct put *p, const struct md_name *name,
                      size_t len)
{
    return len == 1 && p->entered[name->item] &&
           p->items[name->item]->kind == PUT_JOB;
}

static bool only_cancels(const struct put *p, const struct md_name *names,
                         size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (p->items[names[i].item]->kind != PUT_CANCEL)
            return false;
    }
    return true;
}

/* One head for each key that has to be looked up (cancels) or entered. */
static size_t pick_heads(struct put *p, size_t n, bool cancels)
{
    size_t heads = 0;

    for (size_t i = 0, len; i < n; i += len) {
        struct md_name *h = &p->heads[heads];

        len = group_len(p->names, i, n);
        if (only_cancels(p, &p->names[i], len) != cancels)
            continue;
        if (known_new(p, &p->names[i], len)) {
            note_fresh(p, p->names[i].item);
            continue;
        }
        *h = p->names[i];
        h->accepted = 0;
        h->id = p->ids[h->item];
        h->item = (uint32_t)i; /* where the group is */
        heads++;
    }
    return heads;
}

/* Does the groups of the heads; those whose names now stand for another job go
 * to the front of heads. */
static int put_heads(struct put *p, size_t heads, size_t n, struct err *err)
{
    size_t changed = 0;
    int r = 0;

    for (size_t i = 0; i < heads && r == 0; i++) {
        struct md_name h = p->heads[i];
        const struct md_name *group = &p->names[h.item];
        size_t len = group_len(p->names, h.item, n);
        int64_t id = 0;

        if (len == 1 && !h.there && p->items[group->item]->kind == PUT_JOB) {
            note_fresh(p, group->item);
            continue;
        }
        r = put_group(p, group, len, h.there ? h.id : 0, &id, err);
        if (id == 0 || id == h.id)
            continue;
        h.id = id;
        p->heads[changed++] = h;
    }
    return r < 0 ? r : md_names_point(p->x, p->heads, changed, err);
}

static int put_keys(struct put *p, size_t n, struct err *err)
{
    size_t heads = pick_heads(p, n, false);
    int r = md_names_add(p->x, p->heads, heads, err);

    if (r == 0)
        r = put_heads(p, heads, n, err);
    if (r < 0)
        return r;
    heads = pick_heads(p, n, true);
    r = md_names_get(p->x, p->heads, heads, true, err);
    return r < 0 ? r : put_heads(p, heads, n, err);
}

int md_put_prepare(struct md_session *x, struct put_item *const *items,
                   size_t n, uint64_t *ret_seq, struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < n && r >= 0; i++)
        r = md_app_number(x, app_of(items[i]), true, err);
    return r < 0 ? r : md_ids_draw(x, n, ret_seq, err);
}

static void done(struct put *p)
{
    free(p->ids);
    free(p->entered);
    free(p->names);
    free(p->heads);
    free(p->fresh);
}

int md_put_items(struct md_session *x, const struct md_puts *what,
                 struct err *err)
{
    size_t n = what->n;
    struct put p = {
        .x = x, .items = what->items, .n = n, .now_ms = what->now_ms};
    int r;

    if (n == 0)
        return 0;
    p.ids = calloc(n, sizeof(*p.ids));
    p.entered = calloc(n, sizeof(*p.entered));
    p.names = calloc(n, sizeof(*p.names));
    p.heads = calloc(n, sizeof(*p.heads));
    p.fresh = calloc(n, sizeof(struct job *));
    if (p.ids == NULL || p.entered == NULL || p.names == NULL ||
        p.heads == NULL || p.fresh == NULL) {
        done(&p);
        return err_again(err, -ENOMEM, "no memory for %zu jobs", n);
    }
    for (size_t i = 0; i < n; i++) {
        const struct put_item *it = p.items[i];
        int64_t due = it->kind == PUT_JOB ? it->job->due_ms : 0;

        p.ids[i] = md_id_make(due > p.now_ms ? due : p.now_ms, what->seq + i);
    }
    r = drop_repeats(&p, err);
    if (r == 0)
        r = put_keys(&p, sort_out(&p), err);
    if (r == 0)
        r = add_fresh(&p, err);
    done(&p);
    return r;
}
