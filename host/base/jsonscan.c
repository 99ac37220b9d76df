/* SPDX-License-Identifier: Apache-2.0
 *
 * base/jsonscan.c - the strict pass over a JSON text.  cJSON lets pass what
 * RFC 8259 does not allow (01, control characters, +1) and makes a double of
 * every number; this decides what is JSON, and keeps the bytes.  Pure.
 */
#include "config.h"

#include "base/jsonscan.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct cursor {
    const char *start;
    const char *p;
    const char *end;
    const char *why; /* set with a negative return */
    unsigned depth;
    bool escaped; /* the string read last had a backslash in it */
};

static int scan_fail(struct cursor *c, const char *why)
{
    c->why = why;
    return -EINVAL;
}

/* The next byte, or 0 at the end: no rule accepts a NUL. */
static char scan_peek(const struct cursor *c)
{
    return c->p < c->end ? *c->p : '\0';
}

static char scan_next_token(struct cursor *c)
{
    while (c->p < c->end &&
           (*c->p == ' ' || *c->p == '\n' || *c->p == '\r' || *c->p == '\t'))
        c->p++;
    return scan_peek(c);
}

/* Four hex digits at c->p, or -1. */
static int scan_hex4(struct cursor *c)
{
    int v = 0;

    if (c->end - c->p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char h = c->p[i];
        int digit;

        if (h >= '0' && h <= '9')
            digit = h - '0';
        else if ((h >= 'a' && h <= 'f') || (h >= 'A' && h <= 'F'))
            digit = (h | 0x20) - 'a' + 10;
        else
            return -1;
        v = v * 16 + digit;
    }
    return v;
}

/* After "\u". */
static int scan_unicode(struct cursor *c)
{
    int v = scan_hex4(c);

    if (v < 0)
        return scan_fail(c, "\\u without four hex digits");
    if (v == 0)
        return scan_fail(c, "\\u0000 in a string is not supported");
    if (v >= 0xdc00 && v <= 0xdfff)
        return scan_fail(c, "half of a surrogate pair");
    c->p += 4;
    if (v < 0xd800 || v > 0xdbff)
        return 0;
    if (c->end - c->p < 6 || c->p[0] != '\\' || c->p[1] != 'u')
        return scan_fail(c, "half of a surrogate pair");
    c->p += 2;
    v = scan_hex4(c);
    if (v < 0xdc00 || v > 0xdfff)
        return scan_fail(c, "half of a surrogate pair");
    c->p += 4;
    return 0;
}

/* At a backslash. */
static int scan_escape(struct cursor *c)
{
    c->escaped = true;
    c->p++;
    switch (scan_peek(c)) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        c->p++;
        return 0;
    case 'u':
        c->p++;
        return scan_unicode(c);
    default:
        return scan_fail(c, "unknown escape in a string");
    }
}

/* At the opening quote; ends behind the closing one. */
static int scan_string(struct cursor *c)
{
    c->escaped = false;
    c->p++;
    while (c->p < c->end) {
        unsigned char ch = (unsigned char)*c->p;

        if (ch == '"') {
            c->p++;
            return 0;
        }
        if (ch == '\\') {
            int r = scan_escape(c);

            if (r < 0)
                return r;
        } else if (ch < 0x20) {
            return scan_fail(c, "control character in a string");
        } else {
            c->p++;
        }
    }
    return scan_fail(c, "string without an end");
}

static int scan_digits(struct cursor *c)
{
    const char *from = c->p;

    while (c->p < c->end && *c->p >= '0' && *c->p <= '9')
        c->p++;
    return c->p > from ? 0 : scan_fail(c, "digit expected in a number");
}

static int scan_number(struct cursor *c)
{
    int r = 0;

    if (scan_peek(c) == '-')
        c->p++;
    if (scan_peek(c) == '0')
        c->p++;
    else
        r = scan_digits(c);
    if (r == 0 && scan_peek(c) == '.') {
        c->p++;
        r = scan_digits(c);
    }
    if (r == 0 && (scan_peek(c) == 'e' || scan_peek(c) == 'E')) {
        c->p++;
        if (scan_peek(c) == '+' || scan_peek(c) == '-')
            c->p++;
        r = scan_digits(c);
    }
    return r;
}

static int scan_literal(struct cursor *c, const char *word)
{
    size_t n = strlen(word);

    if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0)
        return scan_fail(c, "value expected");
    c->p += n;
    return 0;
}

static int scan_value(struct cursor *c, enum json_kind *kind);

/* At the [ or {: whether there is nothing in it. */
static bool scan_empty(struct cursor *c, char close)
{
    c->p++;
    if (scan_next_token(c) != close)
        return false;
    c->p++;
    return true;
}

/* Behind an element: 1, another one follows; 0, that was the last. */
static int scan_on(struct cursor *c, char close)
{
    int token = scan_next_token(c);

    if (token != ',' && token != close)
        return scan_fail(c,
                         close == ']' ? ", or ] expected" : ", or } expected");
    c->p++;
    return token == ',';
}

static int scan_array(struct cursor *c)
{
    enum json_kind kind;
    int r = scan_empty(c, ']') ? 0 : 1;

    while (r > 0) {
        r = scan_value(c, &kind);
        if (r == 0)
            r = scan_on(c, ']');
    }
    return r;
}

static struct jsonscan_member *scan_slot(struct jsonscan *s)
{
    size_t cap = s->cap * 2;
    struct jsonscan_member *more;

    if (s->n < s->cap)
        return &s->members[s->n++];
    more = s->members == s->few ? NULL : s->members;
    more = realloc(more, cap * sizeof(*more));
    if (more == NULL)
        return NULL;
    if (s->members == s->few)
        memcpy(more, s->few, sizeof(s->few));
    s->members = more;
    s->cap = cap;
    return &s->members[s->n++];
}

/* "name": value, noted in *m. */
static int scan_member(struct cursor *c, struct jsonscan_member *m)
{
    int r;

    if (scan_next_token(c) != '"')
        return scan_fail(c, "name in quotes expected");
    m->name.data = c->p;
    r = scan_string(c);
    if (r < 0)
        return r;
    m->name.len = (size_t)(c->p - (const char *)m->name.data);
    m->name_escaped = c->escaped;
    if (scan_next_token(c) != ':')
        return scan_fail(c, ": expected");
    c->p++;
    (void)scan_next_token(c);
    m->value.data = c->p;
    c->escaped = false;
    r = scan_value(c, &m->kind);
    m->value.len = (size_t)(c->p - (const char *)m->value.data);
    m->value_escaped = c->escaped;
    return r;
}

/* At the {.  Members are noted in s, unless it is NULL. */
static int scan_object(struct cursor *c, struct jsonscan *s)
{
    int r = scan_empty(c, '}') ? 0 : 1;

    while (r > 0) {
        struct jsonscan_member one;
        struct jsonscan_member *m = s != NULL ? scan_slot(s) : &one;

        r = m != NULL ? scan_member(c, m) : -ENOMEM;
        if (r == 0)
            r = scan_on(c, '}');
    }
    return r;
}

/* An object or array: counts the depth. */
static int scan_nested(struct cursor *c, enum json_kind kind)
{
    int r;

    if (c->depth == JSON_DEPTH_MAX)
        return scan_fail(c, "nested too deeply");
    c->depth++;
    r = kind == JSON_OBJECT ? scan_object(c, NULL) : scan_array(c);
    c->depth--;
    return r;
}

static int scan_value(struct cursor *c, enum json_kind *kind)
{
    switch (scan_next_token(c)) {
    case '{':
        *kind = JSON_OBJECT;
        return scan_nested(c, JSON_OBJECT);
    case '[':
        *kind = JSON_ARRAY;
        return scan_nested(c, JSON_ARRAY);
    case '"':
        *kind = JSON_STRING;
        return scan_string(c);
    case 't':
        *kind = JSON_BOOL;
        return scan_literal(c, "true");
    case 'f':
        *kind = JSON_BOOL;
        return scan_literal(c, "false");
    case 'n':
        *kind = JSON_NULL;
        return scan_literal(c, "null");
    default:
        *kind = JSON_NUMBER;
        if (scan_peek(c) != '-' && (scan_peek(c) < '0' || scan_peek(c) > '9'))
            return scan_fail(c, "value expected");
        return scan_number(c);
    }
}

int jsonscan_object(struct jsonscan *s, const void *text, size_t len,
                    struct err *err)
{
    struct cursor c = {.start = text, .p = text, .depth = 1};
    int r;

    s->n = 0;
    s->cap = JSONSCAN_INLINE;
    s->members = s->few;
    if (len == 0)
        return err_set(err, -EINVAL, "not JSON: empty");
    c.end = c.start + len;
    if (scan_next_token(&c) != '{')
        r = scan_fail(&c, "the text must be an object");
    else
        r = scan_object(&c, s);
    (void)scan_next_token(&c);
    if (r == 0 && c.p < c.end)
        r = scan_fail(&c, "more text after the object");
    if (r == -ENOMEM)
        return err_again(err, r, "no memory for a JSON text");
    if (r < 0)
        return err_set(err, r, "not JSON: byte %zu: %s",
                       (size_t)(c.p - c.start), c.why);
    return 0;
}

void jsonscan_done(struct jsonscan *s)
{
    if (s->members != s->few)
        free(s->members);
    s->members = s->few;
    s->n = 0;
}
