/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/batch.c - a whole batch of a source, with its positions; see
 * put.h.  The writing session's thread.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "store/mysql/put.h"

static void add_place(struct md_session *x, const struct store_position *p)
{
    (void)buf_adds(&x->sql, " WHERE cluster=");
    md_add_text(x, p->cluster);
    md_end_list(x, " AND source=");
    md_add_text(x, p->source);
    md_end_list(x, " AND topic=");
    md_add_text(x, p->topic);
    md_end_list(x, "");
    (void)buf_addf(&x->sql, " AND `partition`=%d", p->partition);
}

static int move_position(struct md_session *x, const struct store_position *p,
                         struct err *err)
{
    int r;

    if (p->from < 0) {
        (void)md_sql(x, "INSERT INTO source_positions(cluster,source,topic,"
                        "`partition`,next) VALUES(");
        md_add_text(x, p->cluster);
        md_add_text(x, p->source);
        md_add_text(x, p->topic);
        md_add_int(x, p->partition);
        md_add_int(x, p->next);
        md_end_list(x, ")");
    } else {
        (void)md_sql(x, "UPDATE source_positions SET next=");
        (void)buf_addi(&x->sql, p->next);
        add_place(x, p);
        (void)buf_addf(&x->sql, " AND next=%" PRId64, p->from);
    }
    r = md_run(x, err);
    if ((r == 0 && md_affected(x) == 1) ||
        (r < 0 && !md_is_duplicate(md_errno(x))))
        return r;
    return err_set(err, -ESTALE,
                   "%s [%d] of source %s is not at %" PRId64
                   ": somebody else has moved it",
                   p->topic, p->partition, p->source, p->from);
}

int md_position_get(struct store_session *sx, struct store_position *p,
                    struct err *err)
{
    struct md_session *x = md_session(sx);
    struct md_rows q = {0};
    int r = md_connect(x, err);

    p->from = -1;
    if (r == 0 && x->base.writing)
        r = md_settle(x, 0, err); /* it may be about to move */
    if (r < 0)
        return r;
    (void)md_sql(x, "SELECT next FROM source_positions");
    add_place(x, p);
    r = md_select(x, &q, err);
    if (r == 0 && md_next(&q))
        p->from = md_int(&q, 0);
    md_rows_done(&q);
    p->next = p->from;
    return r;
}

struct work {
    const struct put_batch *b;
    struct md_puts puts;
};

static int do_put(struct md_session *x, void *arg, struct err *err)
{
    const struct work *w = arg;
    int r = 0;

    for (size_t i = 0; r == 0 && i < w->b->position_count; i++)
        r = move_position(x, &w->b->positions[i], err);
    return r < 0 ? r : md_put_items(x, &w->puts, err);
}

/* By what its jobs have become, which is this batch's only. */
static uint64_t mark_of(const struct put_batch *b)
{
    uint64_t mark = md_mark(3, b->count);

    mark = md_mark(mark, (uint64_t)b->now_ms);
    for (size_t i = 0; i < b->count; i++) {
        if (b->items[i].kind == PUT_JOB)
            mark = md_mark(mark, (uint64_t)b->items[i].job->id);
        mark = md_mark(mark, (uint64_t)b->items[i].result);
    }
    for (size_t i = 0; i < b->position_count; i++)
        mark = md_mark(mark, (uint64_t)b->positions[i].next);
    return mark;
}

int md_put(struct store_session *sx, struct put_batch *b, struct err *err)
{
    struct md_session *x = md_session(sx);
    struct work w = {.b = b};
    struct put_item **items;
    int r;

    r = md_settle(x, mark_of(b), err);
    if (r != 0) /* 1: it had been done, only its answer was lost */
        return r < 0 ? r : 0;
    items = calloc(b->count + 1, sizeof(struct put_item *));
    if (items == NULL)
        return err_again(err, -ENOMEM, "no memory for %zu jobs", b->count);
    for (size_t i = 0; i < b->count; i++)
        items[i] = &b->items[i];
    w.puts =
        (struct md_puts){.items = items, .n = b->count, .now_ms = b->now_ms};
    r = md_put_prepare(x, items, b->count, &w.puts.seq, err);
    if (r == 0)
        r = md_write(x, do_put, &w, NULL, err);
    if (r < 0)
        md_doubtful(x, mark_of(b));
    free(items);
    return r;
}
