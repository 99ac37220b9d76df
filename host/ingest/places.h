/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/places.h - where a source stands in each of its partitions.
 *
 * The source's thread only.
 */
#ifndef ONTIME_INGEST_PLACES_H
#define ONTIME_INGEST_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct place {
    int32_t partition;
    bool held;      /* assigned to us */
    unsigned open;  /* batches under way that move it */
    int64_t from;   /* where the next batch moves the store from; -1: no row */
    int64_t first;  /* first offset read since it was assigned; -1: none */
    int64_t stored; /* what the store has said it holds, for Kafka's monitors */
    int64_t committed; /* ... and Kafka was told */
};

struct places {
    struct place *at;
    size_t count, cap;
};

void places_done(struct places *ps);
/* Pointers are good until the next places_make(). */
struct place *places_find(const struct places *ps, int32_t partition);
struct place *places_make(struct places *ps,
                          int32_t partition); /* NULL: no memory */

#endif
