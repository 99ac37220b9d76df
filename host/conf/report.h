/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/report.h - what is wrong, one line each, with the place it stands.
 * One thread.
 */
#ifndef ONTIME_CONF_REPORT_H
#define ONTIME_CONF_REPORT_H

#include "base/buf.h"
#include "conf/build.h"

/* Adds a line to the build's report; the first error is kept apart.  No place
 * is told for what is a default.  path NULL or "": none. */
void conf_report_error(struct conf_build *b, const struct conf_origin *at,
                       const char *path, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void conf_report_warning(struct conf_build *b, const struct conf_origin *at,
                         const char *path, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* There is no such setting; the nearest known name is added. */
void conf_report_unknown(struct conf_build *b, const struct conf_origin *at,
                         const char *path, const struct conf_where *w);

/* "scheduler.cfg:12", "environment ONTIME_CLUSTER", "-o", "default". */
void conf_report_place(const struct conf_origin *at, struct buf *out);

#endif
