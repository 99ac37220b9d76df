/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/batch.h - what a source hands to the store at once: items, and the
 * partitions' moves that cover them.
 *
 * Filled by the source's thread; batch_settle() is called on the writer's.
 */
#ifndef ONTIME_INGEST_BATCH_H
#define ONTIME_INGEST_BATCH_H

#include "base/err.h"
#include "base/list.h"
#include "store/writer.h"

#include <stddef.h>
#include <stdint.h>

struct batch {
    struct list link;
    struct writer_request req; /* from submission to done: the writer's */
    void *owner;               /* the source */
    struct put_item *items;
    size_t count, cap;
    struct store_position *positions;
    size_t position_count, position_cap;
    size_t last;      /* index of the position that moved last */
    size_t taken;     /* messages */
    size_t bytes;     /* of the jobs, and of bad messages that are still held */
    size_t bad_open;  /* dead letters that are not delivered yet */
    size_t bad_count; /* dead letters in all */
    int64_t born_ms;  /* boot clock, first message; 0: empty */
    int64_t soonest_ms; /* the earliest due time in it (wall clock) */
    int result;         /* of the put */
    struct err err;
};

struct batch_where { /* what a position says besides offsets; borrowed texts */
    const char *cluster, *source, *topic;
};

struct batch_counts { /* what became of a stored batch's items */
    size_t stored, duplicate, wished, other;
};

struct batch *batch_new(void);      /* NULL: no memory */
void batch_free(struct batch **pb); /* and the jobs still in it */
/* Room for one item more, and for a move of this partition from `from`.
 * -ENOMEM: nothing has changed.  1: this is the partition's first message. */
int batch_reserve(struct batch *b, const struct batch_where *w,
                  int32_t partition, int64_t from);
/* After batch_reserve: the message at offset is in; item NULL: it makes none. */
void batch_take(struct batch *b, int64_t offset, const struct put_item *item);
/* After the put has succeeded: jobs that live on go to *into, the others are
 * freed. */
void batch_settle(struct batch *b, struct list *into, struct batch_counts *ret);

#endif
