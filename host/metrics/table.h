/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics/table.h - what a row of the table of families says.  The rows are
 * in table.c, in the order of the page and of docs/metrics.md.  A new metric
 * is a new row there.  Constant.
 */
#ifndef ONTIME_METRICS_TABLE_H
#define ONTIME_METRICS_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define METRIC_PREFIX "ontime_"
#define METRIC_LABELS 2

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_family {
    enum metric_type type;
    const char *name; /* for metric_series(), without the prefix */
    /* The name on the page when it is not the same: then values are kept in
     * milliseconds and shown in seconds, as Prometheus wants it. */
    const char *seconds_name;
    const char *labels[METRIC_LABELS]; /* NULL: fewer */
    const char *help;
    const int64_t *bounds_ms; /* histograms: ascending; +Inf is implied */
    size_t bounds;
};

extern const struct metric_family metric_table[];
extern const size_t metric_table_rows;

/* "counter", "gauge" or "histogram". */
const char *metric_type_name(enum metric_type type);

#endif
