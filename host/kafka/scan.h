/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka/scan.h - a topic read from somewhere to its end as it stands, read
 * committed, as a member of no group.  One thread; everything blocks.
 */
#ifndef ONTIME_KAFKA_SCAN_H
#define ONTIME_KAFKA_SCAN_H

#include "base/buf.h"
#include "base/err.h"
#include "kafka/client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scan;

struct scan_record { /* borrowed for the call */
    int32_t partition;
    int64_t offset;
    int64_t timestamp_ms;   /* -1: none */
    struct span key, value; /* data NULL: null */
    const void *message;    /* for scan_header() */
};
/* Negative: stop, scan_run() returns it. */
typedef int scan_fn(void *arg, const struct scan_record *r);

/* Looks the topic up and where its partitions begin: with the first record of
 * from_ms or later (0: with the first one that is kept).  -ENOENT: no such
 * topic. err.retry when no broker answers. */
int scan_open(const struct kafka_settings *set, const char *topic,
              int64_t from_ms, struct scan **ret, struct err *err);
void scan_close(struct scan **ps);
int32_t scan_partitions(const struct scan *s);

/* The last stable offset of each partition: what is before it has been
 * committed or aborted. */
int scan_ends(struct scan *s, int64_t *ends, struct err *err);
/* How many offsets lie between the beginnings and ends: an upper limit of the
 * records, for showing progress. */
int64_t scan_size(const struct scan *s, const int64_t *ends);

/* Gives all committed records before `ends`, in order within a partition. May be
 * called again: it begins anew.  -ETIMEDOUT when nothing has come for 30 s. */
int scan_run(struct scan *s, const int64_t *ends, scan_fn *fn, void *arg,
             struct err *err);

/* The last header of that name; false: there is none. */
bool scan_header(const struct scan_record *r, const char *name,
                 struct span *ret);

#endif
