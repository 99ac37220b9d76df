/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/filter.h - a Bloom filter: says for sure that a name is not in
 * a set, or that it may be.  One thread.
 */
#ifndef ONTIME_STORE_SQLITE_FILTER_H
#define ONTIME_STORE_SQLITE_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SQ_FILTER_BITS_MIN (UINT64_C(1) << 20)
#define SQ_FILTER_BITS_MAX (UINT64_C(1) << 27) /* 16 MB */

struct sq_filter {
    uint64_t *words; /* NULL: none, everything may be in */
    uint64_t mask;   /* bits - 1 */
    size_t adds;
};

/* An empty one for about n names.  False without memory. */
bool sq_filter_init(struct sq_filter *f, size_t n);
void sq_filter_done(struct sq_filter *f);
/* More names than it is good for; it still works, but tells less. */
bool sq_filter_full(const struct sq_filter *f);

/* The two halves of a name's hash. */
static inline void sq_filter_add(struct sq_filter *f, uint64_t hash,
                                 uint64_t rest)
{
    if (f->words == NULL)
        return;
    f->adds++;
    for (int i = 0; i < 3; i++, rest += hash | 1) {
        uint64_t bit = (rest ^ rest >> 32) & f->mask;

        f->words[bit / 64] |= UINT64_C(1) << bit % 64;
    }
}

static inline bool sq_filter_may(const struct sq_filter *f, uint64_t hash,
                                 uint64_t rest)
{
    if (f->words == NULL)
        return true;
    for (int i = 0; i < 3; i++, rest += hash | 1) {
        uint64_t bit = (rest ^ rest >> 32) & f->mask;

        if ((f->words[bit / 64] >> bit % 64 & 1) == 0)
            return false;
    }
    return true;
}

#endif
