/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_when.c - points in time as text: what is read, what is
 * refused and why, what is written.
 */
#include "config.h"

#include "job/when.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "job/civil.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

static struct zone *load(const char *name)
{
    struct err err = {.code = 0};
    struct zone *z = NULL;
    int r = zone_load(name, &z, &err);

    if (r == -ENOENT) {
        print_message("# no zoneinfo file for %s\n", name);
        skip();
    }
    assert_int_equal(r, 0);
    assert_string_equal(zone_name(z), name);
    return z;
}

/* Reads text in the zone; the result must be written as utc. */
static void expect(const struct zone *z, const char *text, const char *utc)
{
    struct err err = {.text = "no reason"};
    char out[25];
    int64_t ms;

    if (when_parse(text, strlen(text), z, &ms, &err) < 0)
        fail_msg("\"%s\" was refused: %s", text, err.text);
    when_format_utc(ms, out);
    assert_string_equal(out, utc);
}

static void test_accepted_forms(void **state)
{
    static const char *const forms[][2] = {
        {"2026-01-31T10:20:30Z", "2026-01-31T10:20:30.000Z"},
        {"2026-01-31 10:20:30Z", "2026-01-31T10:20:30.000Z"},
        {"2026-01-31T10:20", "2026-01-31T10:20:00.000Z"},
        {"2026-01-31 10:20:30", "2026-01-31T10:20:30.000Z"},
        {"2026-01-31 10:20+01", "2026-01-31T09:20:00.000Z"},
        {"2026-01-31T10:20:30.1Z", "2026-01-31T10:20:30.100Z"},
        {"2026-01-31T10:20:30,12", "2026-01-31T10:20:30.120Z"},
        {"2026-01-31T10:20:30.1239", "2026-01-31T10:20:30.123Z"},
        {"2026-01-31T10:20:30.999999999Z", "2026-01-31T10:20:30.999Z"},
        {"2026-01-31T10:20:30+06:00", "2026-01-31T04:20:30.000Z"},
        {"2026-01-31T10:20:30-0330", "2026-01-31T13:50:30.000Z"},
        {"2026-01-31T10:20:30.5+05:45", "2026-01-31T04:35:30.500Z"},
        {"2026-01-01T00:00:00+14:00", "2025-12-31T10:00:00.000Z"},
        {"2024-02-29T23:59:59Z", "2024-02-29T23:59:59.000Z"},
        {"2000-02-29T00:00Z", "2000-02-29T00:00:00.000Z"},
        {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"},
        {"1970-01-01T00:00:00.25+01:00", "1969-12-31T23:00:00.250Z"},
        {"2200-12-31T23:59:59.999Z", "2200-12-31T23:59:59.999Z"},
    };

    (void)state;
    for (size_t i = 0; i < LENGTH(forms); i++)
        expect(NULL, forms[i][0], forms[i][1]);
}

static void test_refused_forms_with_reasons(void **state)
{
    static const char *const forms[][2] = {
        {"", "ends where a digit is expected"},
        {"now", "expected a digit at character 1"},
        {" 2026-01-31T10:20Z", "expected a digit at character 1"},
        {"+2026-01-31T10:20Z", "expected a digit at character 1"},
        {"26-01-31T10:20Z", "expected a digit at character 3"},
        {"20260131T102000Z", "expected '-' at character 5"},
        {"2026/01/31 10:20", "expected '-' at character 5"},
        {"1767225600000", "expected '-' at character 5"},
        {"1969-12-31T23:59:59Z", "year 1969 is not in 1970..2200"},
        {"2201-01-01T00:00:00Z", "year 2201 is not in 1970..2200"},
        {"2026-13-01T00:00Z", "month 13 is not in 1..12"},
        {"2026-00-01T00:00Z", "month 0 is not in 1..12"},
        {"2026-01-00T00:00Z", "day 0 is not in 1..31"},
        {"2026-01-32T00:00Z", "day 32 is not in 1..31"},
        {"2026-02-29T00:00Z", "2026-02 has no day 29"},
        {"2100-02-29T00:00Z", "2100-02 has no day 29"},
        {"2026-04-31T00:00Z", "2026-04 has no day 31"},
        {"2026-01-31", "ends where 'T' or a space and the time of day is "
                       "expected"},
        {"2026-01-31t10:20Z", "expected 'T' or a space and the time of day "
                              "at character 11"},
        {"2026-01-31T24:00:00Z", "hour 24 is not in 0..23"},
        {"2026-01-31T10:60Z", "minute 60 is not in 0..59"},
        {"2026-01-31T10:20:60Z", "second 60 is not in 0..59"},
        {"2026-01-31T10", "ends where ':' is expected"},
        {"2026-01-31T1:20", "expected a digit at character 13"},
        {"2026-01-31T10:20:", "ends where a digit is expected"},
        {"2026-01-31T10:20:30.", "ends where a digit is expected"},
        {"2026-01-31T10:20:30.Z", "expected a digit at character 21"},
        {"2026-01-31T10:20.5Z", "unexpected character 17"},
        {"2026-01-31T10:20:30.1234567890Z",
         "fraction of 10 digits (at most 9 are read)"},
        {"2026-01-31T10:20:30z", "unexpected character 20"},
        {"2026-01-31T10:20:30Z ", "unexpected character 21"},
        {"2026-01-31T10:20:30 Z", "unexpected character 20"},
        {"2026-01-31T10:20:30+", "ends where a digit is expected"},
        {"2026-01-31T10:20:30+1:00", "expected a digit at character 22"},
        {"2026-01-31T10:20:30+24:00", "offset's hour 24 is not in 0..23"},
        {"2026-01-31T10:20:30+01:60", "offset's minute 60 is not in 0..59"},
        {"2026-01-31T10:20:30+010", "ends where a digit is expected"},
        {"2026-01-31T10:20:30+01:00Z", "unexpected character 26"},
        {"2026-01-31T10:20:30[Europe/Berlin]", "unexpected character 20"},
    };

    (void)state;
    for (size_t i = 0; i < LENGTH(forms); i++) {
        struct err err = {.text = "no reason"};
        int64_t ms;

        if (when_parse(forms[i][0], strlen(forms[i][0]), NULL, &ms, &err) !=
            -EINVAL)
            fail_msg("\"%s\" was not refused", forms[i][0]);
        assert_string_equal(err.text, forms[i][1]);
        assert_false(err.retry);
        assert_int_equal(
            when_parse(forms[i][0], strlen(forms[i][0]), NULL, &ms, NULL),
            -EINVAL);
    }
}

static void test_length_counts_not_the_nul(void **state)
{
    static const char nul[] = "2026-01-31T10:20:30\0Z";
    int64_t ms;

    (void)state;
    assert_int_equal(when_parse("2026-01-31T10:20:99", 16, NULL, &ms, NULL), 0);
    assert_int_equal(ms % 3600000, 20 * 60000);
    assert_int_equal(when_parse(nul, sizeof(nul) - 1, NULL, &ms, NULL),
                     -EINVAL);
}

/* Gaps shift forward, of a fold the first is meant; the year 2150 is beyond
 * what any file lists. */
static void test_gaps_and_folds(void **state)
{
    static const char *const cases[][3] = {
        {"Europe/Berlin", "2026-03-29 01:59:59", "2026-03-29T00:59:59.000Z"},
        {"Europe/Berlin", "2026-03-29 02:00:00", "2026-03-29T01:00:00.000Z"},
        {"Europe/Berlin", "2026-03-29 02:30:00", "2026-03-29T01:30:00.000Z"},
        {"Europe/Berlin", "2026-03-29 03:00:00", "2026-03-29T01:00:00.000Z"},
        {"Europe/Berlin", "2026-10-25 01:59:59", "2026-10-24T23:59:59.000Z"},
        {"Europe/Berlin", "2026-10-25 02:30:00", "2026-10-25T00:30:00.000Z"},
        {"Europe/Berlin", "2026-10-25 03:00:00", "2026-10-25T02:00:00.000Z"},
        {"Europe/Berlin", "2150-03-29 02:30:00", "2150-03-29T01:30:00.000Z"},
        {"Europe/Berlin", "2150-10-25 02:30:00", "2150-10-25T00:30:00.000Z"},
        {"Europe/Berlin", "2150-10-25 03:00:00", "2150-10-25T02:00:00.000Z"},
        {"Europe/Berlin", "1970-01-01 00:00:00", "1969-12-31T23:00:00.000Z"},
        {"America/New_York", "2026-03-08 02:30", "2026-03-08T07:30:00.000Z"},
        {"America/New_York", "2026-11-01 01:30", "2026-11-01T05:30:00.000Z"},
        {"America/New_York", "2026-11-01 02:00", "2026-11-01T07:00:00.000Z"},
        {"America/New_York", "2199-03-10 02:30", "2199-03-10T07:30:00.000Z"},
        {"America/New_York", "2199-07-01 00:00", "2199-07-01T04:00:00.000Z"},
        {"Asia/Dhaka", "2009-06-19 23:30", "2009-06-19T17:30:00.000Z"},
        {"Asia/Dhaka", "2009-12-31 23:30", "2009-12-31T16:30:00.000Z"},
        {"Asia/Dhaka", "2010-01-01 00:00", "2009-12-31T18:00:00.000Z"},
        {"Asia/Dhaka", "2200-07-01 00:00", "2200-06-30T18:00:00.000Z"},
        {"Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-03T15:45:00.000Z"},
        {"Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-04T14:45:00.000Z"},
        {"Australia/Lord_Howe", "2026-04-05 02:00", "2026-04-04T15:30:00.000Z"},
        {"Australia/Lord_Howe", "2199-10-06 02:15", "2199-10-05T15:45:00.000Z"},
        {"Pacific/Apia", "2011-12-30 12:00", "2011-12-30T22:00:00.000Z"},
    };

    (void)state;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct zone *z = load(cases[i][0]);

        expect(z, cases[i][1], cases[i][2]);
        zone_free(&z);
        assert_null(z);
    }
}

static void test_format_local(void **state)
{
    struct zone *z = load("Australia/Lord_Howe");
    char out[20];

    (void)state;
    when_format_local(0, NULL, out);
    assert_string_equal(out, "1970-01-01 00:00:00");
    when_format_local(-1, NULL, out);
    assert_string_equal(out, "1969-12-31 23:59:59");
    when_format_local(INT64_C(1775314799999), z, out);
    assert_string_equal(out, "2026-04-05 01:59:59");
    when_format_local(INT64_C(1775314800000), z, out);
    assert_string_equal(out, "2026-04-05 01:30:00");
    zone_free(&z);
}

static void test_format_of_extremes(void **state)
{
    char out[25], local[20];

    (void)state;
    when_format_utc(INT64_MIN, out);
    assert_string_equal(out, "0001-01-01T00:00:00.000Z");
    when_format_utc(INT64_MAX, out);
    assert_string_equal(out, "9999-12-31T23:59:59.999Z");
    when_format_local(INT64_MIN, NULL, local);
    assert_string_equal(local, "0001-01-01 00:00:00");
    when_format_local(INT64_MAX, NULL, local);
    assert_string_equal(local, "9999-12-31 23:59:59");
    when_format_utc(-1, out);
    assert_string_equal(out, "1969-12-31T23:59:59.999Z");
}

/* Each day by counting, against the arithmetic. */
static void test_every_day_of_the_calendar(void **state)
{
    struct civil c = {1970, 1, 1};

    (void)state;
    for (int32_t day = 0; c.year <= 2400; day++) {
        struct civil got = civil_from_days(day);

        assert_int_equal(civil_to_days(c.year, c.month, c.day), day);
        assert_int_equal(got.year, c.year);
        assert_int_equal(got.month, c.month);
        assert_int_equal(got.day, c.day);
        if (c.day++ < civil_month_days(c.year, c.month))
            continue;
        c.day = 1;
        if (c.month++ < 12)
            continue;
        c.month = 1;
        c.year++;
    }
}

static uint64_t draw(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x >> 11;
}

/* What is written is read as the same moment; in a fold, as the first of the
 * two moments that are written so. */
static void round_trips(const struct zone *z, uint64_t seed)
{
    static const uint64_t span = UINT64_C(7289654400000); /* 1970..2200 */
    char out[25], again[25];
    int64_t ms, back;

    for (int i = 0; i < 20000; i++) {
        ms = (int64_t)(draw(&seed) % (span - 200000000)) + 100000000;
        when_format_utc(ms, out);
        assert_int_equal(when_parse(out, 24, z, &back, NULL), 0);
        assert_int_equal(back, ms);
        when_format_local(ms, z, out);
        assert_int_equal(when_parse(out, 19, z, &back, NULL), 0);
        when_format_local(back, z, again);
        assert_string_equal(again, out);
        ms -= ms % 1000;
        if (back == ms)
            continue;
        assert_true(back < ms && ms - back <= 3600000);
        assert_int_equal(zone_offset(z, back) - zone_offset(z, ms),
                         (ms - back) / 1000);
    }
}

static void test_round_trips(void **state)
{
    static const char *const names[] = {"UTC",
                                        "Europe/Berlin",
                                        "America/New_York",
                                        "Asia/Dhaka",
                                        "Australia/Lord_Howe",
                                        "Europe/Dublin",
                                        "Africa/Casablanca"};

    (void)state;
    for (size_t i = 0; i < LENGTH(names); i++) {
        struct zone *z = load(names[i]);

        round_trips(z, UINT64_C(88172645463325252) + i);
        zone_free(&z);
    }
}

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
        int result;
    } cases[] = {
        {"0", 0, 0},
        {"250", 250, 0},
        {"250ms", 250, 0},
        {"5s", 5000, 0},
        {"15min", 900000, 0},
        {"2h", 7200000, 0},
        {"30d", 2592000000, 0},
        {"9223372036854775807", INT64_MAX, 0},
        {"9223372036854775808", 0, -ERANGE},
        {"9223372036854776s", 0, -ERANGE},
        {"106751991168d", 0, -ERANGE},
        {"99999999999999999999999999d", 0, -ERANGE},
        {"184467440737095516160", 0, -ERANGE}, /* 2^64 * 10 */
        {"", 0, -EINVAL},
        {"s", 0, -EINVAL},
        {"-1s", 0, -EINVAL},
        {"+1s", 0, -EINVAL},
        {" 1s", 0, -EINVAL},
        {"1 s", 0, -EINVAL},
        {"1s ", 0, -EINVAL},
        {"1m", 0, -EINVAL},
        {"1S", 0, -EINVAL},
        {"1.5s", 0, -EINVAL},
        {"1h30min", 0, -EINVAL},
        {"99999999999999999999999999x", 0, -EINVAL},
    };

    (void)state;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        int64_t ms = 0;

        assert_int_equal(duration_parse(cases[i].text, &ms), cases[i].result);
        assert_int_equal(ms, cases[i].ms);
    }
    assert_int_equal(duration_parse(NULL, &(int64_t){0}), -EINVAL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepted_forms),
        cmocka_unit_test(test_refused_forms_with_reasons),
        cmocka_unit_test(test_length_counts_not_the_nul),
        cmocka_unit_test(test_gaps_and_folds),
        cmocka_unit_test(test_format_local),
        cmocka_unit_test(test_format_of_extremes),
        cmocka_unit_test(test_every_day_of_the_calendar),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_durations),
    };

    return cmocka_run_group_tests_name("when", tests, NULL, NULL);
}
