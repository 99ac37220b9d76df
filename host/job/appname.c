/* SPDX-License-Identifier: Apache-2.0
 *
 * job/appname.c - names of apps, interned.  Any thread: looking up a known
 * name takes no lock, adding one takes a mutex.
 *
 * The table never grows and nothing is ever removed from it, so a reader only
 * needs the slots to be published after what they point to is complete.  Its
 * 2^17 slots cost memory only where they were touched.
 */
#include "config.h"

#include "job/job.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define NAMES_MAX 65536u
#define SLOTS (2u * NAMES_MAX)
#define NAME_LEN_MAX 64

struct entry {
    struct app_name name; /* first: this is what callers see */
    size_t len;
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

static bool valid(const char *name, size_t len)
{
    if (name == NULL || len == 0 || len > NAME_LEN_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = name[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-'))
            return false;
    }
    return true;
}

/* The name's entry, or NULL and in *at the slot where it would go.  At most
 * half of the slots are ever used, so the search ends. */
static struct entry *find(const char *name, size_t len, size_t *at)
{
    for (;; *at = (*at + 1) % SLOTS) {
        struct entry *e =
            atomic_load_explicit(&slots[*at], memory_order_acquire);

        if (e == NULL || (e->len == len && memcmp(e->text, name, len) == 0))
            return e;
    }
}

static struct entry *add(const char *name, size_t len, size_t at)
{
    struct entry *e;

    e = find(name, len, &at); /* somebody may have been faster */
    if (e != NULL || used == NAMES_MAX)
        return e;
    e = malloc(sizeof(*e) + len + 1);
    if (e == NULL)
        return NULL;
    memcpy(e->text, name, len);
    e->text[len] = '\0';
    e->len = len;
    e->name = (struct app_name){.text = e->text, .index = used++};
    atomic_store_explicit(&slots[at], e, memory_order_release);
    return e;
}

const struct app_name *app_name(const char *name, size_t len)
{
    struct entry *e;
    size_t at;

    if (!valid(name, len))
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

const struct app_name *app_name_s(const char *name)
{
    return name != NULL ? app_name(name, strlen(name)) : NULL;
}
