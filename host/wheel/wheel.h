/* SPDX-License-Identifier: Apache-2.0
 *
 * wheel/wheel.h - timers by due time: a hierarchical timing wheel (Varghese,
 * Lauck 1987) of 1 ms ticks.  Pure; one thread; no lock; no allocation after
 * wheel_new.
 *
 * Timers are intrusive.  Equal due times come out in the order they were
 * added.  A due time in the past is due at once.
 */
#ifndef ONTIME_WHEEL_WHEEL_H
#define ONTIME_WHEEL_WHEEL_H

#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer {
    struct list link; /* the wheel's; after wheel_expire the caller's */
    int64_t due_ms;
    bool in_wheel; /* the wheel's own */
};

struct wheel;

struct wheel *wheel_new(int64_t now_ms); /* NULL without memory */
void wheel_free(struct wheel **pw);      /* timers inside are not touched */
size_t wheel_count(const struct wheel *w);

void timer_init(struct timer *t);
/* t must not be in it. */
void wheel_add(struct wheel *w, struct timer *t, int64_t due_ms);
/* Takes t out; harmless when it is not in.  True when it was. */
bool wheel_remove(struct wheel *w, struct timer *t);

/*
 * Moves every timer with due_ms <= now_ms to the end of *due, in order of due
 * time and, within one, of addition.  At most max (0: no limit); call again
 * when it returns max.  now_ms may go backwards: nothing is due then that was
 * not.  The cost is that of the timers moved, however far now_ms leaps; a
 * timer on its way from years ahead is touched at most once per level (8).
 */
size_t wheel_expire(struct wheel *w, int64_t now_ms, size_t max,
                    struct list *due);

/*
 * When to call wheel_expire next: a time that is never later than the
 * earliest timer's due time, and later than the last wheel_expire's now unless
 * something is due (or that call returned max); INT64_MAX when empty.
 */
int64_t wheel_next(const struct wheel *w);

#endif
