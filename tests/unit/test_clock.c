/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_clock.c - base/clock.
 */
#include "config.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

static void wall_is_ms_since_1970(void **state)
{
    int64_t before = (int64_t)time(NULL);
    int64_t now = clock_wall_ms();
    int64_t after = (int64_t)time(NULL);

    (void)state;
    /* time(2) may be a tick behind. */
    assert_true(now >= before * 1000);
    assert_true(now < (after + 2) * 1000);
}

static void boot_is_ms_and_never_goes_back(void **state)
{
    struct timespec ts;
    int64_t last = clock_boot_ms();

    (void)state;
    assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &ts), 0);
    assert_true(clock_boot_ms() >= (int64_t)ts.tv_sec * 1000);
    assert_true(last <= ((int64_t)ts.tv_sec + 1) * 1000);
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_boot_ms();

        assert_true(now >= last);
        last = now;
    }
}

static void mono_is_ns_and_never_goes_back(void **state)
{
    struct timespec ts;
    int64_t last = clock_mono_ns();

    (void)state;
    assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &ts), 0);
    assert_true(last <= (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec);
    for (int i = 0; i < 1000; i++) {
        int64_t now = clock_mono_ns();

        assert_true(now >= last);
        last = now;
    }
    assert_true(last >= (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wall_is_ms_since_1970),
        cmocka_unit_test(boot_is_ms_and_never_goes_back),
        cmocka_unit_test(mono_is_ns_and_never_goes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
