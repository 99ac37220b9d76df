/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/audit.c - "ontimectl audit": its options and its steps; see audit.h.
 */
#include "config.h"

#include "audit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "base/clock.h"
#include "base/loglevel.h"
#include "input.h"
#include "job/when.h"
#include "print.h"

#define LIMIT_DEFAULT 100
#define MEMORY_DEFAULT_MB 1024
#define PROGRESS_MS 200
#define LINES_MAX 128 /* of --kafka-config */

static const char *opt(const struct audit *a, enum opt o)
{
    return a->c->args->opt[o];
}

/* ---- progress ------------------------------------------------------------ */

void audit_progress(struct audit *a, const char *what, int64_t n, int64_t of)
{
    int64_t now = clock_boot_ms();

    if (now - a->shown_ms < PROGRESS_MS || isatty(fileno(a->c->err)) != 1)
        return;
    a->shown_ms = now;
    if (of > 0)
        (void)fprintf(a->c->err, "\r\033[K%s: %" PRId64 " (%.0f %%)", what, n,
                      n < of ? (double)n * 100 / (double)of : 100);
    else
        (void)fprintf(a->c->err, "\r\033[K%s: %" PRId64, what, n);
    (void)fflush(a->c->err);
}

void audit_progress_end(struct audit *a)
{
    if (a->shown_ms > 0)
        (void)fputs("\r\033[K", a->c->err);
    a->shown_ms = 0;
}

/* ---- options ------------------------------------------------------------- */

/* A time, or how long ago. */
static int take_time(const struct audit *a, enum opt o, int64_t *ret,
                     struct err *err)
{
    const char *text = opt(a, o);
    int64_t ms;

    if (text == NULL)
        return 0;
    if (duration_parse(text, &ms) == 0 && ms >= 0) {
        *ret = clock_wall_ms() - ms;
        return 0;
    }
    if (when_parse(text, strlen(text), NULL, ret, err) < 0)
        return err_wrap(err, "--%s %.64s", args_options[o].name, text);
    return 0;
}

static int take_number(const struct audit *a, enum opt o, int64_t *ret,
                       struct err *err)
{
    const char *text = opt(a, o);

    if (text == NULL)
        return 0;
    if (*text == '\0' || strlen(text) > 9 ||
        strspn(text, "0123456789") != strlen(text))
        return err_set(err, -EINVAL, "--%s %.32s is not a number",
                       args_options[o].name, text);
    *ret = strtoll(text, NULL, 10);
    return 0;
}

static int take_options(struct audit *a, struct err *err)
{
    int64_t limit = LIMIT_DEFAULT, memory = MEMORY_DEFAULT_MB;
    int r;

    a->topic = a->c->args->operand[0];
    a->app = opt(a, OPT_APP);
    a->header = opt(a, OPT_HEADER);
    a->pattern = opt(a, OPT_MATCH);
    a->json = opt(a, OPT_JSON) != NULL;
    a->ignore_unknown = opt(a, OPT_IGNORE_UNKNOWN) != NULL;
    a->until = INT64_MAX;
    r = take_time(a, OPT_SINCE, &a->since, err);
    if (r == 0)
        r = take_time(a, OPT_UNTIL, &a->until, err);
    if (r == 0 && a->since >= a->until)
        r = err_set(err, -EINVAL, "--since is not before --until");
    if (r == 0)
        r = take_number(a, OPT_LIMIT, &limit, err);
    if (r == 0)
        r = take_number(a, OPT_MEMORY, &memory, err);
    if (r < 0)
        return r;
    a->limit = (size_t)limit;
    /* While the table grows there is half of it besides. */
    account_init(&a->account, ((size_t)memory << 20) / 3 * 2);
    return 0;
}

/* Which app it is, if there is but one; and the pattern of its plugin. */
static int choose_app(struct audit *a, struct err *err)
{
    const cJSON *list, *row, *name, *plugin = NULL;
    cJSON *doc = NULL;
    int r = audit_ask(a, "/api/v1/apps", &doc, err);

    if (r < 0)
        return r;
    list = cJSON_GetObjectItemCaseSensitive(doc, "apps");
    if (a->app == NULL && cJSON_GetArraySize(list) != 1)
        r = err_set(err, -EINVAL, "there are several apps: --app says which");
    cJSON_ArrayForEach(row, list)
    {
        name = cJSON_GetObjectItemCaseSensitive(row, "name");
        if (r < 0 || !cJSON_IsString(name) ||
            (a->app != NULL && strcmp(name->valuestring, a->app) != 0))
            continue;
        (void)snprintf(a->app_text, sizeof(a->app_text), "%s",
                       name->valuestring);
        a->app = a->app_text;
        plugin = cJSON_GetObjectItemCaseSensitive(row, "plugin");
    }
    if (r == 0 && a->pattern == NULL)
        a->pattern = a->header != NULL ? "{key}"
                                       : match_default(cJSON_IsString(plugin)
                                                           ? plugin->valuestring
                                                           : NULL);
    cJSON_Delete(doc);
    return r < 0 ? r : match_parse(a->pattern, &a->match, err);
}

/* ---- Kafka --------------------------------------------------------------- */

/* The lines of text, in place; what is empty or begins with # is left out. */
static int split(char *text, const char **lines, struct err *err)
{
    size_t n = 0;
    char *line;

    while ((line = strsep(&text, "\n")) != NULL) {
        line += strspn(line, " \t");
        line[strcspn(line, "\r")] = '\0';
        if (*line == '\0' || *line == '#')
            continue;
        if (n == LINES_MAX - 1)
            return err_set(err, -E2BIG, "--kafka-config has too many lines");
        lines[n++] = line;
    }
    lines[n] = NULL;
    return 0;
}

static int daemons_kafka(struct audit *a, struct buf *ret, struct err *err)
{
    const cJSON *kafka;
    cJSON *doc = NULL;
    int r = audit_ask(a, "/api/v1/status", &doc, err);

    if (r < 0)
        return r;
    kafka = cJSON_GetObjectItemCaseSensitive(doc, "kafka");
    if (cJSON_IsString(kafka))
        buf_adds(ret, kafka->valuestring);
    else
        r = err_set(err, -EINVAL,
                    "the daemon does not say where Kafka is: give --kafka");
    cJSON_Delete(doc);
    return r;
}

static int open_topic(struct audit *a, struct err *err)
{
    struct buf servers = BUF_INIT(65536), config = BUF_INIT(1 << 20);
    const char *lines[LINES_MAX] = {NULL}, *file = opt(a, OPT_KAFKA_CONFIG);
    struct kafka_settings set = {.client_id = "ontimectl", .common = lines};
    int64_t from = a->since > AUDIT_EDGE_MS ? a->since - AUDIT_EDGE_MS : 0;
    char path[4096];
    int r = 0;

    if (opt(a, OPT_KAFKA) != NULL)
        buf_adds(&servers, opt(a, OPT_KAFKA));
    else
        r = daemons_kafka(a, &servers, err);
    if (r == 0 && file != NULL) {
        (void)snprintf(path, sizeof(path), "@%s", file);
        r = input_data(path, &config, err);
    }
    if (r == 0 && config.len > 0 && buf_cstr(&config) != NULL)
        r = split(config.data, lines, err);
    set.bootstrap_servers = buf_cstr(&servers);
    if (r == 0)
        r = scan_open(&set, a->topic, from, &a->scan, err);
    buf_done(&config);
    buf_done(&servers);
    return r;
}

enum account_zone audit_zone(const struct audit *a, int64_t ms)
{
    return ms >= a->since && ms < a->until ? ZONE_IN : ZONE_EDGE;
}

bool audit_record_key(const struct audit *a, const struct scan_record *rec,
                      struct span *ret)
{
    struct span text = rec->key;

    if (a->header != NULL && !scan_header(rec, a->header, &text))
        return false;
    return match_take(&a->match, text, ret);
}

struct counting {
    struct audit *a;
    int64_t n;
    struct err *err;
};

static int take_record(void *arg, const struct scan_record *rec)
{
    struct counting *c = arg;
    struct audit *a = c->a;
    bool fresh = rec->offset >= a->before[rec->partition];
    struct span key;

    if (++c->n % 1024 == 0)
        audit_progress(a, "records", c->n, a->size);
    if (a->until < INT64_MAX - AUDIT_EDGE_MS &&
        rec->timestamp_ms >= a->until + AUDIT_EDGE_MS)
        return 0;
    if (!audit_record_key(a, rec, &key)) {
        account_not_ours(&a->account);
        return 0;
    }
    return account_record(&a->account, key, audit_zone(a, rec->timestamp_ms),
                          fresh, c->err);
}

static int read_topic(struct audit *a, struct err *err)
{
    struct err why = {.code = 0};
    struct counting c = {a, 0, &why};
    int r = scan_ends(a->scan, a->ends, err);

    if (r < 0)
        return r;
    a->size = scan_size(a->scan, a->ends);
    r = scan_run(a->scan, a->ends, take_record, &c, err);
    if (r < 0 && why.code != 0 && err != NULL)
        *err = why;
    return r;
}

/* ---- the command --------------------------------------------------------- */

static int steps(struct audit *a, struct err *err)
{
    size_t n;
    int r = open_topic(a, err);

    if (r < 0)
        return r;
    n = (size_t)scan_partitions(a->scan) + 1;
    a->before = calloc(n, sizeof(*a->before));
    a->ends = calloc(n, sizeof(*a->ends));
    if (a->before == NULL || a->ends == NULL)
        return err_set(err, -ENOMEM, "no memory");
    r = scan_ends(a->scan, a->before, err);
    if (r == 0)
        r = audit_read_store(a, err);
    if (r == 0)
        r = read_topic(a, err);
    if (r == 0) {
        account_sum(&a->account, &a->sum);
        r = audit_report(a, err);
    }
    return r;
}

static enum audit_exit trouble(struct audit *a, const struct err *err)
{
    audit_progress_end(a);
    (void)fputs("ontimectl: ", a->c->err);
    print_text(a->c->err, err->text, strlen(err->text));
    (void)fputc('\n', a->c->err);
    return AUDIT_TROUBLE;
}

enum ctl_exit audit_run(struct ctl *c)
{
    struct audit a = {.c = c};
    enum audit_exit x;
    struct err err;

    /* What librdkafka has to say comes back as an error, if it matters. */
    (void)log_set_levels("off", NULL);
    if (take_options(&a, &err) < 0)
        return ask_usage(c, &err);
    if (choose_app(&a, &err) < 0 || steps(&a, &err) < 0)
        x = trouble(&a, &err);
    else
        x = account_clean(&a.account, &a.sum, a.ignore_unknown)
                ? AUDIT_CLEAN
                : AUDIT_DIFFERENCES;
    scan_close(&a.scan);
    free(a.before);
    free(a.ends);
    account_done(&a.account);
    return (enum ctl_exit)x;
}
