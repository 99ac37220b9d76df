/* SPDX-License-Identifier: Apache-2.0
 *
 * app/sources.c - the running sources follow the configuration.  Control and
 * connector threads, under sources_mtx.
 */
#include "config.h"

#include "app/house.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>

#define REPLACE_MS 20000 /* how long a replaced source may take to stop */

static bool wanted(const struct conf *conf, const struct conf_source *running)
{
    const struct conf_source *s = conf_find_source(conf, running->name);

    return s != NULL && s->enabled && conf_source_same(s, running);
}

static bool runs(const struct house *h, const struct conf_source *s)
{
    for (size_t i = 0; i < h->source_count; i++)
        if (conf_source_same(source_conf(h->sources[i]), s))
            return true;
    return false;
}

static void stop_unwanted(struct house *h, const struct conf *conf)
{
    size_t keep = 0;

    for (size_t i = 0; i < h->source_count; i++) {
        struct source *s = h->sources[i];

        if (wanted(conf, source_conf(s))) {
            h->sources[keep++] = s;
            continue;
        }
        log_info("app", LOG_EVENT("source_stops"),
                 LOG_STR("source", source_conf(s)->name));
        source_stop(&s, clock_boot_ms() + REPLACE_MS);
    }
    h->source_count = keep;
}

static void stop_all(struct house *h, int64_t deadline_boot_ms)
{
    while (h->source_count > 0)
        source_stop(&h->sources[--h->source_count], deadline_boot_ms);
}

/* An instance that can hold no slot leaves the partitions to the others. */
static bool is_idle(const struct house *h)
{
    return h->seat != NULL && seat_skewed(h->seat);
}

static int start_missing(struct house *h, const struct conf *conf,
                         struct err *err)
{
    for (size_t i = 0; i < conf->source_count; i++) {
        const struct conf_source *s = &conf->sources[i];
        int r;

        if (!s->enabled || runs(h, s))
            continue;
        if (h->source_count == HOUSE_SOURCES_MOST)
            return err_set(err, -E2BIG, "more than %d sources",
                           HOUSE_SOURCES_MOST);
        r = source_start(&h->ingest, s, &h->sources[h->source_count], err);
        if (r < 0)
            return err_wrap(err, "source %s", s->name);
        h->source_count++;
        log_info("app", LOG_EVENT("source_starts"), LOG_STR("source", s->name),
                 LOG_STR("topic", s->topic));
    }
    return 0;
}

int sources_follow(struct house *h, const struct conf *conf, struct err *err)
{
    int r = 0;

    pthread_mutex_lock(&h->sources_mtx);
    stop_unwanted(h, conf);
    if (is_idle(h))
        stop_all(h, clock_boot_ms() + REPLACE_MS);
    else if (h->cluster_id != NULL) /* else the connector will start them */
        r = start_missing(h, conf, err);
    pthread_mutex_unlock(&h->sources_mtx);
    return r;
}

void sources_stop(struct house *h, int64_t deadline_boot_ms)
{
    pthread_mutex_lock(&h->sources_mtx);
    stop_all(h, deadline_boot_ms);
    pthread_mutex_unlock(&h->sources_mtx);
}
