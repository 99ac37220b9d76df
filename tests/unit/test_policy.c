/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_policy.c - an app's rules: too late, again, for good.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "conf_load.h"
#include "dispatch/policy.h"

#define NOW INT64_C(1763048400000)

static struct policy *policy_of(const char *const *settings)
{
    struct loaded l = load_file(NULL, settings);
    struct policy *p;

    if (l.r < 0)
        fail_msg("%s", l.err.text);
    p = policy_new(conf_find_app(l.c, "a"), 1000);
    assert_non_null(p);
    loaded_done(&l);
    return p;
}
#define POLICY(...)                                                            \
    policy_of((const char *const[]){"apps.a.plugin=p", __VA_ARGS__, NULL})

static struct job *job_due(int64_t due_ms, uint32_t ended)
{
    struct job *j = job_new(app_name_s("a"), &(struct job_text){{0}, {0}, {0}});

    assert_non_null(j);
    j->id = 12;
    j->due_ms = due_ms;
    j->attempt = ended;
    return j;
}

static bool skips(const struct policy *p, int64_t late_ms, uint32_t ended)
{
    struct job *j = job_due(NOW - late_ms, ended);
    bool r = policy_skips(p, j, NOW);

    job_free(&j);
    return r;
}

/* What becomes of a job whose attempt number `ended` + 1 came out so. */
static struct attempt_decision decide(const struct policy *p, int32_t outcome,
                                      uint32_t ended, int64_t wish_ms)
{
    struct attempt a = {.job = job_due(NOW, ended),
                        .ended_ms = NOW,
                        .ended_by = ATTEMPT_ANSWERED,
                        .outcome = outcome,
                        .retry_ms = wish_ms};

    policy_decide(p, &a);
    job_free(&a.job);
    return a.decision;
}

static struct attempt_decision decide_end(const struct policy *p,
                                          enum attempt_end by, uint32_t ended)
{
    struct attempt a = {.job = job_due(NOW, ended),
                        .ended_ms = NOW,
                        .ended_by = by,
                        .outcome = ONTIME_RETRY};

    policy_decide(p, &a);
    job_free(&a.job);
    return a.decision;
}

static void fire_never_skips(void **state)
{
    struct policy *p = POLICY("apps.a.misfire=fire");

    (void)state;
    assert_false(skips(p, 0, 0));
    assert_false(skips(p, INT64_C(100000000000), 0));
    policy_unref(&p);
    assert_null(p);
}

static void skip_forgives_what_counts_as_on_time(void **state)
{
    struct policy *p = POLICY("apps.a.misfire=skip");

    (void)state;
    assert_false(skips(p, 1000, 0));
    assert_true(skips(p, 1001, 0));
    assert_false(skips(p, 1001, 1)); /* a retry has begun in time */
    policy_unref(&p);
}

static void fire_within_has_its_own_limit(void **state)
{
    struct policy *p =
        POLICY("apps.a.misfire=fire_within", "apps.a.misfire_within=10s");

    (void)state;
    assert_false(skips(p, 10000, 0));
    assert_true(skips(p, 10001, 0));
    assert_false(skips(p, 3600000, 2));
    policy_unref(&p);
}

static void the_settings_are_taken_over(void **state)
{
    struct policy *p =
        POLICY("apps.a.concurrency=7", "apps.a.rate=2.5", "apps.a.burst=9",
               "apps.a.timeout=3s", "apps.a.track_running=true",
               "apps.a.dead_letter_topic=dead");
    struct policy *q = policy_ref(p);

    (void)state;
    assert_int_equal(p->concurrency, 7);
    assert_true(p->rate > 2.4 && p->rate < 2.6);
    assert_true(p->burst > 8.9 && p->burst < 9.1);
    assert_int_equal(p->timeout_ms, 3000);
    assert_true(p->track_running);
    assert_ptr_equal(p->dead_letters, topic_name_s("dead"));
    policy_unref(&p);
    assert_int_equal(q->concurrency, 7); /* the other reference holds it */
    policy_unref(&q);
    p = POLICY("apps.a.dead_letter_topic=");
    assert_null(p->dead_letters);
    policy_unref(&p);
}

static void retries_follow_the_table_and_end(void **state)
{
    struct policy *p = POLICY("apps.a.retry.delays=1min,5min,15min");
    static const int64_t minutes[] = {1, 5, 15};
    struct attempt_decision d;

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        d = decide(p, ONTIME_RETRY, i, 0);
        assert_int_equal(d.fate, ATTEMPT_AGAIN);
        assert_int_equal(d.again_ms, NOW + minutes[i] * 60000);
    }
    d = decide(p, ONTIME_RETRY, 3, 0);
    assert_int_equal(d.fate, ATTEMPT_DIES);
    policy_unref(&p);
}

static void the_plugin_may_wish_for_later(void **state)
{
    struct policy *p = POLICY("apps.a.retry.first=1s", "apps.a.retry.jitter=0",
                              "apps.a.retry.cap=1min");

    (void)state;
    assert_int_equal(decide(p, ONTIME_RETRY, 0, 0).again_ms, NOW + 1000);
    assert_int_equal(decide(p, ONTIME_RETRY, 0, 500).again_ms, NOW + 1000);
    assert_int_equal(decide(p, ONTIME_RETRY, 0, 30000).again_ms, NOW + 30000);
    assert_int_equal(decide(p, ONTIME_RETRY, 0, 3600000).again_ms, NOW + 60000);
    assert_int_equal(decide(p, ONTIME_RETRY, 1, 0).again_ms, NOW + 2000);
    policy_unref(&p);
}

/* The same attempt decided twice comes out the same: jitter is not a dice. */
static void jitter_is_stable_and_bounded(void **state)
{
    struct policy *p =
        POLICY("apps.a.retry.first=10s", "apps.a.retry.jitter=0.5",
               "apps.a.retry.max_attempts=100", "apps.a.retry.factor=1");
    bool differ = false;

    (void)state;
    for (uint32_t i = 0; i < 50; i++) {
        int64_t at = decide(p, ONTIME_RETRY, i, 0).again_ms;

        assert_in_range(at, NOW + 5000, NOW + 10000);
        assert_int_equal(at, decide(p, ONTIME_RETRY, i, 0).again_ms);
        differ = differ || at != decide(p, ONTIME_RETRY, 0, 0).again_ms;
    }
    assert_true(differ);
    policy_unref(&p);
}

static void done_says_when_to_try_if_it_cannot_be_delivered(void **state)
{
    struct policy *p =
        POLICY("apps.a.retry.max_attempts=2", "apps.a.retry.first=1s",
               "apps.a.retry.jitter=0", "apps.a.dead_letter_topic=dead");
    struct attempt_decision d = decide(p, ONTIME_DONE, 0, 0);

    (void)state;
    assert_int_equal(d.fate, ATTEMPT_SUCCEEDS);
    assert_int_equal(d.again_ms, NOW + 1000);
    d = decide(p, ONTIME_DONE, 1, 0);
    assert_int_equal(d.fate, ATTEMPT_SUCCEEDS);
    assert_int_equal(d.again_ms, -1);
    assert_ptr_equal(d.dead_letters, topic_name_s("dead"));
    policy_unref(&p);
}

static void fail_dies_at_once(void **state)
{
    struct policy *p =
        POLICY("apps.a.retry.max_attempts=9", "apps.a.dead_letter_topic=dead");
    struct attempt_decision d = decide(p, ONTIME_FAIL, 0, 0);

    (void)state;
    assert_int_equal(d.fate, ATTEMPT_DIES);
    assert_ptr_equal(d.dead_letters, topic_name_s("dead"));
    policy_unref(&p);
}

static void ends_that_are_not_the_plugins(void **state)
{
    struct policy *p = POLICY("apps.a.retry.max_attempts=2",
                              "apps.a.retry.first=1s", "apps.a.retry.jitter=0");
    struct attempt_decision d;

    (void)state;
    assert_int_equal(decide_end(p, ATTEMPT_SKIPPED, 0).fate, ATTEMPT_SKIPS);
    assert_int_equal(decide_end(p, ATTEMPT_TIMEOUT, 0).fate, ATTEMPT_AGAIN);
    assert_int_equal(decide_end(p, ATTEMPT_TIMEOUT, 1).fate, ATTEMPT_DIES);
    d = decide_end(p, ATTEMPT_RELOAD, 0);
    assert_int_equal(d.fate, ATTEMPT_AGAIN);
    assert_int_equal(d.again_ms, NOW + 1000);
    d = decide_end(p, ATTEMPT_RELOAD, 1); /* no job dies of a reload */
    assert_int_equal(d.fate, ATTEMPT_AGAIN);
    assert_int_equal(d.again_ms, NOW);
    policy_unref(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fire_never_skips),
        cmocka_unit_test(skip_forgives_what_counts_as_on_time),
        cmocka_unit_test(fire_within_has_its_own_limit),
        cmocka_unit_test(the_settings_are_taken_over),
        cmocka_unit_test(retries_follow_the_table_and_end),
        cmocka_unit_test(the_plugin_may_wish_for_later),
        cmocka_unit_test(jitter_is_stable_and_bounded),
        cmocka_unit_test(done_says_when_to_try_if_it_cannot_be_delivered),
        cmocka_unit_test(fail_dies_at_once),
        cmocka_unit_test(ends_that_are_not_the_plugins),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
