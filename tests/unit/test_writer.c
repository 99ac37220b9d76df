/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_writer.c - the store's writer thread: order, puts that share
 * a transaction, waiting for a store that is away, and its end.
 *
 * The thread is held where a test wants it by a request that waits for a gate.
 */
#include "config.h"

#include "store/writer.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "metrics/metrics.h"

#define T0 INT64_C(1800000000000)
#define REQUESTS 12

struct told { /* what one request's end was */
    struct bench *b;
    int order; /* 1 for the first that ended; 0: not yet */
    int result;
    struct err err;
};

struct bench {
    char dir[64];
    struct store *store;
    struct writer *w;
    const struct app_name *app;

    pthread_mutex_t mtx;
    pthread_cond_t changed;
    bool open, held; /* the gate, and whether the writer stands before it */
    int ended;
    int failures; /* calls that are still to fail */

    struct writer_request gate;
    struct writer_request r[REQUESTS];
    struct put_item item[REQUESTS];
    struct told told[REQUESTS];
};

/* ---- the bench ---------------------------------------------------------------- */

static void note(struct writer_request *r, int result, const struct err *err)
{
    struct told *t = r->arg;

    (void)pthread_mutex_lock(&t->b->mtx);
    t->order = ++t->b->ended;
    t->result = result;
    t->err = *err;
    (void)pthread_cond_broadcast(&t->b->changed);
    (void)pthread_mutex_unlock(&t->b->mtx);
}

static void ignore(struct writer_request *r, int result, const struct err *err)
{
    (void)r;
    (void)result;
    (void)err;
}

static int at_gate(struct writer_request *r, struct store_session *x,
                   struct err *err)
{
    struct bench *b = r->arg;

    (void)x;
    (void)err;
    (void)pthread_mutex_lock(&b->mtx);
    b->held = true;
    (void)pthread_cond_broadcast(&b->changed);
    while (!b->open)
        (void)pthread_cond_wait(&b->changed, &b->mtx);
    (void)pthread_mutex_unlock(&b->mtx);
    return 0;
}

/* Makes the writer wait, so that requests gather behind. */
static void hold(struct bench *b)
{
    b->open = b->held = false;
    b->gate = (struct writer_request){
        .kind = WRITE_CALL, .call = at_gate, .done = ignore, .arg = b};
    assert_int_equal(writer_submit(b->w, &b->gate), 0);
    (void)pthread_mutex_lock(&b->mtx);
    while (!b->held)
        (void)pthread_cond_wait(&b->changed, &b->mtx);
    (void)pthread_mutex_unlock(&b->mtx);
}

static void release(struct bench *b)
{
    (void)pthread_mutex_lock(&b->mtx);
    b->open = true;
    (void)pthread_cond_broadcast(&b->changed);
    (void)pthread_mutex_unlock(&b->mtx);
}

static void wait_for(struct bench *b, int ended)
{
    (void)pthread_mutex_lock(&b->mtx);
    while (b->ended < ended)
        (void)pthread_cond_wait(&b->changed, &b->mtx);
    (void)pthread_mutex_unlock(&b->mtx);
}

static void submit(struct bench *b, int i)
{
    b->told[i] = (struct told){.b = b};
    b->r[i].done = note;
    b->r[i].arg = &b->told[i];
    assert_int_equal(writer_submit(b->w, &b->r[i]), 0);
}

static void submit_put(struct bench *b, int i, size_t key_len)
{
    static char key[STORE_KEY_MAX + 1];
    const struct job_text text = {.key = {key, key_len}};

    memset(key, 'k', sizeof(key));
    key[0] = (char)('a' + i);
    job_free(&b->item[i].job);
    b->item[i] = (struct put_item){.job = job_new(b->app, &text)};
    b->item[i].job->due_ms = T0 + 1000;
    b->r[i] = (struct writer_request){
        .kind = WRITE_PUT,
        .put = {.items = &b->item[i], .count = 1, .now_ms = T0}};
    submit(b, i);
}

static int setup(void **state)
{
    struct store_settings set = {.idempotency_ms = 1000, .history_ms = 1000};
    struct bench *b = calloc(1, sizeof(*b));
    char url[100];
    struct err err;

    (void)snprintf(b->dir, sizeof(b->dir), "/tmp/ontime-writer.XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    (void)snprintf(url, sizeof(url), "sqlite:%s/w.db", b->dir);
    set.url = url;
    (void)pthread_mutex_init(&b->mtx, NULL);
    (void)pthread_cond_init(&b->changed, NULL);
    b->app = app_name_s("app");
    if (store_open(&set, &b->store, &err) < 0 ||
        writer_start(b->store, &b->w, &err) < 0)
        fail_msg("%s", err.text);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    struct bench *b = *state;
    char path[100];

    writer_stop(&b->w, clock_boot_ms() + 1000);
    store_close(&b->store);
    for (int i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof(path), "%s/w.db%s", b->dir, ends[i]);
        (void)unlink(path);
    }
    (void)rmdir(b->dir);
    for (int i = 0; i < REQUESTS; i++)
        job_free(&b->item[i].job);
    (void)pthread_cond_destroy(&b->changed);
    (void)pthread_mutex_destroy(&b->mtx);
    free(b);
    return 0;
}

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
        cmocka_unit_test_setup_teardown(test_a_tenure_ends, setup, teardown),
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
