/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_intern.c - equal names are equal pointers, whoever asks
 * first.
 */
#include "config.h"

#include "base/intern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define THREADS 4
#define NAMES 2000

struct value {
    const char *text;
    size_t len;
    uint32_t index;
};

static void make(void *at, const char *text, size_t len, uint32_t index)
{
    struct value *v = at;

    *v = (struct value){text, len, index};
}

static intern_slot slots[INTERN_SLOTS], few_slots[INTERN_SLOTS];
static struct intern names = INTERN_INIT(slots, sizeof(struct value), make);
static struct intern few = INTERN_INIT(few_slots, sizeof(struct value), make);

static const struct value *of(struct intern *in, const char *name)
{
    return intern(in, name, strlen(name));
}

static void what_it_stands_for(void **state)
{
    const struct value *a = of(&few, "a"), *b = of(&few, "b");

    (void)state;
    assert_ptr_equal(of(&few, "a"), a);
    assert_ptr_not_equal(a, b);
    assert_string_equal(a->text, "a");
    assert_int_equal(a->len, 1);
    assert_int_equal(a->index, 0);
    assert_int_equal(b->index, 1);
    assert_ptr_not_equal(intern(&few, "a\0b", 3), a);
}

static void *ask(void *arg)
{
    const struct value **got = arg;
    char name[16];

    for (int i = 0; i < NAMES; i++) {
        (void)snprintf(name, sizeof(name), "n%d", i);
        got[i] = of(&names, name);
    }
    return NULL;
}

static void many_threads_get_the_same(void **state)
{
    static const struct value *got[THREADS][NAMES];
    pthread_t threads[THREADS];
    char name[16];

    (void)state;
    for (int t = 0; t < THREADS; t++)
        assert_int_equal(pthread_create(&threads[t], NULL, ask, got[t]), 0);
    for (int t = 0; t < THREADS; t++)
        assert_int_equal(pthread_join(threads[t], NULL), 0);
    for (int i = 0; i < NAMES; i++) {
        (void)snprintf(name, sizeof(name), "n%d", i);
        assert_string_equal(got[0][i]->text, name);
        assert_true(got[0][i]->index < NAMES);
        for (int t = 1; t < THREADS; t++)
            assert_ptr_equal(got[t][i], got[0][i]);
    }
}

static void the_table_is_bounded(void **state)
{
    char name[16];
    int made = 0;

    (void)state;
    for (int i = 0; i < (int)INTERN_NAMES_MAX + 10; i++) {
        (void)snprintf(name, sizeof(name), "more%d", i);
        made += of(&few, name) != NULL;
    }
    assert_in_range(made, INTERN_NAMES_MAX - 10, INTERN_NAMES_MAX);
    assert_null(of(&few, "one more"));
    assert_non_null(of(&few, "a")); /* what is known is found */
}

static void plain_names(void **state)
{
    (void)state;
    assert_true(intern_plain("a-Z_0.9", 7, 7));
    assert_false(intern_plain("a-Z_0.9", 7, 6));
    assert_false(intern_plain("", 0, 6));
    assert_false(intern_plain(NULL, 0, 6));
    assert_false(intern_plain("a b", 3, 6));
    assert_false(intern_plain("a/b", 3, 6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_stands_for),
        cmocka_unit_test(many_threads_get_the_same),
        cmocka_unit_test(the_table_is_bounded),
        cmocka_unit_test(plain_names),
    };

    return cmocka_run_group_tests_name("intern", tests, NULL, NULL);
}
