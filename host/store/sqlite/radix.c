/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/radix.c - least significant digit first; see radix.h.
 */
#include "config.h"

#include "store/sqlite/radix.h"

#include <string.h>

#define DIGIT_BITS 11
#define DIGITS (1u << DIGIT_BITS)
#define FEW 32 /* so few are sorted by insertion */

static void insertion(struct sq_ref *refs, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct sq_ref r = refs[i];
        size_t at = i;

        for (; at > 0 && refs[at - 1].key > r.key; at--)
            refs[at] = refs[at - 1];
        refs[at] = r;
    }
}

static void pass(const struct sq_ref *from, struct sq_ref *to, size_t n,
                 unsigned shift)
{
    size_t at[DIGITS] = {0}, sum = 0;

    for (size_t i = 0; i < n; i++)
        at[(from[i].key >> shift) % DIGITS]++;
    for (size_t d = 0; d < DIGITS; d++) {
        size_t count = at[d];

        at[d] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++)
        to[at[(from[i].key >> shift) % DIGITS]++] = from[i];
}

void sq_radix(struct sq_ref *refs, struct sq_ref *spare, size_t n)
{
    struct sq_ref *from = refs, *to = spare, *t;
    uint64_t differ = 0;

    if (n <= FEW) {
        insertion(refs, n);
        return;
    }
    for (size_t i = 1; i < n; i++)
        differ |= refs[i].key ^ refs[0].key;
    for (unsigned shift = 0; shift < 64; shift += DIGIT_BITS) {
        if ((differ >> shift) % DIGITS == 0)
            continue;
        pass(from, to, n, shift);
        t = from;
        from = to;
        to = t;
    }
    if (from != refs)
        memcpy(refs, from, n * sizeof(*refs));
}
