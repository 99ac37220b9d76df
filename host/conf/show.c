/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/show.c - values and expectations as text.  Pure, any thread.
 */
#include "config.h"

#include "conf/show.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conf/forms.h"
#include "conf/text.h"

static bool named_ms(const struct conf_row *row)
{
    size_t n = strlen(row->path);

    return n > 3 && strcmp(row->path + n - 3, "_ms") == 0;
}

/* A text, without the password of "scheme://user:password@host". */
static void add_url(struct buf *out, const char *s)
{
    const char *start = strstr(s, "://");
    const char *at = strrchr(s, '@');
    const char *colon = start != NULL ? strchr(start + 3, ':') : NULL;
    struct buf shown = BUF_INIT(1 << 20);

    if (at != NULL && colon != NULL && colon < at) {
        buf_add(&shown, s, (size_t)(colon - s) + 1);
        buf_adds(&shown, CONF_MASK);
        buf_adds(&shown, at);
        s = buf_cstr(&shown);
    }
    conf_text_add_string(out, s != NULL ? s : "");
    buf_done(&shown);
}

/* "name=value", the value masked when the name says that it is secret. */
static void add_pair(struct buf *out, const char *s)
{
    size_t n = strcspn(s, "=");
    struct buf shown = BUF_INIT(1 << 20);

    buf_add(&shown, s, n);
    if (s[n] == '=' && buf_cstr(&shown) != NULL &&
        conf_form_is_secret(buf_cstr(&shown)) &&
        !conf_form_is_reference(s + n + 1)) {
        buf_adds(&shown, "=" CONF_MASK);
        s = buf_cstr(&shown);
    }
    conf_text_add_string(out, s != NULL ? s : "");
    buf_done(&shown);
}

static void show_texts(const struct conf_strings *list, struct buf *out)
{
    buf_adds(out, "[");
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0)
            buf_adds(out, ", ");
        add_pair(out, list->at[i]);
    }
    buf_adds(out, "]");
}

static void show_durations(const int64_t *table, size_t n, struct buf *out)
{
    buf_adds(out, "[");
    for (size_t i = 0; i < n; i++) {
        buf_adds(out, i > 0 ? ", \"" : "\"");
        conf_text_add_duration(out, (double)table[i]);
        buf_adds(out, "\"");
    }
    buf_adds(out, "]");
}

static void show_amount(const struct conf_row *row, int64_t v, struct buf *out)
{
    if (row->type == CONF_INT || named_ms(row)) {
        conf_text_add_int(out, v);
        return;
    }
    buf_adds(out, "\"");
    if (row->type == CONF_SIZE)
        conf_text_add_size(out, (double)v);
    else
        conf_text_add_duration(out, (double)v);
    buf_adds(out, "\"");
}

void conf_show_value(const struct conf_row *row, const void *base,
                     struct buf *out)
{
    const void *field = (const char *)base + row->offset;
    const char *text;

    switch (row->type) {
    case CONF_TEXT:
    case CONF_CHOICE:
        text = *(char *const *)field;
        add_url(out, text != NULL ? text : "");
        break;
    case CONF_INT:
    case CONF_DURATION:
    case CONF_SIZE:
        show_amount(row, *(const int64_t *)field, out);
        break;
    case CONF_FLOAT:
        conf_text_add_float(out, *(const double *)field);
        break;
    case CONF_BOOL:
        buf_adds(out, *(const bool *)field ? "true" : "false");
        break;
    case CONF_TEXTS:
        show_texts(field, out);
        break;
    case CONF_DURATIONS:
        show_durations(
            field,
            *(const size_t *)(const void *)((const char *)base + row->offset2),
            out);
        break;
    case CONF_FREE:
        break;
    }
}

void conf_show_setting(const struct conf_plugin_setting *s, struct buf *out)
{
    if (conf_form_is_secret(s->name) && !conf_form_is_reference(s->value))
        conf_text_add_string(out, CONF_MASK);
    else if (s->kind == 's')
        conf_text_add_string(out, s->value);
    else if (s->kind == 'i')
        conf_text_add_int(out, strtoll(s->value, NULL, 10));
    else
        buf_adds(out, s->value);
}

static void expect_number(const struct conf_row *row, struct buf *out)
{
    bool whole = row->type == CONF_INT;

    buf_adds(out, whole ? "a whole number from " : "a number from ");
    buf_addf(out, "%.15g to %.15g", row->min, row->max);
    if (row->unit != NULL)
        buf_addf(out, " (%s)", row->unit);
}

static void expect_duration(const struct conf_row *row, struct buf *out)
{
    conf_text_add_duration(out, row->min);
    buf_adds(out, " to ");
    conf_text_add_duration(out, row->max);
}

static void expect_choice(const struct conf_row *row, struct buf *out)
{
    const char *p = row->choices;

    for (;;) {
        size_t n = strcspn(p, "|");

        buf_addf(out, "\"%.*s\"", (int)n, p);
        if (p[n] == '\0')
            break;
        p += n + 1;
        buf_adds(out, strchr(p, '|') != NULL ? ", " : " or ");
    }
}

void conf_show_expected(const struct conf_row *row, struct buf *out)
{
    switch (row->type) {
    case CONF_TEXT:
        buf_adds(out, "a text in quotes");
        break;
    case CONF_CHOICE:
        expect_choice(row, out);
        break;
    case CONF_INT:
    case CONF_FLOAT:
        expect_number(row, out);
        break;
    case CONF_BOOL:
        buf_adds(out, "true or false");
        break;
    case CONF_DURATION:
        buf_adds(out, "a time such as \"5s\" (ms, s, min, h, d; a number "
                      "alone is ms) from ");
        expect_duration(row, out);
        break;
    case CONF_SIZE:
        buf_adds(out, "a size such as \"64MB\" (KB, MB, GB; a number alone "
                      "is bytes) from ");
        conf_text_add_size(out, row->min);
        buf_adds(out, " to ");
        conf_text_add_size(out, row->max);
        break;
    case CONF_TEXTS:
        buf_adds(out, "a list of texts [\"name=value\", ...]");
        break;
    case CONF_DURATIONS:
        buf_addf(out, "a list of up to %d times [\"1s\", \"5min\", ...] from ",
                 CONF_DELAYS_MAX);
        expect_duration(row, out);
        break;
    case CONF_FREE:
        buf_adds(out, "a group of texts, numbers and booleans");
        break;
    }
}
