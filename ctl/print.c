/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/print.c - text for people; see print.h.
 */
#include "config.h"

#include "print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define CELL_MAX 60 /* characters */

static uint32_t code_of(const unsigned char *p, size_t n)
{
    if (n == 1)
        return p[0];
    if (n == 2)
        return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
    if (n == 3)
        return (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    return (p[0] & 0x07u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 |
           (p[3] & 0x3fu);
}

/* Would a terminal do something with it? */
static bool is_active(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x061c || c == 0x200e ||
           c == 0x200f || /* marks */
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

void print_clean(struct buf *out, const char *text, size_t len, bool lines)
{
    size_t n;

    for (size_t i = 0; i < len; i += n) {
        const unsigned char *p = (const unsigned char *)text + i;
        uint32_t c;

        n = utf8_step(p, len - i);
        if (n == 0) {
            n = 1;
            buf_addf(out, "\\x%02x", *p);
            continue;
        }
        c = code_of(p, n);
        if (!is_active(c) || (lines && (c == '\n' || c == '\t')))
            buf_add(out, p, n);
        else
            buf_addf(out, "\\u%04" PRIx32, c);
    }
}

void print_text(FILE *f, const char *text, size_t len)
{
    struct buf b = BUF_INIT(len * 6 + 1);

    print_clean(&b, text, len, true);
    if (buf_ok(&b) == 0)
        (void)fwrite(b.data, 1, b.len, f);
    buf_done(&b);
}

/* ---- tables -------------------------------------------------------------- */

/* Characters, not bytes; wide ones count as one. */
static size_t width(const char *s)
{
    size_t n = 0;

    for (; *s != '\0'; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* Cut to CELL_MAX characters, with "..." then. */
static void cut(struct buf *b)
{
    size_t at = 0, n = 0;

    (void)buf_cstr(b);
    if (buf_ok(b) < 0 || width(b->data) <= CELL_MAX)
        return;
    for (; n < CELL_MAX - 3 && at < b->len; n++)
        at += utf8_step(b->data + at, b->len - at);
    b->len = at;
    buf_adds(b, "...");
}

void table_init(struct table *t, const char *const *names, size_t columns)
{
    memset(t, 0, sizeof(*t));
    t->names = names;
    t->columns = columns;
}

static bool grow(struct table *t)
{
    size_t cap = t->cap > 0 ? t->cap * 2 : 16 * t->columns;
    char **more = realloc(t->cells, cap * sizeof(*more));

    if (more == NULL)
        return false;
    t->cells = more;
    t->cap = cap;
    return true;
}

void table_add(struct table *t, const char *const *cells)
{
    if (t->count + t->columns > t->cap && !grow(t)) {
        t->failed = true;
        return;
    }
    for (size_t i = 0; i < t->columns; i++) {
        const char *text = cells[i] != NULL ? cells[i] : "-";
        struct buf b = BUF_INIT(65536);

        print_clean(&b, text, strnlen(text, 8192), false);
        if (!t->whole)
            cut(&b);
        t->cells[t->count + i] = buf_take(&b, NULL);
        t->failed = t->failed || t->cells[t->count + i] == NULL;
    }
    t->count += t->columns;
}

static const char *cell(const struct table *t, size_t i)
{
    return t->cells[i] != NULL ? t->cells[i] : "";
}

static const char *title(const struct table *t, size_t column)
{
    const char *name = t->names[column];

    return *name == '>' ? name + 1 : name;
}

static void pad(FILE *f, size_t n)
{
    while (n-- > 0)
        (void)fputc(' ', f);
}

static void print_cell(const struct table *t, FILE *f, size_t column,
                       size_t wide, const char *text)
{
    bool right = t->names[column][0] == '>';
    bool last = column + 1 == t->columns;

    if (right)
        pad(f, wide - width(text));
    (void)fputs(text, f);
    if (!right && !last)
        pad(f, wide - width(text));
    (void)fputs(last ? "\n" : "  ", f);
}

void table_print(const struct table *t, FILE *f, bool header)
{
    size_t wide[PRINT_COLUMNS] = {0};

    for (size_t i = 0; i < t->columns && header; i++)
        wide[i] = width(title(t, i));
    for (size_t i = 0; i < t->count; i++) {
        size_t w = width(cell(t, i));

        if (w > wide[i % t->columns])
            wide[i % t->columns] = w;
    }
    for (size_t i = 0; i < t->columns && header; i++)
        print_cell(t, f, i, wide[i], title(t, i));
    for (size_t i = 0; i < t->count; i++)
        print_cell(t, f, i % t->columns, wide[i % t->columns], cell(t, i));
}

void table_done(struct table *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->cells[i]);
    free(t->cells);
    memset(t, 0, sizeof(*t));
}

/* ---- times --------------------------------------------------------------- */

void print_duration(int64_t ms, char out[PRINT_TIME])
{
    static const struct {
        int64_t ms;
        char unit;
    } units[] = {{86400000, 'd'}, {3600000, 'h'}, {60000, 'm'}, {1000, 's'}};
    size_t i = 0;
    int64_t rest;

    if (ms < 1000) {
        (void)snprintf(out, PRINT_TIME, "%" PRId64 "ms", ms);
        return;
    }
    if (ms < 60000) {
        (void)snprintf(out, PRINT_TIME, "%" PRId64 ".%" PRId64 "s", ms / 1000,
                       ms % 1000 / 100);
        return;
    }
    while (ms < units[i].ms)
        i++;
    rest = ms % units[i].ms / units[i + 1].ms;
    if (rest > 0)
        (void)snprintf(out, PRINT_TIME, "%" PRId64 "%c %" PRId64 "%c",
                       ms / units[i].ms, units[i].unit, rest,
                       units[i + 1].unit);
    else
        (void)snprintf(out, PRINT_TIME, "%" PRId64 "%c", ms / units[i].ms,
                       units[i].unit);
}

void print_relative(int64_t ms, char out[PRINT_TIME])
{
    char text[PRINT_TIME];

    if (ms == 0) {
        (void)snprintf(out, PRINT_TIME, "now");
        return;
    }
    print_duration(ms > 0 ? ms : -ms, text);
    if (ms > 0)
        (void)snprintf(out, PRINT_TIME, "in %.20s", text);
    else
        (void)snprintf(out, PRINT_TIME, "%.20s late", text);
}
