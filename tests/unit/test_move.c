/* SPDX-License-Identifier: Apache-2.0
 *
 * Tests of what is done with whole stores: a store with a bit of everything is
 * converted, checked and copied.
 */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/move.h"

#define T0 INT64_C(1800000000000)
#define HOUR INT64_C(3600000)
#define JOBS 3000 /* without a key */

struct rig {
    char dir[64], from[100], to[100];
    struct store *s;
    struct store_session *x;
    const struct app_name *app;
};

static struct span text(const char *s)
{
    return (struct span){s, s != NULL ? strlen(s) : 0};
}

static void open_store(struct rig *t, const char *url)
{
    const struct store_settings set = {
        .url = url, .idempotency_ms = 24 * HOUR, .history_ms = 24 * HOUR};
    struct err err;

    if (store_open(&set, &t->s, &err) < 0 ||
        store_session_open(t->s, true, &t->x, &err) < 0)
        fail_msg("%s", err.text);
}

static void close_store(struct rig *t)
{
    store_session_close(&t->x);
    store_close(&t->s);
}

static enum put_result put(struct rig *t, const char *key, int64_t due,
                           const char *payload, const char *repeat)
{
    const struct job_text what = {
        .key = text(key), .payload = text(payload), .headers = text(repeat)};
    struct put_item item = {.kind = PUT_JOB,
                            .job = job_new(t->app, &what),
                            .idempotency = text(repeat)};
    struct put_batch b = {.items = &item, .count = 1, .now_ms = T0};
    struct err err;

    item.job->due_ms = due;
    item.job->priority = JOB_LOW;
    if (store_put(t->x, &b, &err) < 0)
        fail_msg("%s", err.text);
    job_free(&item.job);
    return item.result;
}

/* The first jobs due before until. */
static struct job *load(struct rig *t, int64_t until)
{
    const struct load_request q = {
        .until = job_pos_at(until), .cap = 1, .bytes_cap = 1 << 20};
    struct load_result got;
    struct err err;

    if (store_load_due(t->x, &q, &got, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(got.count, 1);
    return list_of(list_pop(&got.jobs), struct job, link);
}

static void finish(struct rig *t, struct job *j, enum outcome_kind kind,
                   const char *error)
{
    struct outcome o = {.job = j,
                        .kind = kind,
                        .retry_ms = T0 + 9 * HOUR,
                        .started_ms = T0 + 10,
                        .finished_ms = T0 + 20,
                        .error = text(error)};
    struct outcome *all[] = {&o};
    struct finish_batch b = {.outcomes = all,
                             .count = 1,
                             .now_ms = T0 + 20,
                             .ledger_pos = -1,
                             .ledger_seq = -1};
    struct err err;

    if (store_finish(t->x, &b, &err) < 0)
        fail_msg("%s", err.text);
    assert_false(o.stale);
    job_free(&j);
}

static void fill_history(struct rig *t)
{
    struct job *j;

    (void)put(t, "first", T0 + 1, "{}", NULL);
    finish(t, load(t, T0 + 100), OUTCOME_DONE, NULL);
    (void)put(t, "second", T0 + 2, "{}", NULL);
    finish(t, load(t, T0 + 100), OUTCOME_DEAD, "no such number");
    (void)put(t, "again", T0 + 3, NULL, NULL);
    j = load(t, T0 + 100);
    j->redelivered = true;
    finish(t, j, OUTCOME_RETRY, "timed out");
    (void)put(t, "running", T0 + 4, "", NULL);
    j = load(t, T0 + 100);
    assert_int_equal(store_mark_running(t->x, &j, 1, NULL), 0);
    job_free(&j);
}

static void fill_positions(struct rig *t)
{
    const struct store_position p[] = {
        {"cluster", "sms", "SMS_Retry", 0, -1, 17},
        {"cluster", "sms", "SMS_Retry", 1, -1, INT64_C(1) << 40},
    };
    struct put_batch b = {.positions = p, .position_count = 2, .now_ms = T0};

    assert_int_equal(store_put(t->x, &b, NULL), 0);
}

static void fill(struct rig *t)
{
    struct change wish = {.kind = CHANGE_RESCHEDULE,
                          .app = t->app,
                          .key = text("running"),
                          .due_ms = T0 + 5 * HOUR,
                          .now_ms = T0};
    char repeat[32];

    fill_history(t);
    fill_positions(t);
    for (int i = 0; i < JOBS; i++) {
        (void)snprintf(repeat, sizeof(repeat), "r%d", i);
        assert_int_equal(put(t, NULL, T0 + HOUR + (i * 7919) % JOBS * 1000,
                             "{\"n\":1}", repeat),
                         PUT_STORED);
    }
    assert_int_equal(put(t, "twice", T0 + HOUR, "{\"v\":1}", NULL), PUT_STORED);
    assert_int_equal(put(t, "twice", T0 + HOUR, "{\"v\":2}", NULL),
                     PUT_REPLACED);
    assert_int_equal(store_change(t->x, &wish, NULL), 0);
    assert_true(wish.wish > 0);
}

static int setup(void **state)
{
    struct rig *t = calloc(1, sizeof(*t));

    assert_non_null(t);
    (void)snprintf(t->dir, sizeof(t->dir), "/tmp/ontime-move-XXXXXX");
    assert_non_null(mkdtemp(t->dir));
    (void)snprintf(t->from, sizeof(t->from), "sqlite:%s/from.db", t->dir);
    (void)snprintf(t->to, sizeof(t->to), "sqlite:%s/to.db", t->dir);
    t->app = app_name_s("sms_retry");
    open_store(t, t->from);
    fill(t);
    close_store(t);
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"from.db", "from.db.lock", "to.db",
                                        "to.db.lock", "copy.db"};
    struct rig *t = *state;
    char path[128];

    close_store(t);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", t->dir, names[i]);
        (void)unlink(path);
    }
    assert_int_equal(rmdir(t->dir), 0);
    free(t);
    return 0;
}

static int run(struct rig *t, struct convert_result *ret, struct err *err)
{
    const struct convert_request q = {.from = t->from, .to = t->to};

    return store_convert(&q, ret, err);
}

static void must_run(struct rig *t)
{
    struct convert_result done;
    struct err err;

    if (run(t, &done, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(done.rows[MOVE_JOB], JOBS + 3);
    assert_int_equal(done.rows[MOVE_EXECUTION], 3);
    assert_int_equal(done.rows[MOVE_POSITION], 2);
    assert_int_equal(done.rows[MOVE_WISH], 1);
    assert_int_equal(done.rows[MOVE_REPEAT], JOBS);
}

static struct job *find(struct rig *t, const char *key)
{
    struct job *j = NULL;
    struct err err;

    if (store_find(t->x, t->app, text(key), &j, &err) < 0)
        fail_msg("%s: %s", key, err.text);
    return j;
}

/* ---- the new store ------------------------------------------------------------ */

static void jobs_are_there(void **state)
{
    struct rig *t = *state;
    struct job *j;

    must_run(t);
    open_store(t, t->to);
    j = find(t, "twice");
    assert_int_equal(j->version, 2);
    assert_true(span_eqs(j->payload, "{\"v\":2}"));
    assert_int_equal(j->priority, JOB_LOW);
    job_free(&j);
    j = find(t, "again");
    assert_int_equal(j->attempt, 1);
    assert_int_equal(j->due_ms, T0 + 9 * HOUR);
    assert_int_equal(j->scheduled_ms, T0 + 3);
    assert_true(j->redelivered);
    assert_null(j->payload.data);
    job_free(&j);
    j = find(t, "running");
    assert_int_equal(j->state, JOB_RUNNING);
    assert_non_null(j->payload.data);
    assert_int_equal(j->payload.len, 0);
    job_free(&j);
    assert_int_equal(store_find(t->x, t->app, text("first"), &j, NULL),
                     -ENOENT);
}

/* All come out, in the order of their due times. */
static void jobs_fire_in_order(void **state)
{
    struct load_request q = {
        .until = job_pos_at(T0 + 24 * HOUR), .cap = 500, .bytes_cap = 1 << 30};
    struct rig *t = *state;
    struct load_result got;
    int64_t last = 0;
    size_t n = 0;
    struct err err;

    must_run(t);
    open_store(t, t->to);
    while (q.after < q.until - 1) {
        if (store_load_due(t->x, &q, &got, &err) < 0)
            fail_msg("%s", err.text);
        n += got.count;
        q.after = got.reached;
        while (!list_empty(&got.jobs)) {
            struct job *j = list_of(list_pop(&got.jobs), struct job, link);

            assert_true(j->due_ms >= last);
            last = j->due_ms;
            job_free(&j);
        }
    }
    assert_int_equal(n, JOBS + 3);
}

static void repeats_are_known(void **state)
{
    struct rig *t = *state;

    must_run(t);
    open_store(t, t->to);
    assert_int_equal(put(t, NULL, T0 + HOUR, "{}", "r0"), PUT_DUPLICATE);
    assert_int_equal(put(t, NULL, T0 + HOUR, "{}", "r2999"), PUT_DUPLICATE);
    assert_int_equal(put(t, NULL, T0 + HOUR, "{}", "new"), PUT_STORED);
    assert_int_equal(put(t, "twice", T0 + HOUR, "{}", NULL), PUT_REPLACED);
}

static void one_execution(void *arg, const struct execution *e)
{
    struct buf *b = arg;

    buf_addf(b, "%.*s:%d:%u ", (int)e->key.len, (const char *)e->key.data,
             (int)e->outcome, e->attempt);
}

static void all_else_is_there(void **state)
{
    struct store_position p = {"cluster", "sms", "SMS_Retry", 1, 0, 0};
    const struct execution_query q = {.cap = 10};
    struct rig *t = *state;
    struct buf said = BUF_INIT(1000);
    struct store_count counts[2];
    struct list wishes;
    struct wish *w;
    char id[37];

    open_store(t, t->from);
    memcpy(id, store_id(t->s), sizeof(id));
    close_store(t);
    must_run(t);
    open_store(t, t->to);
    assert_string_equal(store_id(t->s), id);
    assert_int_equal(store_position_get(t->x, &p, NULL), 0);
    assert_true(p.next == INT64_C(1) << 40);
    assert_int_equal(store_counts(t->x, counts, 2, NULL), 1);
    assert_int_equal(counts[0].pending, JOBS + 3);
    assert_int_equal(counts[0].succeeded, 1);
    assert_int_equal(counts[0].dead, 1);
    assert_int_equal(counts[0].retried, 1);
    assert_int_equal(store_executions(t->x, &q, one_execution, &said, NULL), 0);
    assert_string_equal(buf_cstr(&said), "again:3:1 second:1:1 first:0:1 ");
    buf_done(&said);
    list_init(&wishes);
    assert_int_equal(store_wishes(t->x, 0, 10, &wishes, NULL), 0);
    w = list_of(list_pop(&wishes), struct wish, link);
    assert_int_equal(w->kind, CHANGE_RESCHEDULE);
    assert_int_equal(w->due_ms, T0 + 5 * HOUR);
    wish_free(&w);
    assert_true(list_empty(&wishes));
}

/* A number is not given again: ledgers know jobs by it. */
static void numbers_go_on(void **state)
{
    struct rig *t = *state;
    struct job *a, *b;

    must_run(t);
    open_store(t, t->from);
    (void)put(t, "next", T0 + 2 * HOUR, NULL, NULL);
    a = find(t, "next");
    close_store(t);
    open_store(t, t->to);
    (void)put(t, "next", T0 + 2 * HOUR, NULL, NULL);
    b = find(t, "next");
    assert_true(a->id == b->id);
    job_free(&a);
    job_free(&b);
}

/* ---- what is refused ------------------------------------------------------------ */

static void not_beside_a_daemon(void **state)
{
    struct rig *t = *state;
    struct convert_result done;
    struct err err;

    open_store(t, t->from);
    assert_int_equal(run(t, &done, &err), -EBUSY);
    assert_non_null(strstr(err.text, "in use"));
}

static void not_over_another(void **state)
{
    struct rig *t = *state;
    struct convert_result done;
    struct err err;

    must_run(t);
    assert_int_equal(run(t, &done, &err), -EEXIST);
}

static bool stop_at_jobs(void *arg, const struct move_progress *p)
{
    (void)arg;
    return strcmp(p->what, "jobs") != 0;
}

static void half_a_store_is_refused(void **state)
{
    struct rig *t = *state;
    const struct convert_request q = {
        .from = t->from, .to = t->to, .tell = {stop_at_jobs, NULL}};
    const struct store_settings set = {.url = t->to},
                                look = {.use = STORE_LOOK, .url = t->to};
    struct convert_result done;
    struct err err;

    assert_int_equal(store_convert(&q, &done, &err), -ECANCELED);
    assert_int_equal(store_open(&set, &t->s, &err), -EUCLEAN);
    assert_non_null(strstr(err.text, "convert again"));
    assert_int_equal(store_open(&look, &t->s, &err), -EUCLEAN);
}

static void dry_run_writes_nothing(void **state)
{
    struct rig *t = *state;
    const struct convert_request q = {
        .from = t->from, .to = t->to, .dry_run = true};
    struct convert_result done;
    struct err err;

    assert_int_equal(store_convert(&q, &done, &err), 0);
    assert_int_equal(done.rows[MOVE_JOB], JOBS + 3);
    assert_int_equal(access(t->to + strlen("sqlite:"), F_OK), -1);
}

/* ---- backup and check ------------------------------------------------------------ */

static void a_copy_is_sound(void **state)
{
    struct rig *t = *state;
    char path[128], url[160];
    const struct backup_request q = {.url = t->from, .path = path};
    struct check_result found;
    uint64_t bytes;
    struct err err;

    (void)snprintf(path, sizeof(path), "%s/copy.db", t->dir);
    (void)snprintf(url, sizeof(url), "sqlite:%s", path);
    open_store(t, t->from);
    if (store_backup(&q, &bytes, &err) < 0 ||
        store_check(url, NULL, &found, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(found.jobs, JOBS + 3);
    assert_int_equal(found.executions, 3);
    assert_string_equal(found.id, store_id(t->s));
    assert_int_equal(store_backup(&q, &bytes, &err), -EEXIST);
}

static void damage_is_seen(void **state)
{
    struct rig *t = *state;
    struct check_result found;
    struct err err;
    FILE *f;

    f = fopen(t->from + strlen("sqlite:"), "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, 5 * 4096 + 100, SEEK_SET), 0);
    for (int i = 0; i < 20000; i++)
        assert_int_equal(fputc(0xa5, f), 0xa5);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(store_check(t->from, NULL, &found, &err), -EUCLEAN);
}

#define t(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        t(jobs_are_there),         t(jobs_fire_in_order),
        t(repeats_are_known),      t(all_else_is_there),
        t(numbers_go_on),          t(not_beside_a_daemon),
        t(not_over_another),       t(half_a_store_is_refused),
        t(dry_run_writes_nothing), t(a_copy_is_sound),
        t(damage_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
