/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka/logreader.h - reading one partition from an offset to its present end,
 * committed records only.  One thread; blocks.
 */
#ifndef ONTIME_KAFKA_LOGREADER_H
#define ONTIME_KAFKA_LOGREADER_H

#include "base/buf.h"
#include "base/err.h"
#include "kafka/client.h"

#include <stdint.h>

struct logreader;

/*
 * The partition's high watermark: the first offset that nobody has written
 * yet, open transactions included.  err.retry: no answer; -ENOENT: no such
 * topic or partition.
 */
int logreader_end(const struct kafka_settings *set, const char *topic,
                  int32_t partition, int timeout_ms, int64_t *ret,
                  struct err *err);

struct logrange { /* from `from` up to (not including) `end` */
    const char *topic;
    int32_t partition;
    int64_t from, end;
};
/* The settings and the topic's name are borrowed. */
int logreader_open(const struct kafka_settings *set, const struct logrange *of,
                   struct logreader **ret, struct err *err);
void logreader_close(struct logreader **pr);

struct logrecord {
    int64_t offset, timestamp_ms;
    struct span value; /* until the next call */
};
/*
 * 1: a record; 0: the end was reached (control records and aborted ones are
 * passed over).  -EUCLEAN: the partition does not have `from`: it was trimmed
 * further, or is shorter.  err.retry: no answer within timeout_ms, or somebody's
 * open transaction stands before the end: call again.
 */
int logreader_next(struct logreader *r, int timeout_ms, struct logrecord *ret,
                   struct err *err);

#endif
