/* SPDX-License-Identifier: Apache-2.0
 *
 * app/upkeep.c - what has to be done now and then: old rows, counts, memory.
 * Control thread.
 */
#include "config.h"

#include "app/house.h"

#include "base/clock.h"
#include "base/log.h"
#include "metrics/metrics.h"

#include <malloc.h>
#include <stdlib.h>

#define PRUNE_ROWS 5000   /* in one step: some ms of the writer's time */
#define PRUNE_MS 2000     /* between looks */
#define PRUNE_MORE_MS 200 /* when the last one found something */
#define COUNT_MS 2000
#define TRIM_MS 10000
#define APPS_MOST 4096

struct prune {
    struct writer_request request;
    struct house *h;
};

static void pruned(struct writer_request *r, int result, const struct err *err)
{
    struct prune *p = list_of(r, struct prune, request);

    if (result < 0 && result != -ECANCELED && result != -EPIPE &&
        result != -ESTALE) /* we hold no slot right now */
        log_warn("app", LOG_EVENT("prune_failed"), LOG_ERR(err));
    atomic_store(&p->h->prune_more, result > 0);
    atomic_store(&p->h->prune_done, true);
    free(p);
}

static void prune(struct house *h)
{
    struct prune *p;

    if (h->pruning && !atomic_exchange(&h->prune_done, false))
        return; /* the last one is still under way */
    p = calloc(1, sizeof(*p));
    if (p == NULL)
        return;
    p->h = h;
    p->request = (struct writer_request){
        .kind = WRITE_PRUNE,
        .prune = {.now_ms = clock_wall_ms(), .rows = PRUNE_ROWS},
        .done = pruned,
    };
    h->pruning = true;
    if (writer_submit(h->writer, &p->request) < 0) {
        h->pruning = false;
        free(p);
    }
}

static void count_jobs(struct house *h)
{
    struct store_count *c = calloc(APPS_MOST, sizeof(*c));
    int64_t pending = 0, succeeded = 0, dead = 0, canceled = 0;
    int n = c == NULL ? 0 : store_counts(h->reader, c, APPS_MOST, NULL);

    for (int i = 0; i < n; i++) {
        pending += c[i].pending;
        succeeded += c[i].succeeded;
        dead += c[i].dead;
        canceled += c[i].canceled;
    }
    free(c);
    if (n < 0)
        return;
    metric_set(metric_series("ontime_jobs", "PENDING"), pending);
    metric_set(metric_series("ontime_jobs", "SUCCESS"), succeeded);
    metric_set(metric_series("ontime_jobs", "DEAD"), dead);
    metric_set(metric_series("ontime_jobs", "CANCELED"), canceled);
    metric_set(metric_series("ontime_idempotency_keys", NULL),
               store_remembered(h->store));
}

/* Sources stop when the clock is found wrong, and start again afterwards. */
static void follow_clock(struct house *h)
{
    static bool was; /* one house, one thread */
    struct err err;

    if (h->seat == NULL || seat_skewed(h->seat) == was ||
        !atomic_load(&h->connected))
        return;
    was = !was;
    if (sources_follow(h, h->conf, &err) < 0)
        log_warn("app", LOG_EVENT("sources_not_started"), LOG_ERR(&err));
}

/* True once in every_ms. */
static bool due(int64_t *last, int64_t now, int64_t every_ms)
{
    if (now - *last < every_ms)
        return false;
    *last = now;
    return true;
}

void upkeep(struct house *h, int64_t now)
{
    static int64_t pruned_at, counted_at,
        trimmed_at; /* one house, one thread */

    retire_step(h);
    follow_clock(h);
    seating_step(h);
    notify_watchdog();
    if (atomic_exchange(&h->serve_again, false) &&
        serve_apps(h, h->registry) < 0)
        log_error("app", LOG_EVENT("serve_apps_failed"));
    if (due(&pruned_at, now,
            atomic_load(&h->prune_more) ? PRUNE_MORE_MS : PRUNE_MS))
        prune(h);
    if (due(&counted_at, now, COUNT_MS))
        count_jobs(h);
    if (due(&trimmed_at, now, TRIM_MS))
        (void)malloc_trim(0); /* what a burst took goes back to the system */
}
