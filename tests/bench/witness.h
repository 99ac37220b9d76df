/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/witness.h - a consumer, read committed, that sees records as they
 * become visible.  LogAppendTime says when a record was appended; within a
 * transaction it can be seen only when that has been committed.  A thread of
 * its own.
 */
#ifndef ONTIME_BENCH_WITNESS_H
#define ONTIME_BENCH_WITNESS_H

#include "bench/bench.h"

struct witness;

/* Of the jobs numbered from 0 to count. */
int witness_start(const struct bench *b, const char *topic, int64_t count,
                  struct witness **ret, struct err *err);
/* Waits until all have been seen (10 s) and reports visible_p50 and _p99: how
 * late they could be seen. */
int witness_report(struct witness *w, const int64_t *due, const struct bench *b,
                   const struct bench_case *c, struct err *err);
void witness_stop(struct witness **pw); /* fine with NULL */

#endif
