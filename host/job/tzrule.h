/* SPDX-License-Identifier: Apache-2.0
 *
 * job/tzrule.h - the rule with which a zoneinfo file goes on for ever: a POSIX
 * TZ string such as "CET-1CEST,M3.5.0,M10.5.0/3".  Pure; any thread.
 */
#ifndef ONTIME_JOB_TZRULE_H
#define ONTIME_JOB_TZRULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tzrule_form {
    TZRULE_MONTH,  /* Mm.w.d: the w-th (5: last) weekday d of month m */
    TZRULE_JULIAN, /* Jn: day 1..365, 29 February is never counted */
    TZRULE_DAY,    /* n: day 0..365 */
};

struct tzrule_day {
    enum tzrule_form form;
    uint32_t month, week, day;
    int32_t time_s; /* after that day's midnight; may be negative */
};

struct tzrule {
    int32_t std_s, dst_s; /* seconds east of UTC */
    bool has_dst;
    struct tzrule_day start, end; /* of daylight saving time */
};

/* -EINVAL when the text is not of that form.  Daylight saving without days
 * is refused. */
int tzrule_parse(const char *text, size_t len, struct tzrule *ret);

/* The second (UTC) at which daylight saving starts and ends in that year
 * (1..9999).  The rule must have it. */
int64_t tzrule_start(const struct tzrule *r, uint32_t year);
int64_t tzrule_end(const struct tzrule *r, uint32_t year);

#endif
