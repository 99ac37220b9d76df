/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/checkpoint.h - the thread that moves what is in the write-ahead
 * log into the database, so that the writer does not have to.
 *
 * Most of it is done while the writer goes on.  Only for the last bit, a few
 * megabytes, is the writer kept from beginning a transaction, so that the log
 * is empty for once and starts over.
 */
#ifndef ONTIME_STORE_SQLITE_CHECKPOINT_H
#define ONTIME_STORE_SQLITE_CHECKPOINT_H

#include <sqlite3.h>

#include "base/err.h"

struct sq_checkpoint;

/* Starts the thread for the writing connection db of the database at path;
 * from then on it decides when checkpoints are made. */
int sq_checkpoint_start(sqlite3 *db, const char *path,
                        struct sq_checkpoint **ret, struct err *err);
void sq_checkpoint_stop(struct sq_checkpoint **pc);

/* Asks for a checkpoint now.  Any thread. */
void sq_checkpoint_want(struct sq_checkpoint *c);

/* Around each writing transaction; the writer's thread. */
void sq_checkpoint_enter(struct sq_checkpoint *c);
void sq_checkpoint_leave(struct sq_checkpoint *c);

#endif
