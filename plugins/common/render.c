/* SPDX-License-Identifier: Apache-2.0
 *
 * render.c - filling templates in; see template.h.
 */
#include "config.h"

#include "common/template.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/parts.h"

struct filling {
    const struct template *t;
    const struct jobdata *d;
    struct text *out;
    char *why;
    size_t len;
};

static int refuse(const struct filling *f, const struct part *p,
                  const char *what)
{
    (void)snprintf(f->why, f->len, "jobData's %s %s", p->name, what);
    return -EINVAL;
}

int jobdata_read(struct jobdata *d, const struct fields *fields,
                 const struct ontime_job *job, char *why, size_t len)
{
    const char *what = NULL;

    d->job = job;
    if (fields->count == 0 && !fields->payload)
        return 0;
    for (size_t i = 0; i < fields->count; i++)
        d->member[i].name = fields->name[i];
    if (flat_read(job->payload.data, job->payload.len, d->member, fields->count,
                  &what) == 0)
        return 0;
    (void)snprintf(why, len, "jobData cannot be read: %s", what);
    return -EINVAL;
}

/* Follows "b.c" from m into objects; FLAT_ABSENT where there is none. */
static struct flat_member descend(struct flat_member m, const char *path)
{
    while (path != NULL && m.kind == FLAT_OBJECT) {
        const char *dot = strchr(path, '.'), *why;
        size_t n = dot != NULL ? (size_t)(dot - path) : strlen(path);
        char name[FIELD_NAME_MAX];
        struct flat_member inner = {.name = name};

        if (n >= sizeof(name))
            break;
        memcpy(name, path, n);
        name[n] = '\0';
        if (flat_read(m.at, m.len, &inner, 1, &why) < 0)
            break;
        m = inner;
        path = dot != NULL ? dot + 1 : NULL;
    }
    if (path != NULL)
        m.kind = FLAT_ABSENT;
    return m;
}

static int add_in_json(const struct filling *f, const struct part *p,
                       const char *at, size_t len)
{
    const char *quote = p->quoted ? "" : "\"";

    if (!flat_utf8(at, len))
        return refuse(f, p, "is not UTF-8");
    text_adds(f->out, quote);
    text_add_json(f->out, at, len);
    text_adds(f->out, quote);
    return 0;
}

static int add_in_url(const struct filling *f, const struct part *p,
                      const char *at, size_t len)
{
    if (!p->first) {
        text_add_url(f->out, at, len);
        return 0;
    }
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)at[i] <= 0x20 || at[i] == 0x7f)
            return refuse(f, p, "is no URL");
    text_add(f->out, at, len);
    return 0;
}

static int add_in_header(const struct filling *f, const struct part *p,
                         const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)at[i] < 0x20 && at[i] != '\t') || at[i] == 0x7f)
            return refuse(f, p, "has a control character");
    text_add(f->out, at, len);
    return 0;
}

/* A text, whatever it was in jobData. */
static int add_plain(const struct filling *f, const struct part *p,
                     const char *at, size_t len)
{
    switch (f->t->kind) {
    case TEMPLATE_URL:
        return add_in_url(f, p, at, len);
    case TEMPLATE_JSON:
        return add_in_json(f, p, at, len);
    case TEMPLATE_HEADER:
        return add_in_header(f, p, at, len);
    case TEMPLATE_FORM:
        text_add_url(f->out, at, len);
        return 0;
    default:
        text_add(f->out, at, len);
        return 0;
    }
}

/* A text of jobData, unescaped and then escaped for its place. */
static int add_string(const struct filling *f, const struct part *p,
                      const struct flat_member *m)
{
    char *plain = malloc(m->len + 1);
    int n;

    if (plain == NULL) {
        f->out->failed = true;
        return 0;
    }
    n = flat_text(m, plain, m->len + 1);
    n = n < 0 ? refuse(f, p, "has half a character or a NUL")
              : add_plain(f, p, plain, (size_t)n);
    free(plain);
    return n;
}

static int add_member(const struct filling *f, const struct part *p)
{
    struct flat_member m = descend(f->d->member[p->field], p->path);
    bool json = f->t->kind == TEMPLATE_JSON;

    if (m.kind == FLAT_ABSENT && !p->optional)
        return refuse(f, p, "is missing");
    if (m.kind == FLAT_ABSENT || m.kind == FLAT_NULL) {
        if (json && !p->quoted)
            text_adds(f->out, "null");
        return 0;
    }
    if (json && m.kind == FLAT_STRING) { /* escaped already */
        if (p->quoted)
            text_add(f->out, m.at, m.len);
        else
            text_add(f->out, m.at - 1, m.len + 2);
        return 0;
    }
    if (m.kind == FLAT_STRING)
        return add_string(f, p, &m);
    if (json && !p->quoted) {
        text_add(f->out, m.at, m.len);
        return 0;
    }
    return add_plain(f, p, m.at, m.len);
}

static int add_number(const struct filling *f, const struct part *p, int64_t n)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" PRId64, n);

    if (f->t->kind == TEMPLATE_JSON) {
        text_add(f->out, digits, (size_t)len);
        return 0;
    }
    return add_plain(f, p, digits, (size_t)len);
}

static int add_builtin(const struct filling *f, const struct part *p)
{
    const struct ontime_job *job = f->d->job;

    switch (p->builtin) {
    case BUILTIN_ID:
        return add_number(f, p, job->id);
    case BUILTIN_ATTEMPT:
        return add_number(f, p, job->attempt);
    case BUILTIN_VERSION:
        return add_number(f, p, job->version);
    case BUILTIN_DUE:
        return add_number(f, p, job->due_ms);
    case BUILTIN_SCHEDULED:
        return add_number(f, p, job->scheduled_ms);
    case BUILTIN_NOW:
        return add_number(f, p, job->now_ms);
    case BUILTIN_APP:
        return add_plain(f, p, job->app, strlen(job->app));
    case BUILTIN_KEY:
        return add_plain(f, p, job->key.data, job->key.len);
    case BUILTIN_IDEMPOTENCY:
        return add_plain(f, p, job->idempotency_key,
                         strlen(job->idempotency_key));
    default:
        break;
    }
    if (f->t->kind == TEMPLATE_JSON && !p->quoted) {
        text_add(f->out, job->payload.data, job->payload.len);
        return 0;
    }
    return add_plain(f, p, job->payload.data, job->payload.len);
}

int template_render(const struct template *t, const struct jobdata *d,
                    struct text *out, char *why, size_t len)
{
    const struct filling f = {t, d, out, why, len};
    int r = 0;

    for (size_t i = 0; r == 0 && i < t->count; i++) {
        const struct part *p = &t->part[i];

        if (p->literal != NULL)
            text_add(out, p->literal, p->len);
        else if (p->field >= 0)
            r = add_member(&f, p);
        else
            r = add_builtin(&f, p);
    }
    if (r == 0 && out->failed) {
        (void)snprintf(why, len, "out of memory");
        r = -ENOMEM;
    }
    return r;
}
