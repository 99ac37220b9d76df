/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/contract/store_crash.c - a writer that is killed at any moment leaves
 * a store in which every job is accounted for.
 */
#include "config.h"

#include "store.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH 40
#define KILLS 12

/* Puts batch number i, which moves the position from i to i + 1. */
static int put_batch(struct fix *f, int64_t i, size_t *ret_stored)
{
    const struct store_position at = {"K", "s", "t", 0, i > 0 ? i : -1, i + 1};
    struct put_item items[BATCH] = {0};
    char names[BATCH][32];
    struct put_batch b = {.items = items,
                          .count = BATCH,
                          .positions = &at,
                          .position_count = 1,
                          .now_ms = T0};
    struct err err;
    int r;

    for (int k = 0; k < BATCH; k++) {
        (void)snprintf(names[k], sizeof(names[k]), "%lld-%d", (long long)i, k);
        items[k].job =
            fix_job(f, names[k], T0 + (i * 7919 + k * 104729) % DAY, "crash");
        items[k].idempotency = text(names[k]);
    }
    r = store_put(f->x, &b, &err);
    *ret_stored = 0;
    for (int k = 0; k < BATCH; k++) {
        *ret_stored += r == 0 && items[k].result == PUT_STORED;
        job_free(&items[k].job);
    }
    return r;
}

/* Loads and ends some, retries others; bounded work for each batch put. */
static void end_some(struct fix *f, job_pos *after)
{
    struct load_result got;
    int n = 0;

    (void)fix_load(f, *after, T0 + DAY, BATCH / 2, &got);
    *after = got.count == 0 ? 0 : got.reached;
    while (!list_empty(&got.jobs)) {
        struct job *j = list_of(list_pop(&got.jobs), struct job, link);

        (void)fix_finish(f, j, n++ % 4 == 0 ? OUTCOME_RETRY : OUTCOME_DONE,
                         T0 + DAY / 2, T0);
        job_free(&j);
    }
}

static int64_t where(struct fix *f)
{
    struct store_position at = {.cluster = "K", .source = "s", .topic = "t"};
    struct err err;

    assert_int_equal(store_position_get(f->x, &at, &err), 0);
    return at.next > 0 ? at.next : 0;
}

static void child(struct fix *f)
{
    job_pos after = 0;
    size_t stored;

    fix_open(f);
    for (int64_t i = where(f);; i++) {
        if (put_batch(f, i, &stored) < 0 || stored != BATCH)
            _exit(3);
        end_some(f, &after);
    }
}

static void account(struct fix *f)
{
    struct store_count c = fix_count(f, f->app);
    struct list_filter all = {
        .state = -1, .due_to = INT64_MAX, .cap = SIZE_MAX};
    struct list jobs;
    struct err err;
    int64_t live = 0, batches = where(f);
    size_t stored;

    assert_int_equal(c.pending + c.succeeded, batches * BATCH);
    assert_int_equal(contract_backend->count_rows(f->dir), c.pending);
    list_init(&jobs);
    assert_int_equal(store_list(f->x, &all, &jobs, &err), 0);
    while (!list_empty(&jobs)) {
        struct job *j = list_of(list_pop(&jobs), struct job, link), *found;

        assert_int_equal(store_find(f->x, f->app, j->key, &found, &err), 0);
        assert_int_equal(found->id, j->id);
        job_free(&found);
        job_free(&j);
        live++;
    }
    assert_int_equal(live, c.pending);
    if (batches == 0)
        return;
    /* The last batch cannot come twice, the next one can come. */
    assert_int_equal(put_batch(f, batches - 1, &stored), -ESTALE);
    assert_int_equal(put_batch(f, batches, &stored), 0);
    assert_int_equal(stored, BATCH);
}

/* Not much longer than it takes to begin. */
static int longest_ms(void)
{
    return contract_backend->slow ? 700 : 120;
}

static void a_killed_writer_loses_and_doubles_nothing(void **state)
{
    struct fix *f = *state;
    unsigned random = (unsigned)getpid() * 2654435761u;
    int64_t before = 0;

    fix_close(f);
    for (int i = 0; i < KILLS; i++) {
        struct timespec t = {0, 0};
        pid_t pid = fork();
        int status;

        if (pid == 0)
            child(f);
        random = random * 1103515245u + 12345u;
        t.tv_nsec = (long)(random >> 8) % (long)longest_ms() * 1000000;
        (void)nanosleep(&t, NULL); /* the random moment */
        (void)kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        fix_open(f);
        account(f);
        fix_close(f);
    }
    fix_open(f);
    before = where(f);
    assert_true(before > 0);
}

size_t tests_crash(struct CMUnitTest *into)
{
    const struct CMUnitTest tests[] = {
        contract_test(a_killed_writer_loses_and_doubles_nothing),
    };

    memcpy(into, tests, sizeof(tests));
    return sizeof(tests) / sizeof(tests[0]);
}
