/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics/series.h - how series are kept; for the files of this module.
 */
#ifndef ONTIME_METRICS_SERIES_H
#define ONTIME_METRICS_SERIES_H

#include "metrics/table.h"

#include <stdatomic.h>

/* Lives as long as the process.  Any thread updates the atomics. */
struct metric {
    /* Frozen once it is in its family's list. */
    const struct metric_family *family;
    char *values[METRIC_LABELS]; /* never NULL; "" for no label */
    /* Under the registry's lock. */
    struct metric *next;
    /* Shared. */
    _Atomic int64_t value;    /* of a histogram: the sum, in ms */
    _Atomic int64_t counts[]; /* of a histogram: bounds + 1 */
};

/* The row of that name, with or without the prefix; NULL: none. */
const struct metric_family *series_family(const char *name);
/* The series of these values (neither NULL), made if need be; NULL without
 * memory.  f is a row of the table. */
struct metric *series_get(const struct metric_family *f,
                          const char *const values[METRIC_LABELS]);
/* As series_get, in the family of plugins' metrics called name (checked);
 * NULL also when there are METRIC_PLUGIN_MAX such series. */
struct metric *series_plugin(const char *name,
                             const char *const values[METRIC_LABELS]);

/* Calls each() for every family in the table's order, plugins' last, with its
 * first series (NULL: none).  Under the lock: each() must not come back. */
void series_each_family(void (*each)(void *ctx, const struct metric_family *f,
                                     const struct metric *first),
                        void *ctx);

#endif
