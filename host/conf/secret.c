/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/secret.c - reading secrets from files and the environment.  Any thread
 * as long as nobody changes the environment; blocks for disk.
 */
#include "config.h"

#include "conf/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECRET_MAX 65536

static int keep(const char *s, char **ret, struct err *err)
{
    char *copy = strdup(s);

    if (copy == NULL)
        return err_set(err, -ENOMEM, "no memory for a secret");
    *ret = copy;
    return 0;
}

/* Reads until the end or until room is full; returns how many bytes. */
static ssize_t read_some(int fd, char *out, size_t room)
{
    size_t n = 0;

    while (n < room) {
        ssize_t got = read(fd, out + n, room - n);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        n += (size_t)got;
    }
    return (ssize_t)n;
}

/* One newline at the end is the editor's, not the secret's. */
static int trim(char *text, size_t n, const char *path, struct err *err)
{
    if (n > SECRET_MAX)
        return err_set(err, -EFBIG, "%s: a secret has at most %d bytes", path,
                       SECRET_MAX);
    if (memchr(text, '\0', n) != NULL)
        return err_set(err, -EINVAL, "%s: a secret has no NUL bytes", path);
    text[n] = '\0';
    if (n > 0 && text[n - 1] == '\n')
        text[--n] = '\0';
    if (n > 0 && text[n - 1] == '\r')
        text[--n] = '\0';
    if (n == 0)
        return err_set(err, -EINVAL, "%s: the secret is empty", path);
    return 0;
}

static int from_file(const char *path, char **ret, struct err *err)
{
    char *text = malloc(SECRET_MAX + 2);
    ssize_t n;
    int fd = -1, r;

    if (text == NULL)
        return err_set(err, -ENOMEM, "no memory for a secret");
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    n = fd >= 0 ? read_some(fd, text, SECRET_MAX + 1) : -errno;
    if (n < 0)
        r = err_sys(err, (int)-n, "secret in %s", path);
    else
        r = trim(text, (size_t)n, path, err);
    if (r == 0)
        r = keep(text, ret, err);
    if (fd >= 0)
        (void)close(fd);
    explicit_bzero(text, SECRET_MAX + 2);
    free(text);
    return r;
}

int conf_secret_resolve(const char *value, char **ret, struct err *err)
{
    const char *text;

    if (strncmp(value, "file:", 5) == 0)
        return from_file(value + 5, ret, err);
    if (strncmp(value, "env:", 4) != 0)
        return keep(value, ret, err);
    text = getenv(value + 4);
    if (text == NULL)
        return err_set(err, -ENOENT, "secret in the environment: %s is not set",
                       value + 4);
    return keep(text, ret, err);
}

int conf_secret_resolve_pair(const char *pair, char **ret, struct err *err)
{
    size_t name = strcspn(pair, "=");
    char *secret = NULL, *made = NULL;
    size_t len;
    int r;

    if (pair[name] != '=')
        return keep(pair, ret, err);
    r = conf_secret_resolve(pair + ++name, &secret, err);
    if (r < 0)
        return r;
    len = strlen(secret);
    made = malloc(name + len + 1);
    if (made != NULL) {
        memcpy(made, pair, name);
        memcpy(made + name, secret, len + 1);
        *ret = made;
    } else {
        r = err_set(err, -ENOMEM, "no memory for a secret");
    }
    explicit_bzero(secret, len);
    free(secret);
    return r;
}
