/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/text.c - reading and writing numbers, durations, literals.  Pure.
 */
#include "config.h"

#include "conf/text.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t of;
};

/* Ascending; the first is that of a number alone. */
static const struct unit times[] = {
    {"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}, {"d", 86400000},
};
static const struct unit sizes[] = {
    {"B", 1},
    {"KB", 1024},
    {"MB", 1048576},
    {"GB", 1073741824},
};

int conf_text_int(const char *s, int64_t *ret)
{
    char *end;
    long long v;

    if (s[0] == '\0' || strspn(s, "+-0123456789") != strlen(s))
        return -EINVAL;
    errno = 0;
    v = strtoll(s, &end, 10);
    if (errno != 0 || *end != '\0')
        return -EINVAL;
    *ret = v;
    return 0;
}

int conf_text_float(const char *s, double *ret)
{
    char *end;

    if (s[0] == '\0' || strspn(s, "+-0123456789.eE") != strlen(s))
        return -EINVAL;
    *ret = strtod(s, &end);
    return *end == '\0' && isfinite(*ret) ? 0 : -EINVAL;
}

static int with_unit(const char *s, const struct unit *units, size_t n,
                     int64_t *ret)
{
    size_t digits = strspn(s, "0123456789");
    const char *name = s + digits;
    long long v;

    errno = 0;
    v = strtoll(s, NULL, 10);
    if (digits == 0 || errno != 0)
        return -EINVAL;
    if (*name == ' ')
        name++;
    else if (*name == '\0')
        name = units[0].name;
    for (size_t i = 0; i < n; i++) {
        int64_t product;

        if (strcmp(units[i].name, name) != 0)
            continue;
        if (__builtin_mul_overflow(v, units[i].of, &product))
            return -EINVAL;
        *ret = product;
        return 0;
    }
    return -EINVAL;
}

int conf_text_duration(const char *s, int64_t *ret_ms)
{
    return with_unit(s, times, sizeof(times) / sizeof(times[0]), ret_ms);
}

int conf_text_size(const char *s, int64_t *ret_bytes)
{
    return with_unit(s, sizes, sizeof(sizes) / sizeof(sizes[0]), ret_bytes);
}

char *conf_text_item(const char **ps)
{
    const char *s = *ps;
    char *item = malloc(strlen(s) + 1);
    size_t n = 0;

    if (item == NULL)
        return NULL;
    for (; *s != '\0' && *s != ','; s++) {
        if (*s == '\\' && s[1] != '\0')
            s++;
        item[n++] = *s;
    }
    item[n] = '\0';
    *ps = *s == ',' ? s + 1 : s;
    return item;
}

void conf_text_add_string(struct buf *out, const char *s)
{
    buf_addc(out, '"');
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;

        if (c == '"' || c == '\\')
            buf_addf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            buf_addf(out, "\\x%02x", c);
        else
            buf_addc(out, *s);
    }
    buf_addc(out, '"');
}

void conf_text_add_int(struct buf *out, int64_t v)
{
    buf_addi(out, v);
    if (v > INT32_MAX || v < INT32_MIN)
        buf_addc(out, 'L');
}

/* As short as it can be and still be read as the same number, with a point,
 * without which libconfig takes it for an integer. */
void conf_text_add_float(struct buf *out, double v)
{
    char s[40];
    size_t mantissa;

    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(s, sizeof(s), "%.*g", digits, v);
        if (strtod(s, NULL) == v)
            break;
    }
    mantissa = strcspn(s, "e");
    buf_add(out, s, mantissa);
    if (memchr(s, '.', mantissa) == NULL)
        buf_adds(out, ".0");
    buf_adds(out, s + mantissa);
}

static void add_with_unit(struct buf *out, double v, const struct unit *units,
                          size_t n)
{
    int64_t i = (int64_t)v;

    while (n > 1 && (i == 0 || i % units[n - 1].of != 0))
        n--;
    buf_addi(out, i / units[n - 1].of);
    buf_adds(out, units[n - 1].name);
}

void conf_text_add_duration(struct buf *out, double ms)
{
    add_with_unit(out, ms, times, sizeof(times) / sizeof(times[0]));
}

void conf_text_add_size(struct buf *out, double bytes)
{
    add_with_unit(out, bytes, sizes, sizeof(sizes) / sizeof(sizes[0]));
}
