/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/audit_store.c - what the store knows, asked through the daemon; see
 * audit.h.
 */
#include "config.h"

#include "audit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "build.h"

#define LIVE_PAGE "1000"
#define HISTORY_PAGE "10000"
#define PATH_MAX_BYTES 65536

/* ---- asking -------------------------------------------------------------- */

static int refused(const struct answer *an, const cJSON *doc, struct err *err)
{
    const cJSON *detail = cJSON_GetObjectItemCaseSensitive(doc, "detail");

    if (cJSON_IsString(detail))
        return err_set(err, -ECOMM, "the daemon says: %.300s",
                       detail->valuestring);
    return err_set(err, -ECOMM, "the daemon answers with status %ld",
                   an->status);
}

int audit_ask(struct audit *a, const char *path, cJSON **ret, struct err *err)
{
    struct answer an;
    cJSON *doc;
    int r = client_call(a->c->client, "GET", path, (struct span){0}, &an, err);

    if (r < 0)
        return r;
    doc = cJSON_ParseWithLength(an.body.data, an.body.len);
    if (an.status != 200)
        r = refused(&an, doc, err);
    else if (doc == NULL)
        r = err_set(err, -ECOMM, "the answer is not JSON: is that ontimed?");
    answer_done(&an);
    if (r < 0)
        cJSON_Delete(doc);
    else
        *ret = doc;
    return r;
}

/* ---- rows ---------------------------------------------------------------- */

static int digit64(char c)
{
    static const char abc[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *p = c != '\0' ? strchr(abc, c) : NULL;

    return p != NULL ? (int)(p - abc) : -1;
}

static void add_base64(struct buf *out, const char *text)
{
    uint32_t bits = 0;
    int n = 0;

    for (; digit64(*text) >= 0; text++) {
        bits = bits << 6 | (uint32_t)digit64(*text);
        n += 6;
        if (n < 8)
            continue;
        n -= 8;
        buf_addc(out, (char)(bits >> n & 0xff));
    }
}

/* The key of a row: as text, or as base64 where it is no text. */
static void add_key(struct buf *out, const cJSON *row)
{
    const cJSON *key = cJSON_GetObjectItemCaseSensitive(row, "key");

    if (cJSON_IsString(key)) {
        buf_adds(out, key->valuestring);
        return;
    }
    key = cJSON_GetObjectItemCaseSensitive(row, "keyBase64");
    if (cJSON_IsString(key))
        add_base64(out, key->valuestring);
}

static int64_t number(const cJSON *row, const char *name)
{
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(row, name);

    return cJSON_IsNumber(v) ? (int64_t)v->valuedouble : 0;
}

static struct account_job identity(const cJSON *row)
{
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(row, "jobId");

    return (struct account_job){
        cJSON_IsString(id) ? strtoll(id->valuestring, NULL, 10) : 0,
        (uint32_t)number(row, "version")};
}

/* What the record of that row's job is found by. */
static struct span sign(const struct audit *a, const cJSON *row, struct buf *b)
{
    buf_reset(b);
    if (a->match.by_id)
        buf_addi(b, identity(row).id);
    else
        add_key(b, row);
    return (struct span){b->data != NULL ? b->data : "", b->len};
}

static int take_live(struct audit *a, const cJSON *row, struct buf *b,
                     struct err *err)
{
    const struct account_job job = identity(row);

    return account_live(&a->account, sign(a, row, b), &job, err);
}

static int take_execution(struct audit *a, const cJSON *row, struct buf *b,
                          struct err *err)
{
    const cJSON *status = cJSON_GetObjectItemCaseSensitive(row, "status");
    const struct account_job job = identity(row);

    if (!cJSON_IsString(status) || strcmp(status->valuestring, "SUCCESS") != 0)
        return 0;
    return account_finished(&a->account, sign(a, row, b), &job,
                            audit_zone(a, number(row, "endTimeMs")), err);
}

/* ---- pages --------------------------------------------------------------- */

typedef int take_fn(struct audit *a, const cJSON *row, struct buf *b,
                    struct err *err);

static int take_page(struct audit *a, const cJSON *rows, take_fn *take,
                     int64_t *n, struct err *err)
{
    struct buf b = BUF_INIT(1 << 20);
    const cJSON *row;
    int r = 0;

    cJSON_ArrayForEach(row, rows)
    {
        ++*n;
        r = take(a, row, &b, err);
        if (r < 0)
            break;
    }
    buf_done(&b);
    return r;
}

/* All pages of a list: path is its address with a query, list the array. */
static int take_all(struct audit *a, const char *path, const char *list,
                    take_fn *take, struct err *err)
{
    struct buf at = BUF_INIT(PATH_MAX_BYTES);
    char after[64] = "";
    int64_t n = 0;
    int r = 0;

    do {
        const cJSON *next;
        cJSON *doc = NULL;

        buf_reset(&at);
        buf_adds(&at, path);
        build_param(&at, "after", after[0] != '\0' ? after : NULL);
        if (buf_cstr(&at) == NULL)
            r = err_set(err, -ENOMEM, "no memory");
        if (r == 0)
            r = audit_ask(a, at.data, &doc, err);
        if (r == 0)
            r = take_page(a, cJSON_GetObjectItemCaseSensitive(doc, list), take,
                          &n, err);
        next = cJSON_GetObjectItemCaseSensitive(doc, "next");
        (void)snprintf(after, sizeof(after), "%s",
                       cJSON_IsString(next) ? next->valuestring : "");
        cJSON_Delete(doc);
        audit_progress(a, list, n, 0);
    } while (r == 0 && after[0] != '\0');
    buf_done(&at);
    return r;
}

static void add_time(struct buf *b, const char *name, int64_t ms)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRId64, ms);
    build_param(b, name, text);
}

/* Nothing fires before its time: only what is due can be on its way. */
static int read_live(struct audit *a, struct err *err)
{
    struct buf path = BUF_INIT(PATH_MAX_BYTES);
    int r;

    buf_adds(&path, "/api/v1/jobs");
    build_param(&path, "app", a->app);
    build_param(&path, "limit", LIVE_PAGE);
    add_time(&path, "due_to", clock_wall_ms() + AUDIT_EDGE_MS);
    r = buf_cstr(&path) != NULL ? take_all(a, path.data, "jobs", take_live, err)
                                : err_set(err, -ENOMEM, "no memory");
    buf_done(&path);
    return r;
}

static int read_history(struct audit *a, struct err *err)
{
    struct buf path = BUF_INIT(PATH_MAX_BYTES);
    int r;

    buf_adds(&path, "/api/v1/history");
    build_param(&path, "app", a->app);
    build_param(&path, "limit", HISTORY_PAGE);
    if (a->since > AUDIT_EDGE_MS)
        add_time(&path, "from", a->since - AUDIT_EDGE_MS);
    if (a->until < INT64_MAX - AUDIT_EDGE_MS)
        add_time(&path, "to", a->until + AUDIT_EDGE_MS);
    r = buf_cstr(&path) != NULL
            ? take_all(a, path.data, "executions", take_execution, err)
            : err_set(err, -ENOMEM, "no memory");
    buf_done(&path);
    return r;
}

int audit_read_store(struct audit *a, struct err *err)
{
    int r = read_live(a, err);

    return r < 0 ? r : read_history(a, err);
}

void audit_key_of(struct audit *a, int64_t job, struct buf *out)
{
    cJSON *doc = NULL;
    char path[64];

    (void)snprintf(path, sizeof(path), "/api/v1/jobs/%" PRId64, job);
    if (audit_ask(a, path, &doc, NULL) == 0)
        add_key(out, doc);
    cJSON_Delete(doc);
}
