/* SPDX-License-Identifier: Apache-2.0
 *
 * job/zone.h - IANA time zones, from the system's zoneinfo files.
 *
 * A zone is read once and never changes: any thread, no lock.  libc's own
 * zone (TZ, tzset) plays no part.
 */
#ifndef ONTIME_JOB_ZONE_H
#define ONTIME_JOB_ZONE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct zone;

/* Reads a file: may block.  -ENOENT when the name is unknown, -EINVAL when the
 * file is damaged or counts leap seconds.  "UTC" needs no file.  Names with
 * ".." or a leading '/' are refused with -EINVAL. */
int zone_load(const char *name, struct zone **ret, struct err *err);
/* As zone_load, from the bytes of a file (TZif, RFC 8536, version 2 and up). */
int zone_parse(const char *name, const void *data, size_t len,
               struct zone **ret, struct err *err);
void zone_free(struct zone **pz);
const char *zone_name(const struct zone *z);

/* Offset in seconds east of UTC at that moment.  z NULL: UTC.  Rules go on
 * until 2300; what is later has the last offset of then. */
int32_t zone_offset(const struct zone *z, int64_t utc_ms);

/* The moment (s, UTC) of a wall clock's reading (s, as if it were UTC).  One
 * that is skipped is shifted forward by the gap; of two the first is meant. */
int64_t zone_from_local(const struct zone *z, int64_t local_s);

#endif
