/* SPDX-License-Identifier: Apache-2.0
 *
 * store/quartz.h - the pending jobs of a Quartz-based scheduler that keeps them
 * in MySQL: tables <app>_scheduled_jobs_<yyyymmdd> (id, scheduled_time,
 * job_data, and perhaps job_name), and <app>_job_execution_history (job_id,
 * status).  Nothing is written there.
 */
#ifndef ONTIME_STORE_QUARTZ_H
#define ONTIME_STORE_QUARTZ_H

#include "base/buf.h"
#include "store/move.h"

struct quartz_row { /* borrowed for the call */
    const char *table;
    struct span id;   /* as text */
    struct span time; /* "YYYY-MM-DD HH:MM:SS.uuuuuu", in the zone there */
    struct span data; /* JSON, hopefully; data NULL: NULL */
    bool executed;    /* the history has it as started or ended */
};
typedef int quartz_fn(void *arg, const struct quartz_row *row, struct err *err);

struct quartz_request {
    const char *url; /* mysql://user@host/database?... as for a store */
    const char *app;
    const char *from; /* rows with an earlier time are only counted; as above */
    quartz_fn *fn;    /* in the order of their ids; negative: stops */
    void *arg;
};

/* *ret_earlier: how many lie before `from`.  -ENOENT: no table of that app;
 * -ENOTSUP: this program has no connector to MySQL. */
int store_quartz_read(const struct quartz_request *q, uint64_t *ret_earlier,
                      struct err *err);

/* host/store/mysql/quartz.c */
int md_quartz_read(const struct quartz_request *q, uint64_t *ret_earlier,
                   struct err *err);

#endif
