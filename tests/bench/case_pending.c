/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/case_pending.c - memory with many jobs that are due in more than an
 * hour; then kill -9, and how soon after the start a job fires on time.
 *
 * For that some more jobs are due every 20 ms around the restart (the ladder,
 * numbers from 0; the pending ones follow).
 */
#include "config.h"

#include "bench/cases.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "bench/report.h"
#include "bench/stage.h"
#include "bench/tally.h"
#include "bench/usage.h"

#define RUNGS 600
#define RUNG_MS 20
#define ON_TIME_MS 20
#define STABLE_MS 10000
#define SETTLE_MS 45000

/* Until it has stayed within 1 MB or 3 % for STABLE_MS. */
struct settling {
    pid_t pid;
    double low, high, last;
    int64_t since_ms;
};

static int is_settled(void *arg, struct err *err)
{
    struct settling *s = arg;
    int64_t now = clock_boot_ms();

    (void)err;
    s->last = usage_rss_anon_mb(s->pid);
    s->low = s->last < s->low ? s->last : s->low;
    s->high = s->last > s->high ? s->last : s->high;
    if (s->since_ms == 0 || (s->high > s->low * 1.03 && s->high > s->low + 1)) {
        s->low = s->high = s->last;
        s->since_ms = now;
    }
    return now - s->since_ms >= STABLE_MS;
}

static int measure(struct stage *s, const char *metric, struct err *err)
{
    struct settling g = {.pid = s->daemon.pid};
    int r = bench_wait("the memory has settled", SETTLE_MS, 250, is_settled, &g,
                       err);

    /* Memory that goes up and down counts with its highest. */
    if (r == 0 || r == -ETIMEDOUT)
        report_add(s->bench->report, s->c, metric, g.high, "MB");
    return r == -ETIMEDOUT ? 0 : r;
}

static int fill(struct stage *s, int64_t jobs, struct err *err)
{
    int64_t start = clock_wall_ms() + HOUR_MS + 600000;
    uint64_t random = 3;
    int r = 0;

    for (int64_t i = 0; i < jobs && r == 0; i++)
        r = feed_job(s->feed, RUNGS + i,
                     start + (int64_t)(bench_random(&random) % DAY_MS), err);
    if (r == 0)
        r = feed_flush(s->feed, err);
    if (r == 0)
        r = stage_wait_stored(s, jobs, 30000 + jobs / 5, err);
    return r;
}

/* Puts the ladder up, waits until it has begun, kills. */
static int break_off(struct stage *s, struct tally *t, int64_t jobs,
                     struct err *err)
{
    int64_t start = clock_wall_ms() + 2000;
    int r = 0;

    for (int64_t i = 0; i < RUNGS && r == 0; i++) {
        t->due[i] = start + i * RUNG_MS;
        r = feed_job(s->feed, i, t->due[i], err);
    }
    if (r == 0)
        r = feed_flush(s->feed, err);
    if (r == 0)
        r = stage_wait_stored(s, jobs + RUNGS, 10000, err);
    if (r < 0)
        return r;
    bench_pause(t->due[50] - clock_wall_ms());
    daemon_kill(&s->daemon);
    return 0;
}

static void report_first(struct stage *s, const struct tally *t)
{
    int64_t exec = s->daemon.exec_wall_ms, first = 0, on_time = 0;

    for (int64_t i = 0; i < RUNGS; i++) {
        int64_t seen = t->seen[i];

        if (seen < exec)
            continue;
        if (first == 0 || seen < first)
            first = seen;
        if (t->due[i] >= exec && seen - t->due[i] < ON_TIME_MS &&
            (on_time == 0 || seen < on_time))
            on_time = seen;
    }
    report_add(s->bench->report, s->c, "first_fire", (double)(first - exec),
               "ms");
    report_add(s->bench->report, s->c, "first_on_time",
               on_time > 0 ? (double)(on_time - exec) : 1e6, "ms");
}

struct emptied {
    struct stage *s;
    double pending;
};

static int ladder_gone(void *arg, struct err *err)
{
    struct emptied *e = arg;
    double now;
    int r = daemon_metric(&e->s->daemon, PENDING, &now, err);

    return r < 0 ? r : now == e->pending;
}

static int restart(struct stage *s, struct tally *t, int64_t jobs,
                   struct err *err)
{
    struct emptied e = {s, (double)jobs};
    struct tally_view v;
    int r = break_off(s, t, jobs, err);

    if (r == 0)
        r = stage_start(s, NULL, err);
    if (r < 0)
        return r;
    bench_say("%-26s %14.2f ms", "ready",
              (double)(clock_wall_ms() - s->daemon.exec_wall_ms));
    bench_pause(t->due[RUNGS - 1] - clock_wall_ms());
    r = bench_wait("all due jobs have ended after the restart", 20000, 100,
                   ladder_gone, &e, err);
    if (r == 0)
        r = tally_read(t, s->bench, s->target, err);
    if (r == 0)
        r = tally_look(t, &(struct tally_range){.end = RUNGS}, &v, err);
    if (r < 0)
        return r;
    report_first(s, t);
    return tally_verdict(&v, t, s->bench, s->c,
                         strcmp(s->c->delivery, "exactly_once") != 0, err);
}

int case_pending(struct bench *b, const struct bench_case *c, struct err *err)
{
    int64_t jobs = bench_jobs(b, c);
    struct tally t = {.count = 0};
    struct stage *s = NULL;
    int r = stage_open(b, c, &s, err);

    if (r == 0)
        r = tally_open(&t, RUNGS, err);
    if (r == 0)
        r = stage_start(s, NULL, err);
    if (r < 0)
        goto out;
    r = fill(s, jobs, err);
    if (r == 0)
        r = measure(s, "rss_anon", err);
    if (r == 0)
        r = restart(s, &t, jobs, err);
    if (r == 0)
        r = measure(s, "rss_anon_restarted", err);
    if (r == 0)
        r = daemon_stop(&s->daemon, err);
out:
    stage_close(&s, r < 0);
    tally_close(&t);
    return r;
}
