/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/report.h - the figures: gathered while the cases run, then a table
 * with the goals beside them, and bench.json.
 */
#ifndef ONTIME_BENCH_REPORT_H
#define ONTIME_BENCH_REPORT_H

#include "bench/bench.h"

#include <stdio.h>

struct report *report_new(void);
void report_free(struct report **pr);

/* One figure.  metric and unit are constants of the caller's.  rate: it is
 * also given as a ratio to the median raw rate. */
void report_add(struct report *r, const struct bench_case *c,
                const char *metric, double value, const char *unit);
void report_add_rate(struct report *r, const struct bench_case *c,
                     const char *metric, double value);
/* The first such figure of this run; negative: there is none. */
double report_find(const struct report *r, const char *name, const char *store,
                   const char *delivery, const char *metric);
/* One run of the baseline; its median becomes a figure of its own. */
void report_add_raw(struct report *r, double per_s);

void report_table(const struct report *r, FILE *f);
int report_json(const struct report *r, const char *path, struct err *err);

#endif
