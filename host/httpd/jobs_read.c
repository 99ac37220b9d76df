/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/jobs_read.c - jobs looked at; see jobs.h.  A read lane's thread.
 */
#include "config.h"

#include "httpd/jobs.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "httpd/show.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX 1000
#define LIST_PAYLOAD_MAX ((size_t)16 << 10) /* longer ones are left out */
#define CHUNK_FIRST 32
#define CHUNK_BYTES ((size_t)4 << 20) /* of jobs in memory, about */
#define JOB_EXECUTIONS_MAX 1000

/* ---- lists --------------------------------------------------------------- */

static int parse_state(struct request *rq, int *ret)
{
    const char *text = uri_param(&rq->uri, "state");
    enum job_state state;

    *ret = -1;
    if (text == NULL)
        return 0;
    if (job_state_parse(text, &state) < 0) {
        request_problem(rq, 400,
                        "state=%.64s: it is one of CREATED, SCHEDULED, "
                        "RUNNING",
                        text);
        return -EINVAL;
    }
    *ret = (int)state;
    return 0;
}

static int parse_filter(struct request *rq, struct list_filter *f)
{
    int64_t limit;

    memset(f, 0, sizeof(*f));
    if (parse_state(rq, &f->state) < 0 ||
        request_time(rq, "due_from", 0, &f->due_from) < 0 ||
        request_time(rq, "due_to", INT64_MAX, &f->due_to) < 0 ||
        request_number(rq, "after", 0, INT64_MAX, 0, &f->after) < 0 ||
        request_number(rq, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &limit) < 0)
        return -EINVAL;
    f->cap = (size_t)limit;
    return request_app(rq, &f->app);
}

struct chunk { /* what one call of store_list() gave */
    size_t jobs, bytes;
    job_pos last;
};

static void show_chunk(struct buf *out, struct list *jobs, struct chunk *c)
{
    struct list *e;

    memset(c, 0, sizeof(*c));
    while ((e = list_pop(jobs)) != NULL) {
        struct job *j = list_of(e, struct job, link);

        show_job(out, j, LIST_PAYLOAD_MAX);
        c->jobs++;
        c->bytes += job_size(j);
        c->last = j->pos;
        job_free(&j);
    }
}

/* Reads f->cap jobs in chunks, so that a page of huge payloads is never in
 * memory at once.  Returns whether there may be more. */
static int list_page(struct request *rq, struct store_session *x,
                     struct list_filter *f, bool *ret_more, struct err *err)
{
    size_t left = f->cap, ask = CHUNK_FIRST;
    struct chunk c;
    int r;

    do {
        struct list jobs;

        list_init(&jobs);
        f->cap = ask < left ? ask : left;
        r = store_list(x, f, &jobs, err);
        show_chunk(&rq->out, &jobs, &c);
        if (r < 0)
            return r;
        if (c.jobs > 0) {
            f->after = c.last;
            ask = CHUNK_BYTES / (c.bytes / c.jobs + 1) + 1;
        }
        left -= c.jobs < left ? c.jobs : left;
    } while (left > 0 && c.jobs == f->cap);
    *ret_more = c.jobs == f->cap;
    return 0;
}

/* A key is unique within its app: at most one. */
static void list_key(struct request *rq, struct store_session *x,
                     const struct list_filter *f, const char *key)
{
    struct job *j = NULL;
    struct err err;
    int r;

    if (f->app == NULL) {
        request_problem(rq, 400, "key needs app: a key is an app's own");
        return;
    }
    r = store_find(x, f->app, (struct span){key, strlen(key)}, &j, &err);
    if (r < 0 && r != -ENOENT) {
        request_error(rq, &err);
        return;
    }
    buf_adds(&rq->out, "{\"jobs\":[");
    if (j != NULL && (f->state < 0 || f->state == j->state) &&
        j->pos > f->after && j->due_ms >= f->due_from && j->due_ms < f->due_to)
        show_job(&rq->out, j, LIST_PAYLOAD_MAX);
    buf_adds(&rq->out, "],\"next\":null}");
    job_free(&j);
    request_answer(rq, 200);
}

void jobs_list(struct request *rq)
{
    const char *key = uri_param(&rq->uri, "key");
    struct store_session *x;
    struct list_filter f;
    struct err err;
    bool more;

    if (parse_filter(rq, &f) < 0 || request_session(rq, &x) < 0)
        return;
    if (key != NULL) {
        list_key(rq, x, &f, key);
        return;
    }
    buf_adds(&rq->out, "{\"jobs\":[");
    if (list_page(rq, x, &f, &more, &err) < 0) {
        request_error(rq, &err);
        return;
    }
    if (more)
        buf_addf(&rq->out, "],\"next\":\"%" PRId64 "\"}", f.after);
    else
        buf_adds(&rq->out, "],\"next\":null}");
    request_answer(rq, 200);
}

/* ---- one ----------------------------------------------------------------- */

struct ended { /* the last execution of a job that is no longer live */
    struct buf *out;
    size_t start; /* where the object begins in out */
    bool any;
};

/* Each later one replaces the one before it. */
static void keep_last(void *arg, const struct execution *e)
{
    enum job_state state = show_state(e->outcome);
    struct ended *last = arg;
    struct buf *out = last->out;

    if (out->failed != 0)
        return;
    /* A failed attempt leaves the job live: it was canceled afterwards. */
    if (state == JOB_FAILED)
        state = JOB_CANCELED;
    last->any = true;
    out->len = last->start;
    buf_addc(out, '{');
    show_id(out, e->job_id);
    buf_adds(out, ",\"app\":");
    buf_add_json(out, e->app, strlen(e->app));
    show_text(out, "key",
              (struct span){e->key.len > 0 ? e->key.data : NULL, e->key.len});
    buf_addf(out, ",\"state\":\"%s\",\"version\":%u,\"attempt\":%u",
             job_state_name(state), e->version, e->attempt);
    show_time(out, "scheduledTime", e->scheduled_ms);
    show_time(out, "endedAt", e->finished_ms);
    show_text(
        out, "errorMessage",
        (struct span){e->error.len > 0 ? e->error.data : NULL, e->error.len});
    buf_addc(out, '}');
}

void jobs_get(struct request *rq)
{
    const struct execution_query q = {.id = rq->id, .cap = JOB_EXECUTIONS_MAX};
    struct ended last = {.out = &rq->out};
    struct store_session *x;
    struct job *j = NULL;
    struct err err;
    int r;

    if (request_session(rq, &x) < 0)
        return;
    r = store_get(x, rq->id, &j, &err);
    if (r == 0) {
        show_job(&rq->out, j, 0);
        job_free(&j);
        request_answer(rq, 200);
        return;
    }
    if (r == -ENOENT)
        r = store_executions(x, &q, keep_last, &last, &err);
    if (r < 0)
        request_error(rq, &err);
    else if (last.any)
        request_answer(rq, 200);
    else
        request_problem(rq, 404, "there is no job %" PRId64, rq->id);
}

static void add_execution(void *arg, const struct execution *e)
{
    show_execution(arg, e);
}

/* None: an empty list for a live job, else 404. */
static bool is_live(struct request *rq, struct store_session *x)
{
    struct job *j = NULL;
    struct err err;
    int r = store_get(x, rq->id, &j, &err);

    job_free(&j);
    if (r == -ENOENT)
        request_problem(rq, 404, "there is no job %" PRId64, rq->id);
    else if (r < 0)
        request_error(rq, &err);
    return r == 0;
}

void jobs_executions(struct request *rq)
{
    const struct execution_query q = {.id = rq->id, .cap = JOB_EXECUTIONS_MAX};
    struct store_session *x;
    struct err err;
    size_t empty;

    if (request_session(rq, &x) < 0)
        return;
    buf_adds(&rq->out, "{\"executions\":[");
    empty = rq->out.len;
    if (store_executions(x, &q, add_execution, &rq->out, &err) < 0) {
        request_error(rq, &err);
        return;
    }
    if (rq->out.len == empty && !is_live(rq, x))
        return;
    buf_adds(&rq->out, "]}");
    request_answer(rq, 200);
}
