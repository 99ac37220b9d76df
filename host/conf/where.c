/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/where.c - from a path to its row, and from a wrong path to the nearest
 * right one.  Pure, any thread.
 */
#include "config.h"

#include "conf/where.h"

#include <stdio.h>
#include <string.h>

const struct conf_row *conf_row(const char *pattern)
{
    for (size_t i = 0; i < conf_row_count; i++) {
        if (strcmp(conf_rows[i].path, pattern) == 0)
            return &conf_rows[i];
    }
    return NULL;
}

size_t conf_row_index(const struct conf_row *row)
{
    return (size_t)(row - conf_rows);
}

/* Whether pattern names the group of some row. */
static bool is_group(const char *pattern)
{
    size_t n = strlen(pattern);

    for (size_t i = 0; i < conf_row_count; i++) {
        const char *path = conf_rows[i].path;

        if (strncmp(path, pattern, n) == 0 &&
            (path[n] == '.' ||
             (path[n] == '\0' && conf_rows[i].type == CONF_FREE)))
            return true;
    }
    return false;
}

/* Puts path into *w as pattern and key. */
static bool split_block(struct conf_where *w, const char *path)
{
    static const struct {
        const char *prefix;
        enum conf_place in;
    } kinds[] = {{"apps.", CONF_IN_APP}, {"sources.", CONF_IN_SOURCE}};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t n = strlen(kinds[i].prefix);
        size_t key;

        if (strncmp(path, kinds[i].prefix, n) != 0)
            continue;
        key = strcspn(path + n, ".");
        memcpy(w->key, path + n, key);
        w->key[key] = '\0';
        w->in = kinds[i].in;
        (void)snprintf(w->pattern, sizeof(w->pattern), "%s*%s", kinds[i].prefix,
                       path + n + key);
        return key > 0;
    }
    (void)snprintf(w->pattern, sizeof(w->pattern), "%s", path);
    return true;
}

bool conf_where(const char *path, struct conf_where *ret)
{
    static const char settings[] = "apps.*.settings.";
    const size_t n = sizeof(settings) - 1;

    memset(ret, 0, sizeof(*ret));
    if (strlen(path) >= CONF_PATH_MAX - 1 || !split_block(ret, path))
        return false;
    if (strncmp(ret->pattern, settings, n) == 0) {
        ret->name = path + strlen(path) - strlen(ret->pattern + n);
        ret->row = conf_row("apps.*.settings");
        return true;
    }
    ret->group = is_group(ret->pattern);
    if (!ret->group)
        ret->row = conf_row(ret->pattern);
    return ret->group || ret->row != NULL;
}

void conf_path_of(const char *pattern, const char *key, char *ret, size_t len)
{
    const char *star = strchr(pattern, '*');

    if (star == NULL || key[0] == '\0')
        (void)snprintf(ret, len, "%s", pattern);
    else
        (void)snprintf(ret, len, "%.*s%s%s", (int)(star - pattern), pattern,
                       key, star + 1);
}

static size_t least(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;

    return m < c ? m : c;
}

/* How many letters must be put, taken away or changed (Levenshtein). */
static size_t distance(const char *a, const char *b)
{
    size_t row[CONF_PATH_MAX];
    size_t n = strlen(b);

    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 0; a[i] != '\0'; i++) {
        size_t corner = row[0];

        row[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            size_t up = row[j + 1];

            row[j + 1] =
                least(up + 1, row[j] + 1, corner + (a[i] == b[j] ? 0 : 1));
            corner = up;
        }
    }
    return row[n];
}

static const char *last_of(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot != NULL ? dot + 1 : path;
}

/* Twice the distance; a name that was only begun, or stands in another group,
 * is near too. */
static size_t unlikeness(const char *path, const char *known)
{
    const char *a = last_of(path), *b = last_of(known);
    size_t far = 2 * distance(path, known);
    size_t group = (size_t)(a - path);

    if (strlen(a) >= 3 && group == (size_t)(b - known) &&
        strncmp(path, known, group) == 0 &&
        (strncmp(a, b, strlen(a)) == 0 || strncmp(a, b, strlen(b)) == 0))
        far = far < 2 ? far : 2;
    if (strcmp(a, b) == 0 && far > 3)
        far = 3;
    return far;
}

void conf_nearest(const struct conf_where *w, char *ret, size_t len)
{
    size_t wrong = (strlen(last_of(w->pattern)) + 1) / 3;
    size_t best = 2 * (wrong > 0 ? wrong : 1) + 2; /* nearer than this */

    ret[0] = '\0';
    if (w->pattern[0] == '\0')
        return;
    for (size_t i = 0; i < conf_row_count; i++) {
        char known[CONF_PATH_MAX];

        /* The row, and the groups that it is in. */
        (void)snprintf(known, sizeof(known), "%s", conf_rows[i].path);
        for (;;) {
            char *dot = strrchr(known, '.');
            size_t far = unlikeness(w->pattern, known);

            if (far < best) {
                best = far;
                conf_path_of(known, w->key, ret, len);
            }
            if (dot == NULL)
                break;
            *dot = '\0';
        }
    }
}
