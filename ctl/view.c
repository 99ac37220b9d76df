/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/view.c - the daemon's answers for people; see view.h.
 */
#include "config.h"

#include "view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "print.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define PATH_MAX_BYTES 512
#define TREE_DEPTH 16
#define APP_COLUMNS 11

/* ---- members ------------------------------------------------------------- */

static const cJSON *member(const cJSON *o, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(o, name);
}

/* A scalar as text in out[size], or its own string; NULL when there is none. */
static const char *scalar(const cJSON *v, char *out, size_t size)
{
    if (cJSON_IsString(v))
        return v->valuestring;
    if (cJSON_IsBool(v))
        return cJSON_IsTrue(v) ? "true" : "false";
    if (!cJSON_IsNumber(v))
        return NULL;
    if (v->valuedouble >= -9007199254740992.0 &&
        v->valuedouble <= 9007199254740992.0 &&
        v->valuedouble == (double)(int64_t)v->valuedouble)
        (void)snprintf(out, size, "%" PRId64, (int64_t)v->valuedouble);
    else
        (void)snprintf(out, size, "%g", v->valuedouble);
    return out;
}

struct cell {
    char text[PRINT_TIME];
};

static const char *text_of(const cJSON *o, const char *name, struct cell *c)
{
    return scalar(member(o, name), c->text, sizeof(c->text));
}

static int64_t number_of(const cJSON *o, const char *name)
{
    const cJSON *v = member(o, name);

    if (!cJSON_IsNumber(v) || v->valuedouble < 0 || v->valuedouble > 1e15)
        return -1;
    return (int64_t)v->valuedouble;
}

/* ---- any object ---------------------------------------------------------- */

static void add_tree(struct table *t, const char *path, const cJSON *v,
                     unsigned depth)
{
    char below[PATH_MAX_BYTES];
    const cJSON *e;
    struct cell c;
    size_t i = 0;

    if ((!cJSON_IsObject(v) && !cJSON_IsArray(v)) || depth == TREE_DEPTH) {
        const char *row[] = {path, scalar(v, c.text, sizeof(c.text))};

        table_add(t, row);
        return;
    }
    cJSON_ArrayForEach(e, v)
    {
        if (cJSON_IsObject(v))
            (void)snprintf(below, sizeof(below), "%s%s%s", path,
                           *path != '\0' ? "." : "", e->string);
        else
            (void)snprintf(below, sizeof(below), "%s[%zu]", path, i++);
        add_tree(t, below, e, depth + 1);
    }
}

void view_tree(FILE *f, const cJSON *doc)
{
    static const char *const names[] = {"", ""};
    struct table t;

    table_init(&t, names, COUNT(names));
    t.whole = true;
    add_tree(&t, "", doc, 0);
    table_print(&t, f, false);
    table_done(&t);
}

/* ---- lists --------------------------------------------------------------- */

/* What the store has counted of an app. */
static const cJSON *counts_of(const cJSON *doc, const char *app)
{
    const cJSON *c;
    struct cell cell;

    cJSON_ArrayForEach(c, member(doc, "counts"))
    {
        const char *name = text_of(c, "app", &cell);

        if (name != NULL && app != NULL && strcmp(name, app) == 0)
            return c;
    }
    return NULL;
}

static bool is_app(const cJSON *doc, const char *name)
{
    const cJSON *a;
    struct cell cell;

    cJSON_ArrayForEach(a, member(doc, "apps"))
    {
        const char *known = text_of(a, "name", &cell);

        if (known != NULL && strcmp(known, name) == 0)
            return true;
    }
    return false;
}

static const char *p99_of(const cJSON *a, struct cell *c)
{
    int64_t ms = number_of(a, "latenessP99Ms");

    if (ms < 0)
        return NULL;
    print_duration(ms, c->text);
    return c->text;
}

/* a: as it is served, or NULL; n: its counts, or NULL. */
static void add_app(struct table *t, const cJSON *a, const cJSON *n)
{
    struct cell c[APP_COLUMNS];
    const char *row[APP_COLUMNS] = {
        a != NULL ? text_of(a, "name", &c[0]) : text_of(n, "app", &c[0]),
        text_of(a, "plugin", &c[1]),
        text_of(a, "version", &c[2]),
        a != NULL ? text_of(a, "state", &c[3]) : "not configured",
        text_of(n, "pending", &c[4]),
        text_of(a, "queued", &c[5]),
        text_of(a, "openAttempts", &c[6]),
        text_of(n, "succeeded", &c[7]),
        text_of(n, "retried", &c[8]),
        text_of(n, "dead", &c[9]),
        p99_of(a, &c[10]),
    };

    table_add(t, row);
}

void view_apps(FILE *f, const cJSON *doc)
{
    static const char *const names[APP_COLUMNS] = {
        "APP",   "PLUGIN",     "VERSION",  "STATE", ">PENDING", ">QUEUED",
        ">OPEN", ">SUCCEEDED", ">RETRIED", ">DEAD", ">LATE P99"};
    struct table t;
    const cJSON *e;
    struct cell c;

    table_init(&t, names, APP_COLUMNS);
    cJSON_ArrayForEach(e, member(doc, "apps"))
    {
        add_app(&t, e, counts_of(doc, text_of(e, "name", &c)));
    }
    cJSON_ArrayForEach(e, member(doc, "counts"))
    {
        const char *name = text_of(e, "app", &c);

        if (name != NULL && !is_app(doc, name))
            add_app(&t, NULL, e);
    }
    table_print(&t, f, true);
    table_done(&t);
}

/* As text, or as base64 with a mark. */
static const char *key_of(const cJSON *o, struct cell *c)
{
    const char *key = text_of(o, "key", c);

    return key != NULL ? key : text_of(o, "keyBase64", c);
}

void view_jobs(FILE *f, const cJSON *doc, int64_t now_ms, bool header)
{
    static const char *const names[] = {"JOB",      "APP",      "KEY", "STATE",
                                        "PRIORITY", ">ATTEMPT", "DUE", "WHEN"};
    struct cell c[COUNT(names)];
    struct table t;
    const cJSON *j;

    table_init(&t, names, COUNT(names));
    cJSON_ArrayForEach(j, member(doc, "jobs"))
    {
        int64_t due = number_of(j, "dueTimeMs");
        const char *row[] = {
            text_of(j, "jobId", &c[0]),
            text_of(j, "app", &c[1]),
            key_of(j, &c[2]),
            text_of(j, "state", &c[3]),
            text_of(j, "priority", &c[4]),
            text_of(j, "attempt", &c[5]),
            text_of(j, "dueTime", &c[6]),
            due >= 0 ? c[7].text : NULL,
        };

        if (due >= 0)
            print_relative(due - now_ms, c[7].text);
        table_add(&t, row);
    }
    table_print(&t, f, header);
    table_done(&t);
}

void view_executions(FILE *f, const cJSON *doc)
{
    static const char *const names[] = {"JOB",      "APP",    "KEY",
                                        ">ATTEMPT", "STATUS", "STARTED",
                                        ">LATE",    ">TOOK",  "ERROR"};
    struct cell c[COUNT(names)];
    struct table t;
    const cJSON *e;

    table_init(&t, names, COUNT(names));
    cJSON_ArrayForEach(e, member(doc, "executions"))
    {
        int64_t due = number_of(e, "scheduledTimeMs");
        int64_t start = number_of(e, "startTimeMs");
        int64_t took = number_of(e, "durationMs");
        bool first = number_of(e, "attemptNumber") == 1;
        bool late = first && due >= 0 && start >= due;
        const char *row[] = {
            text_of(e, "jobId", &c[0]),
            text_of(e, "app", &c[1]),
            key_of(e, &c[2]),
            text_of(e, "attemptNumber", &c[3]),
            text_of(e, "status", &c[4]),
            text_of(e, "startTime", &c[5]),
            late ? c[6].text : NULL,
            took >= 0 ? c[7].text : NULL,
            text_of(e, "errorMessage", &c[8]),
        };

        if (late)
            print_duration(start - due, c[6].text);
        if (took >= 0)
            print_duration(took, c[7].text);
        table_add(&t, row);
    }
    table_print(&t, f, true);
    table_done(&t);
}

/* ---- one job ------------------------------------------------------------- */

static void show_payload(FILE *f, struct span text)
{
    struct json *doc = NULL;
    struct span raw;

    if (json_parse(text.data, text.len, &doc, NULL) < 0)
        return;
    raw = json_raw(doc, "payload");
    if (raw.data != NULL) {
        (void)fputs("payload\n", f);
        print_text(f, raw.data, raw.len);
        (void)fputc('\n', f);
    }
    json_free(&doc);
}

void view_job(FILE *f, const cJSON *doc, struct span text, int64_t now_ms)
{
    static const char *const names[] = {"", ""};
    int64_t due = number_of(doc, "dueTimeMs");
    char when[PRINT_TIME];
    struct table t;
    const cJSON *v;
    struct cell c;

    table_init(&t, names, COUNT(names));
    t.whole = true;
    cJSON_ArrayForEach(v, doc)
    {
        size_t n = strlen(v->string);
        const char *row[] = {v->string, scalar(v, c.text, sizeof(c.text))};

        if (strcmp(v->string, "payload") == 0 ||
            (n > 2 && strcmp(v->string + n - 2, "Ms") == 0))
            continue; /* below; and times stand there as text, too */
        if (cJSON_IsObject(v) || cJSON_IsArray(v))
            add_tree(&t, v->string, v, 0);
        else
            table_add(&t, row);
        if (strcmp(v->string, "dueTime") == 0 && due >= 0) {
            const char *more[] = {"", when};

            print_relative(due - now_ms, when);
            table_add(&t, more);
        }
    }
    table_print(&t, f, false);
    table_done(&t);
    show_payload(f, text);
}

/* ---- changes and problems ------------------------------------------------ */

static void print_member(FILE *f, const char *before, const char *text)
{
    if (text == NULL)
        return;
    (void)fputs(before, f);
    print_text(f, text, strlen(text));
}

void view_change(FILE *f, const cJSON *doc)
{
    static const char *const parts[][2] = {{"jobId", "job "},
                                           {"app", "app "},
                                           {"key", "key "},
                                           {"dueTime", "due "}};
    const cJSON *data = member(doc, "data"), *line;
    const char *sep = ": ";
    struct cell c;

    print_member(f, "", text_of(doc, "message", &c));
    for (size_t i = 0; i < COUNT(parts); i++) {
        const char *text = text_of(data, parts[i][0], &c);

        if (text == NULL)
            continue;
        (void)fputs(sep, f);
        print_member(f, parts[i][1], text);
        sep = ", ";
    }
    (void)fputc('\n', f);
    cJSON_ArrayForEach(line, member(data, "report"))
    {
        print_member(f, "  ", scalar(line, c.text, sizeof(c.text)));
        (void)fputc('\n', f);
    }
}

void view_problem(FILE *f, long status, const cJSON *doc, struct span text)
{
    const char *detail = NULL;
    const cJSON *line;
    struct cell c;

    detail = text_of(doc, "detail", &c);
    if (detail == NULL)
        detail = text_of(doc, "reason", &c);
    (void)fprintf(f, "ontimectl: the daemon answers %ld", status);
    if (detail != NULL) {
        print_member(f, ": ", detail);
    } else if (text.len > 0) {
        (void)fputs(": ", f);
        print_text(f, text.data, text.len < 300 ? text.len : 300);
    }
    (void)fputc('\n', f);
    cJSON_ArrayForEach(line, member(doc, "report"))
    {
        print_member(f, "  ", scalar(line, c.text, sizeof(c.text)));
        (void)fputc('\n', f);
    }
}
