/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_writer.c - the store's writer thread: order, puts that share
 * a transaction, waiting for a store that is away, and its end.
 *
 * The thread is held where a test wants it by a request that waits for a gate.
 */
#include "config.h"

#include "writer_rig.h"

/* ---- order ----------------------------------------------------------------------- */

static void test_loads_go_first_others_in_order(void **state)
{
    struct bench *b = *state;

    hold(b);
    submit_put(b, 0, 5);
    b->r[1] = (struct writer_request){.kind = WRITE_PRUNE, .prune = {T0, 10}};
    submit(b, 1);
    submit_put(b, 2, 5);
    b->r[3] = (struct writer_request){
        .kind = WRITE_LOAD, .load.q = {.until = JOB_POS_MAX, .cap = 10}};
    submit(b, 3);
    release(b);
    wait_for(b, 4);
    assert_int_equal(b->told[3].order, 1);
    assert_int_equal(b->told[0].order, 2);
    assert_int_equal(b->told[1].order, 3);
    assert_int_equal(b->told[2].order, 4);
    assert_int_equal(b->r[3].load.r.count, 0);
}

static void test_every_kind_is_done(void **state)
{
    struct bench *b = *state;
    struct writer_request r = {.kind = WRITE_LOAD};
    struct outcome o = {.kind = OUTCOME_DONE};
    struct outcome *p = &o;
    struct job *j;
    struct err err;
    int64_t id;

    submit_put(b, 0, 5);
    wait_for(b, 1);
    r.load.q = (struct load_request){.until = JOB_POS_MAX, .cap = 10};
    assert_int_equal(writer_run(b->w, &r, &err), 0);
    assert_int_equal(r.load.r.count, 1);
    j = list_of(list_pop(&r.load.r.jobs), struct job, link);
    id = j->id;
    r = (struct writer_request){.kind = WRITE_RUNNING,
                                .running = {.jobs = &j, .count = 1}};
    assert_int_equal(writer_run(b->w, &r, &err), 0);
    r = (struct writer_request){
        .kind = WRITE_CHANGE,
        .change = {.kind = CHANGE_CANCEL, .id = id, .now_ms = T0}};
    assert_int_equal(writer_run(b->w, &r, &err), 0);
    assert_true(r.change.wish > 0);
    r = (struct writer_request){.kind = WRITE_WISHES, .wishes = {.cap = 9}};
    assert_int_equal(writer_run(b->w, &r, &err), 0);
    o.job = j;
    {
        struct writer_request d = {.kind = WRITE_DECIDE};
        struct wish *w = list_of(list_pop(&r.wishes.into), struct wish, link);

        d.decide.wish = w;
        d.decide.verdict = VERDICT_LATE;
        d.decide.now_ms = T0;
        assert_int_equal(writer_run(b->w, &d, &err), 0);
        wish_free(&w);
    }
    r = (struct writer_request){.kind = WRITE_FINISH,
                                .finish = {.outcomes = &p,
                                           .count = 1,
                                           .now_ms = T0,
                                           .ledger_pos = -1,
                                           .ledger_seq = -1}};
    assert_int_equal(writer_run(b->w, &r, &err), 0);
    assert_false(o.stale);
    /* What cannot be done is told. */
    r = (struct writer_request){
        .kind = WRITE_CHANGE,
        .change = {.kind = CHANGE_CANCEL, .id = id, .now_ms = T0}};
    assert_int_equal(writer_run(b->w, &r, &err), -ENOENT);
    assert_true(err.text[0] != '\0');
    job_free(&j);
}

/* ---- puts together ------------------------------------------------------------------ */

static int64_t batches(void)
{
    return metric_get(metric_series("store_batches_total", "put"));
}

static void count_call(struct writer_request *r, int result,
                       const struct err *err)
{
    int *calls = r->arg;

    (void)err;
    assert_int_equal(result, 0);
    ++*calls;
}

/* As often as the request is run. */
static void test_a_run_calls_done_as_well(void **state)
{
    struct bench *b = *state;
    int calls = 0;
    struct writer_request r = {
        .kind = WRITE_PUT, .done = count_call, .arg = &calls};
    struct err err;

    assert_int_equal(writer_run(b->w, &r, &err), 0);
    assert_int_equal(calls, 1);
    assert_int_equal(writer_run(b->w, &r, &err), 0);
    assert_int_equal(calls, 2);
    writer_close(b->w, 0);
    assert_int_equal(writer_run(b->w, &r, &err), -EPIPE);
    assert_int_equal(calls, 2);
}

static void test_puts_share_a_transaction(void **state)
{
    struct bench *b = *state;
    int64_t before = batches();

    hold(b);
    for (int i = 0; i < 10; i++)
        submit_put(b, i, 5);
    submit_put(b, 10, 5);
    b->item[10].idempotency = (struct span){"again", 5};
    submit_put(b, 11, 5);
    b->item[11].idempotency = (struct span){"again", 5};
    release(b);
    wait_for(b, 12);
    assert_int_equal(batches(), before + 1);
    for (int i = 0; i < 12; i++) {
        assert_int_equal(b->told[i].result, 0);
        assert_int_equal(b->told[i].order, i + 1);
        assert_int_equal(b->item[i].result,
                         i < 11 ? PUT_STORED : PUT_DUPLICATE);
        assert_true(i == 11 || b->item[i].job->id != 0);
    }
}

static void test_a_bad_one_does_not_harm_its_neighbours(void **state)
{
    struct bench *b = *state;
    const struct store_position at = {"K", "s", "t", 0, 5, 6};

    hold(b);
    submit_put(b, 0, 5);
    submit_put(b, 1, STORE_KEY_MAX + 1);
    submit_put(b, 2, 5);
    b->r[2].put.positions = &at; /* nobody is at 5 */
    b->r[2].put.position_count = 1;
    submit_put(b, 3, 5);
    release(b);
    wait_for(b, 4);
    assert_int_equal(b->told[0].result, 0);
    assert_int_equal(b->told[1].result, -EMSGSIZE);
    assert_int_equal(b->told[2].result, -ESTALE);
    assert_int_equal(b->told[3].result, 0);
    assert_int_equal(b->item[3].result, PUT_STORED);
    assert_true(writer_healthy(b->w));
}

/* ---- a store that is away ------------------------------------------------------------- */

static int failing(struct writer_request *r, struct store_session *x,
                   struct err *err)
{
    struct told *t = r->arg;
    struct bench *b = t->b;
    int left;

    (void)x;
    (void)pthread_mutex_lock(&b->mtx);
    left = b->failures;
    b->failures -= left > 0;
    (void)pthread_cond_broadcast(&b->changed);
    (void)pthread_mutex_unlock(&b->mtx);
    return left > 0 ? err_again(err, -EIO, "away") : 0;
}

static void submit_failing(struct bench *b, int i, int failures)
{
    b->failures = failures;
    b->r[i] = (struct writer_request){.kind = WRITE_CALL, .call = failing};
    submit(b, i);
}

static void test_it_waits_until_the_store_is_back(void **state)
{
    struct bench *b = *state;

    submit_failing(b, 0, 3);
    submit_put(b, 1, 5);
    (void)pthread_mutex_lock(&b->mtx);
    while (b->failures == 3)
        (void)pthread_cond_wait(&b->changed, &b->mtx);
    assert_int_equal(b->ended, 0);
    (void)pthread_mutex_unlock(&b->mtx);
    wait_for(b, 2);
    assert_int_equal(b->told[0].result, 0);
    assert_int_equal(b->told[0].order, 1);
    assert_int_equal(b->told[1].order, 2); /* it waited behind */
    assert_true(writer_healthy(b->w));
}

static void test_it_is_unhealthy_meanwhile_and_gives_up_at_the_stop(
    void **state)
{
    struct bench *b = *state;
    int64_t ms = clock_boot_ms();

    submit_failing(b, 0, 1000000);
    submit_put(b, 1, 5);
    while (writer_healthy(b->w) && clock_boot_ms() < ms + 10000)
        (void)sched_yield();
    assert_false(writer_healthy(b->w));
    ms = clock_boot_ms();
    writer_stop(&b->w, ms + 100);
    assert_null(b->w);
    assert_true(clock_boot_ms() < ms + 5000);
    assert_int_equal(b->told[0].result, -ECANCELED);
    assert_non_null(strstr(b->told[0].err.text, "away"));
    /* What the store can take is still done. */
    assert_int_equal(b->told[1].result, 0);
}

static void test_a_stop_does_what_was_handed_in(void **state)
{
    struct bench *b = *state;
    struct writer *w = b->w;

    for (int i = 0; i < 8; i++)
        submit_put(b, i, 5);
    writer_stop(&b->w, clock_boot_ms());
    assert_int_equal(b->ended, 8);
    for (int i = 0; i < 8; i++)
        assert_int_equal(b->told[i].result, 0);
    (void)w;
    writer_stop(&b->w, 0); /* twice does no harm */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_loads_go_first_others_in_order,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_every_kind_is_done, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_a_run_calls_done_as_well, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_puts_share_a_transaction, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            test_a_bad_one_does_not_harm_its_neighbours, setup, teardown),
        cmocka_unit_test_setup_teardown(test_it_waits_until_the_store_is_back,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_it_is_unhealthy_meanwhile_and_gives_up_at_the_stop, setup,
            teardown),
        cmocka_unit_test_setup_teardown(test_a_stop_does_what_was_handed_in,
                                        setup, teardown),
    };

    return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
