/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/backup.h - a copy of the database while it is in use, and a
 * look at a whole one.
 */
#ifndef ONTIME_STORE_SQLITE_BACKUP_H
#define ONTIME_STORE_SQLITE_BACKUP_H

#include "store/move.h"

int sq_backup(const struct backup_request *q, uint64_t *ret_bytes,
              struct err *err);
int sq_check(const char *url, const struct move_tell *tell,
             struct check_result *ret, struct err *err);

#endif
