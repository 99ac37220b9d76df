/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/export.h - all that a database has, row by row, and the way back
 * (store/move.h).  Not beside instances: a session reads without a snapshot.
 */
#ifndef ONTIME_STORE_MYSQL_EXPORT_H
#define ONTIME_STORE_MYSQL_EXPORT_H

#include "store/move.h"
#include "store/mysql/session.h"

int md_export(struct store_session *x, enum move_kind kind, move_row_fn *fn,
              void *arg, struct err *err);

/* Makes the schema in a database that has none, with the mark that keeps others
 * out until md_import_end().  -EEXIST: there is one. */
int md_import_begin(struct md_session *x, uint32_t shards, struct err *err);
int md_import(struct store_session *x, struct move_row *rows, size_t n,
              struct err *err);
int md_import_end(struct store_session *x, struct err *err);

#endif
