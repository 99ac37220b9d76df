/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_headers.c - Kafka headers as one string of bytes.
 */
#include "config.h"

#include "job/headers.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct span span(const char *s)
{
    return (struct span){s, strlen(s)};
}

static struct span encoded(const struct buf *b)
{
    return (struct span){b->data, b->len};
}

static void test_order_duplicates_null_and_empty_are_kept(void **state)
{
    static const struct span null = {NULL, 0};
    struct buf b = BUF_INIT(1000);
    struct headers_iter it;
    struct span n, v;

    (void)state;
    assert_int_equal(headers_add(&b, span("b"), span("1")), 0);
    assert_int_equal(headers_add(&b, span("a"), null), 0);
    assert_int_equal(headers_add(&b, span("b"), span("")), 0);
    assert_int_equal(headers_add(&b, span(""), span("x")), 0);
    headers_begin(&it, encoded(&b));
    assert_int_equal(headers_next(&it, &n, &v), 1);
    assert_true(span_eqs(n, "b") && span_eqs(v, "1"));
    assert_int_equal(headers_next(&it, &n, &v), 1);
    assert_true(span_eqs(n, "a"));
    assert_null(v.data);
    assert_int_equal(headers_next(&it, &n, &v), 1);
    assert_true(span_eqs(n, "b") && v.len == 0);
    assert_non_null(v.data);
    assert_int_equal(headers_next(&it, &n, &v), 1);
    assert_true(n.len == 0 && span_eqs(v, "x"));
    assert_int_equal(headers_next(&it, &n, &v), 0);
    assert_int_equal(headers_next(&it, &n, &v), 0);
    buf_done(&b);
}

static void test_the_encoding_is_stored_and_must_not_change(void **state)
{
    static const char bytes[] = "\002a\003xy\002b\000";
    struct buf b = BUF_INIT(1000);

    (void)state;
    assert_int_equal(headers_add(&b, span("a"), span("xy")), 0);
    assert_int_equal(headers_add(&b, span("b"), (struct span){NULL, 0}), 0);
    assert_int_equal(b.len, sizeof(bytes) - 1);
    assert_memory_equal(b.data, bytes, b.len);
    buf_done(&b);
}

static void test_long_values(void **state)
{
    static const size_t sizes[] = {126, 127, 128, 16382, 16383, 16384, 70000};
    char *value = malloc(70000);
    struct headers_iter it;
    struct span n, v;

    (void)state;
    assert_non_null(value);
    memset(value, 'v', 70000);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct buf b = BUF_INIT(100000);

        assert_int_equal(
            headers_add(&b, span("n"), (struct span){value, sizes[i]}), 0);
        headers_begin(&it, encoded(&b));
        assert_int_equal(headers_next(&it, &n, &v), 1);
        assert_int_equal(v.len, sizes[i]);
        assert_memory_equal(v.data, value, v.len);
        assert_int_equal(headers_next(&it, &n, &v), 0);
        buf_done(&b);
    }
    free(value);
}

static void test_no_headers(void **state)
{
    struct headers_iter it;
    struct span n, v;

    (void)state;
    headers_begin(&it, (struct span){NULL, 0});
    assert_int_equal(headers_next(&it, &n, &v), 0);
    assert_false(headers_find((struct span){NULL, 0}, "a", &v));
}

static void test_find_takes_the_last(void **state)
{
    struct buf b = BUF_INIT(1000);
    struct span v = {NULL, 0};

    (void)state;
    (void)headers_add(&b, span("k"), span("1"));
    (void)headers_add(&b, span("key"), span("2"));
    (void)headers_add(&b, span("k"), span("3"));
    (void)headers_add(&b, span("none"), (struct span){NULL, 0});
    assert_int_equal(buf_ok(&b), 0);
    assert_true(headers_find(encoded(&b), "k", &v));
    assert_true(span_eqs(v, "3"));
    assert_true(headers_find(encoded(&b), "none", &v));
    assert_null(v.data);
    assert_false(headers_find(encoded(&b), "K", &v));
    assert_false(headers_find(encoded(&b), "ke", &v));
    buf_done(&b);
}

static void test_the_bound_sticks(void **state)
{
    struct buf b = BUF_INIT(6);

    (void)state;
    assert_int_equal(headers_add(&b, span("a"), span("1")), 0);
    assert_int_equal(headers_add(&b, span("b"), span("123")), -EMSGSIZE);
    assert_int_equal(headers_add(&b, span(""), (struct span){NULL, 0}),
                     -EMSGSIZE);
    buf_done(&b);
}

static void check_within(struct span s, const unsigned char *data, size_t len)
{
    const unsigned char *from = s.data;

    if (from == NULL)
        return;
    assert_true(from >= data && from <= data + len);
    assert_true(s.len <= (size_t)(data + len - from));
}

/* Reads damaged bytes in a block of their exact size; never more headers
 * than bytes, and the end is the end. */
static int read_all(const void *data, size_t len)
{
    unsigned char *copy = malloc(len > 0 ? len : 1);
    struct headers_iter it;
    struct span n, v;
    size_t count = 0;
    int r;

    assert_non_null(copy);
    memcpy(copy, data, len);
    headers_begin(&it, (struct span){copy, len});
    while ((r = headers_next(&it, &n, &v)) > 0) {
        check_within(n, copy, len);
        check_within(v, copy, len);
        count++;
    }
    assert_true(count <= len);
    assert_int_equal(headers_next(&it, &n, &v), 0);
    free(copy);
    return r;
}

static void test_damage(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
    } bad[] = {
        {"\000\002a", 3}, /* no name */
        {"\002", 1},      /* cut off */
        {"\002a", 2},
        {"\002a\003x", 4},
        {"\202", 1},
        {"\377\377\377\377\377\377\377\377\377\001a\001", 12}, /* huge */
        {"\377\377\377\377\377\377\377\377\177a\001", 11},
        {"\202\200\200\200\200\200\200\200\200\002a\000", 12},
        {"\002a\377\377\377\377\377\377\377\377\377\377\377\001", 14},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(read_all(bad[i].bytes, bad[i].len), -EINVAL);
}

static void test_random_bytes_do_no_harm(void **state)
{
    uint64_t x = UINT64_C(88172645463325252);
    unsigned char bytes[24];

    (void)state;
    for (int i = 0; i < 100000; i++) {
        for (size_t k = 0; k < sizeof(bytes); k++) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            bytes[k] = (unsigned char)((x >> 20) % (k % 3 == 0 ? 256 : 6));
        }
        (void)read_all(bytes, (size_t)(x >> 40) % (sizeof(bytes) + 1));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_duplicates_null_and_empty_are_kept),
        cmocka_unit_test(test_the_encoding_is_stored_and_must_not_change),
        cmocka_unit_test(test_long_values),
        cmocka_unit_test(test_no_headers),
        cmocka_unit_test(test_find_takes_the_last),
        cmocka_unit_test(test_the_bound_sticks),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_random_bytes_do_no_harm),
    };

    return cmocka_run_group_tests_name("headers", tests, NULL, NULL);
}
