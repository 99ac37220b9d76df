/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_backoff.c - delays between attempts.
 */
#include "config.h"

#include "job/backoff.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define MIN 60000

static const struct backoff doubling = {
    .max_attempts = 10, .first_ms = 200, .factor = 2, .cap_ms = 10000};

static void test_doubles_up_to_the_cap(void **state)
{
    static const int64_t delays[] = {200,  400,   800,   1600,  3200,
                                     6400, 10000, 10000, 10000, -1};

    (void)state;
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(backoff_next_ms(&doubling, i + 1, 0, 7), delays[i]);
    assert_int_equal(backoff_next_ms(&doubling, UINT32_MAX, 0, 7), -1);
}

static void test_attempts_are_used_up(void **state)
{
    struct backoff b = {.max_attempts = 1, .first_ms = 10, .factor = 1};

    (void)state;
    assert_int_equal(backoff_next_ms(&b, 1, 0, 0), -1);
    assert_int_equal(backoff_next_ms(&b, 1, 5000, 0), -1);
    b.max_attempts = 2;
    assert_int_equal(backoff_next_ms(&b, 1, 0, 0), 10);
    assert_int_equal(backoff_next_ms(&b, 2, 0, 0), -1);
}

static void test_table_repeats_its_last(void **state)
{
    static const struct backoff b = {
        .max_attempts = 8,
        .first_ms = 7,
        .factor = 3,
        .table_ms = {MIN, 5 * MIN, 15 * MIN, 30 * MIN, 60 * MIN},
        .table_len = 5};
    static const int64_t delays[] = {MIN,      5 * MIN,  15 * MIN, 30 * MIN,
                                     60 * MIN, 60 * MIN, 60 * MIN, -1};

    (void)state;
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(backoff_next_ms(&b, i + 1, 0, 1), delays[i]);
}

static void test_the_plugins_wish(void **state)
{
    (void)state;
    assert_int_equal(backoff_next_ms(&doubling, 1, 100, 0), 200);
    assert_int_equal(backoff_next_ms(&doubling, 1, 3000, 0), 3000);
    assert_int_equal(backoff_next_ms(&doubling, 1, 99999, 0), 10000);
    assert_int_equal(backoff_next_ms(&doubling, 1, -5, 0), 200);
}

static void test_jitter(void **state)
{
    struct backoff b = doubling;
    int64_t low = INT64_MAX, high = 0, sum = 0;

    (void)state;
    b.jitter = 0.5;
    b.first_ms = 1000;
    for (uint64_t seed = 0; seed < 10000; seed++) {
        int64_t d = backoff_next_ms(&b, 1, 0, seed);

        assert_int_equal(d, backoff_next_ms(&b, 1, 0, seed)); /* stable */
        low = d < low ? d : low;
        high = d > high ? d : high;
        sum += d;
        /* Never below the wish, never above the delay. */
        d = backoff_next_ms(&b, 1, 900, seed);
        assert_true(d >= 900 && d <= 1000);
        assert_int_equal(backoff_next_ms(&b, 1, 2000, seed), 2000);
        assert_int_equal(backoff_next_ms(&b, 1, 20000, seed), 10000);
    }
    assert_true(low >= 500 && low < 505);
    assert_true(high <= 1000 && high > 995);
    assert_true(sum / 10000 > 740 && sum / 10000 < 760);
    b.jitter = 1;
    for (uint64_t seed = 0; seed < 10000; seed++)
        assert_true(backoff_next_ms(&b, 1, 0, seed) >= 0);
}

static void test_arithmetic_saturates(void **state)
{
    struct backoff b = {
        .max_attempts = UINT32_MAX, .first_ms = 1, .factor = 10};

    (void)state;
    assert_int_equal(backoff_next_ms(&b, 19, 0, 0),
                     INT64_C(1000000000000000000));
    assert_int_equal(backoff_next_ms(&b, 20, 0, 0), INT64_MAX);
    assert_int_equal(backoff_next_ms(&b, UINT32_MAX - 1, 0, 0), INT64_MAX);
    b.factor = 2;
    assert_int_equal(backoff_next_ms(&b, 63, 0, 0), INT64_C(1) << 62);
    assert_int_equal(backoff_next_ms(&b, 64, 0, 0), INT64_MAX); /* 2^63 */
    b.cap_ms = 5;
    assert_int_equal(backoff_next_ms(&b, UINT32_MAX - 1, 0, 0), 5);
    b.first_ms = 0;
    assert_int_equal(backoff_next_ms(&b, UINT32_MAX - 1, 0, 0), 0);
    b = (struct backoff){
        .max_attempts = 9, .first_ms = INT64_MAX, .factor = 1, .jitter = 1};
    for (uint64_t seed = 0; seed < 1000; seed++)
        assert_true(backoff_next_ms(&b, 5, 0, seed) >= 0);
    b.jitter = 0;
    assert_int_equal(backoff_next_ms(&b, 5, 0, 0), INT64_MAX);
}

static void test_odd_settings_do_no_harm(void **state)
{
    struct backoff b = {.max_attempts = 5,
                        .first_ms = 100,
                        .factor = __builtin_nan(""),
                        .jitter = __builtin_nan("")};

    (void)state;
    assert_int_equal(backoff_next_ms(&b, 3, 0, 1), 100);
    b.factor = 0.5;
    assert_int_equal(backoff_next_ms(&b, 3, 0, 1), 100);
    b.factor = __builtin_inf();
    assert_int_equal(backoff_next_ms(&b, 3, 0, 1), INT64_MAX);
    b.jitter = 7;
    assert_true(backoff_next_ms(&b, 1, 0, 1) >= 0);
    assert_int_equal(backoff_next_ms(&b, 0, 0, 1),
                     backoff_next_ms(&b, 1, 0, 1));
    b.first_ms = -100;
    assert_int_equal(backoff_next_ms(&b, 1, 0, 1), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_doubles_up_to_the_cap),
        cmocka_unit_test(test_attempts_are_used_up),
        cmocka_unit_test(test_table_repeats_its_last),
        cmocka_unit_test(test_the_plugins_wish),
        cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_arithmetic_saturates),
        cmocka_unit_test(test_odd_settings_do_no_harm),
    };

    return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
