/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_list.c - base/list.
 */
#include "config.h"

#include "base/list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

struct item {
    int n;
    struct list link;
};

/* Takes all out; the numbers must be first, first + 1, ... */
static int drain(struct list *head, int first)
{
    struct list *l;
    int n = 0;

    while ((l = list_pop(head)) != NULL) {
        assert_int_equal(list_of(l, struct item, link)->n, first + n);
        assert_true(list_empty(l));
        n++;
    }
    assert_true(list_empty(head));
    return n;
}

static void fill(struct list *head, struct item *items, int from, int n)
{
    list_init(head);
    for (int i = 0; i < n; i++) {
        items[i].n = from + i;
        list_push(head, &items[i].link);
    }
}

static void first_in_first_out(void **state)
{
    struct list head;
    struct item items[5];

    (void)state;
    fill(&head, items, 0, 5);
    assert_false(list_empty(&head));
    assert_int_equal(drain(&head, 0), 5);
    assert_null(list_pop(&head));
}

static void removing_from_the_middle_twice(void **state)
{
    struct list head;
    struct item items[3];

    (void)state;
    fill(&head, items, 0, 3);
    list_remove(&items[1].link);
    list_remove(&items[1].link);
    items[2].n = 1;
    assert_int_equal(drain(&head, 0), 2);
}

static void splicing(void **state)
{
    struct list a;
    struct list b;
    struct item items[7];

    (void)state;
    fill(&a, items, 0, 3);
    fill(&b, items + 3, 3, 4);
    list_splice(&a, &b);
    assert_true(list_empty(&b));
    list_splice(&a, &b); /* nothing */
    assert_int_equal(drain(&a, 0), 7);

    fill(&b, items, 0, 4);
    list_splice(&a, &b); /* into the empty */
    assert_int_equal(drain(&a, 0), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_in_first_out),
        cmocka_unit_test(removing_from_the_middle_twice),
        cmocka_unit_test(splicing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
