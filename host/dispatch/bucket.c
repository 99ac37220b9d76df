/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch/bucket.c - a token bucket; see bucket.h.
 */
#include "config.h"

#include "dispatch/bucket.h"

static double filled(const struct bucket *b, int64_t now_ns)
{
    double t = b->tokens + (double)(now_ns - b->at_ns) / 1e9 * b->rate;

    return t > b->burst ? b->burst : t;
}

void bucket_init(struct bucket *b, double rate, double burst, int64_t now_ns)
{
    *b = (struct bucket){rate, burst < 1 ? 1 : burst, burst < 1 ? 1 : burst,
                         now_ns};
}

size_t bucket_take(struct bucket *b, size_t want, int64_t now_ns)
{
    size_t n;

    if (b->rate <= 0)
        return want;
    b->tokens = filled(b, now_ns);
    b->at_ns = now_ns;
    n = b->tokens < (double)want ? (size_t)b->tokens : want;
    b->tokens -= (double)n;
    return n;
}

void bucket_return(struct bucket *b, size_t n)
{
    b->tokens += (double)n;
}

int64_t bucket_next_ns(const struct bucket *b, int64_t now_ns)
{
    double have;

    if (b->rate <= 0)
        return now_ns;
    have = filled(b, now_ns);
    if (have >= 1)
        return now_ns;
    return now_ns + (int64_t)((1 - have) / b->rate * 1e9) + 1;
}
