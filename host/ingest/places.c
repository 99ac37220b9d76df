/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/places.c - a small table of partitions; see places.h.
 */
#include "config.h"

#include "ingest/places.h"

#include <stdlib.h>

void places_done(struct places *ps)
{
    free(ps->at);
    *ps = (struct places){0};
}

struct place *places_find(const struct places *ps, int32_t partition)
{
    for (size_t i = 0; i < ps->count; i++)
        if (ps->at[i].partition == partition)
            return &ps->at[i];
    return NULL;
}

struct place *places_make(struct places *ps, int32_t partition)
{
    struct place *p = places_find(ps, partition);

    if (p != NULL)
        return p;
    if (ps->count == ps->cap) {
        size_t cap = ps->cap == 0 ? 8 : ps->cap * 2;
        struct place *grown = realloc(ps->at, cap * sizeof(*grown));

        if (grown == NULL)
            return NULL;
        ps->at = grown;
        ps->cap = cap;
    }
    p = &ps->at[ps->count++];
    *p = (struct place){.partition = partition,
                        .from = -1,
                        .first = -1,
                        .stored = -1,
                        .committed = -1};
    return p;
}
