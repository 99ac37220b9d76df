/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/bench/store_bench.c - what the store costs by itself: how fast jobs go
 * in and how fast what is due goes out, in rows a second and in CPU time a row
 * (which other programs on the machine do not disturb much).
 *
 *     store_bench [-d DIR | -u URL] [-n ROWS] [-q ROWS] [-b BATCH] [-f BATCH]
 *
 * -n rows with random due times over a day are put in (0: skip), then, in a
 * new store, -q rows due in one second are put in and drained (0: skip).
 * With -u both go to the store of that url, which is best a new one (the rows
 * of -n stay, so that -q shows the drain beside them).  One thread.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/slots.h"
#include "store/store.h"

#define PAYLOAD 150
#define DAY_MS INT64_C(86400000)
#define REPORT 100000 /* rows between lines */

struct bench {
    char dir[256];
    const char *url; /* NULL: files in dir */
    size_t rows, drain_rows, batch, finish_batch;
    struct store *store;
    struct store_session *x;
    uint64_t random;
    uint64_t serial;
};

struct span_of_time { /* since its start */
    int64_t wall_ns;
    int64_t longest_ns; /* of what was added to it */
    double cpu;
    int64_t io[2]; /* bytes read, written: not disturbed by anybody */
};

static void must(int r, const struct err *err, const char *what)
{
    if (r >= 0)
        return;
    (void)fprintf(stderr, "store_bench: %s: %s\n", what, err->text);
    _exit(1);
}

static double cpu_seconds(void)
{
    struct rusage u;

    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void io_bytes(int64_t io[2])
{
    FILE *f = fopen("/proc/self/io", "re");
    long long r = 0, w = 0;

    if (f != NULL && fscanf(f, "rchar: %lld\nwchar: %lld", &r, &w) != 2)
        r = w = 0;
    if (f != NULL)
        (void)fclose(f);
    io[0] = r;
    io[1] = w;
}

static void start(struct span_of_time *t)
{
    io_bytes(t->io);
    t->wall_ns = clock_mono_ns();
    t->cpu = cpu_seconds();
}

/* Adds what has passed since `t` to *sum. */
static void stop(const struct span_of_time *t, struct span_of_time *sum)
{
    int64_t ns = clock_mono_ns() - t->wall_ns, io[2];

    sum->wall_ns += ns;
    if (ns > sum->longest_ns)
        sum->longest_ns = ns;
    sum->cpu += cpu_seconds() - t->cpu;
    io_bytes(io);
    sum->io[0] += io[0] - t->io[0];
    sum->io[1] += io[1] - t->io[1];
}

static void report(const char *what, size_t rows, const struct span_of_time *t)
{
    double wall = (double)t->wall_ns / 1e9;

    (void)printf("%-22s %9zu rows  %8.0f rows/s  %6.2f us CPU/row"
                 "  %5lld B read, %5lld B written/row, longest %lld ms\n",
                 what, rows, (double)rows / wall, t->cpu * 1e6 / (double)rows,
                 (long long)t->io[0] / (long long)rows,
                 (long long)t->io[1] / (long long)rows,
                 (long long)t->longest_ns / 1000000);
    (void)fflush(stdout);
}

static uint64_t next_random(struct bench *b)
{
    uint64_t z = (b->random += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* A seat with all shards; the last run's, if there was one. */
static void take_seat(struct bench *b)
{
    struct store_slot all[STORE_SLOTS_MOST], now;
    struct shard_set want, got;
    struct err err;
    int n = store_slots(b->x, all, STORE_SLOTS_MOST, &err);

    memset(&want, 0xff, sizeof(want));
    must(n, &err, "slots");
    must(store_claim(b->x, n > 0 ? &all[0] : NULL, &now, &err), &err, "claim");
    must(store_vacate(b->x, true, &err), &err, "vacate");
    must(store_acquire(b->x, &want, STORE_SHARDS_MOST, 0, &got, &err), &err,
         "acquire");
}

static void open_store(struct bench *b, const char *name)
{
    const struct store_settings set = {
        .url = b->dir,
        .instance_id = "bench",
        .cluster = "bench",
        .cache_kb = 16384,
        .idempotency_ms = DAY_MS,
        .history_ms = DAY_MS,
    };
    struct store_settings s = set;
    struct err err;
    char url[300];

    (void)snprintf(url, sizeof(url), "sqlite:%s/%s", b->dir, name);
    s.url = b->url != NULL ? b->url : url;
    must(store_open(&s, &b->store, &err), &err, "open");
    must(store_session_open(b->store, true, &b->x, &err), &err, "session");
    if (store_shared(b->store))
        take_seat(b);
}

static void close_store(struct bench *b)
{
    store_session_close(&b->x);
    store_close(&b->store);
}

/* A batch of new jobs due in [from, from + range). */
static void fill(struct bench *b, struct put_item *items, char *keys, size_t n,
                 int64_t from, int64_t range)
{
    static const char payload[PAYLOAD] = {'{'};
    const struct app_name *app = app_name_s("bench");

    for (size_t i = 0; i < n; i++) {
        char *key = keys + i * 80;
        uint64_t a = next_random(b), c = next_random(b);
        struct job_text text = {.key = {key, 36},
                                .payload = {payload, sizeof(payload)}};

        (void)snprintf(key, 40, "%016" PRIx64 "-%019" PRIu64, a, b->serial);
        (void)snprintf(key + 40, 40, "%016" PRIx64 "-%019" PRIu64, c,
                       b->serial++);
        items[i] = (struct put_item){.kind = PUT_JOB,
                                     .job = job_new(app, &text),
                                     .idempotency = {key + 40, 36}};
        items[i].job->due_ms =
            from + (int64_t)(next_random(b) % (uint64_t)range);
    }
}

/* Puts rows in, and adds the time that the store took to *sum. */
static void put_rows(struct bench *b, size_t rows, int64_t from, int64_t range,
                     struct span_of_time *sum)
{
    struct put_item *items = calloc(b->batch, sizeof(*items));
    char *keys = malloc(b->batch * 80);
    struct span_of_time t;
    struct err err;

    for (size_t done = 0; done < rows; done += b->batch) {
        size_t n = rows - done < b->batch ? rows - done : b->batch;
        struct put_batch put = {
            .items = items, .count = n, .now_ms = clock_wall_ms()};

        fill(b, items, keys, n, from, range);
        start(&t);
        must(store_put(b->x, &put, &err), &err, "put");
        stop(&t, sum);
        for (size_t i = 0; i < n; i++) {
            if (items[i].result != PUT_STORED)
                must(-EINVAL, &(struct err){.text = "not stored"}, "put");
            job_free(&items[i].job);
        }
    }
    free(items);
    free(keys);
}

static void ingest(struct bench *b)
{
    struct span_of_time all = {0}, part, first = {0};
    int64_t now = clock_wall_ms();

    open_store(b, "ingest.db");
    for (size_t done = 0; done < b->rows; done += REPORT) {
        size_t n = b->rows - done < REPORT ? b->rows - done : REPORT;

        part = (struct span_of_time){0};
        put_rows(b, n, now, DAY_MS, &part);
        all.wall_ns += part.wall_ns;
        all.cpu += part.cpu;
        all.io[0] += part.io[0];
        all.io[1] += part.io[1];
        if (part.longest_ns > all.longest_ns)
            all.longest_ns = part.longest_ns;
        if (done == 0)
            first = part;
        report("ingest", n, &part);
    }
    report("ingest, all", b->rows, &all);
    (void)printf("last part / first      %.2f\n",
                 (double)first.wall_ns / (double)part.wall_ns);
    close_store(b);
}

/* Ends up to finish_batch jobs of the list; returns how many. */
static size_t finish_some(struct bench *b, struct list *jobs,
                          struct outcome *outcomes, struct outcome **pointers,
                          struct span_of_time *sum)
{
    struct span_of_time t;
    int64_t now = clock_wall_ms();
    struct finish_batch f = {.outcomes = pointers,
                             .now_ms = now,
                             .ledger_pos = -1,
                             .ledger_seq = -1};
    struct err err;

    while (f.count < b->finish_batch && !list_empty(jobs)) {
        struct outcome *o = &outcomes[f.count];

        *o = (struct outcome){.job = list_of(list_pop(jobs), struct job, link),
                              .kind = OUTCOME_DONE,
                              .started_ms = now,
                              .finished_ms = now};
        pointers[f.count++] = o;
    }
    start(&t);
    must(store_finish(b->x, &f, &err), &err, "finish");
    stop(&t, sum);
    for (size_t i = 0; i < f.count; i++) {
        if (outcomes[i].stale)
            must(-EINVAL, &(struct err){.text = "stale"}, "finish");
        job_free(&outcomes[i].job);
    }
    return f.count;
}

static void drain(struct bench *b)
{
    struct span_of_time in = {0}, load = {0}, finish = {0}, t;
    struct outcome *outcomes = calloc(b->finish_batch, sizeof(*outcomes));
    struct outcome **pointers =
        calloc(b->finish_batch, sizeof(struct outcome *));
    struct load_request q = {
        .until = JOB_POS_MAX, .cap = 10000, .bytes_cap = 64 << 20};
    struct load_result got;
    int64_t start_ms = clock_wall_ms() + 60000;
    size_t done = 0;
    struct err err;

    open_store(b, "drain.db");
    if (b->url != NULL) /* before all that may be there */
        q.until = job_pos_at(start_ms + 1000);
    put_rows(b, b->drain_rows, start_ms, 1000, &in);
    report("burst in", b->drain_rows, &in);
    while (done < b->drain_rows) {
        start(&t);
        must(store_load_due(b->x, &q, &got, &err), &err, "load");
        stop(&t, &load);
        q.after = got.reached;
        while (!list_empty(&got.jobs))
            done += finish_some(b, &got.jobs, outcomes, pointers, &finish);
        if (got.count == 0 && got.reached >= q.until - 1 &&
            done < b->drain_rows)
            must(-EINVAL, &(struct err){.text = "jobs are missing"}, "load");
    }
    report("load", done, &load);
    report("finish", done, &finish);
    load.cpu += finish.cpu;
    load.wall_ns += finish.wall_ns;
    load.io[0] += finish.io[0];
    load.io[1] += finish.io[1];
    report("drain (load + finish)", done, &load);
    close_store(b);
    free(outcomes);
    free(pointers);
}

static void remove_files(const struct bench *b)
{
    static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
    static const char *const names[] = {"ingest.db", "drain.db"};
    char path[300];

    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 4; k++) {
            (void)snprintf(path, sizeof(path), "%s/%s%s", b->dir, names[i],
                           ends[k]);
            (void)unlink(path);
        }
    }
    (void)rmdir(b->dir);
}

int main(int argc, char **argv)
{
    struct bench b = {.rows = 1000000,
                      .drain_rows = 500000,
                      .batch = 20000,
                      .finish_batch = 8000,
                      .random = 1};
    const char *parent = getenv("TMPDIR");
    struct rusage u;
    int c;

    while ((c = getopt(argc, argv, "d:u:n:q:b:f:")) != -1) {
        switch (c) {
        case 'd':
            parent = optarg;
            break;
        case 'u':
            b.url = optarg;
            break;
        case 'n':
            b.rows = strtoul(optarg, NULL, 10);
            break;
        case 'q':
            b.drain_rows = strtoul(optarg, NULL, 10);
            break;
        case 'b':
            b.batch = strtoul(optarg, NULL, 10);
            break;
        case 'f':
            b.finish_batch = strtoul(optarg, NULL, 10);
            break;
        default:
            return 2;
        }
    }
    (void)snprintf(b.dir, sizeof(b.dir), "%s/store_bench.XXXXXX",
                   parent != NULL ? parent : "/tmp");
    if (b.batch == 0 || b.finish_batch == 0 || mkdtemp(b.dir) == NULL) {
        perror("store_bench");
        return 1;
    }
    if (b.rows > 0)
        ingest(&b);
    if (b.drain_rows > 0)
        drain(&b);
    (void)getrusage(RUSAGE_SELF, &u);
    (void)printf("peak resident          %ld MB\n", u.ru_maxrss / 1024);
    remove_files(&b);
    return 0;
}
