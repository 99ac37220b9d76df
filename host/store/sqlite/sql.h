/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/sql.h - every statement that the backend runs more than once,
 * in one table, and the few things done with statements.
 *
 * A statement is prepared at its first use in a session and kept.  The
 * session's thread only.
 */
#ifndef ONTIME_STORE_SQLITE_SQL_H
#define ONTIME_STORE_SQLITE_SQL_H

#include <sqlite3.h>

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct sq_session;

enum sql {
    SQL_BEGIN,
    SQL_BEGIN_READ,
    SQL_COMMIT,
    SQL_ROLLBACK,
    SQL_SLOT_GUARD,
    SQL_SLOT_GET,
    SQL_SLOT_ALL,
    SQL_SLOT_LEDGER,
    SQL_APP_ADD,
    SQL_APP_ALL,
    SQL_APP_COUNT,
    SQL_JOB_ADD,
    SQL_JOB_GET,
    SQL_JOB_ALL,
    SQL_JOB_END,
    SQL_JOB_SWEEP,
    SQL_JOB_DELETE,
    SQL_JOB_REPLACE,
    SQL_JOB_MOVE,
    SQL_JOB_RETRY,
    SQL_JOB_RUNNING,
    SQL_JOB_SET_POS,
    SQL_JOB_FROM,
    SQL_RANGE_SCAN,
    SQL_RANGE_LIST,
    SQL_ORDER_ADD,
    SQL_ORDER_DELETE,
    SQL_ORDER_SWEEP,
    SQL_ORDER_FROM,
    SQL_ORDER_SCAN,
    SQL_ORDER_LOAD,
    SQL_KEYS_FLOOR, /* the piles', in the order that pile.c knows */
    SQL_KEYS_NEXT,
    SQL_KEYS_WRITE,
    SQL_KEYS_DELETE,
    SQL_KEYS_LOG_ADD,
    SQL_KEYS_LOG_TRIM,
    SQL_KEYS_FROM,
    SQL_REPEATS_FLOOR,
    SQL_REPEATS_NEXT,
    SQL_REPEATS_WRITE,
    SQL_REPEATS_DELETE,
    SQL_REPEATS_LOG_ADD,
    SQL_REPEATS_LOG_TRIM,
    SQL_REPEATS_FROM,
    SQL_POSITION_GET,
    SQL_POSITION_ADD,
    SQL_POSITION_MOVE,
    SQL_EXEC_FIRST_ADD,
    SQL_EXEC_FIRST_GET,
    SQL_EXEC_FIRST_DELETE,
    SQL_EXEC_MORE_ADD,
    SQL_EXEC_MORE_GET,
    SQL_EXEC_MORE_DELETE,
    SQL_EXEC_MORE_LAST,
    SQL_EXEC_OF_JOB,
    SQL_EXEC_FIRST_WALK,
    SQL_EXEC_MORE_WALK,
    SQL_EXEC_LOG_ADD,
    SQL_EXEC_LOG_DOWN,
    SQL_EXEC_LOG_UP,
    SQL_EXEC_LOG_OLDEST,
    SQL_EXEC_LOG_DELETE,
    SQL_EXEC_LOG_LAST,
    SQL_WISH_ADD,
    SQL_WISH_OPEN,
    SQL_WISH_WAITS,
    SQL_WISH_LIST,
    SQL_WISH_DECIDE,
    SQL_WISH_VERDICT,
    SQL_WISH_PRUNE,
    SQL_COUNT
};

/* The statement, ready for binding; NULL with err filled. */
sqlite3_stmt *sq_stmt(struct sq_session *x, enum sql q, struct err *err);

/* Fills err from the connection's last error; what says what was being done.
 * Returns the negative errno. */
int sq_fail(sqlite3 *db, struct err *err, const char *what);

/* Runs a statement that gives no rows; resets it.  0 or negative. */
int sq_run(struct sq_session *x, sqlite3_stmt *st, struct err *err);
/* Next row: 1, 0 at the end (then it is reset), negative (reset too). */
int sq_row(struct sq_session *x, sqlite3_stmt *st, struct err *err);
/* Runs SQL text, for schema and settings. */
int sq_exec(sqlite3 *db, const char *sql, struct err *err);

/* Binds bytes that stay put until the statement is reset; NULL stays NULL,
 * empty stays empty. */
void sq_bind_span(sqlite3_stmt *st, int at, struct span s);
/* A column's bytes, borrowed until the next step; NULL and empty as above. */
struct span sq_column_span(sqlite3_stmt *st, int at);

#endif
