/* SPDX-License-Identifier: Apache-2.0
 *
 * template.c - reading templates; see template.h.  render.c fills them in.
 */
#include "config.h"

#include "common/template.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/parts.h"

#define NAME_CHARS                                                             \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-$."

static const char *const builtins[BUILTINS] = {
    [BUILTIN_ID] = "id",
    [BUILTIN_APP] = "app",
    [BUILTIN_KEY] = "key",
    [BUILTIN_ATTEMPT] = "attempt",
    [BUILTIN_VERSION] = "version",
    [BUILTIN_DUE] = "due_ms",
    [BUILTIN_SCHEDULED] = "scheduled_ms",
    [BUILTIN_NOW] = "now_ms",
    [BUILTIN_IDEMPOTENCY] = "idempotency_key",
    [BUILTIN_PAYLOAD] = "payload",
};

struct reading {
    struct template *t;
    struct fields *fields;
    bool in_string; /* of JSON */
    char *errbuf;
    size_t errlen;
};

__attribute__((format(printf, 2, 3))) static int refuse(const struct reading *r,
                                                        const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(r->errbuf, r->errlen, fmt, ap);
    va_end(ap);
    return -EINVAL;
}

static struct part *new_part(struct template *t)
{
    struct part *more = realloc(t->part, (t->count + 1) * sizeof(*more));

    if (more == NULL)
        return NULL;
    t->part = more;
    more[t->count] = (struct part){.field = -1, .builtin = -1};
    return &more[t->count++];
}

/* Where quotes of a JSON text open and close. */
static void follow_quotes(struct reading *r, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\\' && r->in_string)
            i++;
        else if (text[i] == '"')
            r->in_string = !r->in_string;
    }
}

static int add_literal(struct reading *r, const char *text, size_t len)
{
    struct part *p;

    if (len == 0)
        return 0;
    p = new_part(r->t);
    if (p == NULL || (p->literal = strndup(text, len)) == NULL)
        return -ENOMEM;
    p->len = len;
    if (r->t->kind == TEMPLATE_JSON)
        follow_quotes(r, text, len);
    return 0;
}

/* The number of a member's name among the fields. */
static int field_of(struct reading *r, const char *name, size_t len)
{
    struct fields *f = r->fields;

    if (len == 0 || len >= FIELD_NAME_MAX)
        return refuse(r, "{{%s}}: a name of 1 to 63 characters is wanted",
                      name);
    for (size_t i = 0; i < f->count; i++)
        if (strncmp(f->name[i], name, len) == 0 && f->name[i][len] == '\0')
            return (int)i;
    if (f->count == FIELDS_MAX)
        return refuse(r, "{{%s}}: more than 64 different names", name);
    memcpy(f->name[f->count], name, len);
    f->name[f->count][len] = '\0';
    return (int)f->count++;
}

static int set_builtin(struct reading *r, struct part *p, const char *name)
{
    for (int i = 0; i < BUILTINS; i++)
        if (strcmp(builtins[i], name + 1) == 0)
            p->builtin = i;
    if (p->builtin < 0)
        return refuse(r, "{{%s}}: there is no such value of a job", name);
    if (p->builtin == BUILTIN_PAYLOAD)
        r->fields->payload |= r->t->kind == TEMPLATE_JSON;
    return 0;
}

static int set_field(struct reading *r, struct part *p, const char *name)
{
    const char *dot = strchr(name, '.');
    size_t len = dot != NULL ? (size_t)(dot - name) : strlen(name);

    p->field = field_of(r, name, len);
    if (p->field < 0)
        return p->field;
    if (dot == NULL)
        return 0;
    if (dot[1] == '\0' || dot[strlen(dot) - 1] == '.' ||
        strstr(dot, "..") != NULL)
        return refuse(r, "{{%s}}: a name is missing at a point", name);
    p->path = strdup(dot + 1);
    return p->path != NULL ? 0 : -ENOMEM;
}

static int add_place(struct reading *r, const char *text, size_t len)
{
    struct part *p = new_part(r->t);
    char *name;

    if (p == NULL)
        return -ENOMEM;
    while (len > 0 && *text == ' ') {
        text++;
        len--;
    }
    while (len > 0 && text[len - 1] == ' ')
        len--;
    if (len > 0 && text[len - 1] == '?') {
        p->optional = true;
        len--;
    }
    name = p->name = strndup(text, len);
    if (name == NULL)
        return -ENOMEM;
    p->quoted = r->in_string;
    p->first = r->t->count == 1;
    if (len == 0 || strspn(name, NAME_CHARS) != len)
        return refuse(r, "{{%s}}: names are of A-Z a-z 0-9 _ - and .", name);
    return name[0] == '$' ? set_builtin(r, p, name) : set_field(r, p, name);
}

static int read_parts(struct reading *r, const char *source)
{
    for (;;) {
        const char *open = strstr(source, "{{"), *end;
        int n;

        if (open == NULL)
            return add_literal(r, source, strlen(source));
        n = add_literal(r, source, (size_t)(open - source));
        if (n < 0)
            return n;
        end = strstr(open + 2, "}}");
        if (end == NULL)
            return refuse(r, "\"%s\": }} is missing", open);
        n = add_place(r, open + 2, (size_t)(end - open - 2));
        if (n < 0)
            return n;
        source = end + 2;
    }
}

/* With null in all places (nothing, between quotes) it must be JSON. */
static int try_json(struct reading *r)
{
    struct text sample = {0};
    const char *why = NULL;
    int n = 0;

    text_adds(&sample, "{\"x\":"); /* so that any value will do */
    for (size_t i = 0; i < r->t->count; i++) {
        const struct part *p = &r->t->part[i];

        if (p->literal != NULL)
            text_add(&sample, p->literal, p->len);
        else if (!p->quoted)
            text_adds(&sample, "null");
    }
    text_adds(&sample, "}");
    if (sample.failed)
        n = -ENOMEM;
    else if (flat_read(sample.at, sample.len, NULL, 0, &why) < 0)
        n = refuse(r, "it is no JSON: %s", why);
    text_free(&sample);
    return n;
}

int template_compile(struct template **ret, struct fields *fields,
                     enum template_kind kind, const char *source, char *errbuf,
                     size_t errlen)
{
    struct reading r = {.fields = fields, .errbuf = errbuf, .errlen = errlen};
    int n = -ENOMEM;

    *ret = NULL;
    r.t = calloc(1, sizeof(*r.t));
    if (r.t == NULL)
        goto out;
    r.t->kind = kind;
    n = read_parts(&r, source);
    if (n == 0 && kind == TEMPLATE_JSON)
        n = try_json(&r);
out:
    if (n == -ENOMEM)
        (void)snprintf(errbuf, errlen, "out of memory");
    if (n < 0)
        template_free(&r.t);
    *ret = r.t;
    return n;
}

void template_free(struct template **t)
{
    if (*t == NULL)
        return;
    for (size_t i = 0; i < (*t)->count; i++) {
        free((*t)->part[i].literal);
        free((*t)->part[i].name);
        free((*t)->part[i].path);
    }
    free((*t)->part);
    free(*t);
    *t = NULL;
}
