/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_commit.c - what ended attempts leave in Kafka, in the store
 * and with the scheduler, when all is well and when something is refused.
 */
#include "config.h"

#include "commit_rig.h"

static struct rig rig;

static int setup(void **state)
{
    (void)state;
    rig_open(&rig);
    rig_start_commit(&rig, 100, 1000);
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

struct say { /* what a job does */
    struct fix_hook hook;
    const char *topic; /* of its records */
    int records;
    int32_t partition;
    const char *follow; /* key of its follow-up; NULL: none */
    int outcome;
};

static int say_it(struct fix_hook *h, const struct ontime_host *host,
                  struct ontime_instance *self, const struct ontime_job *job)
{
    const struct say *s = h->arg;
    const struct ontime_header head = {"color", {"red", 3}};

    for (int i = 0; i < s->records; i++) {
        const struct ontime_record r = {.topic = s->topic,
                                        .key = job->key,
                                        .value = {"hello", 5},
                                        .headers = &head,
                                        .header_count = 1,
                                        .partition = s->partition};

        assert_int_equal(host->emit(self, job->token, &r), 0);
    }
    if (s->follow != NULL) {
        const struct ontime_followup f = {.key = {s->follow, strlen(s->follow)},
                                          .payload = {"next", 4},
                                          .due_ms = job->now_ms + 60000,
                                          .priority = 1};

        assert_int_equal(host->schedule(self, job->token, &f), 0);
    }
    return s->outcome;
}

static struct fix_hook *says(struct say *s)
{
    s->hook = (struct fix_hook){say_it, s};
    return &s->hook;
}

struct last { /* of a job's history */
    int n;
    enum outcome_kind outcome;
    char error[200];
};

static void note_execution(void *arg, const struct execution *e)
{
    struct last *l = arg;

    l->n++;
    l->outcome = e->outcome;
    (void)snprintf(l->error, sizeof(l->error), "%.*s", (int)e->error.len,
                   e->error.len > 0 ? (const char *)e->error.data : "");
}

static struct last history(int64_t id)
{
    const struct execution_query q = {.id = id, .cap = 10};
    struct last l = {0};

    assert_true(store_executions(rig.x, &q, note_execution, &l, NULL) >= 0);
    return l;
}

static void expect_header(rd_kafka_message_t *m, const char *name,
                          const char *value)
{
    rd_kafka_headers_t *h = NULL;
    const void *data = NULL;
    size_t len = 0;

    assert_int_equal(rd_kafka_message_headers(m, &h), 0);
    if (rd_kafka_header_get_last(h, name, &data, &len) != 0)
        fail_msg("no header %s", name);
    if (value != NULL &&
        (len != strlen(value) || memcmp(data, value, len) != 0))
        fail_msg("header %s is %.*s", name, (int)len, (const char *)data);
}

static void records_go_out_and_the_job_is_gone(void **state)
{
    static struct say s = {.topic = "out", .records = 3, .partition = -1};
    rd_kafka_t *rk = rig_reader(&rig, "out");
    int64_t id = rig_job(&rig, "k1", says(&s));

    (void)state;
    for (int i = 0; i < 3; i++) {
        rd_kafka_message_t *m = rig_next(rk);

        assert_int_equal(m->key_len, 2);
        assert_memory_equal(m->key, "k1", 2);
        assert_int_equal(m->len, 5);
        assert_memory_equal(m->payload, "hello", 5);
        expect_header(m, "color", "red");
        rd_kafka_message_destroy(m);
    }
    yard_until(rig_told(&rig, id).times == 1);
    assert_true(rig_told(&rig, id).gone);
    assert_false(rig_told(&rig, id).again);
    assert_int_equal(history(id).n, 1);
    assert_int_equal(history(id).outcome, OUTCOME_DONE);
    assert_int_equal(rig_records(&rig, "out"), 3);
    rd_kafka_destroy(rk);
}

static void without_records_kafka_is_not_needed(void **state)
{
    static struct say s;
    int64_t id;

    (void)state;
    rd_kafka_mock_broker_set_down(rig.mock, 1);
    id = rig_job(&rig, "k1", says(&s));
    yard_until(rig_told(&rig, id).times == 1);
    assert_true(rig_told(&rig, id).gone);
}

static void a_retry_moves_the_row(void **state)
{
    static struct say s = {
        .outcome = ONTIME_RETRY, .topic = "out", .records = 1};
    int64_t at = clock_wall_ms() + 60000, id;
    struct job *row = NULL;

    (void)state;
    rig.decision =
        (struct attempt_decision){.fate = ATTEMPT_AGAIN, .again_ms = at};
    id = rig_job(&rig, "k1", says(&s));
    yard_until(rig_told(&rig, id).times == 1);
    assert_true(rig_told(&rig, id).again);
    assert_false(rig_told(&rig, id).look);
    assert_int_equal(rig_told(&rig, id).due_ms, at);
    assert_int_equal(rig_told(&rig, id).attempt, 1);
    assert_int_equal(store_get(rig.x, id, &row, NULL), 0);
    assert_int_equal(row->due_ms, at);
    assert_int_equal(row->attempt, 1);
    job_free(&row);
    assert_int_equal(rig_records(&rig, "out"),
                     0); /* what was emitted is dropped */
}

static atomic_bool no_copy;
struct job *__real_attempt_take_job(struct attempt *a);
struct job *__wrap_attempt_take_job(struct attempt *a);

struct job *__wrap_attempt_take_job(struct attempt *a)
{
    return atomic_load(&no_copy) ? NULL : __real_attempt_take_job(a);
}

/* execute still reads the job, and there is no memory for another. */
static void a_retry_without_memory_is_told_to_be_looked_for(void **state)
{
    static struct say s = {.outcome = ONTIME_RETRY};
    int64_t at = clock_wall_ms() + 60000, id;
    struct job *row = NULL;

    (void)state;
    rig.decision =
        (struct attempt_decision){.fate = ATTEMPT_AGAIN, .again_ms = at};
    atomic_store(&no_copy, true);
    id = rig_job(&rig, "k1", says(&s));
    yard_until(rig_told(&rig, id).times == 1);
    atomic_store(&no_copy, false);
    assert_false(rig_told(&rig, id).again);
    assert_true(rig_told(&rig, id).look);
    assert_int_equal(store_get(rig.x, id, &row, NULL), 0);
    assert_int_equal(row->due_ms, at);
    job_free(&row);
}

static void skipped_and_dead_end_the_job(void **state)
{
    static struct say s = {.outcome = ONTIME_FAIL};
    int64_t skipped, dead;

    (void)state;
    rig.decision = (struct attempt_decision){.fate = ATTEMPT_SKIPS};
    skipped = rig_job(&rig, "k1", says(&s));
    rig.decision = (struct attempt_decision){.fate = ATTEMPT_DIES};
    dead = rig_job(&rig, "k2", says(&s));
    yard_until(rig_told(&rig, dead).times == 1 &&
               rig_told(&rig, skipped).times == 1);
    assert_true(rig_told(&rig, dead).gone && rig_told(&rig, skipped).gone);
    assert_int_equal(history(skipped).outcome, OUTCOME_SKIPPED);
    assert_int_equal(history(dead).outcome, OUTCOME_DEAD);
}

static void the_dead_are_told_in_their_topic(void **state)
{
    static struct say s = {.outcome = ONTIME_FAIL};
    rd_kafka_t *rk = rig_reader(&rig, "dead");
    rd_kafka_message_t *m;
    char number[24];
    int64_t id;

    (void)state;
    rig.decision = (struct attempt_decision){
        .fate = ATTEMPT_DIES, .dead_letters = topic_name_s("dead")};
    id = rig_job(&rig, "k1", says(&s));
    m = rig_next(rk);
    (void)snprintf(number, sizeof(number), "%lld", (long long)id);
    assert_int_equal(m->key_len, 2);
    assert_memory_equal(m->key, "k1", 2);
    assert_int_equal(m->len, sizeof(void *));
    expect_header(m, "ontime-app", "app_1");
    expect_header(m, "ontime-job", number);
    expect_header(m, "ontime-attempts", "1");
    expect_header(m, "error-message", "the plugin gave no reason");
    expect_header(m, "error-timestamp", NULL);
    rd_kafka_message_destroy(m);
    yard_until(rig_told(&rig, id).times == 1);
    assert_true(rig_told(&rig, id).gone);
    rd_kafka_destroy(rk);
}

/* Refused for good: the job dies with the reason; others are not touched. */
static void a_record_that_kafka_refuses_kills_its_job(void **state)
{
    static struct say s = {.topic = "out", .records = 1, .partition = -1};
    rd_kafka_t *rk = rig_reader(&rig, "dead");
    rd_kafka_message_t *m;
    int64_t id, other;

    (void)state;
    rig.decision.dead_letters = topic_name_s("dead");
    rd_kafka_mock_push_request_errors(rig.mock, PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    id = rig_job(&rig, "k1", says(&s));
    yard_until(rig_told(&rig, id).times == 1);
    assert_false(rig_told(&rig, id).again);
    assert_true(rig_told(&rig, id).gone);
    assert_int_equal(history(id).outcome, OUTCOME_DEAD);
    assert_non_null(strstr(history(id).error, "record to out: "));
    m = rig_next(rk);
    expect_header(m, "ontime-app", "app_1");
    rd_kafka_message_destroy(m);
    other = rig_job(&rig, "k2", says(&s));
    yard_until(rig_told(&rig, other).times == 1);
    assert_int_equal(history(other).outcome, OUTCOME_DONE);
    rd_kafka_destroy(rk);
}

/* Not even the dead letter: the history keeps why the job died. */
static void a_dead_letter_that_is_refused_is_let_go(void **state)
{
    static struct say s = {.outcome = 77}; /* no outcome: a FAIL that says so */
    int64_t id;

    (void)state;
    rig.decision = (struct attempt_decision){
        .fate = ATTEMPT_DIES, .dead_letters = topic_name_s("dead")};
    rd_kafka_mock_push_request_errors(
        rig.mock, PRODUCE, 1, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    id = rig_job(&rig, "k1", says(&s));
    yard_until(rig_told(&rig, id).times == 1);
    assert_true(rig_told(&rig, id).gone);
    assert_int_equal(history(id).outcome, OUTCOME_DEAD);
    assert_non_null(strstr(history(id).error, "execute returned 77"));
    assert_int_equal(rig_records(&rig, "dead"), 0);
}

static void a_partition_that_is_not_there_is_tried_again(void **state)
{
    static struct say s = {.topic = "out", .records = 2, .partition = 9};
    int64_t at = clock_wall_ms() + 60000, again, dead;

    (void)state;
    rig.decision.again_ms = at;
    again = rig_job(&rig, "k1", says(&s));
    yard_until(rig_told(&rig, again).times == 1);
    assert_true(rig_told(&rig, again).again);
    assert_int_equal(rig_told(&rig, again).due_ms, at);
    rig.decision.again_ms = -1; /* that was the last attempt */
    dead = rig_job(&rig, "k2", says(&s));
    yard_until(rig_told(&rig, dead).times == 1);
    assert_int_equal(history(dead).outcome, OUTCOME_DEAD);
}

static void follow_ups_are_stored_and_offered(void **state)
{
    static struct say s = {.follow = "then"};
    struct job *row = NULL;
    int64_t id;

    (void)state;
    id = rig_job(&rig, "k1", says(&s));
    yard_until(rig_told(&rig, id).times == 1);
    assert_int_equal(rig_stored_count(&rig), 1);
    assert_int_equal(store_find(rig.x, app_name_s("app_1"),
                                (struct span){"then", 4}, &row, NULL),
                     0);
    assert_int_equal(list_of(rig.stored.next, struct job, link)->id, row->id);
    assert_int_equal(list_of(rig.stored.next, struct job, link)->pos, row->pos);
    assert_true(span_eqs(row->payload, "next"));
    job_free(&row);
    assert_int_equal(atomic_load(&rig.wished), 0);
}

/* Of a job that the owner has loaded: the change is its to decide. */
static void a_follow_up_that_leaves_a_wish_is_told(void **state)
{
    static struct say s = {.follow = "loaded"};
    struct job *live = rig_put(&rig, "loaded", says(&s));
    struct writer_request q = {.kind = WRITE_LOAD,
                               .load.q = {.until = JOB_POS_MAX, .cap = 10}};
    int64_t id;

    (void)state;
    list_init(&q.load.r.jobs);
    assert_int_equal(writer_run(rig.writer, &q, NULL), 0);
    assert_int_equal(q.load.r.count, 1);
    job_free(&live);
    live = list_of(list_pop(&q.load.r.jobs), struct job, link);
    id = rig_job(&rig, "k1", says(&s));
    yard_until(rig_told(&rig, id).times == 1);
    assert_int_equal(atomic_load(&rig.wished), 1);
    assert_int_equal(rig_stored_count(&rig), 0);
    job_free(&live);
}

/* The row is gone, as after an outcome that was stored twice. */
static void a_stale_outcome_is_told_and_harmless(void **state)
{
    static struct say s = {.follow = "then"};
    struct job *j = rig_put(&rig, "k1", says(&s));
    struct writer_request q = {
        .kind = WRITE_CHANGE,
        .change = {.kind = CHANGE_CANCEL, .id = j->id, .now_ms = j->due_ms}};
    int64_t id;

    (void)state;
    assert_int_equal(writer_run(rig.writer, &q, NULL), 0);
    assert_int_equal(q.change.wish, 0);
    job_free(&q.change.job);
    id = rig_run(&rig, j);
    rig_submit(&rig);
    yard_until(rig_told(&rig, id).times == 1);
    assert_false(rig_told(&rig, id).again);
    assert_true(rig_told(&rig, id).look); /* who knows what is there instead */
    assert_int_equal(rig_stored_count(&rig), 0);
    assert_int_equal(history(id).n, 0);
}

static void many_are_settled_once_each(void **state)
{
    static struct say plain,
        sends = {.topic = "out", .records = 1, .partition = -1};
    static int64_t ids[600];
    char key[16];

    (void)state;
    says(&plain);
    says(&sends);
    for (int i = 0; i < 600; i++) {
        (void)snprintf(key, sizeof(key), "k%d", i);
        ids[i] = rig_run(
            &rig, rig_put(&rig, key, i % 2 == 0 ? &plain.hook : &sends.hook));
        if (i % 7 == 0)
            rig_submit(&rig);
    }
    rig_submit(&rig);
    assert_int_equal(
        commit_drain(rig.commit, clock_boot_ms() + YARD_PATIENCE_MS), 0);
    for (int i = 0; i < 600; i++) {
        assert_int_equal(rig_told(&rig, ids[i]).times, 1);
        assert_true(rig_told(&rig, ids[i]).gone);
    }
    assert_int_equal(rig_records(&rig, "out"), 300);
    assert_int_equal(attempt_table_used(rig.attempts), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        T(records_go_out_and_the_job_is_gone),
        T(without_records_kafka_is_not_needed),
        T(a_retry_moves_the_row),
        T(a_retry_without_memory_is_told_to_be_looked_for),
        T(skipped_and_dead_end_the_job),
        T(the_dead_are_told_in_their_topic),
        T(a_record_that_kafka_refuses_kills_its_job),
        T(a_dead_letter_that_is_refused_is_let_go),
        T(a_partition_that_is_not_there_is_tried_again),
        T(follow_ups_are_stored_and_offered),
        T(a_follow_up_that_leaves_a_wish_is_told),
        T(a_stale_outcome_is_told_and_harmless),
        T(many_are_settled_once_each),
    };

    yard_probe(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
