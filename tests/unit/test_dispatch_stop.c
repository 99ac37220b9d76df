/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_dispatch_stop.c - the end: what is open is waited for, what
 * does not end is cut off, and nobody calls out afterwards.
 */
#include "config.h"

#include "dispatch_rig.h"

static struct rig rig;

static int teardown(void **state)
{
    (void)state;
    rig_stop(&rig);
    return 0;
}

static void a_bad_start_is_an_error(void **state)
{
    struct err err = {0};
    struct rig r;

    (void)state;
    memset(&r, 0, sizeof(r));
    assert_int_equal(rig_try_start(&r, 1, 1, 0, &err), -EINVAL);
    assert_int_equal(rig_try_start(&r, 1, 1, (1u << 20) + 1, &err), -EINVAL);
}

static void it_ends_with_nothing_done(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        rig_start(&rig, 3, 6, 100);
        if (i % 2 == 0)
            rig_serve(&rig, "apps.a.plugin=fix_hook");
        if (i < 19)
            rig_stop(&rig);
    }
}

static void *open_soon(void *arg)
{
    struct gate *g = arg;

    for (int i = 0; i < 50; i++)
        yard_step();
    atomic_store(&g->open, true);
    return NULL;
}

static void the_drain_waits_for_what_is_open(void **state)
{
    static struct gate g, quick;
    pthread_t thread;

    (void)state;
    rig_start(&rig, 1, 4, 100);
    rig_serve(&rig, "apps.a.plugin=fix_hook");
    gate_init(&g, false, ONTIME_DONE);
    gate_init(&quick, true, ONTIME_DONE);
    rig_give(&rig, "a", 1, &g.hook);
    yard_until(atomic_load(&g.inside) == 1);
    assert_int_equal(pthread_create(&thread, NULL, open_soon, &g), 0);
    dispatch_drain(rig.d, clock_boot_ms() + YARD_PATIENCE_MS);
    assert_int_equal(rig_count(&rig), 1);
    assert_int_equal(rig_end(&rig, 1).fate, ATTEMPT_SUCCEEDS);
    assert_int_equal(pthread_join(thread, NULL), 0);
    rig_give_many(&rig, "a", 2, 10, &quick.hook); /* freed, not run */
    assert_int_equal(dispatch_room(rig.d, app_name_s("a"), 0, JOB_NORMAL), 0);
}

struct pending {
    struct fix_hook hook;
    atomic_int begun;
    const struct ontime_host *host;
    struct ontime_instance *self;
    uint64_t token;
};

static int never(struct fix_hook *h, const struct ontime_host *host,
                 struct ontime_instance *self, const struct ontime_job *job)
{
    struct pending *p = h->arg;

    p->host = host;
    p->self = self;
    p->token = job->token;
    atomic_fetch_add(&p->begun, 1);
    return ONTIME_PENDING;
}

/* What is cut off is nobody's: the store has the job, with this attempt. */
static void what_does_not_end_is_cut_off(void **state)
{
    static struct pending p = {.hook = {never, &p}};
    struct ontime_result done = {.size = sizeof(done), .outcome = ONTIME_DONE};
    static struct gate g;

    (void)state;
    rig_start(&rig, 1, 4, 100);
    rig_serve(&rig, "apps.a.plugin=fix_hook", "apps.a.retry.max_attempts=1");
    gate_init(&g, false, ONTIME_DONE);
    rig_give(&rig, "a", 1, &p.hook);
    yard_until(atomic_load(&p.begun) == 1);
    rig_give(&rig, "a", 2, &g.hook);
    yard_until(atomic_load(&g.inside) == 1);
    dispatch_drain(rig.d, clock_boot_ms() + 30);
    assert_int_equal(rig_count(&rig), 0);
    assert_int_equal(p.host->complete(p.self, p.token, &done), -ESTALE);
    atomic_store(&g.open, true);
    assert_true(dispatch_join(rig.d));
    assert_int_equal(rig_count(&rig), 0);
}

/* After the drain the rest of a batch is not run, and nobody is told anything. */
static void nothing_is_handed_on_after_the_drain(void **state)
{
    static struct gate first, slow, quick;

    (void)state;
    rig_start(&rig, 1, 1, 1000);
    rig_serve(&rig, "apps.a.plugin=fix_hook");
    gate_init(&first, false, ONTIME_DONE);
    gate_init(&slow, false, ONTIME_DONE);
    gate_init(&quick, true, ONTIME_DONE);
    for (int64_t id = 1; id <= 300; id++) {
        rig_give(&rig, "a", id, &quick.hook);
        yard_until(rig_count(&rig) == (unsigned)id);
    }
    rig_give(&rig, "a", 400, &first.hook);
    yard_until(atomic_load(&first.inside) == 1);
    rig_give_many(&rig, "a", 401, 5, &quick.hook);
    rig_give(&rig, "a", 406, &slow.hook);
    rig_give_many(&rig, "a", 407, 20, &quick.hook);
    atomic_store(&first.open, true);
    yard_until(atomic_load(&slow.inside) == 1);
    dispatch_drain(rig.d, clock_boot_ms());
    assert_int_equal(rig_count(&rig), 306); /* what was done is handed on */
    assert_int_equal(attempt_table_used(dispatch_attempts(rig.d)),
                     1); /* the call's */
    atomic_store(&slow.open, true);
    assert_true(dispatch_join(rig.d));
    assert_int_equal(rig_count(&rig), 306);
    assert_int_equal(atomic_load(&quick.calls), 305);
    assert_int_equal(rig_returns(&rig), 0);
}

static void it_says_when_a_worker_hangs(void **state)
{
    static struct gate g;

    (void)state;
    rig_start(&rig, 2, 2, 100);
    rig_serve(&rig, "apps.a.plugin=fix_hook");
    gate_init(&g, false, ONTIME_DONE);
    rig_give(&rig, "a", 1, &g.hook);
    yard_until(atomic_load(&g.inside) == 1);
    dispatch_drain(rig.d, clock_boot_ms());
    assert_false(dispatch_join(rig.d));
    atomic_store(&g.open, true); /* for the sake of the leak checker */
    yard_until(atomic_load(&g.inside) == 0);
}

static void a_store_that_is_away_does_not_hold_the_stop(void **state)
{
    static struct gate g;

    (void)state;
    rig_start(&rig, 2, 2, 100);
    rig_serve(&rig, "apps.a.plugin=fix_hook", "apps.a.track_running=true");
    gate_init(&g, true, ONTIME_DONE);
    atomic_store(&rig.mark_result, -EIO);
    rig_give_many(&rig, "a", 1, 50, &g.hook);
    yard_until(atomic_load(&rig.marks) >= 1);
    dispatch_drain(rig.d, clock_boot_ms() + YARD_PATIENCE_MS);
    assert_int_equal(atomic_load(&g.calls), 0);
}

static void a_full_table_is_waited_for(void **state)
{
    static struct pending p = {.hook = {never, &p}};
    struct ontime_result done = {.size = sizeof(done), .outcome = ONTIME_DONE};
    static struct gate g;

    (void)state;
    rig_start(&rig, 2, 2, 1);
    rig_serve(&rig, "apps.a.plugin=fix_hook");
    gate_init(&g, true, ONTIME_DONE);
    rig_give(&rig, "a", 1, &p.hook);
    yard_until(atomic_load(&p.begun) == 1);
    rig_give_many(&rig, "a", 2, 10, &g.hook);
    for (int i = 0; i < 60; i++)
        yard_step();
    assert_int_equal(atomic_load(&g.calls), 0);
    assert_int_equal(p.host->complete(p.self, p.token, &done), 0);
    yard_until(rig_count(&rig) == 11);
}

/* Stops while jobs are being given, run and ended from all sides. */
static void a_stop_may_come_at_any_moment(void **state)
{
    static struct gate g;

    (void)state;
    for (int round = 0; round < 20; round++) {
        unsigned before;

        rig_start(&rig, 2, 4, 4000);
        rig_serve(&rig, "apps.a.plugin=fix_hook", "apps.a.timeout=2ms",
                  "apps.b.plugin=fix_hook_serial");
        gate_init(&g, true, ONTIME_DONE);
        rig_give_many(&rig, "a", 1, 1000, &g.hook);
        rig_give_many(&rig, "b", 2000, 1000, &g.hook);
        for (int i = 0; i < round; i++)
            yard_step();
        dispatch_drain(rig.d, clock_boot_ms() + round % 3);
        before = rig_count(&rig);
        assert_true(dispatch_join(rig.d));
        assert_int_equal(rig_count(&rig), before);
        if (round < 19)
            rig_stop(&rig);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_start_is_an_error),
        cmocka_unit_test_teardown(it_ends_with_nothing_done, teardown),
        cmocka_unit_test_teardown(the_drain_waits_for_what_is_open, teardown),
        cmocka_unit_test_teardown(what_does_not_end_is_cut_off, teardown),
        cmocka_unit_test_teardown(nothing_is_handed_on_after_the_drain,
                                  teardown),
        cmocka_unit_test_teardown(it_says_when_a_worker_hangs, teardown),
        cmocka_unit_test_teardown(a_store_that_is_away_does_not_hold_the_stop,
                                  teardown),
        cmocka_unit_test_teardown(a_full_table_is_waited_for, teardown),
        cmocka_unit_test_teardown(a_stop_may_come_at_any_moment, teardown),
    };

    yard_probe(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
