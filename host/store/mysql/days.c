/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/days.c - see days.h.  The session's thread.
 */
#include "config.h"

#include "store/mysql/days.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "store/mysql/conn.h"

#define GAP_DAYS 45 /* a longer gap gets one partition */

/* YYYYMMDD of the UTC day that ms is in. */
static void day_text(int64_t ms, char ret[16])
{
    time_t t = (time_t)(ms / 1000);
    struct tm tm;

    if (gmtime_r(&t, &tm) == NULL)
        memset(&tm, 0, sizeof(tm));
    (void)snprintf(ret, 16, "%04u%02u%02u",
                   (unsigned)(tm.tm_year + 1900) % 10000,
                   (unsigned)(tm.tm_mon + 1) % 100, (unsigned)tm.tm_mday % 100);
}

/* Runs DDL that must not wait long for the table. */
static int run_ddl(struct md_session *x, struct err *err)
{
    int r, back;

    r = md_runs(x, "SET SESSION lock_wait_timeout=1", err);
    if (r == 0)
        r = md_run(x, err);
    back = md_runs(x, "SET SESSION lock_wait_timeout=5", NULL);
    return r < 0 ? r : back;
}

/* ---- partitions ---------------------------------------------------------------- */

/* The end of the last partition. */
static int read_end(struct md_session *x, int64_t *ret, struct err *err)
{
    struct md_rows q;
    int r;

    *ret = 0;
    r = md_selectf(x, &q, err,
                   "SELECT MAX(CAST(partition_description AS SIGNED)) FROM "
                   "information_schema.partitions WHERE "
                   "table_schema=DATABASE() AND table_name='executions'");
    if (r == 0 && md_next(&q))
        *ret = md_int(&q, 0);
    md_rows_done(&q);
    if (r == 0 && *ret <= 0)
        r = err_set(err, -EUCLEAN, "executions has lost its partitions");
    return r;
}

static int add_days(struct md_session *x, int64_t from, int64_t to,
                    struct err *err)
{
    char name[16];

    (void)md_sql(x, "ALTER TABLE executions ADD PARTITION(");
    if (to - from > GAP_DAYS * MD_DAY_MS) {
        int64_t gap = to - MD_DAYS_AHEAD * MD_DAY_MS;

        day_text(from, name);
        (void)buf_addf(&x->sql, "PARTITION d%s VALUES LESS THAN (%" PRId64 "),",
                       name, gap);
        from = gap;
    }
    for (; from < to; from += MD_DAY_MS) {
        day_text(from, name);
        (void)buf_addf(&x->sql, "PARTITION d%s VALUES LESS THAN (%" PRId64 "),",
                       name, from + MD_DAY_MS);
    }
    md_end_list(x, ")");
    return run_ddl(x, err);
}

int md_days_ensure(struct md_session *x, int64_t finished_ms, struct err *err)
{
    int64_t until = atomic_load(&x->st->days_until_ms), end = 0, want;
    int r;

    if (finished_ms < until)
        return 0;
    r = md_connect(x, err);
    if (r == 0)
        r = read_end(x, &end, err);
    if (r < 0)
        return r;
    want = (finished_ms / MD_DAY_MS + 1 + MD_DAYS_AHEAD) * MD_DAY_MS;
    if (want > end) {
        r = add_days(x, end, want, err);
        if (r < 0) { /* another instance may have done it just now */
            if (read_end(x, &end, NULL) < 0 || end <= finished_ms)
                return r;
            want = end;
        }
        end = want;
    }
    atomic_store(&x->st->days_until_ms, end);
    return 0;
}

int md_days_drop(struct md_session *x, int64_t before_ms, size_t *ret_rows,
                 struct err *err)
{
    struct md_rows q;
    char name[64] = "";
    int64_t rows = 0, left = 0;
    int r;

    *ret_rows = 0;
    r = md_selectf(x, &q, err,
                   "SELECT partition_name,table_rows,(SELECT COUNT(*) FROM "
                   "information_schema.partitions WHERE "
                   "table_schema=DATABASE() AND table_name='executions') FROM "
                   "information_schema.partitions WHERE "
                   "table_schema=DATABASE() AND table_name='executions' AND "
                   "CAST(partition_description AS SIGNED)<=%" PRId64
                   " ORDER BY partition_ordinal_position LIMIT 1",
                   before_ms);
    if (r == 0 && md_next(&q)) {
        md_copy(&q, 0, name, sizeof(name));
        rows = md_int(&q, 1);
        left = md_int(&q, 2);
    }
    md_rows_done(&q);
    if (r < 0 || name[0] == '\0' || left < 2)
        return r;
    (void)md_sql(x, "ALTER TABLE executions DROP PARTITION ");
    (void)buf_adds(&x->sql, name);
    r = run_ddl(x, err);
    *ret_rows = r < 0 || rows < 0 ? 0 : (size_t)rows;
    return r;
}
