/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_seat_rule.c - the rules of slots and shards with instances
 * that are structs and a store that is an array: whoever crashes, is stopped
 * for a while, leaves or comes back, no shard ever has two owners that are sure
 * of it, and in the end every shard has an owner and every owner its share.
 */
#include "config.h"

#include "seat/rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEASE 5000
#define MOST 6
#define SHARDS 16

struct node { /* an instance */
    char name[8];
    bool up;
    struct seat_rule rule;
    struct seat_place place;
    int64_t stopped_until; /* SIGSTOP */
    int64_t sure_until, beat_at, look_at;
    int32_t recovering; /* a slot, STORE_NO_SLOT: none */
    int64_t recovering_epoch, recovered_at;
    int64_t settle_at; /* when what it is leaving is idle */
};

struct model {
    struct seat_world w;
    struct node nodes[MOST];
    int64_t now;
    unsigned takeovers, falls;
};

static struct store_slot *slot_of(struct model *m, int32_t slot)
{
    return slot == STORE_NO_SLOT ? NULL : &m->w.slots[slot];
}

/* A compare-and-set of epoch and beat. */
static struct store_slot *claim(struct model *m, const struct store_slot *seen,
                                const char *who)
{
    struct store_slot *s;

    if (seen == NULL) {
        s = &m->w.slots[m->w.slot_count];
        *s = (struct store_slot){.slot = (int32_t)m->w.slot_count++};
    } else {
        s = slot_of(m, seen->slot);
        if (s->epoch != seen->epoch || s->beat != seen->beat)
            return NULL;
    }
    s->owned = true;
    s->epoch++;
    s->beat++;
    (void)snprintf(s->owner, sizeof(s->owner), "%s", who);
    return s;
}

static void vacate(struct model *m, struct store_slot *s)
{
    for (size_t i = 0; i < SHARDS; i++)
        if (m->w.owners[i] == s->slot)
            m->w.owners[i] = STORE_NO_SLOT;
    s->owned = false;
}

static bool is_mine(struct model *m, const struct node *n)
{
    const struct store_slot *s = slot_of(m, n->place.slot);

    return s != NULL && s->epoch == n->place.epoch;
}

static void stand(struct node *n)
{
    n->place.slot = STORE_NO_SLOT;
    n->place.owned = n->place.leaving = (struct shard_set){{0}};
    n->sure_until = 0;
}

static void start(struct model *m, size_t i)
{
    struct node *n = &m->nodes[i];

    *n = (struct node){.up = true, .recovering = STORE_NO_SLOT};
    (void)snprintf(n->name, sizeof(n->name), "n%zu", i);
    n->rule = (struct seat_rule){.me = n->name, .lease_ms = LEASE};
    n->beat_at = n->look_at = m->now + rand() % 600;
    stand(n);
}

/* ---- what a node does ---------------------------------------------------------- */

static void beat(struct model *m, struct node *n)
{
    struct store_slot *other = slot_of(m, n->recovering);

    n->beat_at = m->now + seat_period_ms(LEASE);
    if (is_mine(m, n)) {
        slot_of(m, n->place.slot)->beat++;
        n->sure_until = m->now + LEASE / 2;
    } else {
        n->sure_until = 0;
    }
    if (other != NULL && other->epoch == n->recovering_epoch)
        other->beat++;
}

static void acquire(struct model *m, struct node *n,
                    const struct seat_step *step)
{
    size_t left = step->most;

    assert_true(is_mine(m, n));
    for (uint32_t i = 0; i < SHARDS && left > 0; i++) {
        if (!shard_in(&step->shards, i) || m->w.owners[i] != STORE_NO_SLOT)
            continue;
        m->w.owners[i] = n->place.slot;
        shard_add(&n->place.owned, i);
        left--;
    }
}

/* What was idle is released by an owner's write. */
static void release(struct model *m, struct node *n)
{
    for (uint32_t i = 0; i < SHARDS; i++) {
        if (!shard_in(&n->place.leaving, i))
            continue;
        assert_int_equal(m->w.owners[i], n->place.slot);
        m->w.owners[i] = STORE_NO_SLOT;
        shard_remove(&n->place.owned, i);
    }
    n->place.leaving = (struct shard_set){{0}};
}

static void sit(struct model *m, struct node *n, const struct store_slot *seen)
{
    const struct store_slot *s = claim(m, seen, n->name);

    if (s == NULL)
        return;
    n->place.slot = s->slot;
    n->place.epoch = s->epoch;
    n->place.sat = true;
    n->sure_until = m->now + LEASE / 2;
}

static void begin_takeover(struct model *m, struct node *n,
                           const struct store_slot *seen)
{
    const struct store_slot *s = claim(m, seen, n->name);

    if (s == NULL)
        return;
    n->recovering = s->slot;
    n->recovering_epoch = s->epoch;
    n->recovered_at = m->now + rand() % 8000;
}

static void end_takeover(struct model *m, struct node *n)
{
    struct store_slot *s = slot_of(m, n->recovering);

    if (s->epoch == n->recovering_epoch) {
        vacate(m, s);
        m->takeovers++;
    }
    n->recovering = STORE_NO_SLOT;
}

static void act(struct model *m, struct node *n, const struct seat_step *step)
{
    switch (step->what) {
    case SEAT_TAKE_OVER:
        begin_takeover(m, n, step->slot);
        break;
    case SEAT_SIT:
        sit(m, n, step->slot);
        break;
    case SEAT_STAND_UP:
        vacate(m, slot_of(m, n->place.slot));
        stand(n);
        break;
    case SEAT_ACQUIRE:
        acquire(m, n, step);
        break;
    case SEAT_LEAVE:
        for (uint32_t i = 0; i < SHARDS; i++)
            if (shard_in(&step->shards, i))
                shard_add(&n->place.leaving, i);
        n->settle_at = m->now + rand() % 500;
        break;
    case SEAT_REST:
        break;
    }
}

static void look(struct model *m, struct node *n)
{
    struct seat_world seen = m->w;
    struct seat_step step;

    n->look_at = m->now + seat_period_ms(LEASE);
    seat_saw(&n->rule, &seen, m->now, m->now);
    if (seat_is_lost(&seen, &n->place)) {
        stand(n);
        m->falls++;
    }
    if (shard_count(&n->place.leaving) > 0 && m->now >= n->settle_at)
        release(m, n);
    step = seat_next(&n->rule, &seen, &n->place);
    act(m, n, &step);
}

static void live(struct model *m, struct node *n)
{
    if (!n->up || m->now < n->stopped_until)
        return;
    if (m->now >= n->beat_at)
        beat(m, n);
    if (n->recovering != STORE_NO_SLOT) { /* the hand is busy */
        if (m->now >= n->recovered_at)
            end_takeover(m, n);
    } else if (m->now >= n->look_at) {
        look(m, n);
    }
}

/* ---- what has to hold ------------------------------------------------------------ */

/* A node that is running and sure of its slot owns what it thinks it owns. */
static void check(struct model *m)
{
    for (size_t k = 0; k < MOST; k++) {
        struct node *n = &m->nodes[k];

        if (!n->up || m->now < n->stopped_until || m->now >= n->sure_until)
            continue;
        assert_true(is_mine(m, n));
        for (uint32_t i = 0; i < SHARDS; i++)
            if (shard_in(&n->place.owned, i))
                assert_int_equal(m->w.owners[i], n->place.slot);
    }
}

static void pass(struct model *m, int64_t ms)
{
    for (int64_t end = m->now + ms; m->now < end; m->now += 25) {
        for (size_t k = 0; k < MOST; k++)
            live(m, &m->nodes[(k + (size_t)(m->now / 25)) % MOST]);
        check(m);
    }
}

static size_t owned(const struct model *m, size_t k)
{
    return shard_count(&m->nodes[k].place.owned);
}

static void check_shares(const struct model *m, size_t up)
{
    size_t share = (SHARDS + up - 1) / up, n = 0;

    for (size_t k = 0; k < MOST; k++) {
        if (!m->nodes[k].up)
            continue;
        assert_in_range(owned(m, k), 0, share);
        n += owned(m, k);
    }
    assert_int_equal(n, SHARDS);
}

static void fresh(struct model *m)
{
    *m = (struct model){.now = 1000000, .w = {.shards = SHARDS}};
    for (size_t i = 0; i < STORE_SHARDS_MOST; i++)
        m->w.owners[i] = STORE_NO_SLOT;
    for (size_t k = 0; k < MOST; k++) {
        start(m, k);
        m->nodes[k].up = false;
    }
}

/* ---- tests -------------------------------------------------------------------------- */

static void shards_are_shared_out(void **state)
{
    static struct model m;

    (void)state;
    srand(1);
    fresh(&m);
    start(&m, 0);
    pass(&m, 2000);
    assert_int_equal(owned(&m, 0), SHARDS);
    start(&m, 1);
    start(&m, 2);
    pass(&m, 5000);
    check_shares(&m, 3);
    assert_int_equal(m.takeovers + m.falls, 0);
}

static void a_dead_one_is_taken_over_within_the_lease(void **state)
{
    static struct model m;

    (void)state;
    srand(2);
    fresh(&m);
    start(&m, 0);
    start(&m, 1);
    pass(&m, 5000);
    m.nodes[1].up = false;
    pass(&m, LEASE / 4 * 3 - 700);
    assert_int_equal(m.nodes[0].recovering, STORE_NO_SLOT); /* not too soon */
    pass(&m, 700 + 2 * seat_period_ms(LEASE));
    assert_true(m.nodes[0].recovering != STORE_NO_SLOT || m.takeovers == 1);
    pass(&m, 12000);
    assert_int_equal(m.takeovers, 1);
    check_shares(&m, 1);
}

static void one_that_comes_back_is_not_waited_for(void **state)
{
    static struct model m;

    (void)state;
    srand(3);
    fresh(&m);
    start(&m, 0);
    pass(&m, 2000);
    start(&m, 0); /* killed and started anew */
    pass(&m, 8000 + 2000);
    assert_int_equal(m.takeovers, 1);
    assert_int_equal(m.w.slot_count, 1);
    check_shares(&m, 1);
}

static void a_stopped_one_falls_and_comes_back(void **state)
{
    static struct model m;

    (void)state;
    srand(4);
    fresh(&m);
    start(&m, 0);
    start(&m, 1);
    pass(&m, 5000);
    m.nodes[1].stopped_until = m.now + 20000;
    pass(&m, 19000);
    assert_int_equal(owned(&m, 0), SHARDS);
    pass(&m, 10000);
    assert_int_equal(m.falls, 1);
    check_shares(&m, 2);
}

/* A watcher that was stopped itself does not take the others for dead. */
static void who_did_not_look_takes_nobody_for_dead(void **state)
{
    static struct model m;

    (void)state;
    srand(5);
    fresh(&m);
    start(&m, 0);
    start(&m, 1);
    pass(&m, 5000);
    m.nodes[0].stopped_until = m.nodes[1].stopped_until = m.now + 60000;
    pass(&m, 60000 + 10000);
    assert_int_equal(m.takeovers, 0);
    assert_int_equal(m.falls, 0);
    check_shares(&m, 2);
}

static void all_chairs_taken(void **state)
{
    static struct seat_world w;
    struct seat_rule r = {.me = "x", .lease_ms = LEASE};
    struct seat_place p = {.slot = STORE_NO_SLOT};

    (void)state;
    w.slot_count = STORE_SLOTS_MOST;
    for (size_t i = 0; i < STORE_SLOTS_MOST; i++)
        w.slots[i] = (struct store_slot){
            .slot = (int32_t)i, .owned = true, .owner = "y"};
    seat_saw(&r, &w, 1000, 1000);
    assert_int_equal(seat_next(&r, &w, &p).what, SEAT_REST);
    for (int64_t t = 1000; t <= 1000 + LEASE; t += 500)
        seat_saw(&r, &w, t, t);
    assert_int_equal(seat_next(&r, &w, &p).what, SEAT_TAKE_OVER);
}

static void one_that_leaves_gives_all_back(void **state)
{
    static struct model m;

    (void)state;
    srand(6);
    fresh(&m);
    start(&m, 0);
    start(&m, 1);
    pass(&m, 5000);
    m.nodes[1].place.leaves = true;
    pass(&m, 4000);
    assert_int_equal(m.nodes[1].place.slot, STORE_NO_SLOT);
    assert_int_equal(owned(&m, 0), SHARDS);
    assert_int_equal(m.takeovers, 0);
}

static void disturb(struct model *m)
{
    struct node *n = &m->nodes[rand() % MOST];

    switch (rand() % 6) {
    case 0:
        n->up = false;
        break;
    case 1:
        n->stopped_until = m->now + rand() % 15000;
        break;
    case 2:
        n->place.leaves = true;
        break;
    case 3:
        n->place.leaves = false;
        break;
    default:
        if (!n->up)
            start(m, (size_t)(n - m->nodes));
    }
}

static void random_run(unsigned seed)
{
    static struct model m;
    size_t up = 0;

    srand(seed);
    fresh(&m);
    start(&m, 0);
    for (int i = 0; i < 150; i++) {
        disturb(&m);
        pass(&m, rand() % 4000);
    }
    start(&m, 0);
    for (size_t k = 0; k < MOST; k++) {
        m.nodes[k].place.leaves = false;
        m.nodes[k].stopped_until = 0;
        up += m.nodes[k].up;
    }
    pass(&m, 60000); /* a dead one's recoverer may be dead too */
    check_shares(&m, up);
}

static void never_two_owners_and_none_left_alone(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 200; seed++)
        random_run(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_are_shared_out),
        cmocka_unit_test(a_dead_one_is_taken_over_within_the_lease),
        cmocka_unit_test(one_that_comes_back_is_not_waited_for),
        cmocka_unit_test(a_stopped_one_falls_and_comes_back),
        cmocka_unit_test(who_did_not_look_takes_nobody_for_dead),
        cmocka_unit_test(all_chairs_taken),
        cmocka_unit_test(one_that_leaves_gives_all_back),
        cmocka_unit_test(never_two_owners_and_none_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
