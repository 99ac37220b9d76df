/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/arena.c - memory that goes all at once; see arena.h.
 */
#include "config.h"

#include "plug/arena.h"

#include <stdlib.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define hide(p, n) ASAN_POISON_MEMORY_REGION((p), (n))
#define show(p, n) ASAN_UNPOISON_MEMORY_REGION((p), (n))
#else
#define hide(p, n) ((void)(p), (void)(n))
#define show(p, n) ((void)(p), (void)(n))
#endif

#define ALIGN 16u
#define CHUNK_MIN 4096u

struct arena_chunk {
    struct arena_chunk *next;
    _Alignas(ALIGN) char data[];
};

void arena_init(struct arena *a)
{
    a->chunks = NULL;
    a->used = 0;
    a->at = a->first;
    a->end = a->first + sizeof(a->first);
    hide(a->first, sizeof(a->first));
}

static void *from_chunk(struct arena *a, size_t size)
{
    size_t cap = size > CHUNK_MIN ? size : CHUNK_MIN;
    struct arena_chunk *c = malloc(sizeof(*c) + cap);

    if (c == NULL)
        return NULL;
    c->next = a->chunks;
    a->chunks = c;
    a->used += size;
    if (cap - size > (size_t)(a->end - a->at)) { /* the emptier one goes on */
        a->at = c->data + size;
        a->end = c->data + cap;
    }
    return c->data;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t whole = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    void *p = a->at;

    if (whole < size)
        return NULL;
    if (whole > (size_t)(a->end - a->at))
        return from_chunk(a, whole);
    a->at += whole;
    a->used += whole;
    show(p, whole);
    return p;
}

void arena_reset(struct arena *a)
{
    while (a->chunks != NULL) {
        struct arena_chunk *c = a->chunks;

        a->chunks = c->next;
        free(c);
    }
    arena_init(a);
}

void arena_done(struct arena *a)
{
    arena_reset(a);
    show(a->first, sizeof(a->first));
}
