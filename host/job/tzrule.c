/* SPDX-License-Identifier: Apache-2.0
 *
 * job/tzrule.c - POSIX TZ strings as they stand at the end of zoneinfo files
 * (RFC 8536, 3.3, with the extended hours of its version 3).  Pure; any thread.
 */
#include "config.h"

#include "job/tzrule.h"

#include <errno.h>

#include "job/civil.h"

#define HOUR_S 3600

struct reader {
    const char *at, *end;
    bool bad; /* sticks */
};

static char peek(const struct reader *r)
{
    return r->at < r->end ? *r->at : '\0';
}

static bool accept(struct reader *r, char c)
{
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static uint32_t number(struct reader *r, uint32_t min, uint32_t max)
{
    uint32_t n = 0;

    if (!is_digit(peek(r)))
        r->bad = true;
    while (is_digit(peek(r)) && n <= max)
        n = n * 10 + (uint32_t)(*r->at++ - '0');
    if (n < min || n > max)
        r->bad = true;
    return r->bad ? min : n;
}

/* "CET" or "<+06>"; what it says does not matter. */
static void name(struct reader *r)
{
    const char *from = r->at;
    char c;

    if (accept(r, '<')) {
        while (r->at < r->end && *r->at != '>')
            r->at++;
        if (!accept(r, '>'))
            r->bad = true;
        return;
    }
    for (c = peek(r); (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
         c = peek(r))
        r->at++;
    if (r->at - from < 3)
        r->bad = true;
}

/* "[+-]hh[:mm[:ss]]" */
static int32_t hms(struct reader *r, uint32_t max_hours)
{
    bool minus = accept(r, '-');
    uint32_t s;

    if (!minus)
        (void)accept(r, '+');
    s = number(r, 0, max_hours) * HOUR_S;
    if (accept(r, ':')) {
        s += number(r, 0, 59) * 60;
        if (accept(r, ':'))
            s += number(r, 0, 59);
    }
    return minus ? -(int32_t)s : (int32_t)s;
}

static void rule_day(struct reader *r, struct tzrule_day *d)
{
    *d = (struct tzrule_day){.form = TZRULE_DAY, .time_s = 2 * HOUR_S};
    if (!accept(r, ','))
        r->bad = true;
    if (accept(r, 'M')) {
        d->form = TZRULE_MONTH;
        d->month = number(r, 1, 12);
        r->bad |= !accept(r, '.');
        d->week = number(r, 1, 5);
        r->bad |= !accept(r, '.');
        d->day = number(r, 0, 6);
    } else if (accept(r, 'J')) {
        d->form = TZRULE_JULIAN;
        d->day = number(r, 1, 365);
    } else {
        d->day = number(r, 0, 365);
    }
    if (accept(r, '/'))
        d->time_s = hms(r, 167);
}

int tzrule_parse(const char *text, size_t len, struct tzrule *ret)
{
    struct reader r = {text, text + len, false};

    *ret = (struct tzrule){0};
    name(&r);
    ret->std_s = -hms(&r, 24);
    if (!r.bad && r.at < r.end) {
        ret->has_dst = true;
        ret->dst_s = ret->std_s + HOUR_S;
        name(&r);
        if (!r.bad && peek(&r) != ',')
            ret->dst_s = -hms(&r, 24);
        rule_day(&r, &ret->start);
        rule_day(&r, &ret->end);
    }
    return r.bad || r.at != r.end ? -EINVAL : 0;
}

static int32_t month_day(const struct tzrule_day *d, uint32_t year)
{
    int32_t first = civil_to_days(year, d->month, 1);
    /* 1970-01-01 was a Thursday (4); the offset keeps it positive. */
    uint32_t weekday = (uint32_t)(first + 4 + 7 * CIVIL_EPOCH_DAYS) % 7;
    uint32_t n = (d->day + 7 - weekday) % 7 + (d->week - 1) * 7;

    if (n >= civil_month_days(year, d->month))
        n -= 7;
    return first + (int32_t)n;
}

/* The wall clock's second, as if it were UTC. */
static int64_t wall(const struct tzrule_day *d, uint32_t year)
{
    int32_t days = civil_to_days(year, 1, 1);

    switch (d->form) {
    case TZRULE_MONTH:
        days = month_day(d, year);
        break;
    case TZRULE_JULIAN:
        days += (int32_t)d->day - 1;
        if (civil_is_leap(year) && d->day > 59)
            days++;
        break;
    case TZRULE_DAY:
        days += (int32_t)d->day;
        break;
    }
    return days * CIVIL_DAY_S + d->time_s;
}

int64_t tzrule_start(const struct tzrule *r, uint32_t year)
{
    return wall(&r->start, year) - r->std_s;
}

int64_t tzrule_end(const struct tzrule *r, uint32_t year)
{
    return wall(&r->end, year) - r->dst_s;
}
