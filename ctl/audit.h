/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/audit.h - "ontimectl audit": the jobs that have fired, as the daemon's
 * store knows them, against the records of a topic, read committed.
 *
 * The store is asked through the daemon (GET /jobs and /history) and not opened
 * here: that works for any store, from any machine, without the store's
 * password, beside a running daemon that has locked its file; and one instance
 * answers for all that share a store.  The price is that a daemon has to run.
 *
 * It is right while everything goes on, by the order in which it looks:
 *
 *   1. the last stable offsets of the topic ("fresh" are the records behind)
 *   2. the live jobs that are due
 *   3. the history of executions, from its beginning
 *   4. the last stable offsets again, and the topic up to there
 *
 * A job's end is stored after its record is committed, so what 3 saw has its
 * record before 4's end, or it is missing.  What stands before 1's end was sent
 * before 2 looked: its job was live in 2, or had ended and is met in 3; else
 * the record is one too many.  Of a record behind 1's end that has no job one
 * cannot tell, and the next audit can ("new").
 */
#ifndef ONTIME_CTL_AUDIT_H
#define ONTIME_CTL_AUDIT_H

#include "commands.h"

#include "account.h"
#include "kafka/scan.h"
#include "match.h"

#include <cjson/cJSON.h>

enum audit_exit { AUDIT_CLEAN = 0, AUDIT_DIFFERENCES = 1, AUDIT_TROUBLE = 2 };

/* The command; returns an enum audit_exit. */
enum ctl_exit audit_run(struct ctl *c);

/* ---- between its parts --------------------------------------------------- */

#define AUDIT_EDGE_MS INT64_C(600000) /* between a record and its job's end */

struct audit {
    struct ctl *c;
    const char *topic, *app, *pattern;
    const char *header;   /* NULL: the record's key */
    int64_t since, until; /* 0, INT64_MAX: all */
    size_t limit;         /* of differences that are named */
    bool json, ignore_unknown;
    struct match match;
    struct account account;
    struct account_sum sum;
    struct scan *scan;
    int64_t *before, *ends; /* stable offsets, of steps 1 and 4 */
    int64_t size;           /* about how many records */
    char app_text[128];     /* what app points to, if it was found here */
    int64_t shown_ms;       /* progress */
    const char *shown_what;
    int64_t shown_n;
};

/* A line on a terminal's standard error, not too often. */
void audit_progress(struct audit *a, const char *what, int64_t n, int64_t of);
void audit_progress_end(struct audit *a);

/* The daemon's answer to GET path, to be deleted; -ECOMM with what it said. */
int audit_ask(struct audit *a, const char *path, cJSON **ret, struct err *err);
/* Steps 2 and 3: audit_store.c. */
int audit_read_store(struct audit *a, struct err *err);
/* The key of a job that has ended, "" when it is not known any more. */
void audit_key_of(struct audit *a, int64_t job, struct buf *out);

enum account_zone audit_zone(const struct audit *a, int64_t ms);
/* The key or number of the record's job, false: none by the pattern. */
bool audit_record_key(const struct audit *a, const struct scan_record *rec,
                      struct span *ret);
/* What was found, on c->out: audit_report.c. */
int audit_report(struct audit *a, struct err *err);

#endif
