/* SPDX-License-Identifier: Apache-2.0
 *
 * app/reload.c - a new configuration, all or nothing.  Control thread.
 *
 * Read and check everything; build the new registry beside the old; any error:
 * all of the old stays.  Then swap; replaced instances drain and are closed.
 */
#include "config.h"

#include "app/house.h"

#include "base/clock.h"
#include "base/log.h"
#include "ingest/format.h"
#include "metrics/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

#define CLOSE_MS 10000 /* for one plugin's close */
#define ABANDON_MS                                                             \
    1000 /* after its attempts were ended, for the last call to return */

static int check_zone(const char *name, struct err *err)
{
    struct zone *z;
    int r;

    if (name == NULL || name[0] == '\0')
        return 0;
    r = zone_load(name, &z, err);
    if (r == 0)
        zone_free(&z);
    return r;
}

int house_check(const struct conf *c, struct err *err)
{
    if (check_zone(c->timezone, err) < 0)
        return err_wrap(err, "timezone");
    for (size_t i = 0; i < c->source_count; i++) {
        const struct conf_source *s = &c->sources[i];

        if (format_find(s->format) == NULL)
            return err_set(err, -EINVAL, "sources.%s.format: no format \"%s\"",
                           s->name, s->format);
        if (check_zone(s->timezone, err) < 0)
            return err_wrap(err, "sources.%s.timezone", s->name);
    }
    for (size_t i = 0; i < c->app_count; i++)
        if (check_zone(c->apps[i].timezone, err) < 0)
            return err_wrap(err, "apps.%s.timezone", c->apps[i].name);
    return 0;
}

int serve_apps(struct house *h, struct registry *r)
{
    size_t n = 0, count = registry_count(r);
    const struct app_name **names = calloc(count + 1, sizeof(*names));
    int result = -ENOMEM;

    if (names == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        if (ledger_serves(h, registry_at(r, i)))
            names[n++] = registry_at(r, i)->name;
    result = dispatch_set_registry(h->dispatch, r);
    if (result == 0)
        result = sched_set_apps(h->sched, names, n);
    free(names);
    return result;
}

/* ---- replaced instances -------------------------------------------------------------- */

static void retire(struct house *h, struct registry *old,
                   struct registry *fresh)
{
    struct plugin_instance *i;

    for (size_t n = 0; (i = registry_replaced(old, fresh, n)) != NULL; n++) {
        struct retiring *x = calloc(1, sizeof(*x));

        instance_retire(i);
        if (x == NULL) { /* cannot be looked after: stays mapped */
            instance_abandon(i);
            instance_unref(&i);
            continue;
        }
        x->instance = i;
        x->deadline_boot_ms = clock_boot_ms() + h->conf->plugins_drain_ms;
        list_push(&h->retiring, &x->link);
    }
}

static void retired(struct retiring *x, const char *how)
{
    log_info("app", LOG_EVENT("instance_retired"),
             LOG_STR("app", instance_app(x->instance)->text),
             LOG_STR("how", how));
    list_remove(&x->link);
    instance_unref(&x->instance);
    free(x);
}

static void retire_one(struct house *h, struct retiring *x, int64_t now)
{
    struct err err;
    int r = -EBUSY;

    if (instance_idle(x->instance))
        r = instance_close(x->instance, CLOSE_MS, &err);
    if (r != -EBUSY) { /* busy: looked at again at the next step */
        if (r < 0)
            log_warn("app", LOG_EVENT("close_failed"), LOG_ERR(&err));
        retired(x, r < 0 ? "close failed" : "closed");
        return;
    }
    if (now < x->deadline_boot_ms)
        return;
    if (!x->expired) {
        x->expired = true;
        x->deadline_boot_ms = now + ABANDON_MS;
        (void)attempt_expire_instance(dispatch_attempts(h->dispatch),
                                      x->instance, ATTEMPT_RELOAD,
                                      clock_wall_ms());
        return;
    }
    instance_abandon(x->instance);
    retired(x, "abandoned: a call has not come back");
}

void retire_step(struct house *h)
{
    int64_t now = clock_boot_ms();

    for (struct list *e = h->retiring.next, *next; e != &h->retiring;
         e = next) {
        next = e->next;
        retire_one(h, list_of(e, struct retiring, link), now);
    }
    metric_set(metric_series("ontime_plugin_zombies", NULL),
               instance_zombies());
}

/* ---- reload ------------------------------------------------------------------------------ */

static int read_conf(struct house *h, struct conf **ret, char **ret_report,
                     struct err *err)
{
    struct conf_input in = {
        .file = h->options->file,
        .overrides = (const char *const *)h->options->overrides,
        .override_count = h->options->override_count,
        .environ = environ,
    };
    const char *path;
    int r = conf_load(&in, ret, ret_report, err);

    if (r < 0)
        return r;
    r = house_check(*ret, err);
    path = r == 0 ? conf_needs_restart(h->started, *ret) : NULL;
    if (path != NULL)
        r = err_set(err, -EINVAL,
                    "%s: a change of this setting needs a restart", path);
    if (r < 0)
        conf_unref(ret);
    return r;
}

static void swap(struct house *h, struct conf *conf, struct registry *fresh)
{
    struct registry *old = h->registry;
    struct conf *old_conf = h->conf;

    pthread_mutex_lock(&h->mtx); /* before any job of a new app can come in */
    h->conf = conf_ref(conf);
    h->registry = registry_ref(fresh);
    pthread_mutex_unlock(&h->mtx);
    if (serve_apps(h, fresh) < 0)
        log_error("app", LOG_EVENT("serve_apps_failed"));
    if (connector_again(h) < 0)
        log_error("app", LOG_EVENT("connector_not_started"));
    retire(h, old, fresh);
    registry_unref(&old);
    conf_unref(&old_conf);
    (void)log_set_levels(conf->log_level, NULL);
    log_set_format(strcmp(conf->log_format, "json") == 0 ? LOG_JSON : LOG_KV);
}

static int try_reload(struct house *h, char **ret_report, struct err *err)
{
    struct registry_settings set = {.loader = h->loader,
                                    .attempts = dispatch_attempts(h->dispatch)};
    struct registry *fresh = NULL;
    struct conf *conf;
    int r = read_conf(h, &conf, ret_report, err);

    if (r < 0)
        return r;
    free(*ret_report);
    *ret_report = NULL;
    r = kafka_follow(h, conf, err);
    if (r < 0) {
        conf_unref(&conf);
        return r;
    }
    set.init_timeout_ms = conf->plugins_init_timeout_ms;
    r = registry_build(conf, h->registry, &set, &fresh, ret_report, err);
    if (r == 0) {
        swap(h, conf, fresh);
        r = sources_follow(h, conf, err);
        if (r < 0) { /* everything else is in force: said, not undone */
            log_error("app", LOG_EVENT("source_not_started"), LOG_ERR(err));
            r = 0;
        }
    }
    registry_unref(&fresh);
    conf_unref(&conf);
    return r;
}

static void log_report(const char *report)
{
    while (report != NULL && *report != '\0') {
        size_t n = strcspn(report, "\n");

        log_error("app", LOG_EVENT("reload_problem"),
                  LOG_SPAN("text", report, n));
        report += n + (report[n] == '\n');
    }
}

int reload(struct house *h, char **ret_report, struct err *err)
{
    struct err own;
    char *report = NULL;
    int r;

    notify_reloading();
    r = try_reload(h, &report, &own);
    metric_add(metric_series("ontime_reloads_total", r == 0 ? "ok" : "refused"),
               1);
    if (r == 0) {
        int64_t n = atomic_fetch_add(&h->generation, 1) + 1;

        metric_set(metric_series("ontime_config_generation", NULL), n);
        log_info("app", LOG_EVENT("reloaded"), LOG_INT("generation", n),
                 LOG_INT("apps", registry_count(h->registry)));
    } else {
        log_error("app", LOG_EVENT("reload_refused"), LOG_ERR(&own),
                  LOG_STR("then", "everything stays as it was"));
        log_report(report);
    }
    notify_ready();
    if (ret_report != NULL)
        *ret_report = report;
    else
        free(report);
    if (err != NULL)
        *err = own;
    return r;
}
