/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/match.h - how a record tells its job: a pattern such as "task-{key}" for
 * the record's key or one of its headers.  Pure.
 */
#ifndef ONTIME_CTL_MATCH_H
#define ONTIME_CTL_MATCH_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

struct match {
    struct span before, after; /* borrowed from the pattern */
    bool by_id;                /* {id}: the job's number; else {key} */
};

/* -EINVAL: not exactly one of {key} and {id} is in it. */
int match_parse(const char *pattern, struct match *ret, struct err *err);
/* What stands for {key} or {id} in text, borrowed; false: it does not fit. */
bool match_take(const struct match *m, struct span text, struct span *ret);

/* The pattern of the records of a plugin that we know; else "{key}". */
const char *match_default(const char *plugin);

#endif
