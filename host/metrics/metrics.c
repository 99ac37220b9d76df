/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics/metrics.c - finding a series and updating it.  Updates are relaxed
 * atomics; any thread.
 */
#include "config.h"

#include "metrics/metrics.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "metrics/series.h"

struct metric *metric_series2(const char *family, const char *v1,
                              const char *v2)
{
    const struct metric_family *f = series_family(family);
    const char *const values[] = {v1 != NULL ? v1 : "", v2 != NULL ? v2 : ""};

    if (f == NULL)
        (void)fprintf(stderr, "unknown metric \"%s\"\n", family);
    assert(f != NULL);
    assert(f->labels[0] != NULL || values[0][0] == '\0');
    assert(f->labels[1] != NULL || values[1][0] == '\0');
    return series_get(f, values);
}

struct metric *metric_series(const char *family, const char *label_value)
{
    return metric_series2(family, label_value, NULL);
}

static bool plugin_name_ok(const char *name)
{
    size_t len = strlen(name);

    return len > 0 && len <= METRIC_PLUGIN_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == len;
}

struct metric *metric_plugin(const char *name, const char *app)
{
    const char *const values[] = {app != NULL ? app : "", ""};

    return plugin_name_ok(name) ? series_plugin(name, values) : NULL;
}

void metric_add(struct metric *m, int64_t n)
{
    if (m == NULL)
        return;
    assert(m->family->type != METRIC_HISTOGRAM);
    (void)atomic_fetch_add_explicit(&m->value, n, memory_order_relaxed);
}

void metric_set(struct metric *m, int64_t v)
{
    if (m == NULL)
        return;
    assert(m->family->type != METRIC_HISTOGRAM);
    atomic_store_explicit(&m->value, v, memory_order_relaxed);
}

static int64_t metric_count(const struct metric *m, size_t i)
{
    return atomic_load_explicit(&m->counts[i], memory_order_relaxed);
}

int64_t metric_get(const struct metric *m)
{
    int64_t n = 0;

    if (m == NULL)
        return 0;
    if (m->family->type != METRIC_HISTOGRAM)
        return atomic_load_explicit(&m->value, memory_order_relaxed);
    for (size_t i = 0; i <= m->family->bounds; i++)
        n += metric_count(m, i);
    return n;
}

void metric_observe_ms(struct metric *m, int64_t ms)
{
    size_t i = 0;

    if (m == NULL)
        return;
    assert(m->family->type == METRIC_HISTOGRAM);
    if (ms < 0) /* a sum must not fall */
        ms = 0;
    while (i < m->family->bounds && ms > m->family->bounds_ms[i])
        i++;
    (void)atomic_fetch_add_explicit(&m->counts[i], 1, memory_order_relaxed);
    (void)atomic_fetch_add_explicit(&m->value, ms, memory_order_relaxed);
}

int64_t metric_quantile_ms(const struct metric *m, double q)
{
    int64_t n = metric_get(m);
    double want = q * (double)n;
    int64_t seen = 0;

    if (n == 0)
        return -1;
    assert(m->family->type == METRIC_HISTOGRAM);
    for (size_t i = 0; i < m->family->bounds; i++) {
        seen += metric_count(m, i);
        if (seen > 0 && (double)seen >= want)
            return m->family->bounds_ms[i];
    }
    return INT64_MAX;
}
