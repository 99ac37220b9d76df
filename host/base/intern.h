/* SPDX-License-Identifier: Apache-2.0
 *
 * base/intern.h - names that are kept for ever, so that equal names are equal
 * pointers.  Any thread: looking up a known name takes no lock, adding one
 * takes a mutex.
 */
#ifndef ONTIME_BASE_INTERN_H
#define ONTIME_BASE_INTERN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

#define INTERN_NAMES_MAX 65536u
#define INTERN_SLOTS (2u * INTERN_NAMES_MAX)

struct intern_entry;
typedef _Atomic(struct intern_entry *) intern_slot;

struct intern {
    /* INTERN_SLOTS of them, all NULL: memory only where they are touched. */
    intern_slot *slots;
    size_t size; /* of what a name stands for */
    /* Fills that; text is NUL-terminated and stays, index is 0, 1, 2, ... */
    void (*make)(void *value, const char *text, size_t len, uint32_t index);
    pthread_mutex_t mtx;
    uint32_t used;       /* under mtx */
    atomic_bool ready;   /* key is there */
    struct hash_key key; /* frozen by then */
};
#define INTERN_INIT(slots, size, make)                                         \
    {                                                                          \
        slots, size, make, PTHREAD_MUTEX_INITIALIZER, 0, false,                \
        {                                                                      \
            0, 0                                                               \
        }                                                                      \
    }

/* What the name stands for, made when it is new.  NULL without memory, or when
 * INTERN_NAMES_MAX names exist. */
const void *intern(struct intern *in, const char *name, size_t len);

/* [A-Za-z0-9._-]{1,most}: what names of apps and of topics are made of. */
bool intern_plain(const char *name, size_t len, size_t most);

#endif
