/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/case_ingest.c - a source topic full of jobs, due at random times over
 * a day, each with an idempotency key: how fast do they get into the store?
 */
#include "config.h"

#include "bench/cases.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bench/report.h"
#include "bench/stage.h"
#include "bench/usage.h"

#define PART 100000 /* the first and the last so many are looked at apart */

struct sample {
    double at_s;
    double stored;
};

struct watch { /* how the count grew */
    struct stage *stage;
    struct sample at[20000];
    size_t count;
    double want;
};

static int step(void *arg, struct err *err)
{
    struct watch *w = arg;
    double stored;
    int r = daemon_metric(&w->stage->daemon, STORED, &stored, err);

    if (r < 0)
        return r;
    if (stored > 0 && w->count < sizeof(w->at) / sizeof(w->at[0]))
        w->at[w->count++] =
            (struct sample){(double)clock_mono_ns() / 1e9, stored};
    return stored >= w->want;
}

/* When the count passed `stored`, between two samples. */
static double when(const struct watch *w, double stored)
{
    const struct sample *a, *z;
    size_t i = 0;

    while (i + 1 < w->count && w->at[i].stored < stored)
        i++;
    if (i == 0)
        return w->at[0].at_s;
    a = &w->at[i - 1];
    z = &w->at[i];
    return a->at_s +
           (z->at_s - a->at_s) * (stored - a->stored) / (z->stored - a->stored);
}

static double rate(const struct watch *w, double from, double to)
{
    double t = when(w, to) - when(w, from);

    return t > 0 ? (to - from) / t : 0;
}

static void report(const struct watch *w, const struct bench *b,
                   const struct bench_case *c)
{
    double from = w->at[0].stored, to = w->at[w->count - 1].stored, first, last;

    report_add_rate(b->report, c, "ingest_per_s", rate(w, from, to));
    if (to - from < 2 * PART)
        return;
    first = rate(w, from, from + PART);
    last = rate(w, to - PART, to);
    for (double at = from; at + PART <= to; at += PART)
        bench_say("from %7.0f: %8.0f 1/s", at, rate(w, at, at + PART));
    report_add(b->report, c, "first_100k_per_s", first, "1/s");
    report_add(b->report, c, "last_100k_per_s", last, "1/s");
    report_add(b->report, c, "last_to_first", last / first, "");
}

static int fill(struct stage *s, int64_t jobs, struct err *err)
{
    int64_t start = clock_wall_ms() + HOUR_MS;
    uint64_t random = 1;
    int r = 0;

    for (int64_t i = 0; i < jobs && r == 0; i++) {
        int64_t due = start + (int64_t)(bench_random(&random) % DAY_MS);

        r = feed_job(s->feed, i, due, err);
    }
    return r < 0 ? r : feed_flush(s->feed, err);
}

int case_ingest(struct bench *b, const struct bench_case *c, struct err *err)
{
    int64_t jobs = bench_jobs(b, c);
    struct watch *w = calloc(1, sizeof(*w));
    struct stage *s = NULL;
    struct meter m;
    int r = stage_open(b, c, &s, err);

    if (r < 0 || w == NULL)
        goto out;
    w->stage = s;
    w->want = (double)jobs;
    r = stage_fill_pending(s, jobs, err);
    if (r == 0)
        r = fill(s, jobs, err);
    if (r == 0)
        r = stage_start(s, NULL, err);
    if (r < 0)
        goto out;
    meter_start(&m, b, s->daemon.pid);
    r = bench_wait("all jobs are in the store", 30000 + jobs / 5, 10, step, w,
                   err);
    if (r == 0) {
        report(w, b, c);
        meter_stop(&m, b, c, jobs);
        stage_say_store(s);
        r = daemon_stop(&s->daemon, err);
    }
out:
    stage_close(&s, r < 0);
    free(w);
    return r;
}
