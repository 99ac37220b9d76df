/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/finish.h - the owner's writes: ends of attempts, RUNNING.
 */
#ifndef ONTIME_STORE_SQLITE_FINISH_H
#define ONTIME_STORE_SQLITE_FINISH_H

#include "store/sqlite/session.h"

int sq_finish(struct store_session *x, struct finish_batch *b, struct err *err);
int sq_mark_running(struct store_session *x, struct job **jobs, size_t n,
                    struct err *err);

#endif
