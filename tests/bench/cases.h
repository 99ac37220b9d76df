/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/cases.h - the cases, each the `run` of a line of the table in main.c.
 * They add figures to the report; negative: it could not be done, or a job was
 * lost, doubled or early.
 */
#ifndef ONTIME_BENCH_CASES_H
#define ONTIME_BENCH_CASES_H

#include "bench/bench.h"

/* The baseline: jobs 100-byte records from a bare producer. */
int case_raw(struct bench *b, const struct bench_case *c, struct err *err);
/* From a full source topic into the store. */
int case_ingest(struct bench *b, const struct bench_case *c, struct err *err);
/* Jobs that are all due within one second. */
int case_burst(struct bench *b, const struct bench_case *c, struct err *err);
/* `rate` a second for 20 s (quick: 5 s), half of them ingested meanwhile. */
int case_steady(struct bench *b, const struct bench_case *c, struct err *err);
/* Memory with many pending; kill -9 and the first fire after it. */
int case_pending(struct bench *b, const struct bench_case *c, struct err *err);
/* Many overdue at start while `rate` a second are on time. */
int case_overdue(struct bench *b, const struct bench_case *c, struct err *err);

#endif
