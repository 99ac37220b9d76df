/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/instance.h - one app's use of a plugin: the code, the app's checked
 * settings, the plugin's state.
 *
 *   NEW --init--> READY --retire--> RETIRED --close--> CLOSED
 *
 * Reference counted: the registry holds one reference and each attempt one.
 * An instance that was retired takes no new attempts; when the last has ended
 * and no call of execute is inside (instance_idle), it can be closed.  One that
 * hangs is abandoned: it stays mapped and is counted in plugin_zombies.
 */
#ifndef ONTIME_PLUG_INSTANCE_H
#define ONTIME_PLUG_INSTANCE_H

#include "base/err.h"
#include "job/job.h"
#include "plug/object.h"
#include "plug/settings.h"

#include <stdbool.h>
#include <stdint.h>

struct attempt_table;
struct plugin_instance;

struct instance_settings {
    const struct app_name *app;
    struct plugin_object *object;   /* a reference is taken */
    struct plugin_config *config;   /* taken over on success: NULL afterwards */
    const char *timezone;           /* IANA name; NULL or "": UTC */
    struct attempt_table *attempts; /* where its tokens live; NULL: it cannot
                                        have attempts (checks, tests) */
};

/* Makes an instance that is not init'ed yet; nothing of the plugin has run.
 * -ENOENT for an unknown zone, -ENOMEM. */
int instance_new(struct instance_settings *set, struct plugin_instance **ret,
                 struct err *err);

/*
 * Runs the plugin's init on a thread of its own and waits at most timeout_ms.
 * 0: READY.  The plugin's negative errno with its text.  -ETIMEDOUT: the
 * instance is a zombie (counted until init comes back, after which the plugin
 * is closed there) and only instance_unref is left to do.  Control thread.
 */
int instance_init(struct plugin_instance *i, int64_t timeout_ms,
                  struct err *err);

/* From now on attempt_open answers -ESHUTDOWN.  Any thread, any number of
 * times. */
void instance_retire(struct plugin_instance *i);
/* No attempt is open and no call of execute is inside.  Stays true once it is
 * true of a retired instance.  Any thread. */
bool instance_idle(const struct plugin_instance *i);

/*
 * Runs the plugin's close on a thread of its own and waits at most timeout_ms.
 * 0: CLOSED (also when it was, or was never init'ed).  -EBUSY when it is not
 * retired and idle: nothing was done.  -ETIMEDOUT: it is a zombie now.
 * The reference stays the caller's.  Control thread.
 */
int instance_close(struct plugin_instance *i, int64_t timeout_ms,
                   struct err *err);

/* Gives up on an instance that will not become idle: it is retired, counted as
 * a zombie until its last reference goes, and its code stays mapped. */
void instance_abandon(struct plugin_instance *i);

struct plugin_instance *instance_ref(struct plugin_instance *i);
/* The last reference frees.  An instance that is READY must have been closed
 * or abandoned before. */
void instance_unref(struct plugin_instance **pi);

const struct app_name *instance_app(const struct plugin_instance *i);
/* Borrowed. */
struct plugin_object *instance_object(const struct plugin_instance *i);
const struct plugin_config *instance_config(const struct plugin_instance *i);
const char *instance_timezone(const struct plugin_instance *i);
/* Calls of execute may overlap. */
bool instance_concurrent(const struct plugin_instance *i);
bool instance_only_emits(const struct plugin_instance *i);
unsigned instance_open_attempts(const struct plugin_instance *i);
/* Calls of execute now. */
unsigned instance_inside(const struct plugin_instance *i);
bool instance_zombie(const struct plugin_instance *i);
/* "new", "ready", "draining", "closed" or "zombie". */
const char *instance_state_name(const struct plugin_instance *i);
/* Instances that are zombies now, in this process. */
unsigned instance_zombies(void);

/* ---- for plug/attempt.c and plug/host.c alone ---------------------------- */

struct zone;

/* Counts an attempt as open and takes a reference: 0, or -ESHUTDOWN. */
int instance_attempt_begin(struct plugin_instance *i);
/* It has ended.  The reference stays with the attempt. */
void instance_attempt_end(struct plugin_instance *i);
/* A call of execute: false when the plugin is serial and one is inside. */
bool instance_call_begin(struct plugin_instance *i);
void instance_call_end(struct plugin_instance *i);
void *instance_plugin_state(const struct plugin_instance *i);
const struct zone *instance_zone(const struct plugin_instance *i);
struct attempt_table *instance_attempts(const struct plugin_instance *i);

/* The plugin's opaque handles are these objects under other names. */
struct ontime_instance;
struct ontime_config;
struct ontime_instance *instance_handle(struct plugin_instance *i);
struct plugin_instance *instance_of(struct ontime_instance *self);
const struct plugin_config *instance_config_of(const struct ontime_config *c);

#endif
