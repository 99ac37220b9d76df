/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/text.h - numbers, durations and literals as text, both ways.  Pure.
 */
#ifndef ONTIME_CONF_TEXT_H
#define ONTIME_CONF_TEXT_H

#include "base/buf.h"

#include <stdint.h>

/* 0 or -EINVAL; the whole text must be it. */
int conf_text_int(const char *s, int64_t *ret);
int conf_text_float(const char *s, double *ret);
int conf_text_duration(const char *s,
                       int64_t *ret_ms); /* "5s", "15 min", "250" */
int conf_text_size(const char *s, int64_t *ret_bytes); /* "64MB", "1024" */

/* The next item of "a,b\,c", to be free()d, and *ps behind it and its comma;
 * NULL without memory.  **ps must not be the end. */
char *conf_text_item(const char **ps);

/* As libconfig reads them. */
void conf_text_add_string(struct buf *out, const char *s);
void conf_text_add_int(struct buf *out, int64_t v);
void conf_text_add_float(struct buf *out, double v);
/* With the largest unit that fits: 90s, 0ms, 64MB. */
void conf_text_add_duration(struct buf *out, double ms);
void conf_text_add_size(struct buf *out, double bytes);

#endif
