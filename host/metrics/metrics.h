/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics/metrics.h - counters, gauges and histograms; Prometheus text.
 *
 * Families are rows of one table (metrics/table.c), which is also the source
 * of docs/metrics.md.  A series is looked up once (takes a lock) and then
 * updated without one, from any thread.  Series live as long as the process.
 */
#ifndef ONTIME_METRICS_METRICS_H
#define ONTIME_METRICS_METRICS_H

#include "base/buf.h"

#include <stdint.h>

struct metric; /* one series */

/* The series of family with one label value (NULL or "": no label).  family
 * must be in the table, with or without "ontime_" in front: asserts.  NULL
 * without memory, which every function below accepts and ignores. */
struct metric *metric_series(const char *family, const char *label_value);
/* Two labels, for families that have two. */
struct metric *metric_series2(const char *family, const char *v1,
                              const char *v2);

void metric_add(struct metric *m, int64_t n); /* counter or gauge */
void metric_set(struct metric *m, int64_t v); /* gauge */
/* Of a counter or gauge the value, of a histogram how many were observed. */
int64_t metric_get(const struct metric *m);
/* Histogram of milliseconds; the buckets are the family's.  Less than 0 is
 * taken as 0. */
void metric_observe_ms(struct metric *m, int64_t ms);
/* The value below which the fraction q (0..1) lies, by bucket bound: INT64_MAX
 * when that is above the last bound, -1 when empty. */
int64_t metric_quantile_ms(const struct metric *m, double q);

/* Everything, in Prometheus text format 0.0.4: families without labels always,
 * others from their first series on.  0, or the buffer's error. */
int metrics_render(struct buf *out);
/* The table as Markdown, for docs/metrics.md.  0, or the buffer's error. */
int metrics_doc(struct buf *out);

/*
 * Metrics that a plugin made: a family "ontime_plugin_<name>" with the label
 * app, registered on first use; a counter when name ends in _total, else a
 * gauge.  name must be [a-z0-9_]+, not too long.  NULL when not, without
 * memory, or when as many new series exist already as there may be.
 */
#define METRIC_PLUGIN_NAME_MAX 64
#define METRIC_PLUGIN_MAX 1000
struct metric *metric_plugin(const char *name, const char *app);

#endif
