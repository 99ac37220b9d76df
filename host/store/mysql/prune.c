/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/prune.c - see prune.h.  The writing session's thread.
 */
#include "config.h"

#include "store/mysql/prune.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "store/mysql/days.h"
#include "store/mysql/names.h"

#define VERDICT_KEPT_MS (60 * 60 * 1000) /* how long it can be asked for */
#define NAMES_LEAST 200                  /* looked at in a step */
#define NAMES_MOST 4000
#define PASS_LEAST_MS 60000

struct step { /* one call's work */
    int64_t now_ms;
    size_t rows;
    size_t gone;
    struct md_name *names; /* rows' worth */
    size_t name_count;
    bool end; /* of the pass */
};

static int prune_wishes(struct md_session *x, struct step *s, struct err *err)
{
    int r = md_runf(x, err,
                    "DELETE FROM wishes WHERE verdict>0 AND decided<%" PRId64
                    " ORDER BY verdict,number LIMIT %zu",
                    s->now_ms - VERDICT_KEPT_MS, s->rows);

    s->gone = r == 0 ? (size_t)md_affected(x) : 0;
    return r;
}

/* ---- names ------------------------------------------------------------------------ */

/* The next names in order; those whose time is over are kept in s->names. */
static int read_names(struct md_session *x, struct step *s, size_t limit,
                      unsigned char last[MD_HASH], struct err *err)
{
    int64_t since = s->now_ms - x->st->idempotency_ms;
    struct md_rows q;
    size_t seen = 0;
    int r;

    s->name_count = 0;
    (void)md_sql(x, "SELECT hash,accepted,id FROM names WHERE hash>");
    md_add_bytes(x, (struct span){last, x->sweeping ? MD_HASH : 0});
    md_end_list(x, " ORDER BY hash LIMIT ");
    (void)buf_addi(&x->sql, (int64_t)limit);
    r = md_select(x, &q, err);
    while (r == 0 && md_next(&q)) {
        struct md_name *name = &s->names[s->name_count];

        memcpy(last, md_span(&q, 0).data, MD_HASH);
        seen++;
        if (md_int(&q, 1) > since)
            continue;
        memcpy(name->hash, last, MD_HASH);
        name->item = 0;
        s->name_count++;
    }
    md_rows_done(&q);
    s->end = seen < limit;
    return r;
}

static int by_id(const void *pa, const void *pb)
{
    const struct md_name *a = pa, *b = pb;

    return a->id < b->id ? -1 : a->id > b->id;
}

/* Drops from s->names those whose job lives. */
static int keep_live(struct md_session *x, struct step *s, struct err *err)
{
    struct md_rows q;
    size_t kept = 0;
    int r;

    qsort(s->names, s->name_count, sizeof(*s->names), by_id);
    (void)md_sql(x, "SELECT id FROM jobs WHERE id IN (");
    for (size_t i = 0; i < s->name_count; i++)
        md_add_int(x, s->names[i].id);
    md_end_list(x, ") ORDER BY id");
    r = md_select(x, &q, err);
    for (size_t i = 0; r == 0 && md_next(&q);) {
        while (i < s->name_count && s->names[i].id < md_int(&q, 0))
            i++;
        while (i < s->name_count && s->names[i].id == md_int(&q, 0))
            s->names[i++].there = false;
    }
    md_rows_done(&q);
    for (size_t i = 0; i < s->name_count; i++) {
        if (s->names[i].there)
            s->names[kept++] = s->names[i];
    }
    s->name_count = kept;
    return r;
}

static int delete_names(struct md_session *x, const struct step *s,
                        struct err *err)
{
    (void)md_sql(x, "DELETE FROM names WHERE hash IN (");
    for (size_t i = 0; i < s->name_count; i++)
        md_add_bytes(x, (struct span){s->names[i].hash, MD_HASH});
    md_end_list(x, ")");
    return s->name_count > 0 ? md_run(x, err) : 0;
}

static int sweep_names(struct md_session *x, struct step *s, struct err *err)
{
    int64_t since = s->now_ms - x->st->idempotency_ms;
    unsigned char last[MD_HASH];
    size_t limit = s->rows * 4, kept = 0;
    int r;

    limit = limit < NAMES_LEAST ? NAMES_LEAST : limit;
    limit = limit > NAMES_MOST ? NAMES_MOST : limit;
    memcpy(last, x->sweep_at, MD_HASH);
    r = read_names(x, s, limit, last, err);
    if (r == 0 && s->name_count > 0) {
        r = md_names_get(x, s->names, s->name_count, true, err);
        for (size_t i = 0; i < s->name_count && r == 0; i++) {
            if (s->names[i].there && s->names[i].accepted <= since)
                s->names[kept++] = s->names[i];
        }
        s->name_count = kept;
        if (r == 0 && kept > 0)
            r = keep_live(x, s, err);
        md_names_sort(s->names, s->name_count);
        if (r == 0)
            r = delete_names(x, s, err);
    }
    if (r == 0) {
        memcpy(x->sweep_at, last, MD_HASH);
        x->sweeping = !s->end;
    }
    return r;
}

/* ---- all -------------------------------------------------------------------------- */

static int do_prune(struct md_session *x, void *arg, struct err *err)
{
    struct step *s = arg;
    int r = prune_wishes(x, s, err);

    s->end = true;
    if (r < 0 || s->gone >= s->rows)
        return r;
    if (!x->sweeping && s->now_ms < x->next_sweep_ms)
        return 0;
    r = sweep_names(x, s, err);
    if (r == 0 && s->end) {
        int64_t rest = x->st->idempotency_ms / 32;

        x->next_sweep_ms =
            s->now_ms + (rest > PASS_LEAST_MS ? rest : PASS_LEAST_MS);
    }
    return r;
}

int md_prune(struct store_session *sx, int64_t now_ms, size_t rows,
             struct err *err)
{
    struct md_session *x = md_session(sx);
    struct step s = {.now_ms = now_ms, .rows = rows};
    size_t dropped = 0;
    int r = md_settle(x, 0, err);

    if (r == 0)
        r = md_connect(x, err);
    if (r == 0)
        r = md_days_ensure(x, now_ms + MD_DAY_MS, err);
    if (r == 0)
        r = md_days_turn(x, now_ms, err);
    if (r == 0)
        r = md_days_drop(x, now_ms - x->st->history_ms, &dropped, err);
    if (r < 0)
        return r;
    s.names = calloc(NAMES_MOST, sizeof(*s.names));
    if (s.names == NULL)
        return err_again(err, -ENOMEM, "no memory for pruning");
    r = md_write(x, do_prune, &s, NULL, err);
    free(s.names);
    if (r < 0)
        return r;
    s.gone += dropped;
    if (s.gone > 0)
        return s.gone < INT32_MAX ? (int)s.gone : INT32_MAX;
    return s.end ? 0 : 1;
}
