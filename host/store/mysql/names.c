/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/names.c - see names.h.  The session's thread.
 */
#include "config.h"

#include "store/mysql/names.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/name.h"

#define ROWS 4000 /* in one statement */

void md_name_hash(const struct md_store *st, const struct app_name *app,
                  struct span name, struct md_name *ret)
{
    uint64_t h[2];

    store_name_hash(&st->secret, app, name, h);
    h[0] = htobe64(h[0]);
    h[1] = htobe64(h[1]);
    memcpy(ret->hash, h, MD_HASH);
}

static int compare(const void *pa, const void *pb)
{
    const struct md_name *a = pa, *b = pb;
    int c = memcmp(a->hash, b->hash, MD_HASH);

    return c != 0 ? c : a->item < b->item ? -1 : a->item > b->item;
}

void md_names_sort(struct md_name *names, size_t n)
{
    if (n > 1)
        qsort(names, n, sizeof(*names), compare);
}

static void add_hash(struct md_session *x, const struct md_name *name)
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * MD_HASH + 4] = "x'";

    for (int i = 0; i < MD_HASH; i++) {
        text[2 + 2 * i] = digits[name->hash[i] >> 4];
        text[3 + 2 * i] = digits[name->hash[i] & 15];
    }
    text[2 + 2 * MD_HASH] = '\'';
    (void)buf_add(&x->sql, text, 3 + 2 * MD_HASH);
}

static void add_hashes(struct md_session *x, const struct md_name *names,
                       size_t n)
{
    for (size_t i = 0; i < n; i++) {
        add_hash(x, &names[i]);
        (void)buf_addc(&x->sql, ',');
    }
    md_end_list(x, ")");
}

static int get(struct md_session *x, struct md_name *names, size_t n, bool lock,
               struct err *err)
{
    struct md_rows q;
    int r;

    (void)md_sql(x, "SELECT hash,accepted,id FROM names WHERE hash IN (");
    add_hashes(x, names, n);
    (void)buf_adds(&x->sql, lock ? " ORDER BY hash FOR UPDATE" : "");
    r = md_select(x, &q, err);
    while (r == 0 && md_next(&q)) {
        struct md_name key = {0};
        size_t lo = 0, hi = n;

        memcpy(key.hash, md_span(&q, 0).data, MD_HASH);
        while (lo < hi) { /* the first that is not below */
            size_t mid = (lo + hi) / 2;

            if (memcmp(names[mid].hash, key.hash, MD_HASH) < 0)
                lo = mid + 1;
            else
                hi = mid;
        }
        if (lo == n || !md_name_same(&names[lo], &key))
            continue;
        names[lo].there = true;
        names[lo].accepted = md_int(&q, 1);
        names[lo].id = md_int(&q, 2);
    }
    md_rows_done(&q);
    return r;
}

int md_names_get(struct md_session *x, struct md_name *names, size_t n,
                 bool lock, struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < n; i++) {
        names[i].there = false;
        names[i].accepted = names[i].id = 0;
    }
    for (size_t i = 0; i < n && r == 0; i += ROWS)
        r = get(x, names + i, n - i < ROWS ? n - i : ROWS, lock, err);
    return r;
}

static void add_rows(struct md_session *x, const struct md_name *names,
                     size_t n)
{
    (void)md_sql(x, "INSERT INTO names(hash,accepted,id) VALUES");
    for (size_t i = 0; i < n; i++) {
        (void)buf_addc(&x->sql, '(');
        add_hash(x, &names[i]);
        (void)buf_addc(&x->sql, ',');
        md_add_int(x, names[i].accepted);
        (void)buf_addi(&x->sql, names[i].id);
        (void)buf_adds(&x->sql, "),");
    }
}

/* How many rows of an INSERT ... ON DUPLICATE KEY UPDATE were there. */
static size_t met(const struct md_session *x)
{
    const char *info = mysql_info(x->db);
    const char *s = info != NULL ? strstr(info, "Duplicates: ") : NULL;

    return s != NULL ? strtoul(s + 12, NULL, 10) : 1; /* one row: no info */
}

static int add(struct md_session *x, struct md_name *names, size_t n,
               struct err *err)
{
    int r;

    add_rows(x, names, n);
    md_end_list(x, " ON DUPLICATE KEY UPDATE id=id");
    r = md_run(x, err);
    for (size_t i = 0; i < n; i++)
        names[i].there = false;
    if (r == 0 && met(x) > 0) {
        struct md_name *copy = malloc(n * sizeof(*copy));

        if (copy == NULL)
            return err_again(err, -ENOMEM, "no memory for names");
        memcpy(copy, names, n * sizeof(*copy));
        r = get(x, copy, n, true, err);
        for (size_t i = 0; i < n && r == 0; i++) {
            if (copy[i].there && copy[i].id != names[i].id)
                names[i] = copy[i];
        }
        free(copy);
    }
    return r;
}

int md_names_add(struct md_session *x, struct md_name *names, size_t n,
                 struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i += ROWS)
        r = add(x, names + i, n - i < ROWS ? n - i : ROWS, err);
    return r;
}

int md_names_accept(struct md_session *x, const struct md_name *names, size_t n,
                    int64_t now_ms, struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i += ROWS) {
        (void)md_sql(x, "");
        (void)buf_addf(&x->sql,
                       "UPDATE names SET accepted=%" PRId64 " WHERE hash IN (",
                       now_ms);
        add_hashes(x, names + i, n - i < ROWS ? n - i : ROWS);
        r = md_run(x, err);
    }
    return r;
}

int md_names_point(struct md_session *x, const struct md_name *names, size_t n,
                   struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i += ROWS) {
        add_rows(x, names + i, n - i < ROWS ? n - i : ROWS);
        md_end_list(x, " ON DUPLICATE KEY UPDATE id=VALUES(id)");
        r = md_run(x, err);
    }
    return r;
}
