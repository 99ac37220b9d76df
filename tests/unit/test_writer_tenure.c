/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_writer_tenure.c - what was read or handed out before a slot
 * was lost, and comes back after it.
 */
#include "config.h"

#include "writer_rig.h"

static int next_tenure(struct writer_request *r, struct store_session *x,
                       struct err *err)
{
    struct bench *b = r->arg;

    (void)x;
    (void)err;
    (void)writer_new_tenure(b->w);
    return 0;
}

static atomic_int stales;

static void on_stale(void *arg)
{
    (void)arg;
    atomic_fetch_add(&stales, 1);
}

static struct job *load_one(struct bench *b, uint32_t tenure, int *ret)
{
    struct writer_request r = {
        .kind = WRITE_LOAD,
        .tenure = tenure,
        .load.q = {.until = JOB_POS_MAX, .cap = 9, .bytes_cap = 1 << 20}};

    *ret = writer_run(b->w, &r, NULL);
    return *ret < 0 || list_empty(&r.load.r.jobs)
               ? NULL
               : list_of(list_pop(&r.load.r.jobs), struct job, link);
}

static struct outcome finish_one(struct bench *b, struct job *j)
{
    struct outcome o = {.job = j, .kind = OUTCOME_DONE}, *p = &o;
    struct writer_request r = {.kind = WRITE_FINISH,
                               .finish = {.outcomes = &p,
                                          .count = 1,
                                          .now_ms = T0,
                                          .ledger_pos = -1,
                                          .ledger_seq = -1}};

    assert_int_equal(writer_run(b->w, &r, NULL), 0);
    return o;
}

/* What was read or handed out in an earlier tenure does not reach the store. */
static void test_a_tenure_ends(void **state)
{
    struct bench *b = *state;
    struct writer_request call = {.kind = WRITE_CALL, .call = next_tenure};
    struct writer_request mark = {.kind = WRITE_RUNNING};
    struct job *j;
    int r;

    writer_tell_stale(b->w, on_stale, NULL);
    submit_put(b, 0, 5);
    wait_for(b, 1);
    j = load_one(b, 0, &r);
    assert_non_null(j);
    hold(b); /* the call's arg is taken by writer_run: hand it in ourselves */
    call.done = ignore;
    call.arg = b;
    assert_int_equal(writer_submit(b->w, &call), 0);
    release(b);
    mark.running.jobs = &j;
    mark.running.count = 1;
    assert_int_equal(writer_run(b->w, &mark, NULL), -ESTALE);
    assert_int_equal(writer_tenure(b->w), 1);
    assert_true(finish_one(b, j).stale);
    assert_null(load_one(b, 0, &r));
    assert_int_equal(r, -ESTALE);
    assert_int_equal(atomic_load(&stales), 2);
    job_free(&j);
    j = load_one(b, 1, &r); /* it is still there */
    assert_non_null(j);
    j->tenure = 1; /* as the scheduler does */
    assert_false(finish_one(b, j).stale);
    job_free(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_tenure_ends, setup, teardown),
    };

    return cmocka_run_group_tests_name("writer_tenure", tests, NULL, NULL);
}
