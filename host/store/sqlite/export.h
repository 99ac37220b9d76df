/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/export.h - all that a database has, row by row, and the way back
 * (store/move.h).
 */
#ifndef ONTIME_STORE_SQLITE_EXPORT_H
#define ONTIME_STORE_SQLITE_EXPORT_H

#include "store/move.h"

int sq_export(struct store_session *x, enum move_kind kind, move_row_fn *fn,
              void *arg, struct err *err);
int sq_import(struct store_session *x, struct move_row *rows, size_t n,
              struct err *err);
int sq_import_end(struct store_session *x, struct err *err);

#endif
