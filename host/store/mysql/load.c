/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/load.c - what is due, for the owner; see look.h.  The writing
 * session's thread.
 *
 * The rows of the shards are locked before the jobs are read and hold the new
 * marks at the commit: who puts a job there at that time either is done before,
 * and we see it, or waits, and finds the new mark.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>

#include "store/mysql/look.h"
#include "store/mysql/merge.h"

struct load { /* one call's work */
    const struct load_request *q;
    struct load_result *ret;
    struct shard_set shards;
    struct md_merge merge;
};

static void drop(struct list *jobs)
{
    while (!list_empty(jobs)) {
        struct job *j = list_of(list_pop(jobs), struct job, link);

        job_free(&j);
    }
}

static void add_shards(struct md_session *x, const struct shard_set *set)
{
    for (uint32_t s = 0; s < x->st->base.shards; s++) {
        if (shard_in(set, s))
            md_add_int(x, s);
    }
    md_end_list(x, ")");
}

static int read_jobs(struct md_session *x, struct load *l, struct err *err)
{
    const struct load_request *q = l->q;
    struct load_result *ret = l->ret;
    size_t bytes = 0, visited = 0;
    struct job *j;
    int r = 1;

    drop(&ret->jobs);
    ret->count = 0;
    ret->reached = q->after;
    md_merge_begin(&l->merge, x,
                   &(struct md_merge_ask){
                       .shards = &l->shards,
                       .after = q->after,
                       .until = q->until,
                       .cap = q->app == NULL ? q->cap : q->visit_cap,
                       .bytes_cap = q->bytes_cap,
                   });
    while (ret->count < q->cap && (ret->count == 0 || bytes < q->bytes_cap) &&
           (q->visit_cap == 0 || visited < q->visit_cap)) {
        r = md_merge_next(&l->merge, &j, err);
        if (r <= 0)
            break;
        visited++;
        ret->reached = j->pos;
        if (q->app != NULL && j->app != q->app) {
            job_free(&j);
            continue;
        }
        bytes += job_size(j);
        ret->count++;
        list_push(&ret->jobs, &j->link);
    }
    md_merge_done(&l->merge);
    if (r == 0)
        ret->reached = q->until - 1;
    return r < 0 ? r : 0;
}

static int do_load(struct md_session *x, void *arg, struct err *err)
{
    struct load *l = arg;
    int r;

    (void)md_sql(x, "UPDATE shards SET puts=puts+1 WHERE slot=");
    (void)buf_addf(&x->sql, "%d AND shard IN (", x->slot);
    add_shards(x, &l->shards);
    (void)buf_adds(&x->sql, " ORDER BY shard");
    r = md_run(x, err);
    if (r == 0)
        r = read_jobs(x, l, err);
    if (r < 0)
        return r;
    (void)md_sql(x, "UPDATE shards SET loaded=GREATEST(loaded,");
    (void)buf_addf(&x->sql, "%" PRId64 ") WHERE slot=%d AND shard IN (",
                   l->ret->reached, x->slot);
    add_shards(x, &l->shards);
    return md_run(x, err);
}

/* Whether all has been looked at up to `until` before. */
static bool behind_marks(const struct md_session *x, const struct load *l)
{
    for (uint32_t s = 0; s < x->st->base.shards; s++) {
        if (shard_in(&l->shards, s) && x->loaded[s] < l->q->until - 1)
            return false;
    }
    return true;
}

int md_load_due(struct store_session *sx, const struct load_request *q,
                struct load_result *ret, struct err *err)
{
    struct md_session *x = md_session(sx);
    struct load l = {.q = q, .ret = ret};
    int r = md_settle(x, 0, err);

    for (size_t i = 0; i < STORE_SHARDS_MOST / 64; i++)
        l.shards.bits[i] = q->shards != NULL
                               ? q->shards->bits[i] & x->owned.bits[i]
                               : x->owned.bits[i];
    if (r == 0)
        r = md_connect(x, err);
    if (r == 0 && q->app != NULL) {
        r = md_app_number(x, q->app, false, err);
        if (r == 0)
            l.shards = (struct shard_set){{0}};
    }
    if (r < 0)
        return r;
    if (shard_count(&l.shards) == 0) {
        ret->reached = q->until - 1;
        return x->claimed ? 0
                          : err_set(err, -ESTALE, "this session holds no slot");
    }
    r = behind_marks(x, &l) ? read_jobs(x, &l, err)
                            : md_write(x, do_load, &l, NULL, err);
    if (r < 0) {
        drop(&ret->jobs);
        ret->count = 0;
        return r;
    }
    for (uint32_t s = 0; s < x->st->base.shards; s++) {
        if (shard_in(&l.shards, s) && x->loaded[s] < ret->reached)
            x->loaded[s] = ret->reached;
    }
    return 0;
}
