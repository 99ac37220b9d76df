/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd/uri.c - a request target taken apart; see uri.h.
 *
 * Everything is decoded in place, in one copy of the target: decoding only
 * ever makes text shorter.  Separators are found before anything is decoded,
 * so an escaped '/' or '&' is an ordinary character.
 */
#include "config.h"

#include "httpd/uri.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decodes s in place. */
static int decode(char *s, bool plus, struct err *err)
{
    char *start = s, *to = s;

    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;

        if (c == '%') {
            int hi = hex(s[1]);
            int lo = hi < 0 ? -1 : hex(s[2]);

            if (lo < 0)
                return err_set(err, -EINVAL, "broken %% escape in the address");
            c = (unsigned char)(hi * 16 + lo);
            s += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c < 0x20 || c == 0x7f)
            return err_set(err, -EINVAL, "control character in the address");
        *to++ = (char)c;
    }
    *to = '\0';
    if (!utf8_valid(start, (size_t)(to - start)))
        return err_set(err, -EINVAL, "the address is not UTF-8");
    return 0;
}

static int parse_path(char *path, struct uri *u, struct err *err)
{
    char *rest = path, *part;

    while (rest != NULL && *rest != '\0') {
        int r;

        part = strsep(&rest, "/");
        if (u->segments == URI_SEGMENTS)
            return err_set(err, -EINVAL, "more than %d parts in the path",
                           URI_SEGMENTS);
        r = decode(part, false, err);
        if (r < 0)
            return r;
        u->segment[u->segments++] = part;
    }
    return 0;
}

static int parse_query(char *query, struct uri *u, struct err *err)
{
    char *part;

    while ((part = strsep(&query, "&")) != NULL) {
        char *value = part;
        char *name = strsep(&value, "=");
        int r;

        if (*name == '\0' && value == NULL)
            continue; /* "a=1&" */
        if (u->params == URI_PARAMS)
            return err_set(err, -EINVAL, "more than %d parameters", URI_PARAMS);
        r = decode(name, true, err);
        if (r == 0 && value != NULL)
            r = decode(value, true, err);
        if (r < 0)
            return r;
        if (uri_param(u, name) != NULL)
            return err_set(err, -EINVAL, "parameter %.64s is given twice",
                           name);
        u->param[u->params].name = name;
        u->param[u->params++].value = value != NULL ? value : "";
    }
    return 0;
}

/* Where the path begins; NULL when target has none. */
static const char *path_of(const char *target)
{
    if (strncmp(target, "http://", 7) == 0)
        target = strchr(target + 7, '/');
    return target != NULL && *target == '/' ? target : NULL;
}

int uri_parse(const char *target, struct uri *ret, struct err *err)
{
    const char *path = path_of(target);
    char *query;
    int r;

    memset(ret, 0, sizeof(*ret));
    if (path == NULL || strchr(path, '#') != NULL)
        return err_set(err, -EINVAL, "the address is not a path");
    ret->text = strdup(path + 1);
    if (ret->text == NULL)
        return err_again(err, -ENOMEM, "no memory for the address");
    query = strchr(ret->text, '?');
    if (query != NULL)
        *query++ = '\0';
    r = parse_path(ret->text, ret, err);
    if (r == 0 && query != NULL)
        r = parse_query(query, ret, err);
    return r;
}

void uri_done(struct uri *u)
{
    free(u->text);
    memset(u, 0, sizeof(*u));
}

const char *uri_param(const struct uri *u, const char *name)
{
    for (size_t i = 0; i < u->params; i++) {
        if (strcmp(u->param[i].name, name) == 0)
            return u->param[i].value;
    }
    return NULL;
}
