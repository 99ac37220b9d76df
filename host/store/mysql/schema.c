/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/schema.c - the schema and its history; see schema.h.  Called at
 * open; no state.
 *
 * To change the schema: append statements to a new step (never edit one that
 * was released), and say in its comment why.  DDL cannot be rolled back here,
 * so each statement must bear being run again: a start that was cut short
 * begins its step anew.
 */
#include "config.h"

#include "store/mysql/schema.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "store/mysql/conn.h"
#include "store/mysql/days.h"

#define LOCK_S 60
#define SHARDS 64

#define TABLE_OPTIONS                                                          \
    " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin "              \
    "ROW_FORMAT=DYNAMIC"
#define N64 " BIGINT NOT NULL"
#define N32 " INT NOT NULL"

static const char *const first[] = {
    /*
     * 1. A job's row lies by (shard, pos), so that what is due together lies
     * together; NULL in `scheduled` means the same as `due`.  names has job
     * keys and idempotency keys by hash, see names.h; executions is kept by
     * day, see days.h.  app_counts has a row for each slot, see apps.h.
     */
    "CREATE TABLE IF NOT EXISTS slots(slot INT NOT NULL PRIMARY KEY,"
    " epoch" N64
    ", state VARCHAR(8) NOT NULL, owner VARCHAR(64), boot CHAR(36),"
    " beat" N64 ", wseq" N64 ", ledger_used TINYINT NOT NULL DEFAULT 0,"
    " ledger_pos BIGINT NOT NULL DEFAULT 0,"
    " ledger_seq BIGINT NOT NULL DEFAULT 0)" TABLE_OPTIONS,
    "CREATE TABLE IF NOT EXISTS shards(shard SMALLINT UNSIGNED NOT NULL PRIMARY"
    " KEY, slot INT, loaded BIGINT NOT NULL DEFAULT 0,"
    " puts BIGINT NOT NULL DEFAULT 0)" TABLE_OPTIONS,
    "CREATE TABLE IF NOT EXISTS apps(id INT NOT NULL AUTO_INCREMENT PRIMARY "
    "KEY, name VARCHAR(64) NOT NULL UNIQUE)" TABLE_OPTIONS,
    "CREATE TABLE IF NOT EXISTS app_counts(slot" N32 ", app" N32 ", pending" N64
    ", succeeded" N64 ", dead" N64 ", canceled" N64 ", retried" N64
    ", PRIMARY KEY(slot,app))" TABLE_OPTIONS,
    "CREATE TABLE IF NOT EXISTS jobs(shard SMALLINT UNSIGNED NOT NULL, pos" N64
    ", id" N64 ", due" N64 ", scheduled BIGINT, created" N64 ", app" N32
    ", version INT UNSIGNED NOT NULL, attempt INT UNSIGNED NOT NULL,"
    " state TINYINT NOT NULL, redelivered TINYINT NOT NULL DEFAULT 0,"
    " priority TINYINT NOT NULL, job_key VARBINARY(4096), payload LONGBLOB, headers MEDIUMBLOB,"
    " PRIMARY KEY(shard,pos), KEY jobs_id(id))" TABLE_OPTIONS,
    "CREATE TABLE IF NOT EXISTS names(hash BINARY(16) NOT NULL PRIMARY KEY,"
    " accepted" N64 ", id" N64 ")" TABLE_OPTIONS,
    "CREATE TABLE IF NOT EXISTS wishes(number" N64 " PRIMARY KEY,"
    " shard SMALLINT UNSIGNED NOT NULL, job_id" N64 ", kind TINYINT NOT NULL,"
    " made" N64 ", due BIGINT, scheduled BIGINT, app INT, priority TINYINT,"
    " job_key VARBINARY(4096), payload LONGBLOB, headers MEDIUMBLOB,"
    " verdict TINYINT NOT NULL DEFAULT 0, decided BIGINT,"
    " KEY wishes_open(verdict,number), KEY wishes_job(job_id))" TABLE_OPTIONS,
    "CREATE TABLE IF NOT EXISTS source_positions(cluster VARCHAR(64) NOT NULL,"
    " source VARCHAR(128) NOT NULL, topic VARCHAR(249) NOT NULL,"
    " `partition`" N32 ", next" N64
    ", PRIMARY KEY(cluster,source,topic,`partition`))" TABLE_OPTIONS,
    "CREATE TABLE IF NOT EXISTS executions(finished" N64 ", job_id" N64
    ", version INT UNSIGNED NOT NULL, attempt INT UNSIGNED NOT NULL,"
    " app" N32 ", outcome TINYINT NOT NULL, scheduled" N64 ", started" N64
    ", job_key VARBINARY(4096), error VARCHAR(1024),"
    " PRIMARY KEY(finished,job_id,version,attempt),"
    " KEY executions_job(job_id))" TABLE_OPTIONS
    " PARTITION BY RANGE(finished)(PARTITION d0 VALUES LESS THAN (%" PRId64
    "))",
};

static const struct step {
    const char *const *statements;
    size_t count;
} steps[] = {
    {first, sizeof(first) / sizeof(first[0])},
};
#define VERSION ((int)(sizeof(steps) / sizeof(steps[0])))

static int get_meta(struct md_session *x, const char *name, char *into,
                    size_t size, struct err *err)
{
    struct md_rows q;
    int r;

    into[0] = '\0';
    r = md_selectf(x, &q, err, "SELECT value FROM meta WHERE name='%s'", name);
    if (r == 0 && md_next(&q))
        md_copy(&q, 0, into, size);
    md_rows_done(&q);
    return r;
}

static int set_meta(struct md_session *x, const char *name, const char *value,
                    struct err *err)
{
    return md_runf(x, err,
                   "INSERT IGNORE INTO meta(name,value) VALUES('%s','%s')",
                   name, value);
}

/* Who this store is, for ever. */
static int identify(struct md_session *x, uint32_t shards, struct err *err)
{
    char id[37], secret[33], text[32];
    unsigned char bytes[16];
    int r;

    random_uuid(id);
    random_bytes(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++)
        (void)snprintf(secret + 2 * i, 3, "%02x", bytes[i]);
    r = set_meta(x, "store_id", id, err);
    if (r == 0)
        r = set_meta(x, "secret", secret, err);
    (void)snprintf(text, sizeof(text), "%" PRId64, clock_wall_ms());
    if (r == 0)
        r = set_meta(x, "created_ms", text, err);
    if (r == 0)
        r = set_meta(x, "next_job_id", "1", err);
    if (r == 0)
        r = set_meta(x, "next_wish", "1", err);
    (void)snprintf(text, sizeof(text), "%u", shards);
    if (r == 0)
        r = set_meta(x, "shard_count", text, err);
    for (uint32_t i = 0; i < shards && r == 0; i++)
        r = md_runf(x, err, "INSERT IGNORE INTO shards(shard) VALUES(%u)", i);
    return r;
}

static int one_step(struct md_session *x, int at, uint32_t shards,
                    struct err *err)
{
    int64_t today = clock_wall_ms() / MD_DAY_MS * MD_DAY_MS;
    int r = 0;

    for (size_t i = 0; i < steps[at].count && r == 0; i++) {
        const char *s = steps[at].statements[i];

        (void)md_sql(x, "");
        (void)buf_add(&x->sql, s, strcspn(s, "%"));
        if (strchr(s, '%') != NULL) /* the first day's end */
            (void)buf_addf(&x->sql, "%" PRId64 "))", today);
        r = md_run(x, err);
    }
    if (r == 0 && at == 0)
        r = identify(x, shards, err);
    if (r == 0)
        r = md_runf(x, err, "UPDATE meta SET value='%d' WHERE name='schema'",
                    at + 1);
    return r;
}

/* A database of somebody else's must not get our tables. */
static int check_ours(struct md_session *x, struct err *err)
{
    struct md_rows q;
    int64_t meta = 0, others = 0;
    int r;

    r = md_selectf(x, &q, err,
                   "SELECT SUM(table_name='meta'),COUNT(*) FROM "
                   "information_schema.tables WHERE table_schema=DATABASE()");
    if (r == 0 && md_next(&q)) {
        meta = md_int(&q, 0);
        others = md_int(&q, 1);
    }
    md_rows_done(&q);
    if (r == 0 && meta == 0 && others > 0)
        return err_set(err, -EUCLEAN,
                       "this database belongs to another program: give ontime "
                       "one of its own");
    return r;
}

static int migrate(struct md_session *x, uint32_t shards, struct err *err)
{
    char text[32];
    int version, r;

    r = check_ours(x, err);
    if (r == 0)
        r = md_runs(x,
                    "CREATE TABLE IF NOT EXISTS meta(name VARCHAR(32) NOT NULL "
                    "PRIMARY KEY, value VARCHAR(255) NOT NULL)" TABLE_OPTIONS,
                    err);
    if (r == 0)
        r = set_meta(x, "schema", "0", err);
    if (r == 0)
        r = get_meta(x, "schema", text, sizeof(text), err);
    if (r < 0)
        return r;
    version = (int)strtol(text, NULL, 10);
    if (version > VERSION)
        return err_set(err, -ENOTSUP,
                       "the store has schema version %d, this program knows "
                       "up to %d: use a newer program",
                       version, VERSION);
    for (; version < VERSION; version++) {
        r = one_step(x, version, shards, err);
        if (r < 0)
            return err_wrap(err, "schema step %d", version + 1);
    }
    return 0;
}

static int lock(struct md_session *x, struct err *err)
{
    struct md_rows q;
    bool got = false;
    int r;

    r = md_selectf(x, &q, err,
                   "SELECT GET_LOCK(CONCAT('ontime.',MD5(DATABASE())),%d)",
                   LOCK_S);
    if (r == 0 && md_next(&q))
        got = md_int(&q, 0) == 1;
    md_rows_done(&q);
    if (r == 0 && !got)
        r = err_again(err, -EBUSY,
                      "somebody else has been changing the schema for %d s",
                      LOCK_S);
    return r;
}

/* Its version without the lock, which may be the usual case; -1: none. */
static int peek(struct md_session *x, struct err *err)
{
    char text[32] = "";
    struct md_rows q;
    int64_t there = 0;
    int r;

    r = md_selectf(x, &q, err,
                   "SELECT COUNT(*) FROM information_schema.tables WHERE "
                   "table_schema=DATABASE() AND table_name='meta'");
    if (r == 0 && md_next(&q))
        there = md_int(&q, 0);
    md_rows_done(&q);
    if (r == 0 && there > 0)
        r = get_meta(x, "schema", text, sizeof(text), err);
    if (r < 0)
        return r;
    return text[0] != '\0' ? (int)strtol(text, NULL, 10) : 0;
}

static int read_identity(struct md_session *x, struct err *err)
{
    struct md_store *st = x->st;
    char text[40];
    uint64_t k[2];
    int r;

    r = get_meta(x, "incomplete", text, sizeof(text), err);
    if (r == 0 && text[0] != '\0')
        r = err_set(err, -EUCLEAN,
                    "the conversion that made this store did not come to its "
                    "end: empty the database and convert again");
    if (r == 0)
        r = get_meta(x, "store_id", st->base.id, sizeof(st->base.id), err);
    if (r == 0)
        r = get_meta(x, "secret", text, sizeof(text), err);
    if (r < 0)
        return r;
    if (sscanf(text, "%16" SCNx64 "%16" SCNx64, &k[0], &k[1]) != 2)
        return err_set(err, -EUCLEAN, "the store has no valid \"secret\"");
    st->secret = (struct hash_key){k[0], k[1]};
    r = get_meta(x, "shard_count", text, sizeof(text), err);
    if (r < 0)
        return r;
    st->base.shards = (uint32_t)strtoul(text, NULL, 10);
    if (st->base.shards == 0 || st->base.shards > STORE_SHARDS_MOST)
        return err_set(err, -EUCLEAN, "the store has no valid \"shard_count\"");
    return 0;
}

int md_schema_look(struct md_session *x, struct err *err)
{
    int r = peek(x, err);

    if (r >= 0 && r != VERSION)
        return err_set(err, r > VERSION ? -ENOTSUP : -ENOENT,
                       "the store has schema version %d, this program needs %d",
                       r, VERSION);
    return r < 0 ? r : read_identity(x, err);
}

int md_schema_open(struct md_session *x, uint32_t shards, struct err *err)
{
    int r = peek(x, err);

    if (r >= 0 && r != VERSION) {
        r = lock(x, err);
        if (r == 0)
            r = migrate(x, shards > 0 ? shards : SHARDS, err);
        (void)md_runs(x, "DO RELEASE_ALL_LOCKS()", NULL);
    }
    return r < 0 ? r : read_identity(x, err);
}
