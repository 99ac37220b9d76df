/* SPDX-License-Identifier: Apache-2.0
 *
 * job/civil.h - days and calendar dates (proleptic Gregorian).  Pure, any
 * thread, no tables: years are counted from March, so that the leap day is
 * the last of its year and month lengths follow a straight line.
 */
#ifndef ONTIME_JOB_CIVIL_H
#define ONTIME_JOB_CIVIL_H

#include <stdbool.h>
#include <stdint.h>

#define CIVIL_DAY_S INT64_C(86400)
/* From 0000-03-01 to 1970-01-01. */
#define CIVIL_EPOCH_DAYS 719468

struct civil {
    uint32_t year, month, day; /* month 1..12, day 1..31 */
};

static inline bool civil_is_leap(uint32_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static inline uint32_t civil_month_days(uint32_t year, uint32_t month)
{
    if (month == 2)
        return civil_is_leap(year) ? 29 : 28;
    return 30 + ((month + month / 8) & 1);
}

/* Days since 1970-01-01, for years 1..9999. */
static inline int32_t civil_to_days(uint32_t year, uint32_t month, uint32_t day)
{
    uint32_t y = month > 2 ? year : year - 1;
    uint32_t m = month > 2 ? month - 3 : month + 9;
    uint32_t of_year = (153 * m + 2) / 5 + day - 1;

    return (int32_t)(y * 365 + y / 4 - y / 100 + y / 400 + of_year) -
           CIVIL_EPOCH_DAYS;
}

/* The date of a day of the years 1..9999. */
static inline struct civil civil_from_days(int32_t days)
{
    uint32_t z = (uint32_t)(days + CIVIL_EPOCH_DAYS);
    uint32_t era = z / 146097; /* of 400 years */
    uint32_t doe = z % 146097;
    uint32_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint32_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    uint32_t m = (5 * doy + 2) / 153;
    struct civil c;

    c.day = doy - (153 * m + 2) / 5 + 1;
    c.month = m < 10 ? m + 3 : m - 9;
    c.year = yoe + era * 400 + (c.month <= 2);
    return c;
}

#endif
