/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/stage.c - see stage.h.
 */
#include "config.h"

#include "bench/stage.h"

#include <errno.h>
#include <ftw.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/topics.h"

/* What differs from the defaults, for all cases: larger batches of messages,
 * as a source with a backlog would be given. */
static const char config_text[] =
    "kafka: { bootstrap_servers = \"%s\"; };\n"
    "cluster = \"%s\";\n"
    "sources: { bench: {\n"
    "    topic = \"%s\"; dlq_topic = \"%s\"; group_id = \"%s\";\n"
    "    max_poll_records = 20000;\n"
    "}; };\n"
    "apps: { sms_retry: {\n"
    "    plugin = \"sms_retry\"; delivery = \"%s\";\n"
    "    settings: { topic = \"%s\"; };\n"
    "}; };\n";

static int write_config(struct stage *s, struct err *err)
{
    FILE *f;

    (void)snprintf(s->config, sizeof(s->config), "%s/ontime.cfg",
                   s->daemon.dir);
    f = fopen(s->config, "w");
    if (f == NULL)
        return err_sys(err, errno, "%s", s->config);
    (void)fprintf(f, config_text, s->bench->bootstrap, s->source, s->source,
                  s->dlq, s->source, s->c->delivery, s->target);
    if (fclose(f) != 0)
        return err_sys(err, errno, "%s", s->config);
    return 0;
}

/* create or drop, by the tool that came with the server's address. */
static int database(const struct stage *s, const char *what, struct err *err)
{
    const char *tool = s->bench->store_tool;
    char *const argv[] = {(char *)(uintptr_t)tool, (char *)(uintptr_t)what,
                          (char *)(uintptr_t)s->database, NULL};
    int status = 0, r;
    pid_t pid;

    if (tool == NULL)
        return err_set(err, -EINVAL, "--store needs --store-tool");
    r = posix_spawn(&pid, tool, NULL, NULL, argv, environ);
    if (r != 0)
        return err_sys(err, r, "%s", tool);
    if (waitpid(pid, &status, 0) != pid || status != 0)
        return err_set(err, -EIO, "%s %s %s: wait status 0x%x", tool, what,
                       s->database, (unsigned)status);
    return 0;
}

/* Where its jobs are: a file, or a database of its own. */
static int make_store(struct stage *s, struct err *err)
{
    const char *url = s->bench->store_url, *at;

    if (url == NULL)
        return 0;
    (void)snprintf(s->database, sizeof(s->database), "bench_%d_%u",
                   (int)getpid(), s->bench->serial);
    at = strstr(url, "{db}");
    if (at == NULL)
        return err_set(err, -EINVAL, "--store %s has no {db}", url);
    (void)snprintf(s->daemon.store, sizeof(s->daemon.store), "%.*s%s%s",
                   (int)(at - url), url, s->database, at + 4);
    return database(s, "create", err);
}

static int make_second(struct stage *s, struct err *err)
{
    if (s->c->instances < 2)
        return 0;
    s->second = calloc(1, sizeof(*s->second));
    if (s->second == NULL)
        return err_set(err, -ENOMEM, "no memory");
    (void)snprintf(s->second->store, sizeof(s->second->store), "%s",
                   s->daemon.store);
    (void)snprintf(s->second->dir, sizeof(s->second->dir), "%.150s/2",
                   s->daemon.dir);
    if (mkdir(s->second->dir, 0700) < 0)
        return err_sys(err, errno, "mkdir %s", s->second->dir);
    return 0;
}

int stage_open(struct bench *b, const struct bench_case *c, struct stage **ret,
               struct err *err)
{
    struct stage *s = calloc(1, sizeof(*s));
    unsigned n = ++b->serial;
    int pid = (int)getpid(), r;

    *ret = s;
    if (s == NULL)
        return err_set(err, -ENOMEM, "no memory");
    s->bench = b;
    s->c = c;
    (void)snprintf(s->source, sizeof(s->source), "bench-%d-%u-in", pid, n);
    (void)snprintf(s->target, sizeof(s->target), "bench-%d-%u-out", pid, n);
    (void)snprintf(s->dlq, sizeof(s->dlq), "bench-%d-%u-dlq", pid, n);
    (void)snprintf(s->daemon.dir, sizeof(s->daemon.dir), "%s/%u", b->dir, n);
    if (mkdir(s->daemon.dir, 0700) < 0)
        return err_sys(err, errno, "mkdir %s", s->daemon.dir);
    (void)snprintf(s->ledger, sizeof(s->ledger), "%s-ledger", s->source);
    r = write_config(s, err);
    if (r == 0)
        r = make_store(s, err);
    if (r == 0)
        r = make_second(s, err);
    if (r == 0)
        r = topics_create(b, s->source, err);
    if (r == 0)
        r = topics_create(b, s->target, err);
    if (r == 0)
        r = topics_create(b, s->dlq, err);
    if (r == 0)
        r = feed_open(b, s->source, &s->feed, err);
    return r;
}

static int remove_one(const char *path, const struct stat *st, int flag,
                      struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    (void)remove(path);
    return 0;
}

void stage_close(struct stage **ps, bool failed)
{
    struct stage *s = *ps;

    *ps = NULL;
    if (s == NULL)
        return;
    daemon_kill(&s->daemon);
    if (s->second != NULL)
        daemon_kill(s->second);
    feed_close(&s->feed);
    if (failed)
        daemon_show_log(&s->daemon, stdout);
    if (failed && s->second != NULL)
        daemon_show_log(s->second, stdout);
    if (!s->bench->keep) {
        topics_delete(s->bench, s->source);
        topics_delete(s->bench, s->target);
        topics_delete(s->bench, s->dlq);
        if (strcmp(s->c->delivery, "exactly_once") == 0)
            topics_delete(s->bench, s->ledger);
        if (s->database[0] != '\0')
            (void)database(s, "drop", NULL);
        (void)nftw(s->daemon.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
    free(s->second);
    free(s);
}

#define OVERRIDES_MAX 16

int stage_start(struct stage *s, const char *const *overrides, struct err *err)
{
    const char *all[OVERRIDES_MAX + 1] = {"instance.id=second"};
    size_t n = 1;
    int r = daemon_start(&s->daemon, s->bench, s->config, overrides, err);

    if (r < 0 || s->second == NULL)
        return r;
    while (overrides != NULL && *overrides != NULL && n < OVERRIDES_MAX)
        all[n++] = *overrides++;
    return daemon_start(s->second, s->bench, s->config, all, err);
}

int stage_stop(struct stage *s, struct err *err)
{
    int r = s->second != NULL ? daemon_stop(s->second, err) : 0;

    return r < 0 ? r : daemon_stop(&s->daemon, err);
}

int stage_metric(struct stage *s, const char *name, double *ret,
                 struct err *err)
{
    double more = 0;
    int r = daemon_metric(&s->daemon, name, ret, err);

    if (r == 0 && s->second != NULL)
        r = daemon_metric(s->second, name, &more, err);
    *ret += more;
    return r;
}

struct awaited {
    struct stage *s;
    const char *name;
    double least, seen;
};

static int is_reached(void *arg, struct err *err)
{
    struct awaited *w = arg;
    int r = stage_metric(w->s, w->name, &w->seen, err);

    return r < 0 ? r : w->seen >= w->least;
}

int stage_wait_metric(struct stage *s, const char *name, double value,
                      int64_t timeout_ms, struct err *err)
{
    struct awaited w = {s, name, value, 0};
    char what[160];
    int r;

    (void)snprintf(what, sizeof(what), "%s >= %.0f", name, value);
    r = bench_wait(what, timeout_ms, 20, is_reached, &w, err);
    return r == -ETIMEDOUT ? err_wrap(err, "it was %.0f", w.seen) : r;
}

#define FILL_STEP 200000 /* not more than that waits in the source */

int stage_fill_pending(struct stage *s, int64_t first, struct err *err)
{
    int64_t n = s->bench->quick ? s->c->pending / 10 : s->c->pending;
    int64_t start = clock_wall_ms() + 3 * HOUR_MS;
    uint64_t random = 5;
    int r = 0;

    if (n == 0)
        return 0;
    r = stage_start(s, NULL, err);
    for (int64_t i = 0; i < n && r == 0; i++) {
        r = feed_job(s->feed, first + i,
                     start + (int64_t)(bench_random(&random) % DAY_MS), err);
        if (r == 0 && ((i + 1) % FILL_STEP == 0 || i + 1 == n)) {
            r = feed_flush(s->feed, err);
            if (r == 0)
                r = stage_wait_stored(s, i + 1, 120000, err);
        }
    }
    return r == 0 ? stage_stop(s, err) : r;
}

int stage_wait_stored(struct stage *s, int64_t count, int64_t timeout_ms,
                      struct err *err)
{
    return stage_wait_metric(s, STORED, (double)count, timeout_ms, err);
}

static double store_metric(struct stage *s, const char *family, const char *op)
{
    char name[96];
    double v;

    (void)snprintf(name, sizeof(name), "ontime_store_%s_total{op=\"%s\"}",
                   family, op);
    return stage_metric(s, name, &v, NULL) < 0 ? 0 : v;
}

void stage_say_store(struct stage *s)
{
    static const char *const ops[] = {"put", "load", "finish", "prune"};

    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        double busy = store_metric(s, "busy_seconds", ops[i]);
        double rows = store_metric(s, "batch_rows", ops[i]);
        double batches = store_metric(s, "batches", ops[i]);

        if (busy > 0)
            bench_say("store, %-7s %7.2f s, %7.0f batches, %5.2f us a row",
                      ops[i], busy, batches, rows > 0 ? busy * 1e6 / rows : 0);
    }
}
