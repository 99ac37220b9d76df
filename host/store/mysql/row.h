/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/row.h - a job as a row: its numbers, and the few ways in which
 * the row is written.  The session's thread; inside its transaction.
 *
 * A job's id begins with the time (in units of 262 s) at which it was first to
 * fire, so that indexes on ids see what is due together side by side; the rest
 * is a number from a block drawn from meta, which never comes again.  Its
 * position is the millisecond, and the low 20 bits of that number.
 */
#ifndef ONTIME_STORE_MYSQL_ROW_H
#define ONTIME_STORE_MYSQL_ROW_H

#include "store/mysql/conn.h"

/* In the order of enum md_column in row.c. */
#define MD_JOB_COLUMNS                                                         \
    "j.shard,j.pos,j.id,j.due,j.scheduled,j.created,j.app,j.version,"          \
    "j.attempt,j.state,j.redelivered,j.priority,j.job_key,j.payload,j.headers"

/* What the changes of a row need of it. */
struct md_row {
    int64_t id, pos, due, scheduled, created;
    uint32_t shard;
    int32_t app;
    uint32_t version, attempt;
    uint8_t state;
    bool redelivered; /* an attempt may have run */
};

/* Outside of transactions: draws n numbers, the first is *ret. */
int md_ids_draw(struct md_session *x, size_t n, uint64_t *ret, struct err *err);
/* The id of number seq for a job that fires at fire_ms. */
int64_t md_id_make(int64_t fire_ms, uint64_t seq);
job_pos md_pos_of(int64_t fire_ms, int64_t id);

/*
 * The shard of a new job.  Near ones go to one of ours, where they can fire in
 * time without others' help.  The rest go to all shards in turn, some thousand
 * to each: rows that come together lie together, and the tree's pages that a
 * batch touches are few.
 */
uint32_t md_shard_near(struct md_session *x);
uint32_t md_shard_far(struct md_session *x);
bool md_is_near(const struct md_session *x, int64_t fire_ms, int64_t now_ms);

/* The row as a job; the caller's.  q stands on a row of MD_JOB_COLUMNS. */
int md_job_read(struct md_session *x, const struct md_rows *q, struct job **ret,
                struct err *err);
void md_row_read(const struct md_rows *q, struct md_row *ret);
/* By id: 1 and *ret (may be NULL) and *row (may be NULL), or 0 when there is no such live job.
 * lock: the row stays as it is until the end of the transaction. */
int md_job_get(struct md_session *x, int64_t id, bool lock, struct job **ret,
               struct md_row *row, struct err *err);

/* A new job by itself: gives it this id, pos, shard and version, and counts
 * it. */
int md_row_add(struct md_session *x, struct job *j, int64_t id, int64_t now_ms,
               struct md_row *ret, struct err *err);
/* Writes jobs that have their numbers, sorted by (shard, pos). */
int md_rows_write(struct md_session *x, struct job *const *jobs, size_t n,
                  struct err *err);
int md_row_delete(struct md_session *x, const struct md_row *row,
                  struct err *err);
/* Gives the row new content and the next version, and updates *row. */
int md_row_replace(struct md_session *x, struct md_row *row,
                   const struct job *content, int64_t now_ms, struct err *err);
/* Moves it in time, next version, and updates *row. */
int md_row_move(struct md_session *x, struct md_row *row, int64_t due_ms,
                int64_t scheduled_ms, int64_t now_ms, struct err *err);
/* The same version and one attempt more. */
int md_row_retry(struct md_session *x, struct md_row *row, int64_t due_ms,
                 int64_t now_ms, struct err *err);

/* ---- the row's shard -------------------------------------------------------- */

struct md_shard {
    bool owned;     /* by anybody */
    job_pos loaded; /* how far its owner has looked */
};
/* Locks the rows of the n shards, by number, unless they are ours, and says
 * how they stand. */
int md_shards_lock(struct md_session *x, const struct shard_set *which,
                   struct md_shard ret[STORE_SHARDS_MOST], struct err *err);

#endif
