/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/value.c - the types that a plugin's settings can have; see value.h.
 */
#include "config.h"

#include "plug/value.h"

#include <stdlib.h>
#include <string.h>

#include "conf/conf.h"
#include "job/when.h"
#include "plug/settings.h"

static int in_range(const struct ontime_setting *row, double v, struct err *err)
{
    if (row->min >= row->max && row->min >= 0 && row->max <= 0)
        return 0; /* both 0: no limit */
    if (v >= row->min && v <= row->max)
        return 0;
    return err_set(err, -EINVAL, "must be between %.15g and %.15g%s", row->min,
                   row->max, row->type == ONTIME_DURATION ? " ms" : "");
}

static int parse_string(const struct ontime_setting *row, const char *text,
                        char kind, struct plugin_value *v, struct err *err)
{
    (void)row;
    if (kind != 's')
        return err_set(err, -EINVAL, "must be a text in \"quotes\"");
    v->text = strdup(text);
    return v->text != NULL ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static int parse_secret(const struct ontime_setting *row, const char *text,
                        char kind, struct plugin_value *v, struct err *err)
{
    (void)row;
    if (kind != 's')
        return err_set(err, -EINVAL, "must be a text in \"quotes\"");
    return conf_secret(text, &v->text, err);
}

static int parse_int(const struct ontime_setting *row, const char *text,
                     char kind, struct plugin_value *v, struct err *err)
{
    char *end;
    long long n;

    errno = 0;
    n = strtoll(text, &end, 0);
    if ((kind != 'i' && kind != 's') || end == text || *end != '\0' ||
        errno != 0 || text[0] == ' ')
        return err_set(err, -EINVAL, "must be a whole number");
    v->num = n;
    return in_range(row, (double)n, err);
}

static int parse_float(const struct ontime_setting *row, const char *text,
                       char kind, struct plugin_value *v, struct err *err)
{
    char *end;

    v->real = strtod(text, &end);
    if (kind == 'b' || end == text || *end != '\0' || text[0] == ' ' ||
        !(v->real - v->real <= 0)) /* infinite or no number */
        return err_set(err, -EINVAL, "must be a number");
    return in_range(row, v->real, err);
}

static int parse_bool(const struct ontime_setting *row, const char *text,
                      char kind, struct plugin_value *v, struct err *err)
{
    (void)row;
    v->num = strcmp(text, "true") == 0;
    if ((kind != 'b' && kind != 's') ||
        (v->num == 0 && strcmp(text, "false") != 0))
        return err_set(err, -EINVAL, "must be true or false");
    return 0;
}

static int parse_duration(const struct ontime_setting *row, const char *text,
                          char kind, struct plugin_value *v, struct err *err)
{
    if ((kind != 'i' && kind != 's') || duration_parse(text, &v->num) < 0)
        return err_set(err, -EINVAL,
                       "must be a duration such as \"500ms\", \"5s\", "
                       "\"15min\" or \"2h\"");
    return in_range(row, (double)v->num, err);
}

typedef int value_parse_fn(const struct ontime_setting *row, const char *text,
                           char kind, struct plugin_value *v, struct err *err);

static const struct {
    const char *name;
    value_parse_fn *parse;
} types[] = {
    [ONTIME_STRING] = {"string", parse_string},
    [ONTIME_INT] = {"integer", parse_int},
    [ONTIME_FLOAT] = {"number", parse_float},
    [ONTIME_BOOL] = {"boolean", parse_bool},
    [ONTIME_DURATION] = {"duration", parse_duration},
    [ONTIME_SECRET] = {"secret", parse_secret},
};

const char *plugin_type_name(int32_t type)
{
    if (type < 0 || (size_t)type >= sizeof(types) / sizeof(types[0]))
        return NULL;
    return types[type].name;
}

int plugin_value_parse(const struct ontime_setting *row, const char *text,
                       char kind, struct plugin_value *ret, struct err *err)
{
    struct plugin_value v = {.set = true};
    int r = types[row->type].parse(row, text, kind, &v, err);

    if (r < 0) {
        plugin_value_done(&v, row->type);
        return r;
    }
    *ret = v;
    return 0;
}

void plugin_value_done(struct plugin_value *v, int32_t type)
{
    if (v->text != NULL && type == ONTIME_SECRET)
        explicit_bzero(v->text, strlen(v->text));
    free(v->text);
    *v = (struct plugin_value){0};
}

bool plugin_value_same(const struct plugin_value *a,
                       const struct plugin_value *b)
{
    if (a->set != b->set || a->num != b->num ||
        memcmp(&a->real, &b->real, sizeof(a->real)) != 0)
        return false;
    if (a->text == NULL || b->text == NULL)
        return a->text == b->text;
    return strcmp(a->text, b->text) == 0;
}
