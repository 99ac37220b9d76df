/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/names.c - see names.h.  The session's thread.
 */
#include "config.h"

#include "store/sqlite/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "store/sqlite/session.h"

#define APP_MAX 64 /* longest name of an app */

void sq_name_hash(const struct sq_session *x, const struct app_name *app,
                  struct span name, struct sq_name *ret)
{
    unsigned char small[512];
    uint64_t h[2];
    size_t app_len = strlen(app->text) + 1; /* its NUL parts the two */

    if (app_len + name.len <= sizeof(small)) {
        memcpy(small, app->text, app_len);
        if (name.len > 0)
            memcpy(small + app_len, name.data, name.len);
        hash128(&x->st->secret, small, app_len + name.len, h);
    } else { /* a digest of the long name stands for it */
        memcpy(small, app->text, app_len);
        hash128(&x->st->secret, name.data, name.len, h);
        memcpy(small + app_len, h, sizeof(h));
        memcpy(small + app_len + sizeof(h), &name.len, sizeof(name.len));
        hash128(&x->st->secret, small,
                app_len + sizeof(h) + sizeof(name.len), h);
    }
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

void sq_names_sort(struct sq_name *names, size_t n)
{
    qsort(names, n, sizeof(*names), compare);
}

static sqlite3_stmt *bound(struct sq_session *x, enum sql q,
                           const struct sq_name *name, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, q, err);

    if (st != NULL) {
        (void)sqlite3_bind_int64(st, 1, (int64_t)name->hash);
        (void)sqlite3_bind_int64(st, 2, (int64_t)name->rest);
    }
    return st;
}

int sq_names_get(struct sq_session *x, enum sq_names which,
                 struct sq_name *names, size_t n, struct err *err)
{
    enum sql q = which == NAMES_KEYS ? SQL_KEY_GET : SQL_IDEM_GET;

    for (size_t i = 0; i < n; i++) {
        sqlite3_stmt *st = bound(x, q, &names[i], err);
        int r;

        if (st == NULL)
            return -EIO;
        r = sq_row(x, st, err);
        if (r < 0)
            return r;
        names[i].value = r > 0 ? sqlite3_column_int64(st, 0) : 0;
        (void)sqlite3_reset(st);
    }
    return 0;
}

int sq_names_set(struct sq_session *x, enum sq_names which,
                 const struct sq_name *names, size_t n, struct err *err)
{
    enum sql q = which == NAMES_KEYS ? SQL_KEY_SET : SQL_IDEM_SET;

    for (size_t i = 0; i < n; i++) {
        sqlite3_stmt *st = bound(x, q, &names[i], err);
        int r;

        if (st == NULL)
            return -EIO;
        (void)sqlite3_bind_int64(st, 3, names[i].value);
        r = sq_run(x, st, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int sq_names_remove(struct sq_session *x, enum sq_names which,
                    const struct sq_name *names, size_t n, struct err *err)
{
    (void)which; /* idempotency keys go by age, see prune.c */
    for (size_t i = 0; i < n; i++) {
        sqlite3_stmt *st = bound(x, SQL_KEY_DELETE, &names[i], err);
        int r;

        if (st == NULL)
            return -EIO;
        r = sq_run(x, st, err);
        if (r < 0)
            return r;
    }
    return 0;
}
