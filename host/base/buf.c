/* SPDX-License-Identifier: Apache-2.0
 *
 * base/buf.c - the growing byte buffer.  One thread at a time.
 */
#include "config.h"

#include "base/buf.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_SMALLEST 64

void buf_done(struct buf *b)
{
    if (!b->fixed)
        free(b->data);
    *b = (struct buf){.max = b->fixed ? 0 : b->max};
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = 0;
}

int buf_ok(const struct buf *b)
{
    return b->failed;
}

/* Memory for n more bytes and a NUL. */
static int buf_room(struct buf *b, size_t n)
{
    size_t need;
    size_t cap;
    char *data;

    if (b->failed < 0)
        return b->failed;
    assert(b->len <= b->max);
    if (n > b->max - b->len)
        return b->failed = -EMSGSIZE;
    need = b->len + n;
    if (need < b->cap)
        return 0;
    if (b->fixed || need == SIZE_MAX)
        return b->failed = -EMSGSIZE;
    cap = b->cap > SIZE_MAX / 2 ? SIZE_MAX : b->cap * 2;
    if (cap < BUF_SMALLEST)
        cap = BUF_SMALLEST;
    if (b->max < SIZE_MAX && cap > b->max + 1)
        cap = b->max + 1;
    if (cap <= need)
        cap = need + 1;
    data = realloc(b->data, cap);
    if (data == NULL)
        return b->failed = -ENOMEM;
    b->data = data;
    b->cap = cap;
    return 0;
}

int buf_add(struct buf *b, const void *data, size_t len)
{
    int r = buf_room(b, len);

    if (r < 0)
        return r;
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    return 0;
}

int buf_adds(struct buf *b, const char *s)
{
    return buf_add(b, s, strlen(s));
}

int buf_addc(struct buf *b, char c)
{
    return buf_add(b, &c, 1);
}

int buf_addi(struct buf *b, int64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

    do {
        digits[--at] = (char)('0' + u % 10);
        u /= 10;
    } while (u > 0);
    if (v < 0)
        digits[--at] = '-';
    return buf_add(b, digits + at, sizeof(digits) - at);
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    int n;
    int r;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        return b->failed = b->failed < 0 ? b->failed : -EMSGSIZE;
    r = buf_room(b, (size_t)n);
    if (r < 0)
        return r;
    va_start(ap, fmt);
    (void)vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
    return 0;
}

/* One character that may not stand in a JSON string as it is, or, to spare
 * terminals, should not: DEL and U+0080..U+009F. */
static int buf_add_escape(struct buf *b, unsigned c)
{
    static const char *const short_form[] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n",  ['\f'] = "\\f",
        ['\r'] = "\\r", ['"'] = "\\\"", ['\\'] = "\\\\",
    };
    static const char hex[] = "0123456789abcdef";
    char code[] = {'\\', 'u', '0', '0', hex[(c >> 4) & 15], hex[c & 15]};

    if (c < sizeof(short_form) / sizeof(short_form[0]) && short_form[c] != NULL)
        return buf_adds(b, short_form[c]);
    return buf_add(b, code, sizeof(code));
}

static bool buf_json_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/* The character at s, which is not plain; returns the bytes it took. */
static size_t buf_add_json_one(struct buf *b, const char *s, size_t len)
{
    unsigned char c = (unsigned char)s[0];
    size_t n = utf8_step(s, len);

    if (n == 0) {
        (void)buf_adds(b, "\xef\xbf\xbd"); /* U+FFFD */
        return 1;
    }
    if (n == 1)
        (void)buf_add_escape(b, c);
    else if (n == 2 && c == 0xc2 && (unsigned char)s[1] < 0xa0)
        (void)buf_add_escape(b, (unsigned char)s[1]);
    else
        (void)buf_add(b, s, n);
    return n;
}

int buf_add_json(struct buf *b, const char *s, size_t len)
{
    size_t i = 0;

    (void)buf_addc(b, '"');
    while (i < len && b->failed == 0) {
        size_t from = i;

        while (i < len && buf_json_plain((unsigned char)s[i]))
            i++;
        (void)buf_add(b, s + from, i - from);
        if (i < len)
            i += buf_add_json_one(b, s + i, len - i);
    }
    return buf_addc(b, '"');
}

const char *buf_cstr(struct buf *b)
{
    if (buf_room(b, 0) < 0)
        return NULL;
    b->data[b->len] = '\0';
    return b->data;
}

char *buf_take(struct buf *b, size_t *ret_len)
{
    char *data = NULL;

    assert(!b->fixed);
    if (buf_cstr(b) != NULL) {
        if (ret_len != NULL)
            *ret_len = b->len;
        data = b->data;
        b->data = NULL;
    }
    buf_done(b);
    return data;
}

bool span_eq(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool span_eqs(struct span a, const char *s)
{
    return span_eq(a, (struct span){s, strlen(s)});
}
