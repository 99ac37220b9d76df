/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/contract/store_mysql_trouble.c - connections that are killed at any
 * moment, a server that takes no writes, transactions that meet, schemas.
 */
#include "config.h"

#include "store_mysql.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/mysql/session.h"
#include "store/slots.h"

#define BATCH 30
#define ROUNDS 150

/* ---- connections killed -------------------------------------------------------- */

struct killer {
    const char *dir;
    _Atomic unsigned long victim; /* the id of the connection; 0: none yet */
    atomic_bool stop;
    unsigned kills;
};

static void rest(unsigned ms)
{
    struct timespec t = {0, (long)ms * 1000000};

    (void)nanosleep(&t, NULL);
}

static void *kill_now_and_then(void *arg)
{
    struct killer *k = arg;
    MYSQL *db = behind_open(k->dir);
    unsigned random = 4711;
    char sql[64];

    while (!atomic_load(&k->stop)) {
        unsigned long victim = atomic_exchange(&k->victim, 0);

        random = random * 1103515245u + 12345u;
        rest((random >> 16) % 6); /* the random moment */
        if (victim == 0)
            continue;
        (void)snprintf(sql, sizeof(sql), "KILL CONNECTION %lu", victim);
        k->kills += mysql_query(db, sql) == 0;
    }
    mysql_close(db);
    return NULL;
}

static void show_victim(struct fix *f, struct killer *k)
{
    struct md_session *x = md_session(f->x);

    if (x->db != NULL)
        atomic_store(&k->victim, mysql_thread_id(x->db));
}

/* As the writer does: again, while that may help. */
static void put_again(struct fix *f, struct killer *k, struct put_batch *b)
{
    struct err err = {0};
    int r = 0;

    for (int i = 0; i < 50; i++) {
        show_victim(f, k);
        r = store_put(f->x, b, &err);
        if (r == 0 || !err.retry)
            break;
    }
    if (r < 0)
        fail_msg("put: %s", err.text);
}

static void put_round(struct fix *f, struct killer *k, int64_t i)
{
    const struct store_position at = {"K", "s", "t", 0, i > 0 ? i : -1, i + 1};
    struct put_item items[BATCH] = {0};
    struct put_batch b = {.items = items,
                          .count = BATCH,
                          .positions = &at,
                          .position_count = 1,
                          .now_ms = T0};
    char names[BATCH][32];

    for (int n = 0; n < BATCH; n++) {
        (void)snprintf(names[n], sizeof(names[n]), "%d-%d", (int)i, n);
        items[n].job = fix_job(f, names[n], T0 + n, "x");
        items[n].idempotency = text(names[n]);
    }
    put_again(f, k, &b);
    for (int n = 0; n < BATCH; n++) {
        assert_int_equal(items[n].result, PUT_STORED);
        job_free(&items[n].job);
    }
}

static void finish_again(struct fix *f, struct killer *k,
                         struct finish_batch *b)
{
    struct err err = {0};
    int r = 0;

    for (int i = 0; i < 50; i++) {
        show_victim(f, k);
        r = store_finish(f->x, b, &err);
        if (r == 0 || !err.retry)
            break;
    }
    if (r < 0)
        fail_msg("finish: %s", err.text);
}

/* Ends what there is; one in five is retried, and ended then. */
static void end_round(struct fix *f, struct killer *k)
{
    struct load_request q = {
        .until = job_pos_at(T0 + DAY), .cap = BATCH, .bytes_cap = 1 << 20};
    struct outcome o[BATCH];
    struct outcome *p[BATCH];
    struct finish_batch b = {
        .outcomes = p, .now_ms = T0, .ledger_pos = -1, .ledger_seq = -1};
    struct load_result got;
    struct err err;

    while (store_load_due(f->x, &q, &got, &err) < 0)
        assert_true(err.retry);
    while (!list_empty(&got.jobs)) {
        struct job *j = list_of(list_pop(&got.jobs), struct job, link);

        o[b.count] = (struct outcome){.job = j, .finished_ms = T0};
        if (b.count % 5 == 0 && j->attempt == 0) {
            o[b.count].kind = OUTCOME_RETRY;
            o[b.count].retry_ms = T0 + 1;
        }
        p[b.count] = &o[b.count];
        b.count++;
    }
    finish_again(f, k, &b);
    for (size_t i = 0; i < b.count; i++) {
        assert_false(o[i].stale);
        assert_int_equal(o[i].job->attempt,
                         o[i].kind == OUTCOME_RETRY || o[i].job->attempt > 0);
        job_free(&o[i].job);
    }
}

static void killed_connections_lose_and_double_nothing(void **state)
{
    struct fix *f = *state;
    struct killer k = {.dir = f->dir};
    struct store_count c;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, kill_now_and_then, &k), 0);
    for (int64_t i = 0; i < ROUNDS; i++) {
        put_round(f, &k, i);
        end_round(f, &k);
    }
    atomic_store(&k.stop, true);
    (void)pthread_join(thread, NULL);
    assert_true(k.kills > ROUNDS / 10);
    c = fix_count(f, f->app);
    assert_int_equal(c.pending + c.succeeded, ROUNDS * BATCH);
    assert_int_equal(contract_backend->count_rows(f->dir), c.pending);
    behind_assert(f->dir,
                  "SELECT COUNT(*)-COUNT(DISTINCT job_key) FROM executions "
                  "WHERE outcome=0",
                  "0");
    behind_assert(f->dir,
                  "SELECT (SELECT COUNT(*) FROM executions WHERE outcome=0)-"
                  "SUM(succeeded) FROM app_counts",
                  "0");
    behind_assert(f->dir,
                  "SELECT (SELECT COUNT(*) FROM executions WHERE outcome=3)-"
                  "SUM(retried) FROM app_counts",
                  "0");
}

/* Its answer is lost and the server away: the next call finds out. */
static void a_commit_in_doubt_is_settled_later(void **state)
{
    struct fix *f = *state;
    struct md_session *x = md_session(f->x);
    struct put_item item = {.job = fix_job(f, "k", T0, "x")};
    struct put_batch b = {.items = &item, .count = 1, .now_ms = T0};
    struct job *j;
    struct err err;
    int64_t id;

    /* It had taken place. */
    assert_int_equal(store_put(f->x, &b, &err), 0);
    id = item.job->id;
    x->wseq--;
    x->doubt.open = true;
    x->doubt.mark = md_mark(0, 0);
    item.result = PUT_STORED;
    assert_int_equal(store_put(f->x, &b, &err), 0); /* another request */
    assert_int_equal(item.result, PUT_REPLACED);
    assert_int_equal(item.job->id, id);
    /* It had not. */
    x->doubt.open = true;
    assert_int_equal(store_put(f->x, &b, &err), 0);
    assert_int_equal(item.result, PUT_REPLACED);
    j = fix_get(f, id);
    assert_int_equal(j->version, 3);
    job_free(&j);
    job_free(&item.job);
}

/* ---- no writes ------------------------------------------------------------------ */

static void a_read_only_server_is_waited_for(void **state)
{
    struct fix *f = *state;
    struct put_item item = {.job = fix_job(f, "k", T0, "x")};
    struct put_batch b = {.items = &item, .count = 1, .now_ms = T0};
    struct err err;

    /* As the server answers an account that may not override it. */
    behind_exec(f->dir, "CREATE TRIGGER ro BEFORE INSERT ON jobs FOR EACH ROW "
                        "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO=1290,"
                        "MESSAGE_TEXT='read only'");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(store_put(f->x, &b, &err), -EROFS);
        assert_true(err.retry);
    }
    behind_exec(f->dir, "DROP TRIGGER ro");
    assert_int_equal(store_put(f->x, &b, &err), 0);
    assert_int_equal(item.result, PUT_STORED);
    job_free(&item.job);
}

static void an_outcome_that_is_refused_is_left_out(void **state)
{
    struct fix *f = *state;
    struct outcome o[5];
    struct outcome *p[5];
    struct finish_batch b = {.outcomes = p,
                             .count = 5,
                             .now_ms = T0,
                             .ledger_pos = -1,
                             .ledger_seq = -1};
    struct load_result got;
    char sql[200];
    struct err err;

    fix_put_many(f, 5, T0, 1);
    assert_int_equal(fix_load(f, 0, T0 + DAY, 9, &got), 5);
    for (int i = 0; i < 5; i++) {
        struct job *j = list_of(list_pop(&got.jobs), struct job, link);

        o[i] = (struct outcome){.job = j, .finished_ms = T0};
        p[i] = &o[i];
    }
    (void)snprintf(sql, sizeof(sql),
                   "CREATE TRIGGER no BEFORE INSERT ON executions FOR EACH ROW "
                   "IF NEW.job_id=%lld THEN SIGNAL SQLSTATE '45000'; END IF",
                   (long long)o[2].job->id);
    behind_exec(f->dir, sql);
    assert_int_equal(store_finish(f->x, &b, &err), 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(o[i].stale, i == 2);
        assert_int_equal(o[i].refused, i == 2);
        job_free(&o[i].job);
    }
    assert_int_equal(contract_backend->count_rows(f->dir), 1);
}

/* ---- transactions that meet -------------------------------------------------------- */

struct rival {
    struct fix *f;
    struct store_session *x;
    unsigned seed;
    unsigned done;
};

/* Puts batches of the same few keys, in an order of its own. */
static void *put_the_same(void *arg)
{
    struct rival *v = arg;

    for (int round = 0; round < 60; round++) {
        struct put_item items[20] = {0};
        struct put_batch b = {.items = items, .count = 20, .now_ms = T0};
        char names[20][16];
        struct err err = {0};
        int r = 0;

        for (int i = 0; i < 20; i++) {
            v->seed = v->seed * 1103515245u + 12345u;
            (void)snprintf(names[i], sizeof(names[i]), "k%u",
                           (v->seed >> 16) % 40);
            items[i].job = fix_job(v->f, names[i], T0 + HOUR + i, "x");
        }
        do
            r = store_put(v->x, &b, &err);
        while (r < 0 && err.retry);
        v->done += r == 0;
        for (int i = 0; i < 20; i++)
            job_free(&items[i].job);
    }
    return NULL;
}

static void two_that_meet_get_through(void **state)
{
    struct fix *f = *state;
    struct rival v[2] = {{f, f->x, 1, 0}, {f, NULL, 2, 0}};
    struct store_slot slot;
    pthread_t threads[2];
    struct err err;

    assert_int_equal(store_session_open(f->store, true, &v[1].x, &err), 0);
    assert_int_equal(store_claim(v[1].x, NULL, &slot, &err), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, put_the_same, &v[i]),
                         0);
    for (int i = 0; i < 2; i++)
        (void)pthread_join(threads[i], NULL);
    assert_int_equal(v[0].done, 60);
    assert_int_equal(v[1].done, 60);
    store_session_close(&v[1].x);
    behind_assert(f->dir, "SELECT COUNT(*) FROM jobs", "40");
    behind_assert(f->dir, "SELECT COUNT(DISTINCT job_key) FROM jobs", "40");
    assert_int_equal(contract_backend->count_rows(f->dir), 40);
}

/* ---- schemas ------------------------------------------------------------------------- */

static void *open_one(void *arg)
{
    struct store_settings set = {.url = arg, .idempotency_ms = 1, .shards = 4};
    struct store *s = NULL;
    struct err err;

    if (store_open(&set, &s, &err) < 0)
        return NULL;
    store_close(&s);
    return arg;
}

static void two_may_make_it_at_once(void **state)
{
    struct fix *f = *state;
    pthread_t threads[4];
    char url[256];

    behind_url(f->dir, url, sizeof(url));
    fix_close(f);
    contract_backend->remove(f->dir);
    behind_url(f->dir, url, sizeof(url)); /* an empty one */
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_one, url), 0);
    for (int i = 0; i < 4; i++) {
        void *done = NULL;

        (void)pthread_join(threads[i], &done);
        assert_non_null(done);
    }
    behind_assert(f->dir, "SELECT COUNT(*) FROM shards", "4");
    contract_backend->remove(f->dir);
    fix_open(f);
}

static void strange_schemas_are_refused(void **state)
{
    struct fix *f = *state;
    struct store_settings set = {.idempotency_ms = 1};
    struct store *s = NULL;
    char url[256];
    struct err err;

    behind_url(f->dir, url, sizeof(url));
    set.url = url;
    behind_exec(f->dir, "UPDATE meta SET value='4711' WHERE name='schema'");
    assert_int_equal(store_open(&set, &s, &err), -ENOTSUP);
    assert_non_null(strstr(err.text, "4711"));
    behind_exec(f->dir, "RENAME TABLE meta TO theirs");
    assert_int_equal(store_open(&set, &s, &err), -EUCLEAN);
    behind_exec(f->dir, "RENAME TABLE theirs TO meta");
    behind_exec(f->dir, "UPDATE meta SET value='1' WHERE name='schema'");
}

/* ---- for people --------------------------------------------------------------------- */

/* The seed document's question, with a date in place of YYYYMMDD. */
static void a_day_can_be_looked_at(void **state)
{
    struct fix *f = *state;
    int64_t id = fix_put_id(f, "ke'y", T0 + 1234);
    struct job *j;
    struct err err;

    (void)fix_put_id(f, "tomorrow", T0 + DAY);
    assert_true(store_prune(f->x, T0, 1, &err) >= 0);
    behind_assert(f->dir, "SELECT COUNT(*) FROM sms_scheduled_jobs_20270115",
                  "1");
    behind_assert(f->dir,
                  "SELECT CONCAT_WS('|',scheduled_time,job_data,app_name,"
                  "job_name,status) FROM (SELECT * FROM "
                  "sms_scheduled_jobs_20270115 ORDER BY scheduled_time DESC "
                  "LIMIT 10) t WHERE id>0 AND created_at='2027-01-15 08:00:00'",
                  "2027-01-15 08:00:01.234000|x|sms|ke'y|SCHEDULED");
    j = fix_get(f, id);
    assert_false(fix_finish(f, j, OUTCOME_RETRY, T0 + 2000, T0 + 1500));
    assert_false(fix_finish(f, j, OUTCOME_DEAD, 0, T0 + 2500));
    job_free(&j);
    behind_assert(f->dir,
                  "SELECT CONCAT_WS('|',COUNT(*),MAX(status),MAX(job_name)) "
                  "FROM sms_scheduled_jobs_20270115",
                  "1|FAILED|ke'y");
    behind_assert(f->dir,
                  "SELECT GROUP_CONCAT(status,'|',execution_duration_ms,'|',"
                  "error_message) FROM sms_job_execution_history",
                  "FAILED|5|no luck,FAILED|5|no luck");
    behind_assert(f->dir, "SELECT COUNT(*) FROM sms_scheduled_jobs", "1");
    /* Its view goes when its executions do. */
    for (int i = 0; i < 60; i++)
        assert_true(store_prune(f->x, T0 + 40 * DAY, 100, &err) >= 0);
    behind_assert(f->dir,
                  "SELECT COUNT(*) FROM information_schema.views WHERE "
                  "table_schema=DATABASE() AND table_name LIKE "
                  "'sms_scheduled_jobs_202701%'",
                  "0");
}

size_t tests_mysql_trouble(struct CMUnitTest *into)
{
    const struct CMUnitTest tests[] = {
        contract_test(killed_connections_lose_and_double_nothing),
        contract_test(a_commit_in_doubt_is_settled_later),
        contract_test(a_read_only_server_is_waited_for),
        contract_test(an_outcome_that_is_refused_is_left_out),
        contract_test(two_that_meet_get_through),
        contract_test(two_may_make_it_at_once),
        contract_test(strange_schemas_are_refused),
        contract_test(a_day_can_be_looked_at),
    };

    memcpy(into, tests, sizeof(tests));
    return sizeof(tests) / sizeof(tests[0]);
}
