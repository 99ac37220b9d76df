/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/setting.h - the settings of plugins, which only the plugin's rows can
 * check.  One thread.
 */
#ifndef ONTIME_CONF_SETTING_H
#define ONTIME_CONF_SETTING_H

#include "conf/build.h"
#include "conf/conf.h"

/* Sets or replaces one.  -EINVAL with the reason in why, -ENOMEM. */
int conf_setting_set(struct conf_app *app, const char *name,
                     const struct conf_raw *raw, const struct conf_origin *at,
                     struct buf *why);
const struct conf_plugin_setting *conf_setting_find(const struct conf_app *app,
                                                    const char *name);
/* The same names with the same values, in whatever order. */
bool conf_setting_equal(const struct conf_app *a, const struct conf_app *b);
void conf_setting_free_all(struct conf_app *app);

#endif
