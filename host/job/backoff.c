/* SPDX-License-Identifier: Apache-2.0
 *
 * job/backoff.c - when an app's failed job is tried again.  Pure; any thread.
 */
#include "config.h"

#include "job/backoff.h"

/* Above this a double cannot be turned into an int64_t. */
#define INT64_LIMIT 9223372036854775808.0

static int64_t to_ms(double d)
{
    if (!(d > 0)) /* nor when it is no number */
        return 0;
    return d < INT64_LIMIT ? (int64_t)d : INT64_MAX;
}

static double power(double base, uint32_t n)
{
    double p = 1;

    for (; n > 0; n >>= 1, base *= base) {
        if ((n & 1) != 0)
            p *= base;
    }
    return p;
}

static int64_t planned(const struct backoff *b, uint32_t ended)
{
    uint32_t n = ended - 1; /* delays before this one */

    if (b->table_len > 0)
        return b->table_ms[n < b->table_len ? n : b->table_len - 1];
    if (n == 0 || b->first_ms <= 0 || !(b->factor > 1))
        return b->first_ms;
    return to_ms((double)b->first_ms * power(b->factor, n));
}

/* Spreads the bits of seed (splitmix64's last step); a number in [0, 1). */
static double part(uint64_t seed)
{
    uint64_t x = seed + UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    x ^= x >> 31;
    return (double)(x >> 11) / 9007199254740992.0;
}

static int64_t jittered(int64_t delay, double jitter, uint64_t seed)
{
    int64_t off;

    if (!(jitter > 0))
        return delay;
    off = to_ms((double)delay * (jitter < 1 ? jitter : 1) * part(seed));
    return off < delay ? delay - off : 0;
}

int64_t backoff_next_ms(const struct backoff *b, uint32_t ended,
                        int64_t wish_ms, uint64_t seed)
{
    int64_t delay, least;

    if (ended == 0)
        ended = 1;
    if (ended >= b->max_attempts)
        return -1;
    delay = planned(b, ended);
    if (delay < wish_ms)
        delay = wish_ms;
    if (b->cap_ms > 0 && delay > b->cap_ms)
        delay = b->cap_ms;
    if (delay < 0)
        delay = 0;
    least = wish_ms < delay ? wish_ms : delay;
    delay = jittered(delay, b->jitter, seed);
    return delay > least ? delay : least;
}
