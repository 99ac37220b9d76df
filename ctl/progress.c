/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/progress.c - see progress.h.
 */
#include "config.h"

#include "progress.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "print.h"

#define SHOW_MS 250

static volatile sig_atomic_t interrupted;
static struct sigaction was_int, was_term;

static void interrupt(int sig)
{
    (void)sig;
    interrupted = 1;
}

void progress_begin(struct progress *p, FILE *f)
{
    struct sigaction sa = {.sa_handler = interrupt};

    *p = (struct progress){.f = f};
    interrupted = 0;
    (void)sigemptyset(&sa.sa_mask);
    (void)sigaction(SIGINT, &sa, &was_int);
    (void)sigaction(SIGTERM, &sa, &was_term);
}

void progress_end(struct progress *p)
{
    if (p->shown)
        (void)fputs("\r\033[K", p->f);
    (void)fflush(p->f);
    p->shown = false;
    (void)sigaction(SIGINT, &was_int, NULL);
    (void)sigaction(SIGTERM, &was_term, NULL);
}

void progress_bytes(uint64_t n, char out[PROGRESS_SIZE])
{
    static const char units[][3] = {"B", "kB", "MB", "GB", "TB"};
    double v = (double)n;
    size_t u = 0;

    while (v >= 1000 && u + 1 < sizeof(units) / sizeof(units[0])) {
        v /= 1000;
        u++;
    }
    (void)snprintf(out, PROGRESS_SIZE, u == 0 ? "%.0f %s" : "%.1f %s", v,
                   units[u]);
}

static void amount(uint64_t n, bool bytes, char out[PROGRESS_SIZE])
{
    if (bytes)
        progress_bytes(n, out);
    else
        (void)snprintf(out, PROGRESS_SIZE, "%" PRIu64, n);
}

void progress_line(const struct progress *p, const struct move_progress *at,
                   int64_t now_ms, char out[PROGRESS_LINE])
{
    char done[PROGRESS_SIZE], total[PROGRESS_SIZE], rate[PROGRESS_SIZE];
    char left[PRINT_TIME];
    int64_t ms = now_ms - p->began_ms;
    uint64_t fresh = at->done - p->began_at, speed;
    int n;

    amount(at->done, at->bytes, done);
    n = snprintf(out, PROGRESS_LINE, "%s %s", at->what, done);
    if (at->total > 0) {
        amount(at->total, at->bytes, total);
        n += snprintf(out + n, (size_t)(PROGRESS_LINE - n), " of %s (%d%%)",
                      total, (int)(at->done * 100 / at->total));
    }
    if (ms < 500 || fresh == 0)
        return;
    speed = fresh * 1000 / (uint64_t)ms;
    amount(speed, at->bytes, rate);
    n += snprintf(out + n, (size_t)(PROGRESS_LINE - n), ", %s/s", rate);
    if (at->total <= at->done || speed == 0)
        return;
    print_duration((int64_t)((at->total - at->done) * 1000 / speed), left);
    (void)snprintf(out + n, (size_t)(PROGRESS_LINE - n), ", %s left", left);
}

bool progress_tell(void *arg, const struct move_progress *at)
{
    int64_t now = clock_boot_ms();
    struct progress *p = arg;
    char line[PROGRESS_LINE];

    if (p->what == NULL || strcmp(p->what, at->what) != 0) {
        p->what = at->what;
        p->began_ms = now;
        p->began_at = at->done;
        p->last_ms = 0;
    }
    if (isatty(fileno(p->f)) == 1 && now - p->last_ms >= SHOW_MS) {
        progress_line(p, at, now, line);
        (void)fprintf(p->f, "\r%s\033[K", line);
        (void)fflush(p->f);
        p->shown = true;
        p->last_ms = now;
    }
    return interrupted == 0;
}
