/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/instance.c - an app's use of a plugin; see instance.h.
 *
 * The counters are atomic: workers change them with every attempt.  State
 * moves on the control thread alone; only `retired` is read by others.
 */
#include "config.h"

#include "plug/instance.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "job/when.h"
#include "metrics/metrics.h"
#include "plug/helper.h"
#include "plug/host.h"

#define CLOSE_PATIENCE_MS 100

enum state { STATE_NEW, STATE_READY, STATE_CLOSED, STATE_LOST };

struct plugin_instance {
    /* frozen by instance_new, but for state_data (by init, before READY) */
    const struct app_name *app;
    struct plugin_object *object;
    struct plugin_config *config;
    struct zone *zone;
    char *timezone;
    struct attempt_table *attempts;
    bool concurrent;
    void *state_data;

    /* moved by the control thread, read by others for people */
    _Atomic(enum state) state;

    char apart[64]; /* what workers write is not on the lines that they read */

    /* shared: any thread */
    atomic_uint refs;
    atomic_uint open;   /* attempts without an outcome */
    atomic_uint inside; /* calls of execute */
    atomic_bool retired;
    atomic_bool zombie;
};

static atomic_uint zombies;

/* ---- life ---------------------------------------------------------------- */

static void instance_destroy(struct plugin_instance *i)
{
    plugin_config_free(&i->config); /* its rows are the plugin's memory */
    zone_free(&i->zone);
    free(i->timezone);
    plugin_object_unref(&i->object);
    free(i);
}

int instance_new(struct instance_settings *set, struct plugin_instance **ret,
                 struct err *err)
{
    const char *tz = set->timezone;
    struct plugin_instance *i = calloc(1, sizeof(*i));
    int r = -ENOMEM;

    if (i == NULL)
        return err_set(err, -ENOMEM, "out of memory");
    i->timezone = strdup(tz != NULL && tz[0] != '\0' ? tz : "UTC");
    if (i->timezone == NULL) {
        (void)err_set(err, -ENOMEM, "out of memory");
        goto out;
    }
    r = zone_load(i->timezone, &i->zone, err);
    if (r < 0)
        goto out;
    atomic_init(&i->refs, 1);
    i->app = set->app;
    i->object = plugin_object_ref(set->object);
    i->attempts = set->attempts;
    i->concurrent =
        (plugin_object_plugin(i->object)->flags & ONTIME_CONCURRENT) != 0;
    i->config = set->config;
    set->config = NULL;
    *ret = i;
    i = NULL;
out:
    if (i != NULL)
        instance_destroy(i);
    return r;
}

struct plugin_instance *instance_ref(struct plugin_instance *i)
{
    (void)atomic_fetch_add_explicit(&i->refs, 1, memory_order_relaxed);
    return i;
}

static void zombie_ends(struct plugin_instance *i)
{
    if (atomic_exchange(&i->zombie, false)) {
        (void)atomic_fetch_sub(&zombies, 1);
        metric_add(metric_series("plugin_zombies", NULL), -1);
    }
}

void instance_unref(struct plugin_instance **pi)
{
    struct plugin_instance *i = *pi;

    *pi = NULL;
    if (i == NULL ||
        atomic_fetch_sub_explicit(&i->refs, 1, memory_order_acq_rel) != 1)
        return;
    assert(i->state != STATE_READY);
    zombie_ends(i);
    instance_destroy(i);
}

/* Its code is in use by a thread that may never come back. */
static void zombie_begins(struct plugin_instance *i)
{
    i->state = STATE_LOST;
    plugin_object_pin(i->object);
    if (!atomic_exchange(&i->zombie, true)) {
        (void)atomic_fetch_add(&zombies, 1);
        metric_add(metric_series("plugin_zombies", NULL), 1);
    }
}

unsigned instance_zombies(void)
{
    return atomic_load(&zombies);
}

/* ---- init and close, on a helper's thread -------------------------------- */

static struct crash_note note_of(const struct plugin_instance *i)
{
    return (struct crash_note){.plugin = plugin_object_name(i->object),
                               .version = plugin_object_version(i->object),
                               .app = i->app->text};
}

static int run_init(void *arg, char *text, size_t len)
{
    struct plugin_instance *i = arg;
    const void *config = i->config;

    return plugin_object_plugin(i->object)->init(
        &plugin_host, instance_handle(i), config, &i->state_data, text, len);
}

static int run_close(void *arg, char *text, size_t len)
{
    struct plugin_instance *i = arg;

    (void)text;
    (void)len;
    plugin_object_plugin(i->object)->close(i->state_data);
    return 0;
}

/* An init that came back after all: nobody wants its instance any more. */
static void late_init(void *arg, int result)
{
    struct plugin_instance *i = arg;

    if (result == 0)
        plugin_object_plugin(i->object)->close(i->state_data);
    zombie_ends(i);
    instance_unref(&i);
}

static void late_close(void *arg, int result)
{
    struct plugin_instance *i = arg;

    (void)result;
    zombie_ends(i);
    instance_unref(&i);
}

int instance_init(struct plugin_instance *i, int64_t timeout_ms,
                  struct err *err)
{
    struct helper_task t = {.name = "plugin-init",
                            .run = run_init,
                            .late = late_init,
                            .arg = instance_ref(i),
                            .note = note_of(i)};
    struct plugin_instance *own = i;
    int r;

    assert(i->state == STATE_NEW);
    r = helper_run(&t, timeout_ms, err);
    if (r == -ETIMEDOUT) {
        zombie_begins(i); /* the helper keeps its reference */
        helper_let_go(&t);
        return err_set(err, -ETIMEDOUT,
                       "its init did not come back within %lld ms",
                       (long long)timeout_ms);
    }
    instance_unref(&own);
    if (r < 0)
        return r;
    if (t.result == 0) {
        i->state = STATE_READY;
        return 0;
    }
    return t.result < 0 && t.text[0] != '\0'
               ? err_set(err, t.result, "%s", t.text)
           : t.result < 0
               ? err_sys(err, -t.result, "its init refused, without a reason")
               : err_set(err, -EINVAL,
                         "its init returned %d, neither 0 nor a negative errno",
                         t.result);
}

/* Somebody who comes too late counts himself for a moment before he sees that
 * the instance is retired: only what lasts is an open attempt. */
static bool idle_soon(const struct plugin_instance *i)
{
    const struct timespec step = {.tv_nsec = 1000000};

    for (int n = 0; n < CLOSE_PATIENCE_MS && !instance_idle(i); n++)
        (void)nanosleep(&step, NULL);
    return instance_idle(i);
}

int instance_close(struct plugin_instance *i, int64_t timeout_ms,
                   struct err *err)
{
    struct helper_task t = {.name = "plugin-close",
                            .run = run_close,
                            .late = late_close,
                            .note = note_of(i)};
    struct plugin_instance *own = i;
    int r;

    if (i->state == STATE_NEW || i->state == STATE_CLOSED) {
        i->state = STATE_CLOSED;
        return 0;
    }
    if (i->state == STATE_LOST || !atomic_load(&i->retired) || !idle_soon(i))
        return err_set(err, -EBUSY, "app %s: %u attempts open, %u calls inside",
                       i->app->text, instance_open_attempts(i),
                       instance_inside(i));
    t.arg = instance_ref(i);
    r = helper_run(&t, timeout_ms, err);
    if (r == -ETIMEDOUT) {
        zombie_begins(i);
        helper_let_go(&t);
        return err_set(err, -ETIMEDOUT,
                       "its close did not come back within %lld ms",
                       (long long)timeout_ms);
    }
    if (r == 0)
        i->state = STATE_CLOSED;
    instance_unref(&own);
    return r;
}

/* ---- draining ------------------------------------------------------------ */

void instance_retire(struct plugin_instance *i)
{
    atomic_store(&i->retired, true);
}

bool instance_idle(const struct plugin_instance *i)
{
    /* open first: a call begins only while its attempt is open. */
    return atomic_load(&i->open) == 0 && atomic_load(&i->inside) == 0;
}

void instance_abandon(struct plugin_instance *i)
{
    instance_retire(i);
    if (i->state == STATE_READY)
        zombie_begins(i);
}

int instance_attempt_begin(struct plugin_instance *i)
{
    if (atomic_load(&i->retired))
        return -ESHUTDOWN;
    /* Counted before asking again: instance_retire then instance_idle sees us,
     * or we see that it is retired. */
    (void)atomic_fetch_add(&i->open, 1);
    if (atomic_load(&i->retired)) {
        (void)atomic_fetch_sub(&i->open, 1);
        return -ESHUTDOWN;
    }
    (void)instance_ref(i);
    return 0;
}

void instance_attempt_end(struct plugin_instance *i)
{
    (void)atomic_fetch_sub(&i->open, 1);
}

bool instance_call_begin(struct plugin_instance *i)
{
    unsigned none = 0;

    if (!i->concurrent)
        return atomic_compare_exchange_strong(&i->inside, &none, 1);
    (void)atomic_fetch_add(&i->inside, 1);
    return true;
}

void instance_call_end(struct plugin_instance *i)
{
    (void)atomic_fetch_sub(&i->inside, 1);
}

/* ---- getters ------------------------------------------------------------- */

const struct app_name *instance_app(const struct plugin_instance *i)
{
    return i->app;
}

struct plugin_object *instance_object(const struct plugin_instance *i)
{
    return i->object;
}

const struct plugin_config *instance_config(const struct plugin_instance *i)
{
    return i->config;
}

const char *instance_timezone(const struct plugin_instance *i)
{
    return i->timezone;
}

bool instance_concurrent(const struct plugin_instance *i)
{
    return i->concurrent;
}

bool instance_only_emits(const struct plugin_instance *i)
{
    return (plugin_object_plugin(i->object)->flags & ONTIME_ONLY_EMITS) != 0;
}

unsigned instance_open_attempts(const struct plugin_instance *i)
{
    return atomic_load(&i->open);
}

unsigned instance_inside(const struct plugin_instance *i)
{
    return atomic_load(&i->inside);
}

bool instance_zombie(const struct plugin_instance *i)
{
    return atomic_load(&i->zombie);
}

const char *instance_state_name(const struct plugin_instance *i)
{
    switch (atomic_load(&i->state)) {
    case STATE_NEW:
        return "new";
    case STATE_READY:
        return atomic_load(&i->retired) ? "draining" : "ready";
    case STATE_CLOSED:
        return "closed";
    case STATE_LOST:
        return "zombie";
    }
    return "?";
}

void *instance_plugin_state(const struct plugin_instance *i)
{
    return i->state_data;
}

const struct zone *instance_zone(const struct plugin_instance *i)
{
    return i->zone;
}

struct attempt_table *instance_attempts(const struct plugin_instance *i)
{
    return i->attempts;
}

struct ontime_instance *instance_handle(struct plugin_instance *i)
{
    void *handle = i;

    return handle;
}

struct plugin_instance *instance_of(struct ontime_instance *self)
{
    void *handle = self;

    return handle;
}

const struct plugin_config *instance_config_of(const struct ontime_config *c)
{
    const void *handle = c;

    return handle;
}
