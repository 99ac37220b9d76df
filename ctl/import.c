/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/import.c - pending jobs of another scheduler, handed to the daemon: see
 * commands.h.
 *
 * They go through the API like anybody's, so the daemon checks them and any
 * store will do.  Each has a key and an idempotency key made of its table and
 * id, so that a second run doubles nothing.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "ask.h"
#include "base/clock.h"
#include "base/json.h"
#include "job/when.h"
#include "print.h"
#include "progress.h"
#include "store/quartz.h"

#define BODY_MAX ((size_t)32 << 20)
#define TOLD 10                     /* reasons that are told one by one */
#define TRIES 6                     /* while the daemon has no room */
#define MARGIN_MS INT64_C(97200000) /* more than zones can differ */

enum fate { TAKEN, THERE, EXECUTED, EARLIER, BAD, REFUSED, FATES };

struct import {
    struct ctl *c;
    struct zone *zone;
    int64_t since_ms;
    bool dry_run;
    uint64_t fates[FATES], told;
    struct progress progress;
    bool unreachable;
};

/* Tells of a row that is left out, the first few. */
static void complain(struct import *m, const struct quartz_row *row,
                     const char *why)
{
    if (m->told++ >= TOLD)
        return;
    (void)fprintf(m->c->err, "%s%s %.*s: ", m->progress.shown ? "\r\033[K" : "",
                  row->table, (int)row->id.len, (const char *)row->id.data);
    print_text(m->c->err, why, strlen(why));
    (void)fputc('\n', m->c->err);
}

static void add_key(struct buf *body, const char *name,
                    const struct quartz_row *row)
{
    char key[512];

    (void)snprintf(key, sizeof(key), "%s:%.*s", row->table, (int)row->id.len,
                   (const char *)row->id.data);
    buf_addf(body, "\"%s\":", name);
    (void)buf_add_json(body, key, strlen(key));
    buf_addc(body, ',');
}

static int build(const struct import *m, const struct quartz_row *row,
                 int64_t due_ms, struct buf *body)
{
    char due[25];

    when_format_utc(due_ms, due);
    buf_adds(body, "{\"appName\":");
    (void)buf_add_json(body, m->c->args->opt[OPT_APP],
                       strlen(m->c->args->opt[OPT_APP]));
    buf_addf(body, ",\"scheduledTime\":\"%s\",", due);
    add_key(body, "jobKey", row);
    add_key(body, "idempotencyKey", row);
    buf_adds(body, "\"jobData\":");
    buf_add(body, row->data.data, row->data.len);
    buf_addc(body, '}');
    return buf_ok(body);
}

/* What the daemon says to it. */
static int take_answer(struct import *m, const struct quartz_row *row,
                       const struct answer *a)
{
    cJSON *doc = cJSON_ParseWithLength(a->body.data, a->body.len);
    const cJSON *detail = cJSON_GetObjectItemCaseSensitive(doc, "detail");

    if (a->status == 201) {
        m->fates[TAKEN]++;
    } else if (a->status >= 200 && a->status <= 299) {
        m->fates[THERE]++;
    } else {
        m->fates[REFUSED]++;
        complain(m, row,
                 cJSON_IsString(detail) ? detail->valuestring
                                        : "refused by the daemon");
    }
    cJSON_Delete(doc);
    return 0;
}

static bool no_room(long status)
{
    return status == 429 || status == 503;
}

static int send_row(struct import *m, const struct quartz_row *row,
                    const struct buf *body, struct err *err)
{
    struct answer a = {0};
    int r = 0;

    for (int tries = 0; r == 0; tries++) {
        r = client_call(m->c->client, "POST", "/api/v1/jobs",
                        (struct span){body->data, body->len}, &a, err);
        if (r < 0) {
            m->unreachable = true;
            break;
        }
        if (!no_room(a.status) || tries == TRIES)
            break;
        answer_done(&a);
        (void)poll(NULL, 0, 200 << tries);
    }
    if (r == 0 && no_room(a.status))
        r = err_again(err, -EAGAIN,
                      "the daemon has no room now (%ld); run it again later",
                      a.status);
    else if (r == 0)
        r = take_answer(m, row, &a);
    answer_done(&a);
    return r;
}

/* Its data as the plugin will get it; whether it is an object. */
static bool is_object(struct span data)
{
    cJSON *doc =
        data.data == NULL ? NULL : cJSON_ParseWithLength(data.data, data.len);
    bool yes = cJSON_IsObject(doc);

    cJSON_Delete(doc);
    return yes;
}

static int take_row(void *arg, const struct quartz_row *row, struct err *err)
{
    struct import *m = arg;
    struct move_progress at = {"rows looked at", 0, 0, false};
    struct buf body = BUF_INIT(BODY_MAX);
    int64_t due_ms;
    int r = 0;

    for (int i = 0; i < FATES; i++)
        at.done += m->fates[i];
    if (!progress_tell(&m->progress, &at))
        return err_set(err, -ECANCELED, "stopped before the end");
    if (row->executed) {
        m->fates[EXECUTED]++;
    } else if (when_parse(row->time.data, row->time.len, m->zone, &due_ms,
                          err) < 0) {
        m->fates[BAD]++;
        complain(m, row, err->text);
    } else if (due_ms < m->since_ms) {
        m->fates[EARLIER]++;
    } else if (!is_object(row->data)) {
        m->fates[BAD]++;
        complain(m, row, "its job_data is no JSON object");
    } else if (m->dry_run) {
        m->fates[TAKEN]++;
    } else if (build(m, row, due_ms, &body) < 0) {
        r = err_again(err, -ENOMEM, "no memory for a job");
    } else {
        r = send_row(m, row, &body, err);
    }
    buf_done(&body);
    return r;
}

static void report(struct import *m)
{
    static const char *const texts[FATES] = {
        [TAKEN] = "taken over",
        [THERE] = "there already, from an earlier run",
        [EXECUTED] = "not taken: started or ended there",
        [EARLIER] = "not taken: due before --since (default: now)",
        [BAD] = "not taken: no valid time or data",
        [REFUSED] = "not taken: refused by the daemon",
    };

    for (int i = 0; i < FATES; i++)
        (void)fprintf(m->c->out, "%10" PRIu64 " %s\n", m->fates[i],
                      i == TAKEN && m->dry_run ? "would be taken over"
                                               : texts[i]);
    if (m->told > TOLD)
        (void)fprintf(m->c->out, "(%" PRIu64 " more reasons were not told)\n",
                      m->told - TOLD);
}

static enum ctl_exit import(struct import *m, struct err *err)
{
    struct quartz_request q = {.url = m->c->args->operand[1],
                               .app = m->c->args->opt[OPT_APP],
                               .fn = take_row,
                               .arg = m};
    uint64_t earlier = 0;
    char from[20];
    int r;

    /* Well before, as a wall clock there may have read. */
    when_format_local(m->since_ms > MARGIN_MS ? m->since_ms - MARGIN_MS : 0,
                      NULL, from);
    q.from = from;
    progress_begin(&m->progress, m->c->err);
    r = store_quartz_read(&q, &earlier, err);
    progress_end(&m->progress);
    m->fates[EARLIER] += earlier;
    if (r == 0 || m->fates[TAKEN] > 0)
        report(m);
    if (r < 0) {
        (void)ask_failed(m->c, err);
        return m->unreachable ? CTL_UNREACHABLE : CTL_REFUSED;
    }
    return m->fates[BAD] + m->fates[REFUSED] > 0 ? CTL_REFUSED : CTL_OK;
}

enum ctl_exit run_import(struct ctl *c)
{
    const char *since = c->args->opt[OPT_SINCE];
    const char *zone = c->args->opt[OPT_TIMEZONE];
    struct import m = {.c = c,
                       .since_ms = clock_wall_ms(),
                       .dry_run = c->args->opt[OPT_DRY_RUN] != NULL};
    enum ctl_exit x;
    struct err err;
    int r = 0;

    if (strcmp(c->args->operand[0], "quartz") != 0)
        r = err_set(&err, -EINVAL, "what can be imported is: quartz");
    else if (c->args->opt[OPT_APP] == NULL)
        r = err_set(&err, -EINVAL, "--app is needed");
    if (r == 0 && zone != NULL)
        r = zone_load(zone, &m.zone, &err);
    if (r == 0 && since != NULL)
        r = when_parse(since, strlen(since), m.zone, &m.since_ms, &err);
    x = r < 0 ? ask_usage(c, &err) : import(&m, &err);
    zone_free(&m.zone);
    return x;
}
