/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/case_steady.c - so many jobs a second, evenly; the even numbers are in
 * the store before, the odd ones come in while the others fire.
 */
#include "config.h"

#include "bench/cases.h"

#include "base/clock.h"
#include "bench/report.h"
#include "bench/stage.h"
#include "bench/tally.h"
#include "bench/usage.h"
#include "bench/witness.h"

#include <string.h>

#define AHEAD_MS 2500 /* the odd ones are produced so long before */

static int first_half(struct stage *s, struct tally *t, int64_t start,
                      struct err *err)
{
    int r = 0;

    for (int64_t i = 0; i < t->count; i++)
        t->due[i] = start + i * 1000 / s->c->rate;
    for (int64_t i = 0; i < t->count && r == 0; i += 2)
        r = feed_job(s->feed, i, t->due[i], err);
    if (r == 0)
        r = feed_flush(s->feed, err);
    if (r == 0)
        r = stage_wait_stored(s, (t->count + 1) / 2,
                              start - AHEAD_MS - clock_wall_ms(), err);
    return r;
}

static int look(struct stage *s, struct tally *t, struct err *err)
{
    struct tally_view v;
    int r = tally_read(t, s->bench, s->target, err);

    if (r == 0)
        r = tally_look(t, &(struct tally_range){.end = t->count}, &v, err);
    if (r < 0)
        return r;
    tally_say_halves(t, &(struct tally_range){.end = t->count});
    tally_report_lateness(&v, s->bench, s->c);
    return tally_verdict(&v, t, s->bench, s->c, false, err);
}

static int fire(struct stage *s, struct tally *t, struct err *err)
{
    struct pace p = {
        .due = t->due,
        .first = 1,
        .end = t->count,
        .step = 2,
        .ahead_ms = AHEAD_MS,
    };
    struct meter m;
    int r;

    meter_start(&m, s->bench, s->daemon.pid);
    r = feed_pace(s->feed, &p, err);
    if (r == 0)
        r = daemon_wait_metric(&s->daemon, FINISHED, (double)t->count, 15000,
                               err);
    if (r < 0)
        return r;
    meter_stop(&m, s->bench, s->c, t->count);
    stage_say_store(s);
    return 0;
}

/* What is sent in transactions is also watched, as it becomes visible. */
static bool is_watched(const struct bench_case *c)
{
    return strcmp(c->delivery, "exactly_once") == 0;
}

int case_steady(struct bench *b, const struct bench_case *c, struct err *err)
{
    int64_t jobs = bench_jobs(b, c), start;
    struct tally t = {.count = 0};
    struct witness *w = NULL;
    struct stage *s = NULL;
    int r = stage_open(b, c, &s, err);

    if (r == 0)
        r = tally_open(&t, jobs, err);
    if (r == 0 && is_watched(c))
        r = witness_start(b, s->target, jobs, &w, err);
    if (r == 0)
        r = stage_start(s, NULL, err);
    if (r < 0)
        goto out;
    start = clock_wall_ms() + AHEAD_MS + 3000 + jobs / 50;
    r = first_half(s, &t, start, err);
    if (r == 0)
        r = fire(s, &t, err);
    if (r == 0)
        r = look(s, &t, err);
    if (r == 0 && w != NULL)
        r = witness_report(w, t.due, b, c, err);
    if (r == 0)
        r = daemon_stop(&s->daemon, err);
out:
    witness_stop(&w);
    stage_close(&s, r < 0);
    tally_close(&t);
    return r;
}
