/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/case_burst.c - many jobs due within one second, and a window that
 * holds a part of them.
 */
#include "config.h"

#include "bench/cases.h"

#include "base/clock.h"
#include "bench/report.h"
#include "bench/stage.h"
#include "bench/tally.h"
#include "bench/usage.h"
#include "bench/weigh.h"

#include <string.h>

static const char *const window[] = {"sched.window_jobs=100000", NULL};

static int fill(struct stage *s, struct tally *t, int64_t start,
                struct err *err)
{
    uint64_t random = 2;
    int r = 0;

    for (int64_t i = 0; i < t->count && r == 0; i++) {
        t->due[i] = start + (int64_t)(bench_random(&random) % 1000);
        r = feed_job(s->feed, i, t->due[i], err);
    }
    return r < 0 ? r : feed_flush(s->feed, err);
}

/* All in the store, and the time come. */
static int gather(struct stage *s, struct tally *t, int64_t start,
                  struct err *err)
{
    int r = fill(s, t, start, err);

    if (r == 0)
        r = stage_wait_stored(s, t->count, start - clock_wall_ms(), err);
    if (r < 0)
        return err_wrap(err, "the jobs are not stored before they are due");
    bench_pause(start - clock_wall_ms());
    return 0;
}

/* To what is like it but for one thing. */
static void compare(struct stage *s, const char *name, const char *delivery,
                    const char *metric, double value)
{
    double other = report_find(s->bench->report, name, s->c->store, delivery,
                               "finished_per_s");

    if (other > 0)
        report_add(s->bench->report, s->c, metric, value / other, "");
}

/* What the ledger adds to the bytes of the records. */
static int report_ledger(struct stage *s, struct err *err)
{
    struct weight ledger, target;
    int r = weigh_topic(s->bench, s->ledger, &ledger, err);

    if (r == 0)
        r = weigh_topic(s->bench, s->target, &target, err);
    if (r < 0 || ledger.records == 0)
        return r;
    report_add(s->bench->report, s->c, "ledger_bytes_per_job",
               (double)ledger.bytes / (double)target.records, "B");
    report_add(s->bench->report, s->c, "ledger_share",
               (double)ledger.bytes / (double)target.bytes, "");
    return 0;
}

static int report_more(struct stage *s, double finished_per_s, struct err *err)
{
    if (s->c->instances > 1)
        compare(s, "burst", s->c->delivery, "of_one", finished_per_s);
    if (strcmp(s->c->delivery, "exactly_once") != 0)
        return 0;
    compare(s, s->c->name, "at_least_once", "of_at_least_once", finished_per_s);
    return report_ledger(s, err);
}

static int fire(struct stage *s, struct tally *t, int64_t start,
                struct err *err)
{
    const struct bench_case *c = s->c;
    struct bench *b = s->bench;
    struct tally_view v;
    struct meter m;
    double took_ms;
    int r;

    meter_start(&m, b, s->daemon.pid);
    r = stage_wait_metric(s, FINISHED, (double)t->count, 30000 + t->count / 5,
                          err);
    if (r < 0)
        return r;
    took_ms = (double)(clock_wall_ms() - start);
    meter_stop(&m, b, c, t->count);
    stage_say_store(s);
    r = tally_read(t, b, s->target, err);
    if (r == 0)
        r = tally_look(t, &(struct tally_range){.end = t->count}, &v, err);
    if (r < 0)
        return r;
    report_add_rate(b->report, c, "appended_per_s",
                    (double)(v.jobs - v.lost) * 1e3 /
                        (double)(v.last_ms - v.first_ms + 1));
    report_add_rate(b->report, c, "finished_per_s",
                    (double)t->count * 1e3 / took_ms);
    report_add(b->report, c, "lateness_max", (double)v.max, "ms");
    r = report_more(s, (double)t->count * 1e3 / took_ms, err);
    if (r < 0)
        return r;
    return tally_verdict(&v, t, b, c, false, err);
}

int case_burst(struct bench *b, const struct bench_case *c, struct err *err)
{
    int64_t jobs = bench_jobs(b, c), start;
    struct tally t = {.count = 0};
    struct stage *s = NULL;
    int r = stage_open(b, c, &s, err);

    if (r == 0)
        r = tally_open(&t, jobs, err);
    if (r == 0)
        r = stage_fill_pending(s, jobs, err);
    if (r == 0)
        r = stage_start(s, window, err);
    if (r < 0)
        goto out;
    start = clock_wall_ms() + 8000 + jobs / 30;
    r = gather(s, &t, start, err);
    if (r == 0)
        r = fire(s, &t, start, err);
    if (r == 0)
        r = stage_stop(s, err);
out:
    stage_close(&s, r < 0);
    tally_close(&t);
    return r;
}
