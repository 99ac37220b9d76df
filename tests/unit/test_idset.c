/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_idset.c - base/idset.
 */
#include "config.h"

#include "base/idset.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cmocka.h>

#include "torture.h"

static int things[4096];

static void add_get_remove(void **state)
{
    struct idset s = {0};

    (void)state;
    assert_null(idset_get(&s, 7));
    assert_null(idset_remove(&s, 7));
    assert_int_equal(idset_add(&s, 7, &things[7]), 0);
    assert_int_equal(idset_add(&s, INT64_MIN, &things[1]), 0);
    assert_int_equal(idset_add(&s, INT64_MAX, &things[2]), 0);
    assert_int_equal(idset_add(&s, -1, &things[3]), 0);
    assert_int_equal(s.used, 4);
    assert_ptr_equal(idset_get(&s, 7), &things[7]);
    assert_ptr_equal(idset_get(&s, INT64_MIN), &things[1]);
    assert_ptr_equal(idset_remove(&s, 7), &things[7]);
    assert_null(idset_get(&s, 7));
    assert_null(idset_get(&s, 0));
    assert_ptr_equal(idset_remove(&s, INT64_MAX), &things[2]);
    assert_ptr_equal(idset_get(&s, -1), &things[3]);
    assert_int_equal(s.used, 2);
    idset_done(&s);
    assert_null(s.slots);
    assert_null(idset_get(&s, -1));
    assert_int_equal(idset_add(&s, 5, &things[5]), 0);
    idset_done(&s);
}

static void twice_is_refused_and_changes_nothing(void **state)
{
    struct idset s = {0};

    (void)state;
    assert_int_equal(idset_add(&s, 7, &things[7]), 0);
    assert_int_equal(idset_add(&s, 7, &things[8]), -EEXIST);
    assert_ptr_equal(idset_get(&s, 7), &things[7]);
    assert_int_equal(s.used, 1);
    idset_done(&s);
}

/* Random work against a plain array that is surely right. */
static void like_an_array(void **state)
{
    struct idset s = {0};
    bool in[4096] = {false};
    size_t used = 0;
    unsigned seed = 4711;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        /* waves: grow, then shrink */
        bool add = rand_r(&seed) % 100 < (i / 20000 % 2 == 0 ? 70 : 30);
        int id = 1 + rand_r(&seed) % 4095;

        if (add) {
            assert_int_equal(idset_add(&s, id * 1024, &things[id]),
                             in[id] ? -EEXIST : 0);
            used += in[id] ? 0 : 1;
            in[id] = true;
        } else {
            assert_ptr_equal(idset_remove(&s, id * 1024),
                             in[id] ? &things[id] : NULL);
            used -= in[id] ? 1 : 0;
            in[id] = false;
        }
        assert_int_equal(s.used, used);
    }
    for (int id = 1; id < 4096; id++)
        assert_ptr_equal(idset_get(&s, id * 1024), in[id] ? &things[id] : NULL);
    idset_done(&s);
}

static void walking_meets_each_once(void **state)
{
    struct idset s = {0};
    int met[101] = {0};
    size_t at = 0;
    int *thing;

    (void)state;
    assert_null(idset_next(&s, &at));
    for (int64_t id = 1; id <= 100; id++)
        assert_int_equal(idset_add(&s, id * 7, &things[id]), 0);
    while ((thing = idset_next(&s, &at)) != NULL)
        met[thing - things]++;
    assert_null(idset_next(&s, &at));
    for (int i = 1; i <= 100; i++)
        assert_int_equal(met[i], 1);
    idset_done(&s);
}

static void memory_shrinks_again(void **state)
{
    struct idset s = {0};
    size_t large;

    (void)state;
    for (int64_t id = 1; id <= 100000; id++)
        assert_int_equal(idset_add(&s, id, &things[id % 4096]), 0);
    large = s.cap;
    assert_true(large <= 4 * 100000);
    for (int64_t id = 1; id <= 99990; id++)
        assert_non_null(idset_remove(&s, id));
    assert_true(s.cap <= 256);
    for (int64_t id = 99991; id <= 100000; id++)
        assert_ptr_equal(idset_get(&s, id), &things[id % 4096]);
    idset_done(&s);
}

static void without_memory_nothing_changes(void **state)
{
    (void)state;
    TORTURE({
        struct idset s = {0};
        int64_t id;
        int r = 0;

        for (id = 1; id <= 40; id++) {
            r = idset_add(&s, id, &things[id]);
            if (r < 0)
                break;
        }
        assert_int_equal(r, torture_fired ? -ENOMEM : 0);
        assert_int_equal(s.used, id - 1);
        assert_null(idset_get(&s, id));
        for (int64_t i = 1; i < id; i++)
            assert_ptr_equal(idset_get(&s, i), &things[i]);
        idset_done(&s);
    });
}

/* Removing must work even when the smaller table cannot be had. */
static void shrinking_without_memory(void **state)
{
    struct idset s = {0};

    (void)state;
    for (int64_t id = 1; id <= 100; id++)
        assert_int_equal(idset_add(&s, id, &things[id]), 0);
    for (int64_t id = 1; id <= 100; id++) {
        torture_arm(0);
        assert_ptr_equal(idset_remove(&s, id), &things[id]);
        torture_left = -1;
        for (int64_t i = id + 1; i <= 100; i++)
            assert_ptr_equal(idset_get(&s, i), &things[i]);
    }
    assert_int_equal(s.used, 0);
    idset_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(add_get_remove),
        cmocka_unit_test(twice_is_refused_and_changes_nothing),
        cmocka_unit_test(like_an_array),
        cmocka_unit_test(walking_meets_each_once),
        cmocka_unit_test(memory_shrinks_again),
        cmocka_unit_test(without_memory_nothing_changes),
        cmocka_unit_test(shrinking_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
