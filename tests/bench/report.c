/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/report.c - figures, goals, bench.json; see report.h.
 */
#include "config.h"

#include "bench/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 400
#define RAW_MAX 16

struct row {
    const struct bench_case *c;
    const char *metric, *unit;
    double value;
    bool rate;
};

struct report {
    struct row rows[ROWS_MAX];
    size_t count;
    double raw[RAW_MAX];
    size_t raw_count;
};

static const struct bench_case raw_case = {
    .name = "raw", .store = "-", .delivery = "-"};

/* What is to be reached, on two cores shared with the broker. */
static const struct goal {
    const char *name, *store, *delivery, *metric;
    bool at_least; /* else at most */
    double value;
    double ratio; /* at least; 0: none */
} goals[] = {
    {"ingest", "sqlite", "at_least_once", "ingest_per_s", true, 90e3, 0.12},
    {"ingest", "sqlite", "at_least_once", "last_to_first", true, 0.8, 0},
    {"burst", "sqlite", "at_least_once", "appended_per_s", true, 150e3, 0.15},
    {"burst", "sqlite", "at_least_once", "finished_per_s", true, 120e3, 0},
    {"steady_10k", "sqlite", "at_least_once", "lateness_p50", false, 2, 0},
    {"steady_10k", "sqlite", "at_least_once", "lateness_p99", false, 10, 0},
    {"pending", "sqlite", "at_least_once", "rss_anon", false, 120, 0},
    {"pending", "sqlite", "at_least_once", "rss_anon_restarted", false, 120, 0},
    {"pending", "sqlite", "at_least_once", "first_on_time", false, 1000, 0},
    {"overdue", "sqlite", "at_least_once", "lateness_p99", false, 20, 0},
    {"overdue", "sqlite", "at_least_once", "drained_per_s", true, 60e3, 0},
    {"burst", "sqlite", "exactly_once", "finished_per_s", true, 60e3, 0},
    {"burst", "sqlite", "exactly_once", "of_at_least_once", true, 0.6, 0},
    {"burst", "sqlite", "exactly_once", "ledger_share", false, 0.1, 0},
    {"steady_1k", "sqlite", "exactly_once", "lateness_p50", false, 8, 0},
    {"steady_1k", "sqlite", "exactly_once", "lateness_p99", false, 25, 0},
    {"steady_10k", "sqlite", "exactly_once", "lateness_p50", false, 8, 0},
    {"steady_10k", "sqlite", "exactly_once", "lateness_p99", false, 25, 0},
    {"restart", "sqlite", "exactly_once", "first_on_time", false, 1500, 0},
    {"ingest", "mysql", "at_least_once", "last_100k_per_s", true, 35e3, 0},
    {"ingest_1m", "mysql", "at_least_once", "ingest_per_s", true, 35e3, 0},
    {"ingest_10m", "mysql", "at_least_once", "ingest_per_s", true, 25e3, 0},
    {"firing_1m", "mysql", "at_least_once", "finished_per_s", true, 25e3, 0},
    {"firing_10m", "mysql", "at_least_once", "finished_per_s", true, 21.25e3,
     0},
    {"steady_1k", "mysql", "at_least_once", "lateness_p50", false, 4, 0},
    {"steady_1k", "mysql", "at_least_once", "lateness_p99", false, 25, 0},
    {"two", "mysql", "at_least_once", "of_one", true, 1, 0},
};

struct report *report_new(void)
{
    return calloc(1, sizeof(struct report));
}

void report_free(struct report **pr)
{
    free(*pr);
    *pr = NULL;
}

static void add(struct report *r, const struct row *row)
{
    if (r->count < ROWS_MAX)
        r->rows[r->count++] = *row;
    bench_say("%-26s %14.2f %s", row->metric, row->value, row->unit);
}

void report_add(struct report *r, const struct bench_case *c,
                const char *metric, double value, const char *unit)
{
    add(r, &(struct row){c, metric, unit, value, false});
}

void report_add_rate(struct report *r, const struct bench_case *c,
                     const char *metric, double value)
{
    add(r, &(struct row){c, metric, "1/s", value, true});
}

double report_find(const struct report *r, const char *name, const char *store,
                   const char *delivery, const char *metric)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct row *row = &r->rows[i];

        if (strcmp(row->c->name, name) == 0 &&
            strcmp(row->c->store, store) == 0 &&
            strcmp(row->c->delivery, delivery) == 0 &&
            strcmp(row->metric, metric) == 0)
            return row->value;
    }
    return -1;
}

void report_add_raw(struct report *r, double per_s)
{
    if (r->raw_count < RAW_MAX)
        r->raw[r->raw_count++] = per_s;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* 0: there was no baseline. */
static double raw_median(const struct report *r)
{
    double sorted[RAW_MAX];

    if (r->raw_count == 0)
        return 0;
    memcpy(sorted, r->raw, sizeof(sorted));
    qsort(sorted, r->raw_count, sizeof(sorted[0]), by_value);
    return sorted[r->raw_count / 2];
}

/* To the baseline of the run; negative: none. */
static double ratio_of(const struct report *r, const struct row *row)
{
    double raw = raw_median(r);

    return row->rate && raw > 0 ? row->value / raw : -1;
}

static const struct goal *goal_of(const struct row *row)
{
    for (size_t i = 0; i < sizeof(goals) / sizeof(goals[0]); i++) {
        const struct goal *g = &goals[i];

        if (strcmp(g->name, row->c->name) == 0 &&
            strcmp(g->store, row->c->store) == 0 &&
            strcmp(g->delivery, row->c->delivery) == 0 &&
            strcmp(g->metric, row->metric) == 0)
            return g;
    }
    return NULL;
}

static bool reached(const struct goal *g, double value, double ratio)
{
    if (g->ratio > 0 && ratio >= 0 && ratio < g->ratio)
        return false;
    return g->at_least ? value >= g->value : value <= g->value;
}

static void print_row(const struct report *r, const struct row *row, FILE *f)
{
    const struct goal *g = goal_of(row);
    double ratio = ratio_of(r, row);
    char text[2][32] = {"", ""};

    if (ratio >= 0)
        (void)snprintf(text[0], sizeof(text[0]), "%.3f", ratio);
    (void)fprintf(f, "%-11s %-7s %-14s %-22s %13.2f %-4s %7s", row->c->name,
                  row->c->store, row->c->delivery, row->metric, row->value,
                  row->unit, text[0]);
    if (g != NULL) {
        if (g->ratio > 0)
            (void)snprintf(text[1], sizeof(text[1]), ", %.2f", g->ratio);
        (void)fprintf(f, "  %s %.10g%s: %s",
                      g->at_least ? ">=" : "<=", g->value, text[1],
                      reached(g, row->value, ratio) ? "yes" : "NO");
    }
    (void)fputc('\n', f);
}

void report_table(const struct report *r, FILE *f)
{
    struct row raw = {&raw_case, "records_per_s", "1/s", raw_median(r), false};

    (void)fprintf(f, "\n%-11s %-7s %-14s %-22s %13s %-4s %7s  %s\n", "case",
                  "store", "delivery", "metric", "value", "unit", "ratio",
                  "goal");
    if (raw.value > 0)
        print_row(r, &raw, f);
    for (size_t i = 0; i < r->count; i++)
        print_row(r, &r->rows[i], f);
    (void)fflush(f);
}

static void json_row(const struct report *r, const struct row *row, bool first,
                     FILE *f)
{
    double ratio = ratio_of(r, row);

    (void)fprintf(f,
                  "%s\n  {\"case\": \"%s\", \"store\": \"%s\", \"delivery\": "
                  "\"%s\", \"metric\": \"%s\", \"value\": %.3f, \"unit\": "
                  "\"%s\", \"ratio\": ",
                  first ? "" : ",", row->c->name, row->c->store,
                  row->c->delivery, row->metric, row->value, row->unit);
    if (ratio >= 0)
        (void)fprintf(f, "%.4f}", ratio);
    else
        (void)fputs("null}", f);
}

int report_json(const struct report *r, const char *path, struct err *err)
{
    struct row raw = {&raw_case, "records_per_s", "1/s", raw_median(r), false};
    bool has_raw = raw.value > 0;
    FILE *f = fopen(path, "w");
    bool good;

    if (f == NULL)
        return err_sys(err, errno, "%s", path);
    (void)fputc('[', f);
    if (has_raw)
        json_row(r, &raw, true, f);
    for (size_t i = 0; i < r->count; i++)
        json_row(r, &r->rows[i], i == 0 && !has_raw, f);
    (void)fputs("\n]\n", f);
    good = ferror(f) == 0;
    if (fclose(f) != 0 || !good)
        return err_sys(err, errno, "%s", path);
    return 0;
}
