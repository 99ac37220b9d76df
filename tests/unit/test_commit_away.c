/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_commit_away.c - the commit stage while the broker or the store
 * is away, and its end with work under way.
 */
#include "config.h"

#include "commit_rig.h"

#include <sqlite3.h>

static struct rig rig;

static int setup(void **state)
{
    (void)state;
    rig_open(&rig);
    rig.decision =
        (struct attempt_decision){.fate = ATTEMPT_SUCCEEDS, .again_ms = -1};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close(&rig);
    return 0;
}

static int send_one(struct fix_hook *h, const struct ontime_host *host,
                    struct ontime_instance *self, const struct ontime_job *job)
{
    const struct ontime_record r = {.topic = "out",
                                    .key = job->key,
                                    .value = {"hello", 5},
                                    .partition = -1};

    (void)h;
    return host->emit(self, job->token, &r) == 0 ? ONTIME_DONE : ONTIME_FAIL;
}

static int send_none(struct fix_hook *h, const struct ontime_host *host,
                     struct ontime_instance *self, const struct ontime_job *job)
{
    (void)h;
    (void)host;
    (void)self;
    (void)job;
    return ONTIME_DONE;
}

static struct fix_hook sends = {send_one, NULL}, plain = {send_none, NULL};

static struct commit_view look(void)
{
    struct commit_view v;

    commit_look(rig.commit, &v);
    return v;
}

static void run_many(int n, struct fix_hook *h)
{
    char key[16];

    for (int i = 0; i < n; i++) {
        (void)snprintf(key, sizeof(key), "k%d", i);
        (void)rig_run(&rig, rig_put(&rig, key, h));
    }
    rig_submit(&rig);
}

static void a_broker_that_comes_back_gets_it_once(void **state)
{
    int64_t id;

    (void)state;
    rig_start_commit(&rig, 100, 1000);
    id = rig_job(&rig, "first", &sends); /* the topic is known */
    yard_until(rig_told(&rig, id).times == 1);
    rd_kafka_mock_broker_set_down(rig.mock, 1);
    id = rig_job(&rig, "k1", &sends);
    yard_until(look().outstanding == 1);
    assert_int_equal(commit_drain(rig.commit, clock_boot_ms() + 50),
                     -ETIMEDOUT);
    assert_int_equal(rig_told(&rig, id).times, 0);
    assert_int_equal(look().unsettled, 1);
    rd_kafka_mock_broker_set_up(rig.mock, 1);
    assert_int_equal(
        commit_drain(rig.commit, clock_boot_ms() + YARD_PATIENCE_MS), 0);
    assert_int_equal(rig_told(&rig, id).times, 1);
    assert_int_equal(rig_records(&rig, "out"), 2);
}

static void errors_that_pass_are_sent_again(void **state)
{
    int64_t id;

    (void)state;
    rig_start_commit(&rig, 100, 1000);
    rd_kafka_mock_push_request_errors(
        rig.mock, PRODUCE, 3, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
        RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
    id = rig_job(&rig, "k1", &sends);
    assert_int_equal(
        commit_drain(rig.commit, clock_boot_ms() + YARD_PATIENCE_MS), 0);
    assert_int_equal(rig_told(&rig, id).times, 1);
    assert_true(rig_told(&rig, id).gone);
    assert_int_equal(rig_records(&rig, "out"), 1);
}

/* A producer that has failed for good is made anew, and what it had is sent. */
static void a_fatal_producer_is_replaced(void **state)
{
    (void)state;
    rd_kafka_mock_push_request_errors(
        rig.mock, INIT_PRODUCER_ID, 1,
        RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
    rig_start_commit(&rig, 100, 1000);
    run_many(20, &sends);
    assert_int_equal(
        commit_drain(rig.commit, clock_boot_ms() + YARD_PATIENCE_MS), 0);
    assert_int_equal(rig.told_count, 20);
    for (size_t i = 0; i < rig.told_count; i++) {
        assert_int_equal(rig.told[i].times, 1);
        assert_true(rig.told[i].gone);
    }
    assert_int_equal(rig_records(&rig, "out"), 20);
}

static void the_smallest_bound_lets_the_overdue_through(void **state)
{
    struct job *late;
    int64_t id;

    (void)state;
    rig_start_commit(&rig, 1, 1);
    late = rig_put(&rig, "late", &sends);
    late->overdue = true;
    id = rig_run(&rig, late);
    rig_submit(&rig);
    run_many(10, &sends);
    assert_int_equal(
        commit_drain(rig.commit, clock_boot_ms() + YARD_PATIENCE_MS), 0);
    assert_int_equal(rig_told(&rig, id).times, 1);
    assert_int_equal(rig_records(&rig, "out"), 11);
}

/* ---- the end ------------------------------------------------------------------- */

/* What is queued, sent and not reported, and finished and not told: all freed;
 * teardown and the leak checker look. */
static void a_stop_frees_what_is_under_way(void **state)
{
    (void)state;
    rig_start_commit(&rig, 100, 20);
    rd_kafka_mock_broker_set_down(rig.mock, 1);
    run_many(50, &sends);
    yard_until(look().outstanding >= 20); /* by one producer, or both */
    run_many(0, &plain);
    assert_int_equal(look().unsettled, 50);
    rig_close(&rig);
    rig_open(&rig); /* for the teardown */
}

static void a_stop_at_once_frees_what_was_handed_in(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        rig_start_commit(&rig, 2, 3);
        run_many(20, i % 2 == 0 ? &sends : &plain);
        rig_close(&rig);
        rig_open(&rig);
        rig.decision =
            (struct attempt_decision){.fate = ATTEMPT_SUCCEEDS, .again_ms = -1};
    }
}

/* ---- the store is away ----------------------------------------------------------- */

static sqlite3 *lock_store(void)
{
    char path[400];
    sqlite3 *db;

    (void)snprintf(path, sizeof(path), "%s/jobs.db", rig.y.dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 5000);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL),
                     SQLITE_OK);
    return db;
}

static void unlock_store(sqlite3 *db)
{
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_store_that_comes_back_gets_it_once(void **state)
{
    sqlite3 *db;
    char key[16];

    (void)state;
    rig_start_commit(&rig, 5, 1000);
    for (int i = 0; i < 40; i++) {
        (void)snprintf(key, sizeof(key), "k%d", i);
        (void)rig_run(&rig, rig_put(&rig, key, i % 2 == 0 ? &plain : &sends));
    }
    db = lock_store();
    rig_submit(&rig);
    yard_until(!writer_healthy(rig.writer));
    assert_int_equal(rig.told_count, 0);
    assert_int_equal(look().unsettled, 40);
    unlock_store(db);
    assert_int_equal(
        commit_drain(rig.commit, clock_boot_ms() + YARD_PATIENCE_MS), 0);
    assert_int_equal(rig.told_count, 40);
    for (size_t i = 0; i < rig.told_count; i++)
        assert_int_equal(rig.told[i].times, 1);
    assert_int_equal(rig_records(&rig, "out"), 20);
}

static void a_stop_does_not_wait_for_the_store(void **state)
{
    char key[16];
    sqlite3 *db;

    (void)state;
    rig_start_commit(&rig, 5, 1000);
    for (int i = 0; i < 40; i++) {
        (void)snprintf(key, sizeof(key), "k%d", i);
        (void)rig_run(&rig, rig_put(&rig, key, &plain));
    }
    db = lock_store();
    rig_submit(&rig);
    yard_until(!writer_healthy(rig.writer));
    writer_close(rig.writer, clock_boot_ms());
    commit_stop(
        &rig.commit); /* some of its batches came back, some never went */
    assert_int_equal(rig.told_count, 0);
    unlock_store(db);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        T(a_broker_that_comes_back_gets_it_once),
        T(errors_that_pass_are_sent_again),
        T(a_fatal_producer_is_replaced),
        T(the_smallest_bound_lets_the_overdue_through),
        T(a_stop_frees_what_is_under_way),
        T(a_stop_at_once_frees_what_was_handed_in),
        T(a_store_that_comes_back_gets_it_once),
        T(a_stop_does_not_wait_for_the_store),
    };

    yard_probe(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
