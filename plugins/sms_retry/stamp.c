/* SPDX-License-Identifier: Apache-2.0
 *
 * stamp.c - times as they come in jobData; see stamp.h.
 */
#include "config.h"

#include "stamp.h"

#include <stdbool.h>
#include <string.h>

struct cursor {
    const char *at, *end;
};

static bool number(struct cursor *c, int digits, int *ret)
{
    int v = 0;

    if (c->end - c->at < digits)
        return false;
    for (int i = 0; i < digits; i++, c->at++) {
        if (*c->at < '0' || *c->at > '9')
            return false;
        v = v * 10 + (*c->at - '0');
    }
    *ret = v;
    return true;
}

static bool take(struct cursor *c, char ch)
{
    if (c->at >= c->end || *c->at != ch)
        return false;
    c->at++;
    return true;
}

static int month_days(int y, int m)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;

    return m == 2 && leap ? 29 : days[m - 1];
}

/* Days since 1970 (Hinnant's days_from_civil). */
static int64_t days_of(int y, int m, int d)
{
    int64_t yy = y - (m <= 2), era = (yy >= 0 ? yy : yy - 399) / 400;
    int64_t yoe = yy - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

struct fields {
    int year, month, day, hour, minute, second;
};

static bool date(struct cursor *c, struct fields *f)
{
    return number(c, 4, &f->year) && take(c, '-') && number(c, 2, &f->month) &&
           take(c, '-') && number(c, 2, &f->day) && f->month >= 1 &&
           f->month <= 12 && f->day >= 1 &&
           f->day <= month_days(f->year, f->month);
}

static bool clock_time(struct cursor *c, struct fields *f)
{
    int ignored;

    if (!number(c, 2, &f->hour) || !take(c, ':') || !number(c, 2, &f->minute))
        return false;
    if (take(c, ':') && !number(c, 2, &f->second))
        return false;
    if (take(c, '.') || take(c, ',')) {
        if (!number(c, 1, &ignored))
            return false;
        while (number(c, 1, &ignored))
            ;
    }
    return f->hour < 24 && f->minute < 60 && f->second < 60;
}

/* "Z" or an offset, in minutes east. */
static bool offset(struct cursor *c, int *ret)
{
    bool west = c->at < c->end && *c->at == '-';
    int hours, minutes = 0;

    *ret = 0;
    if (take(c, 'Z') || take(c, 'z'))
        return c->at == c->end;
    if (!take(c, '+') && !take(c, '-'))
        return false;
    if (!number(c, 2, &hours))
        return false;
    if (c->at < c->end) {
        (void)take(c, ':');
        if (!number(c, 2, &minutes))
            return false;
    }
    *ret = (west ? -1 : 1) * (hours * 60 + minutes);
    return c->at == c->end && hours < 19 && minutes < 60;
}

static void put(char *at, int v, int digits)
{
    for (; digits > 0; v /= 10)
        at[--digits] = (char)('0' + v % 10);
}

enum stamp_kind stamp_read(const char *text, size_t len, char out[20],
                           int64_t *ret_ms)
{
    struct cursor c = {text, text + len};
    struct fields f = {0};
    int east;

    if (!date(&c, &f) || (!take(&c, 'T') && !take(&c, ' ')) ||
        !clock_time(&c, &f))
        return STAMP_NONE;
    if (c.at == c.end) {
        memcpy(out, "0000-00-00 00:00:00", 20);
        put(out, f.year, 4);
        put(out + 5, f.month, 2);
        put(out + 8, f.day, 2);
        put(out + 11, f.hour, 2);
        put(out + 14, f.minute, 2);
        put(out + 17, f.second, 2);
        return STAMP_LOCAL;
    }
    if (!offset(&c, &east))
        return STAMP_NONE;
    *ret_ms = ((days_of(f.year, f.month, f.day) * 24 + f.hour) * 60 + f.minute -
               east) *
                  60000 +
              f.second * 1000;
    return STAMP_UTC;
}
