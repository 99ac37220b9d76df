/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/schema.c - the schema and its history.  Called at open and
 * when an app is first seen; no state.
 *
 * To change the schema: append a step to `steps` (never edit one that was
 * released), and say in its comment why.  `PRAGMA user_version` counts steps.
 */
#include "config.h"

#include "store/sqlite/schema.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "store/sqlite/sql.h"

#define APPLICATION_ID 1869509741 /* "ontm" */

#define ISO(ms) "strftime('%Y-%m-%dT%H:%M:%fZ'," ms "/1000.0,'unixepoch')"
#define EXEC_COLUMNS                                                           \
    " scheduled INTEGER NOT NULL, started INTEGER NOT NULL,"                   \
    " finished INTEGER NOT NULL, version INTEGER NOT NULL,"                    \
    " attempt INTEGER NOT NULL, outcome INTEGER NOT NULL,"                     \
    " app INTEGER NOT NULL, key BLOB, error TEXT"

/* The text of SQL is laid out by hand: it is read as SQL. */
/* clang-format off */

static const char *const steps[] = {
    /*
     * 1. A job's row lies by id, which begins with the (rounded) time at which
     * it was to fire, so that what is due together lies together and a batch
     * touches few pages; job_order has the exact order
     * of what fires soon (order.h).  NULL in `due` means
     * pos>>20, in `scheduled` the same as due.  Job keys and idempotency keys
     * (repeats) are hashes in piles, see pile.h; for executions see history.h.
     */
    "CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE slots(slot INTEGER PRIMARY KEY, epoch INTEGER NOT NULL,"
    " state TEXT NOT NULL, owner TEXT, boot TEXT, beat INTEGER NOT NULL,"
    " wseq INTEGER NOT NULL, next_seq INTEGER NOT NULL,"
    " ledger_used INTEGER NOT NULL, ledger_pos INTEGER NOT NULL,"
    " ledger_seq INTEGER NOT NULL, sorted_until INTEGER NOT NULL,"
    " sorted_cursor INTEGER NOT NULL, gap_until INTEGER NOT NULL,"
    " gap_cursor INTEGER NOT NULL, gap_end INTEGER NOT NULL);"
    "INSERT INTO slots VALUES(0,0,'free',NULL,NULL,0,0,0,0,0,0,0,0,0,0,0);"
    "CREATE TABLE apps(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " pending INTEGER NOT NULL DEFAULT 0, succeeded INTEGER NOT NULL DEFAULT 0,"
    " dead INTEGER NOT NULL DEFAULT 0, canceled INTEGER NOT NULL DEFAULT 0,"
    " retried INTEGER NOT NULL DEFAULT 0);"
    "CREATE TABLE jobs(id INTEGER PRIMARY KEY, pos INTEGER NOT NULL,"
    " due INTEGER, scheduled INTEGER, created INTEGER NOT NULL,"
    " app INTEGER NOT NULL, version INTEGER NOT NULL,"
    " attempt INTEGER NOT NULL, state INTEGER NOT NULL,"
    " priority INTEGER NOT NULL, key BLOB, payload BLOB, headers BLOB);"
    "CREATE TABLE job_order(pos INTEGER PRIMARY KEY, id INTEGER NOT NULL,"
    " app INTEGER NOT NULL);"
    "CREATE TABLE job_key_chunks(at INTEGER PRIMARY KEY, entries BLOB);"
    "CREATE TABLE job_key_log(n INTEGER PRIMARY KEY, entries BLOB);"
    "CREATE TABLE repeat_chunks(at INTEGER PRIMARY KEY, entries BLOB);"
    "CREATE TABLE repeat_log(n INTEGER PRIMARY KEY, entries BLOB);"
    "CREATE TABLE source_positions(cluster TEXT NOT NULL,"
    " source TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL,"
    " next INTEGER NOT NULL, PRIMARY KEY(cluster,source,topic,partition))"
    " WITHOUT ROWID;"
    "CREATE TABLE execution_first(job_id INTEGER PRIMARY KEY," EXEC_COLUMNS ");"
    "CREATE TABLE execution_more(number INTEGER PRIMARY KEY,"
    " job_id INTEGER NOT NULL," EXEC_COLUMNS ");"
    "CREATE INDEX execution_more_jobs ON execution_more(job_id);"
    "CREATE TABLE execution_log(at INTEGER PRIMARY KEY, refs BLOB NOT NULL);"
    "CREATE VIEW execution_rows AS SELECT job_id,scheduled,started,finished,"
    "version,attempt,outcome,app,key,error FROM execution_first UNION ALL "
    "SELECT job_id,scheduled,started,finished,version,attempt,outcome,app,key,"
    "error FROM execution_more;"
    "CREATE TABLE wishes(number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " job_id INTEGER NOT NULL, kind INTEGER NOT NULL, made INTEGER NOT NULL,"
    " due INTEGER, scheduled INTEGER, app INTEGER, priority INTEGER, key BLOB,"
    " payload BLOB, headers BLOB, verdict INTEGER NOT NULL DEFAULT 0,"
    " decided INTEGER);"
    "CREATE INDEX wishes_open ON wishes(job_id) WHERE verdict=0;"

    /* For people. */
    "CREATE VIEW scheduled_jobs AS SELECT j.id, a.name AS app,"
    " CAST(j.key AS TEXT) AS key,"
    " " ISO("coalesce(j.due,j.pos>>20)") " AS due,"
    " " ISO("coalesce(j.scheduled,j.due,j.pos>>20)") " AS scheduled,"
    " " ISO("j.created") " AS created,"
    " CASE j.priority WHEN 0 THEN 'high' WHEN 1 THEN 'normal' ELSE 'low' END"
    " AS priority,"
    " CASE j.state&7 WHEN 0 THEN 'CREATED' WHEN 1 THEN 'SCHEDULED'"
    " ELSE 'RUNNING' END AS state, j.attempt, j.version,"
    " CAST(j.payload AS TEXT) AS payload"
    " FROM jobs j JOIN apps a ON a.id=j.app;"

    "CREATE VIEW executions AS SELECT e.job_id, a.name AS app,"
    " CAST(e.key AS TEXT) AS key, e.version, e.attempt,"
    " CASE e.outcome WHEN 0 THEN 'done' WHEN 1 THEN 'dead' WHEN 2 THEN"
    " 'skipped' ELSE 'retry' END AS outcome,"
    " " ISO("e.scheduled") " AS scheduled,"
    " " ISO("e.started") " AS started,"
    " " ISO("e.finished") " AS finished,"
    " CAST(e.error AS TEXT) AS error"
    " FROM execution_rows e JOIN apps a ON a.id=e.app;",

    /* 2. How many idempotency keys there are, for a gauge. */
    "ALTER TABLE slots ADD COLUMN remembered INTEGER NOT NULL DEFAULT 0;",
};

/* The views of an app; a format.  Takes name, name, number, twice. */
#define SQLTIME(ms)                                                            \
    "strftime('%%Y-%%m-%%d %%H:%%M:%%S'," ms "/1000,'unixepoch')"

static const char app_views[] =
    "CREATE VIEW IF NOT EXISTS \"%s_scheduled_jobs\" AS SELECT j.id AS id,"
    " " SQLTIME("coalesce(j.due,j.pos>>20)") " AS scheduled_time,"
    " j.state<>0 AS scheduled, CAST(j.payload AS TEXT) AS job_data,"
    " '%s' AS app_name, CAST(j.key AS TEXT) AS job_name,"
    " " SQLTIME("j.created") " AS created_at"
    " FROM jobs j WHERE j.app=%d;"

    "CREATE VIEW IF NOT EXISTS \"%s_job_execution_history\" AS SELECT"
    " e.job_id AS job_id, '%s' AS app_name,"
    " " SQLTIME("e.scheduled") " AS scheduled_time,"
    " " SQLTIME("e.started") " AS started_at,"
    " " SQLTIME("e.finished") " AS completed_at,"
    " CASE e.outcome WHEN 0 THEN 'COMPLETED' WHEN 2 THEN 'CANCELED'"
    " ELSE 'FAILED' END AS status, CAST(e.error AS TEXT) AS error_message,"
    " e.finished-e.started AS execution_duration_ms,"
    " (SELECT CAST(j.payload AS TEXT) FROM jobs j WHERE j.id=e.job_id)"
    " AS job_data FROM execution_rows e WHERE e.app=%d;";

/* clang-format on */

#define VERSION ((int)(sizeof(steps) / sizeof(steps[0])))

static int pragma_int(sqlite3 *db, const char *sql, int *ret, struct err *err)
{
    sqlite3_stmt *st = NULL;
    int r = 0;

    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK ||
        sqlite3_step(st) != SQLITE_ROW)
        r = sq_fail(db, err, "read the schema's version");
    else
        *ret = sqlite3_column_int(st, 0);
    (void)sqlite3_finalize(st);
    return r;
}

static int set_meta(sqlite3 *db, const char *name, struct span value,
                    struct err *err)
{
    sqlite3_stmt *st = NULL;
    int r = 0;

    if (sqlite3_prepare_v2(db, "INSERT INTO meta VALUES(?1,?2)", -1, &st,
                           NULL) != SQLITE_OK ||
        sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC) != SQLITE_OK ||
        (value.len == 16
             ? sqlite3_bind_blob(st, 2, value.data, 16, SQLITE_STATIC)
             : sqlite3_bind_text(st, 2, value.data, (int)value.len,
                                 SQLITE_STATIC)) != SQLITE_OK ||
        sqlite3_step(st) != SQLITE_DONE)
        r = sq_fail(db, err, "write the store's identity");
    (void)sqlite3_finalize(st);
    return r;
}

static int get_meta(sqlite3 *db, const char *name, void *into, size_t len,
                    struct err *err)
{
    sqlite3_stmt *st = NULL;
    int r = 0;

    if (sqlite3_prepare_v2(db, "SELECT value FROM meta WHERE name=?1", -1, &st,
                           NULL) != SQLITE_OK ||
        sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC) != SQLITE_OK)
        r = sq_fail(db, err, "read the store's identity");
    else if (sqlite3_step(st) != SQLITE_ROW ||
             sqlite3_column_bytes(st, 0) != (int)len)
        r = err_set(err, -EUCLEAN, "the store has no valid \"%s\"", name);
    else
        memcpy(into, sqlite3_column_blob(st, 0), len);
    (void)sqlite3_finalize(st);
    return r;
}

/* Who this store is, for ever. */
static int identify(sqlite3 *db, struct err *err)
{
    char id[37], now[24];
    unsigned char secret[16];
    int r;

    random_uuid(id);
    random_bytes(secret, sizeof(secret));
    (void)sqlite3_snprintf(sizeof(now), now, "%lld",
                           (long long)clock_wall_ms());
    r = set_meta(db, "store_id", (struct span){id, 36}, err);
    if (r == 0)
        r = set_meta(db, "secret", (struct span){secret, 16}, err);
    if (r == 0)
        r = set_meta(db, "created_ms", (struct span){now, strlen(now)}, err);
    if (r == 0)
        r = set_meta(db, "shard_count", (struct span){"1", 1}, err);
    return r;
}

static int one_step(sqlite3 *db, int at, struct err *err)
{
    char mark[80];
    int r;

    (void)sqlite3_snprintf(sizeof(mark), mark,
                           "PRAGMA application_id=%d;PRAGMA user_version=%d",
                           APPLICATION_ID, at + 1);
    r = sq_exec(db, "BEGIN IMMEDIATE", err);
    if (r < 0)
        return r;
    r = sq_exec(db, steps[at], err);
    if (r == 0 && at == 0)
        r = identify(db, err);
    if (r == 0)
        r = sq_exec(db, mark, err);
    if (r == 0)
        r = sq_exec(db, "COMMIT", err);
    if (r < 0 && !sqlite3_get_autocommit(db))
        (void)sq_exec(db, "ROLLBACK", NULL);
    return r;
}

/* A database of somebody else's must not get our tables. */
static int check_ours(sqlite3 *db, struct err *err)
{
    int id, tables;
    int r;

    r = pragma_int(db, "PRAGMA application_id", &id, err);
    if (r == 0)
        r = pragma_int(db, "SELECT count(*) FROM sqlite_master", &tables, err);
    if (r == 0 && id != APPLICATION_ID && tables > 0)
        r = err_set(err, -EUCLEAN, "this database belongs to another program");
    return r;
}

int sq_schema_ours(sqlite3 *db, struct err *err)
{
    int id = 0;
    int r = pragma_int(db, "PRAGMA application_id", &id, err);

    if (r == 0 && id != APPLICATION_ID)
        r = err_set(err, -EUCLEAN, "it is not a store of ours");
    return r;
}

/* Its version, which is none that is newer than ours. */
static int version_of(sqlite3 *db, int *ret, struct err *err)
{
    int r = pragma_int(db, "PRAGMA user_version", ret, err);

    if (r == 0 && *ret > VERSION)
        r = err_set(err, -ENOTSUP,
                    "the store has schema version %d, this program knows "
                    "up to %d: use a newer program",
                    *ret, VERSION);
    return r;
}

static int read_identity(sqlite3 *db, char id[37], struct hash_key *secret,
                         struct err *err)
{
    int incomplete = 0;
    int r = pragma_int(db, "SELECT count(*) FROM meta WHERE name='incomplete'",
                       &incomplete, err);

    if (r == 0 && incomplete != 0)
        r = err_set(err, -EUCLEAN,
                    "the conversion that made this store did not come to its "
                    "end: remove it and convert again");
    if (r == 0)
        r = get_meta(db, "store_id", id, 36, err);
    if (r == 0)
        r = get_meta(db, "secret", secret, sizeof(*secret), err);
    id[36] = '\0';
    return r;
}

int sq_schema_look(sqlite3 *db, char id[37], struct hash_key *secret,
                   struct err *err)
{
    int version = 0;
    int r = sq_schema_ours(db, err);

    if (r == 0)
        r = version_of(db, &version, err);
    if (r == 0 && version < VERSION)
        r = err_set(err, -ENOTSUP,
                    "the store has schema version %d, not %d: ontimed brings "
                    "it up to date when it starts",
                    version, VERSION);
    return r < 0 ? r : read_identity(db, id, secret, err);
}

int sq_schema_open(sqlite3 *db, char id[37], struct hash_key *secret,
                   struct err *err)
{
    int version = 0;
    int r;

    r = check_ours(db, err);
    if (r == 0)
        r = version_of(db, &version, err);
    if (r < 0)
        return r;
    for (; version < VERSION; version++) {
        r = one_step(db, version, err);
        if (r < 0)
            return err_wrap(err, "schema step %d", version + 1);
    }
    return read_identity(db, id, secret, err);
}

int sq_schema_app_views(sqlite3 *db, const char *app, int32_t number,
                        struct err *err)
{
    char *sql;
    int r;

    /* Names are [A-Za-z0-9_.-], so quoting is all it takes.  Two names that
     * differ in case only share the first one's views. */
    sql = sqlite3_mprintf(app_views, app, app, number, app, app, number);
    if (sql == NULL)
        return err_again(err, -ENOMEM, "no memory for an app's views");
    r = sq_exec(db, sql, err);
    sqlite3_free(sql);
    return r;
}
