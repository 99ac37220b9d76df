/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/contract/store_sqlite.c - the suite on SQLite, and what only SQLite
 * promises: one instance at a time, versions, a full disk, views for people.
 */
#include "config.h"

#include "store.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "store/sqlite/session.h"

static void url(const char *dir, char *ret, size_t size)
{
    (void)snprintf(ret, size, "sqlite:%s/store.db", dir);
}

static sqlite3 *open_behind(const char *dir)
{
    char path[128];
    sqlite3 *db;

    (void)snprintf(path, sizeof(path), "%s/store.db", dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 5000);
    return db;
}

static void exec_behind(const char *dir, const char *sql)
{
    sqlite3 *db = open_behind(dir);

    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    (void)sqlite3_close(db);
}

/* The first value of the first row, as text; the caller frees it. */
static char *ask_behind(const char *dir, const char *sql)
{
    sqlite3 *db = open_behind(dir);
    sqlite3_stmt *st = NULL;
    const unsigned char *s;
    char *answer;

    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    s = sqlite3_column_text(st, 0);
    answer = strdup(s != NULL ? (const char *)s : "(null)");
    (void)sqlite3_finalize(st);
    (void)sqlite3_close(db);
    return answer;
}

static void assert_answer(const char *dir, const char *sql, const char *want)
{
    char *got = ask_behind(dir, sql);

    assert_string_equal(got, want);
    free(got);
}

static void usurp(const char *dir)
{
    exec_behind(dir, "UPDATE slots SET epoch=epoch+1");
}

static int64_t count_rows(const char *dir)
{
    char *jobs = ask_behind(dir, "SELECT count(*) FROM jobs");
    int64_t n = strtoll(jobs, NULL, 10);

    free(jobs);
    /* Each that should be in the order is there, and nothing else of theirs. */
    jobs = ask_behind(
        dir,
        "WITH p AS (SELECT j.*,j.pos>>38<<18 AS range FROM jobs j) "
        "SELECT count(*) FROM p, slots s LEFT JOIN job_order o ON o.id=p.id "
        "WHERE coalesce(o.pos,p.pos)=p.pos AND coalesce(o.app,p.app)=p.app "
        "AND (o.id IS NOT NULL)=(p.pos>>38<>p.id>>38 OR NOT "
        "(range>=sorted_until OR (range>=gap_until AND range<gap_end)) OR "
        "p.id<CASE WHEN range=gap_until AND range<gap_end THEN gap_cursor "
        "WHEN range=sorted_until THEN sorted_cursor ELSE range<<20 END)");
    assert_int_equal(strtoll(jobs, NULL, 10), n);
    free(jobs);
    assert_answer(dir,
                  "SELECT count(*) FROM job_order o LEFT JOIN jobs j "
                  "ON j.id=o.id WHERE j.id IS NULL",
                  "0");
    jobs = ask_behind(dir, "SELECT sum(pending) FROM apps");
    assert_int_equal(strtoll(jobs, NULL, 10), n);
    free(jobs);
    return n;
}

static void fill_ms(const char *dir, int64_t ms)
{
    char sql[300];

    (void)snprintf(sql, sizeof(sql),
                   "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 "
                   "FROM n WHERE i<1048575) INSERT INTO job_order "
                   "SELECT (%lld<<20)+i,1,1 FROM n",
                   (long long)ms);
    exec_behind(dir, sql);
}

static void shrink(struct fix *f)
{
    for (int i = 0; i < NAMES; i++)
        sq_session(f->x)->st->names[i].limit = 50;
}

static const struct contract_backend sqlite_backend = {
    .name = "sqlite",
    .url = url,
    .usurp = usurp,
    .count_rows = count_rows,
    .shrink = shrink,
    .fill_ms = fill_ms,
};

/* ---- opening ------------------------------------------------------------------ */

static int try_open(const char *what, struct err *err)
{
    const struct store_settings set = {.url = what, .idempotency_ms = 1};
    struct store *s = NULL;
    int r = store_open(&set, &s, err);

    store_close(&s);
    return r;
}

static void a_second_opener_is_told_who_has_it(void **state)
{
    struct fix *f = *state;
    char u[128], pid[32];
    struct err err;

    url(f->dir, u, sizeof(u));
    assert_int_equal(try_open(u, &err), -EBUSY);
    (void)snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
    assert_non_null(strstr(err.text, pid));
    fix_close(f);
    assert_int_equal(try_open(u, &err), 0);
    fix_open(f);
}

static void a_newer_schema_is_refused(void **state)
{
    struct fix *f = *state;
    char u[128];
    struct err err;

    url(f->dir, u, sizeof(u));
    fix_close(f);
    exec_behind(f->dir, "PRAGMA user_version=4711");
    assert_int_equal(try_open(u, &err), -ENOTSUP);
    assert_non_null(strstr(err.text, "4711"));
    assert_non_null(strstr(err.text, "up to 2"));
    exec_behind(f->dir, "PRAGMA user_version=2");
    fix_open(f);
}

static void strange_urls_and_files_are_refused(void **state)
{
    struct fix *f = *state;
    char u[200], path[128];
    struct err err;
    FILE *file;

    assert_int_equal(try_open("redis:x", &err), -ENOTSUP);
    assert_int_equal(try_open("sqlite:", &err), -EINVAL);
    (void)snprintf(u, sizeof(u), "sqlite:%s/none/store.db", f->dir);
    assert_int_equal(try_open(u, &err), -ENOENT);
    assert_true(err.retry);
    (void)snprintf(path, sizeof(path), "%s/junk.db", f->dir);
    file = fopen(path, "w");
    for (int i = 0; i < 1000; i++)
        (void)fputs("this is not a database. ", file);
    (void)fclose(file);
    (void)snprintf(u, sizeof(u), "sqlite:%s", path);
    assert_int_equal(try_open(u, &err), -EUCLEAN);
    assert_false(err.retry);
    (void)unlink(path);
}

static void somebody_elses_database_is_left_alone(void **state)
{
    struct fix *f = *state;
    struct fix g = {0};
    char u[128];
    struct err err;

    (void)snprintf(g.dir, sizeof(g.dir), "/tmp/ontime-store.XXXXXX");
    assert_non_null(mkdtemp(g.dir));
    exec_behind(g.dir, "CREATE TABLE theirs(a)");
    url(g.dir, u, sizeof(u));
    assert_int_equal(try_open(u, &err), -EUCLEAN);
    assert_answer(g.dir, "SELECT count(*) FROM sqlite_master", "1");
    fix_remove(&g);
    (void)f;
}

static void a_store_keeps_its_name(void **state)
{
    struct fix *f = *state;
    char id[40];

    (void)snprintf(id, sizeof(id), "%s", store_id(f->store));
    assert_int_equal(strlen(id), 36);
    assert_string_equal(store_backend(f->store), "sqlite");
    fix_reopen(f);
    assert_string_equal(store_id(f->store), id);
}

/* ---- trouble -------------------------------------------------------------------- */

static void set_page_limit(struct fix *f, int more)
{
    struct sq_session *x = sq_session(f->x);
    char sql[64], *pages = ask_behind(f->dir, "PRAGMA page_count");

    (void)snprintf(sql, sizeof(sql), "PRAGMA max_page_count=%ld",
                   more < 0 ? 1000000000L : strtol(pages, NULL, 10) + more);
    free(pages);
    assert_int_equal(sqlite3_exec(x->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void a_full_disk_is_waited_for(void **state)
{
    struct fix *f = *state;
    struct put_item items[200] = {0};
    struct put_batch b = {.items = items, .count = 200, .now_ms = T0};
    char keys[200][8];
    struct err err;

    (void)fix_put_id(f, "before", T0);
    for (int i = 0; i < 200; i++) {
        (void)snprintf(keys[i], sizeof(keys[i]), "k%d", i);
        items[i].job = fix_job(f, keys[i], T0 + i, "x");
        items[i].idempotency = text(keys[i]);
    }
    set_page_limit(f, 2);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(store_put(f->x, &b, &err), -ENOSPC);
        assert_true(err.retry);
        assert_non_null(strstr(err.text, "room"));
    }
    assert_int_equal(count_rows(f->dir), 1);
    assert_null(fix_find(f, "k0"));
    set_page_limit(f, -1);
    assert_int_equal(store_put(f->x, &b, &err), 0);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(items[i].result, PUT_STORED);
        job_free(&items[i].job);
    }
    assert_int_equal(count_rows(f->dir), 201);
    assert_int_equal(store_remembered(f->store), 200);
}

/* What a failed step had put in order is not in order. */
static void order_is_made_after_a_full_disk(void **state)
{
    struct fix *f = *state;
    const struct load_request q = {
        .cap = 9000, .bytes_cap = 8 << 20, .until = job_pos_at(T0 + DAY)};
    struct load_result got;
    struct err err;

    fix_put_many(f, 5000, T0 + HOUR, 1);
    set_page_limit(f, 2);
    assert_int_equal(store_load_due(f->x, &q, &got, &err), -ENOSPC);
    assert_true(err.retry);
    set_page_limit(f, -1);
    assert_int_equal(count_rows(f->dir), 5000);
    assert_int_equal(store_load_due(f->x, &q, &got, &err), 0);
    assert_int_equal(got.count, 5000);
    free_jobs(&got.jobs);
    assert_int_equal(count_rows(f->dir), 5000);
}

static void ended_jobs_leave_no_key_behind(void **state)
{
    struct fix *f = *state;
    struct sq_session *x = sq_session(f->x);
    struct job *j = fix_get(f, fix_put_id(f, "k", T0));
    struct sq_name name = {0};
    struct err err;

    sq_name_hash(x, f->app, text("k"), &name);
    assert_int_equal(sq_names_get(x, NAMES_KEYS, &name, 1, &err), 0);
    assert_int_equal(name.value, j->id);
    assert_false(fix_finish(f, j, OUTCOME_DONE, 0, T0));
    assert_int_equal(sq_names_get(x, NAMES_KEYS, &name, 1, &err), 0);
    assert_int_equal(name.value, 0);
    job_free(&j);
}

static void another_programs_lock_is_waited_for(void **state)
{
    struct fix *f = *state;
    struct put_item item = {.job = fix_job(f, "k", T0, "x")};
    struct put_batch b = {.items = &item, .count = 1, .now_ms = T0};
    sqlite3 *db = open_behind(f->dir);
    struct err err;

    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", 0, 0, 0), SQLITE_OK);
    assert_int_equal(store_put(f->x, &b, &err), -EBUSY);
    assert_true(err.retry);
    (void)sqlite3_close(db);
    assert_int_equal(store_put(f->x, &b, &err), 0);
    job_free(&item.job);
}

/* One row that the database refuses must not hold up the others for ever. */
static void a_refused_outcome_is_left_out(void **state)
{
    struct fix *f = *state;
    struct outcome o[5];
    struct outcome *p[5];
    struct finish_batch b = {.outcomes = p,
                             .count = 5,
                             .now_ms = T0,
                             .ledger_pos = 9,
                             .ledger_seq = 4};
    struct load_result got;
    struct err err;
    char sql[200];

    fix_put_many(f, 5, T0, 1);
    assert_int_equal(fix_load(f, 0, T0 + DAY, 9, &got), 5);
    for (int i = 0; i < 5; i++) {
        struct job *j = list_of(list_pop(&got.jobs), struct job, link);

        o[i] = (struct outcome){.job = j, .kind = OUTCOME_DONE};
        p[i] = &o[i];
    }
    (void)snprintf(sql, sizeof(sql),
                   "CREATE TRIGGER t BEFORE DELETE ON jobs WHEN old.id=%lld "
                   "BEGIN SELECT RAISE(ABORT,'not this one'); END",
                   (long long)o[2].job->id);
    exec_behind(f->dir, sql);
    assert_int_equal(store_finish(f->x, &b, &err), 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(o[i].stale, i == 2);
        assert_int_equal(o[i].refused, i == 2);
    }
    exec_behind(f->dir, "DROP TRIGGER t");
    assert_int_equal(count_rows(f->dir), 1);
    assert_answer(f->dir, "SELECT ledger_pos||' '||ledger_seq FROM slots",
                  "9 4");
    assert_false(fix_finish(f, o[2].job, OUTCOME_DONE, 0, T0));
    assert_answer(f->dir, "SELECT ledger_pos||' '||ledger_seq FROM slots",
                  "9 4"); /* -1 leaves them */
    for (int i = 0; i < 5; i++)
        job_free(&o[i].job);
}

/* Takes the place of the C library's for SQLite, too. */
int fdatasync(int fd);
static _Thread_local int syncs; /* of the test's thread */

int fdatasync(int fd)
{
    syncs++;
    return (int)syscall(SYS_fdatasync, fd);
}

static int syncs_of_put(struct fix *f, bool sync)
{
    struct put_item item = {.job = fix_job(f, NULL, T0, "x")};
    struct put_batch b = {
        .items = &item, .count = 1, .now_ms = T0, .sync = sync};
    struct err err;

    syncs = 0;
    assert_int_equal(store_put(f->x, &b, &err), 0);
    job_free(&item.job);
    return syncs;
}

static void what_was_promised_is_synced(void **state)
{
    struct fix *f = *state;
    struct change c = {.kind = CHANGE_CANCEL, .now_ms = T0};
    struct load_result got;
    struct err err;
    struct job *j;

    c.id = fix_put_id(f, "k", T0 + HOUR);
    (void)fix_put_id(f, "run", T0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(syncs_of_put(f, false), 0);
        assert_true(syncs_of_put(f, true) > 0);
    }
    syncs = 0;
    assert_int_equal(store_change(f->x, &c, &err), 0);
    assert_true(syncs > 0);
    job_free(&c.job);
    (void)fix_load(f, 0, T0 + 1000, 1, &got);
    j = list_of(list_pop(&got.jobs), struct job, link);
    syncs = 0;
    assert_int_equal(store_mark_running(f->x, &j, 1, &err), 0);
    assert_true(syncs > 0);
    syncs = 0;
    assert_false(fix_finish(f, j, OUTCOME_DONE, 0, T0));
    assert_int_equal(syncs, 0);
    job_free(&j);
}

/* ---- for people -------------------------------------------------------------------- */

static void views_can_be_read(void **state)
{
    struct fix *f = *state;
    struct job *j;
    int64_t id;

    id = fix_put_id(f, "ke'y", T0 + 1234);
    assert_answer(f->dir,
                  "SELECT app||' '||key||' '||due||' '||state||' '||"
                  "priority||' '||payload FROM scheduled_jobs",
                  "sms ke'y 2027-01-15T08:00:01.234Z CREATED normal x");
    assert_answer(f->dir,
                  "SELECT scheduled_time||' '||job_name||' '||app_name"
                  "||' '||job_data||' '||created_at FROM sms_scheduled_jobs",
                  "2027-01-15 08:00:01 ke'y sms x 2027-01-15 08:00:00");
    j = fix_get(f, id);
    assert_false(fix_finish(f, j, OUTCOME_RETRY, T0 + 2000, T0 + 1500));
    assert_false(fix_finish(f, j, OUTCOME_DEAD, 0, T0 + 2500));
    job_free(&j);
    assert_answer(f->dir, "SELECT count(*) FROM scheduled_jobs", "0");
    assert_answer(f->dir,
                  "SELECT group_concat(outcome||' '||attempt||' '||"
                  "finished||' '||error) FROM executions",
                  "retry 1 2027-01-15T08:00:01.500Z no luck,"
                  "dead 2 2027-01-15T08:00:02.500Z no luck");
    assert_answer(f->dir,
                  "SELECT group_concat(status||' '||completed_at||' '||"
                  "execution_duration_ms) FROM sms_job_execution_history",
                  "FAILED 2027-01-15 08:00:01 5,FAILED 2027-01-15 08:00:02 5");
    f->app = f->other; /* a name that has to be quoted */
    (void)fix_put_id(f, "k", T0);
    assert_answer(f->dir, "SELECT count(*) FROM \"other.app_scheduled_jobs\"",
                  "1");
}

static void a_sound_database_is_left(void **state)
{
    struct fix *f = *state;

    for (int i = 0; i < 20; i++)
        fix_put_many(f, 500, T0, 7919 * 13);
    fix_close(f);
    assert_answer(f->dir, "PRAGMA integrity_check", "ok");
    fix_open(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        contract_test(a_second_opener_is_told_who_has_it),
        contract_test(a_newer_schema_is_refused),
        contract_test(strange_urls_and_files_are_refused),
        contract_test(somebody_elses_database_is_left_alone),
        contract_test(a_store_keeps_its_name),
        contract_test(a_full_disk_is_waited_for),
        contract_test(order_is_made_after_a_full_disk),
        contract_test(ended_jobs_leave_no_key_behind),
        contract_test(another_programs_lock_is_waited_for),
        contract_test(a_refused_outcome_is_left_out),
        contract_test(what_was_promised_is_synced),
        contract_test(views_can_be_read),
        contract_test(a_sound_database_is_left),
    };

    return contract_run(&sqlite_backend, tests,
                        sizeof(tests) / sizeof(tests[0]));
}
