/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/object.h - a plugin's code: a .so that was checked, copied, probed and
 * loaded.
 *
 * The loader keeps the copies in a private run directory, one file per content
 * (<name>-<hash of content>.so): dlopen() of a replaced file at the same path
 * would give the old code, and overwriting a mapped file kills the process.
 * Equal content is loaded once and shared by reference.
 */
#ifndef ONTIME_PLUG_OBJECT_H
#define ONTIME_PLUG_OBJECT_H

#include "base/err.h"

#include <ontime/plugin.h>
#include <stdbool.h>
#include <stdint.h>

struct plugin_loader;
struct plugin_object;

/* run_dir NULL or "": ontime-<uid> below TMPDIR or /tmp.  probe_program is run
 * as PROGRAM --probe FILE and must call plugin_probe_main() (plug/probe.h);
 * NULL: /proc/self/exe. */
struct plugin_loader_settings {
    const char *plugins_dir; /* where NAME.so is looked for */
    const char *run_dir;     /* where copies lie */
    const char *probe_program;
    int64_t probe_timeout_ms; /* 0: 5000 */
};

/*
 * Makes the run directory (mode 0700, ours alone or refused) and removes what
 * processes that are gone have left there.  The strings are copied.  One
 * loader per process is meant, but several work.  0 or -errno.  Blocks for
 * file operations.
 */
int plugin_loader_new(const struct plugin_loader_settings *set,
                      struct plugin_loader **ret, struct err *err);
/* Removes the run directory.  All objects must have been released.  Code that
 * is kept mapped stays mapped. */
void plugin_loader_free(struct plugin_loader **pl);
const char *plugin_loader_dir(const struct plugin_loader *l); /* plugins_dir */

/*
 * The object of <plugins_dir>/<name>.so as that file is now; the caller owns a
 * reference.  Same content as an object already loaded: that object.
 *
 * Checks, in order, each with its own text: the name, that the file is there
 * (else the nearest name), regular, readable, whole while it was copied; that
 * a child process can load it (constructors that crash or hang end there, told
 * with the signal's name or as a time-out); dlopen; symbol; ABI major and
 * minor; size; flags; functions; name equal to the file's; settings rows.
 *
 * -ENOENT, -EACCES, ... for the file, -ETIMEDOUT for a hang, -ENOEXEC for a
 * file that is no usable plugin, -EINVAL for a bad name.  Blocks for the child
 * process (some ms; at most the time limit).  Any thread; serialized.
 */
int plugin_object_load(struct plugin_loader *l, const char *name,
                       struct plugin_object **ret, struct err *err);

/* Whether <plugins_dir>/<name>.so has the content that o was loaded from.
 * false also when it cannot be read.  Reads the file. */
bool plugin_object_current(const struct plugin_object *o);

struct plugin_object *plugin_object_ref(struct plugin_object *o);
/* The last reference unloads: dlclose when the plugin is UNLOADABLE, not
 * RESIDENT, was not pinned and this is no instrumented build
 * (KEEP_PLUGINS_MAPPED); else the code stays mapped and is found again by the
 * next load of the same content. */
void plugin_object_unref(struct plugin_object **po);
/* The code must stay mapped for ever: a thread may be inside. */
void plugin_object_pin(struct plugin_object *o);

/* The descriptor: a copy of our size, zero where the plugin's is older.  What
 * it points to is the plugin's memory: valid while a reference is held. */
const struct ontime_plugin *plugin_object_plugin(const struct plugin_object *o);
const char *plugin_object_name(const struct plugin_object *o);
const char *plugin_object_version(const struct plugin_object *o);
/* The original file; the hash of its content, 32 hex digits. */
const char *plugin_object_path(const struct plugin_object *o);
const char *plugin_object_hash(const struct plugin_object *o);

/* How many objects are mapped without any reference, for the health page. */
unsigned plugin_loader_kept(struct plugin_loader *l);

#endif
