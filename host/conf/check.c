/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/check.c - settings seen together.  One thread.
 */
#include "config.h"

#include "conf/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/forms.h"
#include "conf/report.h"

/* A place to complain about: a row of the conf or of one block. */
struct subject {
    const char *pattern;
    enum conf_place in;
    size_t index;
};

#define HOST(p) ((struct subject){(p), CONF_IN_CONF, 0})
#define SOURCE(i, p) ((struct subject){"sources.*." p, CONF_IN_SOURCE, (i)})
#define APP(i, p) ((struct subject){"apps.*." p, CONF_IN_APP, (i)})

static const struct conf_block *block_of(const struct conf_build *b,
                                         struct subject s)
{
    const struct conf_private *p = b->c->priv;

    if (s.in == CONF_IN_CONF)
        return NULL;
    return s.in == CONF_IN_APP ? &p->apps[s.index] : &p->sources[s.index];
}

static struct conf_origin *origin_of(const struct conf_build *b,
                                     struct subject s)
{
    return &conf_build_origins(b->c, s.in,
                               s.index)[conf_row_index(conf_row(s.pattern))];
}

static bool is_set(const struct conf_build *b, struct subject s)
{
    return origin_of(b, s)->layer != CONF_BY_DEFAULT;
}

static void derived(const struct conf_build *b, struct subject s)
{
    *origin_of(b, s) = (struct conf_origin){.layer = CONF_BY_RULE};
}

/* Where the setting stands, else where its block does. */
static const struct conf_origin *place_of(const struct conf_build *b,
                                          struct subject s)
{
    const struct conf_block *block = block_of(b, s);

    if (block == NULL || origin_of(b, s)->layer == CONF_BY_FILE ||
        origin_of(b, s)->layer == CONF_BY_ENVIRONMENT ||
        origin_of(b, s)->layer == CONF_BY_OVERRIDE)
        return origin_of(b, s);
    return &block->at;
}

static void __attribute__((format(printf, 3, 4)))
wrong(struct conf_build *b, struct subject s, const char *fmt, ...)
{
    const struct conf_block *block = block_of(b, s);
    char path[CONF_PATH_MAX], text[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    conf_path_of(s.pattern, block != NULL ? block->key : "", path,
                 sizeof(path));
    conf_report_error(b, place_of(b, s), path, "%s", text);
}

/* ---- what depends ------------------------------------------------------ */

static void replace(struct conf_build *b, char **field, const char *value)
{
    char *copy = strdup(value);

    if (copy == NULL) {
        b->no_memory = true;
        return;
    }
    free(*field);
    *field = copy;
}

static void derive_instance(struct conf_build *b)
{
    char name[256];

    if (is_set(b, HOST("instance.id")))
        return;
    if (gethostname(name, sizeof(name) - 1) < 0 || name[0] == '\0')
        (void)snprintf(name, sizeof(name), "localhost");
    name[64] = '\0';
    if (conf_form_name(name) != NULL)
        (void)snprintf(name, sizeof(name), "localhost");
    replace(b, &b->c->instance_id, name);
    derived(b, HOST("instance.id"));
}

static int64_t longest(const struct conf_app *a)
{
    int64_t most = a->backoff_table_len > 0 ? 0 : a->backoff_first_ms;

    for (size_t i = 0; i < a->backoff_table_len; i++) {
        if (a->backoff_table_ms[i] > most)
            most = a->backoff_table_ms[i];
    }
    return most;
}

static void derive_retry(struct conf_build *b, size_t i)
{
    struct conf_app *a = &b->c->apps[i];

    if (!is_set(b, APP(i, "retry.cap")) && longest(a) > a->backoff_cap_ms) {
        a->backoff_cap_ms = longest(a);
        derived(b, APP(i, "retry.cap"));
    }
    if (a->backoff_table_len == 0)
        return;
    if (!is_set(b, APP(i, "retry.max_attempts"))) {
        a->max_attempts = (int64_t)a->backoff_table_len + 1;
        derived(b, APP(i, "retry.max_attempts"));
    }
    if (!is_set(b, APP(i, "retry.jitter"))) {
        a->backoff_jitter = 0;
        derived(b, APP(i, "retry.jitter"));
    }
}

static void derive_app(struct conf_build *b, size_t i)
{
    struct conf_app *a = &b->c->apps[i];

    if (a->name[0] == '\0') {
        replace(b, &a->name, b->c->priv->apps[i].key);
        derived(b, APP(i, "name"));
    }
    if (a->burst == 0 && a->rate > 0) {
        a->burst = (int64_t)a->rate;
        a->burst += (double)a->burst < a->rate;
        derived(b, APP(i, "burst"));
    }
    derive_retry(b, i);
}

void conf_check_derive(struct conf_build *b)
{
    struct conf *c = b->c;

    derive_instance(b);
    for (size_t i = 0; i < c->app_count; i++)
        derive_app(b, i);
}

/* ---- what cannot be ---------------------------------------------------- */

static void check_host(struct conf_build *b)
{
    const struct conf *c = b->c;

    if (!c->http_allow_remote && !conf_form_is_loopback(c->http_listen))
        wrong(b, HOST("http.listen"),
              "other machines can reach %s, and there is no authentication; "
              "use 127.0.0.1, or set http.allow_remote = true",
              c->http_listen);
    if (c->dispatch_workers > c->dispatch_max_workers)
        wrong(b, HOST("dispatch.workers"),
              "%lld is more than dispatch.max_workers (%lld)",
              (long long)c->dispatch_workers,
              (long long)c->dispatch_max_workers);
}

static void check_dlq(struct conf_build *b, size_t i)
{
    const struct conf_source *s = &b->c->sources[i];

    if (s->dlq_topic[0] == '\0' && strcmp(s->on_bad, "dead_letter") == 0)
        wrong(b, SOURCE(i, "dlq_topic"),
              "needed for bad messages, unless on_bad = \"drop\"");
    for (size_t k = 0; k < b->c->source_count; k++) {
        if (strcmp(s->dlq_topic, b->c->sources[k].topic) != 0 ||
            (k != i && !b->c->sources[k].enabled))
            continue;
        wrong(b, SOURCE(i, "dlq_topic"),
              "%s is read by source %s: bad messages would go round in circles",
              s->dlq_topic, b->c->sources[k].name);
        break;
    }
}

static void check_twins(struct conf_build *b, size_t i)
{
    const struct conf_source *s = &b->c->sources[i];

    for (size_t k = 0; k < i; k++) {
        const struct conf_source *other = &b->c->sources[k];

        if (s->enabled && other->enabled &&
            strcmp(s->topic, other->topic) == 0 &&
            strcmp(s->group_id, other->group_id) == 0)
            wrong(b, SOURCE(i, "topic"),
                  "source %s reads %s in the same group (%s)", other->name,
                  s->topic, s->group_id);
    }
}

static void check_source(struct conf_build *b, size_t i)
{
    const struct conf_source *s = &b->c->sources[i];

    if (s->enable_auto_commit)
        wrong(b, SOURCE(i, "enable_auto_commit"),
              "cannot be true: positions are stored in one transaction with "
              "the jobs; automatic commits would lose jobs in a crash");
    if (s->app[0] != '\0' && conf_find_app(b->c, s->app) == NULL)
        wrong(b, SOURCE(i, "app"), "there is no app %s", s->app);
    if (s->time_field[0] != '\0' && s->app[0] == '\0')
        wrong(b, SOURCE(i, "time_field"),
              "needs sources.%s.app: bare messages do not name one", s->name);
    check_dlq(b, i);
    check_twins(b, i);
}

static void check_retry(struct conf_build *b, size_t i)
{
    const struct conf_app *a = &b->c->apps[i];

    if (longest(a) > a->backoff_cap_ms)
        wrong(b, APP(i, "retry.cap"), "is shorter than retry.%s",
              a->backoff_table_len > 0 ? "delays" : "first");
    if (a->backoff_table_len > 0 &&
        (int64_t)a->backoff_table_len > a->max_attempts - 1)
        conf_report_warning(
            b, place_of(b, APP(i, "retry.delays")), "",
            "app %s: %lld attempts have %lld delays between them; "
            "the other %lld of retry.delays are never used",
            a->name, (long long)a->max_attempts, (long long)a->max_attempts - 1,
            (long long)a->backoff_table_len - a->max_attempts + 1);
}

static void check_app(struct conf_build *b, size_t i)
{
    const struct conf_app *a = &b->c->apps[i];

    if (a->plugin[0] == '\0')
        wrong(b, APP(i, "plugin"),
              "must be set: the plugin's file in "
              "plugins.dir without .so");
    for (size_t k = 0; k < i; k++) {
        if (strcmp(a->name, b->c->apps[k].name) == 0)
            wrong(b, APP(i, "name"), "app %s is there already: apps.%s",
                  a->name, b->c->priv->apps[k].key);
    }
    if (strcmp(a->delivery, "exactly_once") == 0 && b->c->kafka_embedded)
        wrong(b, APP(i, "delivery"),
              "exactly_once needs a real broker: readers of the embedded one "
              "see aborted transactions, and it forgets all at the end");
    if (strcmp(a->misfire, "fire_within") == 0 && a->misfire_ms == 0)
        wrong(b, APP(i, "misfire_within"),
              "must be more than 0 with misfire = \"fire_within\"");
    check_retry(b, i);
}

void conf_check_all(struct conf_build *b)
{
    check_host(b);
    for (size_t i = 0; i < b->c->source_count; i++)
        check_source(b, i);
    for (size_t i = 0; i < b->c->app_count; i++)
        check_app(b, i);
}
