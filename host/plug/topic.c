/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/topic.c - names of topics, interned.  Any thread: looking up a known
 * name takes no lock, adding one takes a mutex.
 *
 * Nothing is ever removed, so a reader only needs the slots to be published
 * after what they point to is complete.
 */
#include "config.h"

#include "plug/topic.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define SLOTS (2u * TOPIC_NAMES_MAX)
#define NAME_LEN_MAX 249

struct entry {
    struct topic_name name; /* first: this is what callers see */
    char text[];
};

static _Atomic(struct entry *) slots[SLOTS];

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct hash_key key; /* frozen by once */

static pthread_mutex_t mtx = PTHREAD_MUTEX_INITIALIZER;
static uint32_t used; /* under mtx */

static void make_key(void)
{
    random_bytes(&key, sizeof(key));
}

static bool topic_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

int topic_name_check(const char *name, size_t len)
{
    if (name == NULL || len == 0 || len > NAME_LEN_MAX)
        return -EINVAL;
    if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
        return -EINVAL;
    for (size_t i = 0; i < len; i++)
        if (!topic_char(name[i]))
            return -EINVAL;
    return 0;
}

/* The name's entry, or NULL and in *at the slot where it would go.  At most
 * half of the slots are ever used, so the search ends. */
static struct entry *find(const char *name, size_t len, size_t *at)
{
    for (;; *at = (*at + 1) % SLOTS) {
        struct entry *e =
            atomic_load_explicit(&slots[*at], memory_order_acquire);

        if (e == NULL ||
            (e->name.len == len && memcmp(e->text, name, len) == 0))
            return e;
    }
}

static struct entry *add(const char *name, size_t len, size_t at)
{
    struct entry *e;

    e = find(name, len, &at); /* somebody may have been faster */
    if (e != NULL || used == TOPIC_NAMES_MAX)
        return e;
    e = malloc(sizeof(*e) + len + 1);
    if (e == NULL)
        return NULL;
    memcpy(e->text, name, len);
    e->text[len] = '\0';
    e->name = (struct topic_name){.text = e->text, .len = len, .index = used++};
    atomic_store_explicit(&slots[at], e, memory_order_release);
    return e;
}

const struct topic_name *topic_name(const char *name, size_t len)
{
    struct entry *e;
    size_t at;

    if (topic_name_check(name, len) < 0)
        return NULL;
    (void)pthread_once(&once, make_key);
    at = (size_t)(hash64(&key, name, len) % SLOTS);
    e = find(name, len, &at);
    if (e == NULL) {
        (void)pthread_mutex_lock(&mtx);
        e = add(name, len, at);
        (void)pthread_mutex_unlock(&mtx);
    }
    return e != NULL ? &e->name : NULL;
}

const struct topic_name *topic_name_s(const char *name)
{
    return name != NULL ? topic_name(name, strlen(name)) : NULL;
}
