/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch/bucket.h - a token bucket: so many a second, so many at once.  Pure.
 */
#ifndef ONTIME_DISPATCH_BUCKET_H
#define ONTIME_DISPATCH_BUCKET_H

#include <stddef.h>
#include <stdint.h>

struct bucket {
    double rate;  /* tokens a second; 0: no limit */
    double burst; /* the most that is saved up; >= 1 */
    double tokens;
    int64_t at_ns; /* when tokens was true */
};

void bucket_init(struct bucket *b, double rate, double burst, int64_t now_ns);
/* How many of want may go now; they are taken. */
size_t bucket_take(struct bucket *b, size_t want, int64_t now_ns);
/* Gives back what was taken and not used. */
void bucket_return(struct bucket *b, size_t n);
/* When there will be one; now_ns or earlier: now. */
int64_t bucket_next_ns(const struct bucket *b, int64_t now_ns);

#endif
