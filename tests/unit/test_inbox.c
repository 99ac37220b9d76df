/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_inbox.c - base/inbox.
 */
#include "config.h"

#include "base/inbox.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"

#define SENDERS 4
#define LETTERS 20000

struct note {
    struct list link;
    unsigned sender;
    unsigned n;
    size_t weight;
};

static bool readable(const struct inbox *b)
{
    struct pollfd p = {.fd = b->wake_fd, .events = POLLIN};

    return poll(&p, 1, 0) == 1;
}

static void empty(struct inbox *b)
{
    struct list into;

    list_init(&into);
    (void)inbox_take(b, &into, 0);
}

static void letters_come_out_in_order(void **state)
{
    struct inbox b;
    struct list into;
    struct note l[3] = {{.n = 0}, {.n = 1}, {.n = 2}};

    (void)state;
    assert_int_equal(inbox_init(&b, 10, false), 0);
    assert_int_equal(b.wake_fd, -1);
    list_init(&into);
    assert_int_equal(inbox_take(&b, &into, 0), 0);
    assert_int_equal(inbox_put(&b, &l[0].link, 1), 0);
    assert_int_equal(inbox_take(&b, &into, 0), 1);
    assert_int_equal(inbox_put(&b, &l[1].link, 1), 0);
    assert_int_equal(inbox_put(&b, &l[2].link, 1), 0);
    assert_int_equal(inbox_take(&b, &into, -1), 2); /* keeps the first */
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(list_of(list_pop(&into), struct note, link)->n, i);
    assert_true(list_empty(&into));
    inbox_done(&b);
}

static void the_bound_counts_weights(void **state)
{
    struct inbox b;
    struct note l[6];

    (void)state;
    assert_int_equal(inbox_init(&b, 10, false), 0);
    assert_int_equal(inbox_put(&b, &l[0].link, 6), 0);
    assert_int_equal(inbox_put(&b, &l[1].link, 5), -EAGAIN);
    assert_int_equal(inbox_put(&b, &l[1].link, 4), 0);
    assert_int_equal(inbox_put(&b, &l[2].link, 1), -EAGAIN);
    assert_int_equal(inbox_put(&b, &l[2].link, SIZE_MAX), -EAGAIN);
    assert_int_equal(inbox_post(&b, &l[3].link, 7), 0); /* above the bound */
    assert_int_equal(inbox_post(&b, &l[4].link, SIZE_MAX), 0);
    assert_int_equal(inbox_put(&b, &l[2].link, 1), -EAGAIN);
    empty(&b);
    assert_int_equal(inbox_put(&b, &l[5].link, 500), 0); /* any, when empty */
    assert_int_equal(inbox_put(&b, &l[2].link, 0), -EAGAIN);
    empty(&b);
    inbox_done(&b);
}

static void closing(void **state)
{
    struct inbox b;
    struct list into;
    struct note l[2];

    (void)state;
    list_init(&into);
    assert_int_equal(inbox_init(&b, 1, true), 0);
    assert_int_equal(inbox_put(&b, &l[0].link, 1), 0);
    inbox_close(&b);
    inbox_close(&b);
    assert_int_equal(inbox_put(&b, &l[1].link, 1), -EPIPE);
    assert_int_equal(inbox_post(&b, &l[1].link, 1), -EPIPE);
    assert_int_equal(inbox_put_wait(&b, &l[1].link, 1), -EPIPE);
    assert_int_equal(inbox_take(&b, &into, -1), 1);
    assert_int_equal(inbox_take(&b, &into, -1), -EPIPE);
    assert_int_equal(inbox_take(&b, &into, 0), -EPIPE);
    assert_true(readable(&b));
    inbox_done(&b);
    assert_int_equal(b.wake_fd, -1);
}

static void the_fd_tells_of_letters(void **state)
{
    struct inbox b;
    struct note l[3];

    (void)state;
    assert_int_equal(inbox_init(&b, 10, true), 0);
    assert_false(readable(&b));
    assert_int_equal(inbox_put(&b, &l[0].link, 1), 0);
    assert_true(readable(&b));
    assert_int_equal(inbox_post(&b, &l[1].link, 1), 0);
    assert_true(readable(&b));
    empty(&b);
    assert_false(readable(&b));
    empty(&b);
    assert_int_equal(inbox_put_wait(&b, &l[2].link, 1), 0);
    assert_true(readable(&b));
    empty(&b);
    inbox_close(&b);
    assert_true(readable(&b));
    inbox_done(&b);
}

static void taking_gives_up_after_the_timeout(void **state)
{
    struct inbox b;
    struct list into;
    int64_t from;
    int64_t ms;

    (void)state;
    list_init(&into);
    assert_int_equal(inbox_init(&b, 10, false), 0);
    from = clock_mono_ns();
    assert_int_equal(inbox_take(&b, &into, 30), 0);
    ms = (clock_mono_ns() - from) / 1000000;
    assert_true(ms >= 29);
    assert_true(ms < 10000);
    inbox_done(&b);
}

/* ---- with threads ---- */

struct sender {
    pthread_t thread;
    struct inbox *box;
    unsigned id;
    struct note *letters;
    int result;
};

/* Every third letter is put without waiting, until it fits. */
static void *send_all(void *arg)
{
    struct sender *s = arg;

    for (unsigned i = 0; i < LETTERS; i++) {
        struct note *l = &s->letters[i];
        int r;

        *l = (struct note){
            .sender = s->id, .n = i, .weight = 1 + (i + s->id) % 3};
        if (i % 3 == 0)
            while ((r = inbox_put(s->box, &l->link, l->weight)) == -EAGAIN)
                (void)sched_yield();
        else
            r = inbox_put_wait(s->box, &l->link, l->weight);
        if (r < 0) {
            s->result = r;
            break;
        }
    }
    return NULL;
}

static void start(struct sender *senders, struct inbox *b)
{
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.box = b, .id = i};
        senders[i].letters = calloc(LETTERS, sizeof(struct note));
        assert_non_null(senders[i].letters);
        assert_int_equal(
            pthread_create(&senders[i].thread, NULL, send_all, &senders[i]), 0);
    }
}

static void finish(struct sender *senders, int result)
{
    for (unsigned i = 0; i < SENDERS; i++) {
        assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
        assert_int_equal(senders[i].result, result);
        free(senders[i].letters);
    }
}

/* Checks one batch; returns its weight. */
static size_t check_batch(struct list *into, unsigned next[SENDERS])
{
    size_t weight = 0;
    struct list *e;

    while ((e = list_pop(into)) != NULL) {
        struct note *l = list_of(e, struct note, link);

        assert_int_equal(l->n, next[l->sender]);
        next[l->sender]++;
        weight += l->weight;
    }
    return weight;
}

static void four_senders_never_exceed_the_bound(void **state)
{
    struct inbox b;
    struct sender senders[SENDERS];
    unsigned next[SENDERS] = {0};
    struct list into;
    int total = 0;

    (void)state;
    list_init(&into);
    assert_int_equal(inbox_init(&b, 64, true), 0);
    start(senders, &b);
    while (total < SENDERS * LETTERS) {
        struct pollfd p = {.fd = b.wake_fd, .events = POLLIN};
        int n;

        if (total % 2 == 0) /* both ways of waiting */
            assert_int_equal(poll(&p, 1, 30000), 1);
        n = inbox_take(&b, &into, 30000);
        assert_true(n > 0);
        total += n;
        assert_true(check_batch(&into, next) <= 64);
    }
    finish(senders, 0);
    assert_int_equal(inbox_take(&b, &into, 0), 0);
    assert_false(readable(&b));
    for (unsigned i = 0; i < SENDERS; i++)
        assert_int_equal(next[i], LETTERS);
    inbox_done(&b);
}

static void closing_wakes_waiting_senders(void **state)
{
    struct inbox b;
    struct sender senders[SENDERS];
    unsigned next[SENDERS] = {0};
    struct list into;

    (void)state;
    list_init(&into);
    assert_int_equal(inbox_init(&b, 8, false), 0);
    start(senders, &b);
    assert_true(inbox_take(&b, &into, 30000) > 0);
    inbox_close(&b);
    while (inbox_take(&b, &into, -1) > 0)
        continue;
    (void)check_batch(&into, next);
    finish(senders, -EPIPE);
    inbox_done(&b);
}

static void *put_one(void *arg)
{
    struct inbox *b = arg;
    struct list letter;

    return inbox_put_wait(b, &letter, 1) == -EPIPE ? b : NULL;
}

static bool somebody_waits(struct inbox *b)
{
    bool yes;

    (void)pthread_mutex_lock(&b->mtx);
    yes = b->waiting > 0;
    (void)pthread_mutex_unlock(&b->mtx);
    return yes;
}

/* Closing alone does it; nobody takes. */
static void closing_wakes_a_sender_in_a_full_box(void **state)
{
    struct inbox b;
    struct list letter;
    pthread_t thread;
    void *ret = NULL;
    int64_t until = clock_mono_ns() + 30 * (int64_t)1000000000;

    (void)state;
    assert_int_equal(inbox_init(&b, 1, false), 0);
    assert_int_equal(inbox_put(&b, &letter, 1), 0);
    assert_int_equal(pthread_create(&thread, NULL, put_one, &b), 0);
    while (!somebody_waits(&b)) {
        assert_true(clock_mono_ns() < until);
        (void)sched_yield();
    }
    inbox_close(&b);
    assert_int_equal(pthread_join(thread, &ret), 0);
    assert_ptr_equal(ret, &b);
    empty(&b);
    inbox_done(&b);
}

static void *close_it(void *arg)
{
    inbox_close(arg);
    return NULL;
}

static void closing_wakes_the_taker(void **state)
{
    struct inbox b;
    struct list into;
    pthread_t thread;

    (void)state;
    list_init(&into);
    assert_int_equal(inbox_init(&b, 8, false), 0);
    assert_int_equal(pthread_create(&thread, NULL, close_it, &b), 0);
    assert_int_equal(inbox_take(&b, &into, -1), -EPIPE);
    assert_int_equal(pthread_join(thread, NULL), 0);
    inbox_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(letters_come_out_in_order),
        cmocka_unit_test(the_bound_counts_weights),
        cmocka_unit_test(closing),
        cmocka_unit_test(the_fd_tells_of_letters),
        cmocka_unit_test(taking_gives_up_after_the_timeout),
        cmocka_unit_test(four_senders_never_exceed_the_bound),
        cmocka_unit_test(closing_wakes_waiting_senders),
        cmocka_unit_test(closing_wakes_a_sender_in_a_full_box),
        cmocka_unit_test(closing_wakes_the_taker),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
