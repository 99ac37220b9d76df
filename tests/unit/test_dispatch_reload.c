/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_dispatch_reload.c - apps that come, change and go while their
 * jobs are queued and running.
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

static const char *const app_a[3][4] = {
    {"apps.a.plugin=fix_hook_serial", "apps.a.settings.mark=one", NULL},
    {"apps.a.plugin=fix_hook_serial", "apps.a.settings.mark=two", NULL},
    {"apps.a.plugin=fix_hook_serial", "apps.a.settings.mark=three", NULL},
};

/* The newest of the retired instances. */
static struct plugin_instance *last_retired(void)
{
    assert_false(list_empty(&rig.retired));
    return list_of(rig.retired.prev, struct rig_old, link)->instance;
}

static void some_ticks(void)
{
    for (int i = 0; i < 100; i++)
        yard_step();
}

/* Under load, no two instances at once, every job once. */
static void a_swap_loses_and_doubles_nothing(void **state)
{
    static struct gate g;
    int64_t id = 1;

    (void)state;
    rig_start(&rig, 3, 6, 4000);
    rig_serve_list(&rig, app_a[0]);
    gate_init(&g, true, ONTIME_DONE);
    for (int round = 1; round <= 12; round++) {
        for (int k = 0; k < 250; k++)
            rig_give(&rig, "a", id++, &g.hook);
        rig_serve_list(&rig, app_a[round % 3]);
    }
    yard_until(rig_count(&rig) + rig_returns(&rig) == 3000);
    assert_int_equal(rig_returns(&rig), 0);
    assert_int_equal(atomic_load(&g.most), 1);
    for (int64_t i = 1; i <= 3000; i++)
        assert_int_equal(rig_end(&rig, i).times, 1);
}

static void the_new_one_waits_for_the_old_one(void **state)
{
    static struct gate slow, quick;
    struct dispatch_view v;

    (void)state;
    rig_start(&rig, 2, 4, 100);
    rig_serve_list(&rig, app_a[0]);
    gate_init(&slow, false, ONTIME_DONE);
    gate_init(&quick, true, ONTIME_DONE);
    rig_give(&rig, "a", 1, &slow.hook);
    yard_until(atomic_load(&slow.inside) == 1);
    rig_give_many(&rig, "a", 2, 10, &quick.hook);
    rig_serve_list(&rig, app_a[1]);
    dispatch_look(rig.d, app_name_s("a"), &v);
    assert_true(v.waiting);
    some_ticks();
    assert_int_equal(atomic_load(&quick.calls), 0);
    atomic_store(&slow.open, true);
    yard_until(rig_count(&rig) == 11);
    assert_true(instance_idle(last_retired()));
}

/* The second reload comes while the first one's instance has not begun. */
static void two_reloads_in_a_row_wait_for_the_one_that_runs(void **state)
{
    static struct gate slow, quick;

    (void)state;
    rig_start(&rig, 2, 4, 100);
    rig_serve_list(&rig, app_a[0]);
    gate_init(&slow, false, ONTIME_DONE);
    gate_init(&quick, true, ONTIME_DONE);
    rig_give(&rig, "a", 1, &slow.hook);
    yard_until(atomic_load(&slow.inside) == 1);
    rig_serve_list(&rig, app_a[1]);
    rig_serve_list(&rig, app_a[2]);
    rig_give_many(&rig, "a", 2, 10, &quick.hook);
    some_ticks();
    assert_int_equal(atomic_load(&quick.calls), 0);
    atomic_store(&slow.open, true);
    yard_until(rig_count(&rig) == 11);
}

static void jobs_of_an_app_that_goes_come_back(void **state)
{
    static struct gate slow, quick;
    struct dispatch_view v;

    (void)state;
    rig_start(&rig, 1, 2, 1000);
    rig_serve_list(&rig, app_a[0]);
    gate_init(&slow, false, ONTIME_DONE);
    gate_init(&quick, true, ONTIME_DONE);
    for (int64_t id = 1; id <= 200; id++) {
        rig_give(&rig, "a", id, &quick.hook);
        yard_until(rig_count(&rig) == (unsigned)id);
    }
    rig_give(&rig, "a", 300, &slow.hook);
    yard_until(atomic_load(&slow.inside) == 1);
    rig_give_many(&rig, "a", 301, 100, &quick.hook);
    rig_serve(&rig, "apps.b.plugin=fix_hook");
    yard_until(rig_returns(&rig) == 100);
    assert_int_equal(dispatch_room(rig.d, app_name_s("a"), 0, JOB_NORMAL), 0);
    rig_give(&rig, "a", 500, &quick.hook); /* on its way as the app went */
    yard_until(rig_returns(&rig) == 101);
    atomic_store(&slow.open, true);
    yard_until(rig_count(&rig) == 201);
    yard_until((dispatch_look(rig.d, app_name_s("a"), &v), v.open == 0));
    assert_int_equal(v.queued, 0);
}

/* A batch of an app that has gone, half of it done. */
static void the_rest_of_a_batch_comes_back(void **state)
{
    static struct gate first, slow, quick;

    (void)state;
    rig_start(&rig, 1, 1, 1000);
    rig_serve_list(&rig, app_a[0]);
    gate_init(&first, false, ONTIME_DONE);
    gate_init(&slow, false, ONTIME_DONE);
    gate_init(&quick, true, ONTIME_DONE);
    for (int64_t id = 1; id <= 300; id++) {
        rig_give(&rig, "a", id, &quick.hook);
        yard_until(rig_count(&rig) == (unsigned)id);
    }
    rig_give(&rig, "a", 400, &first.hook);
    yard_until(atomic_load(&first.inside) == 1);
    rig_give(&rig, "a", 401, &slow.hook);
    rig_give_many(&rig, "a", 402, 20, &quick.hook);
    atomic_store(&first.open, true);
    yard_until(atomic_load(&slow.inside) == 1);
    rig_serve(&rig, "apps.b.plugin=fix_hook");
    atomic_store(&slow.open, true);
    yard_until(rig_count(&rig) == 302);
    yard_until(rig_returns(&rig) == 20);
}

static void an_app_that_comes_back_waits_for_its_former_self(void **state)
{
    static struct gate slow, quick;

    (void)state;
    rig_start(&rig, 2, 4, 100);
    rig_serve_list(&rig, app_a[0]);
    gate_init(&slow, false, ONTIME_DONE);
    gate_init(&quick, true, ONTIME_DONE);
    rig_give(&rig, "a", 1, &slow.hook);
    yard_until(atomic_load(&slow.inside) == 1);
    rig_serve(&rig, "apps.b.plugin=fix_hook");
    rig_serve_list(&rig, app_a[0]);
    rig_give_many(&rig, "a", 2, 10, &quick.hook);
    some_ticks();
    assert_int_equal(atomic_load(&quick.calls), 0);
    atomic_store(&slow.open, true);
    yard_until(rig_count(&rig) == 11);
}

/* Abandoned: the app goes on with its new instance, beside the hung call. */
static void an_abandoned_one_is_not_waited_for(void **state)
{
    static struct gate hang, quick;
    unsigned hung;

    (void)state;
    rig_start(&rig, 2, 4, 100);
    rig_serve_list(&rig, app_a[0]);
    gate_init(&hang, false, ONTIME_DONE);
    gate_init(&quick, true, ONTIME_DONE);
    rig_give(&rig, "a", 1, &hang.hook);
    yard_until(atomic_load(&hang.inside) == 1);
    rig_give_many(&rig, "a", 2, 10, &quick.hook);
    rig_serve_list(&rig, app_a[1]);
    (void)attempt_expire_instance(dispatch_attempts(rig.d), last_retired(),
                                  ATTEMPT_RELOAD, clock_wall_ms());
    yard_until(rig_end(&rig, 1).times == 1);
    assert_int_equal(rig_end(&rig, 1).fate, ATTEMPT_AGAIN);
    instance_abandon(last_retired());
    yard_until(rig_count(&rig) == 11);
    assert_int_equal(atomic_load(&hang.inside), 1);
    atomic_store(&hang.open, true);
    yard_until((dispatch_workers(rig.d, &hung), hung == 0));
}

/* A call of the same instance is inside that dispatch does not know of. */
static void a_busy_plugin_is_tried_again(void **state)
{
    struct dispatch_view v;
    static struct gate g;

    (void)state;
    rig_start(&rig, 2, 2, 100);
    rig_serve_list(&rig, app_a[0]);
    gate_init(&g, true, ONTIME_DONE);
    assert_true(instance_call_begin(rig_instance(&rig, "a")));
    rig_give_many(&rig, "a", 1, 10, &g.hook);
    some_ticks();
    assert_int_equal(atomic_load(&g.calls), 0);
    assert_int_equal(rig_count(&rig), 0);
    instance_call_end(rig_instance(&rig, "a"));
    yard_until(rig_count(&rig) == 10);
    yard_until((dispatch_look(rig.d, app_name_s("a"), &v), v.open == 0));
}

/* Retired behind our back, as between a swap and the next: nothing is lost. */
static void a_retired_plugin_keeps_its_jobs_waiting(void **state)
{
    static struct gate g;

    (void)state;
    rig_start(&rig, 2, 2, 100);
    rig_serve_list(&rig, app_a[0]);
    gate_init(&g, true, ONTIME_DONE);
    instance_retire(rig_instance(&rig, "a"));
    rig_give_many(&rig, "a", 1, 10, &g.hook);
    some_ticks();
    assert_int_equal(atomic_load(&g.calls), 0);
    rig_serve_list(&rig, app_a[1]);
    yard_until(rig_count(&rig) == 10);
    assert_int_equal(rig_returns(&rig), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_swap_loses_and_doubles_nothing, teardown),
        cmocka_unit_test_teardown(the_new_one_waits_for_the_old_one, teardown),
        cmocka_unit_test_teardown(
            two_reloads_in_a_row_wait_for_the_one_that_runs, teardown),
        cmocka_unit_test_teardown(jobs_of_an_app_that_goes_come_back, teardown),
        cmocka_unit_test_teardown(the_rest_of_a_batch_comes_back, teardown),
        cmocka_unit_test_teardown(
            an_app_that_comes_back_waits_for_its_former_self, teardown),
        cmocka_unit_test_teardown(an_abandoned_one_is_not_waited_for, teardown),
        cmocka_unit_test_teardown(a_busy_plugin_is_tried_again, teardown),
        cmocka_unit_test_teardown(a_retired_plugin_keeps_its_jobs_waiting,
                                  teardown),
    };

    yard_probe(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
