/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/uri.h - a request target taken apart: path segments and query
 * parameters, percent-decoded.  Pure; any thread.
 */
#ifndef ONTIME_HTTPD_URI_H
#define ONTIME_HTTPD_URI_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

#define URI_SEGMENTS 12
#define URI_PARAMS 16

struct uri_param {
    const char *name, *value; /* value "" where there is no '=' */
};

struct uri {
    char *text; /* what all the others point into */
    const char *segment[URI_SEGMENTS];
    size_t segments; /* "/" has none; one '/' at the end does not count */
    struct uri_param param[URI_PARAMS];
    size_t params;
};

/*
 * target is "/a/b?x=1&y=2" or the absolute form "http://host/a/b".  A '+' in
 * the query is a space.  -EINVAL with the reason for what is no target: no
 * '/', a '#', a broken escape, bytes that are not UTF-8, a NUL or another
 * control character, too many parts; -ENOMEM.  In any case uri_done() is fine
 * afterwards.
 */
int uri_parse(const char *target, struct uri *ret, struct err *err);
void uri_done(struct uri *u);

/* The parameter's value, or NULL. */
const char *uri_param(const struct uri *u, const char *name);

#endif
