/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/view.h - the daemon's answers for people.  Members that are missing or of
 * another kind are shown as "-": a client may be older than its daemon.
 */
#ifndef ONTIME_CTL_VIEW_H
#define ONTIME_CTL_VIEW_H

#include "base/buf.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Any object: a line for each value, "store.path  /var/lib/x". */
void view_tree(FILE *f, const cJSON *doc);
void view_apps(FILE *f, const cJSON *doc);
void view_jobs(FILE *f, const cJSON *doc, int64_t now_ms, bool header);
void view_executions(FILE *f, const cJSON *doc);
/* text is the whole answer: its payload is shown as it stands there. */
void view_job(FILE *f, const cJSON *doc, struct span text, int64_t now_ms);
/* "job 12: canceled, due ..." from a change's envelope. */
void view_change(FILE *f, const cJSON *doc);
/* The detail of a problem document and its report, or what there is else. */
void view_problem(FILE *f, long status, const cJSON *doc, struct span text);

#endif
