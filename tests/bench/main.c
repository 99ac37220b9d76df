/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/main.c - ontime-bench: ontimed against a real broker, in one run, with
 * a bare producer as the baseline.
 *
 *     ontime-bench --bootstrap HOST:PORT --ontimed FILE --plugins DIR
 *         [--out bench.json] [--cases a,b] [--quick] [--set path=value]...
 *         [--keep] [--store URL --store-tool FILE]
 *
 * docs/benchmarks.md says what the cases do and what the figures mean.  The
 * status is 1 when a case could not be done, or a job was lost, doubled or
 * early; a goal that is not reached is only shown.
 */
#include "config.h"

#include "bench/bench.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/cases.h"
#include "bench/report.h"

/* The baseline is run three times between the others: the first line stands
 * for all of them.  A case for another store or delivery is another line. */
static const struct bench_case cases[] = {
    {"raw", "-", "-", case_raw, 2000000, 500000, 0, 0, 1, false},
    {"ingest", "sqlite", "at_least_once", case_ingest, 1000000, 200000, 0, 0, 1,
     false},
    {"burst", "sqlite", "at_least_once", case_burst, 500000, 300000, 0, 0, 1,
     false},
    {"steady_1k", "sqlite", "at_least_once", case_steady, 20000, 5000, 1000, 0,
     1, false},
    {"steady_10k", "sqlite", "at_least_once", case_steady, 200000, 50000, 10000,
     0, 1, false},
    {"pending", "sqlite", "at_least_once", case_pending, 1000000, 200000, 0, 0,
     1, false},
    {"overdue", "sqlite", "at_least_once", case_overdue, 1000000, 600000, 1000,
     0, 1, false},
    {"burst", "sqlite", "exactly_once", case_burst, 500000, 300000, 0, 0, 1,
     false},
    {"steady_1k", "sqlite", "exactly_once", case_steady, 20000, 5000, 1000, 0,
     1, false},
    {"steady_10k", "sqlite", "exactly_once", case_steady, 200000, 50000, 10000,
     0, 1, false},
    {"restart", "sqlite", "exactly_once", case_pending, 100000, 20000, 0, 0, 1,
     false},
    /* --store mysql://...; firing_10m and ingest_10m take an hour. */
    {"ingest", "mysql", "at_least_once", case_ingest, 1000000, 200000, 0, 0, 1,
     false},
    {"ingest_1m", "mysql", "at_least_once", case_ingest, 500000, 100000, 0,
     1000000, 1, false},
    {"burst", "mysql", "at_least_once", case_burst, 500000, 100000, 0, 0, 1,
     false},
    {"two", "mysql", "at_least_once", case_burst, 500000, 100000, 0, 0, 2,
     false},
    {"burst", "mysql", "exactly_once", case_burst, 500000, 100000, 0, 0, 1,
     false},
    {"firing_1m", "mysql", "at_least_once", case_burst, 500000, 100000, 0,
     1000000, 1, false},
    {"steady_1k", "mysql", "at_least_once", case_steady, 20000, 5000, 1000, 0,
     1, false},
    {"steady_1k", "mysql", "exactly_once", case_steady, 20000, 5000, 1000, 0, 1,
     false},
    {"ingest_10m", "mysql", "at_least_once", case_ingest, 500000, 100000, 0,
     10000000, 1, true},
    {"firing_10m", "mysql", "at_least_once", case_burst, 500000, 100000, 0,
     10000000, 1, true},
};

#define CASES (sizeof(cases) / sizeof(cases[0]))

struct run {
    struct bench bench;
    const char *out;
    const char *only; /* NULL: all */
    int failures;
};

/* Whether the list "a,b" has the word. */
static bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (const char *p = list; p != NULL; p = strchr(p, ',')) {
        p += *p == ',';
        if (strncmp(p, word, len) == 0 && (p[len] == '\0' || p[len] == ','))
            return true;
    }
    return false;
}

/* By its name, name/store or name/store/delivery. */
static bool wanted(const struct run *run, const struct bench_case *c)
{
    char text[96];

    if (strcmp(c->store, "-") != 0 &&
        (strcmp(c->store, "sqlite") == 0) != (run->bench.store_url == NULL))
        return false;
    if (run->only == NULL)
        return !c->named;
    if (has_word(run->only, c->name))
        return true;
    (void)snprintf(text, sizeof(text), "%s/%s", c->name, c->store);
    if (has_word(run->only, text))
        return true;
    (void)snprintf(text, sizeof(text), "%s/%s/%s", c->name, c->store,
                   c->delivery);
    return has_word(run->only, text);
}

static void run_case(struct run *run, const struct bench_case *c)
{
    int64_t start = clock_mono_ns();
    struct err err = {.code = 0};
    int r;

    (void)printf("==> %s (%s, %s)\n", c->name, c->store, c->delivery);
    (void)fflush(stdout);
    r = c->run(&run->bench, c, &err);
    if (r < 0) {
        run->failures++;
        (void)printf("    FAILED: %s\n", err.text);
    }
    bench_say("(%.1f s)", (double)(clock_mono_ns() - start) / 1e9);
}

static size_t count_wanted(const struct run *run)
{
    size_t n = 0;

    for (size_t i = 1; i < CASES; i++)
        n += wanted(run, &cases[i]);
    return n;
}

/* The baseline first, in the middle and last. */
static void run_all(struct run *run)
{
    bool raw = wanted(run, &cases[0]);
    size_t n = count_wanted(run), done = 0;

    if (raw)
        run_case(run, &cases[0]);
    if (raw && n == 0)
        run_case(run, &cases[0]);
    for (size_t i = 1; i < CASES; i++) {
        if (!wanted(run, &cases[i]))
            continue;
        run_case(run, &cases[i]);
        if (raw && ++done == (n + 1) / 2)
            run_case(run, &cases[0]);
    }
    if (raw)
        run_case(run, &cases[0]);
}

static int usage(FILE *f)
{
    (void)fputs(
        "usage: ontime-bench --bootstrap HOST:PORT --ontimed FILE\n"
        "           --plugins DIR [--out FILE] [--cases a,b] [--quick]\n"
        "           [--set path=value]... [--keep] [--broker-pid PID]\n"
        "           [--store URL --store-tool FILE]\n"
        "cases:",
        f);
    for (size_t i = 0; i < CASES; i++)
        (void)fprintf(f, " %s", cases[i].name);
    (void)fputc('\n', f);
    return f == stdout ? 0 : 2;
}

static void add_setting(struct bench *b, const char *text)
{
    if (b->setting_count < SETTINGS_MAX)
        b->settings[b->setting_count++] = text;
}

/* false: no such option, or --help. */
static bool take_option(struct run *run, int o)
{
    struct bench *b = &run->bench;

    switch (o) {
    case 'b':
        b->bootstrap = optarg;
        return true;
    case 'd':
        b->ontimed = optarg;
        return true;
    case 'p':
        b->plugins = optarg;
        return true;
    case 'o':
        run->out = optarg;
        return true;
    case 'c':
        run->only = optarg;
        return true;
    case 's':
        add_setting(b, optarg);
        return true;
    case 'B':
        b->broker = (pid_t)strtol(optarg, NULL, 10);
        return true;
    case 'u':
        b->store_url = optarg;
        return true;
    case 't':
        b->store_tool = optarg;
        return true;
    case 'q':
        b->quick = true;
        return true;
    case 'k':
        b->keep = true;
        return true;
    default:
        return false;
    }
}

/* 0: go on; else the status + 1. */
static int parse(int argc, char **argv, struct run *run)
{
    static const struct option options[] = {
        {"bootstrap", required_argument, NULL, 'b'},
        {"ontimed", required_argument, NULL, 'd'},
        {"plugins", required_argument, NULL, 'p'},
        {"out", required_argument, NULL, 'o'},
        {"cases", required_argument, NULL, 'c'},
        {"set", required_argument, NULL, 's'},
        {"broker-pid", required_argument, NULL, 'B'},
        {"store", required_argument, NULL, 'u'},
        {"store-tool", required_argument, NULL, 't'},
        {"quick", no_argument, NULL, 'q'},
        {"keep", no_argument, NULL, 'k'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const struct bench *b = &run->bench;
    int o;

    while ((o = getopt_long(argc, argv, "", options, NULL)) != -1)
        if (!take_option(run, o))
            return usage(o == 'h' ? stdout : stderr) + 1;
    if (b->bootstrap == NULL || b->ontimed == NULL || b->plugins == NULL ||
        *b->bootstrap == '\0')
        return usage(stderr) + 1;
    return 0;
}

static int make_dir(struct bench *b, struct err *err)
{
    const char *tmp = getenv("TMPDIR");

    (void)snprintf(b->dir, sizeof(b->dir), "%s/ontime-bench.XXXXXX",
                   tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(b->dir) == NULL)
        return err_sys(err, errno, "%s", b->dir);
    return 0;
}

int main(int argc, char **argv)
{
    struct run run = {.out = "bench.json"};
    struct err err;
    int r = parse(argc, argv, &run);

    if (r > 0)
        return r - 1;
    (void)signal(SIGPIPE, SIG_IGN);
    run.bench.report = report_new();
    if (run.bench.report == NULL || make_dir(&run.bench, &err) < 0) {
        (void)fprintf(stderr, "ontime-bench: no directory or no memory\n");
        report_free(&run.bench.report);
        return 1;
    }
    run_all(&run);
    report_table(run.bench.report, stdout);
    if (report_json(run.bench.report, run.out, &err) < 0) {
        (void)fprintf(stderr, "ontime-bench: %s\n", err.text);
        run.failures++;
    }
    if (run.bench.keep)
        (void)printf("kept: %s\n", run.bench.dir);
    else
        (void)rmdir(run.bench.dir);
    report_free(&run.bench.report);
    return run.failures > 0 ? 1 : 0;
}
