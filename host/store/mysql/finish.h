/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/finish.h - ends of attempts, and the mark of those that run.
 */
#ifndef ONTIME_STORE_MYSQL_FINISH_H
#define ONTIME_STORE_MYSQL_FINISH_H

#include "store/mysql/session.h"

int md_finish(struct store_session *x, struct finish_batch *b, struct err *err);
int md_mark_running(struct store_session *x, struct job **jobs, size_t n,
                    struct err *err);

#endif
