/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/value.h - one setting's text against its row.  Pure but for secrets.
 */
#ifndef ONTIME_PLUG_VALUE_H
#define ONTIME_PLUG_VALUE_H

#include "base/err.h"

#include <ontime/plugin.h>
#include <stdbool.h>

struct plugin_value {
    bool set;
    char *text;  /* STRING, SECRET: resolved; owned */
    int64_t num; /* INT, DURATION (ms), BOOL */
    double real; /* FLOAT */
};

/* kind: how it was written, as in struct conf_plugin_setting ('s' for a default
 * or an override).  0, -EINVAL with "must be ...", -ENOMEM, or what reading the
 * secret gave. */
int plugin_value_parse(const struct ontime_setting *row, const char *text,
                       char kind, struct plugin_value *ret, struct err *err);
/* Wipes secrets. */
void plugin_value_done(struct plugin_value *v, int32_t type);
bool plugin_value_same(const struct plugin_value *a,
                       const struct plugin_value *b);

#endif
