/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_pile.c - the map of names against a plain array, over many
 * random transactions, rollbacks and reopenings, with so little memory that
 * all of its machinery runs.
 */
#include "config.h"

#include "store/sqlite/pile.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/sqlite/session.h"

#define NAMES_KNOWN 6000
#define SMALL_LIMIT 300

struct model {
    char dir[64];
    struct store *store;
    struct store_session *x, *reader;
    struct sq_name name[NAMES_KNOWN]; /* sorted; value is what was set last */
    uint64_t random;
    bool fixed; /* every seventh name is not set any more */
    atomic_bool stop;
    size_t rounds, wrong; /* of the reading thread */
};

static uint64_t next(struct model *m)
{
    uint64_t z = (m->random += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static struct sq_pile *pile(struct model *m)
{
    return &sq_session(m->x)->st->names[NAMES_REPEATS];
}

static void open_model(struct model *m)
{
    struct store_settings set = {.cache_kb = 500, .idempotency_ms = 1000};
    char url[100];
    struct err err;

    (void)snprintf(url, sizeof(url), "sqlite:%s/p.db", m->dir);
    set.url = url;
    if (store_open(&set, &m->store, &err) < 0 ||
        store_session_open(m->store, true, &m->x, &err) < 0 ||
        store_session_open(m->store, false, &m->reader, &err) < 0)
        fail_msg("%s", err.text);
    pile(m)->limit = SMALL_LIMIT;
}

static void close_model(struct model *m)
{
    store_session_close(&m->reader);
    store_session_close(&m->x);
    store_close(&m->store);
}

static int setup(void **state)
{
    struct model *m = calloc(1, sizeof(*m));

    m->random = 42;
    (void)snprintf(m->dir, sizeof(m->dir), "/tmp/ontime-pile.XXXXXX");
    assert_non_null(mkdtemp(m->dir));
    for (uint32_t i = 0; i < NAMES_KNOWN; i++) {
        m->name[i].hash = next(m);
        m->name[i].rest = next(m);
        if (i % 50 == 1) /* halves that meet are not yet names that do */
            m->name[i].hash = m->name[i - 1].hash;
        m->name[i].item = i;
    }
    m->name[0].hash = 0;
    m->name[2].hash = UINT64_MAX;
    sq_names_sort(m->name, NAMES_KNOWN);
    open_model(m);
    *state = m;
    return 0;
}

static int teardown(void **state)
{
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    struct model *m = *state;
    char path[100];

    close_model(m);
    for (int i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof(path), "%s/p.db%s", m->dir, ends[i]);
        (void)unlink(path);
    }
    (void)rmdir(m->dir);
    free(m);
    return 0;
}

static void check(struct model *m, struct store_session *x)
{
    static struct sq_name asked[NAMES_KNOWN];
    size_t n = 0;
    struct err err;

    for (size_t i = 0; i < NAMES_KNOWN; i++) {
        if (next(m) % 3 == 0)
            continue;
        asked[n] = m->name[i];
        asked[n++].item = (uint32_t)i;
    }
    assert_int_equal(sq_pile_get(sq_session(x), pile(m), asked, n, &err), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(asked[i].value, m->name[asked[i].item].value);
}

/* Sets about one in `part` of the names in one transaction, in one or two
 * steps, and keeps it or not.  shrink: removes most of them. */
static void transaction(struct model *m, unsigned part, bool shrink)
{
    struct sq_session *x = sq_session(m->x);
    bool keep = next(m) % 5 != 0;
    struct err err = {0};

    assert_int_equal(sq_begin(x, false, &err), 0);
    for (uint64_t steps = next(m) % 2; steps < 2; steps++) {
        static struct sq_name set[NAMES_KNOWN];
        size_t n = 0;

        for (size_t i = 0; i < NAMES_KNOWN; i++) {
            uint64_t dice = next(m);

            if (dice % part != 0 || (m->fixed && i % 7 == 0))
                continue;
            set[n] = m->name[i];
            set[n].value = (dice >> 32) % 4 == 0 || (shrink && dice >> 62 != 0)
                               ? 0
                               : (int64_t)(1000 + (dice >> 40));
            if (keep)
                m->name[i].value = set[n].value;
            n++;
        }
        assert_int_equal(sq_pile_set(x, pile(m), set, n, &err), 0);
        if (keep) /* what is not committed yet is seen */
            check(m, m->x);
    }
    if (!keep)
        sq_rollback(x);
    else if (sq_commit(x, NULL, &err) < 0)
        fail_msg("%s", err.text);
}

static void test_it_is_what_was_set(void **state)
{
    struct model *m = *state;
    static const unsigned parts[] = {2000, 60, 10, 600};

    for (int i = 0; i < 600; i++) {
        transaction(m, parts[i % 4], i > 400);
        check(m, m->x);
        check(m, m->reader);
        if (next(m) % 20 == 0) {
            close_model(m);
            open_model(m);
            check(m, m->reader);
        }
    }
}

static void test_memory_is_bounded(void **state)
{
    struct model *m = *state;

    for (int i = 0; i < 200; i++) {
        transaction(m, 60, false); /* a hundred or two */
        assert_true(pile(m)->used < 3 * SMALL_LIMIT);
        assert_true(pile(m)->frozen.n < 3 * SMALL_LIMIT);
    }
}

static void test_the_filter_comes_into_force(void **state)
{
    struct model *m = *state;
    size_t misses = 0;

    for (int i = 0; i < 60; i++)
        transaction(m, 20, false);
    close_model(m);
    open_model(m);
    assert_null(pile(m)->filter.words);
    for (int i = 0; i < 40; i++)
        transaction(m, 100, false);
    assert_non_null(pile(m)->filter.words);
    for (int i = 0; i < 1000; i++)
        misses += !sq_filter_may(&pile(m)->filter, next(m), next(m));
    assert_true(misses > 900);
}

static void test_a_sweep_removes_what_is_old(void **state)
{
    struct model *m = *state;
    static struct sq_name got[NAMES_KNOWN];
    struct sq_session *x = sq_session(m->x);
    bool end = false;
    struct err err;
    int gone = 0, r;

    for (int i = 0; i < 100; i++)
        transaction(m, 20, false);
    pile(m)->floor = 1000 + (INT64_C(1) << 23); /* half of all values */
    while (!end) {
        assert_int_equal(sq_begin(x, false, &err), 0);
        r = sq_pile_sweep(x, pile(m), 3, &end, &err);
        assert_true(r >= 0);
        gone += r;
        assert_int_equal(sq_commit(x, NULL, &err), 0);
    }
    assert_true(gone > 1000);
    memcpy(got, m->name, sizeof(got));
    assert_int_equal(sq_pile_get(x, pile(m), got, NAMES_KNOWN, &err), 0);
    for (size_t i = 0; i < NAMES_KNOWN; i++) {
        if (got[i].value != 0 || m->name[i].value > pile(m)->floor)
            assert_int_equal(got[i].value, m->name[i].value);
    }
    /* Twice removes nothing more. */
    assert_int_equal(sq_begin(x, false, &err), 0);
    assert_int_equal(sq_pile_sweep(x, pile(m), 10000, &end, &err), 0);
    assert_true(end);
    sq_rollback(x);
}

/* Reads the fixed names all the time, in a session of its own. */
static void put_name(struct model *m, const char *name)
{
    struct job *j =
        job_new(app_name_s("a"), &(struct job_text){.key = {NULL, 0}});
    struct put_item item = {.job = j, .idempotency = {name, strlen(name)}};
    struct put_batch b = {.items = &item, .count = 1, .now_ms = 1000};
    struct err err;

    assert_non_null(j);
    j->due_ms = 5000;
    assert_int_equal(store_put(m->x, &b, &err), 0);
    job_free(&j);
}

/* Merged into chunks, and swept from there when their time is over. */
static void test_forgotten_names_are_not_counted(void **state)
{
    struct model *m = *state;
    char name[16];
    struct err err;
    int64_t left;

    for (int i = 0; i < 3000; i++) {
        (void)snprintf(name, sizeof(name), "req%d", i);
        put_name(m, name);
        assert_int_equal(store_remembered(m->store), i + 1);
    }
    assert_in_range(pile(m)->used + pile(m)->frozen.n, 1, 2500);
    for (int r = 1; r > 0;)
        r = store_prune(m->x, 9000, 50, &err);
    left = store_remembered(m->store);
    assert_in_range(left, 1, pile(m)->used + pile(m)->frozen.n);
    close_model(m);
    open_model(m);
    assert_int_equal(store_remembered(m->store), left);
}

static void *read_on(void *arg)
{
    static struct sq_name asked[NAMES_KNOWN];
    struct model *m = arg;
    struct err err;

    while (!atomic_load(&m->stop)) {
        size_t n = 0;

        for (size_t i = 0; i < NAMES_KNOWN; i += 7) {
            asked[n] = m->name[i];
            asked[n++].item = (uint32_t)i;
        }
        if (sq_pile_get(sq_session(m->reader), pile(m), asked, n, &err) < 0)
            m->wrong++;
        for (size_t i = 0; i < n; i++)
            m->wrong += asked[i].value != m->name[asked[i].item].value;
        m->rounds++;
    }
    return NULL;
}

static void test_readers_never_miss_a_name(void **state)
{
    struct model *m = *state;
    pthread_t thread;

    for (int i = 0; i < 10; i++)
        transaction(m, 3, false);
    m->fixed = true;
    assert_int_equal(pthread_create(&thread, NULL, read_on, m), 0);
    for (int i = 0; i < 300; i++)
        transaction(m, 30, i > 200);
    atomic_store(&m->stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(m->rounds > 0);
    assert_int_equal(m->wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_it_is_what_was_set, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_memory_is_bounded, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_the_filter_comes_into_force, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_readers_never_miss_a_name, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_forgotten_names_are_not_counted,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_sweep_removes_what_is_old, setup,
                                        teardown),
    };

    return cmocka_run_group_tests_name("pile", tests, NULL, NULL);
}
