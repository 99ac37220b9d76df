/* SPDX-License-Identifier: Apache-2.0
 *
 * job/backoff.h - when an app's failed job is tried again.  Pure.
 */
#ifndef ONTIME_JOB_BACKOFF_H
#define ONTIME_JOB_BACKOFF_H

#include <stddef.h>
#include <stdint.h>

#define BACKOFF_TABLE_MAX 32

struct backoff {
    uint32_t max_attempts; /* attempts in all, the first included; >= 1 */
    int64_t first_ms;      /* delay after the first failed attempt */
    double factor;         /* each further one times this; >= 1 */
    int64_t cap_ms;        /* never longer than this; 0: no cap */
    double jitter;         /* 0..1: up to this part is taken off at random */
    /* When table_len > 0: these delays instead, the last one repeated. */
    int64_t table_ms[BACKOFF_TABLE_MAX];
    size_t table_len;
};

/*
 * The delay before the next attempt after `ended` attempts have ended (>= 1),
 * or -1 when they are used up.  wish_ms is what the plugin asked for (0:
 * nothing): the larger of the two counts, then the cap, then jitter, which is
 * taken from seed (made from the job's id and attempt), so that it is stable.
 * Jitter never cuts below the wish (or the cap, where that is less), and
 * arithmetic saturates.
 */
int64_t backoff_next_ms(const struct backoff *b, uint32_t ended,
                        int64_t wish_ms, uint64_t seed);

#endif
