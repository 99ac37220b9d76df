/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_zone.c - time zones from made-up zoneinfo files: closing
 * rules of each form, and damage.  Real zones are in test_when.c.
 */
#include "config.h"

#include "job/zone.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "job/civil.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* ---- a zoneinfo file ---------------------------------------------------- */

struct file {
    const int64_t *times; /* type i % 2 from each */
    size_t n;
    int32_t offsets[2];
    uint32_t leaps;
    const char *rule;
    char version;
};

static void put_be(struct buf *b, uint64_t v, unsigned bytes)
{
    while (bytes-- > 0)
        (void)buf_addc(b, (char)(v >> (8 * bytes)));
}

static void put_header(struct buf *b, const struct file *f, bool full)
{
    static const char reserved[15];

    (void)buf_adds(b, "TZif");
    (void)buf_addc(b, f->version != 0 ? f->version : '2');
    (void)buf_add(b, reserved, sizeof(reserved));
    put_be(b, 0, 4);
    put_be(b, 0, 4);
    put_be(b, full ? f->leaps : 0, 4);
    put_be(b, full ? f->n : 0, 4);
    put_be(b, full ? 2 : 0, 4);
    put_be(b, full ? 4 : 0, 4);
}

static struct buf make_file(const struct file *f)
{
    struct buf b = BUF_INIT(100000);

    put_header(&b, f, false);
    put_header(&b, f, true);
    for (size_t i = 0; i < f->n; i++)
        put_be(&b, (uint64_t)f->times[i], 8);
    for (size_t i = 0; i < f->n; i++)
        put_be(&b, i % 2, 1);
    for (size_t i = 0; i < 2; i++) {
        put_be(&b, (uint32_t)f->offsets[i], 4);
        put_be(&b, 0, 2);
    }
    (void)buf_add(&b, "XXX", 4);
    for (uint32_t i = 0; i < 3 * f->leaps; i++)
        put_be(&b, 0, 4);
    (void)buf_addf(&b, "\n%s\n", f->rule);
    assert_int_equal(buf_ok(&b), 0);
    return b;
}

static int parse(const struct file *f, struct zone **ret, struct err *err)
{
    struct buf b = make_file(f);
    int r = zone_parse("Test/Zone", b.data, b.len, ret, err);

    buf_done(&b);
    return r;
}

static struct zone *zone_of_rule(const char *rule)
{
    struct file f = {.offsets = {0, 3600}, .rule = rule};
    struct zone *z = NULL;

    if (parse(&f, &z, NULL) < 0)
        fail_msg("rule \"%s\" was refused", rule);
    assert_string_equal(zone_name(z), "Test/Zone");
    return z;
}

/* Hours are enough for these tests. */
static int64_t at(uint32_t year, uint32_t month, uint32_t day, int hour)
{
    return civil_to_days(year, month, day) * CIVIL_DAY_S + hour * 3600;
}

static int32_t offset_at(const struct zone *z, int64_t s)
{
    assert_int_equal(zone_offset(z, s * 1000 + 999), zone_offset(z, s * 1000));
    return zone_offset(z, s * 1000);
}

/* ---- what is read ------------------------------------------------------- */

static void test_spans_and_what_is_before_them(void **state)
{
    static const int64_t times[] = {-1000, 0, 0, 5000};
    struct file f = {
        .times = times, .n = 4, .offsets = {100, -200}, .rule = ""};
    struct zone *z = NULL;

    (void)state;
    assert_int_equal(parse(&f, &z, NULL), 0);
    assert_int_equal(zone_offset(z, INT64_MIN), 100);
    assert_int_equal(offset_at(z, -1001), 100);
    assert_int_equal(offset_at(z, -1000), 100);
    assert_int_equal(offset_at(z, -1), 100);
    assert_int_equal(offset_at(z, 0), 100); /* the later one of two */
    assert_int_equal(offset_at(z, 4999), 100);
    assert_int_equal(offset_at(z, 5000), -200);
    assert_int_equal(zone_offset(z, INT64_MAX), -200);
    zone_free(&z);
    zone_free(&z);
    zone_free(NULL);
}

static void test_utc_needs_no_file(void **state)
{
    struct zone *z = NULL;

    (void)state;
    assert_int_equal(zone_load("UTC", &z, NULL), 0);
    assert_string_equal(zone_name(z), "UTC");
    assert_string_equal(zone_name(NULL), "UTC");
    assert_int_equal(zone_offset(z, 1767225600000), 0);
    assert_int_equal(zone_offset(NULL, 1767225600000), 0);
    assert_int_equal(zone_from_local(z, 1767225600), 1767225600);
    assert_int_equal(zone_from_local(NULL, 1767225600), 1767225600);
    zone_free(&z);
}

/* The rule holds at both sides of its changes, in each year. */
static void test_rule_by_month_for_ever(void **state)
{
    struct zone *z = zone_of_rule("CET-1CEST,M3.5.0,M10.5.0/3");

    (void)state;
    for (uint32_t y = 1970; y <= 2300; y++) {
        int32_t march = civil_to_days(y, 3, 31), october;
        int64_t start, end;

        while ((march + 4) % 7 != 0)
            march--;
        october = civil_to_days(y, 10, 31);
        while ((october + 4) % 7 != 0)
            october--;
        start = march * CIVIL_DAY_S + 3600;
        end = october * CIVIL_DAY_S + 3600;
        assert_int_equal(offset_at(z, start - 1), 3600);
        assert_int_equal(offset_at(z, start), 7200);
        assert_int_equal(offset_at(z, end - 1), 7200);
        assert_int_equal(offset_at(z, end), 3600);
    }
    zone_free(&z);
}

static void test_rules_of_each_form(void **state)
{
    static const struct {
        const char *rule;
        uint32_t year, month, day;
        int hour; /* UTC */
        int32_t before, after;
    } cases[] = {
        /* J60 is always 1 March, 59 is 29 February in a leap year. */
        {"AAA0BBB,J60,J300", 2028, 3, 1, 2, 0, 3600},
        {"AAA0BBB,59/0,300", 2028, 2, 29, 0, 0, 3600},
        {"AAA3BBB1,J60/4,J300", 2025, 3, 1, 7, -10800, -3600},
        {"<+0130>-1:30<-02>2,M4.1.6/2:30,M9.2.1", 2028, 4, 1, 1, 5400, -7200},
        /* Hours beyond the day, before it, and southern summers. */
        {"AAA0BBB,M3.4.4/50,M10.4.4/50", 2025, 3, 29, 2, 0, 3600},
        {"AAA0BBB,M3.1.0/-2,M11.1.0", 2025, 3, 1, 22, 0, 3600},
        {"AAA-10BBB,M10.1.0,M4.1.0/3", 2025, 10, 5, -8, 36000, 39600},
        {"AAA-10BBB,M10.1.0,M4.1.0/3", 2025, 4, 6, -8, 39600, 36000},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", 2025, 10, 26, 1, 3600, 0},
    };

    (void)state;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct zone *z = zone_of_rule(cases[i].rule);
        int64_t change =
            at(cases[i].year, cases[i].month, cases[i].day, cases[i].hour);

        assert_int_equal(offset_at(z, change - 1), cases[i].before);
        assert_int_equal(offset_at(z, change), cases[i].after);
        zone_free(&z);
    }
}

static void test_summer_all_the_year(void **state)
{
    struct zone *z = zone_of_rule("XXX3EDT4,0/0,J365/23");

    (void)state;
    for (int64_t s = at(1971, 1, 1, 0); s < at(2299, 1, 1, 0); s += 86399)
        assert_int_equal(offset_at(z, s), -14400);
    zone_free(&z);
}

static void test_rule_follows_the_last_span(void **state)
{
    int64_t times[2] = {at(2030, 1, 1, 0), at(2040, 6, 1, 0)};
    struct file f = {.times = times,
                     .n = 2,
                     .offsets = {3600, 7200},
                     .rule = "CET-1CEST,M3.5.0,M10.5.0/3"};
    struct zone *z = NULL;

    (void)state;
    assert_int_equal(parse(&f, &z, NULL), 0);
    assert_int_equal(offset_at(z, at(2035, 7, 1, 0)), 3600);
    assert_int_equal(offset_at(z, at(2040, 7, 1, 0)), 7200);
    assert_int_equal(offset_at(z, at(2040, 12, 1, 0)), 3600);
    assert_int_equal(offset_at(z, at(2041, 7, 1, 0)), 7200);
    zone_free(&z);
}

/* ---- what is refused ---------------------------------------------------- */

static void test_names(void **state)
{
    static const char *const bad[] = {"",    "/etc/passwd", "../x", "Europe/..",
                                      "a b", "x\n",         "\xff"};
    struct err err = {.code = 0};
    struct zone *z = NULL;
    char longest[200];

    (void)state;
    for (size_t i = 0; i < LENGTH(bad); i++) {
        assert_int_equal(zone_load(bad[i], &z, &err), -EINVAL);
        assert_string_equal(err.text, "not the name of a time zone");
    }
    memset(longest, 'x', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(zone_load(longest, &z, NULL), -EINVAL);
    assert_int_equal(zone_load(NULL, &z, NULL), -EINVAL);
    assert_int_equal(zone_load("Mars/Olympus", &z, &err), -ENOENT);
    assert_non_null(strstr(err.text, "Mars/Olympus is unknown"));
    assert_null(z);
}

static void test_bad_rules(void **state)
{
    static const char *const bad[] = {
        "C",
        "CET",
        "CET-",
        "CET-25",
        "CET-1:60",
        "<CET-1",
        "CET-1CEST",
        "CET-1CEST,",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M3.5.0,",
        "CET-1CEST,M0.5.0,M10.5.0",
        "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.0.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,J0,J100",
        "CET-1CEST,J366,J100",
        "CET-1CEST,366,100",
        "CET-1CEST,M3.5.0/168,M10.5.0",
        "CET-1CEST,M3.5.0,M10.5.0x",
        "CET-1CEST,M3.5,M10.5.0",
        "CET-1CEST,M3.5.0,M10.5.0,",
        "CET-99999999999999999999",
        "1",
        "-1",
        "CET-1x",
    };

    (void)state;
    for (size_t i = 0; i < LENGTH(bad); i++) {
        struct file f = {.rule = bad[i]};
        struct zone *z = NULL;

        if (parse(&f, &z, NULL) != -EINVAL)
            fail_msg("rule \"%s\" was not refused", bad[i]);
        assert_null(z);
    }
}

static void test_bad_files(void **state)
{
    static const int64_t backward[] = {100, 99};
    static const struct file bad[] = {
        {.rule = "", .version = '1'},
        {.rule = "", .leaps = 1},
        {.rule = "", .offsets = {100000, 0}},
        {.rule = "", .offsets = {0, -100000}, .times = backward, .n = 2},
        {.rule = "", .times = backward, .n = 2},
    };

    (void)state;
    for (size_t i = 0; i < LENGTH(bad); i++) {
        struct err err = {.text = ""};
        struct zone *z = NULL;

        assert_int_equal(parse(&bad[i], &z, &err), -EINVAL);
        assert_null(z);
        assert_true(strlen(err.text) > 10);
        if (bad[i].leaps > 0)
            assert_non_null(strstr(err.text, "leap seconds"));
    }
}

/* Parses a copy of exact size; whatever is accepted can be asked. */
static int parse_copy(const char *data, size_t len)
{
    char *copy = malloc(len > 0 ? len : 1);
    struct zone *z = NULL;
    int r;

    assert_non_null(copy);
    memcpy(copy, data, len);
    r = zone_parse("X", copy, len, &z, NULL);
    assert_int_equal(r == 0, z != NULL);
    if (z != NULL) {
        assert_true(labs(zone_offset(z, 1767225600000)) <= 26 * 3600);
        (void)zone_from_local(z, 1767225600);
    }
    zone_free(&z);
    free(copy);
    return r;
}

static void test_damage(void **state)
{
    static const int64_t times[] = {-1000, 0, 5000};
    struct file f = {.times = times,
                     .n = 3,
                     .offsets = {100, -200},
                     .rule = "CET-1CEST,M3.5.0,M10.5.0/3"};
    struct buf b = make_file(&f);
    uint64_t x = UINT64_C(88172645463325252);

    (void)state;
    assert_int_equal(parse_copy(b.data, b.len), 0);
    for (size_t len = 0; len < b.len; len++)
        assert_int_equal(parse_copy(b.data, len), -EINVAL);
    for (int i = 0; i < 5000; i++) {
        size_t k;
        char kept;

        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        k = (size_t)(x >> 20) % b.len;
        kept = b.data[k];
        b.data[k] = (char)(x >> 50);
        (void)parse_copy(b.data, b.len);
        b.data[k] = kept;
    }
    buf_done(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spans_and_what_is_before_them),
        cmocka_unit_test(test_utc_needs_no_file),
        cmocka_unit_test(test_rule_by_month_for_ever),
        cmocka_unit_test(test_rules_of_each_form),
        cmocka_unit_test(test_summer_all_the_year),
        cmocka_unit_test(test_rule_follows_the_last_span),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_bad_rules),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_damage),
    };

    return cmocka_run_group_tests_name("zone", tests, NULL, NULL);
}
