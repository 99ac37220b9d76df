/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/weigh.h - how much a topic holds, as a read-committed consumer sees it.
 */
#ifndef ONTIME_BENCH_WEIGH_H
#define ONTIME_BENCH_WEIGH_H

#include "bench/bench.h"

struct weight {
    int64_t records, bytes; /* bytes of keys and values */
};
int weigh_topic(const struct bench *b, const char *topic, struct weight *ret,
                struct err *err);

#endif
