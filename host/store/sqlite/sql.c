/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/sql.c - the table of statements; see sql.h.  No state of its
 * own; each session is its thread's.
 */
#include "config.h"

#include "store/sqlite/sql.h"

#include <errno.h>
#include <string.h>

#include "store/sqlite/session.h"

#define JOB_COLUMNS                                                            \
    "j.id,j.pos,j.due,j.scheduled,j.created,j.app,j.version,j.attempt,"        \
    "j.state,j.priority,j.key,j.payload,j.headers"
#define EXEC_COLUMNS                                                           \
    "job_id,scheduled,started,finished,version,attempt,outcome,app,key,error"

/* The statements of one pile. */
#define PILE(first, name)                                                      \
    [first] = "SELECT at,entries FROM " name "_chunks WHERE at<=?1 "           \
              "ORDER BY at DESC LIMIT 1",                                      \
    [first + 1] = "SELECT at FROM " name "_chunks WHERE at>?1 "                \
                  "ORDER BY at LIMIT 1",                                       \
    [first + 2] = "INSERT OR REPLACE INTO " name "_chunks(at,entries) "        \
                  "VALUES(?1,?2)",                                             \
    [first + 3] = "DELETE FROM " name "_chunks WHERE at=?1",                   \
    [first + 4] = "INSERT INTO " name "_log(n,entries) VALUES(?1,?2)",         \
    [first + 5] = "DELETE FROM " name "_log WHERE n<=?1",                      \
    [first + 6] = "SELECT at,entries FROM " name "_chunks WHERE at>=?1 "       \
                  "ORDER BY at LIMIT ?2"

static const char *const text[SQL_COUNT] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_BEGIN_READ] = "BEGIN",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_SLOT_GUARD] =
        "UPDATE slots SET wseq=wseq+1,next_seq=?3,sorted_until=?6,"
        "sorted_cursor=?7,gap_until=?8,gap_cursor=?9,gap_end=?10,remembered=?11,"
        "ledger_pos=iif(?4<0,ledger_pos,?4),ledger_seq=iif(?5<0,ledger_seq,?5) "
        "WHERE slot=0 AND epoch=?1 AND wseq=?2",
    [SQL_SLOT_GET] =
        "SELECT epoch,wseq,next_seq,sorted_until,sorted_cursor,gap_until,"
        "gap_cursor,gap_end,remembered FROM slots WHERE slot=0",
    [SQL_SLOT_ALL] = "SELECT slot,state='owned',owner,boot,epoch,beat,wseq,"
                     "ledger_used,ledger_pos,ledger_seq FROM slots "
                     "ORDER BY slot",
    [SQL_SLOT_LEDGER] = "UPDATE slots SET ledger_used=1,ledger_pos=?1,"
                        "ledger_seq=?2 WHERE slot=0",

    [SQL_APP_ADD] = "INSERT INTO apps(name) VALUES(?1)",
    [SQL_APP_ALL] = "SELECT id,name,pending,succeeded,dead,canceled,retried "
                    "FROM apps WHERE id>?1 ORDER BY id",
    [SQL_APP_COUNT] =
        "UPDATE apps SET pending=pending+?2,succeeded=succeeded+?3,"
        "dead=dead+?4,canceled=canceled+?5,retried=retried+?6 WHERE id=?1",

    [SQL_JOB_ADD] =
        "INSERT OR IGNORE INTO jobs(id,pos,due,scheduled,created,app,version,"
        "attempt,state,priority,key,payload,headers) "
        "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)",
    [SQL_JOB_GET] = "SELECT " JOB_COLUMNS " FROM jobs j WHERE j.id=?1",
    [SQL_JOB_ALL] = "SELECT " JOB_COLUMNS " FROM jobs j ORDER BY j.id",
    [SQL_JOB_END] = "DELETE FROM jobs WHERE id=?1 AND version=?2 AND pos=?3",
    [SQL_JOB_SWEEP] = "DELETE FROM jobs WHERE id>=?1 AND id<=?2 AND "
                      "ontime_marked(id,version,pos)",
    [SQL_JOB_DELETE] = "DELETE FROM jobs WHERE id=?1",
    [SQL_JOB_REPLACE] =
        "UPDATE jobs SET pos=?2,due=?3,scheduled=?4,version=?5,attempt=0,"
        "state=0,priority=?6,payload=?7,headers=?8 WHERE id=?1",
    [SQL_JOB_MOVE] = "UPDATE jobs SET pos=?2,due=?3,scheduled=?4,version=?5,"
                     "state=?6 WHERE id=?1",
    [SQL_JOB_RETRY] =
        "UPDATE jobs SET pos=?4,due=?5,scheduled=?6,attempt=?7,state=?8 "
        "WHERE id=?1 AND version=?2 AND pos=?3",
    [SQL_JOB_RUNNING] = "UPDATE jobs SET state=2 WHERE id=?1 AND version=?2",

    [SQL_JOB_SET_POS] =
        "UPDATE jobs SET pos=?2,due=coalesce(due,pos>>20) WHERE id=?1",
    [SQL_JOB_FROM] = "SELECT id FROM jobs WHERE id>=?1 ORDER BY id LIMIT 1",
    [SQL_RANGE_SCAN] = "SELECT id,pos,app FROM jobs WHERE id>=?1 AND id<?2 "
                       "ORDER BY id LIMIT ?3",
    /* A range that is not in job_order yet, and what was moved there. */
    [SQL_RANGE_LIST] =
        "SELECT pos,id,app FROM job_order WHERE pos>?1 AND pos<?2 AND "
        "(?5=0 OR app=?5) UNION ALL "
        "SELECT pos,id,app FROM jobs WHERE id>=?3 AND id<?4 AND pos>?1 AND "
        "pos<?2 AND (?5=0 OR app=?5) ORDER BY pos LIMIT ?6",
    [SQL_ORDER_ADD] =
        "INSERT OR IGNORE INTO job_order(pos,id,app) VALUES(?1,?2,?3)",
    [SQL_ORDER_DELETE] = "DELETE FROM job_order WHERE pos=?1",
    [SQL_ORDER_SWEEP] = "DELETE FROM job_order WHERE pos>=?1 AND pos<=?2 AND "
                        "ontime_marked(pos,0,pos)",
    [SQL_ORDER_FROM] =
        "SELECT pos FROM job_order WHERE pos>=?1 ORDER BY pos LIMIT 1",
    [SQL_ORDER_SCAN] = "SELECT pos,id,app FROM job_order "
                       "WHERE pos>?1 AND pos<?2 ORDER BY pos",
    [SQL_ORDER_LOAD] =
        "SELECT " JOB_COLUMNS " FROM job_order o CROSS JOIN jobs j "
        "ON j.id=o.id WHERE o.pos>?1 AND o.pos<?2 ORDER BY o.pos",

    PILE(SQL_KEYS_FLOOR, "job_key"),
    PILE(SQL_REPEATS_FLOOR, "repeat"),

    [SQL_POSITION_GET] = "SELECT next FROM source_positions WHERE cluster=?1 "
                         "AND source=?2 AND topic=?3 AND partition=?4",
    [SQL_POSITION_ADD] =
        "INSERT OR IGNORE INTO source_positions(cluster,source,topic,partition,"
        "next) VALUES(?1,?2,?3,?4,?5)",
    [SQL_POSITION_MOVE] =
        "UPDATE source_positions SET next=?5 WHERE cluster=?1 AND source=?2 "
        "AND topic=?3 AND partition=?4 AND next=?6",

    [SQL_EXEC_FIRST_ADD] =
        "INSERT OR IGNORE INTO execution_first(" EXEC_COLUMNS ") "
        "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
    [SQL_EXEC_FIRST_GET] =
        "SELECT " EXEC_COLUMNS " FROM execution_first WHERE job_id=?1",
    [SQL_EXEC_FIRST_DELETE] = "DELETE FROM execution_first WHERE job_id=?1",
    [SQL_EXEC_MORE_ADD] = "INSERT INTO execution_more(" EXEC_COLUMNS ",number) "
                          "VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)",
    [SQL_EXEC_MORE_GET] =
        "SELECT " EXEC_COLUMNS " FROM execution_more WHERE number=?1",
    [SQL_EXEC_MORE_DELETE] = "DELETE FROM execution_more WHERE number=?1",
    [SQL_EXEC_MORE_LAST] = "SELECT max(number) FROM execution_more",
    [SQL_EXEC_OF_JOB] =
        "SELECT " EXEC_COLUMNS " FROM execution_first WHERE job_id=?1 "
        "UNION ALL SELECT " EXEC_COLUMNS " FROM execution_more "
        "WHERE job_id=?1 ORDER BY version,attempt LIMIT ?2",
    [SQL_EXEC_FIRST_WALK] = "SELECT " EXEC_COLUMNS ",job_id FROM "
                            "execution_first WHERE job_id>?1 "
                            "ORDER BY job_id LIMIT ?2",
    [SQL_EXEC_MORE_WALK] = "SELECT " EXEC_COLUMNS ",number FROM execution_more "
                           "WHERE number>?1 ORDER BY number LIMIT ?2",
    [SQL_EXEC_LOG_ADD] = "INSERT INTO execution_log(at,refs) VALUES(?1,?2)",
    [SQL_EXEC_LOG_DOWN] = "SELECT refs FROM execution_log ORDER BY at DESC",
    [SQL_EXEC_LOG_UP] =
        "SELECT at,refs FROM execution_log WHERE at>?1 ORDER BY at LIMIT 1",
    [SQL_EXEC_LOG_OLDEST] =
        "SELECT at,refs FROM execution_log WHERE at<?1 ORDER BY at LIMIT 1",
    [SQL_EXEC_LOG_DELETE] = "DELETE FROM execution_log WHERE at=?1",
    [SQL_EXEC_LOG_LAST] = "SELECT max(at) FROM execution_log",

    [SQL_WISH_ADD] =
        "INSERT INTO wishes(job_id,kind,made,due,scheduled,app,priority,key,"
        "payload,headers) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)",
    [SQL_WISH_OPEN] = "SELECT count(*) FROM wishes WHERE verdict=0",
    [SQL_WISH_WAITS] =
        "SELECT 1 FROM wishes WHERE verdict=0 AND job_id=?1 AND kind<>0",
    [SQL_WISH_LIST] =
        "SELECT number,job_id,kind,due,scheduled,app,priority,key,payload,"
        "headers,made FROM wishes WHERE verdict=0 AND number>?1 "
        "ORDER BY number LIMIT ?2",
    [SQL_WISH_DECIDE] = "UPDATE wishes SET verdict=?2,decided=?3,key=NULL,"
                        "payload=NULL,headers=NULL "
                        "WHERE number=?1 AND verdict=0",
    [SQL_WISH_VERDICT] = "SELECT verdict FROM wishes WHERE number=?1",
    [SQL_WISH_PRUNE] =
        "DELETE FROM wishes WHERE number IN (SELECT number FROM wishes "
        "WHERE verdict<>0 AND decided<?1 LIMIT ?2)",
};

sqlite3_stmt *sq_stmt(struct sq_session *x, enum sql q, struct err *err)
{
    if (x->stmts[q] == NULL &&
        sqlite3_prepare_v3(x->db, text[q], -1, SQLITE_PREPARE_PERSISTENT,
                           &x->stmts[q], NULL) != SQLITE_OK)
        (void)sq_fail(x->db, err, "prepare a statement");
    return x->stmts[q];
}

/* What each failure means to others and what to do about it.  By primary
 * result code; those not listed are final and -EIO. */
static const struct {
    int rc;
    int code;
    bool retry;
    const char *advice;
} failures[] = {
    {SQLITE_FULL, -ENOSPC, true, "the disk is full, make room"},
    {SQLITE_IOERR, -EIO, true, "check the disk"},
    {SQLITE_BUSY, -EBUSY, true, "another program holds the database"},
    {SQLITE_LOCKED, -EBUSY, true, "another program holds the database"},
    {SQLITE_PROTOCOL, -EBUSY, true, "another program holds the database"},
    {SQLITE_CANTOPEN, -ENOENT, true,
     "check that its folder exists and is ours"},
    {SQLITE_READONLY, -EROFS, true, "check permissions and the file system"},
    {SQLITE_PERM, -EACCES, true, "check permissions"},
    {SQLITE_NOMEM, -ENOMEM, true, "out of memory"},
    {SQLITE_CORRUPT, -EUCLEAN, false, "restore it from a backup"},
    {SQLITE_NOTADB, -EUCLEAN, false, "it is not a store of ours"},
    {SQLITE_TOOBIG, -EMSGSIZE, false, "too big to be stored"},
    {SQLITE_CONSTRAINT, -EINVAL, false, "refused by the schema"},
};

int sq_fail(sqlite3 *db, struct err *err, const char *what)
{
    int rc = sqlite3_extended_errcode(db);
    const char *why = sqlite3_errmsg(db);

    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        if (failures[i].rc != (rc & 0xff))
            continue;
        if (failures[i].retry)
            return err_again(err, failures[i].code, "%s: %s (%s)", what, why,
                             failures[i].advice);
        return err_set(err, failures[i].code, "%s: %s (%s)", what, why,
                       failures[i].advice);
    }
    return err_set(err, -EIO, "%s: %s (sqlite %d)", what, why, rc);
}

int sq_run(struct sq_session *x, sqlite3_stmt *st, struct err *err)
{
    int rc = sqlite3_step(st);

    if (rc == SQLITE_ROW) /* a pragma's answer; nobody asked */
        rc = SQLITE_DONE;
    if (rc != SQLITE_DONE) {
        int r = sq_fail(x->db, err, "write to the store");

        (void)sqlite3_reset(st);
        return r;
    }
    (void)sqlite3_reset(st);
    return 0;
}

int sq_row(struct sq_session *x, sqlite3_stmt *st, struct err *err)
{
    int rc = sqlite3_step(st);
    int r = 0;

    if (rc == SQLITE_ROW)
        return 1;
    if (rc != SQLITE_DONE)
        r = sq_fail(x->db, err, "read from the store");
    (void)sqlite3_reset(st);
    return r;
}

int sq_exec(sqlite3 *db, const char *sql, struct err *err)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return sq_fail(db, err, "set up the store");
    return 0;
}

void sq_bind_span(sqlite3_stmt *st, int at, struct span s)
{
    if (s.data == NULL)
        (void)sqlite3_bind_null(st, at);
    else
        (void)sqlite3_bind_blob64(st, at, s.data, s.len, SQLITE_STATIC);
}

struct span sq_column_span(sqlite3_stmt *st, int at)
{
    struct span s = {NULL, 0};

    if (sqlite3_column_type(st, at) == SQLITE_NULL)
        return s;
    s.data = sqlite3_column_blob(st, at);
    s.len = (size_t)sqlite3_column_bytes(st, at);
    if (s.data == NULL)
        s.data = ""; /* what sqlite says of an empty one */
    return s;
}
