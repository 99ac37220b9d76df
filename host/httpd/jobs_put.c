/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/jobs_put.c - jobs created; see jobs.h.  The put lane's one thread.
 *
 * What many connections brought while the last batch was being stored goes to
 * the store together: one synced commit for all of it.
 */
#include "config.h"

#include "httpd/jobs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "httpd/show.h"

struct entry { /* one request of the batch; parallel to items and ids */
    struct request *rq;
    struct buf rest; /* the job's members that are known before it is stored */
};

struct batch {
    struct entry entry[JOBS_PUT_MAX];
    struct put_item item[JOBS_PUT_MAX];
    struct put_ids ids[JOBS_PUT_MAX];
    size_t n;
};

static void drop_entry(struct batch *b, size_t i)
{
    buf_done(&b->entry[i].rest);
    job_free(&b->item[i].job);
}

/* Decodes rq into the next entry; negative: answered. */
static int add(struct batch *b, struct request *rq)
{
    const struct httpd_house *house = rq->house;
    struct put_item *item = &b->item[b->n];
    struct entry *e = &b->entry[b->n];
    struct err err;
    int r;

    memset(item, 0, sizeof(*item));
    memset(&b->ids[b->n], 0, sizeof(b->ids[0]));
    *e = (struct entry){.rq = rq, .rest = BUF_INIT(REQUEST_OUT_MAX)};
    r = house->decode(
        house->arg,
        (struct span){rq->body.data != NULL ? rq->body.data : "", rq->body.len},
        item, &err);
    if (r == 0 && (item->kind != PUT_JOB || item->job == NULL))
        r = err_set(&err, -EINVAL, "the request holds no job");
    if (r < 0) {
        request_error(rq, &err);
        drop_entry(b, b->n);
        return r;
    }
    if (rq->idempotency[0] != '\0')
        item->idempotency =
            (struct span){rq->idempotency, strlen(rq->idempotency)};
    show_job_rest(&e->rest, item->job);
    b->n++;
    return 0;
}

/* ---- answers ------------------------------------------------------------- */

struct outcome_row {
    enum put_result result;
    unsigned status;
    const char *message;
};

static const struct outcome_row rows[] = {
    {PUT_STORED, 201, "Job created successfully"},
    {PUT_REPLACED, 200, "the live job with this key was replaced"},
    {PUT_WISHED, 202, "accepted: the live job with this key will be replaced"},
    {PUT_DUPLICATE, 200, "this request was accepted before"},
};

static const struct outcome_row *row_of(enum put_result result)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].result == result)
            return &rows[i];
    }
    return NULL;
}

static void answer(struct entry *e, enum put_result result,
                   const struct put_ids *ids)
{
    const struct outcome_row *row = row_of(result);
    struct request *rq = e->rq;

    if (row == NULL) {
        request_problem(rq, 500, "the store answered %d", (int)result);
        return;
    }
    request_envelope(rq, row->message,
                     result == PUT_DUPLICATE ? "duplicate" : NULL);
    if (ids->id > 0) {
        show_id(&rq->out, ids->id);
        buf_addf(&rq->out, ",\"version\":%u,", ids->version);
        (void)snprintf(rq->location, sizeof(rq->location),
                       "/api/v1/jobs/%" PRId64, ids->id);
    } else {
        buf_adds(&rq->out, "\"jobId\":null,");
    }
    if (buf_ok(&e->rest) < 0)
        rq->out.failed = e->rest.failed;
    buf_add(&rq->out, e->rest.data, e->rest.len);
    request_envelope_end(rq, row->status);
}

/* ---- storing ------------------------------------------------------------- */

/* Stores n entries from `from` on and answers them, if it can be done. */
static int store(struct batch *b, size_t from, size_t n, struct err *err)
{
    const struct httpd_house *house = b->entry[from].rq->house;
    int r = house->put(house->arg, &b->item[from], n, &b->ids[from], err);

    for (size_t i = from; i < from + n && r >= 0; i++)
        answer(&b->entry[i], b->item[i].result, &b->ids[i]);
    return r < 0 ? r : 0;
}

/* One that cannot be stored must not take others with it: then each alone. */
static void store_all(struct batch *b)
{
    struct err err;
    int r = store(b, 0, b->n, &err);
    bool alone = r < 0 && !err.retry && b->n > 1;

    for (size_t i = 0; i < b->n && r < 0; i++) {
        if (alone && store(b, i, 1, &err) == 0)
            continue;
        request_error(b->entry[i].rq, &err);
    }
}

static void put_list(struct batch *b, struct list *requests,
                     void (*answered)(struct request *rq))
{
    struct list *e;

    b->n = 0;
    while (b->n < JOBS_PUT_MAX && (e = list_pop(requests)) != NULL) {
        struct request *rq = list_of(e, struct request, link);

        if (add(b, rq) < 0)
            answered(rq);
    }
    if (b->n > 0)
        store_all(b);
    for (size_t i = 0; i < b->n; i++) {
        drop_entry(b, i);
        answered(b->entry[i].rq);
    }
}

void jobs_put_all(struct lane *l, struct list *requests,
                  struct store_session **session)
{
    struct batch *b = malloc(sizeof(*b));
    struct list *e;

    (void)session;
    while (b != NULL && !list_empty(requests))
        put_list(b, requests, l->answered);
    while (b == NULL && (e = list_pop(requests)) != NULL) {
        struct request *rq = list_of(e, struct request, link);

        request_problem(rq, 503, "no memory");
        l->answered(rq);
    }
    free(b);
}
