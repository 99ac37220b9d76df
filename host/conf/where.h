/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/where.h - from a path to its row, and from a wrong path to the nearest
 * right one.  Pure, any thread.
 */
#ifndef ONTIME_CONF_WHERE_H
#define ONTIME_CONF_WHERE_H

#include "conf/table.h"

#include <stdbool.h>
#include <stddef.h>

#define CONF_PATH_MAX 200 /* longer paths are not settings of ours */

/* What a path names: "apps.sms.settings.topic" is the row apps.*.settings, the
 * block sms and the setting topic. */
struct conf_where {
    const struct conf_row *row; /* NULL: there is no such setting */
    bool group;                 /* the path is that of a group of settings */
    enum conf_place in;
    char pattern[CONF_PATH_MAX];
    char key[CONF_PATH_MAX]; /* of the block; "" none */
    const char *name;        /* within row FREE, points into the path */
};

/* Takes a path apart.  True when it names a setting or a group. */
bool conf_where(const char *path, struct conf_where *ret);
/* The row of a pattern ("apps.*.plugin"), or NULL. */
const struct conf_row *conf_row(const char *pattern);
size_t conf_row_index(const struct conf_row *row);
/* The known name nearest to an unknown path, with the block's name put in; ""
 * when none is near. */
void conf_nearest(const struct conf_where *w, char *ret, size_t len);
/* "apps.*.plugin" and "sms" make "apps.sms.plugin". */
void conf_path_of(const char *pattern, const char *key, char *ret, size_t len);

#endif
