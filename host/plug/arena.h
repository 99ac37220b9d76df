/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/arena.h - memory that goes all at once: the first bytes inside the
 * struct, more in chunks.  One thread at a time.
 */
#ifndef ONTIME_PLUG_ARENA_H
#define ONTIME_PLUG_ARENA_H

#include <stddef.h>

#define ARENA_FIRST 512

struct arena_chunk;

struct arena {
    char *at, *end;
    struct arena_chunk *chunks; /* NULL: none yet */
    size_t used;                /* bytes handed out since the last reset */
    _Alignas(16) char first[ARENA_FIRST];
};

void arena_init(struct arena *a);
/* size bytes, aligned for any object; NULL without memory. */
void *arena_alloc(struct arena *a, size_t size);
void arena_reset(struct arena *a); /* frees all that was handed out */
void arena_done(struct arena *a);  /* the same, before its memory goes */

#endif
