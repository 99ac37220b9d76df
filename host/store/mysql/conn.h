/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/conn.h - connections, statements and what failures mean.  The
 * session's thread; all block for the server.
 */
#ifndef ONTIME_STORE_MYSQL_CONN_H
#define ONTIME_STORE_MYSQL_CONN_H

#include "store/mysql/session.h"

/* Connects when there is no connection, with our settings, all of which are
 * verified. */
int md_connect(struct md_session *x, struct err *err);
void md_disconnect(struct md_session *x);

/* ---- statements: text is put into x->sql, then run ------------------------ */

/* Empties x->sql and begins it with s. */
struct buf *md_sql(struct md_session *x, const char *s);
void md_add_bytes(struct md_session *x, struct span s); /* NULL data: NULL */
void md_add_text(struct md_session *x, const char *s);
/* "v," or "NULL," */
void md_add_int(struct md_session *x, int64_t v);
/* Replaces a comma at the end by s. */
void md_end_list(struct md_session *x, const char *s);

/* Runs x->sql.  A connection that is gone is an error with err.retry, and
 * x->db is NULL afterwards. */
int md_run(struct md_session *x, struct err *err);
/* The same for a statement that stands in the program. */
int md_runs(struct md_session *x, const char *sql, struct err *err);
int md_runf(struct md_session *x, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Rows that the last statement has found (changed or not). */
int64_t md_affected(const struct md_session *x);

/* Runs x->sql and keeps its rows; md_rows_done frees them. */
struct md_rows {
    MYSQL_RES *res;
    MYSQL_ROW row;
    unsigned long *len;
};
int md_select(struct md_session *x, struct md_rows *ret, struct err *err);
int md_selectf(struct md_session *x, struct md_rows *ret, struct err *err,
               const char *fmt, ...) __attribute__((format(printf, 4, 5)));
bool md_next(struct md_rows *q); /* goes to the next row, if any */
void md_rows_done(struct md_rows *q);
int64_t md_int(const struct md_rows *q, unsigned column); /* NULL: 0 */
bool md_null(const struct md_rows *q, unsigned column);
struct span md_span(const struct md_rows *q, unsigned column);
void md_copy(const struct md_rows *q, unsigned column, char *into, size_t size);

/* ---- failures ---------------------------------------------------------------- */

/* Fills err with what the server or the library said last. */
int md_fail(struct md_session *x, struct err *err, const char *what);
/* The server's number of the last error. */
unsigned md_errno(const struct md_session *x);
bool md_is_deadlock(unsigned number); /* or a lock that was not given */
bool md_is_duplicate(unsigned number);

#endif
