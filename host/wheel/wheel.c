/* SPDX-License-Identifier: Apache-2.0
 *
 * wheel/wheel.c - a hierarchical timing wheel that skips what is empty.  Pure;
 * one thread.
 *
 * Times are cut into 8 digits of 8 bits.  A ring has a base time that no timer
 * in it precedes; a timer lives at the level of the highest digit in which it
 * differs from the base, in the slot named by that digit.  So
 *
 *  - a slot of level 0 is one millisecond;
 *  - all timers of a level are due before those of the levels above;
 *  - equal due times are in one slot, always, in the order of addition;
 *  - above level 0 the slot of the base's own digit is empty.
 *
 * Moving the base forward empties one slot into lower levels; moving it back
 * gathers the lower levels in one slot.  Bitmaps lead from one occupied slot
 * to the next.
 *
 * There are two rings, so that adding what is overdue does not disturb what is
 * to come: `late` takes the timers that precede the base of `coming`, which is
 * the millisecond after the last now when nothing due was left.
 */
#include "config.h"

#include "wheel/wheel.h"

#include <assert.h>
#include <stdlib.h>

#define DIGIT_BITS 8
#define SLOTS (1 << DIGIT_BITS)
#define LEVELS (64 / DIGIT_BITS)
#define WORDS (SLOTS / 64)

struct ring {
    uint64_t base;
    unsigned occupied;            /* a bit for each level that has timers */
    uint64_t bits[LEVELS][WORDS]; /* a bit for each slot that has timers */
    struct list slots[LEVELS][SLOTS];
};

struct wheel {
    size_t count;
    struct ring late, coming;
};

/* Times as unsigned numbers of the same order. */
static uint64_t to_tick(int64_t ms)
{
    return (uint64_t)ms ^ (UINT64_C(1) << 63);
}

static int64_t to_ms(uint64_t tick)
{
    return (int64_t)(tick ^ (UINT64_C(1) << 63));
}

static struct timer *timer_of(struct list *link)
{
    return list_of(link, struct timer, link);
}

static unsigned digit(uint64_t tick, unsigned level)
{
    return (unsigned)(tick >> (level * DIGIT_BITS)) & (SLOTS - 1);
}

/* The level of the highest digit in which the two differ; 0 when none. */
static unsigned level_of(uint64_t a, uint64_t b)
{
    return (unsigned)(63 - __builtin_clzll((a ^ b) | 1)) / DIGIT_BITS;
}

static void set_bit(struct ring *r, unsigned level, unsigned slot)
{
    r->bits[level][slot / 64] |= UINT64_C(1) << (slot % 64);
    r->occupied |= 1u << level;
}

static void clear_bit(struct ring *r, unsigned level, unsigned slot)
{
    uint64_t any = 0;

    r->bits[level][slot / 64] &= ~(UINT64_C(1) << (slot % 64));
    for (unsigned i = 0; i < WORDS; i++)
        any |= r->bits[level][i];
    if (any == 0)
        r->occupied &= ~(1u << level);
}

/* The first occupied slot of a level that has one. */
static unsigned first_slot(const struct ring *r, unsigned level)
{
    unsigned i = 0;

    while (r->bits[level][i] == 0)
        i++;
    return i * 64 + (unsigned)__builtin_ctzll(r->bits[level][i]);
}

static void ring_init(struct ring *r, uint64_t base)
{
    r->base = base;
    for (unsigned level = 0; level < LEVELS; level++) {
        for (unsigned slot = 0; slot < SLOTS; slot++)
            list_init(&r->slots[level][slot]);
    }
}

static void ring_put(struct ring *r, struct timer *t)
{
    uint64_t tick = to_tick(t->due_ms);
    unsigned level = level_of(tick, r->base);
    unsigned slot = digit(tick, level);

    list_push(&r->slots[level][slot], &t->link);
    set_bit(r, level, slot);
}

/* Moves the base forward to a time that no timer precedes. */
static void ring_forward(struct ring *r, uint64_t to)
{
    unsigned level = level_of(to, r->base);
    unsigned slot = digit(to, level);
    struct list moving, *e;

    r->base = to;
    if (level == 0 || list_empty(&r->slots[level][slot]))
        return;
    list_init(&moving);
    list_splice(&moving, &r->slots[level][slot]);
    clear_bit(r, level, slot);
    while ((e = list_pop(&moving)) != NULL)
        ring_put(r, timer_of(e));
}

/* Moves the base back. */
static void ring_back(struct ring *r, uint64_t to)
{
    unsigned top = level_of(to, r->base);
    unsigned home = digit(r->base, top);

    for (unsigned level = 0; level < top; level++) {
        while ((r->occupied & (1u << level)) != 0) {
            unsigned slot = first_slot(r, level);

            list_splice(&r->slots[top][home], &r->slots[level][slot]);
            clear_bit(r, level, slot);
            set_bit(r, top, home);
        }
    }
    r->base = to;
}

/* The start of the first occupied slot and its level; false when empty. */
static bool ring_first(const struct ring *r, uint64_t *ret_start,
                       unsigned *ret_level)
{
    unsigned level, shift;
    uint64_t above, slot;

    if (r->occupied == 0)
        return false;
    level = (unsigned)__builtin_ctz(r->occupied);
    shift = level * DIGIT_BITS;
    /* Two shifts: the top level has no digits above it. */
    above = r->base >> shift >> DIGIT_BITS << DIGIT_BITS << shift;
    slot = first_slot(r, level);
    *ret_start = above | slot << shift;
    *ret_level = level;
    return true;
}

/* The slot of the earliest due time up to limit, which becomes the base; NULL
 * when there is none. */
static struct list *ring_due(struct ring *r, uint64_t limit)
{
    unsigned level;
    uint64_t start;

    while (ring_first(r, &start, &level) && start <= limit) {
        ring_forward(r, start);
        if (level == 0)
            return &r->slots[0][digit(start, 0)];
    }
    return NULL;
}

/* The earlier one of both rings.  What is late was added before what of the
 * same time is coming. */
static struct list *wheel_due(struct wheel *w, uint64_t limit,
                              struct ring **ret)
{
    struct list *late = ring_due(&w->late, limit);
    struct list *coming = ring_due(&w->coming, limit);

    if (late != NULL && (coming == NULL || w->late.base <= w->coming.base)) {
        *ret = &w->late;
        return late;
    }
    *ret = &w->coming;
    return coming;
}

struct wheel *wheel_new(int64_t now_ms)
{
    struct wheel *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return NULL;
    ring_init(&w->late, to_tick(now_ms));
    ring_init(&w->coming, to_tick(now_ms));
    return w;
}

void wheel_free(struct wheel **pw)
{
    if (pw == NULL)
        return;
    free(*pw);
    *pw = NULL;
}

size_t wheel_count(const struct wheel *w)
{
    return w->count;
}

void timer_init(struct timer *t)
{
    list_init(&t->link);
    t->due_ms = 0;
    t->in_wheel = false;
}

void wheel_add(struct wheel *w, struct timer *t, int64_t due_ms)
{
    uint64_t tick = to_tick(due_ms);

    assert(!t->in_wheel);
    t->due_ms = due_ms;
    t->in_wheel = true;
    w->count++;
    if (tick >= w->coming.base) {
        ring_put(&w->coming, t);
        return;
    }
    if (tick < w->late.base)
        ring_back(&w->late, tick);
    ring_put(&w->late, t);
}

/* Clears the bit of the slot whose list head this is. */
static void forget_slot(struct wheel *w, const struct list *head)
{
    size_t late = (size_t)((uintptr_t)head - (uintptr_t)w->late.slots);
    bool is_late = late < sizeof(w->late.slots);
    struct ring *r = is_late ? &w->late : &w->coming;
    size_t i = (size_t)(head - r->slots[0]);

    clear_bit(r, (unsigned)(i / SLOTS), (unsigned)(i % SLOTS));
}

bool wheel_remove(struct wheel *w, struct timer *t)
{
    if (!t->in_wheel)
        return false;
    if (t->link.next == t->link.prev) /* it was alone with the head */
        forget_slot(w, t->link.next);
    list_remove(&t->link);
    t->in_wheel = false;
    w->count--;
    return true;
}

/* Moves up to max timers of one millisecond. */
static size_t take(struct ring *r, struct list *slot, size_t max,
                   struct list *due)
{
    struct list *e;
    size_t n = 0;

    while (n < max && (e = list_pop(slot)) != NULL) {
        timer_of(e)->in_wheel = false;
        list_push(due, e);
        n++;
    }
    if (list_empty(slot))
        clear_bit(r, 0, digit(r->base, 0));
    return n;
}

size_t wheel_expire(struct wheel *w, int64_t now_ms, size_t max,
                    struct list *due)
{
    uint64_t now = to_tick(now_ms);
    uint64_t next = now < UINT64_MAX ? now + 1 : now;
    struct list *slot;
    struct ring *r;
    size_t n = 0;

    if (max == 0)
        max = SIZE_MAX;
    if (next < w->coming.base) /* the clock went back */
        ring_back(&w->coming, next);
    while (n < max && (slot = wheel_due(w, now, &r)) != NULL)
        n += take(r, slot, max - n, due);
    w->count -= n;
    if (n < max && w->coming.base < next) /* nothing up to now is left */
        ring_forward(&w->coming, next);
    return n;
}

int64_t wheel_next(const struct wheel *w)
{
    uint64_t late = UINT64_MAX, coming = UINT64_MAX;
    unsigned level;

    (void)ring_first(&w->late, &late, &level);
    (void)ring_first(&w->coming, &coming, &level);
    return to_ms(late < coming ? late : coming);
}
