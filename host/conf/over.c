/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/over.c - the environment and -o.  One thread.
 */
#include "config.h"

#include "conf/over.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "conf/report.h"

#define PREFIX "ONTIME_"

/* "NAME=value" or "path=value": copies what is before the `=`; false when
 * there is none or it is too long to be ours. */
static bool split(const char *s, char *left, size_t len, const char **value)
{
    size_t n = strcspn(s, "=");

    if (s[n] != '=' || n == 0 || n >= len)
        return false;
    memcpy(left, s, n);
    left[n] = '\0';
    *value = s + n + 1;
    return true;
}

void conf_over_options(struct conf_build *b, const char *const *options,
                       size_t count)
{
    const struct conf_origin at = {.layer = CONF_BY_OVERRIDE, .file = "-o"};

    for (size_t i = 0; i < count && !b->no_memory; i++) {
        struct conf_raw raw = {.said = CONF_SAID_WORD};
        char path[CONF_PATH_MAX];

        if (split(options[i], path, sizeof(path), &raw.s))
            conf_build_set(b, path, &raw, &at);
        else
            conf_report_error(b, &at, "",
                              "\"%.80s\" is not of the form path=value",
                              options[i]);
    }
}

/* ---- environment ------------------------------------------------------- */

/* "KAFKA__BOOTSTRAP_SERVERS" to "kafka.bootstrap_servers". */
static void path_from(const char *name, char *path)
{
    for (; *name != '\0'; name++) {
        if (name[0] == '_' && name[1] == '_') {
            *path++ = '.';
            name++;
        } else {
            *path++ = (char)tolower((unsigned char)*name);
        }
    }
    *path = '\0';
}

/* Writes the name as it stands in the files over its lower-case form. */
static void respell(char *part, size_t len, const char *known)
{
    if (strlen(known) == len && strncasecmp(part, known, len) == 0)
        memcpy(part, known, len);
}

/* Upper case has lost how the names of blocks and plugins' settings are
 * written; those that exist are found whatever their case. */
static void restore_case(const struct conf *c, char *path)
{
    struct conf_where w;
    size_t index;
    char *key;

    (void)conf_where(path, &w);
    if (w.in == CONF_IN_CONF)
        return;
    key = strchr(path, '.') + 1;
    for (size_t i = 0; i < conf_build_count(c, w.in); i++)
        respell(
            key, strlen(w.key),
            (w.in == CONF_IN_APP ? c->priv->apps : c->priv->sources)[i].key);
    (void)conf_where(path, &w);
    if (w.name == NULL || conf_build_find(c, w.in, w.key, &index) == NULL)
        return;
    for (size_t i = 0; i < c->apps[index].setting_count; i++)
        respell(path + (w.name - path), strlen(w.name),
                c->apps[index].settings[i].name);
}

/* ontimectl's variables, which may well be in the same environment. */
static bool is_of_client(const char *name)
{
    return strcmp(name, "ONTIME_SOCKET") == 0 ||
           strcmp(name, "ONTIME_URL") == 0;
}

static void take_variable(struct conf_build *b, const char *name,
                          const char *value)
{
    const struct conf_origin at = {.layer = CONF_BY_ENVIRONMENT,
                                   .file = conf_build_name(b, name)};
    const struct conf_raw raw = {.said = CONF_SAID_WORD, .s = value};
    char path[CONF_PATH_MAX];
    struct conf_where w;

    if (is_of_client(name))
        return;
    path_from(name + strlen(PREFIX), path);
    restore_case(b->c, path);
    if (!conf_where(path, &w) || w.group)
        conf_report_warning(b, &at, "", "no such setting (%s); ignored", path);
    else
        conf_build_set(b, path, &raw, &at);
}

void conf_over_environment(struct conf_build *b, char *const *env)
{
    for (; *env != NULL && !b->no_memory; env++) {
        char name[CONF_PATH_MAX];
        const char *value;

        if (strncmp(*env, PREFIX, strlen(PREFIX)) != 0)
            continue;
        if (split(*env, name, sizeof(name), &value))
            take_variable(b, name, value);
    }
}
