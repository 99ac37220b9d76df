/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics/series.c - the registry: which series there are.  Under a lock, any
 * thread.
 */
#include "config.h"

#include "metrics/series.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/metrics.h"

#define SERIES_FAMILIES_MAX 256

/* A family in use.  Those of plugins are allocated, and in a list. */
struct series_group {
    struct series_group *next;
    const struct metric_family *family;
    struct metric *first;
    struct metric **end; /* NULL before the first */
    struct metric_family own;
    char name[METRIC_PLUGIN_NAME_MAX + sizeof("plugin_")];
};

/* All under the lock. */
static pthread_mutex_t series_mtx = PTHREAD_MUTEX_INITIALIZER;
static struct series_group series_groups[SERIES_FAMILIES_MAX];
static struct series_group *series_plugins;
static struct series_group **series_plugins_end = &series_plugins;
static size_t series_of_plugins;

const struct metric_family *series_family(const char *name)
{
    size_t skip = strlen(METRIC_PREFIX);

    assert(metric_table_rows <= SERIES_FAMILIES_MAX);
    if (strncmp(name, METRIC_PREFIX, skip) == 0)
        name += skip;
    for (size_t i = 0; i < metric_table_rows; i++) {
        const struct metric_family *f = &metric_table[i];

        if (strcmp(f->name, name) == 0 ||
            (f->seconds_name != NULL && strcmp(f->seconds_name, name) == 0))
            return f;
    }
    return NULL;
}

static void series_free(struct metric **pm)
{
    struct metric *m = *pm;

    *pm = NULL;
    if (m == NULL)
        return;
    for (size_t i = 0; i < METRIC_LABELS; i++)
        free(m->values[i]);
    free(m);
}

static struct metric *series_new(const struct metric_family *f,
                                 const char *const values[METRIC_LABELS])
{
    size_t counts = f->type == METRIC_HISTOGRAM ? f->bounds + 1 : 0;
    struct metric *m = calloc(1, sizeof(*m) + counts * sizeof(m->counts[0]));

    if (m == NULL)
        return NULL;
    m->family = f;
    for (size_t i = 0; i < METRIC_LABELS; i++) {
        m->values[i] = strdup(values[i]);
        if (m->values[i] == NULL)
            series_free(&m);
        if (m == NULL)
            return NULL;
    }
    return m;
}

static struct metric *group_find(const struct series_group *g,
                                 const char *const values[METRIC_LABELS])
{
    struct metric *m = g->first;

    while (m != NULL && (strcmp(m->values[0], values[0]) != 0 ||
                         strcmp(m->values[1], values[1]) != 0))
        m = m->next;
    return m;
}

/* The series of these values, made if need be; NULL without memory. */
static struct metric *group_series(struct series_group *g,
                                   const char *const values[METRIC_LABELS])
{
    struct metric *m = group_find(g, values);

    if (m != NULL)
        return m;
    m = series_new(g->family, values);
    if (m == NULL)
        return NULL;
    if (g->end == NULL)
        g->end = &g->first;
    *g->end = m;
    g->end = &m->next;
    return m;
}

struct metric *series_get(const struct metric_family *f,
                          const char *const values[METRIC_LABELS])
{
    struct series_group *g = &series_groups[f - metric_table];
    struct metric *m;

    (void)pthread_mutex_lock(&series_mtx);
    g->family = f;
    m = group_series(g, values);
    (void)pthread_mutex_unlock(&series_mtx);
    return m;
}

static struct series_group *plugin_group(const char *name)
{
    struct series_group *g = series_plugins;

    while (g != NULL && strcmp(g->name + strlen("plugin_"), name) != 0)
        g = g->next;
    return g;
}

static struct series_group *plugin_group_new(const char *name)
{
    static const char total[] = "_total";
    size_t len = strlen(name);
    struct series_group *g = calloc(1, sizeof(*g));

    if (g == NULL)
        return NULL;
    (void)snprintf(g->name, sizeof(g->name), "plugin_%s", name);
    g->own = (struct metric_family){.type = METRIC_GAUGE,
                                    .name = g->name,
                                    .labels = {"app", NULL},
                                    .help = "Metric of a plugin"};
    if (len >= strlen(total) && strcmp(name + len - strlen(total), total) == 0)
        g->own.type = METRIC_COUNTER;
    g->family = &g->own;
    *series_plugins_end = g;
    series_plugins_end = &g->next;
    return g;
}

struct metric *series_plugin(const char *name,
                             const char *const values[METRIC_LABELS])
{
    struct series_group *g;
    struct metric *m;

    (void)pthread_mutex_lock(&series_mtx);
    g = plugin_group(name);
    m = g != NULL ? group_find(g, values) : NULL;
    if (m != NULL || series_of_plugins == METRIC_PLUGIN_MAX)
        goto out;
    if (g == NULL)
        g = plugin_group_new(name);
    if (g != NULL)
        m = group_series(g, values);
    if (m != NULL)
        series_of_plugins++;
out:
    (void)pthread_mutex_unlock(&series_mtx);
    return m;
}

void series_each_family(void (*each)(void *ctx, const struct metric_family *f,
                                     const struct metric *first),
                        void *ctx)
{
    (void)pthread_mutex_lock(&series_mtx);
    for (size_t i = 0; i < metric_table_rows; i++)
        each(ctx, &metric_table[i], series_groups[i].first);
    for (struct series_group *g = series_plugins; g != NULL; g = g->next)
        each(ctx, g->family, g->first);
    (void)pthread_mutex_unlock(&series_mtx);
}
