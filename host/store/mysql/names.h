/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/names.h - from a name within an app to what is known of it.
 *
 * A name is a job's key, an idempotency key, or both: one row has when it was
 * accepted as the latter and the id of the last job that had it as the former
 * (an id whose job is not live, or has another key, says nothing).  So the
 * usual request, whose key is its idempotency key, costs one row; and the end of
 * a job does not touch the table at all: rows go when a sweep (prune.h) finds
 * that their time is over and their job not live.
 *
 * Names are known by the hash of store/name.h, its two halves big-endian.  Keys
 * of jobs are compared with the real one all the same.  The session's thread;
 * inside its transaction.
 */
#ifndef ONTIME_STORE_MYSQL_NAMES_H
#define ONTIME_STORE_MYSQL_NAMES_H

#include "store/mysql/conn.h"

#define MD_HASH 16

struct md_name {
    unsigned char hash[MD_HASH];
    uint32_t item;    /* the caller's */
    bool there;       /* out: was there before */
    int64_t accepted; /* in for a new one; out when there */
    int64_t id;       /* likewise */
};

void md_name_hash(const struct md_store *st, const struct app_name *app,
                  struct span name, struct md_name *ret);
/* By hash, then by item. */
void md_names_sort(struct md_name *names, size_t n);
static inline bool md_name_same(const struct md_name *a,
                                const struct md_name *b)
{
    return __builtin_memcmp(a->hash, b->hash, MD_HASH) == 0;
}

/* Adds those that are not there (accepted, id; ids are new ones) and locks and
 * reads the others.  Sorted, each name once. */
int md_names_add(struct md_session *x, struct md_name *names, size_t n,
                 struct err *err);
/* Reads, and locks when told; those that are not there have id 0. */
int md_names_get(struct md_session *x, struct md_name *names, size_t n,
                 bool lock, struct err *err);
/* Sets one of the two for names that are there. */
int md_names_accept(struct md_session *x, const struct md_name *names, size_t n,
                    int64_t now_ms, struct err *err);
int md_names_point(struct md_session *x, const struct md_name *names, size_t n,
                   struct err *err);

#endif
