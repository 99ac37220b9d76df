/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_hash.c - base/hash.
 */
#include "config.h"

#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Key 00 01 .. 0f, input 00 01 .. n-1: the first bytes of the vectors that
 * come with the authors' reference code, and the paper's appendix for 15. */
static const struct hash_key key = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};

static const uint64_t want64[16] = {
    0x726fdb47dd0e0e31u, 0x74f839c593dc67fdu, 0x0d6c8009d9a94f5au,
    0x85676696d7fb7e2du, 0xcf2794e0277187b7u, 0x18765564cd99a68du,
    0xcbc9466e58fee3ceu, 0xab0200f58b01d137u, 0x93f5f5799a932462u,
    0x9e0082df0ba9e4b0u, 0x7a5dbbc594ddb9f3u, 0xf4b32f46226bada7u,
    0x751e8fbc860ee5fbu, 0x14ea5627c0843d90u, 0xf723ca908e7af2eeu,
    0xa129ca6149be45e5u,
};

static void input(uint8_t *in, size_t n)
{
    for (size_t i = 0; i < n; i++)
        in[i] = (uint8_t)i;
}

static void reference_vectors_64(void **state)
{
    uint8_t in[16];

    (void)state;
    input(in, sizeof(in));
    for (size_t n = 0; n < 16; n++)
        assert_true(hash64(&key, in, n) == want64[n]);
    assert_true(hash64(&key, NULL, 0) == want64[0]);
}

static void reference_vectors_128(void **state)
{
    static const uint8_t want[3][16] = {
        {0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14,
         0xc7, 0x55, 0x02, 0x93},
        {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11,
         0x9b, 0x22, 0xfc, 0x45},
        {0x81, 0x77, 0x22, 0x8d, 0xa4, 0xa4, 0x5d, 0xc7, 0xfc, 0xa3, 0x8b, 0xde,
         0xf6, 0x0a, 0xff, 0xe4},
    };
    uint8_t in[16];

    (void)state;
    input(in, sizeof(in));
    for (size_t n = 0; n < 3; n++) {
        uint64_t out[2];

        hash128(&key, in, n, out);
        for (size_t i = 0; i < 16; i++)
            assert_int_equal(out[i / 8] >> (8 * (i % 8)) & 0xff, want[n][i]);
    }
}

static void the_key_matters(void **state)
{
    struct hash_key other = key;
    uint64_t a[2];
    uint64_t b[2];

    (void)state;
    other.k1 ^= 1;
    assert_true(hash64(&key, "abc", 3) != hash64(&other, "abc", 3));
    hash128(&key, "abc", 3, a);
    hash128(&other, "abc", 3, b);
    assert_true(a[0] != b[0] && a[1] != b[1]);
}

static void random_bytes_fill_all_and_no_more(void **state)
{
    uint8_t buf[302];
    unsigned zeros = 0;

    (void)state;
    for (int round = 0; round < 8; round++) {
        memset(buf, 0, sizeof(buf));
        random_bytes(buf + 1, 300);
        assert_int_equal(buf[0], 0);
        assert_int_equal(buf[301], 0);
        for (size_t i = 1; i <= 300; i++)
            zeros += buf[i] == 0;
    }
    assert_true(zeros < 60); /* 9.4 expected */
    random_bytes(buf, 0);
}

static void uuids_are_version_4(void **state)
{
    char seen[100][37];

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        unsigned v[5];
        int n = 0;

        memset(seen[i], 'z', sizeof(seen[i]));
        random_uuid(seen[i]);
        assert_int_equal(strlen(seen[i]), 36);
        assert_int_equal(sscanf(seen[i], "%8x-%4x-%4x-%4x-%12x%n", &v[0], &v[1],
                                &v[2], &v[3], &v[4], &n),
                         5);
        assert_int_equal(n, 36);
        assert_int_equal(seen[i][14], '4');
        assert_non_null(strchr("89ab", seen[i][19]));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(seen[i], seen[j]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_vectors_64),
        cmocka_unit_test(reference_vectors_128),
        cmocka_unit_test(the_key_matters),
        cmocka_unit_test(random_bytes_fill_all_and_no_more),
        cmocka_unit_test(uuids_are_version_4),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
