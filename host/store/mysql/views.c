/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/views.c - the views by app and by app and day; see days.h.  The
 * session's thread.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <mysqld_error.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "store/mysql/conn.h"
#include "store/mysql/days.h"

#define DAYS_BACK 1 /* when an app is new; others have been made before */
#define DROPS_MOST 200
#define NAME_MOST 64 /* of a view */

static atomic_flag complained = ATOMIC_FLAG_INIT;

#define TIME(ms)                                                               \
    "TIMESTAMP'1970-01-01 00:00:00'+INTERVAL " ms "*1000 MICROSECOND"
#define TEXT(bytes) "CONVERT(" bytes " USING utf8mb4)"

static const char status[] =
    "CASE e.outcome WHEN 0 THEN 'COMPLETED' WHEN 2 THEN 'CANCELED' "
    "ELSE 'FAILED' END AS status";

static void day_name(int64_t ms, char ret[16])
{
    time_t t = (time_t)(ms / 1000);
    struct tm tm = {0};

    (void)gmtime_r(&t, &tm);
    if (strftime(ret, 16, "%Y%m%d", &tm) == 0)
        ret[0] = '\0';
}

static void add_pending(struct md_session *x, const char *app, int32_t number)
{
    (void)buf_addf(
        &x->sql,
        "SELECT j.id AS id," TIME(
            "j.due") " AS scheduled_time,"
                     "j.state<>0 AS scheduled," TEXT(
                         "j.payload") " AS job_data,"
                                      "'%s' AS app_name," TEXT("j.job_key") " AS job_name," TIME(
                                          "j.created") " AS created_at,'SCHEDULED' AS status "
                                                       "FROM jobs j WHERE j.app=%d",
        app, number);
}

/* What ends on the day that it fires, and what is to fire on it. */
static void add_day(struct md_session *x, const char *app, int32_t number,
                    int64_t from)
{
    int64_t to = from + MD_DAY_MS;

    add_pending(x, app, number);
    (void)buf_adds(&x->sql, " AND j.shard IN (");
    for (uint32_t s = 0; s < x->st->base.shards; s++)
        md_add_int(x, s); /* each a range of the primary key */
    md_end_list(x, ")");
    (void)buf_addf(
        &x->sql,
        " AND j.pos>=%" PRId64 " AND j.pos<%" PRId64
        " UNION ALL SELECT e.job_id," TIME("e.scheduled") ",1,NULL,'%s'," TEXT(
            "e.job_key") ",NULL,%s FROM "
                         "executions e WHERE e.app=%d AND e.outcome<>3 AND "
                         "e.scheduled>=%" PRId64 " AND e.scheduled<%" PRId64
                         " AND e.finished>=%" PRId64,
        job_pos_at(from), job_pos_at(to), app, status, number, from, to, from);
}

static void add_history(struct md_session *x, const char *app, int32_t number)
{
    (void)buf_addf(
        &x->sql,
        "SELECT e.job_id AS job_id,'%s' AS app_name," TIME("e.scheduled") " AS scheduled_time," TIME("e.started") " AS started_at," TIME(
            "e.finished") " AS completed_at,%s,"
                          "e.error AS error_message,"
                          "e.finished-e.started AS execution_duration_ms," TEXT(
                              "e.job_key") " AS job_name,(SELECT " TEXT("j.payload") " FROM jobs j WHERE j.id=e.job_id LIMIT 1)"
                                                                                     " AS job_data FROM executions e WHERE e.app=%d",
        app, status, number);
}

/* Begins the statement; false when the name would be too long. */
static bool begin(struct md_session *x, const char *app, const char *end)
{
    (void)md_sql(x, "CREATE VIEW `");
    (void)buf_addf(&x->sql, "%s_%s` AS ", app, end);
    return strlen(app) + 1 + strlen(end) <= NAME_MOST;
}

/* Makes it, unless it is there. */
static int make(struct md_session *x, struct err *err)
{
    int r = md_run(x, err);

    if (r < 0 && md_errno(x) == ER_TABLE_EXISTS_ERROR)
        return 0;
    if (r == -EACCES) { /* they are for people; the work goes on without */
        if (!atomic_flag_test_and_set(&complained))
            log_warn("store", LOG_EVENT("views_not_made"),
                     LOG_STR("advice", "grant CREATE VIEW"));
        return 0;
    }
    return r;
}

static int make_days(struct md_session *x, const char *app, int32_t number,
                     int64_t now_ms, struct err *err)
{
    int64_t today = now_ms / MD_DAY_MS * MD_DAY_MS;
    char day[16], end[40];
    int r = 0;

    for (int i = -DAYS_BACK; i <= MD_DAYS_AHEAD && r == 0; i++) {
        day_name(today + i * MD_DAY_MS, day);
        (void)snprintf(end, sizeof(end), "scheduled_jobs_%s", day);
        if (!begin(x, app, end))
            return 0;
        add_day(x, app, number, today + i * MD_DAY_MS);
        r = make(x, err);
    }
    return r;
}

int md_days_views(struct md_session *x, const struct app_name *app,
                  int32_t number, int64_t now_ms, struct err *err)
{
    int r = 0;

    if (begin(x, app->text, "scheduled_jobs")) {
        add_pending(x, app->text, number);
        r = make(x, err);
    }
    if (r == 0 && begin(x, app->text, "job_execution_history")) {
        add_history(x, app->text, number);
        r = make(x, err);
    }
    return r < 0 ? r : make_days(x, app->text, number, now_ms, err);
}

/* ---- from day to day ------------------------------------------------------------ */

/* Drops those of days that are past. */
static int drop_old(struct md_session *x, int64_t before_ms, struct err *err)
{
    struct md_rows q;
    char day[16], name[NAME_MOST + 1];
    int r;

    day_name(before_ms > 0 ? before_ms : 0, day);
    r = md_selectf(x, &q, err,
                   "SELECT table_name FROM information_schema.views WHERE "
                   "table_schema=DATABASE() AND table_name REGEXP "
                   "'_scheduled_jobs_[0-9]{8}$' AND RIGHT(table_name,8)<'%s' "
                   "LIMIT %d",
                   day, DROPS_MOST);
    while (r == 0 && md_next(&q)) {
        md_copy(&q, 0, name, sizeof(name));
        r = md_runf(x, err, "DROP VIEW IF EXISTS `%s`", name);
        r = r == -EACCES ? 0 : r;
    }
    md_rows_done(&q);
    return r;
}

int md_days_turn(struct md_session *x, int64_t now_ms, struct err *err)
{
    struct md_rows q;
    int r;

    if (x->views_day == now_ms / MD_DAY_MS)
        return 0;
    r = md_selectf(x, &q, err, "SELECT id,name FROM apps");
    while (r == 0 && md_next(&q)) {
        struct span s = md_span(&q, 1);
        const struct app_name *app = app_name(s.data, s.len);

        if (app != NULL)
            r = make_days(x, app->text, (int32_t)md_int(&q, 0), now_ms, err);
    }
    md_rows_done(&q);
    if (r == 0)
        r = drop_old(x, now_ms - x->st->history_ms, err);
    if (r == 0)
        x->views_day = now_ms / MD_DAY_MS;
    return r;
}
