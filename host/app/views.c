/* SPDX-License-Identifier: Apache-2.0
 *
 * app/views.c - the house as JSON, for people and tools.  Threads of httpd.
 */
#include "config.h"

#include "app/house.h"

#include "base/clock.h"
#include "metrics/metrics.h"

#include <stdlib.h>
#include <string.h>

/* ---- JSON ------------------------------------------------------------------------- */

static void name(struct buf *b, const char *key)
{
    if (b->len > 0 && b->data[b->len - 1] != '{')
        buf_addc(b, ',');
    buf_add_json(b, key, strlen(key));
    buf_addc(b, ':');
}

static void text(struct buf *b, const char *key, const char *value)
{
    name(b, key);
    buf_add_json(b, value, strlen(value));
}

static void number(struct buf *b, const char *key, int64_t v)
{
    name(b, key);
    buf_addi(b, v);
}

static void truth(struct buf *b, const char *key, bool v)
{
    name(b, key);
    buf_adds(b, v ? "true" : "false");
}

static void open_object(struct buf *b, const char *key)
{
    name(b, key);
    buf_addc(b, '{');
}

/* ---- status ------------------------------------------------------------------------- */

static void view_window(struct house *h, struct buf *b)
{
    struct sched_view v;

    sched_look(h->sched, &v);
    open_object(b, "window");
    number(b, "jobs", (int64_t)v.held);
    number(b, "capacity", (int64_t)v.capacity);
    number(b, "bytes", (int64_t)v.held_bytes);
    number(b, "loadedUntilMs", v.loaded_until_ms);
    truth(b, "backlog", v.backlog);
    buf_addc(b, '}');
}

static void view_commit(struct house *h, struct buf *b)
{
    struct commit_view v;

    commit_look(h->commit, &v);
    open_object(b, "commit");
    number(b, "unsettled", (int64_t)v.unsettled);
    number(b, "recordsOutstanding", v.outstanding);
    truth(b, "brokerConnected", v.connected);
    text(b, "transactions", exactly_state_name(v.exactly));
    text(b, "transactionsWhy", v.why);
    number(b, "transactionsCommitted",
           metric_get(metric_series("ontime_transactions_total", "committed")));
    buf_addc(b, '}');
}

static void view_store(struct house *h, struct buf *b)
{
    open_object(b, "store");
    text(b, "backend", store_backend(h->store));
    text(b, "id", store_id(h->store));
    truth(b, "healthy", writer_healthy(h->writer));
    number(b, "idempotencyCacheSize", store_remembered(h->store));
    buf_addc(b, '}');
}

static unsigned shards_of(const struct seat_world *w, int32_t slot)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < w->shards; i++)
        n += w->owners[i] == slot;
    return n;
}

static void view_slot(const struct seat_view *v, size_t i, struct buf *b)
{
    const struct store_slot *s = &v->world.slots[i];

    buf_addc(b, '{');
    number(b, "slot", s->slot);
    text(b, "instance", s->owner);
    text(b, "state", !s->owned ? "free" : v->dead[i] ? "dead" : "owned");
    number(b, "epoch", s->epoch);
    number(b, "shards", shards_of(&v->world, s->slot));
    buf_addc(b, '}');
}

/* This instance among others; nothing when there can be no others. */
static void view_seat(struct house *h, struct buf *b)
{
    struct seat_view *v = h->seat == NULL ? NULL : calloc(1, sizeof(*v));

    if (v == NULL)
        return;
    seat_look(h->seat, v);
    open_object(b, "seat");
    number(b, "slot", v->slot);
    number(b, "epoch", v->epoch);
    number(b, "shards", v->world.shards);
    number(b, "shardsOwned", v->owned);
    number(b, "shardsLeaving", v->leaving);
    number(b, "shardsOfNobody", shards_of(&v->world, STORE_NO_SLOT));
    number(b, "beatAgeMs", v->beat_age_ms);
    number(b, "clockSkewMs", v->skew_ms);
    number(b, "slotsLost", v->lost);
    number(b, "takeovers", v->takeovers);
    name(b, "slots");
    buf_addc(b, '[');
    for (size_t i = 0; i < v->world.slot_count; i++) {
        if (i > 0)
            buf_addc(b, ',');
        view_slot(v, i, b);
    }
    buf_adds(b, "]}");
    free(v);
}

static void view_sources(struct house *h, struct buf *b)
{
    name(b, "sources");
    buf_addc(b, '[');
    pthread_mutex_lock(&h->sources_mtx);
    for (size_t i = 0; i < h->source_count; i++) {
        const struct conf_source *s = source_conf(h->sources[i]);

        buf_adds(b, i > 0 ? ",{" : "{");
        text(b, "name", s->name);
        text(b, "topic", s->topic);
        text(b, "format", s->format);
        text(b, "state", source_state(h->sources[i]));
        number(b, "received",
               metric_get(
                   metric_series("ontime_messages_received_total", s->name)));
        number(b, "processed",
               metric_get(
                   metric_series("ontime_messages_processed_total", s->name)));
        number(b, "deadLettered",
               metric_get(metric_series("ontime_messages_dead_lettered_total",
                                        s->name)));
        buf_addc(b, '}');
    }
    pthread_mutex_unlock(&h->sources_mtx);
    buf_addc(b, ']');
}

static void view_workers(struct house *h, struct buf *b)
{
    unsigned hung, n = dispatch_workers(h->dispatch, &hung);

    number(b, "workers", n);
    number(b, "workersHung", hung);
    number(b, "pluginZombies", instance_zombies());
}

int view_status(void *arg, struct buf *b)
{
    struct house *h = arg;
    char why[200] = "";

    buf_addc(b, '{');
    text(b, "version", PACKAGE_VERSION);
    text(b, "instance", h->started->instance_id);
    text(b, "cluster", h->started->cluster);
    number(b, "uptimeMs", clock_boot_ms() - h->started_boot_ms);
    number(b, "generation", atomic_load(&h->generation));
    truth(b, "ready", house_ready(h, why, sizeof(why)));
    text(b, "reason", why);
    text(b, "kafka", h->kafka.bootstrap_servers);
    view_store(h, b);
    view_seat(h, b);
    view_window(h, b);
    view_commit(h, b);
    view_workers(h, b);
    view_sources(h, b);
    buf_addc(b, '}');
    return buf_ok(b);
}

/* ---- apps ------------------------------------------------------------------------------ */

static void view_app(struct house *h, const struct registry_app *a,
                     struct buf *b)
{
    struct dispatch_view v;
    const char *state = a->instance == NULL ? "parked" : "serving";

    dispatch_look(h->dispatch, a->name, &v);
    if (a->instance != NULL && instance_zombie(a->instance))
        state = "abandoned";
    else if (a->instance != NULL && !ledger_serves(h, a))
        state = "waiting for the ledger";
    else if (v.waiting)
        state = "waiting for its former instance";
    buf_addc(b, '{');
    text(b, "name", a->name->text);
    text(b, "plugin", a->conf->plugin);
    text(b, "state", state);
    text(b, "delivery",
         registry_exactly_once(a) && h->embedded == NULL ? "exactly_once"
                                                         : "at_least_once");
    if (a->instance != NULL) {
        const struct plugin_object *o = instance_object(a->instance);

        text(b, "version", plugin_object_version(o));
        truth(b, "concurrent", instance_concurrent(a->instance));
    }
    number(b, "queued", (int64_t)v.queued);
    number(b, "openAttempts", v.open);
    number(b, "done",
           metric_get(metric_series2("ontime_executions_total", a->name->text,
                                     "done")));
    number(b, "dead",
           metric_get(metric_series2("ontime_executions_total", a->name->text,
                                     "dead")));
    number(b, "retries",
           metric_get(metric_series("ontime_retries_total", a->name->text)));
    number(b, "latenessP99Ms",
           metric_quantile_ms(
               metric_series("ontime_lateness_seconds", a->name->text), 0.99));
    buf_addc(b, '}');
}

int view_apps(void *arg, struct buf *b)
{
    struct house *h = arg;
    struct registry *r;

    pthread_mutex_lock(&h->mtx);
    r = registry_ref(h->registry);
    pthread_mutex_unlock(&h->mtx);
    buf_addc(b, '[');
    for (size_t i = 0; i < registry_count(r); i++) {
        if (i > 0)
            buf_addc(b, ',');
        view_app(h, registry_at(r, i), b);
    }
    buf_addc(b, ']');
    registry_unref(&r);
    return buf_ok(b);
}
