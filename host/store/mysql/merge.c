/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/merge.c - see merge.h.  The session's thread.
 */
#include "config.h"

#include "store/mysql/merge.h"

#include <inttypes.h>

#define STEP_LEAST 8
#define STEP_MOST 20000
#define BYTES_LEAST 512 /* a job is taken to have */

void md_merge_begin(struct md_merge *m, struct md_session *x,
                    const struct md_merge_ask *ask)
{
    size_t bytes = x->job_bytes > BYTES_LEAST ? x->job_bytes : BYTES_LEAST;
    size_t cap = ask->cap, fit;

    m->x = x;
    m->until = ask->until;
    m->count = 0;
    m->where = NULL;
    m->arg = NULL;
    for (uint32_t s = 0; s < x->st->base.shards; s++) {
        struct md_stretch *p = &m->parts[m->count];

        if (!shard_in(ask->shards, s))
            continue;
        *p = (struct md_stretch){.shard = s, .after = ask->after};
        list_init(&p->jobs);
        m->count++;
    }
    if (m->count == 0)
        return;
    fit = ask->bytes_cap / bytes + 1;
    if (cap > fit)
        cap = fit;
    m->step = cap / m->count + 1;
    if (m->step < STEP_LEAST)
        m->step = cap < STEP_LEAST ? cap + 1 : STEP_LEAST;
    if (m->step > STEP_MOST)
        m->step = STEP_MOST;
}

static void add_part(struct md_merge *m, const struct md_stretch *p)
{
    struct buf *sql = &m->x->sql;

    (void)buf_addf(sql,
                   "(SELECT " MD_JOB_COLUMNS
                   " FROM jobs j WHERE j.shard=%u AND j.pos>%" PRId64
                   " AND j.pos<%" PRId64,
                   p->shard, p->after, m->until);
    if (m->where != NULL)
        m->where(m->arg, sql, p->shard);
    (void)buf_addf(sql, " ORDER BY j.pos LIMIT %zu)", m->step);
}

static struct md_stretch *part_of(struct md_merge *m, uint32_t shard)
{
    for (size_t i = 0; i < m->count; i++) {
        if (m->parts[i].shard == shard)
            return &m->parts[i];
    }
    return NULL;
}

/* Goes on in those parts that are used up. */
static int fetch(struct md_merge *m, struct err *err)
{
    struct md_rows q;
    size_t parts = 0, jobs = 0, bytes = 0;
    int r;

    (void)md_sql(m->x, "");
    for (size_t i = 0; i < m->count; i++) {
        struct md_stretch *p = &m->parts[i];

        p->got = 0;
        if (p->end || !list_empty(&p->jobs))
            continue;
        (void)buf_adds(&m->x->sql, parts++ > 0 ? " UNION ALL " : "");
        add_part(m, p);
    }
    r = md_select(m->x, &q, err);
    while (r == 0 && md_next(&q)) {
        struct md_stretch *p = part_of(m, (uint32_t)md_int(&q, 0));
        struct job *j = NULL;

        r = md_job_read(m->x, &q, &j, err);
        if (r < 0 || p == NULL)
            break;
        list_push(&p->jobs, &j->link);
        p->after = j->pos;
        p->got++;
        jobs++;
        bytes += job_size(j);
    }
    md_rows_done(&q);
    for (size_t i = 0; i < m->count; i++) {
        struct md_stretch *p = &m->parts[i];

        if (list_empty(&p->jobs) || (p->got > 0 && p->got < m->step))
            p->end = true;
    }
    if (jobs > 0)
        m->x->job_bytes = (m->x->job_bytes + bytes / jobs) / 2;
    if (m->step < STEP_MOST)
        m->step *= 2;
    return r;
}

int md_merge_next(struct md_merge *m, struct job **ret, struct err *err)
{
    struct md_stretch *best = NULL;
    bool missing = false;
    int r;

    for (size_t i = 0; i < m->count; i++)
        missing =
            missing || (!m->parts[i].end && list_empty(&m->parts[i].jobs));
    if (missing) {
        r = fetch(m, err);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < m->count; i++) {
        struct md_stretch *p = &m->parts[i];

        if (list_empty(&p->jobs))
            continue;
        if (best == NULL || list_of(p->jobs.next, struct job, link)->pos <
                                list_of(best->jobs.next, struct job, link)->pos)
            best = p;
    }
    if (best == NULL)
        return 0;
    *ret = list_of(list_pop(&best->jobs), struct job, link);
    return 1;
}

void md_merge_done(struct md_merge *m)
{
    for (size_t i = 0; i < m->count; i++) {
        while (!list_empty(&m->parts[i].jobs)) {
            struct job *j =
                list_of(list_pop(&m->parts[i].jobs), struct job, link);

            job_free(&j);
        }
    }
    m->count = 0;
}
