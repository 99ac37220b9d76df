/* SPDX-License-Identifier: Apache-2.0
 *
 * job/when.h - points in time as people write them, and back.
 *
 * Accepted text: ISO-8601 date-times with 'T' or a space, seconds optional,
 * fractions of 1-9 digits with '.' or ',' (cut to ms), and 'Z', +hh:mm, +hhmm
 * or +hh; without an offset they are local times of the zone.  A local time
 * that a DST gap skips is shifted forward by the gap; one that occurs twice
 * means the first.  Years 1970-2200.  Any thread.
 */
#ifndef ONTIME_JOB_WHEN_H
#define ONTIME_JOB_WHEN_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct zone; /* an IANA time zone: rules read once from the zoneinfo files, immutable */

/* -ENOENT when the name is unknown.  "UTC" needs no file.  Names with ".." or
 * a leading '/' are refused. */
int zone_load(const char *name, struct zone **ret, struct err *err);
void zone_free(struct zone **pz);
const char *zone_name(const struct zone *z);
/* Offset in seconds east of UTC at that moment. */
int32_t zone_offset(const struct zone *z, int64_t utc_ms);

/* -EINVAL with the reason ("month 13"). zone NULL: UTC. */
int when_parse(const char *text, size_t len, const struct zone *zone, int64_t *ret_ms,
               struct err *err);
/* "YYYY-MM-DD HH:MM:SS" in the zone; out holds 20 bytes. Fast: used per job. */
void when_format_local(int64_t utc_ms, const struct zone *zone, char out[20]);
/* "YYYY-MM-DDTHH:MM:SS.mmmZ"; out holds 25 bytes. */
void when_format_utc(int64_t utc_ms, char out[25]);
/* A duration: "250ms", "5s", "15min", "2h", "30d", or a plain number of
 * milliseconds.  -EINVAL, -ERANGE. */
int duration_parse(const char *text, int64_t *ret_ms);

#endif
