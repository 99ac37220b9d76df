/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of ctl/account.h and ctl/match.h: what an audit says of injected
 * differences.
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../ctl/account.h"
#include "../../ctl/match.h"

#define BIG ((size_t)1 << 26)

static struct span text(const char *s)
{
    return (struct span){s, strlen(s)};
}

static void finished(struct account *a, const char *key, int64_t id,
                     uint32_t version)
{
    const struct account_job j = {id, version};

    assert_int_equal(account_finished(a, text(key), &j, ZONE_IN, NULL), 0);
}

static void live(struct account *a, const char *key, int64_t id)
{
    const struct account_job j = {id, 1};

    assert_int_equal(account_live(a, text(key), &j, NULL), 0);
}

static void record(struct account *a, const char *key)
{
    assert_int_equal(account_record(a, text(key), ZONE_IN, false, NULL), 0);
}

static void fresh(struct account *a, const char *key)
{
    assert_int_equal(account_record(a, text(key), ZONE_IN, true, NULL), 0);
}

/* missing, doubled, unknown, in flight, new */
static void sums(const struct account *a, const int want[5])
{
    struct account_sum s;

    account_sum(a, &s);
    assert_int_equal(s.missing, want[0]);
    assert_int_equal(s.doubled, want[1]);
    assert_int_equal(s.unknown, want[2]);
    assert_int_equal(s.in_flight, want[3]);
    assert_int_equal(s.fresh, want[4]);
    assert_int_equal(account_clean(a, &s, false),
                     want[0] + want[1] + want[2] == 0 &&
                         a->finished_twice == 0);
}
#define SUMS(a, ...) sums(a, (const int[5]){__VA_ARGS__})

static enum account_state state(const struct account *a, const char *key)
{
    return account_state(a, text(key), NULL);
}

static void differences(void **state_)
{
    struct account_job job;
    struct account a;

    (void)state_;
    account_init(&a, BIG);
    SUMS(&a, 0, 0, 0, 0, 0);
    assert_int_equal(state(&a, "x"), STATE_FINE);
    finished(&a, "fine", 1, 1);
    record(&a, "fine");
    SUMS(&a, 0, 0, 0, 0, 0);
    finished(&a, "lost", 2, 3);
    SUMS(&a, 1, 0, 0, 0, 0);
    finished(&a, "twice", 3, 1);
    record(&a, "twice");
    record(&a, "twice");
    record(&a, "twice");
    SUMS(&a, 1, 2, 0, 0, 0);
    record(&a, "stranger");
    SUMS(&a, 1, 2, 1, 0, 0);
    assert_int_equal(state(&a, "fine"), STATE_FINE);
    assert_int_equal(state(&a, "lost"), STATE_MISSING);
    assert_int_equal(state(&a, "twice"), STATE_DOUBLED);
    assert_int_equal(state(&a, "stranger"), STATE_UNKNOWN);
    assert_int_equal(account_state(&a, text("lost"), &job), STATE_MISSING);
    assert_int_equal(job.id, 2);
    assert_int_equal(job.version, 3);
    assert_int_equal(account_jobs(&a, STATE_MISSING, &job, 1), 1);
    assert_int_equal(job.id, 2);
    assert_int_equal(account_jobs(&a, STATE_MISSING, &job, 0), 0);
    assert_int_equal(a.finished, 3);
    assert_int_equal(a.records, 5);
    account_done(&a);
}

/* Sent, and the store does not know yet. */
static void under_way(void **state_)
{
    struct account a;

    (void)state_;
    account_init(&a, BIG);
    live(&a, "waits", 1);
    SUMS(&a, 0, 0, 0, 0, 0);
    live(&a, "flies", 2);
    record(&a, "flies");
    SUMS(&a, 0, 0, 0, 1, 0);
    assert_int_equal(state(&a, "flies"), STATE_IN_FLIGHT);
    record(&a, "flies"); /* one of them is too many already */
    SUMS(&a, 0, 1, 0, 1, 0);
    assert_int_equal(state(&a, "flies"), STATE_DOUBLED);
    fresh(&a, "young"); /* may have come and gone since */
    SUMS(&a, 0, 1, 0, 1, 1);
    assert_int_equal(state(&a, "young"), STATE_NEW);
    finished(&a, "quick", 3, 1); /* a new one has the place of the lost? no: */
    fresh(&a, "quick");          /* it ended before its record was seen */
    SUMS(&a, 0, 1, 0, 1, 1);
    fresh(&a, "quick"); /* the next one of its key, perhaps */
    SUMS(&a, 0, 1, 0, 1, 2);
    account_done(&a);
}

static void the_same_key_again_and_again(void **state_)
{
    struct account a;

    (void)state_;
    account_init(&a, BIG);
    for (int i = 1; i <= 5; i++) {
        finished(&a, "daily", i, 1);
        record(&a, "daily");
    }
    live(&a, "daily", 6);
    SUMS(&a, 0, 0, 0, 0, 0);
    record(&a, "daily");
    SUMS(&a, 0, 0, 0, 1, 0);
    record(&a, "daily");
    SUMS(&a, 0, 1, 0, 1, 0);
    /* Two versions of one job may both have been sent: replaced after it. */
    finished(&a, "replaced", 7, 1);
    finished(&a, "replaced", 7, 2);
    record(&a, "replaced");
    SUMS(&a, 1, 1, 0, 1, 0);
    assert_int_equal(a.finished_twice, 0);
    account_done(&a);
}

static void one_firing_told_twice(void **state_)
{
    struct account a;

    (void)state_;
    account_init(&a, BIG);
    finished(&a, "k", 7, 2);
    finished(&a, "k", 7, 2);
    record(&a, "k");
    assert_int_equal(a.finished_twice, 1);
    SUMS(&a, 0, 0, 0, 0, 0);
    record(&a, "k");
    SUMS(&a, 0, 1, 0, 0, 0);
    for (int i = 0; i < 9000; i++) { /* the table of identities grows */
        char key[16];

        (void)snprintf(key, sizeof(key), "n%d", i);
        finished(&a, key, 100 + i, 1);
        finished(&a, key, 100 + i, 2);
        finished(&a, key, 100 + i, i % 3 == 0 ? 1 : 3);
    }
    assert_int_equal(a.finished_twice, 3001);
    account_done(&a);
}

/* What is just outside excuses, and is not asked for. */
static void edges(void **state_)
{
    const struct account_job j = {1, 1};
    struct account a;

    (void)state_;
    account_init(&a, BIG);
    (void)account_finished(&a, text("before"), &j, ZONE_EDGE, NULL);
    SUMS(&a, 0, 0, 0, 0, 0);
    record(&a, "before"); /* its record is within */
    SUMS(&a, 0, 0, 0, 0, 0);
    record(&a, "before");
    SUMS(&a, 0, 1, 0, 0, 0);
    finished(&a, "within", 2, 1); /* and the other way about */
    (void)account_record(&a, text("within"), ZONE_EDGE, false, NULL);
    SUMS(&a, 0, 1, 0, 0, 0);
    (void)account_record(&a, text("alone"), ZONE_EDGE, false, NULL);
    SUMS(&a, 0, 1, 0, 0, 0);
    assert_int_equal(a.records, 2);
    account_done(&a);
}

static void many_and_bounded(void **state_)
{
    struct account a;
    struct account_sum s;
    struct err err;
    char key[32];
    int r = 0;

    (void)state_;
    account_init(&a, (size_t)8 << 20); /* 262,144 slots, 70 % of them used */
    for (int i = 0; i < 150000; i++) {
        (void)snprintf(key, sizeof(key), "task-%d", i);
        if (i % 1000 != 0)
            finished(&a, key, i + 1, 1);
        if (i % 700 != 1)
            record(&a, key);
        if (i % 500 == 2)
            record(&a, key);
    }
    account_sum(&a, &s);
    assert_int_equal(s.unknown, 150);
    assert_int_equal(s.missing, 150000 / 700 + 1);
    assert_int_equal(s.doubled, 300);
    assert_int_equal(s.keys, a.used);
    for (int i = 150000; r == 0; i++) {
        (void)snprintf(key, sizeof(key), "task-%d", i);
        r = account_record(&a, text(key), ZONE_IN, false, &err);
    }
    assert_int_equal(r, -EFBIG);
    assert_non_null(strstr(err.text, "do not fit"));
    assert_true(a.used > 180000 && a.used < 190000);
    account_done(&a);
}

static void fits(const char *pattern, const char *in, const char *want)
{
    struct span got;
    struct match m;
    struct err err;

    if (match_parse(pattern, &m, &err) < 0)
        fail_msg("%s: %s", pattern, err.text);
    if (!match_take(&m, text(in), &got)) {
        assert_null(want);
        return;
    }
    assert_non_null(want);
    assert_true(span_eqs(got, want));
}

static void patterns(void **state_)
{
    struct match m;
    struct span got;
    struct err err;

    (void)state_;
    fits("task-{key}", "task-77", "77");
    fits("task-{key}", "task-", NULL);
    fits("task-{key}", "tusk-77", NULL);
    fits("{key}", "anything", "anything");
    fits("<{id}>", "<5>", "5");
    fits("<{id}>", "<5", NULL);
    fits("ab{key}ba", "aba", NULL); /* both ends may not share a byte */
    assert_int_equal(match_parse("task", &m, &err), -EINVAL);
    assert_int_equal(match_parse("{key}{key}", &m, &err), -EINVAL);
    assert_int_equal(match_parse("{key}{id}", &m, &err), -EINVAL);
    assert_int_equal(match_parse("{id}/{id}", &m, &err), -EINVAL);
    assert_int_equal(match_parse("{key}", &m, &err), 0);
    assert_false(match_take(&m, (struct span){NULL, 0}, &got));
    assert_string_equal(match_default("sms_retry"), "task-{key}");
    assert_string_equal(match_default("http_call"), "{key}");
    assert_string_equal(match_default(NULL), "{key}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differences),
        cmocka_unit_test(under_way),
        cmocka_unit_test(the_same_key_again_and_again),
        cmocka_unit_test(one_firing_told_twice),
        cmocka_unit_test(edges),
        cmocka_unit_test(many_and_bounded),
        cmocka_unit_test(patterns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
