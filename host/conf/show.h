/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/show.h - a row's value, and what it may be, for people.  Pure.
 */
#ifndef ONTIME_CONF_SHOW_H
#define ONTIME_CONF_SHOW_H

#include "base/buf.h"
#include "conf/conf.h"
#include "conf/table.h"

#define CONF_MASK "***"

/* The value of the row's field in the struct at base, as libconfig reads it,
 * with secrets as ***.  Not for row type FREE. */
void conf_show_value(const struct conf_row *row, const void *base,
                     struct buf *out);
/* The same for one setting of a plugin. */
void conf_show_setting(const struct conf_plugin_setting *s, struct buf *out);
/* "a whole number from 1 to 64 (threads)". */
void conf_show_expected(const struct conf_row *row, struct buf *out);

#endif
