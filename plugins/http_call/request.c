/* SPDX-License-Identifier: Apache-2.0
 *
 * request.c - the call of one job, from the templates; any thread.
 */
#include "config.h"

#include "http_call/http_call.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define PARENT_LEN 55 /* 00-<32>-<16>-<2> */

struct making {
    struct attempt *a;
    const struct jobdata *d;
    struct text line; /* a header */
    char *why;
    size_t len;
};

static int no_memory(struct making *m)
{
    (void)snprintf(m->why, m->len, "out of memory");
    return -ENOMEM;
}

/* What stands in m->line becomes a header. */
static int add_line(struct making *m)
{
    struct curl_slist *more;

    if (m->line.failed)
        return no_memory(m);
    more = curl_slist_append(m->a->call.headers, m->line.at);
    text_clear(&m->line);
    if (more == NULL)
        return no_memory(m);
    m->a->call.headers = more;
    return 0;
}

static int add_header(struct making *m, const char *name, const char *value)
{
    text_addf(&m->line, "%s: %s", name, value);
    return add_line(m);
}

/* ---- the trace ---------------------------------------------------------------- */

static bool is_hex(const char *at, size_t len)
{
    return strspn(at, "0123456789abcdef") >= len;
}

/* The caller's trace of the job's headers, when it is one. */
static bool given_trace(const struct ontime_job *job, char trace[33],
                        char flags[3])
{
    for (size_t i = 0; i < job->header_count; i++) {
        const struct ontime_header *h = &job->headers[i];
        char v[PARENT_LEN + 1];

        if (strcmp(h->name, "traceparent") != 0 || h->value.data == NULL ||
            h->value.len != PARENT_LEN)
            continue;
        memcpy(v, h->value.data, PARENT_LEN);
        v[PARENT_LEN] = '\0';
        if (strncmp(v, "00-", 3) != 0 || !is_hex(v + 3, 32) || v[35] != '-' ||
            !is_hex(v + 36, 16) || v[52] != '-' || !is_hex(v + 53, 2) ||
            strspn(v + 3, "0") >= 32)
            continue;
        memcpy(trace, v + 3, 32);
        memcpy(flags, v + 53, 2);
        return true;
    }
    return false;
}

static void put_hex(char *out, const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        (void)snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* W3C trace context: the job's trace, or one of its own; a new span. */
static int add_trace(struct making *m)
{
    char trace[33] = "", flags[3] = "01", span[17];
    unsigned char random[24];

    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return 0; /* then without */
    random[0] |= 1;
    random[16] |= 1; /* all zero is none */
    if (!given_trace(m->d->job, trace, flags))
        put_hex(trace, random, 16);
    put_hex(span, random + 16, 8);
    text_addf(&m->line, "traceparent: 00-%.32s-%s-%.2s", trace, span, flags);
    return add_line(m);
}

/* ---- all of it ------------------------------------------------------------------ */

static int make_headers(struct making *m)
{
    const struct http_call_app *app = m->a->app;
    const char *type = m->a->call.body != NULL ? app->content_type : NULL;
    int r = add_header(m, "Expect", "");

    if (r == 0 && type != NULL)
        r = add_header(m, "Content-Type", type);
    if (r == 0 && app->authorization != NULL)
        r = add_header(m, "Authorization", app->authorization);
    if (r == 0 && app->idempotency_header[0] != '\0')
        r = add_header(m, app->idempotency_header, m->d->job->idempotency_key);
    if (r == 0 && app->traceparent)
        r = add_trace(m);
    for (size_t i = 0; r == 0 && i < app->header_count; i++) {
        size_t before;

        text_addf(&m->line, "%s: ", app->header[i].name);
        before = m->line.len;
        r = template_render(app->header[i].value, m->d, &m->line, m->why,
                            m->len);
        if (r == 0 && m->line.len == before) {
            text_clear(&m->line); /* "Name;" is how libcurl sends it empty */
            text_addf(&m->line, "%s;", app->header[i].name);
        }
        if (r == 0)
            r = add_line(m);
    }
    return r;
}

static int make_method(struct making *m)
{
    struct text t = {0};
    int r = template_render(m->a->app->method, m->d, &t, m->why, m->len);

    if (r == 0 && (t.len == 0 || t.len >= sizeof(m->a->method) ||
                   strspn(t.at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != t.len)) {
        (void)snprintf(m->why, m->len, "no HTTP method");
        r = -EINVAL;
    }
    if (r == 0) {
        memcpy(m->a->method, t.at, t.len + 1);
        m->a->call.method = m->a->method;
    }
    text_free(&t);
    return r;
}

static int make_url(struct making *m)
{
    struct text t = {0};
    int r = template_render(m->a->app->url, m->d, &t, m->why, m->len);

    if (r == 0) {
        text_adds(&t, "");
        if (t.at == NULL || t.failed)
            r = no_memory(m);
        else if (strlen(t.at) != t.len) {
            (void)snprintf(m->why, m->len, "a NUL in the URL");
            r = -EINVAL;
        }
    }
    if (r == 0)
        m->a->call.url = text_take(&t);
    text_free(&t);
    return r;
}

static int make_body(struct making *m)
{
    const struct ontime_job *job = m->d->job;
    struct text t = {0};
    int r = 0;

    if (strcmp(m->a->method, "GET") == 0 || strcmp(m->a->method, "HEAD") == 0)
        return 0;
    if (m->a->app->body != NULL)
        r = template_render(m->a->app->body, m->d, &t, m->why, m->len);
    else if (job->payload.data != NULL)
        text_add(&t, job->payload.data, job->payload.len);
    if (r == 0 && t.failed)
        r = no_memory(m);
    if (r == 0) {
        m->a->call.body_len = t.len;
        m->a->call.body = text_take(&t);
    }
    text_free(&t);
    return r;
}

int request_make(struct attempt *a, const struct ontime_job *job, char *why,
                 size_t len)
{
    struct jobdata d;
    struct making m = {.a = a, .d = &d, .why = why, .len = len};
    int r = jobdata_read(&d, &a->app->fields, job, why, len);

    if (r == 0)
        r = make_method(&m);
    if (r == 0)
        r = make_url(&m);
    if (r == 0)
        r = make_body(&m);
    if (r == 0)
        r = make_headers(&m);
    text_free(&m.line);
    return r;
}
