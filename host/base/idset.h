/* SPDX-License-Identifier: Apache-2.0
 *
 * base/idset.h - int64 -> pointer, open addressing.  One thread; keys != 0.
 */
#ifndef ONTIME_BASE_IDSET_H
#define ONTIME_BASE_IDSET_H

#include <stddef.h>
#include <stdint.h>

struct idset {
    struct idset_slot *slots; /* NULL before the first idset_add */
    size_t used;              /* how many are in */
    size_t cap;
}; /* zero-initialised */

void idset_done(struct idset *s); /* frees; s is empty and may be used again */
/* 0, -EEXIST (unchanged) or -ENOMEM (unchanged).  value must not be NULL. */
int idset_add(struct idset *s, int64_t id, void *value);
void *idset_get(const struct idset *s, int64_t id); /* NULL: not there */
/* What was there, or NULL. */
void *idset_remove(struct idset *s, int64_t id);
/* Walks the values, in no order: start with *at = 0; NULL at the end.  The set
 * must not change meanwhile. */
void *idset_next(const struct idset *s, size_t *at);
/* The set shrinks its memory when it has become much too large for used. */

#endif
