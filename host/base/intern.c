/* SPDX-License-Identifier: Apache-2.0
 *
 * base/intern.c - see intern.h.
 *
 * A table never grows and nothing is ever removed from it, so a reader only
 * needs the slots to be published after what they point to is complete.
 */
#include "config.h"

#include "base/intern.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct intern_entry {
    size_t len;
    const char *text;
    _Alignas(max_align_t) char value[]; /* behind it: the text */
};

/* The name's entry, or NULL and in *at the slot where it would go.  At most
 * half of the slots are ever used, so the search ends. */
static struct intern_entry *find(const struct intern *in, const char *name,
                                 size_t len, size_t *at)
{
    for (;; *at = (*at + 1) % INTERN_SLOTS) {
        struct intern_entry *e =
            atomic_load_explicit(&in->slots[*at], memory_order_acquire);

        if (e == NULL || (e->len == len && memcmp(e->text, name, len) == 0))
            return e;
    }
}

/* Under the lock. */
static struct intern_entry *add(struct intern *in, const char *name, size_t len,
                                size_t at)
{
    struct intern_entry *e;
    char *text;

    e = find(in, name, len, &at); /* somebody may have been faster */
    if (e != NULL || in->used == INTERN_NAMES_MAX)
        return e;
    e = malloc(sizeof(*e) + in->size + len + 1);
    if (e == NULL)
        return NULL;
    text = e->value + in->size;
    memcpy(text, name, len);
    text[len] = '\0';
    e->len = len;
    e->text = text;
    in->make(e->value, text, len, in->used++);
    atomic_store_explicit(&in->slots[at], e, memory_order_release);
    return e;
}

static void make_key(struct intern *in)
{
    (void)pthread_mutex_lock(&in->mtx);
    if (!atomic_load_explicit(&in->ready, memory_order_relaxed))
        random_bytes(&in->key, sizeof(in->key));
    atomic_store_explicit(&in->ready, true, memory_order_release);
    (void)pthread_mutex_unlock(&in->mtx);
}

const void *intern(struct intern *in, const char *name, size_t len)
{
    struct intern_entry *e;
    size_t at;

    if (!atomic_load_explicit(&in->ready, memory_order_acquire))
        make_key(in);
    at = (size_t)(hash64(&in->key, name, len) % INTERN_SLOTS);
    e = find(in, name, len, &at);
    if (e == NULL) {
        (void)pthread_mutex_lock(&in->mtx);
        e = add(in, name, len, at);
        (void)pthread_mutex_unlock(&in->mtx);
    }
    return e != NULL ? e->value : NULL;
}

static bool plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

bool intern_plain(const char *name, size_t len, size_t most)
{
    if (name == NULL || len == 0 || len > most)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!plain(name[i]))
            return false;
    return true;
}
