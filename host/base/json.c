/* SPDX-License-Identifier: Apache-2.0
 *
 * base/json.c - JSON objects: jsonscan.c decides and finds, cJSON decodes the
 * strings that have escapes.  A document is one allocation.  One thread.
 */
#include "config.h"

#include "base/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/jsonscan.h"

struct json_member {
    struct span name; /* decoded */
    struct span raw;
    const char *str; /* decoded, for strings */
    size_t str_len;
    enum json_kind kind;
};

/* The decoded strings stand behind the members. */
struct json {
    size_t n;
    struct json_member members[];
};

/* Decoded text is never longer than raw text without its quotes. */
static size_t json_text_size(const struct jsonscan *s)
{
    size_t size = 0;

    for (size_t i = 0; i < s->n; i++) {
        if (s->members[i].name_escaped)
            size += s->members[i].name.len;
        if (s->members[i].kind == JSON_STRING)
            size += s->members[i].value.len;
    }
    return size;
}

/* Decodes raw, a checked string with quotes, to *at with a NUL; moves *at
 * behind it. */
static int json_decode(struct span raw, bool escaped, char **at,
                       struct span *ret)
{
    const char *from = raw.data;
    cJSON *item = NULL;

    if (escaped) {
        item = cJSON_ParseWithLengthOpts(from, raw.len, NULL, 0);
        if (item == NULL)
            return -ENOMEM;
        ret->len = strlen(item->valuestring);
        memcpy(*at, item->valuestring, ret->len);
        cJSON_Delete(item);
    } else {
        ret->len = raw.len - 2;
        memcpy(*at, from + 1, ret->len);
    }
    (*at)[ret->len] = '\0';
    ret->data = *at;
    *at += ret->len + 1;
    return 0;
}

static int json_fill(struct json_member *m, const struct jsonscan_member *from,
                     char **at)
{
    struct span text;
    int r = 0;

    m->kind = from->kind;
    m->raw = from->value;
    m->name =
        (struct span){(const char *)from->name.data + 1, from->name.len - 2};
    if (from->name_escaped)
        r = json_decode(from->name, true, at, &m->name);
    if (r < 0 || from->kind != JSON_STRING)
        return r;
    r = json_decode(from->value, from->value_escaped, at, &text);
    if (r < 0)
        return r;
    m->str = text.data;
    m->str_len = text.len;
    return 0;
}

/* text is UTF-8. */
static int json_build(const void *text, size_t len, struct json **ret,
                      struct err *err)
{
    struct jsonscan s;
    struct json *j = NULL;
    char *at;
    int r;

    r = jsonscan_object(&s, text, len, err);
    if (r < 0)
        goto out;
    j = calloc(1,
               sizeof(*j) + s.n * sizeof(j->members[0]) + json_text_size(&s));
    if (j == NULL)
        goto no_memory;
    j->n = s.n;
    at = (char *)&j->members[s.n];
    for (size_t i = 0; i < s.n; i++) {
        r = json_fill(&j->members[i], &s.members[i], &at);
        if (r < 0)
            goto no_memory;
    }
    *ret = j;
    j = NULL;
    r = 0;
    goto out;
no_memory:
    r = err_again(err, -ENOMEM, "no memory for a JSON text");
out:
    json_free(&j);
    jsonscan_done(&s);
    return r;
}

int json_parse(const void *text, size_t len, struct json **ret, struct err *err)
{
    if (!utf8_valid(text, len))
        return err_set(err, -EINVAL, "not JSON: not UTF-8");
    return json_build(text, len, ret, err);
}

void json_free(struct json **pj)
{
    free(*pj);
    *pj = NULL;
}

static const struct json_member *json_find(const struct json *j,
                                           const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < j->n; i++)
        if (j->members[i].name.len == len &&
            memcmp(j->members[i].name.data, name, len) == 0)
            return &j->members[i];
    return NULL;
}

enum json_kind json_kind(const struct json *j, const char *name)
{
    const struct json_member *m = json_find(j, name);

    return m != NULL ? m->kind : JSON_ABSENT;
}

const char *json_string(const struct json *j, const char *name, size_t *ret_len)
{
    const struct json_member *m = json_find(j, name);

    if (m == NULL || m->kind != JSON_STRING)
        return NULL;
    if (ret_len != NULL)
        *ret_len = m->str_len;
    return m->str;
}

/* Digits that the scan has checked; INT64_MIN has no positive twin. */
static int json_digits(const char *p, const char *end, bool negative,
                       int64_t *ret)
{
    int64_t v = 0;

    for (; p < end; p++) {
        int digit = *p - '0';

        if (digit < 0 || digit > 9 || __builtin_mul_overflow(v, 10, &v))
            return -EINVAL;
        if (negative ? __builtin_sub_overflow(v, digit, &v)
                     : __builtin_add_overflow(v, digit, &v))
            return -EINVAL;
    }
    *ret = v;
    return 0;
}

int json_int64(const struct json *j, const char *name, int64_t *ret)
{
    const struct json_member *m = json_find(j, name);
    const char *p;
    bool negative;

    if (m == NULL)
        return -ENOENT;
    if (m->kind != JSON_NUMBER)
        return -EINVAL;
    p = m->raw.data;
    negative = *p == '-';
    return json_digits(p + (negative ? 1 : 0), p + m->raw.len, negative, ret);
}

int json_bool(const struct json *j, const char *name, bool *ret)
{
    const struct json_member *m = json_find(j, name);

    if (m == NULL)
        return -ENOENT;
    if (m->kind != JSON_BOOL)
        return -EINVAL;
    *ret = *(const char *)m->raw.data == 't';
    return 0;
}

struct span json_raw(const struct json *j, const char *name)
{
    const struct json_member *m = json_find(j, name);

    return m != NULL ? m->raw : (struct span){NULL, 0};
}

int json_object(const struct json *j, const char *name, struct json **ret)
{
    const struct json_member *m = json_find(j, name);

    if (m == NULL)
        return -ENOENT;
    if (m->kind != JSON_OBJECT)
        return -EINVAL;
    return json_build(m->raw.data, m->raw.len, ret, NULL);
}
