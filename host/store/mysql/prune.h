/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/prune.h - housekeeping in small steps: days of executions that
 * are past, decided wishes, names whose time is over (a pass over all of them
 * now and then, some at a time).
 */
#ifndef ONTIME_STORE_MYSQL_PRUNE_H
#define ONTIME_STORE_MYSQL_PRUNE_H

#include "store/mysql/session.h"

int md_prune(struct store_session *x, int64_t now_ms, size_t rows,
             struct err *err);

#endif
