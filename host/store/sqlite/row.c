/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/row.c - jobs as rows; see row.h.  The session's thread.
 */
#include "config.h"

#include "store/sqlite/row.h"

#include <errno.h>
#include <string.h>

#define ID_TRIES 1000
#define STATE_REDELIVERED 8 /* beside the state; see sq_row_state */

enum job_column { /* of JOB_COLUMNS */
                  C_ID,
                  C_POS,
                  C_DUE,
                  C_SCHEDULED,
                  C_CREATED,
                  C_APP,
                  C_VERSION,
                  C_ATTEMPT,
                  C_STATE,
                  C_PRIORITY,
                  C_KEY,
                  C_PAYLOAD,
                  C_HEADERS
};

/* A column that stands for `otherwise` while it is NULL. */
static int64_t or_else(sqlite3_stmt *st, int at, int64_t otherwise)
{
    return sqlite3_column_type(st, at) == SQLITE_NULL
               ? otherwise
               : sqlite3_column_int64(st, at);
}

static void read_numbers(sqlite3_stmt *st, struct sq_row *row)
{
    int state = sqlite3_column_int(st, C_STATE);

    row->id = sqlite3_column_int64(st, C_ID);
    row->pos = sqlite3_column_int64(st, C_POS);
    row->due = or_else(st, C_DUE, job_pos_ms(row->pos));
    row->scheduled = or_else(st, C_SCHEDULED, row->due);
    row->created = sqlite3_column_int64(st, C_CREATED);
    row->app = sqlite3_column_int(st, C_APP);
    row->version = (uint32_t)sqlite3_column_int64(st, C_VERSION);
    row->attempt = (uint32_t)sqlite3_column_int64(st, C_ATTEMPT);
    row->state = (uint8_t)(state & ~STATE_REDELIVERED);
    row->redelivered =
        (state & STATE_REDELIVERED) != 0 || row->state == JOB_RUNNING;
}

int sq_row_state(enum job_state state, bool redelivered)
{
    return (int)state | (redelivered ? STATE_REDELIVERED : 0);
}

int sq_job_read(struct sq_session *x, sqlite3_stmt *st, struct job **ret,
                struct err *err)
{
    const struct job_text text = {
        .key = sq_column_span(st, C_KEY),
        .payload = sq_column_span(st, C_PAYLOAD),
        .headers = sq_column_span(st, C_HEADERS),
    };
    const struct app_name *app;
    struct sq_row row;
    struct job *j;

    read_numbers(st, &row);
    app = sq_app_name(x, row.app, err);
    if (app == NULL)
        return -EUCLEAN;
    j = job_new(app, &text);
    if (j == NULL)
        return err_again(err, -ENOMEM, "no memory for a job");
    j->id = row.id;
    j->pos = row.pos;
    j->due_ms = row.due;
    j->scheduled_ms = row.scheduled;
    j->created_ms = row.created;
    j->version = row.version;
    j->attempt = row.attempt;
    j->state = row.state;
    j->priority = (uint8_t)sqlite3_column_int(st, C_PRIORITY);
    j->redelivered = row.redelivered;
    *ret = j;
    return 0;
}

int sq_job_get(struct sq_session *x, int64_t id, struct job **ret,
               struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_JOB_GET, err);
    int r, found;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, id);
    found = sq_row(x, st, err);
    if (found <= 0)
        return found;
    r = sq_job_read(x, st, ret, err);
    (void)sqlite3_reset(st);
    return r < 0 ? r : 1;
}

int sq_row_get(struct sq_session *x, int64_t id, const struct span *key,
               struct sq_row *ret, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_JOB_GET, err);
    int found;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, id);
    found = sq_row(x, st, err);
    if (found <= 0)
        return found;
    read_numbers(st, ret);
    if (sq_app_name(x, ret->app, err) == NULL) /* so that counts know it */
        found = -EUCLEAN;
    else if (key != NULL && !span_eq(*key, sq_column_span(st, C_KEY)))
        found = 0;
    (void)sqlite3_reset(st);
    return found;
}

/* Binds due and scheduled, leaving out what follows from pos. */
static void bind_times(sqlite3_stmt *st, int at, job_pos pos, int64_t due,
                       int64_t scheduled)
{
    if (due == job_pos_ms(pos))
        (void)sqlite3_bind_null(st, at);
    else
        (void)sqlite3_bind_int64(st, at, due);
    if (scheduled == due)
        (void)sqlite3_bind_null(st, at + 1);
    else
        (void)sqlite3_bind_int64(st, at + 1, scheduled);
}

int sq_row_write(struct sq_session *x, const struct job *j, int32_t app,
                 struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_JOB_ADD, err);
    int r;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, j->id);
    (void)sqlite3_bind_int64(st, 2, j->pos);
    bind_times(st, 3, j->pos, j->due_ms,
               j->scheduled_ms != 0 ? j->scheduled_ms : j->due_ms);
    (void)sqlite3_bind_int64(st, 5, j->created_ms);
    (void)sqlite3_bind_int(st, 6, app);
    (void)sqlite3_bind_int64(st, 7, j->version);
    (void)sqlite3_bind_int64(st, 8, j->attempt);
    (void)sqlite3_bind_int(st, 9, JOB_CREATED);
    (void)sqlite3_bind_int(st, 10, j->priority);
    sq_bind_span(st, 11, j->key);
    sq_bind_span(st, 12, j->payload);
    sq_bind_span(st, 13, j->headers);
    r = sq_run(x, st, err);
    return r < 0 ? r : sqlite3_changes(x->db);
}

/* Gives the job id and pos and writes it; 0 when the id is taken. */
static int number(struct sq_session *x, struct job *j, int32_t app,
                  int64_t now_ms, struct err *err)
{
    int64_t fire_ms = j->due_ms > now_ms ? j->due_ms : now_ms;
    uint64_t seq = x->next_seq++;
    struct sq_place at = {sq_make_pos(fire_ms, seq),
                          sq_make_id(fire_ms, now_ms, seq), app};
    int r = sq_order_enter(x, &at, err);

    j->id = at.id;
    j->pos = at.pos;
    return r < 0 ? r : sq_row_write(x, j, app, err);
}

int sq_row_renumber(struct sq_session *x, struct job *j, int32_t app,
                    int64_t now_ms, struct err *err)
{
    int r = 0;

    for (int i = 0; r == 0 && i < ID_TRIES; i++) {
        r = sq_order_leave(x, j->id, j->pos, err);
        if (r == 0)
            r = number(x, j, app, now_ms, err);
    }
    if (r == 0)
        return err_again(err, -EAGAIN, "no free job id at that time");
    return r < 0 ? r : 0;
}

int sq_row_add(struct sq_session *x, struct job *j, int64_t now_ms,
               struct err *err)
{
    int32_t app = sq_app_number(x, j->app, true, err);
    int r;

    if (app < 0)
        return app;
    j->version = 1;
    j->attempt = 0;
    if (j->created_ms == 0)
        j->created_ms = now_ms;
    r = number(x, j, app, now_ms, err);
    if (r == 0)
        r = sq_row_renumber(x, j, app, now_ms, err);
    if (r < 0)
        return r;
    sq_app_delta(x, app)->pending++;
    return 0;
}

int sq_row_delete(struct sq_session *x, const struct sq_row *row,
                  struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_JOB_DELETE, err);
    int r;

    if (st == NULL)
        return -EIO;
    (void)sqlite3_bind_int64(st, 1, row->id);
    r = sq_run(x, st, err);
    return r < 0 ? r : sq_order_leave(x, row->id, row->pos, err);
}

/* Gives the row another position. */
static int reorder(struct sq_session *x, struct sq_row *row, int64_t due_ms,
                   int64_t now_ms, struct err *err)
{
    int64_t fire_ms = due_ms > now_ms ? due_ms : now_ms;
    struct sq_place at = {sq_make_pos(fire_ms, x->next_seq++), row->id,
                          row->app};
    int r = sq_order_leave(x, row->id, row->pos, err);

    if (r == 0)
        r = sq_order_enter(x, &at, err);
    row->pos = at.pos;
    return r;
}

int sq_row_replace(struct sq_session *x, struct sq_row *row,
                   const struct job *content, int64_t now_ms, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_JOB_REPLACE, err);
    int r;

    if (st == NULL)
        return -EIO;
    r = reorder(x, row, content->due_ms, now_ms, err);
    if (r < 0)
        return r;
    row->version++;
    row->attempt = 0;
    row->state = JOB_CREATED;
    row->due = content->due_ms;
    row->scheduled =
        content->scheduled_ms != 0 ? content->scheduled_ms : content->due_ms;
    (void)sqlite3_bind_int64(st, 1, row->id);
    (void)sqlite3_bind_int64(st, 2, row->pos);
    bind_times(st, 3, row->pos, row->due, row->scheduled);
    (void)sqlite3_bind_int64(st, 5, row->version);
    (void)sqlite3_bind_int(st, 6, content->priority);
    sq_bind_span(st, 7, content->payload);
    sq_bind_span(st, 8, content->headers);
    return sq_run(x, st, err);
}

int sq_row_move(struct sq_session *x, struct sq_row *row, int64_t due_ms,
                int64_t scheduled_ms, int64_t now_ms, struct err *err)
{
    sqlite3_stmt *st = sq_stmt(x, SQL_JOB_MOVE, err);
    int r;

    if (st == NULL)
        return -EIO;
    r = reorder(x, row, due_ms, now_ms, err);
    if (r < 0)
        return r;
    row->version++;
    row->due = due_ms;
    row->scheduled = scheduled_ms;
    if (row->state == JOB_RUNNING)
        row->state = JOB_SCHEDULED;
    (void)sqlite3_bind_int64(st, 1, row->id);
    (void)sqlite3_bind_int64(st, 2, row->pos);
    bind_times(st, 3, row->pos, due_ms, scheduled_ms);
    (void)sqlite3_bind_int64(st, 5, row->version);
    (void)sqlite3_bind_int(st, 6, sq_row_state(row->state, row->redelivered));
    return sq_run(x, st, err);
}
