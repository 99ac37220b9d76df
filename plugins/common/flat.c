/* SPDX-License-Identifier: Apache-2.0
 *
 * flat.c - top-level members of a JSON object in one pass; see flat.h.
 */
#include "config.h"

#include "common/flat.h"

#include <errno.h>
#include <string.h>

#define DEPTH_MAX 64

struct scan {
    const unsigned char *at, *end;
    const char *why; /* the first thing that is wrong; NULL: nothing */
};

static bool wrong(struct scan *s, const char *why)
{
    if (s->why == NULL)
        s->why = why;
    return false;
}

static void blanks(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' ||
                              *s->at == '\n' || *s->at == '\r'))
        s->at++;
}

static bool take(struct scan *s, unsigned char c)
{
    if (s->at >= s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

/* ---- strings ------------------------------------------------------------- */

/* What the second byte may be, behind a first one that is special. */
static bool second_ok(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xe0:
        return second >= 0xa0 && second <= 0xbf;
    case 0xed:
        return second >= 0x80 && second <= 0x9f;
    case 0xf0:
        return second >= 0x90 && second <= 0xbf;
    case 0xf4:
        return second >= 0x80 && second <= 0x8f;
    default:
        return (second & 0xc0) == 0x80;
    }
}

/* Bytes of the UTF-8 character at p, which begins with a byte above 0x7f; 0
 * when it is none (RFC 3629). */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    size_t n = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

    if (n == 0 || p[0] > 0xf4 || n > left || !second_ok(p[0], p[1]))
        return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

bool flat_utf8(const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;

    for (size_t i = 0, n; i < len; i += n) {
        n = p[i] < 0x80 ? 1 : utf8_length(p + i, len - i);
        if (n == 0)
            return false;
    }
    return true;
}

static int hex_value(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Behind a backslash. */
static bool escape(struct scan *s)
{
    if (s->at >= s->end)
        return wrong(s, "a text does not end");
    if (*s->at != 'u') {
        if (*s->at == '\0' || strchr("\"\\/bfnrt", *s->at) == NULL)
            return wrong(s, "an escape that does not exist");
        s->at++;
        return true;
    }
    s->at++;
    for (int i = 0; i < 4; i++, s->at++)
        if (s->at >= s->end || hex_value(*s->at) < 0)
            return wrong(s, "\\u without four hex digits");
    return true;
}

/* Behind the opening quote, to behind the closing one. */
static bool string(struct scan *s)
{
    while (s->at < s->end) {
        unsigned char c = *s->at;
        size_t n;

        if (c == '"') {
            s->at++;
            return true;
        }
        if (c == '\\') {
            s->at++;
            if (!escape(s))
                return false;
        } else if (c < 0x20) {
            return wrong(s, "a control character in a text");
        } else if (c < 0x80) {
            s->at++;
        } else {
            n = utf8_length(s->at, (size_t)(s->end - s->at));
            if (n == 0)
                return wrong(s, "bytes that are not UTF-8");
            s->at += n;
        }
    }
    return wrong(s, "a text does not end");
}

/* ---- values -------------------------------------------------------------- */

static bool digits(struct scan *s)
{
    const unsigned char *from = s->at;

    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return s->at > from;
}

static bool number(struct scan *s)
{
    (void)take(s, '-');
    if (!take(s, '0') && !digits(s))
        return wrong(s, "a number without digits");
    if (take(s, '.') && !digits(s))
        return wrong(s, "a number that ends in a point");
    if (take(s, 'e') || take(s, 'E')) {
        if (!take(s, '+'))
            (void)take(s, '-');
        if (!digits(s))
            return wrong(s, "a number without an exponent's digits");
    }
    return true;
}

static bool word(struct scan *s, const char *text)
{
    size_t n = strlen(text);

    if ((size_t)(s->end - s->at) < n || memcmp(s->at, text, n) != 0)
        return wrong(s, "something that is no JSON value");
    s->at += n;
    return true;
}

static bool scalar(struct scan *s, enum flat_kind *kind)
{
    switch (*s->at) {
    case '"':
        *kind = FLAT_STRING;
        s->at++;
        return string(s);
    case 't':
        *kind = FLAT_BOOL;
        return word(s, "true");
    case 'f':
        *kind = FLAT_BOOL;
        return word(s, "false");
    case 'n':
        *kind = FLAT_NULL;
        return word(s, "null");
    default:
        *kind = FLAT_NUMBER;
        return number(s);
    }
}

/* A member's name and its colon. */
static bool name(struct scan *s, const char **ret, size_t *ret_len)
{
    const unsigned char *from;

    blanks(s);
    if (!take(s, '"'))
        return wrong(s, "a member without a name in quotes");
    from = s->at;
    if (!string(s))
        return false;
    *ret = (const char *)from;
    *ret_len = (size_t)(s->at - 1 - from);
    blanks(s);
    return take(s, ':') || wrong(s, "a name without a colon");
}

/* Behind a value inside containers: closes what ends here and goes to the next
 * value.  open is the stack of brackets. */
static bool next(struct scan *s, const char *open, size_t *depth)
{
    const char *ignored;
    size_t len;

    while (*depth > 0) {
        bool object = open[*depth - 1] == '{';

        blanks(s);
        if (take(s, ','))
            return !object || name(s, &ignored, &len);
        if (!take(s, object ? '}' : ']'))
            return wrong(s, "a comma or a closing bracket is missing");
        (*depth)--;
    }
    return true;
}

/* At an opening bracket.  *empty: it closed at once. */
static bool descend(struct scan *s, char *open, size_t *depth, bool *empty)
{
    const char *ignored;
    size_t len;
    bool object = *s->at == '{';

    if (*depth == DEPTH_MAX)
        return wrong(s, "nested too deeply");
    s->at++;
    blanks(s);
    *empty = take(s, object ? '}' : ']');
    if (*empty)
        return true;
    open[(*depth)++] = object ? '{' : '[';
    return !object || name(s, &ignored, &len);
}

/* Any value, without recursion. */
static bool value(struct scan *s, enum flat_kind *kind)
{
    enum flat_kind inner = FLAT_ABSENT;
    char open[DEPTH_MAX];
    size_t depth = 0;

    for (;;) {
        bool empty = true;

        blanks(s);
        if (s->at >= s->end)
            return wrong(s, "it ends in the middle");
        if (*s->at == '{' || *s->at == '[') {
            inner = *s->at == '{' ? FLAT_OBJECT : FLAT_ARRAY;
            if (*kind == FLAT_ABSENT)
                *kind = inner;
            if (!descend(s, open, &depth, &empty))
                return false;
        } else {
            if (!scalar(s, &inner))
                return false;
            if (*kind == FLAT_ABSENT)
                *kind = inner;
        }
        if (empty && !next(s, open, &depth))
            return false;
        if (depth == 0)
            return true;
    }
}

/* ---- members ------------------------------------------------------------- */

static struct flat_member *wanted(struct flat_member *members, size_t count,
                                  const char *at, size_t len)
{
    for (size_t i = 0; i < count; i++)
        if (members[i].kind == FLAT_ABSENT &&
            strncmp(members[i].name, at, len) == 0 &&
            members[i].name[len] == '\0')
            return &members[i];
    return NULL;
}

static bool member(struct scan *s, struct flat_member *members, size_t count)
{
    enum flat_kind kind = FLAT_ABSENT;
    struct flat_member *m;
    const char *at, *from;
    size_t len;

    if (!name(s, &at, &len))
        return false;
    blanks(s);
    from = (const char *)s->at;
    if (!value(s, &kind))
        return false;
    m = wanted(members, count, at, len);
    if (m == NULL)
        return true;
    m->kind = kind;
    m->at = from;
    m->len = (size_t)((const char *)s->at - from);
    if (kind == FLAT_STRING) { /* without its quotes */
        m->at++;
        m->len -= 2;
    }
    return true;
}

static bool object(struct scan *s, struct flat_member *members, size_t count)
{
    blanks(s);
    if (!take(s, '{'))
        return wrong(s, "it is not an object");
    blanks(s);
    if (take(s, '}'))
        return true;
    do {
        if (!member(s, members, count))
            return false;
        blanks(s);
    } while (take(s, ','));
    return take(s, '}') || wrong(s, "a comma or a closing bracket is missing");
}

int flat_read(const char *text, size_t len, struct flat_member *members,
              size_t count, const char **ret_why)
{
    struct scan s = {.at = (const unsigned char *)text};

    s.end = len > 0 ? s.at + len : s.at;
    for (size_t i = 0; i < count; i++) {
        members[i].kind = FLAT_ABSENT;
        members[i].at = NULL;
        members[i].len = 0;
    }
    if (object(&s, members, count)) {
        blanks(&s);
        if (s.at == s.end)
            return 0;
        (void)wrong(&s, "there is something behind its end");
    }
    *ret_why = s.why;
    return -EINVAL;
}

size_t flat_whole(const struct flat_member *m)
{
    size_t n = 0;

    if (m->kind != FLAT_NUMBER)
        return 0;
    if (m->at[0] == '-')
        n++;
    while (n < m->len && m->at[n] >= '0' && m->at[n] <= '9')
        n++;
    for (size_t i = n; i < m->len; i++)
        if (m->at[i] != (i == n ? '.' : '0'))
            return 0;
    return n;
}

/* ---- text ---------------------------------------------------------------- */

/* The four hex digits at p, which were checked. */
static unsigned four(const char *p)
{
    unsigned v = 0;

    for (int i = 0; i < 4; i++)
        v = v << 4 | (unsigned)hex_value((unsigned char)p[i]);
    return v;
}

static size_t put_utf8(char out[4], unsigned c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* The character of \uXXXX at p; *used counts what was read.  0: none. */
static unsigned unescape_u(const char *p, const char *end, size_t *used)
{
    unsigned c = four(p + 2), low;

    *used = 6;
    if (c < 0xd800 || c > 0xdfff)
        return c;
    if (c > 0xdbff || end - p < 12 || p[6] != '\\' || p[7] != 'u')
        return 0;
    low = four(p + 8);
    if (low < 0xdc00 || low > 0xdfff)
        return 0;
    *used = 12;
    return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
}

/* The character of the escape at p. */
static unsigned unescape(const char *p, const char *end, size_t *used)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *at;

    if (p[1] == 'u')
        return unescape_u(p, end, used);
    *used = 2;
    at = strchr(from, p[1]);
    return (unsigned char)(at != NULL ? to[at - from] : p[1]);
}

int flat_text(const struct flat_member *m, char *out, size_t cap)
{
    const char *p = m->at, *end = p + m->len;
    size_t n = 0;

    while (p < end) {
        size_t used = 1, len = 1;
        char c[4] = {*p};

        if (*p == '\\') {
            unsigned code = unescape(p, end, &used);

            if (code == 0)
                return -EINVAL;
            len = put_utf8(c, code);
        }
        if (n + len >= cap)
            return -EMSGSIZE;
        memcpy(out + n, c, len);
        n += len;
        p += used;
    }
    if (cap == 0)
        return -EMSGSIZE;
    out[n] = '\0';
    return (int)n;
}
