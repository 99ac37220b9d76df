/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_abi.c - the plugin ABI is bytes: every offset, size and
 * number of major 1 as it was when it was given out (64-bit machines).  A row
 * here is never changed; new fields get new rows, at the end of their struct.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <ontime/plugin.h>

struct field {
    const char *name;
    size_t at, is;
};

#define F(type, field, offset)                                                 \
    {                                                                          \
#type "." #field, offset, offsetof(type, field)                        \
    }
#define END(type, field) (offsetof(type, field) + sizeof(((type *)0)->field))

static void pinned(const struct field *f, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (f[i].at != f[i].is)
            fail_msg("%s is at %zu, was at %zu: plugins that people have "
                     "would break",
                     f[i].name, f[i].is, f[i].at);
}

#define PINNED(f) pinned((f), sizeof(f) / sizeof((f)[0]))

static void what_the_host_gives(void **state)
{
    static const struct field f[] = {
        F(struct ontime_bytes, data, 0),
        F(struct ontime_bytes, len, 8),
        F(struct ontime_header, name, 0),
        F(struct ontime_header, value, 8),
        F(struct ontime_job, size, 0),
        F(struct ontime_job, token, 8),
        F(struct ontime_job, id, 16),
        F(struct ontime_job, app, 24),
        F(struct ontime_job, key, 32),
        F(struct ontime_job, payload, 48),
        F(struct ontime_job, headers, 64),
        F(struct ontime_job, header_count, 72),
        F(struct ontime_job, due_ms, 80),
        F(struct ontime_job, scheduled_ms, 88),
        F(struct ontime_job, now_ms, 96),
        F(struct ontime_job, version, 104),
        F(struct ontime_job, attempt, 108),
        F(struct ontime_job, redelivered, 112),
        F(struct ontime_job, priority, 116),
        F(struct ontime_job, idempotency_key, 120),
        F(struct ontime_host, size, 0),
        F(struct ontime_host, abi, 8),
        F(struct ontime_host, log, 16),
        F(struct ontime_host, now, 24),
        F(struct ontime_host, emit, 32),
        F(struct ontime_host, schedule, 40),
        F(struct ontime_host, complete, 48),
        F(struct ontime_host, cancelled, 56),
        F(struct ontime_host, get_string, 64),
        F(struct ontime_host, get_int, 72),
        F(struct ontime_host, get_float, 80),
        F(struct ontime_host, get_bool, 88),
        F(struct ontime_host, metric, 96),
        F(struct ontime_host, format_time, 104),
    };

    (void)state;
    PINNED(f);
    assert_int_equal(sizeof(ontime_token), 8);
    assert_int_equal(sizeof(struct ontime_bytes), 16);
    assert_int_equal(sizeof(struct ontime_header), 24);
    assert_int_equal(END(struct ontime_job, idempotency_key), 128);
    assert_int_equal(END(struct ontime_host, format_time), 112);
}

static void what_the_plugin_gives(void **state)
{
    static const struct field f[] = {
        F(struct ontime_record, topic, 0),
        F(struct ontime_record, key, 8),
        F(struct ontime_record, value, 24),
        F(struct ontime_record, headers, 40),
        F(struct ontime_record, header_count, 48),
        F(struct ontime_record, partition, 56),
        F(struct ontime_followup, app, 0),
        F(struct ontime_followup, key, 8),
        F(struct ontime_followup, payload, 24),
        F(struct ontime_followup, headers, 40),
        F(struct ontime_followup, header_count, 48),
        F(struct ontime_followup, due_ms, 56),
        F(struct ontime_followup, priority, 64),
        F(struct ontime_result, size, 0),
        F(struct ontime_result, outcome, 8),
        F(struct ontime_result, retry_ms, 16),
        F(struct ontime_result, message, 24),
        F(struct ontime_setting, name, 0),
        F(struct ontime_setting, type, 8),
        F(struct ontime_setting, required, 12),
        F(struct ontime_setting, fallback, 16),
        F(struct ontime_setting, min, 24),
        F(struct ontime_setting, max, 32),
        F(struct ontime_setting, text, 40),
        F(struct ontime_plugin, abi, 0),
        F(struct ontime_plugin, size, 4),
        F(struct ontime_plugin, flags, 8),
        F(struct ontime_plugin, reserved, 12),
        F(struct ontime_plugin, name, 16),
        F(struct ontime_plugin, version, 24),
        F(struct ontime_plugin, text, 32),
        F(struct ontime_plugin, settings, 40),
        F(struct ontime_plugin, init, 48),
        F(struct ontime_plugin, execute, 56),
        F(struct ontime_plugin, close, 64),
    };

    (void)state;
    PINNED(f);
    /* These have no size of their own, and so can never grow. */
    assert_int_equal(sizeof(struct ontime_record), 64);
    assert_int_equal(sizeof(struct ontime_followup), 72);
    assert_int_equal(sizeof(struct ontime_setting), 48);
    assert_int_equal(END(struct ontime_result, message), 32);
    assert_int_equal(END(struct ontime_plugin, close), 72);
}

static void numbers(void **state)
{
    (void)state;
    assert_int_equal(ONTIME_ABI_MAJOR, 1);
    assert_int_equal(ONTIME_ABI, 1u << 16 | ONTIME_ABI_MINOR);
    assert_int_equal(ONTIME_DONE, 0);
    assert_int_equal(ONTIME_RETRY, 1);
    assert_int_equal(ONTIME_FAIL, 2);
    assert_int_equal(ONTIME_PENDING, 3);
    assert_int_equal(ONTIME_DEBUG, 0);
    assert_int_equal(ONTIME_INFO, 1);
    assert_int_equal(ONTIME_WARN, 2);
    assert_int_equal(ONTIME_ERROR, 3);
    assert_int_equal(ONTIME_STRING, 0);
    assert_int_equal(ONTIME_INT, 1);
    assert_int_equal(ONTIME_FLOAT, 2);
    assert_int_equal(ONTIME_BOOL, 3);
    assert_int_equal(ONTIME_DURATION, 4);
    assert_int_equal(ONTIME_SECRET, 5);
    assert_int_equal(ONTIME_CONCURRENT, 1);
    assert_int_equal(ONTIME_ONLY_EMITS, 2);
    assert_int_equal(ONTIME_RESIDENT, 4);
    assert_int_equal(ONTIME_UNLOADABLE, 8);
}

/* ONTIME_HAS against a struct from an older host. */
static void older_structs_are_shorter(void **state)
{
    struct ontime_result r = {.size = offsetof(struct ontime_result, message)};

    (void)state;
    assert_true(ONTIME_HAS(&r, outcome));
    assert_true(ONTIME_HAS(&r, retry_ms));
    assert_false(ONTIME_HAS(&r, message));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_host_gives),
        cmocka_unit_test(what_the_plugin_gives),
        cmocka_unit_test(numbers),
        cmocka_unit_test(older_structs_are_shorter),
    };

    if (sizeof(void *) != 8)
        return 77; /* skipped */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
