/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/show.c - jobs and executions as JSON; see show.h.
 */
#include "config.h"

#include "httpd/show.h"

#include <string.h>

#include "base/json.h"
#include "base/utf8.h"
#include "job/headers.h"
#include "job/when.h"

static void comma(struct buf *out)
{
    if (out->failed == 0 && out->len > 0 &&
        strchr("{[,", out->data[out->len - 1]) == NULL)
        buf_addc(out, ',');
}

static void name(struct buf *out, const char *n)
{
    comma(out);
    buf_add_json(out, n, strlen(n));
    buf_addc(out, ':');
}

void show_base64(struct buf *out, struct span data)
{
    static const char abc[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = data.data;

    for (size_t i = 0; i < data.len; i += 3) {
        size_t left = data.len - i;
        uint32_t v = (uint32_t)p[i] << 16;
        char four[4];

        if (left > 1)
            v |= (uint32_t)p[i + 1] << 8;
        if (left > 2)
            v |= p[i + 2];
        four[0] = abc[v >> 18];
        four[1] = abc[v >> 12 & 63];
        four[2] = left > 1 ? abc[v >> 6 & 63] : '=';
        four[3] = left > 2 ? abc[v & 63] : '=';
        buf_add(out, four, sizeof(four));
    }
}

void show_time(struct buf *out, const char *n, int64_t ms)
{
    char text[25];

    when_format_utc(ms, text);
    name(out, n);
    buf_addf(out, "\"%s\",\"%sMs\":", text, n);
    buf_addi(out, ms);
}

static void add_base64(struct buf *out, const char *n, struct span data)
{
    comma(out);
    buf_addf(out, "\"%sBase64\":\"", n);
    show_base64(out, data);
    buf_addc(out, '"');
}

void show_text(struct buf *out, const char *n, struct span text)
{
    if (text.data == NULL) {
        name(out, n);
        buf_adds(out, "null");
    } else if (utf8_valid(text.data, text.len)) {
        name(out, n);
        buf_add_json(out, text.data, text.len);
    } else {
        add_base64(out, n, text);
    }
}

void show_id(struct buf *out, int64_t id)
{
    name(out, "jobId");
    buf_addc(out, '"');
    buf_addi(out, id);
    buf_addc(out, '"');
}

/* ---- payloads ------------------------------------------------------------ */

static struct span trimmed(struct span s)
{
    const char *p = s.data;
    size_t from = 0, to = s.len;

    while (from < to && strchr(" \t\r\n", p[from]) != NULL && p[from] != '\0')
        from++;
    while (to > from && strchr(" \t\r\n", p[to - 1]) != NULL &&
           p[to - 1] != '\0')
        to--;
    return (struct span){p + from, to - from};
}

/* A value of any kind: is it the one member of an object made around it? */
static bool is_json_value(struct span s)
{
    struct buf b = BUF_INIT(s.len + 16);
    struct json *doc = NULL;
    bool yes = false;

    buf_adds(&b, "{\"v\":");
    buf_add(&b, s.data, s.len);
    buf_addc(&b, '}');
    if (buf_ok(&b) == 0 && json_parse(b.data, b.len, &doc, NULL) == 0)
        yes = json_raw(doc, "v").len == s.len;
    json_free(&doc);
    buf_done(&b);
    return yes;
}

static bool is_json(struct span s)
{
    struct json *doc = NULL;

    if (s.len == 0)
        return false;
    if (*(const char *)s.data != '{')
        return is_json_value(s);
    if (json_parse(s.data, s.len, &doc, NULL) < 0)
        return false;
    json_free(&doc);
    return true;
}

static void add_payload(struct buf *out, struct span payload, size_t max)
{
    struct span text;

    if (payload.data == NULL) {
        name(out, "payload");
        buf_adds(out, "null");
        return;
    }
    if (max > 0 && payload.len > max) {
        name(out, "payloadBytes");
        buf_addi(out, (int64_t)payload.len);
        return;
    }
    text = trimmed(payload);
    if (is_json(text)) {
        name(out, "payload");
        buf_add(out, text.data, text.len);
    } else {
        add_base64(out, "payload", payload);
    }
}

static void add_headers(struct buf *out, struct span encoded)
{
    struct headers_iter it;
    struct span n, v;

    if (encoded.len == 0)
        return;
    name(out, "headers");
    buf_addc(out, '[');
    headers_begin(&it, encoded);
    while (headers_next(&it, &n, &v) == 1) {
        comma(out);
        buf_addc(out, '{');
        show_text(out, "name", n);
        show_text(out, "value", v);
        buf_addc(out, '}');
    }
    buf_addc(out, ']');
}

/* ---- records ------------------------------------------------------------- */

void show_job_rest(struct buf *out, const struct job *j)
{
    name(out, "app");
    buf_add_json(out, j->app->text, strlen(j->app->text));
    show_text(out, "key",
              (struct span){j->key.len > 0 ? j->key.data : NULL, j->key.len});
    buf_addf(out, ",\"state\":\"%s\",\"priority\":\"%s\"",
             job_state_name((enum job_state)j->state),
             job_priority_name((enum job_priority)j->priority));
    show_time(out, "scheduledTime", j->scheduled_ms);
    show_time(out, "dueTime", j->due_ms);
    show_time(out, "createdAt", j->created_ms);
}

void show_job_fields(struct buf *out, const struct job *j)
{
    show_id(out, j->id);
    buf_addf(out, ",\"version\":%u,\"attempt\":%u", j->version, j->attempt);
    show_job_rest(out, j);
}

void show_job(struct buf *out, const struct job *j, size_t payload_max)
{
    comma(out);
    buf_addc(out, '{');
    show_job_fields(out, j);
    if (j->redelivered)
        buf_adds(out, ",\"redelivered\":true");
    add_payload(out, j->payload, payload_max);
    if (payload_max == 0)
        add_headers(out, j->headers);
    buf_addc(out, '}');
}

enum job_state show_state(enum outcome_kind k)
{
    switch (k) {
    case OUTCOME_DONE:
        return JOB_SUCCESS;
    case OUTCOME_DEAD:
        return JOB_DEAD;
    case OUTCOME_SKIPPED:
        return JOB_CANCELED;
    case OUTCOME_RETRY:
        break;
    }
    return JOB_FAILED;
}

void show_execution(struct buf *out, const struct execution *e)
{
    comma(out);
    buf_addc(out, '{');
    show_id(out, e->job_id);
    name(out, "app");
    buf_add_json(out, e->app, strlen(e->app));
    show_text(out, "key",
              (struct span){e->key.len > 0 ? e->key.data : NULL, e->key.len});
    buf_addf(out, ",\"version\":%u,\"attemptNumber\":%u,\"status\":\"%s\"",
             e->version, e->attempt, job_state_name(show_state(e->outcome)));
    show_time(out, "scheduledTime", e->scheduled_ms);
    show_time(out, "startTime", e->started_ms);
    show_time(out, "endTime", e->finished_ms);
    name(out, "durationMs");
    buf_addi(out, e->finished_ms - e->started_ms);
    show_text(
        out, "errorMessage",
        (struct span){e->error.len > 0 ? e->error.data : NULL, e->error.len});
    buf_addc(out, '}');
}

void show_history(struct buf *out, const struct execution *e)
{
    comma(out);
    buf_addc(out, '{');
    show_id(out, e->job_id);
    buf_addf(out, ",\"version\":%u,\"attemptNumber\":%u,\"status\":\"%s\"",
             e->version, e->attempt, job_state_name(show_state(e->outcome)));
    buf_adds(out, ",\"endTimeMs\":");
    buf_addi(out, e->finished_ms);
    name(out, "app");
    buf_add_json(out, e->app, strlen(e->app));
    show_text(out, "key",
              (struct span){e->key.len > 0 ? e->key.data : NULL, e->key.len});
    buf_addc(out, '}');
}
