/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_plug_race.c - many want to end one attempt: there is always
 * exactly one winner, and nobody touches what is not his any more.
 */
#include "config.h"

#include "plug_box.h"

#include "base/log.h"
#include "plug/host.h"

#include <sched.h>
#include <stdatomic.h>

#define THREADS 4
#define ROUNDS 200

static struct yard yard;
static struct box box;

static int setup(void **state)
{
    (void)state;
    yard_open(&yard, YARD_PATIENCE_MS);
    box_open(&box, 256, 1u << 16);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    box_close(&box);
    yard_close(&yard);
    return 0;
}

struct racer {
    struct plugin_instance *i;
    pthread_barrier_t *start;
    uint64_t token;
    int kind; /* what it does to the token */
    bool won;
    pthread_t thread;
};

/* Kinds: 0 and 1 answer, 2 expires, 3 emits until it is stale. */
static void *race(void *arg)
{
    struct racer *r = arg;
    struct ontime_result done = {.size = sizeof(done), .outcome = ONTIME_DONE};
    struct ontime_record rec = {
        .topic = "out", .value = {"v", 1}, .partition = -1};

    (void)pthread_barrier_wait(r->start);
    if (r->kind < 2) {
        r->won = attempt_complete(box.table, r->i, r->token, &done) == 0;
    } else if (r->kind == 2) {
        r->won =
            attempt_expire(box.table, r->token, ATTEMPT_TIMEOUT, 2000) == 0;
    } else {
        for (int n = 0; n < 5; n++)
            if (plugin_host.emit(instance_handle(r->i), r->token, &rec) != 0)
                break;
    }
    return NULL;
}

/* A round: the threads against one open attempt; how many won. */
static int one_round(struct plugin_instance *i, const int kinds[THREADS])
{
    pthread_barrier_t start;
    struct racer r[THREADS];
    uint64_t token = box_run(&box, i, 1, NULL);
    int won = 0;

    (void)pthread_barrier_init(&start, NULL, THREADS);
    for (int n = 0; n < THREADS; n++) {
        r[n] = (struct racer){
            .i = i, .start = &start, .token = token, .kind = kinds[n]};
        assert_int_equal(pthread_create(&r[n].thread, NULL, race, &r[n]), 0);
    }
    for (int n = 0; n < THREADS; n++) {
        (void)pthread_join(r[n].thread, NULL);
        won += r[n].won;
    }
    (void)pthread_barrier_destroy(&start);
    assert_false(attempt_is_open(box.table, token));
    return won;
}

static void rounds_of(const int kinds[THREADS])
{
    struct plugin_instance *i = yard_ready(&yard, "fix_never", box.table);

    for (int n = 0; n < ROUNDS; n++) {
        struct attempt *a;

        assert_int_equal(one_round(i, kinds), 1);
        assert_int_equal(box_count(&box), n + 1);
        a = box_next(&box);
        assert_non_null(a);
        assert_int_equal(a->record_count == 0, a->records == NULL);
        attempt_free(&a);
    }
    yard_done(&i);
}

static void four_answers_one_winner(void **state)
{
    (void)state;
    rounds_of((const int[]){0, 1, 0, 1});
}

static void answers_against_the_timeout(void **state)
{
    (void)state;
    rounds_of((const int[]){0, 2, 2, 1});
}

static void emits_against_the_end(void **state)
{
    (void)state;
    rounds_of((const int[]){3, 3, 2, 0});
}

/* ---- workers, plugin threads, time-outs, a slow receiver, a reload ------- */

struct load {
    struct plugin_instance *i;
    atomic_int opened;
    atomic_bool stop;
};

static void *worker(void *arg)
{
    struct load *l = arg;

    while (!atomic_load(&l->stop)) {
        struct job *j = yard_job(1, "payload");
        struct attempt *a;

        if (attempt_open(box.table, l->i,
                         &(struct attempt_start){.job = j,
                                                 .now_ms = 1000,
                                                 .boot_ms = 1000,
                                                 .timeout_ms = 1000},
                         &a) < 0) {
            job_free(&j);
            (void)sched_yield();
            continue;
        }
        atomic_fetch_add(&l->opened, 1);
        (void)attempt_run(a);
    }
    return NULL;
}

static void *expirer(void *arg)
{
    struct load *l = arg;

    while (!atomic_load(&l->stop)) {
        (void)attempt_expire_due(box.table, 3000, 3000);
        (void)sched_yield();
    }
    return NULL;
}

static void *receiver(void *arg)
{
    struct load *l = arg;

    while (!atomic_load(&l->stop)) {
        struct attempt *a = box_next(&box);

        if (a == NULL) {
            (void)sched_yield();
            continue;
        }
        if ((a->token & 1) != 0) {
            struct job *j = attempt_take_job(a);

            assert_true(j == NULL || span_eqs(j->payload, "payload"));
            job_free(&j);
        }
        attempt_free(&a);
    }
    return NULL;
}

/* Everybody at once on one table; every opened attempt ends exactly once. */
static void full_house(const char *fixture)
{
    struct load l = {.i = yard_ready(&yard, fixture, box.table)};
    void *(*const who[])(void *) = {worker, worker, expirer, receiver};
    int64_t end = clock_boot_ms() + 500;
    pthread_t t[4];

    for (int n = 0; n < 4; n++)
        assert_int_equal(pthread_create(&t[n], NULL, who[n], &l), 0);
    while (clock_boot_ms() < end || atomic_load(&l.opened) < 100)
        yard_step();
    atomic_store(&l.stop, true);
    for (int n = 0; n < 4; n++)
        (void)pthread_join(t[n], NULL);
    (void)attempt_expire_instance(box.table, l.i, ATTEMPT_STOP, 4000);
    assert_int_equal(attempt_table_open(box.table), 0);
    assert_int_equal(box_count(&box), atomic_load(&l.opened));
    yard_done(&l.i);
}

static void quick_plugins(void **state)
{
    (void)state;
    full_house("fix_good");
}

static void plugins_that_never_answer(void **state)
{
    (void)state;
    full_house("fix_never");
}

/* The instance is retired under load: once idle, nobody is inside, ever. */
static void retired_under_load(void **state)
{
    (void)state;
    for (int n = 0; n < 20; n++) {
        struct load l = {.i = yard_ready(&yard, "fix_good", box.table)};
        pthread_t t[3];

        assert_int_equal(pthread_create(&t[0], NULL, worker, &l), 0);
        assert_int_equal(pthread_create(&t[1], NULL, expirer, &l), 0);
        assert_int_equal(pthread_create(&t[2], NULL, receiver, &l), 0);
        yard_until(atomic_load(&l.opened) > 10);
        instance_retire(l.i);
        yard_until(instance_idle(l.i));
        (void)instance_ref(l.i); /* the worker's pointer */
        {
            struct plugin_instance *own = l.i;

            yard_done(&own);
        }
        atomic_store(&l.stop, true);
        for (int k = 0; k < 3; k++)
            (void)pthread_join(t[k], NULL);
        instance_unref(&l.i);
    }
}

int main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(four_answers_one_winner),   T(answers_against_the_timeout),
        T(emits_against_the_end),     T(quick_plugins),
        T(plugins_that_never_answer), T(retired_under_load),
    };

    yard_probe(argc, argv);
    (void)log_set_levels("off", NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
