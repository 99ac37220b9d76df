/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/filter.c - see filter.h.
 */
#include "config.h"

#include "store/sqlite/filter.h"

#include <stdlib.h>

#define BITS_A_NAME 16 /* when it is made; half of that when it is full */

bool sq_filter_init(struct sq_filter *f, size_t n)
{
    uint64_t bits = SQ_FILTER_BITS_MIN;

    while (bits < SQ_FILTER_BITS_MAX && bits / BITS_A_NAME < n)
        bits *= 2;
    f->words = calloc(bits / 64, sizeof(*f->words));
    f->mask = bits - 1;
    f->adds = 0;
    return f->words != NULL;
}

void sq_filter_done(struct sq_filter *f)
{
    free(f->words);
    *f = (struct sq_filter){0};
}

bool sq_filter_full(const struct sq_filter *f)
{
    return f->words != NULL && f->adds > (f->mask + 1) / BITS_A_NAME * 2;
}
