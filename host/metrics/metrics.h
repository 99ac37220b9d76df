/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics/metrics.h - counters, gauges and histograms; Prometheus text.
 *
 * Families are rows of one table (metrics/table.h), which is also the source
 * of docs/metrics.md.  A series is looked up once (takes a lock) and then
 * updated without one, from any thread.  Series live as long as the process.
 */
#ifndef ONTIME_METRICS_METRICS_H
#define ONTIME_METRICS_METRICS_H

#include "base/buf.h"

#include <stdint.h>

struct metric; /* one series */

/* The series of family with one label value (label NULL or "" when the family
 * has no label).  family must be in the table: asserts.  NULL without memory,
 * which every function below accepts and ignores. */
struct metric *metric_series(const char *family, const char *label_value);
/* Two labels, for families that have two. */
struct metric *metric_series2(const char *family, const char *v1, const char *v2);

void metric_add(struct metric *m, int64_t n);  /* counter or gauge */
void metric_set(struct metric *m, int64_t v);  /* gauge */
int64_t metric_get(const struct metric *m);    /* counter, gauge; count of a histogram */
/* Histogram of milliseconds; the buckets are the family's. */
void metric_observe_ms(struct metric *m, int64_t ms);
/* The value below which the fraction q (0..1) lies, by bucket bound; -1 when empty. */
int64_t metric_quantile_ms(const struct metric *m, double q);

/* Everything, in Prometheus text format 0.0.4. */
int metrics_render(struct buf *out);
/* The table as Markdown, for docs/metrics.md. */
int metrics_doc(struct buf *out);

/*
 * Metrics that a plugin made: a family "ontime_plugin_<name>" with the label
 * app, registered on first use; name must be [a-z0-9_]+.  NULL when not, or
 * when 1,000 such series exist already.
 */
struct metric *metric_plugin(const char *name, const char *app);

#endif
