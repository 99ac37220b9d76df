/* SPDX-License-Identifier: Apache-2.0
 *
 * support/fakehouse.c - a house and a store for httpd's tests; see
 * fakehouse.h.  Any thread.
 */
#include "config.h"

#include "fakehouse.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

struct store { /* never looked into: a fakehouse */
    int none;
};

struct store_session {
    struct fakehouse *f;
};

/* ---- the store ----------------------------------------------------------- */

static struct fakehouse *of_store(struct store *s)
{
    return (struct fakehouse *)(void *)s;
}

static int away(struct fakehouse *f, struct err *err)
{
    bool is;

    pthread_mutex_lock(&f->mtx);
    is = f->store_away;
    pthread_mutex_unlock(&f->mtx);
    return is ? err_again(err, -EIO, "the store is away") : 0;
}

int store_session_open(struct store *s, bool writing,
                       struct store_session **ret, struct err *err)
{
    struct fakehouse *f = of_store(s);
    int r = away(f, err);

    assert(!writing);
    if (r < 0)
        return r;
    *ret = calloc(1, sizeof(**ret));
    assert(*ret != NULL);
    (*ret)->f = f;
    pthread_mutex_lock(&f->mtx);
    f->sessions++;
    pthread_mutex_unlock(&f->mtx);
    return 0;
}

void store_session_close(struct store_session **px)
{
    struct store_session *x = *px;

    *px = NULL;
    if (x == NULL)
        return;
    pthread_mutex_lock(&x->f->mtx);
    x->f->sessions--;
    pthread_mutex_unlock(&x->f->mtx);
    free(x);
}

static struct job *copy(const struct job *j)
{
    struct job_text text = {j->key, j->payload, j->headers};
    struct job *c = job_new(j->app, &text);

    assert(c != NULL);
    c->id = j->id;
    c->pos = j->pos;
    c->due_ms = j->due_ms;
    c->scheduled_ms = j->scheduled_ms;
    c->created_ms = j->created_ms;
    c->version = j->version;
    c->state = j->state;
    return c;
}

int store_get(struct store_session *x, int64_t id, struct job **ret,
              struct err *err)
{
    int r = away(x->f, err);

    for (size_t i = 0; i < x->f->jobs && r == 0; i++) {
        if (x->f->job[i]->id != id)
            continue;
        *ret = copy(x->f->job[i]);
        return 0;
    }
    return r < 0 ? r : err_set(err, -ENOENT, "no such live job");
}

int store_find(struct store_session *x, const struct app_name *app,
               struct span key, struct job **ret, struct err *err)
{
    int r = away(x->f, err);

    for (size_t i = 0; i < x->f->jobs && r == 0; i++) {
        if (x->f->job[i]->app != app || !span_eq(x->f->job[i]->key, key))
            continue;
        *ret = copy(x->f->job[i]);
        return 0;
    }
    return r < 0 ? r : err_set(err, -ENOENT, "no such live job");
}

int store_list(struct store_session *x, const struct list_filter *f,
               struct list *into, struct err *err)
{
    struct fakehouse *house = x->f;
    int r = away(house, err);
    size_t n = 0;

    for (size_t i = 0; i < house->jobs && n < f->cap && r == 0; i++) {
        const struct job *j = house->job[i];

        if (j->pos <= f->after || (f->app != NULL && f->app != j->app) ||
            (f->state >= 0 && f->state != j->state) ||
            j->due_ms < f->due_from || j->due_ms >= f->due_to)
            continue;
        list_push(into, &copy(j)->link);
        n++;
    }
    pthread_mutex_lock(&house->mtx);
    house->lists++;
    if (n > house->list_most)
        house->list_most = n;
    pthread_mutex_unlock(&house->mtx);
    return r;
}

int store_executions(struct store_session *x, const struct execution_query *q,
                     execution_fn *fn, void *arg, struct err *err)
{
    int r = away(x->f, err);
    size_t n = 0;

    for (size_t i = 0; i < x->f->executions && n < q->cap && r == 0; i++) {
        const struct execution *e = &x->f->execution[i];

        if ((q->id > 0 && e->job_id != q->id) ||
            (q->app != NULL && strcmp(q->app->text, e->app) != 0))
            continue;
        fn(arg, e);
        n++;
    }
    return r;
}

int store_history(struct store_session *x, struct history_walk *w,
                  execution_fn *fn, void *arg, struct err *err)
{
    int r = away(x->f, err);
    size_t n = 0;

    while (r == 0 && (size_t)w->at[1] < x->f->executions && n < w->cap) {
        const struct execution *e = &x->f->execution[w->at[1]++];

        n++;
        if ((w->app == NULL || strcmp(w->app->text, e->app) == 0) &&
            e->finished_ms >= w->from && e->finished_ms < w->to)
            fn(arg, e);
    }
    w->end = (size_t)w->at[1] >= x->f->executions;
    return r;
}

int store_counts(struct store_session *x, struct store_count *out, size_t cap,
                 struct err *err)
{
    int r = away(x->f, err);

    assert(cap > 0);
    if (r < 0)
        return r;
    memset(out, 0, sizeof(*out));
    out->app = "retired"; /* no longer configured */
    out->pending = 3;
    out->dead = 1;
    return 1;
}

/* ---- the house ----------------------------------------------------------- */

static const struct app_name *known_app(void *arg, const char *name, size_t len)
{
    (void)arg;
    return len == 4 && memcmp(name, "demo", 4) == 0 ? app_name_s("demo") : NULL;
}

static int status(void *arg, struct buf *json)
{
    (void)arg;
    return buf_adds(json, "{\"version\":\"0\"}");
}

static int apps(void *arg, struct buf *json)
{
    (void)arg;
    return buf_adds(json, "[{\"name\":\"demo\"}]");
}

/* {"appName": "demo", "n": due ms}; the idempotency key is "from-body". */
static int decode(void *arg, struct span body, struct put_item *item,
                  struct err *err)
{
    static const char payload[] = "{\"a\":1}";
    struct job_text text = {{"k", 1}, {payload, sizeof(payload) - 1}, {0}};
    struct json *doc = NULL;
    int64_t due = 0;
    int r = json_parse(body.data, body.len, &doc, err);

    (void)arg;
    if (r < 0)
        return r;
    if (json_int64(doc, "n", &due) < 0)
        r = err_set(err, -EINVAL, "scheduledTime is missing");
    json_free(&doc);
    if (r < 0)
        return r;
    item->kind = PUT_JOB;
    item->job = job_new(app_name_s("demo"), &text);
    assert(item->job != NULL);
    item->job->due_ms = item->job->scheduled_ms = due;
    item->idempotency = (struct span){"from-body", 9};
    return 0;
}

/* One that is due at 13 can never be stored. */
static int fail_put(struct fakehouse *f, const struct put_item *items, size_t n,
                    struct err *err)
{
    if (f->put_code != 0)
        return f->put_retry ? err_again(err, f->put_code, "the store is away")
                            : err_set(err, f->put_code, "it does not fit");
    for (size_t i = 0; i < n; i++) {
        if (items[i].job->due_ms == 13)
            return err_set(err, -EMSGSIZE, "one is too large");
    }
    return 0;
}

static int put(void *arg, struct put_item *items, size_t n, struct put_ids *ids,
               struct err *err)
{
    struct fakehouse *f = arg;
    int r;

    pthread_mutex_lock(&f->mtx);
    f->put_waiting++;
    pthread_cond_broadcast(&f->moved);
    while (f->hold)
        pthread_cond_wait(&f->moved, &f->mtx);
    f->put_waiting--;
    f->puts++;
    if (n > f->put_most)
        f->put_most = n;
    r = fail_put(f, items, n, err);
    for (size_t i = 0; i < n && r == 0; i++) {
        (void)snprintf(f->idempotency, sizeof(f->idempotency), "%.*s",
                       (int)items[i].idempotency.len,
                       (const char *)items[i].idempotency.data);
        f->put_items++;
        items[i].result = f->put_result;
        if (f->put_result != PUT_STORED && f->put_result != PUT_REPLACED)
            continue;
        ids[i].id = f->next_id++;
        ids[i].version = 1;
        job_free(&items[i].job);
    }
    pthread_mutex_unlock(&f->mtx);
    return r;
}

static int change(void *arg, struct change *c, enum verdict *ret_verdict,
                  struct err *err)
{
    struct fakehouse *f = arg;
    int r = 0;

    pthread_mutex_lock(&f->mtx);
    f->change = *c;
    (void)snprintf(f->change_key, sizeof(f->change_key), "%.*s",
                   (int)c->key.len,
                   c->key.data != NULL ? (const char *)c->key.data : "");
    if (f->change_code != 0)
        r = f->change_retry
                ? err_again(err, f->change_code, "the store is away")
                : err_set(err, f->change_code, "no");
    else if (f->give_job)
        c->job = copy(f->job[0]);
    if (r == 0)
        *ret_verdict = f->verdict;
    pthread_mutex_unlock(&f->mtx);
    return r;
}

static int reload(void *arg, char **ret_report, struct err *err)
{
    struct fakehouse *f = arg;
    int r = 0;

    pthread_mutex_lock(&f->mtx);
    f->reloads++;
    *ret_report = f->report != NULL ? strdup(f->report) : NULL;
    if (f->reload_code != 0)
        r = f->reload_retry ? err_again(err, f->reload_code, "later")
                            : err_set(err, f->reload_code, "refused");
    pthread_mutex_unlock(&f->mtx);
    return r;
}

static bool ready(void *arg, char *why, size_t whylen)
{
    struct fakehouse *f = arg;
    bool yes;

    pthread_mutex_lock(&f->mtx);
    yes = f->why == NULL;
    if (!yes)
        (void)snprintf(why, whylen, "%s", f->why);
    pthread_mutex_unlock(&f->mtx);
    return yes;
}

/* ---- for tests ----------------------------------------------------------- */

void fakehouse_init(struct fakehouse *f)
{
    memset(f, 0, sizeof(*f));
    pthread_mutex_init(&f->mtx, NULL);
    pthread_cond_init(&f->moved, NULL);
    f->next_id = INT64_C(9007199254740993);
    f->verdict = VERDICT_OK;
    f->put_result = PUT_STORED;
}

void fakehouse_done(struct fakehouse *f)
{
    assert(f->sessions == 0);
    for (size_t i = 0; i < f->jobs; i++)
        job_free(&f->job[i]);
    pthread_cond_destroy(&f->moved);
    pthread_mutex_destroy(&f->mtx);
}

struct httpd_house fakehouse_of(struct fakehouse *f)
{
    return (struct httpd_house){
        .store = (struct store *)(void *)f,
        .known_app = known_app,
        .status = status,
        .apps = apps,
        .decode = decode,
        .put = put,
        .change = change,
        .reload = reload,
        .ready = ready,
        .arg = f,
    };
}

void fakehouse_add(struct fakehouse *f, int64_t id, const char *key,
                   const void *payload, size_t len)
{
    struct job_text text = {{key, strlen(key)}, {payload, len}, {0}};
    struct job *j = job_new(app_name_s("demo"), &text);

    assert(j != NULL && f->jobs < FAKE_JOBS);
    j->id = id;
    j->due_ms = j->scheduled_ms = id;
    j->pos = job_pos_at(id);
    f->job[f->jobs++] = j;
}

void fakehouse_hold(struct fakehouse *f, bool hold)
{
    pthread_mutex_lock(&f->mtx);
    f->hold = hold;
    pthread_cond_broadcast(&f->moved);
    pthread_mutex_unlock(&f->mtx);
}

void fakehouse_await_put(struct fakehouse *f)
{
    pthread_mutex_lock(&f->mtx);
    while (f->put_waiting == 0)
        pthread_cond_wait(&f->moved, &f->mtx);
    pthread_mutex_unlock(&f->mtx);
}
