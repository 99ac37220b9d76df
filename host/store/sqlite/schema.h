/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/schema.h - tables, views and their versions.
 */
#ifndef ONTIME_STORE_SQLITE_SCHEMA_H
#define ONTIME_STORE_SQLITE_SCHEMA_H

#include <sqlite3.h>

#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"

/* Makes or migrates the schema of the database that db has open, and reads
 * what identifies it.  -ENOTSUP: newer than this program; -EUCLEAN: not ours. */
int sq_schema_open(sqlite3 *db, char id[37], struct hash_key *secret,
                   struct err *err);

/* The same without changing anything: the schema must be this program's. */
int sq_schema_look(sqlite3 *db, char id[37], struct hash_key *secret,
                   struct err *err);
/* Whether the database is a store at all, of whatever version: 0 or -EUCLEAN. */
int sq_schema_ours(sqlite3 *db, struct err *err);

/* The views of one app, in the open transaction. */
int sq_schema_app_views(sqlite3 *db, const char *app, int32_t number,
                        struct err *err);

#endif
