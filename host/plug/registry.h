/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/registry.h - which app is served by which instance: immutable, built
 * from a configuration snapshot beside the one in force.
 *
 * Reload, as the app module does it:
 *   registry_build(conf, old)        any error: nothing has changed
 *   swap; registry_replaced(old, new) tells which instances are to drain
 *   for each: instance_retire; wait for instance_idle up to the drain time;
 *     attempt_expire_instance(ATTEMPT_RELOAD); instance_close; not idle even
 *     then: instance_abandon
 *   registry_unref(old)
 */
#ifndef ONTIME_PLUG_REGISTRY_H
#define ONTIME_PLUG_REGISTRY_H

#include "base/err.h"
#include "conf/conf.h"
#include "job/job.h"
#include "plug/attempt.h"
#include "plug/instance.h"

#include <stddef.h>

struct registry_app {
    const struct app_name *name;
    const struct conf_app *conf; /* of the registry's snapshot */
    /* NULL: the app is not enabled (parked). */
    struct plugin_instance *instance;
};

struct registry; /* frozen once built; any thread may read */

struct registry_settings {
    struct plugin_loader *loader;
    struct attempt_table *attempts;
    int64_t init_timeout_ms; /* of each init; 0: 10 s */
};

/*
 * Builds the registry of conf (a reference to which is taken).  An instance of
 * old (may be NULL) is carried over, by reference, when its plugin's file, its
 * checked settings and its time zone are the same; all others are loaded and
 * init'ed beside those of old.
 *
 * On any error, -errno: everything new has been closed, old is untouched, err
 * has the first error and *ret_report all of them, one per line, with file,
 * line, app and cure.  *ret_report (may be NULL) is free()d by the caller; NULL
 * when there is nothing to say.  Control thread; blocks for probes and inits.
 */
int registry_build(struct conf *conf, struct registry *old,
                   const struct registry_settings *set, struct registry **ret,
                   char **ret_report, struct err *err);

/* The first half, for --check-config: loads every plugin and checks every
 * setting, runs no init. */
int registry_check(const struct conf *conf, struct plugin_loader *loader,
                   char **ret_report, struct err *err);

struct registry *registry_ref(struct registry *r);
/* The last reference drops those of the instances (which must have been closed
 * or be in another registry) and of the snapshot. */
void registry_unref(struct registry **pr);

/* NULL: no such app.  A short array access.  Borrowed from r. */
const struct registry_app *registry_find(const struct registry *r,
                                         const struct app_name *name);
/* How what it emits is delivered: as configured, else by what its plugin
 * declares (ONTIME_ONLY_EMITS).  False while it is not served. */
bool registry_exactly_once(const struct registry_app *a);
/* All apps, in the files' order; NULL behind the last. */
size_t registry_count(const struct registry *r);
const struct registry_app *registry_at(const struct registry *r, size_t i);
const struct conf *registry_conf(const struct registry *r);

/* The i-th instance of old that fresh (NULL: none) does not have, with a
 * reference of the caller's; NULL when there are no more. */
struct plugin_instance *registry_replaced(const struct registry *old,
                                          const struct registry *fresh,
                                          size_t i);

#endif
