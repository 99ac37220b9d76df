/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/conn.c - see conn.h.  The session's thread.
 */
#include "config.h"

#include "store/mysql/conn.h"

#include <errmsg.h>
#include <errno.h>
#include <mysqld_error.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATEMENT_MAX (64 << 20)
#define STATEMENT_KEPT (8 << 20) /* more memory is given back */
#define TIMEOUT_S 30             /* for an answer */

/* ---- failures ------------------------------------------------------------- */

/* What each failure means to others and what to do about it; those not listed
 * are final and -EIO. */
static const struct failure {
    unsigned number;
    int code;
    bool retry;
    bool lost; /* the connection is of no use any more */
    const char *advice;
} failures[] = {
    {CR_CONNECTION_ERROR, -ENOTCONN, true, true, "is the server up?"},
    {CR_CONN_HOST_ERROR, -ENOTCONN, true, true, "is the server up?"},
    {CR_UNKNOWN_HOST, -ENOTCONN, true, true, "check the host's name"},
    {CR_SERVER_GONE_ERROR, -ENOTCONN, true, true, "the server went away"},
    {CR_SERVER_LOST, -ENOTCONN, true, true, "the connection was lost"},
    {CR_SERVER_HANDSHAKE_ERR, -ENOTCONN, true, true, "the server went away"},
    {CR_SSL_CONNECTION_ERROR, -ENOTCONN, true, true, "check the ssl options"},
    {CR_COMMANDS_OUT_OF_SYNC, -ENOTCONN, true, true, "connecting again"},
    {CR_MALFORMED_PACKET, -ENOTCONN, true, true, "connecting again"},
    {CR_OUT_OF_MEMORY, -ENOMEM, true, true, "out of memory"},
    {ER_CON_COUNT_ERROR, -EBUSY, true, true, "raise max_connections"},
    {ER_SERVER_SHUTDOWN, -ENOTCONN, true, true, "the server went away"},
    {1927 /* connection killed */, -ENOTCONN, true, true,
     "the connection was killed"},
    {ER_QUERY_INTERRUPTED, -EINTR, true, false, "somebody stopped it"},
    {ER_LOCK_DEADLOCK, -EBUSY, true, false, "a deadlock"},
    {ER_LOCK_WAIT_TIMEOUT, -EBUSY, true, false, "somebody holds a lock"},
    {ER_CHECKREAD, -EBUSY, true, false, "the row has changed meanwhile"},
    {ER_UNKNOWN_COM_ERROR, -ENOTCONN, true, true,
     "the node is not ready (Galera)"},
    {ER_OPTION_PREVENTS_STATEMENT, -EROFS, true, false,
     "the server is read-only"},
    {ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION, -EROFS, true, false,
     "the server is read-only"},
    {ER_READ_ONLY_MODE, -EROFS, true, false, "the server is read-only"},
    {ER_DISK_FULL, -ENOSPC, true, false, "the disk is full, make room"},
    {ER_RECORD_FILE_FULL, -ENOSPC, true, false, "the disk is full, make room"},
    {ER_ERROR_ON_WRITE, -ENOSPC, true, false, "check the server's disk"},
    {ER_GET_ERRNO, -EIO, true, false, "check the server's log"},
    {ER_ERROR_DURING_COMMIT, -EIO, true, true, "check the server's log"},
    {ER_ACCESS_DENIED_ERROR, -EACCES, false, true,
     "check user, password and grants"},
    {ER_DBACCESS_DENIED_ERROR, -EACCES, false, true,
     "check user, password and grants"},
    {ER_TABLEACCESS_DENIED_ERROR, -EACCES, false, false, "check the grants"},
    {ER_BAD_DB_ERROR, -ENOENT, false, true, "create the database"},
    {ER_NET_PACKET_TOO_LARGE, -EMSGSIZE, false, true,
     "raise max_allowed_packet"},
    {ER_DATA_TOO_LONG, -EMSGSIZE, false, false, "too big to be stored"},
    {ER_DUP_ENTRY, -EEXIST, false, false, "refused by the schema"},
};

static const struct failure *find_failure(unsigned number)
{
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        if (failures[i].number == number)
            return &failures[i];
    }
    return NULL;
}

unsigned md_errno(const struct md_session *x)
{
    return x->db != NULL ? mysql_errno(x->db) : (unsigned)CR_SERVER_LOST;
}

bool md_is_deadlock(unsigned number)
{
    return number == ER_LOCK_DEADLOCK || number == ER_LOCK_WAIT_TIMEOUT ||
           number == ER_CHECKREAD;
}

bool md_is_duplicate(unsigned number)
{
    return number == ER_DUP_ENTRY;
}

int md_fail(struct md_session *x, struct err *err, const char *what)
{
    const struct failure *f = find_failure(md_errno(x));
    const char *why = x->db != NULL ? mysql_error(x->db) : "not connected";
    int r;

    if (f == NULL)
        r = err_set(err, -EIO, "%s: %s (error %u)", what, why, md_errno(x));
    else if (f->retry)
        r = err_again(err, f->code, "%s: %s (%s)", what, why, f->advice);
    else
        r = err_set(err, f->code, "%s: %s (%s)", what, why, f->advice);
    if (f != NULL && f->lost)
        md_disconnect(x);
    return r;
}

/* ---- connecting ------------------------------------------------------------- */

static const char session_settings[] =
    "SET SESSION "
    "sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',"
    "time_zone='+00:00',autocommit=1,innodb_lock_wait_timeout=5,"
    "lock_wait_timeout=5,foreign_key_checks=1,unique_checks=1";

/* What those and others must have become; column 0 says so. */
static const char session_check[] =
    "SELECT @@SESSION.sql_mode='STRICT_ALL_TABLES,"
    "NO_ENGINE_SUBSTITUTION' AND @@SESSION.time_zone='+00:00' AND "
    "@@SESSION.autocommit=1 AND @@SESSION.character_set_client='utf8mb4' AND "
    "@@SESSION.character_set_connection='utf8mb4' AND "
    "@@SESSION.%s='READ-COMMITTED',@@SESSION.sql_mode,@@max_allowed_packet";

static bool is_mariadb(MYSQL *db)
{
    return strstr(mysql_get_server_info(db), "MariaDB") != NULL;
}

static int check_settings(struct md_session *x, struct err *err)
{
    struct md_rows q;
    bool right = false;
    int r;

    x->st->mariadb = is_mariadb(x->db);
    r = md_selectf(x, &q, err, session_check,
                   x->st->mariadb ? "tx_isolation" : "transaction_isolation");
    if (r < 0)
        return r;
    if (md_next(&q)) {
        right = md_int(&q, 0) == 1;
        x->st->packet = (size_t)md_int(&q, 2);
    }
    if (!right)
        r = err_set(err, -ENOTSUP,
                    "the database does not take our session settings "
                    "(sql_mode is \"%s\")",
                    q.row != NULL ? q.row[1] : "unknown");
    md_rows_done(&q);
    return r;
}

static int settle_in(struct md_session *x, struct err *err)
{
    int r = 0;

    if (mysql_set_character_set(x->db, "utf8mb4") != 0)
        r = md_fail(x, err, "set the character set");
    if (r == 0)
        r = md_runs(x, session_settings, err);
    if (r == 0)
        r = md_runs(x, "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
                    err);
    if (r == 0)
        r = check_settings(x, err);
    /* MariaDB turns long lists into subqueries, which lock more. */
    if (r == 0 && x->st->mariadb)
        r = md_runs(x, "SET SESSION in_predicate_conversion_threshold=0", err);
    return r;
}

#ifdef MARIADB_BASE_VERSION
static void set_ssl(MYSQL *db, const struct md_url *u)
{
    const my_bool on = 1, verify = u->ssl_verify;

    if (!u->ssl)
        return;
    (void)mysql_optionsv(db, MYSQL_OPT_SSL_ENFORCE, &on);
    (void)mysql_optionsv(db, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
    (void)mysql_ssl_set(db, u->part[MD_SSL_KEY], u->part[MD_SSL_CERT],
                        u->part[MD_SSL_CA], NULL, NULL);
}
#else
static void set_ssl(MYSQL *db, const struct md_url *u)
{
    unsigned mode = !u->ssl          ? SSL_MODE_PREFERRED
                    : !u->ssl_verify ? SSL_MODE_REQUIRED
                                     : SSL_MODE_VERIFY_IDENTITY;

    (void)mysql_options(db, MYSQL_OPT_SSL_MODE, &mode);
    (void)mysql_options(db, MYSQL_OPT_SSL_KEY, u->part[MD_SSL_KEY]);
    (void)mysql_options(db, MYSQL_OPT_SSL_CERT, u->part[MD_SSL_CERT]);
    (void)mysql_options(db, MYSQL_OPT_SSL_CA, u->part[MD_SSL_CA]);
}
#endif

static void set_options(MYSQL *db, const struct md_url *u)
{
    const unsigned answer = TIMEOUT_S;

    (void)mysql_options(db, MYSQL_OPT_CONNECT_TIMEOUT, &u->connect_timeout);
    (void)mysql_options(db, MYSQL_OPT_READ_TIMEOUT, &answer);
    (void)mysql_options(db, MYSQL_OPT_WRITE_TIMEOUT, &answer);
    (void)mysql_options(db, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    set_ssl(db, u);
}

int md_connect(struct md_session *x, struct err *err)
{
    const struct md_url *u = &x->st->url;
    char *password = NULL;
    int r;

    if (x->db != NULL)
        return 0;
    r = md_url_password(u, &password, err);
    if (r < 0)
        return r;
    x->db = mysql_init(NULL);
    if (x->db == NULL) {
        md_password_done(&password);
        return err_again(err, -ENOMEM, "no memory for a connection");
    }
    set_options(x->db, u);
    /* FOUND_ROWS: an UPDATE tells what it has found, changed or not. */
    if (mysql_real_connect(x->db, u->part[MD_HOST], u->part[MD_USER], password,
                           u->part[MD_DATABASE], u->port, u->part[MD_SOCKET],
                           CLIENT_FOUND_ROWS) == NULL)
        r = md_fail(x, err, "connect to the database");
    md_password_done(&password);
    if (r == 0)
        r = settle_in(x, err);
    if (r < 0)
        md_disconnect(x);
    return r;
}

void md_disconnect(struct md_session *x)
{
    if (x->db != NULL)
        mysql_close(x->db);
    x->db = NULL;
}

/* ---- statements --------------------------------------------------------------- */

struct buf *md_sql(struct md_session *x, const char *s)
{
    if (x->sql.cap > STATEMENT_KEPT)
        buf_done(&x->sql);
    x->sql.max = STATEMENT_MAX;
    buf_reset(&x->sql);
    (void)buf_adds(&x->sql, s);
    return &x->sql;
}

/* Bytes as a literal.  The connection is in utf8mb4 without
 * NO_BACKSLASH_ESCAPES, so these are all that need a backslash. */
void md_add_bytes(struct md_session *x, struct span s)
{
    const char *p = s.data;
    size_t from = 0;

    if (p == NULL) {
        (void)buf_adds(&x->sql, "NULL,");
        return;
    }
    (void)buf_adds(&x->sql, "_binary'");
    for (size_t i = 0; i < s.len; i++) {
        char c = p[i];

        if (c != '\'' && c != '\\' && c != '\0')
            continue;
        (void)buf_add(&x->sql, p + from, i - from);
        (void)buf_addc(&x->sql, '\\');
        (void)buf_addc(&x->sql, c == '\0' ? '0' : c);
        from = i + 1;
    }
    (void)buf_add(&x->sql, p + from, s.len - from);
    (void)buf_adds(&x->sql, "',");
}

void md_add_text(struct md_session *x, const char *s)
{
    md_add_bytes(x, (struct span){s, s != NULL ? strlen(s) : 0});
}

void md_add_int(struct md_session *x, int64_t v)
{
    (void)buf_addi(&x->sql, v);
    (void)buf_addc(&x->sql, ',');
}

void md_end_list(struct md_session *x, const char *s)
{
    if (x->sql.len > 0 && x->sql.data[x->sql.len - 1] == ',')
        x->sql.len--;
    (void)buf_adds(&x->sql, s);
}

/* Throws away what a statement has answered. */
static int run(struct md_session *x, const char *sql, size_t len,
               struct err *err)
{
    if (x->db == NULL)
        return err_again(err, -ENOTCONN, "the database is not connected");
    if (mysql_real_query(x->db, sql, len) != 0)
        return md_fail(x, err, "write to the store");
    if (mysql_field_count(x->db) > 0) {
        MYSQL_RES *res = mysql_store_result(x->db);

        if (res == NULL)
            return md_fail(x, err, "read from the store");
        mysql_free_result(res);
    }
    return 0;
}

static int sql_ok(struct md_session *x, struct err *err)
{
    int r = buf_ok(&x->sql);

    return r < 0 ? err_again(err, r, "no memory for a statement") : 0;
}

int md_run(struct md_session *x, struct err *err)
{
    int r = sql_ok(x, err);

    return r < 0 ? r : run(x, x->sql.data, x->sql.len, err);
}

int md_runs(struct md_session *x, const char *sql, struct err *err)
{
    return run(x, sql, strlen(sql), err);
}

int md_runf(struct md_session *x, struct err *err, const char *fmt, ...)
{
    char sql[2048];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(sql, sizeof(sql), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(sql))
        return err_set(err, -EMSGSIZE, "a statement is too long");
    return run(x, sql, (size_t)n, err);
}

int64_t md_affected(const struct md_session *x)
{
    return x->db != NULL ? (int64_t)mysql_affected_rows(x->db) : 0;
}

static int select_rows(struct md_session *x, const char *sql, size_t len,
                       struct md_rows *ret, struct err *err)
{
    *ret = (struct md_rows){0};
    if (x->db == NULL)
        return err_again(err, -ENOTCONN, "the database is not connected");
    if (mysql_real_query(x->db, sql, len) != 0)
        return md_fail(x, err, "read from the store");
    ret->res = mysql_store_result(x->db);
    return ret->res != NULL ? 0 : md_fail(x, err, "read from the store");
}

int md_select(struct md_session *x, struct md_rows *ret, struct err *err)
{
    int r = sql_ok(x, err);

    return r < 0 ? r : select_rows(x, x->sql.data, x->sql.len, ret, err);
}

int md_selectf(struct md_session *x, struct md_rows *ret, struct err *err,
               const char *fmt, ...)
{
    char sql[2048];
    va_list ap;
    int n;

    *ret = (struct md_rows){0};
    va_start(ap, fmt);
    n = vsnprintf(sql, sizeof(sql), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(sql))
        return err_set(err, -EMSGSIZE, "a statement is too long");
    return select_rows(x, sql, (size_t)n, ret, err);
}

bool md_next(struct md_rows *q)
{
    q->row = q->res != NULL ? mysql_fetch_row(q->res) : NULL;
    q->len = q->row != NULL ? mysql_fetch_lengths(q->res) : NULL;
    return q->row != NULL;
}

void md_rows_done(struct md_rows *q)
{
    if (q->res != NULL)
        mysql_free_result(q->res);
    *q = (struct md_rows){0};
}

int64_t md_int(const struct md_rows *q, unsigned column)
{
    return q->row[column] != NULL ? strtoll(q->row[column], NULL, 10) : 0;
}

bool md_null(const struct md_rows *q, unsigned column)
{
    return q->row[column] == NULL;
}

struct span md_span(const struct md_rows *q, unsigned column)
{
    return (struct span){q->row[column],
                         q->row[column] != NULL ? q->len[column] : 0};
}

void md_copy(const struct md_rows *q, unsigned column, char *into, size_t size)
{
    struct span s = md_span(q, column);

    (void)snprintf(into, size, "%.*s", (int)s.len,
                   s.data != NULL ? (const char *)s.data : "");
}
