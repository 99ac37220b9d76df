/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/settings.h - an app's `settings` group checked against the rows of its
 * plugin.  Pure but for secrets, which are read from their file or variable.
 */
#ifndef ONTIME_PLUG_SETTINGS_H
#define ONTIME_PLUG_SETTINGS_H

#include "base/buf.h"
#include "base/err.h"
#include "conf/conf.h"

#include <ontime/plugin.h>
#include <stdbool.h>

struct plugin_config;

/*
 * Checks every setting of the app: known (else the nearest name), of the row's
 * type, in range; required ones present; defaults applied; secrets resolved.
 * All errors go to report (may be NULL), one line each ("file:12: app
 * sms_retry: topik: no such setting; did you mean topic?"); err has the first.
 * 0, -EINVAL, -ENOMEM.  rows are borrowed for the life of the result.
 */
int plugin_config_check(const struct conf_app *app,
                        const struct ontime_setting *rows,
                        struct plugin_config **ret, struct buf *report,
                        struct err *err);
/* Wipes secrets. */
void plugin_config_free(struct plugin_config **pc);
/* Whether both hold the same values (secrets compared resolved). */
bool plugin_config_same(const struct plugin_config *a,
                        const struct plugin_config *b);

/* What the plugin's getters answer.  Unknown names and other types: NULL, 0. */
const char *plugin_config_string(const struct plugin_config *c,
                                 const char *name);
int64_t plugin_config_int(const struct plugin_config *c, const char *name);
double plugin_config_float(const struct plugin_config *c, const char *name);
int plugin_config_bool(const struct plugin_config *c, const char *name);

/* Whether rows are well-formed: names, types, ranges, defaults that pass their
 * own check, texts, no doubles, at most 256.  -EINVAL names the row. */
int plugin_rows_check(const struct ontime_setting *rows, struct err *err);

/* "string", "integer", ... for people. */
const char *plugin_type_name(int32_t type);

#endif
