/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/merge.h - jobs of several shards as one sequence in order of
 * pos.  One statement reads the beginning of each shard's part; those that are
 * used up are read on, in growing steps.
 *
 * The session's thread; x->sql is used.
 */
#ifndef ONTIME_STORE_MYSQL_MERGE_H
#define ONTIME_STORE_MYSQL_MERGE_H

#include "store/mysql/row.h"

struct md_stretch { /* of one shard */
    uint32_t shard;
    job_pos after; /* read up to here */
    bool end;
    size_t got;       /* by the last step */
    struct list jobs; /* read and not given yet */
};

struct md_merge {
    struct md_session *x;
    job_pos until; /* exclusive */
    size_t step;
    size_t count; /* of parts */
    struct md_stretch parts[STORE_SHARDS_MOST];
    /* Adds " AND ..." for a shard to x->sql; may be NULL. */
    void (*where)(void *arg, struct buf *sql, uint32_t shard);
    void *arg;
};

struct md_merge_ask {
    const struct shard_set *shards;
    job_pos after, until;  /* both exclusive */
    size_t cap, bytes_cap; /* how much will be taken, about */
};
void md_merge_begin(struct md_merge *m, struct md_session *x,
                    const struct md_merge_ask *ask);
/* 1 and *ret, the caller's; 0 at the end. */
int md_merge_next(struct md_merge *m, struct job **ret, struct err *err);
void md_merge_done(struct md_merge *m);

#endif
