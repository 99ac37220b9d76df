/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/settings.c - an app's settings against the plugin's rows; see
 * settings.h.  Built on the control thread, frozen afterwards.
 */
#include "config.h"

#include "plug/settings.h"

#include <stdlib.h>
#include <string.h>

#include "plug/nearest.h"
#include "plug/value.h"

#define ROWS_MAX 256
#define SETTING_NAME_MAX 64

struct plugin_config {
    const struct ontime_setting *rows; /* borrowed; NULL: none */
    size_t count;
    struct plugin_value values[];
};

/* ---- the rows ------------------------------------------------------------ */

static size_t count_rows(const struct ontime_setting *rows)
{
    size_t n = 0;

    if (rows != NULL)
        while (n <= ROWS_MAX && rows[n].name != NULL)
            n++;
    return n;
}

static bool row_name_ok(const char *name)
{
    size_t len = strnlen(name, SETTING_NAME_MAX + 1);

    if (len > SETTING_NAME_MAX || name[0] < 'a' || name[0] > 'z')
        return false;
    for (size_t i = 1; i < len; i++)
        if (!((name[i] >= 'a' && name[i] <= 'z') ||
              (name[i] >= '0' && name[i] <= '9') || name[i] == '_'))
            return false;
    return true;
}

static int check_fallback(const struct ontime_setting *row, struct err *err)
{
    struct plugin_value v = {0};
    int r;

    if (row->fallback == NULL)
        return 0;
    if (row->required != 0)
        return err_set(err, -EINVAL, "%s: is required and has a default",
                       row->name);
    if (row->type == ONTIME_SECRET)
        return err_set(err, -EINVAL, "%s: a secret cannot have a default",
                       row->name);
    r = plugin_value_parse(row, row->fallback, 's', &v, err);
    if (r < 0)
        return err_wrap(err, "%s: its default \"%.64s\"", row->name,
                        row->fallback);
    plugin_value_done(&v, row->type);
    return 0;
}

static int check_row(const struct ontime_setting *row, struct err *err)
{
    if (!row_name_ok(row->name))
        return err_set(err, -EINVAL,
                       "\"%.64s\": a name is a letter a-z and then a-z, 0-9 "
                       "and _, at most %d in all",
                       row->name, SETTING_NAME_MAX);
    if (plugin_type_name(row->type) == NULL)
        return err_set(err, -EINVAL, "%s: type %d does not exist", row->name,
                       row->type);
    if (row->required != 0 && row->required != 1)
        return err_set(err, -EINVAL, "%s: required must be 0 or 1", row->name);
    if (!(row->min <= row->max))
        return err_set(err, -EINVAL, "%s: its least value is above its largest",
                       row->name);
    if (row->text == NULL || row->text[0] == '\0')
        return err_set(err, -EINVAL, "%s: has no text for people", row->name);
    return check_fallback(row, err);
}

int plugin_rows_check(const struct ontime_setting *rows, struct err *err)
{
    size_t n = count_rows(rows);

    if (n > ROWS_MAX)
        return err_set(err, -EINVAL,
                       "more than %d rows: is the closing {0} missing?",
                       ROWS_MAX);
    for (size_t i = 0; i < n; i++) {
        int r = check_row(&rows[i], err);

        if (r < 0)
            return r;
        for (size_t j = 0; j < i; j++)
            if (strcmp(rows[i].name, rows[j].name) == 0)
                return err_set(err, -EINVAL, "%s: stands there twice",
                               rows[i].name);
    }
    return 0;
}

/* ---- an app's values ----------------------------------------------------- */

struct check { /* one run over an app's settings */
    const struct conf_app *app;
    struct plugin_config *config;
    struct buf *report;
    struct err *first;
    int result;
};

/* Adds one line for an error at file:line; the first goes to err too. */
static void complain(struct check *c, const char *file, unsigned line,
                     const char *name, const struct err *why)
{
    struct err e;

    (void)err_set(&e, why->code, "%s:%u: app %s: %s: %s",
                  file != NULL ? file : "-", line, c->app->name, name,
                  why->text);
    if (c->report != NULL)
        (void)buf_addf(c->report, "%s\n", e.text);
    if (c->result == 0) {
        c->result = e.code;
        if (c->first != NULL)
            *c->first = e;
    }
}

static void unknown(struct check *c, const struct conf_plugin_setting *s)
{
    const struct plugin_config *config = c->config;
    struct nearest near;
    struct err why;

    nearest_begin(&near, s->name);
    for (size_t i = 0; i < config->count; i++)
        (void)nearest_offer(&near, config->rows[i].name);
    if (near.found != NULL)
        (void)err_set(&why, -EINVAL, "no such setting; did you mean %s?",
                      near.found);
    else
        (void)err_set(&why, -EINVAL, "plugin %s has no such setting",
                      c->app->plugin);
    complain(c, s->file, s->line, s->name, &why);
}

static void take(struct check *c, const struct conf_plugin_setting *s)
{
    struct plugin_config *config = c->config;
    struct err why;
    size_t i = 0;

    while (i < config->count && strcmp(config->rows[i].name, s->name) != 0)
        i++;
    if (i == config->count) {
        unknown(c, s);
        return;
    }
    plugin_value_done(&config->values[i], config->rows[i].type);
    config->values[i].set = true; /* a bad value is not a missing one too */
    if (plugin_value_parse(&config->rows[i], s->value, s->kind,
                           &config->values[i], &why) < 0)
        complain(c, s->file, s->line, s->name, &why);
}

static void take_default(struct check *c, size_t i)
{
    const struct ontime_setting *row = &c->config->rows[i];
    struct err why;

    if (c->config->values[i].set)
        return;
    if (row->required != 0) {
        (void)err_set(&why, -EINVAL,
                      "is missing; add it to the settings of the app (%s: %s)",
                      plugin_type_name(row->type), row->text);
        complain(c, c->app->file, c->app->line, row->name, &why);
    } else if (row->fallback != NULL &&
               plugin_value_parse(row, row->fallback, 's',
                                  &c->config->values[i], &why) < 0) {
        complain(c, c->app->file, c->app->line, row->name, &why);
    }
}

int plugin_config_check(const struct conf_app *app,
                        const struct ontime_setting *rows,
                        struct plugin_config **ret, struct buf *report,
                        struct err *err)
{
    struct check c = {.app = app, .report = report, .first = err};
    size_t n = count_rows(rows);

    c.config = calloc(1, sizeof(*c.config) + n * sizeof(c.config->values[0]));
    if (c.config == NULL)
        return err_set(err, -ENOMEM, "out of memory");
    c.config->rows = rows;
    c.config->count = n;
    for (size_t i = 0; i < app->setting_count; i++)
        take(&c, &app->settings[i]);
    for (size_t i = 0; i < n; i++)
        take_default(&c, i);
    if (c.result < 0)
        plugin_config_free(&c.config);
    else
        *ret = c.config;
    return c.result;
}

void plugin_config_free(struct plugin_config **pc)
{
    struct plugin_config *c = *pc;

    *pc = NULL;
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->count; i++)
        plugin_value_done(&c->values[i], c->rows[i].type);
    free(c);
}

bool plugin_config_same(const struct plugin_config *a,
                        const struct plugin_config *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->rows[i].name, b->rows[i].name) != 0 ||
            !plugin_value_same(&a->values[i], &b->values[i]))
            return false;
    return true;
}

/* ---- getters ------------------------------------------------------------- */

/* The value of that name if its type is one of the two. */
static const struct plugin_value *value_of(const struct plugin_config *c,
                                           const char *name, int32_t type,
                                           int32_t other)
{
    for (size_t i = 0; name != NULL && i < c->count; i++)
        if (strcmp(c->rows[i].name, name) == 0)
            return c->rows[i].type == type || c->rows[i].type == other
                       ? &c->values[i]
                       : NULL;
    return NULL;
}

const char *plugin_config_string(const struct plugin_config *c,
                                 const char *name)
{
    const struct plugin_value *v =
        value_of(c, name, ONTIME_STRING, ONTIME_SECRET);

    return v != NULL ? v->text : NULL;
}

int64_t plugin_config_int(const struct plugin_config *c, const char *name)
{
    const struct plugin_value *v =
        value_of(c, name, ONTIME_INT, ONTIME_DURATION);

    return v != NULL ? v->num : 0;
}

double plugin_config_float(const struct plugin_config *c, const char *name)
{
    const struct plugin_value *v = value_of(c, name, ONTIME_FLOAT, ONTIME_INT);

    if (v == NULL)
        return 0;
    return v->real + (double)v->num; /* one of the two is 0 */
}

int plugin_config_bool(const struct plugin_config *c, const char *name)
{
    const struct plugin_value *v = value_of(c, name, ONTIME_BOOL, ONTIME_BOOL);

    return v != NULL && v->num != 0;
}
