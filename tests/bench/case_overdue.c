/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/case_overdue.c - a start with many jobs overdue, while others are on
 * time: how fast do the former drain, and how late do the latter become?
 *
 * Numbers from 0 are on time (even: stored before, odd: produced meanwhile),
 * the overdue ones follow.  They get into the store by an ontimed whose app is
 * disabled.
 */
#include "config.h"

#include "bench/cases.h"

#include <errno.h>

#include "base/clock.h"
#include "bench/report.h"
#include "bench/stage.h"
#include "bench/tally.h"
#include "bench/usage.h"

#define AHEAD_MS 2500
#define SECONDS 15 /* of jobs on time */
#define RESTART_MS 3000

static const char *const parked[] = {"apps.sms_retry.enabled=false", NULL};

struct drain {
    struct stage *s;
    double overdue;
    int64_t first_ms, last_ms; /* wall; 0: not yet */
};

static int store_overdue(struct stage *s, struct tally *t, int64_t from,
                         struct err *err)
{
    int64_t now = clock_wall_ms(), jobs = t->count - from;
    uint64_t random = 4;
    int r = 0;

    for (int64_t i = from; i < t->count && r == 0; i++) {
        t->due[i] = now - 1000 - (int64_t)(bench_random(&random) % 600000);
        r = feed_job(s->feed, i, t->due[i], err);
    }
    if (r == 0)
        r = feed_flush(s->feed, err);
    if (r == 0)
        r = stage_wait_stored(s, jobs, 30000 + jobs / 5, err);
    return r;
}

static int store_on_time(struct stage *s, struct tally *t, int64_t on_time,
                         struct err *err)
{
    int64_t start = clock_wall_ms() + RESTART_MS;
    int r = 0;

    for (int64_t i = 0; i < on_time; i++)
        t->due[i] = start + i * 1000 / s->c->rate;
    for (int64_t i = 0; i < on_time && r == 0; i += 2)
        r = feed_job(s->feed, i, t->due[i], err);
    if (r == 0)
        r = feed_flush(s->feed, err);
    if (r == 0)
        r = stage_wait_stored(s, t->count - on_time + (on_time + 1) / 2, 10000,
                              err);
    return r;
}

static int watch(void *arg, struct err *err)
{
    struct drain *d = arg;
    double finished;
    int r = daemon_metric(&d->s->daemon, FINISHED, &finished, err);

    if (r < 0)
        return r;
    if (d->first_ms == 0 && finished > 0)
        d->first_ms = clock_wall_ms();
    if (d->last_ms == 0 && finished >= d->overdue)
        d->last_ms = clock_wall_ms();
    return d->last_ms != 0;
}

static int fire(struct stage *s, struct tally *t, int64_t on_time,
                struct err *err)
{
    struct drain d = {.s = s, .overdue = (double)(t->count - on_time)};
    struct pace p = {
        .due = t->due,
        .first = 1,
        .end = on_time,
        .step = 2,
        .ahead_ms = AHEAD_MS,
        .between = watch,
        .arg = &d,
    };
    struct meter m;
    int r;

    meter_start(&m, s->bench, s->daemon.pid);
    r = feed_pace(s->feed, &p, err);
    if (r == 0)
        r = bench_wait("the overdue have drained", 60000, 20, watch, &d, err);
    if (r == 0)
        r = daemon_wait_metric(&s->daemon, FINISHED, (double)t->count, 20000,
                               err);
    if (r < 0)
        return r;
    meter_stop(&m, s->bench, s->c, t->count);
    stage_say_store(s);
    report_add_rate(s->bench->report, s->c, "finished_per_s",
                    d.overdue * 1e3 / (double)(d.last_ms - d.first_ms + 1));
    return 0;
}

static int look(struct stage *s, struct tally *t, int64_t on_time,
                struct err *err)
{
    struct tally_range range = {.from = on_time, .end = t->count};
    struct tally_view overdue, all, during;
    int r = tally_read(t, s->bench, s->target, err);

    if (r == 0)
        r = tally_look(t, &range, &overdue, err);
    /* What happened after the drain says nothing about it. */
    range = (struct tally_range){.end = on_time,
                                 .due_after = overdue.first_ms,
                                 .due_before = overdue.last_ms};
    if (r == 0)
        r = tally_look(t, &range, &during, err);
    if (r == 0)
        r = tally_look(t, &(struct tally_range){.end = t->count}, &all, err);
    if (r < 0)
        return r;
    report_add_rate(s->bench->report, s->c, "drained_per_s",
                    (double)(overdue.jobs - overdue.lost) * 1e3 /
                        (double)(overdue.last_ms - overdue.first_ms + 1));
    report_add(s->bench->report, s->c, "on_time_meanwhile", (double)during.jobs,
               "jobs");
    if (during.jobs == 0)
        return err_set(err, -EIO,
                       "no job was on time while the overdue drained");
    tally_say_halves(t, &range);
    tally_report_lateness(&during, s->bench, s->c);
    return tally_verdict(&all, t, s->bench, s->c, false, err);
}

int case_overdue(struct bench *b, const struct bench_case *c, struct err *err)
{
    int64_t jobs = bench_jobs(b, c), on_time = c->rate * SECONDS;
    struct tally t = {.count = 0};
    struct stage *s = NULL;
    int r = stage_open(b, c, &s, err);

    if (r == 0)
        r = tally_open(&t, on_time + jobs, err);
    if (r == 0)
        r = stage_start(s, parked, err);
    if (r == 0)
        r = store_overdue(s, &t, on_time, err);
    if (r == 0)
        r = store_on_time(s, &t, on_time, err);
    if (r == 0)
        r = daemon_stop(&s->daemon, err);
    if (r == 0)
        r = stage_start(s, NULL, err);
    if (r == 0)
        r = fire(s, &t, on_time, err);
    if (r == 0)
        r = look(s, &t, on_time, err);
    if (r == 0)
        r = daemon_stop(&s->daemon, err);
    stage_close(&s, r < 0);
    tally_close(&t);
    return r;
}
