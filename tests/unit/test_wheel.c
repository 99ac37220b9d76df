/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_wheel.c - the timing wheel: its promises one by one, and
 * then all of them against a sorted array over random operations.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "wheel/wheel.h"

#define YEAR_MS (INT64_C(365) * 86400 * 1000)
#define NOW INT64_C(1767225600000)

static struct wheel *new_wheel(int64_t now)
{
    struct wheel *w = wheel_new(now);

    assert_non_null(w);
    assert_int_equal(wheel_count(w), 0);
    assert_int_equal(wheel_next(w), INT64_MAX);
    return w;
}

static struct timer *pop(struct list *due)
{
    struct list *e = list_pop(due);

    assert_non_null(e);
    return list_of(e, struct timer, link);
}

static void add_all(struct wheel *w, struct timer *t, const int64_t *dues,
                    size_t n)
{
    for (size_t i = 0; i < n; i++) {
        timer_init(&t[i]);
        wheel_add(w, &t[i], dues[i]);
    }
    assert_int_equal(wheel_count(w), n);
}

static void test_fires_in_order_and_not_early(void **state)
{
    static const int64_t dues[] = {NOW + 300, NOW + 5, NOW + 70000, NOW + 5,
                                   NOW + 6};
    struct wheel *w = new_wheel(NOW);
    struct timer t[5];
    struct list due;

    (void)state;
    list_init(&due);
    add_all(w, t, dues, 5);
    assert_int_equal(wheel_expire(w, NOW + 4, 0, &due), 0);
    assert_int_equal(wheel_next(w), NOW + 5);
    assert_int_equal(wheel_expire(w, NOW + 5, 0, &due), 2);
    assert_ptr_equal(pop(&due), &t[1]);
    assert_ptr_equal(pop(&due), &t[3]);
    assert_int_equal(wheel_expire(w, NOW + 69999, 0, &due), 2);
    assert_ptr_equal(pop(&due), &t[4]);
    assert_ptr_equal(pop(&due), &t[0]);
    assert_int_equal(wheel_expire(w, NOW + 69999, 0, &due), 0);
    assert_int_equal(wheel_expire(w, NOW + 70000, 0, &due), 1);
    assert_ptr_equal(pop(&due), &t[2]);
    assert_int_equal(wheel_count(w), 0);
    wheel_free(&w);
    assert_null(w);
    wheel_free(&w);
    wheel_free(NULL);
}

static void test_overdue_is_due_at_once_in_order(void **state)
{
    static const int64_t dues[] = {NOW - 10, NOW - YEAR_MS, NOW, INT64_MIN,
                                   NOW - 10};
    static const int order[] = {3, 1, 0, 4, 2};
    struct wheel *w = new_wheel(NOW);
    struct timer t[5];
    struct list due;

    (void)state;
    list_init(&due);
    assert_int_equal(wheel_expire(w, NOW, 0, &due), 0);
    add_all(w, t, dues, 5);
    assert_true(wheel_next(w) <= INT64_MIN);
    assert_int_equal(wheel_expire(w, NOW, 0, &due), 5);
    for (size_t i = 0; i < 5; i++)
        assert_ptr_equal(pop(&due), &t[order[i]]);
    wheel_free(&w);
}

static void test_equal_times_keep_order_across_levels(void **state)
{
    static const int64_t at = NOW + 3 * 86400000;
    struct wheel *w = new_wheel(NOW);
    struct timer t[5];
    struct list due;

    (void)state;
    list_init(&due);
    for (size_t i = 0; i < 5; i++) {
        timer_init(&t[i]);
        wheel_add(w, &t[i], at); /* each time from a nearer now */
        assert_int_equal(wheel_expire(w, at - (1 << (22 - 5 * i)), 0, &due), 0);
    }
    assert_int_equal(wheel_expire(w, at, 0, &due), 5);
    for (size_t i = 0; i < 5; i++)
        assert_ptr_equal(pop(&due), &t[i]);
    wheel_free(&w);
}

static void test_max_bounds_and_continues(void **state)
{
    enum { N = 1000 };
    struct wheel *w = new_wheel(NOW);
    struct timer *t = calloc(N, sizeof(*t));
    struct list due;

    (void)state;
    assert_non_null(t);
    list_init(&due);
    for (size_t i = 0; i < N; i++) {
        timer_init(&t[i]);
        wheel_add(w, &t[i], NOW + (int64_t)(i / 100));
    }
    for (size_t i = 0; i < N; i += 64)
        assert_int_equal(wheel_expire(w, NOW + 500, 64, &due),
                         N - i < 64 ? N - i : 64);
    for (size_t i = 0; i < N; i++)
        assert_ptr_equal(pop(&due), &t[i]);
    assert_int_equal(wheel_expire(w, NOW + 500, 64, &due), 0);
    wheel_free(&w);
    free(t);
}

static void test_remove(void **state)
{
    static const int64_t dues[] = {NOW + 1, NOW + 1, NOW + 100000, NOW - 3};
    struct wheel *w = new_wheel(NOW);
    struct timer t[4];
    struct list due;

    (void)state;
    list_init(&due);
    add_all(w, t, dues, 4);
    assert_true(wheel_remove(w, &t[3]));
    assert_int_equal(wheel_next(w), NOW + 1);
    assert_true(wheel_remove(w, &t[0]));
    assert_false(wheel_remove(w, &t[0]));
    assert_int_equal(wheel_expire(w, NOW + 1, 0, &due), 1);
    assert_false(wheel_remove(w, &t[1])); /* handed out: stays in due */
    assert_ptr_equal(pop(&due), &t[1]);
    assert_true(wheel_remove(w, &t[2]));
    assert_int_equal(wheel_count(w), 0);
    assert_int_equal(wheel_next(w), INT64_MAX);
    wheel_add(w, &t[0], NOW + 2); /* and again */
    assert_int_equal(wheel_expire(w, NOW + 2, 0, &due), 1);
    wheel_free(&w);
}

static void test_clock_back_and_years_ahead(void **state)
{
    static const int64_t dues[] = {NOW + 10, NOW + 50 * YEAR_MS, INT64_MAX};
    struct wheel *w = new_wheel(NOW);
    struct timer t[3], early;
    struct list due;

    (void)state;
    list_init(&due);
    add_all(w, t, dues, 3);
    assert_int_equal(wheel_expire(w, NOW - 3600000, 0, &due), 0);
    timer_init(&early);
    wheel_add(w, &early, NOW - 60000);
    assert_true(wheel_next(w) <= NOW - 60000);
    assert_true(wheel_next(w) > NOW - 3600000);
    assert_int_equal(wheel_expire(w, NOW - 60001, 0, &due), 0);
    assert_int_equal(wheel_expire(w, NOW + 200 * YEAR_MS, 0, &due), 3);
    assert_ptr_equal(pop(&due), &early);
    assert_ptr_equal(pop(&due), &t[0]);
    assert_ptr_equal(pop(&due), &t[1]);
    assert_int_equal(wheel_expire(w, INT64_MAX - 1, 0, &due), 0);
    assert_int_equal(wheel_expire(w, INT64_MAX, 0, &due), 1);
    assert_ptr_equal(pop(&due), &t[2]);
    wheel_free(&w);
}

/* ---- against a sorted array ---------------------------------------------- */

#define POOL 2000
#define OPERATIONS 200000

struct model {
    struct wheel *w;
    int64_t now;
    uint64_t random;
    struct timer timers[POOL];
    struct timer *sorted[POOL]; /* those in the wheel, as they will come */
    size_t n;
    bool drained; /* nothing that was due at now was left */
};

static uint64_t draw(struct model *m, uint64_t below)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (m->random >> 11) % below;
}

static int64_t draw_due(struct model *m)
{
    switch (draw(m, 10)) {
    case 0:
        return m->now - (int64_t)draw(m, 100000);
    case 1:
        return m->now;
    case 2:
        return m->now + (int64_t)draw(m, 86400000);
    case 3:
        return m->now + (int64_t)draw(m, 80) * YEAR_MS;
    case 4:
        return m->n > 0 ? m->sorted[draw(m, m->n)]->due_ms : m->now + 1;
    case 5:
        return draw(m, 20) == 0 ? INT64_MAX : (m->now | 0xffff);
    case 6:
        return draw(m, 20) == 0 ? INT64_MIN : (m->now | 0xff) + 1;
    default:
        return m->now + (int64_t)draw(m, 1u << draw(m, 20));
    }
}

static void model_add(struct model *m)
{
    struct timer *t = &m->timers[draw(m, POOL)];
    size_t lo = 0, hi = m->n;

    if (t->in_wheel)
        return;
    wheel_add(m->w, t, draw_due(m));
    while (lo < hi) { /* behind all that are not later */
        size_t mid = (lo + hi) / 2;

        if (m->sorted[mid]->due_ms <= t->due_ms)
            lo = mid + 1;
        else
            hi = mid;
    }
    memmove(m->sorted + lo + 1, m->sorted + lo,
            (m->n - lo) * sizeof(m->sorted[0]));
    m->sorted[lo] = t;
    m->n++;
}

static void model_drop(struct model *m, size_t i, size_t n)
{
    m->n -= n;
    memmove(m->sorted + i, m->sorted + i + n,
            (m->n - i) * sizeof(m->sorted[0]));
}

static void model_remove(struct model *m)
{
    struct timer *t = &m->timers[draw(m, POOL)];
    size_t i = 0;

    while (i < m->n && m->sorted[i] != t)
        i++;
    assert_int_equal(wheel_remove(m->w, t), i < m->n);
    if (i < m->n)
        model_drop(m, i, 1);
}

static void model_turn_clock(struct model *m)
{
    uint64_t kind = draw(m, 1000);

    if (kind == 0)
        m->now += (int64_t)draw(m, 3) * YEAR_MS;
    else if (kind < 5)
        m->now += (int64_t)draw(m, 100000000);
    else if (kind < 10)
        m->now -= (int64_t)draw(m, 100000000);
    else if (kind < 100)
        m->now -= (int64_t)draw(m, 300);
    else
        m->now += (int64_t)draw(m, 1u << draw(m, 12));
}

static void model_expire(struct model *m)
{
    size_t max = draw(m, 4) == 0 ? 0 : 1 + draw(m, 40);
    size_t n, i;
    struct list due;

    list_init(&due);
    model_turn_clock(m);
    n = wheel_expire(m->w, m->now, max, &due);
    for (i = 0; i < n; i++) {
        assert_ptr_equal(pop(&due), m->sorted[i]);
        assert_true(m->sorted[i]->due_ms <= m->now);
    }
    assert_true(list_empty(&due));
    model_drop(m, 0, n);
    m->drained = max == 0 || n < max;
    if (m->drained && m->n > 0)
        assert_true(m->sorted[0]->due_ms > m->now);
}

/* Not too late, and no waking up for nothing. */
static void model_check_next(struct model *m)
{
    int64_t next = wheel_next(m->w);
    int64_t first = m->n > 0 ? m->sorted[0]->due_ms : INT64_MAX;

    assert_true(next <= first);
    if (m->drained && first > m->now)
        assert_true(next > m->now);
}

static void test_random_operations(void **state)
{
    struct model *m = calloc(1, sizeof(*m));

    (void)state;
    assert_non_null(m);
    m->now = NOW;
    m->random = UINT64_C(88172645463325252);
    m->w = new_wheel(m->now);
    for (size_t i = 0; i < POOL; i++)
        timer_init(&m->timers[i]);
    for (size_t i = 0; i < OPERATIONS; i++) {
        uint64_t op = draw(m, 16);

        if (op < 10)
            model_add(m);
        else if (op < 12)
            model_remove(m);
        else if (op < 12 + (i / 20000) % 4) /* fuller and emptier wheels */
            model_expire(m);
        assert_int_equal(wheel_count(m->w), m->n);
        model_check_next(m);
    }
    wheel_free(&m->w);
    free(m);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fires_in_order_and_not_early),
        cmocka_unit_test(test_overdue_is_due_at_once_in_order),
        cmocka_unit_test(test_equal_times_keep_order_across_levels),
        cmocka_unit_test(test_max_bounds_and_continues),
        cmocka_unit_test(test_remove),
        cmocka_unit_test(test_clock_back_and_years_ahead),
        cmocka_unit_test(test_random_operations),
    };

    return cmocka_run_group_tests_name("wheel", tests, NULL, NULL);
}
