/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/ops.c - what operators ask; see ops.h.
 */
#include "config.h"

#include "httpd/ops.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "httpd/show.h"
#include "metrics/metrics.h"
#include "store/slots.h"

#define LIMIT_DEFAULT 100
#define LIMIT_MAX 1000
#define HISTORY_MAX 10000

void ops_metrics(struct request *rq)
{
    if (metrics_render(&rq->out) < 0) {
        request_problem(rq, 500, "the metrics do not fit into memory");
        return;
    }
    rq->type = "text/plain; version=0.0.4; charset=utf-8";
    request_answer(rq, 200);
}

void ops_live(struct request *rq)
{
    buf_adds(&rq->out, "{\"status\":\"UP\"}");
    request_answer(rq, 200);
}

void ops_ready(struct request *rq)
{
    const struct httpd_house *house = rq->house;
    char why[256] = "";

    if (house->ready(house->arg, why, sizeof(why))) {
        ops_live(rq);
        return;
    }
    buf_adds(&rq->out, "{\"status\":\"DOWN\",\"reason\":");
    buf_add_json(&rq->out, why, strlen(why));
    buf_addc(&rq->out, '}');
    rq->retry_after = 1;
    request_answer(rq, 503);
}

void ops_status(struct request *rq)
{
    int r = rq->house->status(rq->house->arg, &rq->out);

    if (r < 0)
        request_problem(rq, 500, "no status: %s", err_name(-r));
    else
        request_answer(rq, 200);
}

/* Nothing when the store is away: the apps themselves are worth seeing then. */
static void add_counts(struct request *rq)
{
    struct store_count *counts = calloc(REQUEST_APPS_MAX, sizeof(*counts));
    struct buf *out = &rq->out;
    int n = -ENOMEM;

    if (counts != NULL)
        n = request_counts(rq, counts, REQUEST_APPS_MAX, NULL);
    if (n >= 0)
        buf_adds(out, ",\"counts\":[");
    for (int i = 0; i < n; i++) {
        const struct store_count *c = &counts[i];

        buf_adds(out, i > 0 ? ",{\"app\":" : "{\"app\":");
        buf_add_json(out, c->app, strlen(c->app));
        buf_addf(out,
                 ",\"pending\":%" PRId64 ",\"succeeded\":%" PRId64
                 ",\"dead\":%" PRId64 ",\"canceled\":%" PRId64
                 ",\"retried\":%" PRId64 "}",
                 c->pending, c->succeeded, c->dead, c->canceled, c->retried);
    }
    if (n >= 0)
        buf_addc(out, ']');
    free(counts);
}

void ops_apps(struct request *rq)
{
    int r;

    buf_adds(&rq->out, "{\"apps\":");
    r = rq->house->apps(rq->house->arg, &rq->out);
    add_counts(rq);
    buf_addc(&rq->out, '}');
    if (r < 0)
        request_problem(rq, 500, "no apps: %s", err_name(-r));
    else
        request_answer(rq, 200);
}

void ops_reload(struct request *rq)
{
    char *report = NULL;
    struct err err;
    int r = rq->house->reload(rq->house->arg, &report, &err);

    if (r == 0) {
        request_envelope(rq, "reloaded", NULL);
        request_add_report(&rq->out, report != NULL ? report : "");
        request_envelope_end(rq, 200);
    } else if (err.retry) {
        request_error(rq, &err);
    } else if (r == -EBUSY) {
        request_refused(rq, 409, err.text, report);
    } else {
        request_refused(rq, 422, err.text, report != NULL ? report : "");
    }
    free(report);
}

void ops_accept_ledger_loss(struct request *rq)
{
    const struct httpd_house *house = rq->house;
    struct err err = {0};
    int64_t slot;
    int r;

    if (request_number(rq, "slot", 0, STORE_SLOTS_MOST - 1, 0, &slot) < 0)
        return;
    if (house->accept_ledger_loss == NULL) {
        request_problem(rq, 404, "this house has no ledger");
        return;
    }
    r = house->accept_ledger_loss(house->arg, (int32_t)slot, &err);
    if (r == -EALREADY) {
        request_problem(rq, 409, "%s", err.text);
    } else if (r < 0) {
        request_error(rq, &err);
    } else {
        request_envelope(rq, "accepted", NULL);
        request_envelope_end(rq, 200);
    }
}

static void add_execution(void *arg, const struct execution *e)
{
    show_execution(arg, e);
}

void ops_executions(struct request *rq)
{
    struct execution_query q = {0};
    struct store_session *x;
    struct err err;
    int64_t limit;

    if (request_number(rq, "limit", 1, LIMIT_MAX, LIMIT_DEFAULT, &limit) < 0 ||
        request_app(rq, &q.app) < 0 || request_session(rq, &x) < 0)
        return;
    q.cap = (size_t)limit;
    buf_adds(&rq->out, "{\"executions\":[");
    if (store_executions(x, &q, add_execution, &rq->out, &err) < 0) {
        request_error(rq, &err);
        return;
    }
    buf_adds(&rq->out, "]}");
    request_answer(rq, 200);
}

/* ---- the whole history --------------------------------------------------- */

static void add_history(void *arg, const struct execution *e)
{
    show_history(arg, e);
}

/* "0-4711", as given out as `next`. */
static int parse_place(struct request *rq, int64_t at[2])
{
    const char *text = uri_param(&rq->uri, "after");
    char *end;

    if (text == NULL)
        return 0;
    errno = 0;
    at[0] = strtoll(text, &end, 10);
    if (end > text && end[0] == '-' && end[1] >= '0' && end[1] <= '9') {
        at[1] = strtoll(end + 1, &end, 10);
        if (*end == '\0' && errno == 0 && at[0] >= 0)
            return 0;
    }
    request_problem(rq, 400, "after=%.64s is not a \"next\" of a page before",
                    text);
    return -EINVAL;
}

void ops_history(struct request *rq)
{
    struct history_walk w = {.cap = 0};
    struct store_session *x;
    struct err err;
    int64_t limit;

    if (request_number(rq, "limit", 1, HISTORY_MAX, LIMIT_MAX, &limit) < 0 ||
        request_time(rq, "from", 0, &w.from) < 0 ||
        request_time(rq, "to", INT64_MAX, &w.to) < 0 ||
        parse_place(rq, w.at) < 0 || request_app(rq, &w.app) < 0 ||
        request_session(rq, &x) < 0)
        return;
    w.cap = (size_t)limit;
    buf_adds(&rq->out, "{\"executions\":[");
    if (store_history(x, &w, add_history, &rq->out, &err) < 0) {
        request_error(rq, &err);
        return;
    }
    if (w.end)
        buf_adds(&rq->out, "],\"next\":null}");
    else
        buf_addf(&rq->out, "],\"next\":\"%" PRId64 "-%" PRId64 "\"}", w.at[0],
                 w.at[1]);
    request_answer(rq, 200);
}
