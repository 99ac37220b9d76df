/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_dispatch.c - dispatch at work: limits, time-outs, decisions.
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

static void all_once(int64_t first, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(rig_end(&rig, first + (int64_t)i).times, 1);
}

static void a_job_is_run_and_handed_on(void **state)
{
    static struct gate g;

    (void)state;
    rig_start(&rig, 2, 4, 100);
    rig_serve(&rig, "apps.a.plugin=fix_hook");
    gate_init(&g, true, ONTIME_DONE);
    rig_give(&rig, "a", 1, &g.hook);
    yard_until(rig_count(&rig) == 1);
    assert_int_equal(rig_end(&rig, 1).fate, ATTEMPT_SUCCEEDS);
    assert_int_equal(rig_end(&rig, 1).by, ATTEMPT_ANSWERED);
}

static void no_more_attempts_than_the_limit(void **state)
{
    static struct gate g;

    (void)state;
    rig_start(&rig, 4, 16, 100);
    rig_serve(&rig, "apps.a.plugin=fix_hook", "apps.a.concurrency=3");
    gate_init(&g, false, ONTIME_DONE);
    rig_give_many(&rig, "a", 1, 40, &g.hook);
    yard_until(atomic_load(&g.inside) == 3);
    for (int i = 0; i < 100; i++) { /* some ticks: nobody else comes in */
        yard_step();
        assert_int_equal(atomic_load(&g.inside), 3);
    }
    atomic_store(&g.open, true);
    yard_until(rig_count(&rig) == 40);
    assert_int_equal(atomic_load(&g.most), 3);
    all_once(1, 40);
}

static void a_serial_plugin_never_overlaps(void **state)
{
    static struct gate g;

    (void)state;
    rig_start(&rig, 4, 16, 1000);
    rig_serve(&rig, "apps.a.plugin=fix_hook_serial");
    gate_init(&g, true, ONTIME_DONE);
    for (int64_t id = 1; id <= 2000; id++)
        rig_give(&rig, "a", id, &g.hook);
    yard_until(rig_count(&rig) == 2000);
    assert_int_equal(atomic_load(&g.most), 1);
    all_once(1, 2000);
}

static void a_rate_is_kept(void **state)
{
    int64_t began = clock_boot_ms();
    static struct gate g;

    (void)state;
    rig_start(&rig, 2, 4, 100);
    rig_serve(&rig, "apps.a.plugin=fix_hook", "apps.a.rate=50",
              "apps.a.burst=5");
    gate_init(&g, true, ONTIME_DONE);
    rig_give_many(&rig, "a", 1, 20, &g.hook);
    yard_until(rig_count(&rig) == 20);
    assert_true(clock_boot_ms() - began >= 15 * 1000 / 50 - 1);
    /* A reload with the same rate gives no new burst. */
    rig_serve(&rig, "apps.a.plugin=fix_hook", "apps.a.rate=50",
              "apps.a.burst=5", "apps.a.timeout=7s");
    rig_give_many(&rig, "a", 21, 5, &g.hook);
    yard_until(rig_count(&rig) == 25);
    assert_true(clock_boot_ms() - began >= 20 * 1000 / 50 - 1);
}

/* One app has nothing but its rate to wait for; another keeps a worker: the
 * time is still looked at. */
static void a_rate_does_not_wait_for_another_app(void **state)
{
    static struct gate g, quick;

    (void)state;
    rig_start(&rig, 2, 2, 100);
    rig_serve(&rig, "apps.a.plugin=fix_hook", "apps.a.rate=20",
              "apps.a.burst=1", "apps.b.plugin=fix_hook");
    gate_init(&g, false, ONTIME_DONE);
    gate_init(&quick, true, ONTIME_DONE);
    rig_give_many(&rig, "a", 1, 3, &quick.hook);
    yard_until(rig_count(&rig) == 1);
    rig_give(&rig, "b", 10, &g.hook);
    yard_until(rig_count(&rig) == 3);
    atomic_store(&g.open, true);
    yard_until(rig_count(&rig) == 4);
}

static void what_hangs_is_retried_and_others_go_on(void **state)
{
    static struct gate hang, quick;
    unsigned hung;

    (void)state;
    rig_start(&rig, 1, 4, 100);
    rig_serve(&rig, "apps.a.plugin=fix_hook", "apps.a.timeout=50ms",
              "apps.b.plugin=fix_hook_serial");
    gate_init(&hang, false, ONTIME_DONE);
    gate_init(&quick, true, ONTIME_DONE);
    rig_give(&rig, "a", 1, &hang.hook);
    yard_until(atomic_load(&hang.inside) == 1);
    rig_give_many(&rig, "b", 10, 20, &quick.hook);
    rig_give_many(&rig, "a", 40, 20, &quick.hook);
    yard_until(rig_count(&rig) == 41);
    assert_int_equal(rig_end(&rig, 1).by, ATTEMPT_TIMEOUT);
    assert_int_equal(rig_end(&rig, 1).fate, ATTEMPT_AGAIN);
    assert_true(rig_end(&rig, 1).again_ms >= rig_end(&rig, 1).ended_ms);
    yard_until((dispatch_workers(rig.d, &hung), hung == 1)); /* given up */
    rig_give(&rig, "b", 2, &quick.hook);
    yard_until(rig_count(&rig) == 42);
    atomic_store(&hang.open, true);
    yard_until((dispatch_workers(rig.d, &hung), hung == 0));
    assert_int_equal(rig_count(&rig), 42); /* the late answer is nobody's */
}

/* A plugin that always hangs costs a few workers, not all there can be. */
static void one_app_does_not_cost_all_workers(void **state)
{
    static struct gate hang, quick;
    unsigned hung;

    (void)state;
    rig_start(&rig, 1, 16, 1000);
    rig_serve(&rig, "apps.a.plugin=fix_hook", "apps.a.timeout=10ms",
              "apps.b.plugin=fix_hook");
    gate_init(&hang, false, ONTIME_DONE);
    gate_init(&quick, true, ONTIME_DONE);
    rig_give_many(&rig, "a", 1, 40, &hang.hook);
    yard_until((dispatch_workers(rig.d, &hung), hung >= 8));
    for (int i = 0; i < 60; i++)
        yard_step();
    assert_true((dispatch_workers(rig.d, &hung), hung) < 16);
    assert_true(atomic_load(&hang.calls) < 16);
    rig_give(&rig, "b", 100, &quick.hook);
    yard_until(rig_end(&rig, 100).times == 1);
    atomic_store(&hang.open, true);
    yard_until(rig_count(&rig) == 41);
    all_once(1, 40);
}

static void an_app_that_blocks_leaves_workers_to_others(void **state)
{
    static struct gate slow, quick;

    (void)state;
    rig_start(&rig, 1, 3, 100);
    rig_serve(&rig, "apps.a.plugin=fix_hook", "apps.b.plugin=fix_hook");
    gate_init(&slow, false, ONTIME_DONE);
    gate_init(&quick, true, ONTIME_DONE);
    rig_give_many(&rig, "a", 1, 10, &slow.hook);
    yard_until(atomic_load(&slow.inside) == 2);
    rig_give(&rig, "b", 20, &quick.hook);
    yard_until(rig_end(&rig, 20).times == 1);
    atomic_store(&slow.open, true);
    yard_until(rig_count(&rig) == 11);
}

/* A slow call does not keep what others in its batch have done or would do. */
static void a_slow_call_does_not_hold_its_batch(void **state)
{
    static struct gate slow, quick, first;

    (void)state;
    rig_start(&rig, 1, 3, 1000);
    rig_serve(&rig, "apps.a.plugin=fix_hook");
    gate_init(&slow, false, ONTIME_DONE);
    gate_init(&first, false, ONTIME_DONE);
    gate_init(&quick, true, ONTIME_DONE);
    for (int64_t id = 1; id <= 300; id++) { /* until it is known to be quick */
        rig_give(&rig, "a", id, &quick.hook);
        yard_until(rig_count(&rig) == (unsigned)id);
    }
    rig_give(&rig, "a", 400, &first.hook); /* the queue fills behind this one */
    yard_until(atomic_load(&first.inside) == 1);
    rig_give_many(&rig, "a", 1000, 10, &quick.hook);
    rig_give(&rig, "a", 1010, &slow.hook);
    rig_give_many(&rig, "a", 1011, 10, &quick.hook);
    atomic_store(&first.open, true);
    yard_until(rig_count(&rig) == 321);
    assert_int_equal(atomic_load(&slow.inside), 1);
    atomic_store(&slow.open, true);
    yard_until(rig_count(&rig) == 322);
    all_once(1000, 21);
}

struct answer { /* to be given by another thread */
    struct fix_hook hook;
    _Atomic(uint64_t) token;
    const struct ontime_host *host;
    struct ontime_instance *self;
};

static int keep_pending(struct fix_hook *h, const struct ontime_host *host,
                        struct ontime_instance *self,
                        const struct ontime_job *job)
{
    struct answer *a = h->arg;

    a->host = host;
    a->self = self;
    atomic_store(&a->token, job->token);
    return ONTIME_PENDING;
}

static _Atomic(int64_t) wall_step_ms;
int64_t __real_clock_wall_ms(void);
int64_t __wrap_clock_wall_ms(void);

int64_t __wrap_clock_wall_ms(void)
{
    return __real_clock_wall_ms() + atomic_load(&wall_step_ms);
}

static void a_clock_step_is_no_time_out(void **state)
{
    static struct gate g, hung;

    (void)state;
    rig_start(&rig, 2, 4, 100);
    rig_serve(&rig, "apps.a.plugin=fix_hook", "apps.a.timeout=1h",
              "apps.b.plugin=fix_hook", "apps.b.timeout=10ms");
    gate_init(&g, false, ONTIME_DONE);
    gate_init(&hung, false, ONTIME_DONE);
    rig_give(&rig, "a", 1, &g.hook);
    yard_until(atomic_load(&g.inside) == 1);
    atomic_store(&wall_step_ms, 2 * 3600000);
    rig_give(&rig, "b", 2, &hung.hook);
    yard_until(rig_count(&rig) > 0); /* the ticker has looked */
    atomic_store(&g.open, true);
    atomic_store(&hung.open, true);
    yard_until(rig_count(&rig) == 2);
    atomic_store(&wall_step_ms, 0);
    assert_int_equal(rig_end(&rig, 2).by, ATTEMPT_TIMEOUT);
    assert_int_equal(rig_end(&rig, 1).by, ATTEMPT_ANSWERED);
}

static void an_answer_may_come_from_another_thread(void **state)
{
    static struct answer a = {.hook = {keep_pending, &a}};
    struct ontime_result done = {.size = sizeof(done), .outcome = ONTIME_DONE};
    struct dispatch_view v;

    (void)state;
    rig_start(&rig, 1, 1, 100);
    rig_serve(&rig, "apps.a.plugin=fix_hook");
    rig_give(&rig, "a", 1, &a.hook);
    yard_until(atomic_load(&a.token) != 0);
    yard_until((dispatch_look(rig.d, app_name_s("a"), &v), v.inside == 0));
    assert_int_equal(v.open, 1);
    assert_int_equal(rig_count(&rig), 0);
    assert_int_equal(a.host->complete(a.self, atomic_load(&a.token), &done), 0);
    yard_until(rig_count(&rig) == 1);
    assert_int_equal(a.host->complete(a.self, atomic_load(&a.token), &done),
                     -ESTALE);
    dispatch_look(rig.d, app_name_s("a"), &v);
    assert_int_equal(v.open, 0);
}

static void give_attempt(int64_t id, uint32_t ended, struct fix_hook *h)
{
    struct job *j = rig_job("a", id, h);

    j->attempt = ended;
    rig_give_job(&rig, j);
}

static void retries_are_used_up(void **state)
{
    static struct gate again, fail;

    (void)state;
    rig_start(&rig, 2, 2, 100);
    rig_serve(&rig, "apps.a.plugin=fix_hook", "apps.a.retry.max_attempts=3",
              "apps.a.dead_letter_topic=gone");
    gate_init(&again, true, ONTIME_RETRY);
    gate_init(&fail, true, ONTIME_FAIL);
    give_attempt(1, 1, &again.hook);
    give_attempt(2, 2, &again.hook);
    give_attempt(3, 0, &fail.hook);
    yard_until(rig_count(&rig) == 3);
    assert_int_equal(rig_end(&rig, 1).fate, ATTEMPT_AGAIN);
    assert_int_equal(rig_end(&rig, 2).fate, ATTEMPT_DIES);
    assert_ptr_equal(rig_end(&rig, 2).dead_letters, topic_name_s("gone"));
    assert_int_equal(rig_end(&rig, 3).fate, ATTEMPT_DIES);
}

static void what_is_too_late_is_skipped(void **state)
{
    static struct gate g;
    struct job *late, *again;

    (void)state;
    rig_start(&rig, 2, 2, 100);
    rig_serve(&rig, "apps.a.plugin=fix_hook", "apps.a.misfire=skip");
    gate_init(&g, true, ONTIME_DONE);
    late = rig_job("a", 1, &g.hook);
    late->due_ms -= 3600000;
    late->overdue = true;
    again = rig_job("a", 2, &g.hook);
    again->due_ms -= 3600000;
    again->attempt = 1; /* begun in time: it is a retry that is late */
    rig_give_job(&rig, late);
    rig_give_job(&rig, again);
    rig_give(&rig, "a", 3, &g.hook);
    yard_until(rig_count(&rig) == 3);
    assert_int_equal(rig_end(&rig, 1).fate, ATTEMPT_SKIPS);
    assert_int_equal(rig_end(&rig, 1).started_ms, 0);
    assert_int_equal(rig_end(&rig, 2).fate, ATTEMPT_SUCCEEDS);
    assert_int_equal(rig_end(&rig, 3).fate, ATTEMPT_SUCCEEDS);
    assert_int_equal(atomic_load(&g.calls), 2);
}

/* The clock was set back between the scheduler and us. */
static void nothing_is_run_early(void **state)
{
    struct dispatch_view v;
    static struct gate g;
    struct job *j;

    (void)state;
    rig_start(&rig, 2, 2, 100);
    rig_serve(&rig, "apps.a.plugin=fix_hook", "apps.a.concurrency=1");
    gate_init(&g, true, ONTIME_DONE);
    j = rig_job("a", 1, &g.hook);
    j->due_ms += 3600000;
    rig_give_job(&rig, j);
    yard_until(rig_returns(&rig) == 1);
    rig_give(&rig, "a", 2, &g.hook);
    yard_until(rig_count(&rig) == 1);
    assert_int_equal(rig_end(&rig, 1).times, 0);
    assert_int_equal(rig_returns(&rig), 1);
    yard_until((dispatch_look(rig.d, app_name_s("a"), &v), v.open == 0));
}

static void no_attempt_without_its_mark(void **state)
{
    static struct gate g;

    (void)state;
    rig_start(&rig, 2, 2, 100);
    rig_serve(&rig, "apps.a.plugin=fix_hook", "apps.a.track_running=true");
    gate_init(&g, true, ONTIME_DONE);
    atomic_store(&rig.mark_result, -EIO);
    rig_give_many(&rig, "a", 1, 5, &g.hook);
    yard_until(atomic_load(&rig.marks) >= 2);
    assert_int_equal(atomic_load(&g.calls), 0);
    assert_true(atomic_load(&rig.marks) < 20); /* and not as fast as it can */
    atomic_store(&rig.mark_result, 0);
    yard_until(rig_count(&rig) == 5);
    assert_int_equal(atomic_load(&rig.marked), 5);
    all_once(1, 5);
}

static void room_is_told(void **state)
{
    static struct gate g;

    (void)state;
    rig_start(&rig, 2, 2, 6000);
    rig_serve(&rig, "apps.a.plugin=fix_hook", "apps.b.plugin=fix_hook",
              "apps.b.enabled=false");
    gate_init(&g, false, ONTIME_DONE);
    assert_int_equal(dispatch_room(rig.d, app_name_s("b"), 0, JOB_NORMAL), 0);
    assert_int_equal(dispatch_room(rig.d, app_name_s("unknown"), 0, JOB_NORMAL),
                     0);
    rig_give_many(&rig, "a", 1,
                  dispatch_room(rig.d, app_name_s("a"), 0, JOB_NORMAL),
                  &g.hook);
    assert_true(dispatch_room(rig.d, app_name_s("a"), 0, JOB_NORMAL) < 4096);
    assert_int_equal(atomic_load(&rig.rooms), 0);
    atomic_store(&g.open, true);
    yard_until(rig_count(&rig) == 4096);
    assert_int_equal(atomic_load(&rig.rooms), 1);
}

/* Time-outs so short that they come before the attempt has begun. */
static void an_attempt_may_end_before_it_begins(void **state)
{
    static struct gate g;

    (void)state;
    rig_start(&rig, 4, 8, 8000);
    rig_serve(&rig, "apps.a.plugin=fix_hook", "apps.a.timeout=1ms");
    gate_init(&g, true, ONTIME_DONE);
    for (int64_t id = 1; id <= 4000; id++) {
        rig_give(&rig, "a", id, &g.hook);
        if (id % 200 == 0)
            (void)attempt_expire_instance(dispatch_attempts(rig.d), NULL,
                                          ATTEMPT_TIMEOUT, clock_wall_ms());
    }
    yard_until(rig_count(&rig) == 4000);
    all_once(1, 4000);
}

/* A job that is not ours to run waits, goes back or is let go. */
static void nothing_is_run_without_a_permit(void **state)
{
    static struct gate g;
    struct dispatch_view v;

    (void)state;
    rig_start(&rig, 2, 2, 100);
    rig_serve(&rig, "apps.a.plugin=fix_hook");
    gate_init(&g, true, ONTIME_DONE);
    atomic_store(&rig.permit, PERMIT_WAIT);
    rig_give(&rig, "a", 1, &g.hook);
    for (int i = 0; i < 100; i++)
        yard_step();
    assert_int_equal(rig_count(&rig) + rig_returns(&rig), 0);
    atomic_store(&rig.permit, PERMIT_RUN);
    yard_until(rig_count(&rig) == 1);
    atomic_store(&rig.permit, PERMIT_RETURN);
    rig_give(&rig, "a", 2, &g.hook);
    yard_until(rig_returns(&rig) == 1);
    atomic_store(&rig.permit, PERMIT_DROP);
    rig_give(&rig, "a", 3, &g.hook);
    do {
        yard_step();
        dispatch_look(rig.d, app_name_s("a"), &v);
    } while (v.queued + v.open > 0);
    assert_int_equal(rig_count(&rig), 1);
    assert_int_equal(rig_returns(&rig), 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_job_is_run_and_handed_on, teardown),
        cmocka_unit_test_teardown(no_more_attempts_than_the_limit, teardown),
        cmocka_unit_test_teardown(a_serial_plugin_never_overlaps, teardown),
        cmocka_unit_test_teardown(a_rate_is_kept, teardown),
        cmocka_unit_test_teardown(a_rate_does_not_wait_for_another_app,
                                  teardown),
        cmocka_unit_test_teardown(what_hangs_is_retried_and_others_go_on,
                                  teardown),
        cmocka_unit_test_teardown(one_app_does_not_cost_all_workers, teardown),
        cmocka_unit_test_teardown(an_app_that_blocks_leaves_workers_to_others,
                                  teardown),
        cmocka_unit_test_teardown(a_slow_call_does_not_hold_its_batch,
                                  teardown),
        cmocka_unit_test_teardown(a_clock_step_is_no_time_out, teardown),
        cmocka_unit_test_teardown(an_answer_may_come_from_another_thread,
                                  teardown),
        cmocka_unit_test_teardown(retries_are_used_up, teardown),
        cmocka_unit_test_teardown(what_is_too_late_is_skipped, teardown),
        cmocka_unit_test_teardown(nothing_is_run_early, teardown),
        cmocka_unit_test_teardown(no_attempt_without_its_mark, teardown),
        cmocka_unit_test_teardown(nothing_is_run_without_a_permit, teardown),
        cmocka_unit_test_teardown(room_is_told, teardown),
        cmocka_unit_test_teardown(an_attempt_may_end_before_it_begins,
                                  teardown),
    };

    yard_probe(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
