/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/url.c - see url.h.  Blocks for disk where a password is read.
 */
#include "config.h"

#include "store/mysql/url.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PASSWORD_MAX 1024

static const char *const names[MD_PARTS] = {
    [MD_SOCKET] = "socket",
    [MD_PASSWORD_FILE] = "password_file",
    [MD_PASSWORD_ENV] = "password_env",
    [MD_SSL_CA] = "ssl_ca",
    [MD_SSL_CERT] = "ssl_cert",
    [MD_SSL_KEY] = "ssl_key",
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* A copy of n bytes with %XX decoded; NULL when that is not valid. */
static char *decode(const char *s, size_t n)
{
    char *out = malloc(n + 1);
    size_t len = 0;

    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        int hi = 0, lo = 0;

        if (s[i] != '%') {
            out[len++] = s[i];
            continue;
        }
        hi = i + 2 < n ? hex_digit(s[i + 1]) : -1;
        lo = i + 2 < n ? hex_digit(s[i + 2]) : -1;
        if (hi < 0 || lo < 0 || hi * 16 + lo == 0) {
            free(out);
            return NULL;
        }
        out[len++] = (char)(hi * 16 + lo);
        i += 2;
    }
    out[len] = '\0';
    return out;
}

static int set_part(struct md_url *u, enum md_part which, const char *s,
                    size_t n, struct err *err)
{
    free(u->part[which]);
    u->part[which] = decode(s, n);
    if (u->part[which] == NULL)
        return err_set(err, -EINVAL,
                       "store url: a part is not %%-encoded "
                       "as it should be");
    if (u->part[which][0] == '\0') {
        free(u->part[which]);
        u->part[which] = NULL;
    }
    return 0;
}

static int set_switch(const char *v, size_t n, bool *ret, struct err *err)
{
    *ret = n == 2 && strncasecmp(v, "on", 2) == 0;
    if (*ret || (n == 3 && strncasecmp(v, "off", 3) == 0))
        return 0;
    return err_set(err, -EINVAL, "store url: ssl and ssl_verify are on or off");
}

static bool is(const char *s, size_t n, const char *name)
{
    return strlen(name) == n && memcmp(name, s, n) == 0;
}

static int set_timeout(struct md_url *u, const char *v, struct err *err)
{
    u->connect_timeout = (unsigned)strtoul(v, NULL, 10);
    if (u->connect_timeout >= 1 && u->connect_timeout <= 600)
        return 0;
    return err_set(err, -EINVAL,
                   "store url: connect_timeout is 1 to 600 seconds");
}

static int set_option(struct md_url *u, const char *s, size_t n,
                      struct err *err)
{
    const char *eq = memchr(s, '=', n);
    size_t name = eq != NULL ? (size_t)(eq - s) : n;
    const char *v = eq != NULL ? eq + 1 : s + n;
    size_t len = n - (size_t)(v - s);

    for (int i = 0; i < MD_PARTS; i++) {
        if (names[i] != NULL && is(s, name, names[i])) {
            u->ssl = u->ssl || i >= MD_SSL_CA;
            return set_part(u, (enum md_part)i, v, len, err);
        }
    }
    if (is(s, name, "ssl"))
        return set_switch(v, len, &u->ssl, err);
    if (is(s, name, "ssl_verify"))
        return set_switch(v, len, &u->ssl_verify, err);
    if (is(s, name, "connect_timeout"))
        return set_timeout(u, v, err);
    return err_set(err, -EINVAL, "store url: option \"%.*s\" is not known",
                   (int)(name < 40 ? name : 40), s);
}

static int set_options(struct md_url *u, const char *s, struct err *err)
{
    int r = 0;

    while (*s != '\0' && r == 0) {
        size_t n = strcspn(s, "&");

        if (n > 0)
            r = set_option(u, s, n, err);
        s += n + (s[n] == '&');
    }
    return r;
}

static int set_host(struct md_url *u, const char *s, size_t n, struct err *err)
{
    const char *end = s + n, *host_end = s + n, *colon = NULL;
    char *stop;

    if (n > 0 && s[0] == '[') { /* IPv6 */
        const char *close = memchr(s, ']', n);

        if (close == NULL)
            return err_set(err, -EINVAL, "store url: \"]\" is missing");
        if (close + 1 < end && close[1] == ':')
            colon = close + 1;
        s++;
        host_end = close;
    } else {
        colon = memchr(s, ':', n);
        if (colon != NULL)
            host_end = colon;
    }
    if (colon != NULL) {
        u->port = (unsigned)strtoul(colon + 1, &stop, 10);
        if (stop != end || u->port == 0 || u->port > 65535)
            return err_set(err, -EINVAL, "store url: the port is 1 to 65535");
    }
    return set_part(u, MD_HOST, s, (size_t)(host_end - s), err);
}

static int set_user(struct md_url *u, const char *s, size_t n, struct err *err)
{
    const char *colon = memchr(s, ':', n);
    size_t len = colon != NULL ? (size_t)(colon - s) : n;
    int r = set_part(u, MD_USER, s, len, err);

    if (r == 0 && colon != NULL)
        r = set_part(u, MD_PASSWORD, colon + 1, n - len - 1, err);
    return r;
}

int md_url_parse(const char *text, struct md_url *ret, struct err *err)
{
    const char *s = text + strlen(MD_SCHEME), *at = NULL;
    size_t n, db;
    int r = 0;

    *ret = (struct md_url){.connect_timeout = 5, .ssl_verify = true};
    if (strncmp(s, "//", 2) != 0)
        return err_set(err, -EINVAL,
                       "store url: use mysql://user@host:port/database");
    s += 2;
    n = strcspn(s, "/?");
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '@')
            at = s + i;
    }
    if (at != NULL)
        r = set_user(ret, s, (size_t)(at - s), err);
    if (r == 0)
        r = at != NULL ? set_host(ret, at + 1, n - (size_t)(at + 1 - s), err)
                       : set_host(ret, s, n, err);
    if (r < 0)
        return r;
    s += n;
    s += *s == '/';
    db = strcspn(s, "?");
    r = set_part(ret, MD_DATABASE, s, db, err);
    if (r == 0 && ret->part[MD_DATABASE] == NULL)
        return err_set(err, -EINVAL, "store url: the database is missing");
    s += db;
    return r == 0 && *s == '?' ? set_options(ret, s + 1, err) : r;
}

void md_url_done(struct md_url *u)
{
    for (int i = 0; i < MD_PARTS; i++) {
        if (i == MD_PASSWORD)
            md_password_done(&u->part[i]);
        free(u->part[i]);
        u->part[i] = NULL;
    }
}

static int read_password(const char *path, char **ret, struct err *err)
{
    char text[PASSWORD_MAX + 2];
    FILE *f = fopen(path, "re");
    size_t n;

    if (f == NULL)
        return err_sys(err, errno, "the database's password in %s", path);
    n = fread(text, 1, sizeof(text) - 1, f);
    (void)fclose(f);
    text[n] = '\0';
    text[strcspn(text, "\r\n")] = '\0';
    *ret = strdup(text);
    explicit_bzero(text, sizeof(text));
    if (n > PASSWORD_MAX)
        return err_set(err, -EINVAL, "%s: a password has at most %d bytes",
                       path, PASSWORD_MAX);
    return *ret != NULL ? 0 : err_again(err, -ENOMEM, "no memory");
}

int md_url_password(const struct md_url *u, char **ret, struct err *err)
{
    const char *value = u->part[MD_PASSWORD];

    *ret = NULL;
    if (u->part[MD_PASSWORD_FILE] != NULL)
        return read_password(u->part[MD_PASSWORD_FILE], ret, err);
    if (u->part[MD_PASSWORD_ENV] != NULL)
        value = getenv(u->part[MD_PASSWORD_ENV]);
    if (value == NULL)
        return u->part[MD_PASSWORD_ENV] == NULL
                   ? 0
                   : err_set(err, -EINVAL,
                             "the database's password: %s is not in the "
                             "environment",
                             u->part[MD_PASSWORD_ENV]);
    *ret = strdup(value);
    return *ret != NULL ? 0 : err_again(err, -ENOMEM, "no memory");
}

void md_password_done(char **pp)
{
    if (*pp != NULL)
        explicit_bzero(*pp, strlen(*pp));
    free(*pp);
    *pp = NULL;
}
