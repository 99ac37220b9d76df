/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_seat.c - several seats with their threads and writers on one
 * store in memory: joining, leaving, death, a stolen slot, a store that is away,
 * a wrong clock.
 */
#include "config.h"

#include "seat/seat.h"

#include "../support/fakestore.h"
#include "base/clock.h"
#include "base/loglevel.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define LEASE 1000
#define SHARDS 12
#define PATIENCE_MS 20000

struct node {
    struct store *store;
    struct writer *writer;
    struct seat *seat;
    pthread_mutex_t mtx;
    struct shard_set gained; /* and not left; under mtx */
    atomic_uint tenure, begins, falls, recovered;
    atomic_int recover_result;
    atomic_bool busy; /* what is to be left is not idle */
};

static struct fakedb *db;
static int64_t next_skew; /* of the next one to start */

#define until(cond)                                                            \
    do {                                                                       \
        int64_t end = clock_boot_ms() + PATIENCE_MS;                           \
                                                                               \
        while (!(cond)) {                                                      \
            const struct timespec step_ = {.tv_nsec = 2000000};                \
                                                                               \
            assert_true(clock_boot_ms() < end);                                \
            (void)nanosleep(&step_, NULL);                                     \
        }                                                                      \
    } while (0)

/* ---- a node's rooms ------------------------------------------------------------- */

static void began(void *arg, uint32_t tenure, const struct store_slot *slot)
{
    struct node *n = arg;

    pthread_mutex_lock(&n->mtx);
    n->gained = (struct shard_set){{0}};
    pthread_mutex_unlock(&n->mtx);
    atomic_store(&n->tenure, tenure);
    atomic_fetch_add(slot != NULL ? &n->begins : &n->falls, 1);
}

static job_pos loaded(void *arg)
{
    (void)arg;
    return 4711;
}

static void gained(void *arg, const struct shard_set *shards)
{
    struct node *n = arg;

    pthread_mutex_lock(&n->mtx);
    for (uint32_t i = 0; i < SHARDS; i++)
        if (shard_in(shards, i))
            shard_add(&n->gained, i);
    pthread_mutex_unlock(&n->mtx);
}

static void leaving(void *arg, const struct shard_set *shards)
{
    struct node *n = arg;

    pthread_mutex_lock(&n->mtx);
    for (uint32_t i = 0; i < SHARDS; i++)
        if (shard_in(shards, i)) {
            assert_true(shard_in(&n->gained, i));
            shard_remove(&n->gained, i);
        }
    pthread_mutex_unlock(&n->mtx);
    if (!atomic_load(&n->busy))
        seat_left(n->seat, shards);
}

static int recover(void *arg, struct store_session *x,
                   const struct store_slot *slot, struct err *err)
{
    struct node *n = arg;
    struct store_slot now;

    assert_true(slot->ledger_used);
    atomic_fetch_add(&n->recovered, 1);
    if (atomic_load(&n->recover_result) < 0)
        return err_again(err, atomic_load(&n->recover_result), "not now");
    return store_verify(x, &now, err);
}

static void node_start(struct node *n, const char *name)
{
    struct seat_settings set = {
        .instance_id = name,
        .lease_ms = LEASE,
        .max_skew_ms = 2000,
        .recover = recover,
        .began = began,
        .loaded = loaded,
        .gained = gained,
        .leaving = leaving,
        .arg = n,
    };
    struct err err;

    memset(n, 0, sizeof(*n));
    pthread_mutex_init(&n->mtx, NULL);
    n->store = fakestore_open(db, name);
    assert_non_null(n->store);
    fakestore_skew(n->store, next_skew);
    assert_int_equal(writer_start(n->store, &n->writer, &err), 0);
    set.store = n->store;
    set.writer = n->writer;
    assert_int_equal(seat_start(&set, &n->seat, &err), 0);
}

/* Without a word, as by kill -9. */
static void node_kill(struct node *n)
{
    if (n->store == NULL)
        return;
    fakestore_away(n->store, true);
    writer_close(n->writer, 0);
    seat_stop(&n->seat);
    writer_stop(&n->writer, 0);
    store_close(&n->store);
    pthread_mutex_destroy(&n->mtx);
}

static void node_end(struct node *n)
{
    seat_retire(n->seat);
    assert_int_equal(seat_vacate(n->seat, clock_boot_ms() + PATIENCE_MS), 0);
    node_kill(n);
}

static size_t owns(const char *name)
{
    size_t n = 0;

    for (uint32_t i = 0; i < SHARDS; i++)
        n += strcmp(fakedb_owner(db, i), name) == 0;
    return n;
}

static size_t has(struct node *n)
{
    size_t k;

    pthread_mutex_lock(&n->mtx);
    k = shard_count(&n->gained);
    pthread_mutex_unlock(&n->mtx);
    return k;
}

static enum seat_permit permit(struct node *n, uint32_t shard, uint32_t tenure)
{
    struct job j = {.shard = shard, .tenure = tenure};

    return seat_permit(n->seat, &j);
}

static bool ready(struct node *n)
{
    char why[200];

    return seat_ready(n->seat, why, sizeof(why));
}

/* ---- tests -------------------------------------------------------------------------- */

static struct node a, b, c;

static int setup(void **state)
{
    (void)state;
    next_skew = 0;
    (void)log_set_levels("off", NULL);
    db = fakedb_new(SHARDS);
    memset(&a, 0, sizeof(a));
    memset(&b, 0, sizeof(b));
    memset(&c, 0, sizeof(c));
    return db == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    node_kill(&a);
    node_kill(&b);
    node_kill(&c);
    fakedb_free(&db);
    return 0;
}

static void one_takes_all_and_gives_a_share(void **state)
{
    (void)state;
    node_start(&a, "a");
    until(has(&a) == SHARDS && ready(&a));
    assert_int_equal(permit(&a, 3, atomic_load(&a.tenure)), SEAT_RUN);
    assert_int_equal(permit(&a, 3, atomic_load(&a.tenure) - 1), SEAT_DROP);
    node_start(&b, "b");
    until(owns("a") == SHARDS / 2 && owns("b") == SHARDS / 2);
    node_start(&c, "c");
    until(owns("a") == 4 && owns("b") == 4 && owns("c") == 4);
    until(has(&a) == 4 && has(&b) == 4 && has(&c) == 4);
    assert_int_equal(atomic_load(&a.falls), 0);
}

/* A shard is given back only when nothing of it is under way. */
static void a_busy_shard_is_not_given_back(void **state)
{
    struct shard_set all = {{(1u << SHARDS) - 1}};
    struct seat_view v;

    (void)state;
    node_start(&a, "a");
    until(has(&a) == SHARDS);
    atomic_store(&a.busy, true);
    node_start(&b, "b");
    until(has(&a) == SHARDS / 2);
    assert_int_equal(permit(&a, SHARDS - 1, atomic_load(&a.tenure)),
                     SEAT_RETURN);
    until(ready(&b));
    assert_int_equal(owns("a"), SHARDS);
    seat_look(a.seat, &v);
    assert_int_equal(v.leaving, SHARDS / 2);
    seat_left(a.seat, &all); /* of which only those leaving count */
    until(owns("a") == SHARDS / 2 && owns("b") == SHARDS / 2);
}

static void the_dead_are_taken_over(void **state)
{
    int64_t died;

    (void)state;
    node_start(&a, "a");
    node_start(&b, "b");
    until(owns("a") == SHARDS / 2 && owns("b") == SHARDS / 2);
    fakedb_ledger(db, 0);
    fakedb_ledger(db, 1);
    node_kill(&b);
    died = clock_boot_ms();
    until(owns("a") == SHARDS);
    assert_in_range(clock_boot_ms() - died, LEASE / 4, LEASE * 5);
    assert_int_equal(atomic_load(&a.recovered), 1);
    assert_int_equal(atomic_load(&a.falls), 0);
}

static void a_failed_recovery_keeps_the_shards(void **state)
{
    (void)state;
    node_start(&a, "a");
    node_start(&b, "b");
    until(owns("a") == SHARDS / 2 && owns("b") == SHARDS / 2);
    fakedb_ledger(db, 0);
    fakedb_ledger(db, 1);
    atomic_store(&a.recover_result, -EIO);
    node_kill(&b);
    until(atomic_load(&a.recovered) == 2);
    assert_int_equal(has(&a), SHARDS / 2);
    assert_true(ready(&a));
    atomic_store(&a.recover_result, 0);
    until(has(&a) == SHARDS);
}

static void a_restart_does_not_wait_for_the_lease(void **state)
{
    int64_t began_at;

    (void)state;
    node_start(&a, "a");
    until(has(&a) == SHARDS);
    node_kill(&a);
    began_at = clock_boot_ms();
    node_start(&a, "a");
    until(has(&a) == SHARDS);
    assert_true(clock_boot_ms() - began_at < LEASE / 4 * 3 ||
                getenv("SLOW") != NULL);
    assert_int_equal(fakedb_slot(db, 0).epoch, 3); /* freed, and claimed */
}

static void who_has_lost_its_slot_comes_back(void **state)
{
    uint32_t before;

    (void)state;
    node_start(&a, "a");
    until(has(&a) == SHARDS);
    before = atomic_load(&a.tenure);
    fakedb_steal(db, 0, "thief"); /* who does not beat, and dies */
    until(atomic_load(&a.falls) == 1);
    until(has(&a) == SHARDS && owns("a") == SHARDS);
    assert_int_equal(permit(&a, 0, before), SEAT_DROP);
    assert_int_equal(permit(&a, 0, atomic_load(&a.tenure)), SEAT_RUN);
}

static void a_twin_is_not_fought(void **state)
{
    (void)state;
    node_start(&a, "a");
    until(has(&a) == SHARDS);
    node_start(&b, "a");
    until(has(&b) == SHARDS / 2 && has(&a) == SHARDS / 2);
    assert_int_equal(atomic_load(&a.falls), 1);
    assert_int_equal(atomic_load(&b.falls), 0);
}

static void nobody_fires_without_a_beat(void **state)
{
    (void)state;
    node_start(&a, "a");
    until(has(&a) == SHARDS);
    fakestore_away(a.store, true);
    until(permit(&a, 0, atomic_load(&a.tenure)) == SEAT_WAIT);
    assert_false(ready(&a));
    fakestore_away(a.store, false); /* nobody else was there */
    until(permit(&a, 0, atomic_load(&a.tenure)) == SEAT_RUN);
    assert_int_equal(atomic_load(&a.falls), 0);
}

static void one_cut_off_loses_its_slot(void **state)
{
    (void)state;
    node_start(&a, "a");
    node_start(&b, "b");
    until(owns("a") == SHARDS / 2 && owns("b") == SHARDS / 2);
    fakestore_away(b.store, true);
    until(owns("a") == SHARDS);
    assert_int_not_equal(permit(&b, 0, atomic_load(&b.tenure)), SEAT_RUN);
    fakestore_away(b.store, false);
    until(atomic_load(&b.falls) == 1 && atomic_load(&b.begins) == 2);
    until(owns("a") == SHARDS / 2 && owns("b") == SHARDS / 2);
}

static int64_t skew_seen(struct node *n)
{
    struct seat_view v;

    seat_look(n->seat, &v);
    return v.skew_ms;
}

static void a_wrong_clock_fires_nothing(void **state)
{
    char why[200];

    (void)state;
    node_start(&a, "a");
    until(has(&a) == SHARDS);
    next_skew = 180000;
    node_start(&b, "b");
    until(skew_seen(&b) > 170000);
    assert_false(seat_ready(b.seat, why, sizeof(why)));
    assert_non_null(strstr(why, "clock"));
    assert_int_equal(has(&b), 0);
    assert_int_equal(owns("a"), SHARDS);
    fakestore_skew(b.store, 0); /* somebody sets it right */
    until(owns("a") == SHARDS / 2 && owns("b") == SHARDS / 2);
    assert_int_equal(atomic_load(&b.falls), 0);
}

static void who_retires_leaves_nothing_behind(void **state)
{
    (void)state;
    node_start(&a, "a");
    node_start(&b, "b");
    until(owns("a") == SHARDS / 2 && owns("b") == SHARDS / 2);
    atomic_store(&b.busy, true); /* left by seat_vacate at the latest */
    node_end(&b);
    assert_int_equal(owns("b"), 0);
    until(owns("a") == SHARDS);
    assert_false(fakedb_slot(db, 1).owned && fakedb_slot(db, 0).owned);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(one_takes_all_and_gives_a_share),
        T(a_busy_shard_is_not_given_back),
        T(the_dead_are_taken_over),
        T(a_failed_recovery_keeps_the_shards),
        T(a_restart_does_not_wait_for_the_lease),
        T(who_has_lost_its_slot_comes_back),
        T(a_twin_is_not_fought),
        T(nobody_fires_without_a_beat),
        T(one_cut_off_loses_its_slot),
        T(a_wrong_clock_fires_nothing),
        T(who_retires_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
