/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/registry.c - which app is served by which instance; see registry.h.
 *
 * Built on the control thread, frozen afterwards; only the reference count
 * changes.
 */
#include "config.h"

#include "plug/registry.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define INIT_TIMEOUT_MS 10000

struct registry {
    atomic_uint refs;
    struct conf *conf;                    /* a reference; NULL while checking */
    const struct registry_app **by_index; /* NULL: not an app of ours */
    size_t index_count;
    size_t count;
    struct registry_app apps[];
};

struct build { /* one run over a snapshot */
    const struct conf *conf;
    struct registry *old; /* NULL: none */
    const struct registry_settings *set;
    struct registry *fresh;
    bool *is_new; /* by place in fresh->apps: made here, not carried */
    struct buf report;
    struct err *err;
    int result; /* of the first error */
};

/* ---- errors -------------------------------------------------------------- */

/* Notes an error whose lines are in the report already. */
static void failed(struct build *b, int code, const struct err *why)
{
    if (b->result < 0)
        return;
    b->result = code;
    if (b->err != NULL)
        *b->err = *why;
}

static void complain(struct build *b, const struct conf_app *app,
                     struct err *why)
{
    (void)err_wrap(why, "%s:%u: app %s: plugin %s",
                   app->file != NULL ? app->file : "-", app->line, app->name,
                   app->plugin);
    (void)buf_addf(&b->report, "%s\n", why->text);
    failed(b, why->code, why);
}

/* ---- the first half: load and check -------------------------------------- */

static bool same_instance(const struct plugin_instance *old,
                          const struct plugin_object *object,
                          const struct plugin_config *config, const char *tz)
{
    return instance_object(old) == object &&
           plugin_config_same(instance_config(old), config) &&
           strcmp(instance_timezone(old), tz) == 0;
}

/* Makes the app's instance, or carries the old one over. */
static int make_instance(struct build *b, size_t at,
                         struct plugin_object *object,
                         struct plugin_config **config, struct err *why)
{
    struct registry_app *app = &b->fresh->apps[at];
    const struct registry_app *was =
        b->old != NULL ? registry_find(b->old, app->name) : NULL;
    const char *tz = app->conf->timezone;
    struct instance_settings set = {.app = app->name, .object = object};
    int r;

    if (tz == NULL || tz[0] == '\0')
        tz = b->conf->timezone;
    if (tz == NULL || tz[0] == '\0')
        tz = "UTC";
    if (was != NULL && was->instance != NULL &&
        same_instance(was->instance, object, *config, tz)) {
        app->instance = instance_ref(was->instance);
        return 0;
    }
    set.timezone = tz;
    set.config = *config;
    set.attempts = b->set->attempts;
    r = instance_new(&set, &app->instance, why);
    *config = set.config;
    b->is_new[at] = r == 0;
    return r;
}

static void check_app(struct build *b, size_t at)
{
    const struct conf_app *conf = b->fresh->apps[at].conf;
    struct plugin_object *object = NULL;
    struct plugin_config *config = NULL;
    struct err why;
    int r;

    if (!conf->enabled)
        return;
    r = plugin_object_load(b->set->loader, conf->plugin, &object, &why);
    if (r < 0) {
        complain(b, conf, &why);
        return;
    }
    r = plugin_config_check(conf, plugin_object_plugin(object)->settings,
                            &config, &b->report, &why);
    if (r < 0) {
        failed(b, r, &why);
    } else {
        r = make_instance(b, at, object, &config, &why);
        if (r < 0)
            complain(b, conf, &why);
    }
    plugin_config_free(&config);
    plugin_object_unref(&object);
}

/* ---- the second half: init ----------------------------------------------- */

static void init_app(struct build *b, size_t at)
{
    struct registry_app *app = &b->fresh->apps[at];
    int64_t timeout_ms = b->set->init_timeout_ms;
    struct err why;

    if (!b->is_new[at])
        return;
    if (timeout_ms <= 0)
        timeout_ms = INIT_TIMEOUT_MS;
    if (instance_init(app->instance, timeout_ms, &why) < 0)
        complain(b, app->conf, &why);
}

/* Closes what was init'ed here.  A close that hangs becomes a zombie. */
static void undo(struct build *b)
{
    int64_t timeout_ms = b->set->init_timeout_ms;

    for (size_t i = 0; i < b->fresh->count; i++) {
        struct plugin_instance *in = b->fresh->apps[i].instance;
        struct err why;

        if (!b->is_new[i])
            continue;
        instance_retire(in);
        if (instance_close(in, timeout_ms > 0 ? timeout_ms : INIT_TIMEOUT_MS,
                           &why) == -ETIMEDOUT)
            complain(b, b->fresh->apps[i].conf, &why);
    }
}

/* ---- building ------------------------------------------------------------ */

static int index_apps(struct registry *r)
{
    size_t most = 0;

    for (size_t i = 0; i < r->count; i++)
        if (r->apps[i].name->index >= most)
            most = (size_t)r->apps[i].name->index + 1;
    r->by_index = calloc(most > 0 ? most : 1, sizeof(r->by_index[0]));
    if (r->by_index == NULL)
        return -ENOMEM;
    r->index_count = most;
    for (size_t i = 0; i < r->count; i++)
        r->by_index[r->apps[i].name->index] = &r->apps[i];
    return 0;
}

static int make_empty(struct build *b)
{
    const struct conf *conf = b->conf;
    struct registry *r =
        calloc(1, sizeof(*r) + conf->app_count * sizeof(r->apps[0]));

    b->fresh = r;
    b->is_new = calloc(conf->app_count + 1, sizeof(b->is_new[0]));
    if (r == NULL || b->is_new == NULL)
        return err_set(b->err, -ENOMEM, "out of memory");
    atomic_init(&r->refs, 1);
    for (size_t i = 0; i < conf->app_count; i++) {
        r->apps[i].conf = &conf->apps[i];
        r->apps[i].name = app_name_s(conf->apps[i].name);
        if (r->apps[i].name == NULL)
            return err_set(b->err, -EINVAL, "%s:%u: app \"%s\": not a name",
                           conf->apps[i].file, conf->apps[i].line,
                           conf->apps[i].name);
        r->count = i + 1;
    }
    if (index_apps(r) < 0)
        return err_set(b->err, -ENOMEM, "out of memory");
    return 0;
}

static void give_report(struct build *b, char **ret_report)
{
    if (ret_report != NULL)
        *ret_report = b->report.len > 0 ? buf_take(&b->report, NULL) : NULL;
    buf_done(&b->report);
}

/* All but taking a reference to the snapshot. */
static int build(struct build *b, bool init)
{
    int r = make_empty(b);

    if (r < 0)
        return r;
    for (size_t i = 0; i < b->fresh->count; i++)
        check_app(b, i);
    if (!init)
        return b->result;
    for (size_t i = 0; b->result == 0 && i < b->fresh->count; i++)
        init_app(b, i);
    if (b->result < 0)
        undo(b);
    return b->result;
}

int registry_build(struct conf *conf, struct registry *old,
                   const struct registry_settings *set, struct registry **ret,
                   char **ret_report, struct err *err)
{
    struct build b = {.conf = conf,
                      .old = old,
                      .set = set,
                      .err = err,
                      .report = BUF_INIT(1u << 20)};
    int r = build(&b, true);

    if (r == 0) {
        b.fresh->conf = conf_ref(conf);
        *ret = b.fresh;
        b.fresh = NULL;
    }
    registry_unref(&b.fresh);
    free(b.is_new);
    give_report(&b, ret_report);
    return r;
}

int registry_check(const struct conf *conf, struct plugin_loader *loader,
                   char **ret_report, struct err *err)
{
    const struct registry_settings set = {.loader = loader};
    struct build b = {
        .conf = conf, .set = &set, .err = err, .report = BUF_INIT(1u << 20)};
    int r = build(&b, false);

    registry_unref(&b.fresh);
    free(b.is_new);
    give_report(&b, ret_report);
    return r;
}

/* ---- using it ------------------------------------------------------------ */

struct registry *registry_ref(struct registry *r)
{
    (void)atomic_fetch_add(&r->refs, 1);
    return r;
}

void registry_unref(struct registry **pr)
{
    struct registry *r = *pr;

    *pr = NULL;
    if (r == NULL || atomic_fetch_sub(&r->refs, 1) != 1)
        return;
    for (size_t i = 0; i < r->count; i++)
        instance_unref(&r->apps[i].instance);
    conf_unref(&r->conf);
    free(r->by_index);
    free(r);
}

const struct registry_app *registry_find(const struct registry *r,
                                         const struct app_name *name)
{
    return name != NULL && name->index < r->index_count
               ? r->by_index[name->index]
               : NULL;
}

bool registry_exactly_once(const struct registry_app *a)
{
    if (a->instance == NULL)
        return false;
    if (a->conf->delivery != NULL && a->conf->delivery[0] != '\0')
        return strcmp(a->conf->delivery, "exactly_once") == 0;
    return instance_only_emits(a->instance);
}

size_t registry_count(const struct registry *r)
{
    return r->count;
}

const struct registry_app *registry_at(const struct registry *r, size_t i)
{
    return i < r->count ? &r->apps[i] : NULL;
}

const struct conf *registry_conf(const struct registry *r)
{
    return r->conf;
}

static bool serves(const struct registry *r, const struct registry_app *app)
{
    const struct registry_app *now =
        r != NULL ? registry_find(r, app->name) : NULL;

    return now != NULL && now->instance == app->instance;
}

struct plugin_instance *registry_replaced(const struct registry *old,
                                          const struct registry *fresh,
                                          size_t i)
{
    for (size_t k = 0; k < old->count; k++) {
        const struct registry_app *app = &old->apps[k];

        if (app->instance == NULL || serves(fresh, app))
            continue;
        if (i-- == 0)
            return instance_ref(app->instance);
    }
    return NULL;
}
