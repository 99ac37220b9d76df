/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/sweep.c - see sweep.h.
 */
#include "config.h"

#include "store/sqlite/sweep.h"

#include <errno.h>

#include "store/sqlite/session.h"

#define RUN_LEAST 16
#define RUN_MOST 1024
#define GAP                                                                    \
    (INT64_C(2) << JOB_POS_SHIFT) /* between neighbours of a run: 2 ms */
#define WORTH 4                   /* rows looked at for one that goes */
#define PAUSE_MOST 65536

/* ontime_marked(key, version, pos): whether that row is to go.  Keys come in
 * ascending order. */
static void marked(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    struct sq_sweep *s = sqlite3_user_data(context);
    int64_t key = sqlite3_value_int64(argv[0]);
    bool hit;

    (void)argc;
    s->visits++;
    while (s->at < s->end && s->at->key < key)
        s->at++;
    hit = s->at < s->end && s->at->key == key &&
          s->at->version == sqlite3_value_int64(argv[1]) &&
          s->at->pos == sqlite3_value_int64(argv[2]);
    if (hit) {
        s->at->gone = true;
        s->hits++;
    }
    sqlite3_result_int(context, hit);
}

int sq_sweep_init(struct sq_sweep *s, sqlite3 *db, struct err *err)
{
    *s = (struct sq_sweep){.run = RUN_LEAST};
    if (sqlite3_create_function_v2(db, "ontime_marked", 3,
                                   SQLITE_UTF8 | SQLITE_DIRECTONLY, s, marked,
                                   NULL, NULL, NULL) != SQLITE_OK)
        return sq_fail(db, err, "add a function");
    return 0;
}

static void learn(struct sq_sweep *s)
{
    if (s->visits <= s->hits * WORTH + RUN_LEAST) {
        s->next_pause = 0;
        if (s->run < RUN_MOST)
            s->run *= 2;
        return;
    }
    s->run = RUN_LEAST;
    s->next_pause = s->next_pause == 0 ? RUN_LEAST : s->next_pause * 2;
    if (s->next_pause > PAUSE_MOST)
        s->next_pause = PAUSE_MOST;
    s->pause = s->next_pause;
}

static int sweep_run(struct sq_session *x, enum sql q, struct sq_mark *marks,
                     size_t n, struct err *err)
{
    struct sq_sweep *s = &x->sweep;
    sqlite3_stmt *st = sq_stmt(x, q, err);
    int r;

    if (st == NULL)
        return -EIO;
    s->at = marks;
    s->end = marks + n;
    s->visits = s->hits = 0;
    (void)sqlite3_bind_int64(st, 1, marks[0].key);
    (void)sqlite3_bind_int64(st, 2, marks[n - 1].key);
    r = sq_run(x, st, err);
    learn(s);
    return r;
}

int sq_sweep(struct sq_session *x, enum sql q, struct sq_mark *marks, size_t n,
             struct err *err)
{
    struct sq_sweep *s = &x->sweep;
    size_t to;
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i = to) {
        for (to = i + 1; to < n && to - i < s->run &&
                         marks[to].key - marks[to - 1].key <= GAP;
             to++)
            ;
        if (to - i < RUN_LEAST / 4)
            continue;
        if (s->pause > 0)
            s->pause -= s->pause < to - i ? s->pause : to - i;
        else
            r = sweep_run(x, q, marks + i, to - i, err);
    }
    return r;
}
