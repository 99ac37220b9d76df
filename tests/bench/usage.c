/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/usage.c - readings of /proc; see usage.h.
 */
#include "config.h"

#include "bench/usage.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/report.h"

static double ticks(uint64_t n)
{
    return (double)n / (double)sysconf(_SC_CLK_TCK);
}

static bool read_file(const char *path, char *out, size_t size)
{
    FILE *f = fopen(path, "r");
    size_t n;

    if (f == NULL)
        return false;
    n = fread(out, 1, size - 1, f);
    (void)fclose(f);
    out[n] = '\0';
    return n > 0;
}

double usage_cpu_s(pid_t pid)
{
    char path[64], text[1024], *p;
    uint64_t user, sys;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (pid <= 0 || !read_file(path, text, sizeof(text)))
        return 0;
    p = strrchr(text, ')'); /* what follows the name has no blanks inside */
    if (p == NULL || sscanf(p + 1,
                            " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u"
                            " %" SCNu64 " %" SCNu64,
                            &user, &sys) != 2)
        return 0;
    return ticks(user + sys);
}

double usage_rss_anon_mb(pid_t pid)
{
    char path[64], text[4096], *p;
    uint64_t kb;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    if (pid <= 0 || !read_file(path, text, sizeof(text)))
        return 0;
    p = strstr(text, "\nRssAnon:");
    if (p == NULL || sscanf(p + 9, "%" SCNu64, &kb) != 1)
        return 0;
    return (double)kb / 1024;
}

/* What all CPUs together have worked. */
static double machine_busy_s(void)
{
    char text[1024];
    uint64_t user, nice, sys, idle, wait, irq, soft;

    if (!read_file("/proc/stat", text, sizeof(text)) ||
        sscanf(text,
               "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
               " %" SCNu64 " %" SCNu64,
               &user, &nice, &sys, &idle, &wait, &irq, &soft) != 7)
        return 0;
    return ticks(user + nice + sys + irq + soft);
}

void meter_start(struct meter *m, const struct bench *b, pid_t ontimed)
{
    m->pid = ontimed;
    m->wall = (double)clock_mono_ns() / 1e9;
    m->ontimed = usage_cpu_s(ontimed);
    m->broker = usage_cpu_s(b->broker);
    m->self = usage_cpu_s(getpid());
    m->machine = machine_busy_s();
}

void meter_stop(struct meter *m, const struct bench *b,
                const struct bench_case *c, int64_t jobs)
{
    struct meter now;
    double ours, others, n = (double)(jobs > 0 ? jobs : 1);

    meter_start(&now, b, m->pid);
    ours = (now.ontimed - m->ontimed) + (now.broker - m->broker) +
           (now.self - m->self);
    others = (now.machine - m->machine) - ours;
    if (m->pid > 0)
        report_add(b->report, c, "cpu_us_per_job",
                   (now.ontimed - m->ontimed) * 1e6 / n, "us");
    if (b->broker > 0)
        report_add(b->report, c, "broker_cpu_us_per_job",
                   (now.broker - m->broker) * 1e6 / n, "us");
    if (b->broker > 0)
        report_add(b->report, c, "cpus_of_others",
                   others > 0 ? others / (now.wall - m->wall) : 0, "cpus");
}
