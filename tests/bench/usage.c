/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/usage.c - readings of /proc; see usage.h.
 */
#include "config.h"

#include "bench/usage.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
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

/* User and system time in a stat file; name (of 16 bytes) may be NULL. */
static double read_stat(const char *path, char *name)
{
    char text[1024], *p, *open;
    uint64_t user, sys;

    if (!read_file(path, text, sizeof(text)))
        return 0;
    p = strrchr(text, ')'); /* what follows the name has no blanks inside */
    open = strchr(text, '(');
    if (p != NULL && open != NULL && name != NULL)
        (void)snprintf(name, 16, "%.*s", (int)(p - open - 1), open + 1);
    if (p == NULL || sscanf(p + 1,
                            " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u"
                            " %" SCNu64 " %" SCNu64,
                            &user, &sys) != 2)
        return 0;
    return ticks(user + sys);
}

double usage_cpu_s(pid_t pid)
{
    char path[64];

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    return pid > 0 ? read_stat(path, NULL) : 0;
}

static void read_threads(struct meter *m)
{
    char path[320];
    struct dirent *e;
    DIR *dir;

    m->thread_count = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/task", (int)m->pid);
    dir = m->pid > 0 ? opendir(path) : NULL;
    if (dir == NULL)
        return;
    while ((e = readdir(dir)) != NULL && m->thread_count < METER_THREADS) {
        struct thread_usage *t = &m->threads[m->thread_count];

        if (e->d_name[0] == '.')
            continue;
        *t = (struct thread_usage){.tid = (int)strtol(e->d_name, NULL, 10)};
        (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", (int)m->pid,
                       t->tid);
        t->cpu_s = read_stat(path, t->name);
        m->thread_count++;
    }
    (void)closedir(dir);
}

/* Threads of one name are told as one; those below a percent are left out. */
static void say_threads(const struct meter *a, struct meter *z, double n)
{
    char text[400] = "";
    size_t len = 0;

    for (size_t i = 0; i < z->thread_count; i++) {
        struct thread_usage *t = &z->threads[i];
        double sum = 0;

        for (size_t k = i; k < z->thread_count; k++)
            if (strcmp(z->threads[k].name, t->name) == 0) {
                sum += z->threads[k].cpu_s;
                z->threads[k].cpu_s = 0;
            }
        for (size_t k = 0; k < a->thread_count; k++)
            if (sum > 0 && strcmp(a->threads[k].name, t->name) == 0)
                sum -= a->threads[k].cpu_s;
        if (sum * 100 > z->ontimed - a->ontimed && len < sizeof(text))
            len += (size_t)snprintf(text + len, sizeof(text) - len, " %s %.2f",
                                    t->name, sum * 1e6 / n);
    }
    if (len > 0)
        bench_say("threads, us per job:%s", text);
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

/* What all CPUs together have worked, or were not given (a virtual machine's
 * steal), which is other people's work too. */
static double machine_busy_s(void)
{
    char text[1024];
    uint64_t user, nice, sys, idle, wait, irq, soft, steal;

    if (!read_file("/proc/stat", text, sizeof(text)) ||
        sscanf(text,
               "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
               " %" SCNu64 " %" SCNu64 " %" SCNu64,
               &user, &nice, &sys, &idle, &wait, &irq, &soft, &steal) != 8)
        return 0;
    return ticks(user + nice + sys + irq + soft + steal);
}

void meter_start(struct meter *m, const struct bench *b, pid_t ontimed)
{
    m->pid = ontimed;
    m->wall = (double)clock_mono_ns() / 1e9;
    m->ontimed = usage_cpu_s(ontimed);
    m->broker = usage_cpu_s(b->broker);
    m->self = usage_cpu_s(getpid());
    m->machine = machine_busy_s();
    read_threads(m);
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
    say_threads(m, &now, n);
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
