/* SPDX-License-Identifier: Apache-2.0
 *
 * job/when.c - points in time as people write them, and back.  Pure; any
 * thread.
 */
#include "config.h"

#include "job/when.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "job/civil.h"

#define YEAR_MIN 1970
#define YEAR_MAX 2200
#define DAY_MS (CIVIL_DAY_S * 1000)

/* The first and the last second that can be written with four digits. */
#define WRITTEN_MIN_S INT64_C(-62135596800)
#define WRITTEN_MAX_S INT64_C(253402300799)

struct reader {
    const char *text;
    size_t at, len;
    struct err *err;
};

struct reading { /* of a clock on the wall */
    struct civil date;
    uint32_t hour, minute, second, ms;
};

static char peek(const struct reader *r)
{
    return r->at < r->len ? r->text[r->at] : '\0';
}

static bool accept(struct reader *r, char c)
{
    if (r->at == r->len || r->text[r->at] != c)
        return false;
    r->at++;
    return true;
}

static bool at_digit(const struct reader *r)
{
    return r->at < r->len && r->text[r->at] >= '0' && r->text[r->at] <= '9';
}

static int expected(const struct reader *r, const char *what)
{
    if (r->at >= r->len)
        return err_set(r->err, -EINVAL, "ends where %s is expected", what);
    return err_set(r->err, -EINVAL, "expected %s at character %zu", what,
                   r->at + 1);
}

static int check(const struct reader *r, const char *what,
                 const uint32_t limits[2], uint32_t v)
{
    if (v >= limits[0] && v <= limits[1])
        return 0;
    return err_set(r->err, -EINVAL, "%s %u is not in %u..%u", what, v,
                   limits[0], limits[1]);
}

static int digits(struct reader *r, unsigned n, uint32_t *ret)
{
    uint32_t v = 0;

    for (unsigned i = 0; i < n; i++) {
        if (!at_digit(r))
            return expected(r, "a digit");
        v = v * 10 + (uint32_t)(r->text[r->at++] - '0');
    }
    *ret = v;
    return 0;
}

/* Two digits, within the limits. */
static int number(struct reader *r, const char *what, const uint32_t limits[2],
                  uint32_t *ret)
{
    int e = digits(r, 2, ret);

    return e < 0 ? e : check(r, what, limits, *ret);
}

static int mark(struct reader *r, char c, const char *what)
{
    return accept(r, c) ? 0 : expected(r, what);
}

static int read_date(struct reader *r, struct civil *d)
{
    static const uint32_t years[2] = {YEAR_MIN, YEAR_MAX};
    static const uint32_t months[2] = {1, 12};
    static const uint32_t days[2] = {1, 31};
    int e;

    /* The mark first: "1767225600000" is not a bad year. */
    if ((e = digits(r, 4, &d->year)) < 0 || (e = mark(r, '-', "'-'")) < 0 ||
        (e = check(r, "year", years, d->year)) < 0 ||
        (e = number(r, "month", months, &d->month)) < 0 ||
        (e = mark(r, '-', "'-'")) < 0 ||
        (e = number(r, "day", days, &d->day)) < 0)
        return e;
    if (d->day > civil_month_days(d->year, d->month))
        return err_set(r->err, -EINVAL, "%u-%02u has no day %u", d->year,
                       d->month, d->day);
    return 0;
}

static int read_fraction(struct reader *r, uint32_t *ret_ms)
{
    uint32_t ms = 0, n = 0;

    if (!at_digit(r))
        return expected(r, "a digit");
    for (; at_digit(r); r->at++, n++) {
        if (n < 3)
            ms = ms * 10 + (uint32_t)(r->text[r->at] - '0');
    }
    if (n > 9)
        return err_set(r->err, -EINVAL,
                       "fraction of %u digits (at most 9 are read)", n);
    for (; n < 3; n++)
        ms *= 10;
    *ret_ms = ms;
    return 0;
}

static int read_time(struct reader *r, struct reading *t)
{
    static const uint32_t hours[2] = {0, 23};
    static const uint32_t sixty[2] = {0, 59};
    int e;

    if ((e = number(r, "hour", hours, &t->hour)) < 0 ||
        (e = mark(r, ':', "':'")) < 0 ||
        (e = number(r, "minute", sixty, &t->minute)) < 0)
        return e;
    if (!accept(r, ':'))
        return 0;
    if ((e = number(r, "second", sixty, &t->second)) < 0)
        return e;
    if (accept(r, '.') || accept(r, ','))
        return read_fraction(r, &t->ms);
    return 0;
}

/* 1 and the offset in seconds, 0 when there is none, or -EINVAL. */
static int read_offset(struct reader *r, int32_t *ret_s)
{
    static const uint32_t hours[2] = {0, 23};
    static const uint32_t sixty[2] = {0, 59};
    uint32_t h, m = 0;
    bool minus;
    int e;

    *ret_s = 0;
    if (accept(r, 'Z'))
        return 1;
    minus = peek(r) == '-';
    if (!accept(r, '+') && !accept(r, '-'))
        return 0;
    if ((e = number(r, "offset's hour", hours, &h)) < 0)
        return e;
    if ((accept(r, ':') || at_digit(r)) &&
        (e = number(r, "offset's minute", sixty, &m)) < 0)
        return e;
    *ret_s = (int32_t)(h * 3600 + m * 60);
    if (minus)
        *ret_s = -*ret_s;
    return 1;
}

int when_parse(const char *text, size_t len, const struct zone *zone,
               int64_t *ret_ms, struct err *err)
{
    struct reader r = {text, 0, len, err};
    struct reading t = {.second = 0};
    int32_t offset;
    int64_t s;
    int e;

    if ((e = read_date(&r, &t.date)) < 0)
        return e;
    if (!accept(&r, 'T') && !accept(&r, ' '))
        return expected(&r, "'T' or a space and the time of day");
    if ((e = read_time(&r, &t)) < 0 || (e = read_offset(&r, &offset)) < 0)
        return e;
    if (r.at != r.len)
        return err_set(err, -EINVAL, "unexpected character %zu", r.at + 1);
    s = civil_to_days(t.date.year, t.date.month, t.date.day) * CIVIL_DAY_S +
        t.hour * INT64_C(3600) + t.minute * 60 + t.second;
    s = e > 0 ? s - offset : zone_from_local(zone, s);
    *ret_ms = s * 1000 + t.ms;
    return 0;
}

static char *put2(char *at, uint32_t n)
{
    static const char pairs[] = "00010203040506070809"
                                "10111213141516171819"
                                "20212223242526272829"
                                "30313233343536373839"
                                "40414243444546474849"
                                "50515253545556575859"
                                "60616263646566676869"
                                "70717273747576777879"
                                "80818283848586878889"
                                "90919293949596979899";

    memcpy(at, pairs + (size_t)2 * n, 2);
    return at + 2;
}

/* "YYYY-MM-DD?HH:MM:SS" of a second; returns the end, puts no NUL. */
static char *put_second(char *at, int64_t s, char between)
{
    int32_t days;
    uint32_t of_day;
    struct civil c;

    if (s < WRITTEN_MIN_S)
        s = WRITTEN_MIN_S;
    if (s > WRITTEN_MAX_S)
        s = WRITTEN_MAX_S;
    days = (int32_t)(s / CIVIL_DAY_S) - (s % CIVIL_DAY_S < 0);
    of_day = (uint32_t)(s - days * CIVIL_DAY_S);
    c = civil_from_days(days);
    at = put2(put2(at, c.year / 100), c.year % 100);
    *at++ = '-';
    at = put2(at, c.month);
    *at++ = '-';
    at = put2(at, c.day);
    *at++ = between;
    at = put2(at, of_day / 3600);
    *at++ = ':';
    at = put2(at, of_day / 60 % 60);
    *at++ = ':';
    return put2(at, of_day % 60);
}

static int64_t to_second(int64_t ms)
{
    return ms / 1000 - (ms % 1000 < 0);
}

void when_format_local(int64_t utc_ms, const struct zone *zone, char out[20])
{
    int64_t s = to_second(utc_ms) + zone_offset(zone, utc_ms);

    *put_second(out, s, ' ') = '\0';
}

void when_format_utc(int64_t utc_ms, char out[25])
{
    int64_t s = to_second(utc_ms);
    uint32_t ms = (uint32_t)(utc_ms - s * 1000);
    char *at;

    if (s < WRITTEN_MIN_S)
        ms = 0;
    if (s > WRITTEN_MAX_S)
        ms = 999;
    at = put_second(out, s, 'T');
    *at++ = '.';
    *at++ = (char)('0' + ms / 100);
    at = put2(at, ms % 100);
    *at++ = 'Z';
    *at = '\0';
}

int duration_parse(const char *text, int64_t *ret_ms)
{
    static const struct {
        const char *name;
        int64_t ms;
    } units[] = {{"", 1},        {"ms", 1},      {"s", 1000},
                 {"min", 60000}, {"h", 3600000}, {"d", DAY_MS}};
    int64_t n = 0;
    bool over = false;
    const char *c = text;

    if (c == NULL || *c < '0' || *c > '9')
        return -EINVAL;
    for (; *c >= '0' && *c <= '9'; c++)
        over |= __builtin_mul_overflow(n, 10, &n) ||
                __builtin_add_overflow(n, *c - '0', &n);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(c, units[i].name) != 0)
            continue;
        if (over || __builtin_mul_overflow(n, units[i].ms, &n))
            return -ERANGE;
        *ret_ms = n;
        return 0;
    }
    return -EINVAL;
}
