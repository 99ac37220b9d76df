/* SPDX-License-Identifier: Apache-2.0
 *
 * base/list.h - intrusive doubly linked circular list.  No allocation, no lock.
 */
#ifndef ONTIME_BASE_LIST_H
#define ONTIME_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

#define list_of(ptr, type, member)                                             \
    ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_push(struct list *head, struct list *e) /* at the end */
{
    e->prev = head->prev;
    e->next = head;
    head->prev->next = e;
    head->prev = e;
}

/* Unlinks e and leaves it an empty list: removing twice is harmless. */
static inline void list_remove(struct list *e)
{
    e->prev->next = e->next;
    e->next->prev = e->prev;
    list_init(e);
}

/* The first element, unlinked, or NULL. */
static inline struct list *list_pop(struct list *head)
{
    struct list *e = head->next;

    if (e == head)
        return NULL;
    list_remove(e);
    return e;
}

/* Moves all of src to the end of dst. */
static inline void list_splice(struct list *dst, struct list *src)
{
    if (list_empty(src))
        return;
    src->next->prev = dst->prev;
    dst->prev->next = src->next;
    src->prev->next = dst;
    dst->prev = src->prev;
    list_init(src);
}

#endif
