/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/export.c - see export.h.  The session's thread.
 */
#include "config.h"

#include "store/mysql/export.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "store/mysql/conn.h"
#include "store/mysql/history.h"
#include "store/mysql/row.h"
#include "store/mysql/slot.h"
#include "store/mysql/wish.h"

#define PAGE 5000
#define JOBS_PAGE 1000

struct sink {
    struct md_session *x;
    move_row_fn *fn;
    void *arg;
    struct err *err;
    int r;
};

static int give(struct sink *s, struct move_row *row)
{
    if (s->r == 0)
        s->r = s->fn(s->arg, row, s->err);
    move_row_done(row);
    return s->r;
}

/* ---- the small ones ---------------------------------------------------------- */

static int identity(struct sink *s)
{
    struct move_row row = {.kind = MOVE_STORE};
    struct md_rows q;
    int r = md_selectf(s->x, &q, s->err,
                       "SELECT MAX(IF(name='created_ms',value,NULL)),"
                       "MAX(IF(name='next_job_id',value,NULL)) FROM meta");

    row.store.secret = s->x->st->secret;
    memcpy(row.store.id, s->x->st->base.id, sizeof(row.store.id));
    if (r == 0 && md_next(&q)) {
        row.store.created_ms = md_int(&q, 0);
        row.store.numbers = (uint64_t)md_int(&q, 1);
    }
    md_rows_done(&q);
    return r < 0 ? r : give(s, &row);
}

static int slots(struct sink *s)
{
    struct store_slot all[STORE_SLOTS_MOST];
    int n = md_slots(&s->x->base, all, STORE_SLOTS_MOST, s->err);
    struct move_row row = {.kind = MOVE_SLOT};

    for (int i = 0; i < n; i++) {
        row.slot = all[i];
        if (give(s, &row) < 0)
            return s->r;
    }
    return n < 0 ? n : 0;
}

static int apps(struct sink *s)
{
    struct store_count all[1024];
    int n = md_counts(&s->x->base, all, 1024, s->err);
    struct move_row row = {.kind = MOVE_APP};

    for (int i = 0; i < n; i++) {
        row.app = all[i];
        if (give(s, &row) < 0)
            return s->r;
    }
    return n < 0 ? n : 0;
}

static int positions(struct sink *s)
{
    struct md_rows q;
    int r = md_selectf(s->x, &q, s->err,
                       "SELECT cluster,source,topic,`partition`,next "
                       "FROM source_positions");

    while (r == 0 && md_next(&q)) {
        struct move_row row = {.kind = MOVE_POSITION,
                               .position = {.cluster = md_span(&q, 0).data,
                                            .source = md_span(&q, 1).data,
                                            .topic = md_span(&q, 2).data,
                                            .partition = (int32_t)md_int(&q, 3),
                                            .next = md_int(&q, 4)}};

        r = give(s, &row);
    }
    md_rows_done(&q);
    return r;
}

static int wishes(struct sink *s)
{
    struct move_row row = {.kind = MOVE_WISH};
    struct list all;
    int r;

    list_init(&all);
    r = md_wishes(&s->x->base, 0, SIZE_MAX, &all, s->err);
    while (!list_empty(&all)) {
        row.wish = list_of(list_pop(&all), struct wish, link);
        if (r < 0 || row.wish->kind == CHANGE_LOAD)
            wish_free(&row.wish);
        else
            r = give(s, &row);
    }
    return r;
}

/* ---- the large ones ------------------------------------------------------------ */

/* One page of a shard's jobs behind pos *at; 1: there may be more. */
static int jobs_page(struct sink *s, uint32_t shard, job_pos *at)
{
    struct move_row row = {.kind = MOVE_JOB};
    struct md_rows q;
    int n = 0, r;

    r = md_selectf(s->x, &q, s->err,
                   "SELECT " MD_JOB_COLUMNS " FROM jobs j WHERE j.shard=%u AND "
                   "j.pos>%" PRId64 " ORDER BY j.pos LIMIT %d",
                   shard, *at, JOBS_PAGE);
    for (; r == 0 && md_next(&q); n++) {
        r = md_job_read(s->x, &q, &row.job, s->err);
        if (r < 0)
            break;
        *at = row.job->pos;
        r = give(s, &row);
    }
    md_rows_done(&q);
    return r < 0 ? r : n == JOBS_PAGE;
}

static int jobs(struct sink *s)
{
    int r = 0;

    for (uint32_t i = 0; i < s->x->st->base.shards && r == 0; i++) {
        job_pos at = -1;

        while ((r = jobs_page(s, i, &at)) > 0)
            ;
    }
    return r;
}

static void one_execution(void *arg, const struct execution *e)
{
    struct move_row row = {.kind = MOVE_EXECUTION, .execution = *e};

    (void)give(arg, &row);
}

static int executions(struct sink *s)
{
    struct history_walk w = {.to = INT64_MAX, .cap = PAGE};
    int r = 0;

    while (r == 0 && s->r == 0 && !w.end)
        r = md_history_walk(&s->x->base, &w, one_execution, s, s->err);
    return s->r < 0 ? s->r : r;
}

static int repeats_page(struct sink *s, unsigned char at[16], bool first)
{
    struct md_rows q;
    int n = 0, r;

    (void)md_sql(s->x, "SELECT hash,accepted FROM names WHERE accepted>0");
    if (!first) {
        (void)buf_adds(&s->x->sql, " AND hash>");
        md_add_bytes(s->x, (struct span){at, 16});
        md_end_list(s->x, "");
    }
    (void)buf_addf(&s->x->sql, " ORDER BY hash LIMIT %d", PAGE);
    r = md_select(s->x, &q, s->err);
    for (; r == 0 && md_next(&q); n++) {
        struct move_row row = {.kind = MOVE_REPEAT,
                               .repeat.accepted_ms = md_int(&q, 1)};
        uint64_t h[2];

        memcpy(at, md_span(&q, 0).data, 16);
        memcpy(h, at, sizeof(h));
        row.repeat.hash[0] = be64toh(h[0]);
        row.repeat.hash[1] = be64toh(h[1]);
        r = give(s, &row);
    }
    md_rows_done(&q);
    return r < 0 ? r : n == PAGE;
}

static int repeats(struct sink *s)
{
    unsigned char at[16] = {0};
    int r = repeats_page(s, at, true);

    while (r > 0)
        r = repeats_page(s, at, false);
    return r;
}

/* ---- all ------------------------------------------------------------------------- */

int md_export(struct store_session *sx, enum move_kind kind, move_row_fn *fn,
              void *arg, struct err *err)
{
    static int (*const parts[MOVE_KINDS])(struct sink *) = {
        [MOVE_STORE] = identity,
        [MOVE_SLOT] = slots,
        [MOVE_APP] = apps,
        [MOVE_POSITION] = positions,
        [MOVE_JOB] = jobs,
        [MOVE_WISH] = wishes,
        [MOVE_EXECUTION] = executions,
        [MOVE_REPEAT] = repeats,
    };
    struct err own;
    struct sink s = {md_session(sx), fn, arg, err != NULL ? err : &own, 0};
    int r = md_connect(s.x, s.err);

    return r < 0 ? r : parts[kind](&s);
}
