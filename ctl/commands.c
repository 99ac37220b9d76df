/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/commands.c - ontimectl's commands; see commands.h.
 */
#include "config.h"

#include "commands.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "ask.h"
#include "audit.h"
#include "base/clock.h"
#include "build.h"
#include "input.h"
#include "print.h"
#include "view.h"

#define PAGE_MAX 1000
#define WATCH_MS 2000
#define SENT_MAX ((size_t)64 << 20)

static const char *opt(const struct ctl *c, enum opt o)
{
    return c->args->opt[o];
}

/* ---- showing ------------------------------------------------------------- */

typedef void show_fn(FILE *f, const cJSON *doc);

/* Prints the answer: raw, or by show (NULL: as text).  Ends it. */
static enum ctl_exit print_answer(struct ctl *c, struct answer *a,
                                  show_fn *show)
{
    enum ctl_exit x = CTL_OK;
    cJSON *doc = NULL;

    if (opt(c, OPT_JSON) != NULL) {
        ask_raw(c, &a->body);
    } else if (show == NULL) {
        print_text(c->out, a->body.data, a->body.len);
    } else {
        doc = cJSON_ParseWithLength(a->body.data, a->body.len);
        if (doc != NULL) {
            show(c->out, doc);
        } else {
            (void)fputs("ontimectl: the answer is not JSON: is that ontimed?\n",
                        c->err);
            x = CTL_REFUSED;
        }
    }
    cJSON_Delete(doc);
    answer_done(a);
    return x;
}

static enum ctl_exit simple(struct ctl *c, const char *method, const char *path,
                            show_fn *show)
{
    struct buf b = BUF_INIT(65536);
    struct answer a;
    enum ctl_exit x;

    buf_adds(&b, path);
    x = ask(c, method, &b, (struct span){0}, &a);
    if (x == CTL_OK)
        x = print_answer(c, &a, show);
    buf_done(&b);
    return x;
}

/* Once, or with --watch again and again, on a fresh screen each time. */
static enum ctl_exit repeat(struct ctl *c, enum ctl_exit (*once)(struct ctl *c))
{
    bool watch = opt(c, OPT_WATCH) != NULL;
    enum ctl_exit x;

    do {
        if (watch && isatty(fileno(c->out)) == 1)
            (void)fputs("\033[H\033[2J", c->out);
        x = once(c);
        (void)fflush(c->out);
        if (watch && x == CTL_OK)
            (void)poll(NULL, 0, WATCH_MS);
    } while (watch && x == CTL_OK);
    return x;
}

/* ---- commands that look -------------------------------------------------- */

static enum ctl_exit status_once(struct ctl *c)
{
    return simple(c, "GET", "/api/v1/status", view_tree);
}

static enum ctl_exit run_status(struct ctl *c)
{
    return repeat(c, status_once);
}

static enum ctl_exit apps_once(struct ctl *c)
{
    return simple(c, "GET", "/api/v1/apps", view_apps);
}

static enum ctl_exit run_apps(struct ctl *c)
{
    return repeat(c, apps_once);
}

/* The page after cursor `after`; *after becomes that of the next, "" at the
 * end. */
static enum ctl_exit jobs_page(struct ctl *c, int64_t limit, char after[32],
                               bool first)
{
    struct buf path = BUF_INIT(65536);
    char number[24];
    const cJSON *next;
    struct answer a;
    enum ctl_exit x;
    cJSON *doc;

    (void)snprintf(number, sizeof(number), "%" PRId64, limit);
    buf_adds(&path, "/api/v1/jobs");
    build_param(&path, "app", opt(c, OPT_APP));
    build_param(&path, "key", opt(c, OPT_KEY));
    build_param(&path, "state", opt(c, OPT_STATE));
    build_param(&path, "due_from", opt(c, OPT_DUE_FROM));
    build_param(&path, "due_to", opt(c, OPT_DUE_TO));
    build_param(&path, "limit", number);
    build_param(&path, "after", *after != '\0' ? after : NULL);
    x = ask(c, "GET", &path, (struct span){0}, &a);
    buf_done(&path);
    if (x != CTL_OK)
        return x;
    doc = cJSON_ParseWithLength(a.body.data, a.body.len);
    next = cJSON_GetObjectItemCaseSensitive(doc, "next");
    (void)snprintf(after, 32, "%s",
                   cJSON_IsString(next) ? next->valuestring : "");
    if (opt(c, OPT_JSON) != NULL)
        ask_raw(c, &a.body);
    else
        view_jobs(c->out, doc, clock_wall_ms(), first);
    cJSON_Delete(doc);
    answer_done(&a);
    return CTL_OK;
}

static enum ctl_exit jobs_once(struct ctl *c)
{
    int64_t left = 100;
    char after[32] = "";
    enum ctl_exit x;
    bool first = true;

    if (opt(c, OPT_LIMIT) != NULL)
        left = strtoll(opt(c, OPT_LIMIT), NULL, 10);
    else if (opt(c, OPT_ALL) != NULL)
        left = INT64_MAX;
    do {
        int64_t page = left < PAGE_MAX ? left : PAGE_MAX;

        x = jobs_page(c, page, after, first);
        left -= page;
        first = false;
    } while (x == CTL_OK && left > 0 && after[0] != '\0');
    if (x == CTL_OK && after[0] != '\0' && opt(c, OPT_JSON) == NULL)
        (void)fputs("(there are more: --limit N or --all)\n", c->out);
    return x;
}

static int check_limit(const struct ctl *c, struct err *err)
{
    const char *text = opt(c, OPT_LIMIT);

    if (text != NULL && (*text == '\0' || *text == '0' || strlen(text) > 9 ||
                         strspn(text, "0123456789") != strlen(text)))
        return err_set(err, -EINVAL, "--limit %.32s is not a number above 0",
                       text);
    return 0;
}

static enum ctl_exit run_jobs(struct ctl *c)
{
    struct err err;

    if (check_limit(c, &err) < 0)
        return ask_usage(c, &err);
    return repeat(c, jobs_once);
}

static enum ctl_exit run_executions(struct ctl *c)
{
    struct buf path = BUF_INIT(65536);
    struct answer a;
    enum ctl_exit x;
    struct err err;

    if (check_limit(c, &err) < 0)
        return ask_usage(c, &err);
    buf_adds(&path, "/api/v1/executions");
    build_param(&path, "app", opt(c, OPT_APP));
    build_param(&path, "limit", opt(c, OPT_LIMIT));
    x = ask(c, "GET", &path, (struct span){0}, &a);
    if (x == CTL_OK)
        x = print_answer(c, &a, view_executions);
    buf_done(&path);
    return x;
}

static enum ctl_exit job_executions(struct ctl *c, struct buf *path)
{
    struct answer a;
    enum ctl_exit x;

    buf_adds(path, "/executions");
    x = ask(c, "GET", path, (struct span){0}, &a);
    if (x != CTL_OK)
        return x;
    if (opt(c, OPT_JSON) == NULL)
        (void)fputs("\nexecutions\n", c->out);
    return print_answer(c, &a, view_executions);
}

static enum ctl_exit run_job(struct ctl *c)
{
    struct buf path = BUF_INIT(65536);
    struct answer a;
    enum ctl_exit x;
    struct err err;
    cJSON *doc;

    if (build_job_path(&path, c->args->operand[0], "", &err) < 0) {
        buf_done(&path);
        return ask_usage(c, &err);
    }
    x = ask(c, "GET", &path, (struct span){0}, &a);
    if (x == CTL_OK && opt(c, OPT_JSON) != NULL) {
        x = print_answer(c, &a, NULL);
    } else if (x == CTL_OK) {
        doc = cJSON_ParseWithLength(a.body.data, a.body.len);
        view_job(c->out, doc, (struct span){a.body.data, a.body.len},
                 clock_wall_ms());
        cJSON_Delete(doc);
        answer_done(&a);
    }
    if (x == CTL_OK)
        x = job_executions(c, &path);
    buf_done(&path);
    return x;
}

static void show_health(FILE *f, const cJSON *doc)
{
    const cJSON *s = cJSON_GetObjectItemCaseSensitive(doc, "status");

    if (cJSON_IsString(s))
        print_text(f, s->valuestring, strlen(s->valuestring));
    (void)fputc('\n', f);
}

static enum ctl_exit run_health(struct ctl *c)
{
    return simple(c, "GET", "/health", show_health);
}

static enum ctl_exit run_metrics(struct ctl *c)
{
    return simple(c, "GET", "/metrics", NULL);
}

/* ---- commands that change ------------------------------------------------ */

static enum ctl_exit send_change(struct ctl *c, const char *method,
                                 struct buf *path, struct span body)
{
    struct answer a;
    enum ctl_exit x = ask(c, method, path, body, &a);

    return x == CTL_OK ? print_answer(c, &a, view_change) : x;
}

static enum ctl_exit run_schedule(struct ctl *c)
{
    struct buf path = BUF_INIT(64), body = BUF_INIT(SENT_MAX);
    struct buf data = BUF_INIT(SENT_MAX);
    enum ctl_exit x;
    struct err err;
    int r;

    r = input_data(opt(c, OPT_DATA), &data, &err);
    if (r == 0)
        r = build_schedule(&body, c->args, (struct span){data.data, data.len},
                           clock_wall_ms(), &err);
    if (r < 0) {
        x = ask_usage(c, &err);
    } else {
        buf_adds(&path, "/api/v1/jobs");
        x = send_change(c, "POST", &path, (struct span){body.data, body.len});
    }
    buf_done(&data);
    buf_done(&body);
    buf_done(&path);
    return x;
}

/* A changing request about the job of the first operand. */
static enum ctl_exit change_job(struct ctl *c, const char *method,
                                const char *tail, struct span body)
{
    struct buf path = BUF_INIT(256);
    enum ctl_exit x;
    struct err err;

    if (build_job_path(&path, c->args->operand[0], tail, &err) < 0)
        x = ask_usage(c, &err);
    else
        x = send_change(c, method, &path, body);
    buf_done(&path);
    return x;
}

static enum ctl_exit run_cancel(struct ctl *c)
{
    bool by_key = opt(c, OPT_APP) != NULL && opt(c, OPT_KEY) != NULL;
    bool any = opt(c, OPT_APP) != NULL || opt(c, OPT_KEY) != NULL;
    struct buf path = BUF_INIT(65536);
    enum ctl_exit x;
    struct err err;

    if (c->args->operands == 1 && !any)
        return change_job(c, "DELETE", "", (struct span){0});
    if (c->args->operands > 0 || !by_key) {
        (void)err_set(&err, -EINVAL,
                      "either a job's number, or --app and --key");
        return ask_usage(c, &err);
    }
    buf_adds(&path, "/api/v1/jobs");
    build_param(&path, "app", opt(c, OPT_APP));
    build_param(&path, "key", opt(c, OPT_KEY));
    x = send_change(c, "DELETE", &path, (struct span){0});
    buf_done(&path);
    return x;
}

static enum ctl_exit run_reschedule(struct ctl *c)
{
    struct buf body = BUF_INIT(4096);
    enum ctl_exit x;
    struct err err;

    buf_adds(&body, "{\"scheduledTime\":");
    if (build_time(&body, c->args, clock_wall_ms(), &err) < 0) {
        x = ask_usage(c, &err);
    } else {
        buf_addc(&body, '}');
        x = change_job(c, "PUT", "/schedule",
                       (struct span){body.data, body.len});
    }
    buf_done(&body);
    return x;
}

static enum ctl_exit run_run(struct ctl *c)
{
    return change_job(c, "POST", "/run", (struct span){0});
}

static enum ctl_exit run_reload(struct ctl *c)
{
    return simple(c, "POST", "/api/v1/reload", view_change);
}

/* A look at the store, or a word to the daemon. */
static enum ctl_exit run_slots_or_accept(struct ctl *c)
{
    const char *slot = c->args->operand[1];
    char path[80];
    struct err err;

    if (c->args->operands == 0)
        return run_slots(c);
    if (c->args->operands == 2 &&
        strcmp(c->args->operand[0], "accept-ledger-loss") == 0 &&
        slot[0] != '\0' && strlen(slot) < 4 &&
        strspn(slot, "0123456789") == strlen(slot)) {
        snprintf(path, sizeof(path), "/api/v1/ledger/accept-loss?slot=%s",
                 slot);
        return simple(c, "POST", path, view_change);
    }
    (void)err_set(&err, -EINVAL,
                  "slots takes nothing, or accept-ledger-loss "
                  "and a slot's number");
    return ask_usage(c, &err);
}

/* ---- the table ----------------------------------------------------------- */

#define B(o) OPT_BIT(OPT_##o)

const struct command commands_table[] = {
    {"status", "", 0, 0, B(WATCH), run_status,
     "The daemon at a glance: version, uptime, window, store, sources."},
    {"apps", "", 0, 0, B(WATCH), run_apps,
     "The apps with their plugins, states and counts."},
    {"jobs", "", 0, 0,
     B(APP) | B(KEY) | B(STATE) | B(DUE_FROM) | B(DUE_TO) | B(LIMIT) | B(ALL) |
         B(WATCH),
     run_jobs, "The live jobs, the next one due first."},
    {"job", "ID", 1, 1, 0, run_job, "One job, its data and its executions."},
    {"executions", "", 0, 0, B(APP) | B(LIMIT), run_executions,
     "The newest executions."},
    {"schedule", "", 0, 0,
     B(APP) | B(AT) | B(IN) | B(KEY) | B(PRIORITY) | B(IDEMPOTENCY) | B(DATA),
     run_schedule, "Stores a job: --app, --at or --in, and --data."},
    {"cancel", "[ID]", 0, 1, B(APP) | B(KEY), run_cancel,
     "Cancels a job, named by its number or by --app and --key."},
    {"reschedule", "ID", 1, 1, B(AT) | B(IN), run_reschedule,
     "Gives a job another due time."},
    {"run", "ID", 1, 1, 0, run_run, "Makes a job due now."},
    {"audit", "TOPIC", 1, 1,
     B(APP) | B(LIMIT) | B(KAFKA) | B(KAFKA_CONFIG) | B(MATCH) | B(HEADER) |
         B(SINCE) | B(UNTIL) | B(MEMORY) | B(IGNORE_UNKNOWN),
     audit_run,
     "Compares the jobs that have fired with a topic: missing and doubled "
     "ones.\nExit codes: 0 clean, 1 differences, 2 trouble."},
    {"reload", "", 0, 0, 0, run_reload,
     "Reads the configuration again; says why when it is refused."},
    {"health", "", 0, 0, 0, run_health, "Is it ready?  Exit code 1 when not."},
    {"metrics", "", 0, 0, 0, run_metrics, "The metrics, as Prometheus text."},
    {"backup", "FILE", 1, 1, B(STORE) | B(RATE) | B(VERIFY), run_backup,
     "Copies a SQLite store to FILE while ontimed goes on using it."},
    {"convert", "FROM TO", 2, 2, B(DRY_RUN), run_convert,
     "Makes the new store TO with all that FROM has; ontimed is stopped."},
    {"import", "quartz URL", 2, 2, B(APP) | B(SINCE) | B(TIMEZONE) | B(DRY_RUN),
     run_import,
     "Hands the pending jobs of a Quartz-based scheduler's MySQL database to "
     "ontimed."},
    {"slots", "[accept-ledger-loss SLOT]", 0, 2, B(STORE), run_slots_or_accept,
     "A store's slots: which instance holds which, and how many shards.\nOr: "
     "what the ledger of a held slot lacks may be sent again."},
};
const size_t commands_count =
    sizeof(commands_table) / sizeof(commands_table[0]);

const struct command *commands_find(const char *name)
{
    for (size_t i = 0; i < commands_count; i++) {
        if (strcmp(commands_table[i].name, name) == 0)
            return &commands_table[i];
    }
    return NULL;
}

enum ctl_exit commands_run(const struct command *cmd, struct ctl *c)
{
    enum opt foreign = args_foreign(c->args, cmd->options);
    struct err err;

    if (foreign != OPTS) {
        (void)err_set(&err, -EINVAL, "%s does not take --%s", cmd->name,
                      args_options[foreign].name);
        return ask_usage(c, &err);
    }
    if (c->args->operands < cmd->min || c->args->operands > cmd->max) {
        (void)err_set(&err, -EINVAL, "%s takes %s", cmd->name,
                      cmd->operands[0] != '\0' ? cmd->operands : "nothing");
        return ask_usage(c, &err);
    }
    return cmd->run(c);
}
