/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/build.h - what is sent: addresses and bodies.  Pure.
 */
#ifndef ONTIME_CTL_BUILD_H
#define ONTIME_CTL_BUILD_H

#include "base/buf.h"
#include "base/err.h"

#include "args.h"

/* Appends text, percent-encoded so that it stays one part of an address. */
void build_escape(struct buf *out, const char *text);
/* Appends "?name=value" or "&name=value"; value NULL: nothing. */
void build_param(struct buf *out, const char *name, const char *value);
/* "/api/v1/jobs/ID" and tail; -EINVAL when id is not a number. */
int build_job_path(struct buf *out, const char *id, const char *tail,
                   struct err *err);

/* The time that --at or --in (one of them) means, as a JSON value.  -EINVAL. */
int build_time(struct buf *out, const struct args *a, int64_t now_ms,
               struct err *err);
/* A job in format `ingest`; data is its jobData.  -EINVAL: an option is missing
 * or wrong, or data is not a JSON object. */
int build_schedule(struct buf *out, const struct args *a, struct span data,
                   int64_t now_ms, struct err *err);

#endif
