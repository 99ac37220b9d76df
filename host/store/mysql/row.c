/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/row.c - see row.h.  The session's thread.
 */
#include "config.h"

#include "store/mysql/row.h"

#include <errno.h>
#include <inttypes.h>
#include <mysqld_error.h>

#define ID_TIME 18 /* bits of a unit of time in ids */
#define ID_SEQ 38  /* bits of the number */
#define BLOCK 10000
#define NEAR_MS 120000
#define FAR_ROWS 8192  /* to one shard before the next one's turn */
#define IN_MS 8        /* tries within a millisecond */
#define POS_TRIES 1000 /* and in those behind it */
#define STATEMENT (1 << 20)

enum md_column {
    C_SHARD,
    C_POS,
    C_ID,
    C_DUE,
    C_SCHEDULED,
    C_CREATED,
    C_APP,
    C_VERSION,
    C_ATTEMPT,
    C_STATE,
    C_REDELIVERED,
    C_PRIORITY,
    C_KEY,
    C_PAYLOAD,
    C_HEADERS
};

/* ---- numbers ----------------------------------------------------------------- */

int md_ids_draw(struct md_session *x, size_t n, uint64_t *ret, struct err *err)
{
    uint64_t want = n > BLOCK ? n : BLOCK;
    int r;

    if (x->end_id - x->next_id < n) {
        r = md_connect(x, err);
        if (r == 0)
            r = md_runf(x, err,
                        "UPDATE meta SET value=LAST_INSERT_ID(CAST(value AS "
                        "UNSIGNED)+%" PRIu64 ") WHERE name='next_job_id'",
                        want);
        if (r < 0)
            return r;
        x->end_id = mysql_insert_id(x->db);
        x->next_id = x->end_id - want;
    }
    *ret = x->next_id;
    x->next_id += n;
    return 0;
}

int64_t md_id_make(int64_t fire_ms, uint64_t seq)
{
    seq &= (UINT64_C(1) << ID_SEQ) - 1;
    return (int64_t)((uint64_t)(fire_ms >> ID_TIME) << ID_SEQ | seq);
}

job_pos md_pos_of(int64_t fire_ms, int64_t id)
{
    return job_pos_at(fire_ms) | (id & ((1 << JOB_POS_SHIFT) - 1));
}

bool md_is_near(const struct md_session *x, int64_t fire_ms, int64_t now_ms)
{
    return fire_ms < now_ms + NEAR_MS && shard_count(&x->owned) > 0;
}

uint32_t md_shard_near(struct md_session *x)
{
    uint32_t shards = x->st->base.shards, s = x->near_turn % shards;

    while (!shard_in(&x->owned, s))
        s = (s + 1) % shards;
    x->near_turn = s;
    return s;
}

uint32_t md_shard_far(struct md_session *x)
{
    if (x->far_left == 0) {
        x->far_turn++;
        x->far_left = FAR_ROWS;
    }
    x->far_left--;
    return x->far_turn % x->st->base.shards;
}

/* ---- reading ------------------------------------------------------------------ */

void md_row_read(const struct md_rows *q, struct md_row *ret)
{
    *ret = (struct md_row){
        .shard = (uint32_t)md_int(q, C_SHARD),
        .pos = md_int(q, C_POS),
        .id = md_int(q, C_ID),
        .due = md_int(q, C_DUE),
        .scheduled = md_int(q, md_null(q, C_SCHEDULED) ? C_DUE : C_SCHEDULED),
        .created = md_int(q, C_CREATED),
        .app = (int32_t)md_int(q, C_APP),
        .version = (uint32_t)md_int(q, C_VERSION),
        .attempt = (uint32_t)md_int(q, C_ATTEMPT),
        .state = (uint8_t)md_int(q, C_STATE),
    };
    ret->redelivered =
        md_int(q, C_REDELIVERED) != 0 || ret->state == JOB_RUNNING;
}

int md_job_read(struct md_session *x, const struct md_rows *q, struct job **ret,
                struct err *err)
{
    const struct job_text text = {
        .key = md_span(q, C_KEY),
        .payload = md_span(q, C_PAYLOAD),
        .headers = md_span(q, C_HEADERS),
    };
    const struct app_name *app;
    struct md_row row;
    struct job *j;

    md_row_read(q, &row);
    app = md_app_name(x, row.app, err);
    if (app == NULL)
        return -EUCLEAN;
    j = job_new(app, &text);
    if (j == NULL)
        return err_again(err, -ENOMEM, "no memory for a job");
    j->id = row.id;
    j->pos = row.pos;
    j->shard = row.shard;
    j->due_ms = row.due;
    j->scheduled_ms = row.scheduled;
    j->created_ms = row.created;
    j->version = row.version;
    j->attempt = row.attempt;
    j->state = row.state;
    j->priority = (uint8_t)md_int(q, C_PRIORITY);
    j->redelivered = row.redelivered;
    *ret = j;
    return 0;
}

int md_job_get(struct md_session *x, int64_t id, bool lock, struct job **ret,
               struct md_row *row, struct err *err)
{
    struct md_rows q;
    int r;

    r = md_selectf(x, &q, err,
                   "SELECT " MD_JOB_COLUMNS " FROM jobs j WHERE j.id=%" PRId64
                   "%s",
                   id, lock ? " FOR UPDATE" : "");
    if (r == 0 && md_next(&q)) {
        if (row != NULL) {
            md_row_read(&q, row);
            if (md_app_name(x, row->app, err) == NULL) /* counts know it */
                r = -EUCLEAN;
        }
        if (r == 0 && ret != NULL)
            r = md_job_read(x, &q, ret, err);
        r = r < 0 ? r : 1;
    }
    md_rows_done(&q);
    return r;
}

/* ---- writing ------------------------------------------------------------------- */

static void add_row(struct md_session *x, const struct job *j)
{
    (void)buf_addf(&x->sql, "(%u,%" PRId64 ",%" PRId64 ",%" PRId64 ",",
                   j->shard, j->pos, j->id, j->due_ms);
    if (j->scheduled_ms == 0 || j->scheduled_ms == j->due_ms)
        (void)buf_adds(&x->sql, "NULL,");
    else
        md_add_int(x, j->scheduled_ms);
    (void)buf_addf(&x->sql, "%" PRId64 ",%d,%u,%u,%d,%d,", j->created_ms,
                   md_app_known(x, j->app), j->version, j->attempt, JOB_CREATED,
                   j->priority);
    md_add_bytes(x, j->key.len > 0 ? j->key : (struct span){NULL, 0});
    md_add_bytes(x, j->payload);
    md_add_bytes(x, j->headers.len > 0 ? j->headers : (struct span){NULL, 0});
    md_end_list(x, "),");
}

static const char insert[] =
    "INSERT INTO jobs(shard,pos,id,due,scheduled,created,app,version,attempt,"
    "state,priority,job_key,payload,headers) VALUES";

static size_t weight(const struct job *j)
{
    return 160 + j->key.len + j->payload.len + j->headers.len;
}

/* Another position for one whose own is taken. */
static void step(struct md_session *x, struct job *j, int try)
{
    unsigned char r8[4];
    int64_t ms = job_pos_ms(j->pos) + (try >= IN_MS);

    (void)x;
    random_bytes(r8, sizeof(r8));
    j->pos = job_pos_at(ms) |
             ((r8[0] | r8[1] << 8 | r8[2] << 16) & ((1 << JOB_POS_SHIFT) - 1));
}

/* One by one, where a position was taken. */
static int write_slowly(struct md_session *x, struct job *const *jobs, size_t n,
                        struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i++) {
        for (int try = 0; try < POS_TRIES; try++) {
            (void)md_sql(x, insert);
            add_row(x, jobs[i]);
            md_end_list(x, "");
            r = md_run(x, err);
            if (r == 0 || !md_is_duplicate(md_errno(x)))
                break;
            step(x, jobs[i], try);
        }
    }
    return r;
}

static int too_long(const struct md_session *x, const struct job *j,
                    struct err *err)
{
    if (weight(j) + sizeof(insert) < x->st->packet)
        return 0;
    return err_set(err, -EMSGSIZE,
                   "a job of %zu bytes does not fit into the database's "
                   "max_allowed_packet of %zu",
                   weight(j), x->st->packet);
}

int md_rows_write(struct md_session *x, struct job *const *jobs, size_t n,
                  struct err *err)
{
    int r = 0;

    for (size_t i = 0, end; i < n && r == 0; i = end) {
        (void)md_sql(x, insert);
        for (end = i; end < n; end++) {
            r = too_long(x, jobs[end], err);
            if (r < 0)
                return r;
            if (end > i && x->sql.len + weight(jobs[end]) > STATEMENT)
                break;
            add_row(x, jobs[end]);
        }
        md_end_list(x, "");
        r = md_run(x, err);
        if (r < 0 && md_is_duplicate(md_errno(x)))
            r = write_slowly(x, jobs + i, end - i, err);
    }
    return r;
}

int md_row_add(struct md_session *x, struct job *j, int64_t id, int64_t now_ms,
               struct md_row *ret, struct err *err)
{
    int64_t fire = j->due_ms > now_ms ? j->due_ms : now_ms;
    int32_t app = md_app_known(x, j->app);
    int r;

    if (app <= 0)
        return err_set(err, -EUCLEAN, "app %s has no number", j->app->text);
    j->version = 1;
    j->attempt = 0;
    if (j->created_ms == 0)
        j->created_ms = now_ms;
    j->id = id;
    j->pos = md_pos_of(fire, j->id);
    j->shard = md_is_near(x, fire, now_ms) ? md_shard_near(x) : md_shard_far(x);
    r = md_rows_write(x, &j, 1, err);
    if (r < 0)
        return r;
    md_app_delta(x, app)->pending++;
    *ret = (struct md_row){
        .id = j->id,
        .pos = j->pos,
        .shard = j->shard,
        .due = j->due_ms,
        .scheduled = j->scheduled_ms != 0 ? j->scheduled_ms : j->due_ms,
        .created = j->created_ms,
        .app = app,
        .version = 1,
    };
    return 0;
}

int md_row_delete(struct md_session *x, const struct md_row *row,
                  struct err *err)
{
    return md_runf(x, err,
                   "DELETE FROM jobs WHERE shard=%u AND pos=%" PRId64
                   " AND id=%" PRId64,
                   row->shard, row->pos, row->id);
}

/* Gives the row its new position and what `set` says behind it in x->sql; steps
 * on while the position is taken.  sql: from "UPDATE" on, set ends in " ". */
static int rewrite(struct md_session *x, struct md_row *row, int64_t fire_ms,
                   size_t tail, struct err *err)
{
    struct job at = {.pos = md_pos_of(fire_ms, row->id)};
    job_pos old = row->pos;
    int r = 0;

    for (int try = 0; try < POS_TRIES; try++) {
        x->sql.len = tail;
        (void)buf_addf(&x->sql,
                       ",pos=%" PRId64 " WHERE shard=%u AND pos=%" PRId64
                       " AND id=%" PRId64,
                       at.pos, row->shard, old, row->id);
        r = md_run(x, err);
        if (r == 0 || !md_is_duplicate(md_errno(x)))
            break;
        step(x, &at, try);
    }
    row->pos = at.pos;
    return r;
}

static void add_times(struct md_session *x, const struct md_row *row)
{
    (void)md_sql(x, "UPDATE jobs SET ");
    (void)buf_addf(&x->sql, "due=%" PRId64 ",scheduled=", row->due);
    if (row->scheduled == row->due)
        (void)buf_adds(&x->sql, "NULL");
    else
        (void)buf_addi(&x->sql, row->scheduled);
    (void)buf_addf(&x->sql, ",version=%u,attempt=%u,state=%d,redelivered=%d",
                   row->version, row->attempt, row->state, row->redelivered);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int md_row_replace(struct md_session *x, struct md_row *row,
                   const struct job *content, int64_t now_ms, struct err *err)
{
    int r = too_long(x, content, err);

    if (r < 0)
        return r;
    row->version++;
    row->attempt = 0;
    row->state = JOB_CREATED;
    row->redelivered = false;
    row->due = content->due_ms;
    row->scheduled =
        content->scheduled_ms != 0 ? content->scheduled_ms : content->due_ms;
    add_times(x, row);
    (void)buf_addf(&x->sql, ",priority=%d,payload=", content->priority);
    md_add_bytes(x, content->payload);
    (void)buf_adds(&x->sql, "headers=");
    md_add_bytes(x, content->headers.len > 0 ? content->headers
                                             : (struct span){NULL, 0});
    md_end_list(x, "");
    return rewrite(x, row, later(row->due, now_ms), x->sql.len, err);
}

int md_row_move(struct md_session *x, struct md_row *row, int64_t due_ms,
                int64_t scheduled_ms, int64_t now_ms, struct err *err)
{
    row->version++;
    row->due = due_ms;
    row->scheduled = scheduled_ms;
    if (row->state == JOB_RUNNING)
        row->state = JOB_SCHEDULED;
    add_times(x, row);
    return rewrite(x, row, later(due_ms, now_ms), x->sql.len, err);
}

int md_row_retry(struct md_session *x, struct md_row *row, int64_t due_ms,
                 int64_t now_ms, struct err *err)
{
    row->attempt++;
    row->due = due_ms;
    row->state = JOB_SCHEDULED;
    add_times(x, row);
    return rewrite(x, row, later(due_ms, now_ms), x->sql.len, err);
}

/* ---- shards ------------------------------------------------------------------------ */

int md_shards_lock(struct md_session *x, const struct shard_set *which,
                   struct md_shard ret[STORE_SHARDS_MOST], struct err *err)
{
    struct buf list = BUF_INIT(8192);
    struct md_rows q = {0};
    int r = 0;

    for (uint32_t s = 0; s < x->st->base.shards; s++) {
        if (!shard_in(which, s))
            continue;
        ret[s] = (struct md_shard){true, x->loaded[s]};
        if (!shard_in(&x->owned, s))
            (void)buf_addf(&list, "%s%u", list.len > 0 ? "," : "", s);
    }
    if (list.len == 0)
        goto out;
    (void)md_sql(x, "UPDATE shards SET puts=puts+1 WHERE shard IN (");
    (void)buf_addf(&x->sql, "%s) ORDER BY shard", buf_cstr(&list));
    r = md_run(x, err);
    if (r == 0) {
        (void)md_sql(x,
                     "SELECT shard,slot,loaded FROM shards WHERE shard IN (");
        (void)buf_addf(&x->sql, "%s)", buf_cstr(&list));
        r = md_select(x, &q, err);
    }
    while (r == 0 && md_next(&q)) {
        uint32_t s = (uint32_t)md_int(&q, 0);

        if (s < STORE_SHARDS_MOST)
            ret[s] = (struct md_shard){!md_null(&q, 1), md_int(&q, 2)};
    }
    md_rows_done(&q);
out:
    buf_done(&list);
    return r;
}
