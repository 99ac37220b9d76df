/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/ingest.c - starting and stopping sources; see ingest.h.
 *
 * The control thread's, except source_state().
 */
#include "config.h"

#include "ingest/ingest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "ingest/reopen.h"
#include "ingest/source.h"
#include "metrics/metrics.h"

static const char *const phases[PHASES] = {
    [PHASE_CONNECTING] = "connecting",
    [PHASE_RUNNING] = "running",
    [PHASE_PAUSED_STORE] = "paused: store",
    [PHASE_PAUSED_DEAD] = "paused: dead-letter topic",
    [PHASE_LOST] = "failed: position lost",
    [PHASE_FAILED] = "failed",
    [PHASE_STOPPING] = "stopping",
};

void source_unref(struct source *s)
{
    if (atomic_fetch_sub(&s->refs, 1) > 1)
        return;
    inbox_done(&s->finished);
    free(s);
}

static void *thread_main(void *arg)
{
    source_run(arg);
    return NULL;
}

static void make_meters(struct source *s)
{
    const char *name = s->conf->name;

    s->meters = (struct source_meters){
        .received = metric_series("messages_received_total", name),
        .processed = metric_series("messages_processed_total", name),
        .failed = metric_series("messages_failed_total", name),
        .duplicate = metric_series("messages_duplicate_total", name),
        .lag = metric_series("ingest_lag", name),
        .paused = metric_series("ingest_paused", name),
        .reopened = metric_series("ingest_reopens_total", name),
    };
}

static int prepare_format(struct source *s, struct err *err)
{
    const struct conf_source *c = s->conf;

    s->format = format_find(c->format);
    if (s->format == NULL)
        return err_set(err, -EINVAL, "unknown format \"%s\"", c->format);
    s->fs = (struct format_source){
        .time_field = c->time_field[0] != '\0' ? c->time_field : NULL,
        .zone = s->env.zone,
        .known_app = s->env.known_app,
        .arg = s->env.arg,
    };
    if (c->timezone[0] != '\0') {
        if (zone_load(c->timezone, &s->zone, err) < 0)
            return -ENOENT;
        s->fs.zone = s->zone;
    }
    if (c->app[0] == '\0')
        return 0;
    s->fs.default_app = app_name_s(c->app);
    if (s->fs.default_app == NULL)
        return err_set(err, -EINVAL, "app \"%s\": not a name", c->app);
    return 0;
}

/* What the thread used; after it has ended.  The dead letters hold messages of
 * the consumer. */
static void release(struct source *s)
{
    dead_done(&s->dead);
    batch_free(&s->batch);
    consumer_close(&s->consumer);
    store_session_close(&s->reading);
    places_done(&s->places);
    zone_free(&s->zone);
    free(s->passthrough);
    s->passthrough = NULL;
}

static struct source *source_new(const struct ingest_env *env,
                                 const struct conf_source *conf,
                                 struct err *err)
{
    struct source *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        (void)err_sys(err, ENOMEM, "source %s", conf->name);
        return NULL;
    }
    if (inbox_init(&s->finished, 1, false) < 0) {
        free(s);
        (void)err_sys(err, ENOMEM, "source %s", conf->name);
        return NULL;
    }
    atomic_init(&s->refs, 1);
    s->env = *env;
    s->conf = conf;
    s->limit = BATCH_ITEMS;
    s->suspect_offset = -1;
    dead_init(&s->dead, env->kafka, conf->name, conf->topic, conf->dlq_topic);
    make_meters(s);
    return s;
}

int source_start(const struct ingest_env *env, const struct conf_source *conf,
                 struct source **ret, struct err *err)
{
    struct source *s = source_new(env, conf, err);
    char name[64];
    int r;

    if (s == NULL)
        return -ENOMEM;
    (void)snprintf(name, sizeof(name), "ot-in-%s", conf->name);
    r = prepare_format(s, err);
    if (r == 0)
        r = store_session_open(env->store, false, &s->reading, err);
    if (r == 0)
        r = reopen_consumer(s, err);
    if (r == 0)
        r = thread_start(&s->thread, name, thread_main, s, err);
    if (r < 0) {
        release(s);
        source_unref(s);
        return r;
    }
    *ret = s;
    return 0;
}

void source_stop(struct source **ps, int64_t deadline_boot_ms)
{
    struct source *s = *ps;

    *ps = NULL;
    if (s == NULL)
        return;
    atomic_store(&s->deadline_ms, deadline_boot_ms);
    atomic_store(&s->stop, true);
    (void)pthread_join(s->thread, NULL);
    release(s);
    log_info("ingest", LOG_EVENT("source_stopped"),
             LOG_STR("source", s->conf->name));
    source_unref(s);
}

const char *source_state(const struct source *s)
{
    return phases[atomic_load(&s->phase)];
}

const struct conf_source *source_conf(const struct source *s)
{
    return s->conf;
}
