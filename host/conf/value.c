/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/value.c - checking what was said against a row and keeping it.  Any
 * thread; no locks.
 */
#include "config.h"

#include "conf/value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "conf/conf.h"
#include "conf/show.h"
#include "conf/text.h"

static void *field_of(void *base, size_t offset)
{
    return (char *)base + offset;
}

static const void *field_in(const void *base, size_t offset)
{
    return (const char *)base + offset;
}

static const char *text_in(const struct conf_row *row, const void *base)
{
    const char *s = *(char *const *)field_in(base, row->offset);

    return s != NULL ? s : "";
}

static void strings_free(struct conf_strings *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->at[i]);
    free(list->at);
    *list = (struct conf_strings){0};
}

void conf_value_free(const struct conf_row *row, void *base)
{
    char **text;

    switch (row->type) {
    case CONF_TEXT:
    case CONF_CHOICE:
        text = field_of(base, row->offset);
        free(*text);
        *text = NULL;
        break;
    case CONF_TEXTS:
        strings_free(field_of(base, row->offset));
        break;
    case CONF_INT:
    case CONF_FLOAT:
    case CONF_BOOL:
    case CONF_DURATION:
    case CONF_SIZE:
    case CONF_DURATIONS:
    case CONF_FREE:
        break;
    }
}

/* ---- refusing ---------------------------------------------------------- */

/* Lists of "name=value" may hold secrets: those are not repeated. */
static void add_found(const struct conf_row *row, const struct conf_raw *raw,
                      struct buf *why)
{
    buf_adds(why, ", found ");
    switch (raw->said) {
    case CONF_SAID_TEXT:
    case CONF_SAID_WORD:
        if (row->type == CONF_TEXTS)
            buf_adds(why, "a text");
        else
            buf_add_json(why, raw->s, strnlen(raw->s, 80));
        break;
    case CONF_SAID_INT:
        buf_addi(why, raw->i);
        break;
    case CONF_SAID_FLOAT:
        buf_addf(why, "%g", raw->f);
        break;
    case CONF_SAID_BOOL:
        buf_adds(why, raw->b ? "true" : "false");
        break;
    case CONF_SAID_LIST:
        buf_adds(why, "a list");
        break;
    case CONF_SAID_GROUP:
        buf_adds(why, "a group");
        break;
    }
}

static int refuse(const struct conf_row *row, const struct conf_raw *raw,
                  struct buf *why)
{
    buf_adds(why, "expected ");
    conf_show_expected(row, why);
    add_found(row, raw, why);
    return -EINVAL;
}

/* ---- numbers ----------------------------------------------------------- */

static int as_int(const struct conf_row *row, const struct conf_raw *raw,
                  int64_t *ret)
{
    bool text = raw->said == CONF_SAID_TEXT || raw->said == CONF_SAID_WORD;

    if (raw->said == CONF_SAID_INT) {
        *ret = raw->i;
        return 0;
    }
    if (text && (row->type == CONF_DURATION || row->type == CONF_DURATIONS))
        return conf_text_duration(raw->s, ret);
    if (text && row->type == CONF_SIZE)
        return conf_text_size(raw->s, ret);
    if (raw->said == CONF_SAID_WORD)
        return conf_text_int(raw->s, ret);
    return -EINVAL;
}

static int set_int(const struct conf_row *row, int64_t *field,
                   const struct conf_raw *raw, struct buf *why)
{
    int64_t v;

    if (as_int(row, raw, &v) < 0 || (double)v < row->min ||
        (double)v > row->max)
        return refuse(row, raw, why);
    *field = v;
    return 0;
}

static int set_float(const struct conf_row *row, double *field,
                     const struct conf_raw *raw, struct buf *why)
{
    double v = raw->f;

    if (raw->said == CONF_SAID_INT)
        v = (double)raw->i;
    else if (raw->said == CONF_SAID_WORD ? conf_text_float(raw->s, &v) < 0
                                         : raw->said != CONF_SAID_FLOAT)
        return refuse(row, raw, why);
    if (!(v >= row->min && v <= row->max))
        return refuse(row, raw, why);
    *field = v;
    return 0;
}

static int set_bool(const struct conf_row *row, bool *field,
                    const struct conf_raw *raw, struct buf *why)
{
    if (raw->said == CONF_SAID_BOOL)
        *field = raw->b;
    else if (raw->said == CONF_SAID_WORD && strcmp(raw->s, "true") == 0)
        *field = true;
    else if (raw->said == CONF_SAID_WORD && strcmp(raw->s, "false") == 0)
        *field = false;
    else
        return refuse(row, raw, why);
    return 0;
}

/* ---- texts ------------------------------------------------------------- */

static bool is_choice(const struct conf_row *row, const char *s)
{
    size_t n = strlen(s);

    for (const char *p = row->choices;;) {
        size_t len = strcspn(p, "|");

        if (len == n && memcmp(p, s, n) == 0)
            return true;
        if (p[len] == '\0')
            return false;
        p += len + 1;
    }
}

/* The value of "name=value" and what follows the scheme of a URL with a user
 * stay unseen: they may be secret. */
static void add_subject(const struct conf_row *row, const char *s,
                        struct buf *why)
{
    size_t n = strnlen(s, 80), cut = n;

    if (row->type == CONF_TEXTS)
        cut = strcspn(s, "=");
    else if (strchr(s, '@') != NULL)
        cut = strcspn(s, ":");
    n = cut < n ? cut : n;
    buf_add_json(why, s, n);
    buf_adds(why, ": ");
}

static int check_text(const struct conf_row *row, const struct conf_raw *raw,
                      struct buf *why)
{
    const char *bad;

    if (raw->said != CONF_SAID_TEXT && raw->said != CONF_SAID_WORD)
        return refuse(row, raw, why);
    if (!utf8_valid(raw->s, strlen(raw->s))) {
        buf_adds(why, "not valid UTF-8");
        return -EINVAL;
    }
    if (row->type == CONF_CHOICE && !is_choice(row, raw->s))
        return refuse(row, raw, why);
    bad = row->bad != NULL ? row->bad(raw->s) : NULL;
    if (bad == NULL)
        return 0;
    add_subject(row, raw->s, why);
    buf_adds(why, bad);
    return -EINVAL;
}

static int keep_text(char **field, const char *s)
{
    char *copy = strdup(s);

    if (copy == NULL)
        return -ENOMEM;
    free(*field);
    *field = copy;
    return 0;
}

/* ---- lists ------------------------------------------------------------- */

static int keep_texts(struct conf_strings *field, const struct conf_raw *list)
{
    struct conf_strings made = {0};

    if (list->count > 0)
        made.at = calloc(list->count, sizeof(*made.at));
    if (list->count > 0 && made.at == NULL)
        return -ENOMEM;
    for (; made.count < list->count; made.count++) {
        made.at[made.count] = strdup(list->items[made.count].s);
        if (made.at[made.count] == NULL) {
            strings_free(&made);
            return -ENOMEM;
        }
    }
    strings_free(field);
    *field = made;
    return 0;
}

static int set_texts(const struct conf_row *row, void *base,
                     const struct conf_raw *list, struct buf *why)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].said != CONF_SAID_TEXT)
            return refuse(row, &list->items[i], why);
        if (check_text(row, &list->items[i], why) < 0)
            return -EINVAL;
    }
    return keep_texts(field_of(base, row->offset), list);
}

static int set_durations(const struct conf_row *row, void *base,
                         const struct conf_raw *list, struct buf *why)
{
    int64_t table[CONF_DELAYS_MAX] = {0};

    if (list->count > CONF_DELAYS_MAX)
        return refuse(row, list, why);
    for (size_t i = 0; i < list->count; i++) {
        if (set_int(row, &table[i], &list->items[i], why) < 0)
            return -EINVAL;
    }
    memcpy(field_of(base, row->offset), table, sizeof(table));
    *(size_t *)field_of(base, row->offset2) = list->count;
    return 0;
}

static void free_items(struct conf_raw *list)
{
    for (size_t i = 0; i < list->count; i++)
        free((char *)(uintptr_t)list->items[i].s);
    free(list->items);
}

/* Makes the list that a word stands for: "a,b\\,c". */
static int split_items(const char *s, struct conf_raw *list)
{
    size_t cap = 1;

    for (const char *p = s; *p != '\0'; p++)
        cap += *p == ',';
    list->said = CONF_SAID_LIST;
    list->count = 0;
    list->items = calloc(cap, sizeof(*list->items));
    if (list->items == NULL)
        return -ENOMEM;
    while (*s != '\0') {
        char *item = conf_text_item(&s);

        if (item == NULL) {
            free_items(list);
            return -ENOMEM;
        }
        list->items[list->count].said = CONF_SAID_TEXT;
        list->items[list->count++].s = item;
    }
    return 0;
}

static int set_list(const struct conf_row *row, void *base,
                    const struct conf_raw *raw, struct buf *why)
{
    struct conf_raw list = *raw;
    bool split = raw->said == CONF_SAID_WORD;
    int r;

    if (!split && raw->said != CONF_SAID_LIST)
        return refuse(row, raw, why);
    if (split && split_items(raw->s, &list) < 0)
        return -ENOMEM;
    r = row->type == CONF_TEXTS ? set_texts(row, base, &list, why)
                                : set_durations(row, base, &list, why);
    if (split)
        free_items(&list);
    return r;
}

int conf_value_set(const struct conf_row *row, void *base,
                   const struct conf_raw *raw, struct buf *why)
{
    void *field = field_of(base, row->offset);

    switch (row->type) {
    case CONF_TEXT:
    case CONF_CHOICE:
        if (check_text(row, raw, why) < 0)
            return -EINVAL;
        return keep_text(field, raw->s);
    case CONF_INT:
    case CONF_DURATION:
    case CONF_SIZE:
        return set_int(row, field, raw, why);
    case CONF_FLOAT:
        return set_float(row, field, raw, why);
    case CONF_BOOL:
        return set_bool(row, field, raw, why);
    case CONF_TEXTS:
    case CONF_DURATIONS:
        return set_list(row, base, raw, why);
    case CONF_FREE:
        break;
    }
    return -EINVAL;
}

int conf_value_default(const struct conf_row *row, void *base)
{
    const char *s = row->fallback != NULL ? row->fallback : "";
    struct conf_raw raw = {.said = CONF_SAID_WORD, .s = s};
    struct buf why = BUF_INIT(1024);
    int r;

    if (row->type == CONF_FREE)
        return 0;
    if (row->type == CONF_TEXT || row->type == CONF_CHOICE)
        return keep_text(field_of(base, row->offset), s);
    r = conf_value_set(row, base, &raw, &why);
    buf_done(&why);
    return r;
}

/* ---- comparing --------------------------------------------------------- */

static bool strings_equal(const struct conf_strings *a,
                          const struct conf_strings *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (strcmp(a->at[i], b->at[i]) != 0)
            return false;
    }
    return true;
}

bool conf_value_equal(const struct conf_row *row, const void *a, const void *b)
{
    const void *x = field_in(a, row->offset), *y = field_in(b, row->offset);

    switch (row->type) {
    case CONF_TEXT:
    case CONF_CHOICE:
        return strcmp(text_in(row, a), text_in(row, b)) == 0;
    case CONF_INT:
    case CONF_DURATION:
    case CONF_SIZE:
        return *(const int64_t *)x == *(const int64_t *)y;
    case CONF_FLOAT:
        return memcmp(x, y, sizeof(double)) == 0;
    case CONF_BOOL:
        return *(const bool *)x == *(const bool *)y;
    case CONF_TEXTS:
        return strings_equal(x, y);
    case CONF_DURATIONS:
        return *(const size_t *)field_in(a, row->offset2) ==
                   *(const size_t *)field_in(b, row->offset2) &&
               memcmp(x, y, CONF_DELAYS_MAX * sizeof(int64_t)) == 0;
    case CONF_FREE:
        break;
    }
    return true;
}
