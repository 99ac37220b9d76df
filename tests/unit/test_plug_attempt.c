/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_plug_attempt.c - what becomes of an attempt, for plugins that
 * behave and for those that do not.
 */
#include "config.h"

#include "plug_box.h"

#include "../fixtures/fix_hook.h"
#include "base/log.h"
#include "metrics/metrics.h"

static struct yard yard;
static struct box box;

static int setup(void **state)
{
    (void)state;
    yard_open(&yard, YARD_PATIENCE_MS);
    box_open(&box, 4, 1u << 16);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    box_close(&box);
    yard_close(&yard);
    return 0;
}

static void a_code_that_is_none_fails(void **state)
{
    struct plugin_instance *i = yard_ready(&yard, "fix_code", box.table);
    struct attempt *a = box_result(&box, i, 1, NULL);

    (void)state;
    assert_int_equal(a->outcome, ONTIME_FAIL);
    expect_message(a, "execute returned 4711, which is no outcome");
    expect_empty(a);
    attempt_free(&a);
    yard_done(&i);
}

static void the_first_answer_counts(void **state)
{
    struct plugin_instance *i = yard_ready(&yard, "fix_twice", box.table);
    struct attempt *a = box_result(&box, i, 1, NULL);

    (void)state;
    assert_int_equal(a->outcome, ONTIME_FAIL);
    expect_message(a, "the first answer");
    assert_int_equal(box_count(&box), 1);
    assert_int_equal(attempt_table_stale(box.table), 1);
    assert_int_equal(metric_get(metric_plugin("fix_twice_stale", "app_1")), 1);
    attempt_free(&a);
    yard_done(&i);
}

static void nothing_is_emitted_after_the_end(void **state)
{
    struct plugin_instance *i = yard_ready(&yard, "fix_after", box.table);
    struct attempt *a = box_result(&box, i, 1, NULL);

    (void)state;
    assert_int_equal(a->outcome, ONTIME_DONE);
    assert_int_equal(a->record_count, 1);
    expect_record(a->records, "before");
    assert_int_equal(metric_get(metric_plugin("fix_after_stale", "app_1")), 3);
    attempt_free(&a);
    yard_done(&i);
}

static void answers_from_another_thread(void **state)
{
    struct plugin_instance *i = yard_ready(&yard, "fix_thread", box.table);
    struct attempt *a;

    (void)state;
    for (int n = 0; n < 20; n++) {
        (void)box_run(&box, i, n + 1, NULL);
        yard_until(box_count(&box) == (unsigned)n + 1);
        a = box_next(&box);
        assert_int_equal(a->outcome, ONTIME_DONE);
        expect_message(a, "from another thread");
        expect_record(a->records, "from another thread");
        attempt_free(&a);
    }
    yard_done(&i);
}

static void never_is_a_timeout(void **state)
{
    struct plugin_instance *i = yard_ready(&yard, "fix_never", box.table);
    struct attempt *a = box_begin(&box, i, 1, NULL, 4000);
    uint64_t token = a->token;

    (void)state;
    assert_int_equal(attempt_run(a), 0);
    assert_int_equal(instance_open_attempts(i), 1);
    assert_int_equal(attempt_expire_due(box.table, 4999, 9999), 0);
    assert_null(box_next(&box));
    assert_true(attempt_is_open(box.table, token));
    assert_int_equal(attempt_expire_due(box.table, 5000, 7000), 1);
    assert_int_equal(attempt_expire_due(box.table, 9000, 9000), 0);
    assert_int_equal(attempt_expire(box.table, token, ATTEMPT_STOP, 1),
                     -ESTALE);
    a = box_next(&box);
    assert_int_equal(a->outcome, ONTIME_RETRY);
    assert_int_equal(a->ended_by, ATTEMPT_TIMEOUT);
    assert_int_equal(a->ended_ms, 7000); /* the clock was set meanwhile */
    expect_message(a, "no answer within 4000 ms");
    expect_empty(a);
    assert_true(instance_idle(i));
    attempt_free(&a);
    yard_done(&i);
}

struct told { /* by execute */
    struct fix_hook hook;
    int answer;
    int32_t redelivered;
};

static int note_redelivered(struct fix_hook *h, const struct ontime_host *host,
                            struct ontime_instance *self,
                            const struct ontime_job *job)
{
    struct told *t = h->arg;

    (void)host;
    (void)self;
    t->redelivered = job->redelivered;
    return t->answer;
}

/* Runs it once, ended by the host when the plugin does not answer; the job. */
static struct job *told_once(struct plugin_instance *i, struct job *j,
                             struct told *t, int answer)
{
    struct attempt *a;
    uint64_t token;

    t->answer = answer;
    t->redelivered = -1;
    assert_int_equal(
        attempt_open(box.table, i,
                     &(struct attempt_start){.job = j, .now_ms = 1}, &a),
        0);
    token = a->token;
    assert_int_equal(attempt_run(a), 0);
    if (answer == ONTIME_PENDING)
        assert_int_equal(attempt_expire(box.table, token, ATTEMPT_TIMEOUT, 2),
                         0);
    a = box_next(&box);
    j = attempt_take_job(a);
    attempt_free(&a);
    return j;
}

static void the_next_attempt_is_told_what_may_have_run(void **state)
{
    struct plugin_instance *i = yard_ready(&yard, "fix_hook", box.table);
    static struct told t = {.hook = {note_redelivered, &t}};
    struct fix_hook *h = &t.hook;
    struct job *j =
        job_new(app_name_s("app_1"),
                &(struct job_text){.payload = {(const char *)&h, sizeof(h)}});

    (void)state;
    j = told_once(i, j, &t, ONTIME_RETRY); /* knows that it has not */
    assert_int_equal(t.redelivered, 0);
    j = told_once(i, j, &t, ONTIME_PENDING);
    assert_int_equal(t.redelivered, 0);
    j = told_once(i, j, &t, ONTIME_RETRY);
    assert_int_equal(t.redelivered, 1);
    j = told_once(i, j, &t, ONTIME_RETRY); /* that one, earlier, may have */
    assert_int_equal(t.redelivered, 1);
    j->redelivered = false;
    j = told_once(i, j, &t, ONTIME_DONE); /* and its records cannot be sent */
    j = told_once(i, j, &t, ONTIME_DONE);
    assert_int_equal(t.redelivered, 1);
    job_free(&j);
    yard_done(&i);
}

static void late_answers_are_stale(void **state)
{
    struct plugin_instance *i = yard_ready(&yard, "fix_late", box.table);
    uint64_t token = box_run(&box, i, 1, "keep");
    struct attempt *a;

    (void)state;
    assert_int_equal(attempt_expire(box.table, token, ATTEMPT_TIMEOUT, 2000),
                     0);
    a = box_next(&box);
    attempt_free(&a); /* its cell is used again by the next */
    a = box_result(&box, i, 2, "answer");
    assert_int_equal(a->outcome, ONTIME_DONE);
    assert_int_equal(a->record_count, 1);
    expect_record(a->records, "cancelled=1 emit=-116 complete=-116");
    attempt_free(&a);
    yard_done(&i);
}

/* Another app's instance cannot answer, though it has the token. */
static void tokens_belong_to_an_instance(void **state)
{
    struct ontime_result r = {.size = sizeof(r), .outcome = ONTIME_DONE};
    struct plugin_instance *i = yard_ready(&yard, "fix_never", box.table);
    struct plugin_instance *other = yard_ready(&yard, "fix_good", box.table);
    uint64_t token = box_run(&box, i, 1, NULL);
    struct attempt *a;

    (void)state;
    assert_int_equal(attempt_complete(box.table, other, token, &r), -ESTALE);
    assert_int_equal(attempt_complete(box.table, i, token + 1, &r), -ESTALE);
    assert_int_equal(attempt_complete(box.table, i, 0, &r), -ESTALE);
    assert_int_equal(attempt_complete(box.table, i, UINT64_MAX, &r), -ESTALE);
    assert_int_equal(attempt_complete(box.table, i, token, NULL), -EINVAL);
    r.outcome = ONTIME_PENDING;
    assert_int_equal(attempt_complete(box.table, i, token, &r), -EINVAL);
    r.outcome = ONTIME_RETRY;
    r.retry_ms = 99; /* beyond what an older plugin's struct has */
    r.size = offsetof(struct ontime_result, retry_ms);
    assert_int_equal(attempt_complete(box.table, i, token, &r), 0);
    a = box_next(&box);
    assert_int_equal(a->outcome, ONTIME_RETRY);
    assert_int_equal(a->retry_ms, 0);
    attempt_free(&a);
    yard_done(&other);
    yard_done(&i);
}

static void the_table_is_bounded(void **state)
{
    struct plugin_instance *i = yard_ready(&yard, "fix_never", box.table);
    struct job *j = yard_job(9, NULL);
    struct attempt *a;

    (void)state;
    for (int n = 0; n < 4; n++)
        (void)box_run(&box, i, n + 1, NULL);
    assert_int_equal(
        attempt_open(box.table, i,
                     &(struct attempt_start){.job = j, .now_ms = 1}, &a),
        -EAGAIN);
    assert_int_equal(instance_open_attempts(i), 4);
    assert_int_equal(
        attempt_expire_instance(box.table, i, ATTEMPT_RELOAD, 2000), 4);
    assert_int_equal(
        attempt_open(box.table, i,
                     &(struct attempt_start){.job = j, .now_ms = 1}, &a),
        -EAGAIN);
    a = box_next(&box);
    expect_message(a, "no answer before the reload");
    attempt_free(&a);
    assert_int_equal(
        attempt_open(box.table, i,
                     &(struct attempt_start){.job = j, .now_ms = 1}, &a),
        0);
    instance_retire(i);
    assert_false(instance_idle(i));
    assert_int_equal(attempt_abort(a, &j), 0);
    assert_int_equal(
        attempt_open(box.table, i,
                     &(struct attempt_start){.job = j, .now_ms = 1}, &a),
        -ESHUTDOWN);
    assert_int_equal(j->id, 9);
    job_free(&j);
    yard_done(&i);
}

static void aborted_and_expired_before_the_run(void **state)
{
    struct plugin_instance *i = yard_ready(&yard, "fix_good", box.table);
    struct attempt *a = box_begin(&box, i, 1, NULL, 0), *ended;
    struct job *j = NULL;

    (void)state;
    assert_int_equal(attempt_expire(box.table, a->token, ATTEMPT_STOP, 7), 0);
    ended = box_next(&box);
    assert_ptr_equal(ended, a);
    attempt_free(&ended);
    assert_int_equal(attempt_table_used(box.table), 1); /* the caller's */
    assert_int_equal(attempt_run(a), 0);                /* runs nothing */
    assert_int_equal(box_count(&box), 1);
    assert_int_equal(attempt_table_used(box.table), 0);

    a = box_begin(&box, i, 2, NULL, 0);
    assert_int_equal(attempt_expire(box.table, a->token, ATTEMPT_SKIPPED, 7),
                     0);
    assert_int_equal(attempt_abort(a, &j), -ESTALE);
    assert_null(j);
    ended = box_next(&box);
    assert_int_equal(ended->ended_by, ATTEMPT_SKIPPED);
    assert_int_equal(ended->started_ms, 0);
    j = attempt_take_job(ended);
    assert_false(j->redelivered);
    assert_int_equal(j->id, 2);
    assert_null(ended->job);
    attempt_free(&ended);
    job_free(&j);
    yard_done(&i);
}

struct runner { /* a worker of one call */
    struct attempt *a;
    pthread_t thread;
};

static void *run_one(void *arg)
{
    struct runner *r = arg;

    return attempt_run(r->a) == 0 ? NULL : r;
}

static void run_in_thread(struct runner *r, struct plugin_instance *i,
                          const char *payload)
{
    r->a = box_begin(&box, i, 5, payload, 0);
    assert_int_equal(pthread_create(&r->thread, NULL, run_one, r), 0);
    yard_until(instance_inside(i) == 1);
}

/* The plugin reads the job's payload after its time-out was taken and the
 * receiver has freed the attempt: ASan would tell. */
static void a_hanging_call_keeps_its_job(void **state)
{
    struct plugin_instance *i = yard_ready(&yard, "fix_hang", box.table);
    struct runner r;
    struct attempt *a;
    struct job *copy, *own;
    uint64_t token;

    (void)state;
    run_in_thread(&r, i, yard.release);
    token = r.a->token;
    assert_int_equal(attempt_expire(box.table, token, ATTEMPT_TIMEOUT, 2), 0);
    a = box_next(&box);
    assert_int_equal(a->outcome, ONTIME_RETRY);
    own = a->job;
    copy = attempt_take_job(a);
    assert_ptr_not_equal(copy, own);
    assert_int_equal(copy->id, 5);
    assert_true(span_eqs(copy->payload, yard.release));
    job_free(&copy);
    attempt_free(&a);
    assert_int_equal(instance_open_attempts(i), 0);
    assert_false(instance_idle(i)); /* a call is inside */
    assert_int_equal(attempt_table_used(box.table), 1);
    yard_let_go(&yard);
    assert_int_equal(pthread_join(r.thread, NULL), 0);
    assert_int_equal(attempt_table_used(box.table), 0);
    assert_int_equal(box_count(&box), 1);
    yard_done(&i);
}

static void serial_means_one_at_a_time(void **state)
{
    struct plugin_instance *i = yard_ready(&yard, "fix_hang", box.table);
    struct attempt *second;
    struct job *j;
    struct runner r;

    (void)state;
    assert_false(instance_concurrent(i));
    run_in_thread(&r, i, yard.release);
    second = box_begin(&box, i, 6, NULL, 0);
    assert_int_equal(attempt_run(second), -EBUSY);
    assert_int_equal(attempt_abort(second, &j), 0);
    assert_int_equal(j->id, 6);
    job_free(&j);
    yard_let_go(&yard);
    assert_int_equal(pthread_join(r.thread, NULL), 0);
    assert_int_equal(box_count(&box), 1);
    (void)box_run(&box, i, 7, NULL); /* free again */
    assert_int_equal(box_count(&box), 2);
    yard_done(&i);
}

static void names_and_bounds_of_the_table(void **state)
{
    struct attempt_table_settings set = {.capacity = 0};
    struct attempt_table *t = NULL;
    char id[100];

    (void)state;
    assert_int_equal(attempt_table_new(&set, &t, NULL), -EINVAL);
    set.capacity = (1u << 20) + 1;
    assert_int_equal(attempt_table_new(&set, &t, NULL), -EINVAL);
    set.capacity = 1;
    memset(id, 'x', sizeof(id));
    id[99] = '\0';
    set.store_id = id;
    assert_int_equal(attempt_table_new(&set, &t, NULL), -EINVAL);
    assert_string_equal(attempt_outcome_name(ONTIME_RETRY), "retry");
    assert_string_equal(attempt_outcome_name(77), "?");
    assert_string_equal(attempt_end_name(ATTEMPT_RELOAD), "reload");
    assert_string_equal(attempt_end_name(ATTEMPT_SKIPPED), "skipped");
}

int main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_code_that_is_none_fails),
        T(the_first_answer_counts),
        T(nothing_is_emitted_after_the_end),
        T(answers_from_another_thread),
        T(never_is_a_timeout),
        T(the_next_attempt_is_told_what_may_have_run),
        T(late_answers_are_stale),
        T(tokens_belong_to_an_instance),
        T(the_table_is_bounded),
        T(aborted_and_expired_before_the_run),
        T(a_hanging_call_keeps_its_job),
        T(serial_means_one_at_a_time),
        T(names_and_bounds_of_the_table),
    };

    yard_probe(argc, argv);
    (void)log_set_levels("off", NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
