/* SPDX-License-Identifier: Apache-2.0
 *
 * A token bucket in an hour of made-up time.
 */
#include "config.h"

#include "dispatch/bucket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND INT64_C(1000000000)

static void no_rate_is_no_limit(void **state)
{
    struct bucket b;

    (void)state;
    bucket_init(&b, 0, 0, 5);
    assert_int_equal(bucket_take(&b, 1000000, 5), 1000000);
    assert_int_equal(bucket_next_ns(&b, 5), 5);
}

static void an_hour_gives_rate_times_3600_and_one_burst(void **state)
{
    struct bucket b;
    size_t n = 0;

    (void)state;
    bucket_init(&b, 7.5, 20, 0);
    for (int64_t t = 0; t <= 3600 * SECOND; t += SECOND / 100)
        n += bucket_take(&b, 3, t);
    assert_in_range(n, 27000 + 19, 27000 + 20);
}

static void more_than_the_burst_is_never_saved(void **state)
{
    struct bucket b;

    (void)state;
    bucket_init(&b, 1000, 5, 0);
    assert_int_equal(bucket_take(&b, 100, 60 * SECOND), 5);
    assert_int_equal(bucket_take(&b, 100, 60 * SECOND), 0);
    assert_in_range(bucket_next_ns(&b, 60 * SECOND), 60 * SECOND + 999000,
                    60 * SECOND + 1001000);
    bucket_return(&b, 2);
    assert_int_equal(bucket_take(&b, 100, 60 * SECOND), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_rate_is_no_limit),
        cmocka_unit_test(an_hour_gives_rate_times_3600_and_one_burst),
        cmocka_unit_test(more_than_the_burst_is_never_saved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
