/* SPDX-License-Identifier: Apache-2.0
 *
 * base/idset.c - int64 -> pointer by linear probing; removal shifts back what
 * follows, so there are no gravestones.  One thread.
 */
#include "config.h"

#include "base/idset.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define IDSET_SMALLEST 16

struct idset_slot {
    int64_t id; /* 0: free */
    void *value;
};

void idset_done(struct idset *s)
{
    free(s->slots);
    *s = (struct idset){0};
}

/* Where id would like to be; spreads ids that count up. */
static size_t idset_home(const struct idset *s, int64_t id)
{
    uint64_t h = (uint64_t)id * 0x9e3779b97f4a7c15u;

    return (size_t)(h ^ h >> 32) & (s->cap - 1);
}

/* The slot of id, or the free one where it would go.  cap > used. */
static size_t idset_find(const struct idset *s, int64_t id)
{
    size_t i = idset_home(s, id);

    while (s->slots[i].id != 0 && s->slots[i].id != id)
        i = (i + 1) & (s->cap - 1);
    return i;
}

static int idset_resize(struct idset *s, size_t cap)
{
    struct idset to = {.used = s->used, .cap = cap};

    to.slots = calloc(cap, sizeof(*to.slots));
    if (to.slots == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < s->cap; i++)
        if (s->slots[i].id != 0)
            to.slots[idset_find(&to, s->slots[i].id)] = s->slots[i];
    free(s->slots);
    *s = to;
    return 0;
}

int idset_add(struct idset *s, int64_t id, void *value)
{
    size_t i;
    int r;

    assert(id != 0 && value != NULL);
    if (idset_get(s, id) != NULL)
        return -EEXIST;
    if (s->used + 1 > s->cap - s->cap / 4) {
        r = idset_resize(s, s->cap == 0 ? IDSET_SMALLEST : s->cap * 2);
        if (r < 0)
            return r;
    }
    i = idset_find(s, id);
    s->slots[i] = (struct idset_slot){id, value};
    s->used++;
    return 0;
}

void *idset_get(const struct idset *s, int64_t id)
{
    if (s->cap == 0 || id == 0)
        return NULL;
    return s->slots[idset_find(s, id)].value;
}

/* Slot i has become free: what could not stand there before may now. */
static void idset_close_gap(struct idset *s, size_t i)
{
    size_t mask = s->cap - 1;
    size_t j = i;

    for (;;) {
        size_t home;

        j = (j + 1) & mask;
        if (s->slots[j].id == 0)
            break;
        home = idset_home(s, s->slots[j].id);
        if (((j - home) & mask) >= ((j - i) & mask)) {
            s->slots[i] = s->slots[j];
            i = j;
        }
    }
    s->slots[i] = (struct idset_slot){0};
}

void *idset_remove(struct idset *s, int64_t id)
{
    void *value = idset_get(s, id);

    if (value == NULL)
        return NULL;
    idset_close_gap(s, idset_find(s, id));
    s->used--;
    if (s->cap > IDSET_SMALLEST && s->used < s->cap / 8)
        (void)idset_resize(s, s->cap / 2); /* no memory: stays large */
    return value;
}

void *idset_next(const struct idset *s, size_t *at)
{
    while (*at < s->cap) {
        void *value = s->slots[(*at)++].value;

        if (value != NULL)
            return value;
    }
    return NULL;
}
