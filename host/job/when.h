/* SPDX-License-Identifier: Apache-2.0
 *
 * job/when.h - points in time as people write them, and back.
 *
 * Accepted text: ISO-8601 date-times with 'T' or a space, seconds optional,
 * fractions of 1-9 digits with '.' or ',' (cut to ms), and 'Z', +hh:mm, +hhmm
 * or +hh; without an offset they are local times of the zone.  A local time
 * that a DST gap skips is shifted forward by the gap; one that occurs twice
 * means the first.  Years 1970-2200, as written.  Any thread.
 */
#ifndef ONTIME_JOB_WHEN_H
#define ONTIME_JOB_WHEN_H

#include "base/err.h"
#include "job/zone.h"

#include <stddef.h>
#include <stdint.h>

/* -EINVAL with the reason ("month 13").  zone NULL: UTC.  An offset can carry
 * the first day of 1970 below zero. */
int when_parse(const char *text, size_t len, const struct zone *zone,
               int64_t *ret_ms, struct err *err);

/*
 * "YYYY-MM-DD HH:MM:SS" in the zone (NULL: UTC) and "YYYY-MM-DDTHH:MM:SS.mmmZ",
 * each with its NUL.  Fast: used for each job.  What is before year 1 or after
 * 9999 is shown as the nearest moment within.
 */
void when_format_local(int64_t utc_ms, const struct zone *zone, char out[20]);
void when_format_utc(int64_t utc_ms, char out[25]);

/* A duration: "250ms", "5s", "15min", "2h", "30d", or a plain number of
 * milliseconds.  -EINVAL when not of that form, -ERANGE when too long. */
int duration_parse(const char *text, int64_t *ret_ms);

#endif
