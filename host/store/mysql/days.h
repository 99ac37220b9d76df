/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/days.h - executions by day, and the views by app and day.
 *
 * The table executions has a partition for each UTC day, made some days ahead
 * and dropped as a whole when history_ms has passed.  Partition d<YYYYMMDD>
 * has what finished on that day; the first one also what finished before.
 *
 * All of it is DDL: not inside a transaction, and with a short wait for locks,
 * so that a long query of somebody's holds up nobody else.
 */
#ifndef ONTIME_STORE_MYSQL_DAYS_H
#define ONTIME_STORE_MYSQL_DAYS_H

#include "store/mysql/session.h"

#define MD_DAY_MS INT64_C(86400000)
#define MD_DAYS_AHEAD 7

/* Makes sure that executions which finish at finished_ms have a partition. */
int md_days_ensure(struct md_session *x, int64_t finished_ms, struct err *err);
/* Drops one partition all of whose executions are older, if there is one;
 * *ret_rows: about how many there were. */
int md_days_drop(struct md_session *x, int64_t before_ms, size_t *ret_rows,
                 struct err *err);

/* Makes the views of an app that are missing: of both tables and of the days
 * around today.  A right that the account does not have is logged once. */
int md_days_views(struct md_session *x, const struct app_name *app,
                  int32_t number, int64_t now_ms, struct err *err);

/* Once a day: the views of the days ahead, for all apps; drops those of days
 * whose executions are gone. */
int md_days_turn(struct md_session *x, int64_t now_ms, struct err *err);

#endif
