/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/request.c - how a request is answered; see request.h.
 *
 * Touched by whichever thread has the request at the moment.
 */
#include "config.h"

#include "httpd/request.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "job/when.h"

#define RETRY_AFTER_S 1

/* ---- answers ------------------------------------------------------------- */

const char *request_phrase(unsigned status)
{
    static const struct {
        unsigned status;
        const char *phrase;
    } rows[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {413, "Content Too Large"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].status == status)
            return rows[i].phrase;
    }
    return "Error";
}

void request_answer(struct request *rq, unsigned status)
{
    rq->status = status;
    if (rq->type == NULL)
        rq->type = "application/json";
    if (buf_ok(&rq->out) == 0)
        return;
    buf_done(&rq->out);
    request_problem(rq, 500, "the answer does not fit into memory");
}

void request_add_report(struct buf *out, const char *report)
{
    const char *sep = "";

    buf_adds(out, "\"report\":[");
    while (*report != '\0') {
        size_t n = strcspn(report, "\n");

        if (n > 0) {
            buf_adds(out, sep);
            buf_add_json(out, report, n);
            sep = ",";
        }
        report += n + (report[n] == '\n');
    }
    buf_addc(out, ']');
}

void request_refused(struct request *rq, unsigned status, const char *detail,
                     const char *report)
{
    const char *title = request_phrase(status);

    buf_reset(&rq->out);
    buf_adds(&rq->out, "{\"type\":\"about:blank\",\"title\":");
    buf_add_json(&rq->out, title, strlen(title));
    buf_addf(&rq->out, ",\"status\":%u,\"detail\":", status);
    buf_add_json(&rq->out, detail, strlen(detail));
    if (rq->target != NULL) {
        buf_adds(&rq->out, ",\"instance\":");
        buf_add_json(&rq->out, rq->target, strcspn(rq->target, "?"));
    }
    if (report != NULL) {
        buf_addc(&rq->out, ',');
        request_add_report(&rq->out, report);
    }
    buf_addc(&rq->out, '}');
    rq->location[0] = '\0';
    rq->type = "application/problem+json";
    rq->status = status;
    if (status == 503 && rq->retry_after == 0)
        rq->retry_after = RETRY_AFTER_S;
}

void request_problem(struct request *rq, unsigned status, const char *fmt, ...)
{
    char detail[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(detail, sizeof(detail), fmt, ap);
    va_end(ap);
    request_refused(rq, status, detail, NULL);
}

void request_error(struct request *rq, const struct err *err)
{
    unsigned status = 500;

    if (err->retry || err->code == -EBUSY || err->code == -EAGAIN)
        status = 503;
    else if (err->code == -EINVAL)
        status = 400;
    else if (err->code == -ENOENT)
        status = 404;
    else if (err->code == -EMSGSIZE)
        status = 413;
    else if (err->code == -ESTALE || err->code == -EEXIST)
        status = 409;
    request_problem(rq, status, "%s", err->text);
}

void request_envelope(struct request *rq, const char *message, const char *flag)
{
    buf_reset(&rq->out);
    buf_adds(&rq->out, "{\"success\":true,");
    if (flag != NULL)
        buf_addf(&rq->out, "\"%s\":true,", flag);
    buf_adds(&rq->out, "\"message\":");
    buf_add_json(&rq->out, message, strlen(message));
    buf_adds(&rq->out, ",\"data\":{");
}

void request_envelope_end(struct request *rq, unsigned status)
{
    char when[25];

    when_format_utc(clock_wall_ms(), when);
    buf_addf(&rq->out, "},\"timestamp\":\"%s\"}", when);
    request_answer(rq, status);
}

static int open_session(struct request *rq, struct err *err)
{
    assert(rq->session != NULL);
    if (*rq->session != NULL)
        return 0;
    return store_session_open(rq->house->store, false, rq->session, err);
}

int request_session(struct request *rq, struct store_session **ret)
{
    struct err err;
    int r = open_session(rq, &err);

    if (r < 0)
        request_error(rq, &err);
    else
        *ret = *rq->session;
    return r;
}

int request_counts(struct request *rq, struct store_count *out, size_t cap,
                   struct err *err)
{
    int r = open_session(rq, err);

    return r < 0 ? r : store_counts(*rq->session, out, cap, err);
}

/* ---- parameters ---------------------------------------------------------- */

/* Digits, with a '-' in front or not. */
static int parse_number(const char *s, int64_t *ret)
{
    char *end;
    long long v;

    if (strspn(s, "-0123456789") != strlen(s))
        return -EINVAL;
    errno = 0;
    v = strtoll(s, &end, 10);
    if (end == s || *end != '\0' || errno != 0)
        return -EINVAL;
    *ret = v;
    return 0;
}

int request_number(struct request *rq, const char *name, int64_t min,
                   int64_t max, int64_t def, int64_t *ret)
{
    const char *text = uri_param(&rq->uri, name);

    if (text == NULL) {
        *ret = def;
        return 0;
    }
    if (parse_number(text, ret) == 0 && *ret >= min && *ret <= max)
        return 0;
    request_problem(
        rq, 400, "%s=%.64s is not a whole number from %" PRId64 " to %" PRId64,
        name, text, min, max);
    return -EINVAL;
}

int request_parse_time(const struct httpd_house *house, const char *text,
                       size_t len, int64_t *ret, struct err *err)
{
    char digits[24];

    if (len < sizeof(digits)) {
        memcpy(digits, text, len);
        digits[len] = '\0';
        if (strlen(digits) == len && len > 0 &&
            parse_number(digits, ret) == 0) {
            if (*ret >= 0 && *ret <= job_pos_ms(JOB_POS_MAX))
                return 0;
            return err_set(err, -EINVAL, "%s is out of range", digits);
        }
    }
    if (house->when != NULL)
        return house->when(house->arg, (struct span){text, len}, ret, err);
    return when_parse(text, len, NULL, ret, err);
}

int request_time(struct request *rq, const char *name, int64_t def,
                 int64_t *ret)
{
    const char *text = uri_param(&rq->uri, name);
    struct err err;

    if (text == NULL) {
        *ret = def;
        return 0;
    }
    if (request_parse_time(rq->house, text, strlen(text), ret, &err) == 0)
        return 0;
    request_problem(rq, 400, "%s=%.64s is not a time: %s", name, text,
                    err.text);
    return -EINVAL;
}

/* An app that is no longer configured but has jobs or history; NULL without
 * one.  Only names that the store has are interned. */
static int stored_app(struct request *rq, const char *name,
                      const struct app_name **ret)
{
    struct store_count *counts = calloc(REQUEST_APPS_MAX, sizeof(*counts));
    struct err err;
    int n;

    if (counts == NULL)
        n = err_again(&err, -ENOMEM, "no memory");
    else
        n = request_counts(rq, counts, REQUEST_APPS_MAX, &err);
    if (n < 0)
        request_error(rq, &err);
    for (int i = 0; counts != NULL && i < n && *ret == NULL; i++) {
        if (strcmp(counts[i].app, name) == 0)
            *ret = app_name_s(name);
    }
    free(counts);
    return n < 0 ? n : 0;
}

int request_app(struct request *rq, const struct app_name **ret)
{
    const char *name = uri_param(&rq->uri, "app");
    const struct httpd_house *house = rq->house;
    int r;

    *ret = NULL;
    if (name == NULL)
        return 0;
    if (house->known_app != NULL)
        *ret = house->known_app(house->arg, name, strlen(name));
    if (*ret != NULL)
        return 0;
    r = stored_app(rq, name, ret);
    if (r == 0 && *ret == NULL) {
        r = -ENOENT;
        request_problem(rq, 404, "there is no app \"%.64s\"", name);
    }
    return r;
}
