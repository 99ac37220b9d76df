/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/stage.c - see stage.h.
 */
#include "config.h"

#include "bench/stage.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/topics.h"

/* What differs from the defaults, for all cases: larger batches of messages,
 * as a source with a backlog would be given. */
static const char config_text[] =
    "kafka: { bootstrap_servers = \"%s\"; missing_topics = \"fail\"; };\n"
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
    r = write_config(s, err);
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
    feed_close(&s->feed);
    if (failed)
        daemon_show_log(&s->daemon, stdout);
    if (!s->bench->keep) {
        topics_delete(s->bench, s->source);
        topics_delete(s->bench, s->target);
        topics_delete(s->bench, s->dlq);
        (void)nftw(s->daemon.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
    free(s);
}

int stage_start(struct stage *s, const char *const *overrides, struct err *err)
{
    return daemon_start(&s->daemon, s->bench, s->config, overrides, err);
}

int stage_wait_stored(struct stage *s, int64_t count, int64_t timeout_ms,
                      struct err *err)
{
    return daemon_wait_metric(&s->daemon, STORED, (double)count, timeout_ms,
                              err);
}

static double store_metric(struct stage *s, const char *family, const char *op)
{
    char name[96];
    double v;

    (void)snprintf(name, sizeof(name), "ontime_store_%s_total{op=\"%s\"}",
                   family, op);
    return daemon_metric(&s->daemon, name, &v, NULL) < 0 ? 0 : v;
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
