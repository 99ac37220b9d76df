/* SPDX-License-Identifier: Apache-2.0
 *
 * text.c - a text that grows; see text.h.
 */
#include "config.h"

#include "common/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/flat.h"

#define FIRST_CAP 256

/* Room for len bytes more and a NUL. */
static bool reserve(struct text *t, size_t len)
{
    size_t cap = t->cap > 0 ? t->cap : FIRST_CAP;
    char *at;

    if (t->failed || len >= (size_t)-1 / 2 - t->len) {
        t->failed = true;
        return false;
    }
    if (t->cap > t->len + len)
        return true;
    while (cap <= t->len + len)
        cap *= 2;
    at = realloc(t->at, cap);
    if (at == NULL) {
        t->failed = true;
        return false;
    }
    t->at = at;
    t->cap = cap;
    return true;
}

void text_add(struct text *t, const void *bytes, size_t len)
{
    if (!reserve(t, len))
        return;
    if (len > 0)
        memcpy(t->at + t->len, bytes, len);
    t->len += len;
    t->at[t->len] = '\0';
}

void text_adds(struct text *t, const char *string)
{
    text_add(t, string, strlen(string));
}

void text_addf(struct text *t, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) {
        t->failed = true;
        return;
    }
    if (!reserve(t, (size_t)n))
        return;
    va_start(ap, fmt);
    (void)vsnprintf(t->at + t->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    t->len += (size_t)n;
}

static bool unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

void text_add_url(struct text *t, const char *bytes, size_t len)
{
    static const char hex[] = "0123456789ABCDEF";

    if (!reserve(t, 3 * len))
        return;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (unreserved(c)) {
            t->at[t->len++] = (char)c;
        } else {
            t->at[t->len++] = '%';
            t->at[t->len++] = hex[c >> 4];
            t->at[t->len++] = hex[c & 15];
        }
    }
    t->at[t->len] = '\0';
}

void text_add_json(struct text *t, const char *bytes, size_t len)
{
    size_t from = 0;

    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)bytes[i];

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        text_add(t, bytes + from, i - from);
        if (c < 0x20)
            text_addf(t, "\\u%04x", c);
        else
            text_addf(t, "\\%c", c);
        from = i + 1;
    }
    text_add(t, bytes + from, len - from);
}

/* Bytes of the character at p; 0 when it is not shown as it is. */
static size_t shown_as_is(const char *p, size_t left)
{
    unsigned char c = (unsigned char)*p;

    if (c < 0x80)
        return c >= 0x20 && c != 0x7f && c != '\\';
    for (size_t n = 2; n <= 4 && n <= left; n++)
        if (flat_utf8(p, n))
            return c == 0xc2 && (unsigned char)p[1] < 0xa0 ? 0 : n;
    return 0;
}

void text_add_shown(struct text *t, const char *bytes, size_t len, size_t max)
{
    size_t start = t->len, cut = start; /* where "..." would fit */

    for (size_t i = 0; i < len && !t->failed;) {
        size_t n = shown_as_is(bytes + i, len - i);
        size_t used = t->len - start;

        if (used + 3 <= max)
            cut = t->len;
        if ((n > 0 ? n : 4) > max - used) {
            t->len = cut;
            text_add(t, "...", max < 3 ? max : 3);
            return;
        }
        if (n > 0)
            text_add(t, bytes + i, n);
        else
            text_addf(t, "\\x%02x", (unsigned char)bytes[i]);
        i += n > 0 ? n : 1;
    }
}

void text_clear(struct text *t)
{
    t->len = 0;
    t->failed = false;
    if (t->at != NULL)
        t->at[0] = '\0';
}

void text_free(struct text *t)
{
    free(t->at);
    *t = (struct text){0};
}

char *text_take(struct text *t)
{
    char *at = t->failed ? NULL : t->at;

    if (t->failed)
        free(t->at);
    *t = (struct text){0};
    return at;
}
