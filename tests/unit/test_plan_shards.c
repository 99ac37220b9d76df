/* SPDX-License-Identifier: Apache-2.0
 *
 * The scheduler's pure parts with shards that come and go.  Beside us there is
 * an ideal instance that owns all other shards.  Jobs are put by both, into
 * shards of both: every job is given once, by the owner of its shard, and what
 * is in memory is never beyond what the store thinks is loaded.
 */
#include "config.h"

#include "sched/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MOST 6000
#define SHARDS 12

struct row {
    int64_t id, due_ms;
    job_pos pos;
    uint32_t shard;
    const struct app_name *app;
    bool live, given, wish; /* wish: the owner is to look at it */
};

struct world {
    struct window w;
    struct plan p;
    struct row rows[MOST];
    size_t n;
    int64_t now;
    struct shard_set owned;   /* ours, as the store has it */
    struct shard_set leaving; /* of these */
    job_pos loaded[SHARDS];   /* as the store has it */
    job_pos store_loaded;     /* the writer's */
    struct load_result res[PLAN_LANES];
    bool answered[PLAN_LANES];
    bool stuck; /* nobody takes what is due */
    size_t given, others;
    uint32_t tenure;
};

static const struct app_name *apps[2];

static struct job *job_of(const struct row *r)
{
    struct job_text t = {.payload = {"{}", 2}};
    struct job *j = job_new(r->app, &t);

    assert_non_null(j);
    j->id = r->id;
    j->pos = r->pos;
    j->due_ms = r->due_ms;
    j->shard = r->shard;
    return j;
}

static int by_pos(const void *a, const void *b)
{
    const struct row *const *x = a, *const *y = b;

    return (*x)->pos < (*y)->pos ? -1 : (*x)->pos > (*y)->pos;
}

static bool is_asked(const struct world *x, const struct load_request *q,
                     uint32_t shard)
{
    return shard_in(&x->owned, shard) &&
           (q->shards == NULL || shard_in(q->shards, shard));
}

/* What the store answers. */
static void execute(struct world *x, const struct load_request *q,
                    struct load_result *r)
{
    static struct row *sorted[MOST];
    size_t n = 0;

    list_init(&r->jobs);
    r->count = 0;
    r->reached = q->until - 1;
    for (size_t i = 0; i < x->n; i++)
        if (x->rows[i].live && is_asked(x, q, x->rows[i].shard) &&
            x->rows[i].pos > q->after && x->rows[i].pos < q->until)
            sorted[n++] = &x->rows[i];
    qsort(sorted, n, sizeof(sorted[0]), by_pos);
    for (size_t i = 0; i < n; i++) {
        if (q->app != NULL && sorted[i]->app != q->app)
            continue;
        if (r->count == q->cap) {
            r->reached = sorted[i]->pos - 1;
            break;
        }
        list_push(&r->jobs, &job_of(sorted[i])->link);
        r->count++;
    }
    for (uint32_t s = 0; s < SHARDS; s++)
        if (is_asked(x, q, s) && r->reached > x->loaded[s])
            x->loaded[s] = r->reached;
    if (q->shards == NULL && r->reached > x->store_loaded)
        x->store_loaded = r->reached;
}

static void read_answers(struct world *x)
{
    if (x->answered[PLAN_MAIN])
        plan_main_loaded(&x->p, &x->w, &x->res[PLAN_MAIN], x->now);
    if (x->answered[PLAN_BACKLOG])
        plan_backlog_loaded(&x->p, &x->w, &x->res[PLAN_BACKLOG], x->now);
    if (x->answered[PLAN_GAINED])
        plan_gained_loaded(&x->p, &x->w, &x->res[PLAN_GAINED], x->now);
    memset(x->answered, 0, sizeof(x->answered));
}

static void ask(struct world *x)
{
    struct load_request q;

    if (plan_main(&x->p, &x->w, x->now, &q)) {
        execute(x, &q, &x->res[PLAN_MAIN]);
        x->answered[PLAN_MAIN] = true;
    }
    if (plan_gained(&x->p, &x->w, &q)) {
        execute(x, &q, &x->res[PLAN_GAINED]);
        x->answered[PLAN_GAINED] = true;
    }
    if (plan_backlog(&x->p, &x->w, x->now, &q)) {
        execute(x, &q, &x->res[PLAN_BACKLOG]);
        x->answered[PLAN_BACKLOG] = true;
    }
}

/* ---- firing --------------------------------------------------------------------- */

static size_t room(void *arg, const struct app_name *app, enum lane lane,
                   enum job_priority prio)
{
    const struct world *x = arg;

    (void)app;
    (void)lane;
    (void)prio;
    return x->stuck ? 0 : 9;
}

static void give(void *arg, const struct app_name *app, enum lane lane,
                 enum job_priority prio, struct list *jobs, size_t n)
{
    struct world *x = arg;

    (void)app;
    (void)lane;
    (void)prio;
    for (struct list *e; (e = list_pop(jobs)) != NULL; n--) {
        struct job *j = list_of(e, struct job, link);
        struct row *r = &x->rows[j->id - 1];

        assert_true(r->live);
        assert_false(r->given);
        assert_true(x->now >= r->due_ms);
        assert_true(shard_in(&x->owned, r->shard)); /* the store says so too */
        assert_int_equal(j->tenure, x->tenure);
        r->given = true;
        x->given++;
        job_free(&j);
    }
    assert_int_equal(n, 0);
}

static void settle(struct world *x, unsigned percent)
{
    read_answers(x);
    for (size_t i = 0; i < x->n; i++) {
        struct row *r = &x->rows[i];
        struct hold *h;

        if (!r->given || (unsigned)(rand() % 100) >= percent)
            continue;
        r->given = r->live = false;
        h = window_find(&x->w, r->id);
        assert_non_null(h);
        window_drop(&x->w, &h);
    }
}

/* The other one is never late. */
static void other_fires(struct world *x)
{
    for (size_t i = 0; i < x->n; i++) {
        struct row *r = &x->rows[i];

        if (!r->live || shard_in(&x->owned, r->shard) || r->due_ms > x->now)
            continue;
        r->live = false;
        x->others++;
    }
}

static void work(struct world *x)
{
    window_expire(&x->w, x->now, 0);
    window_give(&x->w, &(struct window_taker){room, give, x});
    window_evict(&x->w);
    other_fires(x);
}

/* ---- putting ----------------------------------------------------------------------- */

static void put(struct world *x, int64_t due, bool by_us)
{
    struct row *r = &x->rows[x->n];
    int64_t fire = due > x->now ? due : x->now;

    assert_true(x->n < MOST);
    *r = (struct row){.id = (int64_t)++x->n,
                      .due_ms = due,
                      .app = apps[rand() % 2],
                      .shard = (uint32_t)rand() % SHARDS,
                      .live = true};
    r->pos = job_pos_at(fire) + r->id;
    if (!shard_in(&x->owned, r->shard))
        return;
    if (!by_us) {
        r->wish = r->pos <= x->loaded[r->shard];
        return;
    }
    if (r->pos > x->store_loaded)
        return;
    read_answers(x);
    plan_take(&x->p, &x->w, job_of(r), x->now);
}

/* `load` wishes of our shards: the row is read again and taken in. */
static void read_wishes(struct world *x)
{
    read_answers(x);
    for (size_t i = 0; i < x->n; i++) {
        struct row *r = &x->rows[i];

        if (!r->wish || !shard_in(&x->w.ours, r->shard))
            continue;
        r->wish = false;
        if (r->live && !r->given)
            plan_take(&x->p, &x->w, job_of(r), x->now);
    }
}

/* ---- shards -------------------------------------------------------------------------- */

static void gain(struct world *x)
{
    struct shard_set got = {{0}};

    for (uint32_t s = 0; s < SHARDS; s++) {
        if (shard_in(&x->owned, s) || rand() % 2 == 0)
            continue;
        shard_add(&got, s);
        shard_add(&x->owned, s);
        x->loaded[s] = x->store_loaded;
    }
    read_answers(x);
    plan_gain(&x->p, &x->w, &got, x->now);
}

static void leave(struct world *x)
{
    struct shard_set some = {{0}};

    for (uint32_t s = 0; s < SHARDS; s++)
        if (shard_in(&x->owned, s) && !shard_in(&x->leaving, s) &&
            rand() % 3 == 0) {
            shard_add(&some, s);
            shard_add(&x->leaving, s);
        }
    read_answers(x);
    plan_leave(&x->p, &x->w, &some);
}

static void release_clean(struct world *x)
{
    for (uint32_t s = 0; s < SHARDS; s++) {
        if (!shard_in(&x->leaving, s) || x->w.held_of[s] > 0)
            continue;
        shard_remove(&x->leaving, s);
        shard_remove(&x->owned, s);
        x->loaded[s] = 0;
    }
}

/* The slot is lost: nothing of what was given comes back, the other goes on. */
static void fall(struct world *x)
{
    read_answers(x);
    for (size_t i = 0; i < x->n; i++)
        x->rows[i].given = false;
    x->owned = x->leaving = (struct shard_set){{0}};
    memset(x->loaded, 0, sizeof(x->loaded));
    plan_clear(&x->p, &x->w, ++x->tenure);
}

/* ---- what has to hold ------------------------------------------------------------------ */

static void check(struct world *x)
{
    uint32_t held[SHARDS] = {0};
    size_t at = 0;

    for (struct hold *h; (h = idset_next(&x->w.ids, &at)) != NULL;) {
        held[h->shard]++;
        if (h->job == NULL)
            continue;
        assert_true(shard_in(&x->w.ours, h->shard));
        assert_true(x->answered[0] || x->answered[1] || x->answered[2] ||
                    h->job->pos <= x->loaded[h->shard]);
    }
    for (uint32_t s = 0; s < SHARDS; s++)
        assert_int_equal(x->w.held_of[s], held[s]);
    assert_true(x->w.ids.used <= x->w.set.jobs);
}

static void start(struct world *x, size_t window)
{
    struct window_settings set = {window, 1u << 30, 1000};

    memset(x, 0, sizeof(*x));
    apps[0] = app_name_s("plan_a");
    apps[1] = app_name_s("plan_b");
    x->now = 1700000000000;
    assert_int_equal(window_init(&x->w, &set, x->now), 0);
    plan_clear(&x->p, &x->w, 0);
    x->p.ahead_ms = 5000;
    for (size_t i = 0; i < 2; i++) {
        struct window_app *a = window_app(&x->w, apps[i]);

        plan_serve(&x->p, a);
        window_serve(&x->w, a, true);
    }
}

static void disturb(struct world *x)
{
    switch (rand() % 40) {
    case 0:
    case 1:
        gain(x);
        break;
    case 2:
        leave(x);
        break;
    case 3:
        if (rand() % 4 == 0)
            fall(x);
        break;
    case 4:
        x->stuck = !x->stuck;
        break;
    case 5:
        if (rand() % 4 == 0)
            x->now += 5000; /* a stall */
        break;
    default:
        break;
    }
}

static void step(struct world *x)
{
    if (rand() % 2 == 0)
        read_answers(x);
    if (rand() % 3 == 0)
        read_wishes(x);
    work(x);
    settle(x, 60);
    release_clean(x);
    ask(x);
    check(x);
}

static size_t live(const struct world *x)
{
    size_t n = 0;

    for (size_t i = 0; i < x->n; i++)
        n += x->rows[i].live;
    return n;
}

static void random_run(unsigned seed)
{
    static struct world x;

    srand(seed);
    start(&x, 40 + (size_t)(rand() % 200));
    while (x.n < MOST - 10) {
        x.now += rand() % 40;
        for (int i = rand() % 8; i > 0; i--)
            put(&x, x.now + rand() % 12000 - 1000, rand() % 2 == 0);
        disturb(&x);
        step(&x);
    }
    x.stuck = false;
    for (int i = 0; i < 20; i++)
        gain(&x); /* all that is not leaving */
    for (int i = 0; i < 4000 && live(&x) > 0; i++) {
        x.now += 50;
        step(&x);
    }
    assert_int_equal(live(&x), 0);
    assert_true(x.given > 0 && x.others > 0);
    read_answers(&x);
    window_done(&x.w);
}

static void shards_come_and_go_and_nothing_is_lost(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 40; seed++)
        random_run(seed);
}

/* A gained shard's jobs that are due soon do not wait for the backlog, nor for
 * room in a window that is full of what is due later. */
static void a_gained_shard_fires_at_once(void **state)
{
    static struct world x;

    (void)state;
    srand(1);
    start(&x, 100);
    shard_add(&x.owned, 0);
    plan_gain(&x.p, &x.w, &x.owned, x.now);
    for (int i = 0; i < 400; i++) {
        put(&x, x.now + 3000 + i, true);
        x.rows[i].shard = 0;
    }
    for (int i = 0; i < 5; i++) {
        ask(&x);
        read_answers(&x);
    }
    put(&x, x.now - 500, false); /* not overdue by much */
    x.rows[x.n - 1].shard = 1;
    shard_add(&x.owned, 1);
    x.loaded[1] = x.store_loaded;
    plan_gain(&x.p, &x.w, &(struct shard_set){{2}}, x.now);
    for (int i = 0; i < 5 && x.given == 0; i++) {
        ask(&x);
        read_answers(&x);
        work(&x);
    }
    assert_true(x.rows[x.n - 1].given);
    window_done(&x.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shards_come_and_go_and_nothing_is_lost),
        cmocka_unit_test(a_gained_shard_fires_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
