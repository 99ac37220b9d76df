/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/names.c - see names.h.  The session's thread.
 */
#include "config.h"

#include "store/sqlite/names.h"

#include <stdlib.h>
#include <string.h>

#include "store/name.h"
#include "store/sqlite/radix.h"
#include "store/sqlite/session.h"

void sq_name_hash(const struct sq_session *x, const struct app_name *app,
                  struct span name, struct sq_name *ret)
{
    uint64_t h[2];

    store_name_hash(&x->st->secret, app, name, h);
    ret->hash = h[0];
    ret->rest = h[1];
}

static int compare(const void *pa, const void *pb)
{
    const struct sq_name *a = pa, *b = pb;

    if (a->hash != b->hash)
        return a->hash < b->hash ? -1 : 1;
    if (a->rest != b->rest)
        return a->rest < b->rest ? -1 : 1;
    return a->item < b->item ? -1 : a->item > b->item;
}

/* Puts names into the order of refs, by way of a copy; equal hashes of
 * different names, should they ever meet, by the rest of them. */
static void arrange(struct sq_name *names, struct sq_name *copy,
                    const struct sq_ref *refs, size_t n)
{
    bool sorted = true;

    memcpy(copy, names, n * sizeof(*names));
    for (size_t i = 0; i < n; i++) {
        names[i] = copy[refs[i].i];
        sorted = sorted && (i == 0 || compare(&names[i - 1], &names[i]) < 0);
    }
    if (!sorted)
        qsort(names, n, sizeof(*names), compare);
}

void sq_names_sort(struct sq_name *names, size_t n)
{
    struct sq_name *copy = NULL;
    struct sq_ref *refs = NULL;

    if (n > 1) {
        copy = malloc(n * sizeof(*copy));
        refs = malloc(2 * n * sizeof(*refs));
    }
    if (copy != NULL && refs != NULL) {
        for (size_t i = 0; i < n; i++)
            refs[i] = (struct sq_ref){names[i].hash, i};
        sq_radix(refs, refs + n, n);
        arrange(names, copy, refs, n);
    } else { /* one, or no memory: slower */
        qsort(names, n, sizeof(*names), compare);
    }
    free(copy);
    free(refs);
}

int sq_names_get(struct sq_session *x, enum sq_names which,
                 struct sq_name *names, size_t n, struct err *err)
{
    return sq_pile_get(x, &x->st->names[which], names, n, err);
}

int sq_names_set(struct sq_session *x, enum sq_names which,
                 const struct sq_name *names, size_t n, struct err *err)
{
    return sq_pile_set(x, &x->st->names[which], names, n, err);
}

void sq_names_init(struct sq_store *st)
{
    sq_pile_init(&st->names[NAMES_KEYS], SQL_KEYS_FLOOR);
    sq_pile_init(&st->names[NAMES_REPEATS], SQL_REPEATS_FLOOR);
}

int sq_names_load(struct sq_store *st, sqlite3 *db, struct err *err)
{
    int r = sq_pile_load(&st->names[NAMES_KEYS], db, "job_key_log", err);

    return r < 0
               ? r
               : sq_pile_load(&st->names[NAMES_REPEATS], db, "repeat_log", err);
}

void sq_names_done(struct sq_store *st)
{
    for (int i = 0; i < NAMES; i++)
        sq_pile_done(&st->names[i]);
}

void sq_names_commit(struct sq_store *st)
{
    for (int i = 0; i < NAMES; i++)
        sq_pile_commit(&st->names[i]);
}

void sq_names_rollback(struct sq_store *st)
{
    for (int i = 0; i < NAMES; i++)
        sq_pile_rollback(&st->names[i]);
}
