/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/jobs.c - jobs changed; see jobs.h.  A control lane's thread.
 */
#include "config.h"

#include "httpd/jobs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "httpd/show.h"

struct doing { /* how a change is spoken of */
    enum change_kind kind;
    const char *done;
    const char *late;
};

static const struct doing cancel = {
    CHANGE_CANCEL, "canceled",
    "too late to cancel: the job is running or done"};
static const struct doing reschedule = {
    CHANGE_RESCHEDULE, "rescheduled",
    "too late to reschedule: the job is running or done"};
static const struct doing run_now = {CHANGE_RUN, "due now",
                                     "the job is running or done already"};

/* What is known of the job afterwards. */
static void add_data(struct request *rq, const struct change *c)
{
    struct buf *out = &rq->out;

    if (c->job != NULL) {
        if (c->kind == CHANGE_CANCEL)
            c->job->state = JOB_CANCELED;
        show_job_fields(out, c->job);
        return;
    }
    if (c->id > 0)
        show_id(out, c->id);
    if (c->app != NULL)
        show_text(out, "app",
                  (struct span){c->app->text, strlen(c->app->text)});
    if (c->key.data != NULL)
        show_text(out, "key", c->key);
    if (c->kind == CHANGE_RESCHEDULE)
        show_time(out, "dueTime", c->due_ms);
}

static void answer_pending(struct request *rq, const struct change *c)
{
    request_envelope(rq, "accepted, not yet decided: look again", NULL);
    add_data(rq, c);
    if (c->id > 0)
        (void)snprintf(rq->location, sizeof(rq->location),
                       "/api/v1/jobs/%" PRId64, c->id);
    request_envelope_end(rq, 202);
}

static void answer_gone(struct request *rq, const struct change *c)
{
    if (c->id > 0)
        request_problem(rq, 404, "there is no live job %" PRId64, c->id);
    else
        request_problem(rq, 404, "app %s has no live job with this key",
                        c->app->text);
}

static void change(struct request *rq, struct change *c, const struct doing *d)
{
    enum verdict verdict = VERDICT_NONE;
    struct err err;
    int r;

    c->kind = d->kind;
    c->now_ms = clock_wall_ms();
    r = rq->house->change(rq->house->arg, c, &verdict, &err);
    if (r == -ENOENT)
        answer_gone(rq, c);
    else if (r < 0)
        request_error(rq, &err);
    else if (verdict == VERDICT_NONE)
        answer_pending(rq, c);
    else if (verdict == VERDICT_LATE)
        request_problem(rq, 409, "%s", d->late);
    else if (verdict == VERDICT_GONE)
        answer_gone(rq, c);
    else {
        request_envelope(rq, d->done, NULL);
        add_data(rq, c);
        request_envelope_end(rq, 200);
    }
    job_free(&c->job);
}

void jobs_cancel(struct request *rq)
{
    struct change c = {.id = rq->id};

    change(rq, &c, &cancel);
}

void jobs_cancel_key(struct request *rq)
{
    const char *key = uri_param(&rq->uri, "key");
    struct change c = {0};

    if (key == NULL || *key == '\0' || uri_param(&rq->uri, "app") == NULL) {
        request_problem(rq, 400, "app and key are needed");
        return;
    }
    if (request_app(rq, &c.app) < 0)
        return;
    c.key = (struct span){key, strlen(key)};
    change(rq, &c, &cancel);
}

void jobs_run(struct request *rq)
{
    struct change c = {.id = rq->id};

    change(rq, &c, &run_now);
}

/* {"scheduledTime": text or epoch ms, "version": n?} */
static int parse_reschedule(struct request *rq, const struct json *doc,
                            struct change *c, struct err *err)
{
    int64_t version = 0;
    size_t len;
    const char *text;
    int r = json_int64(doc, "version", &version);

    if ((r < 0 && r != -ENOENT) || version < 0 || version > UINT32_MAX)
        return err_set(err, -EINVAL, "version is not a version");
    c->version = (uint32_t)version;
    switch (json_kind(doc, "scheduledTime")) {
    case JSON_STRING:
        text = json_string(doc, "scheduledTime", &len);
        break;
    case JSON_NUMBER:
        text = json_raw(doc, "scheduledTime").data;
        len = json_raw(doc, "scheduledTime").len;
        break;
    case JSON_ABSENT:
    case JSON_NULL:
        return err_set(err, -EINVAL, "scheduledTime is missing");
    default:
        return err_set(err, -EINVAL,
                       "scheduledTime is neither a text nor a number");
    }
    r = request_parse_time(rq->house, text, len, &c->due_ms, err);
    return r < 0 ? err_wrap(err, "scheduledTime") : 0;
}

void jobs_reschedule(struct request *rq)
{
    struct change c = {.id = rq->id};
    struct json *doc = NULL;
    struct err err;
    int r = json_parse(rq->body.data != NULL ? rq->body.data : "", rq->body.len,
                       &doc, &err);

    if (r == 0)
        r = parse_reschedule(rq, doc, &c, &err);
    if (r < 0)
        request_error(rq, &err);
    else
        change(rq, &c, &reschedule);
    json_free(&doc);
}
