/* SPDX-License-Identifier: Apache-2.0
 *
 * store/store.c - picks the backend by url, checks what needs no database and
 * hands on.  No state, no thread of its own.
 */
#include "config.h"

#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/ops.h"

static const struct store_ops *const backends[] = {
    &store_sqlite,
#ifdef HAVE_MYSQL
    &store_mysql,
#endif
};

const struct store_ops *store_ops_of(const char *url, struct err *err)
{
    if (url == NULL) {
        (void)err_set(err, -EINVAL, "the store has no url");
        return NULL;
    }
    for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
        if (strncmp(url, backends[i]->scheme, strlen(backends[i]->scheme)) == 0)
            return backends[i];
    }
    /* The url is not repeated as a whole: it may hold a password. */
    (void)err_set(err, -ENOTSUP,
                  "store url \"%.*s:...\": this program has no such store, "
                  "try sqlite:PATH or mysql://...",
                  (int)strcspn(url, ":"), url);
    return NULL;
}

int store_open(const struct store_settings *set, struct store **ret,
               struct err *err)
{
    struct err own = {0};
    const struct store_ops *ops;

    err = err != NULL ? err : &own;
    ops = store_ops_of(set->url, err);
    return ops != NULL ? ops->open(set, ret, err) : err->code;
}

void store_close(struct store **ps)
{
    struct store *s = *ps;

    *ps = NULL;
    if (s != NULL)
        s->ops->close(s);
}

const char *store_backend(const struct store *s)
{
    return s->ops->name;
}

const char *store_id(const struct store *s)
{
    return s->id;
}

int store_session_open(struct store *s, bool writing,
                       struct store_session **ret, struct err *err)
{
    return s->ops->session_open(s, writing, ret, err);
}

void store_session_close(struct store_session **px)
{
    struct store_session *x = *px;

    *px = NULL;
    if (x != NULL)
        x->store->ops->session_close(x);
}

int store_job_check(const struct job *j, struct err *err)
{
    if (j == NULL || j->app == NULL)
        return err_set(err, -EINVAL, "a job without an app");
    if (j->key.len > STORE_KEY_MAX)
        return err_set(err, -EMSGSIZE, "the key has %zu bytes, at most %d fit",
                       j->key.len, STORE_KEY_MAX);
    if (j->payload.len > STORE_PAYLOAD_MAX)
        return err_set(err, -EMSGSIZE,
                       "the payload has %zu bytes, at most %d fit",
                       j->payload.len, STORE_PAYLOAD_MAX);
    if (j->headers.len > STORE_HEADERS_MAX)
        return err_set(err, -EMSGSIZE,
                       "the headers have %zu bytes, at most %d fit",
                       j->headers.len, STORE_HEADERS_MAX);
    if (j->due_ms < 0 || j->due_ms > STORE_DUE_MAX)
        return err_set(err, -EINVAL, "due time %lld is out of range",
                       (long long)j->due_ms);
    if (j->priority >= JOB_PRIORITIES)
        return err_set(err, -EINVAL, "priority %d is unknown", j->priority);
    return 0;
}

struct span store_error_cut(struct span text)
{
    const unsigned char *s = text.data;

    if (text.len <= STORE_ERROR_MAX)
        return text;
    text.len = STORE_ERROR_MAX;
    while (text.len > STORE_ERROR_MAX - 4 && (s[text.len] & 0xc0) == 0x80)
        text.len--;
    return text;
}

int store_put_check(const struct put_item *it, struct err *err)
{
    if (it->kind == PUT_JOB)
        return store_job_check(it->job, err);
    if (it->app == NULL || it->key.len == 0)
        return err_set(err, -EINVAL, "a cancel without an app and a key");
    return 0;
}

int store_put(struct store_session *x, struct put_batch *b, struct err *err)
{
    int r;

    assert(x->writing);
    for (size_t i = 0; i < b->count; i++) {
        r = store_put_check(&b->items[i], err);
        if (r < 0)
            return r;
    }
    return x->store->ops->put(x, b, err);
}

int store_position_get(struct store_session *x, struct store_position *p,
                       struct err *err)
{
    return x->store->ops->position_get(x, p, err);
}

int store_load_due(struct store_session *x, const struct load_request *q,
                   struct load_result *ret, struct err *err)
{
    assert(x->writing);
    list_init(&ret->jobs);
    ret->count = 0;
    ret->reached = q->after;
    return x->store->ops->load_due(x, q, ret, err);
}

int store_finish(struct store_session *x, struct finish_batch *b,
                 struct err *err)
{
    assert(x->writing);
    return x->store->ops->finish(x, b, err);
}

int store_mark_running(struct store_session *x, struct job **jobs, size_t n,
                       struct err *err)
{
    assert(x->writing);
    return x->store->ops->mark_running(x, jobs, n, err);
}

int store_change(struct store_session *x, struct change *c, struct err *err)
{
    int r;

    assert(x->writing);
    c->wish = 0;
    c->job = NULL;
    if (c->id == 0 && (c->app == NULL || c->key.len == 0))
        return err_set(err, -EINVAL, "a change of no job");
    if (c->kind < CHANGE_CANCEL || c->kind > CHANGE_RUN)
        return err_set(err, -EINVAL, "no such change");
    if (c->kind == CHANGE_RESCHEDULE &&
        (c->due_ms < 0 || c->due_ms > STORE_DUE_MAX))
        return err_set(err, -EINVAL, "due time %lld is out of range",
                       (long long)c->due_ms);
    if (c->kind == CHANGE_REPLACE) {
        r = store_job_check(c->content, err);
        if (r < 0)
            return r;
    }
    return x->store->ops->change(x, c, err);
}

void wish_free(struct wish **pw)
{
    struct wish *w = *pw;

    *pw = NULL;
    if (w == NULL)
        return;
    job_free(&w->content);
    free(w);
}

int store_wishes(struct store_session *x, int64_t after, size_t cap,
                 struct list *into, struct err *err)
{
    return x->store->ops->wishes(x, after, cap, into, err);
}

int store_decide(struct store_session *x, const struct wish *w, enum verdict v,
                 int64_t now_ms, struct job **ret_job, struct err *err)
{
    assert(x->writing && v != VERDICT_NONE);
    *ret_job = NULL;
    return x->store->ops->decide(x, w, v, now_ms, ret_job, err);
}

int store_verdict(struct store_session *x, int64_t number, enum verdict *ret,
                  struct err *err)
{
    return x->store->ops->verdict(x, number, ret, err);
}

int store_get(struct store_session *x, int64_t id, struct job **ret,
              struct err *err)
{
    return x->store->ops->get(x, id, ret, err);
}

int store_find(struct store_session *x, const struct app_name *app,
               struct span key, struct job **ret, struct err *err)
{
    return x->store->ops->find(x, app, key, ret, err);
}

int store_list(struct store_session *x, const struct list_filter *f,
               struct list *into, struct err *err)
{
    return x->store->ops->list(x, f, into, err);
}

int store_executions(struct store_session *x, const struct execution_query *q,
                     execution_fn *fn, void *arg, struct err *err)
{
    return x->store->ops->executions(x, q, fn, arg, err);
}

int store_history(struct store_session *x, struct history_walk *w,
                  execution_fn *fn, void *arg, struct err *err)
{
    if (x->store->ops->history == NULL)
        return err_set(err, -ENOTSUP, "a store %s cannot be walked through",
                       x->store->ops->name);
    return x->store->ops->history(x, w, fn, arg, err);
}

int store_counts(struct store_session *x, struct store_count *out, size_t cap,
                 struct err *err)
{
    return x->store->ops->counts(x, out, cap, err);
}

int64_t store_remembered(struct store *s)
{
    return s->ops->remembered == NULL ? -1 : s->ops->remembered(s);
}

int store_prune(struct store_session *x, int64_t now_ms, size_t rows,
                struct err *err)
{
    assert(x->writing);
    return x->store->ops->prune(x, now_ms, rows, err);
}

/* ---- slots.h ----------------------------------------------------------------- */

bool store_shared(const struct store *s)
{
    return s->ops->shared;
}

uint32_t store_shards(const struct store *s)
{
    return s->shards;
}

int store_slots(struct store_session *x, struct store_slot *out, size_t cap,
                struct err *err)
{
    return x->store->ops->slots(x, out, cap, err);
}

int store_shard_owners(struct store_session *x, int32_t *out, size_t cap,
                       struct err *err)
{
    return x->store->ops->shard_owners(x, out, cap, err);
}

int store_clock(struct store_session *x, int64_t *ret_ms, struct err *err)
{
    return x->store->ops->clock(x, ret_ms, err);
}

static int not_shared(const struct store_session *x, struct err *err)
{
    return err_set(err, -ENOTSUP, "a %s store has one instance at a time",
                   x->store->ops->name);
}

int store_claim(struct store_session *x, const struct store_slot *seen,
                struct store_slot *ret, struct err *err)
{
    assert(x->writing);
    if (!x->store->ops->shared)
        return not_shared(x, err);
    return x->store->ops->claim(x, seen, ret, err);
}

int store_beat(struct store_session *x, int32_t slot, int64_t epoch,
               struct err *err)
{
    if (!x->store->ops->shared)
        return not_shared(x, err);
    return x->store->ops->beat(x, slot, epoch, err);
}

int store_verify(struct store_session *x, struct store_slot *ret,
                 struct err *err)
{
    assert(x->writing);
    return x->store->ops->verify(x, ret, err);
}

int store_ledger_begin(struct store_session *x, int64_t pos, int64_t seq,
                       struct err *err)
{
    assert(x->writing && pos >= 0 && seq >= 0);
    return x->store->ops->ledger_begin(x, pos, seq, err);
}

int store_acquire(struct store_session *x, const struct shard_set *want,
                  size_t most, job_pos loaded, struct shard_set *ret,
                  struct err *err)
{
    assert(x->writing);
    if (!x->store->ops->shared)
        return not_shared(x, err);
    *ret = (struct shard_set){{0}};
    return x->store->ops->acquire(x, want, most, loaded, ret, err);
}

int store_release(struct store_session *x, const struct shard_set *shards,
                  struct err *err)
{
    assert(x->writing);
    if (!x->store->ops->shared)
        return not_shared(x, err);
    return x->store->ops->release(x, shards, err);
}

int store_vacate(struct store_session *x, bool keep, struct err *err)
{
    assert(x->writing);
    if (!x->store->ops->shared)
        return not_shared(x, err);
    return x->store->ops->vacate(x, keep, err);
}
