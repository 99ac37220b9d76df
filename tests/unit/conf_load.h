/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/conf_load.h - for tests of conf: loading a file or a text, and
 * the report as one string.
 */
#ifndef ONTIME_TESTS_CONF_LOAD_H
#define ONTIME_TESTS_CONF_LOAD_H

#include "conf/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct loaded {
    struct conf *c; /* NULL after an error */
    char *report;   /* never NULL */
    int r;
    struct err err;
};

static inline void loaded_done(struct loaded *l)
{
    conf_unref(&l->c);
    free(l->report);
    l->report = NULL;
}

static inline struct loaded load_input(const struct conf_input *in)
{
    struct loaded l = {0};

    l.r = conf_load(in, &l.c, &l.report, &l.err);
    if (l.report == NULL)
        l.report = strdup("");
    return l;
}

/* A file (NULL: none) with overrides up to a NULL. */
static inline struct loaded load_file(const char *file,
                                      const char *const *overrides)
{
    struct conf_input in = {.file = file, .overrides = overrides};

    while (overrides != NULL && overrides[in.override_count] != NULL)
        in.override_count++;
    return load_input(&in);
}

#define LOAD(...) load_file(NULL, (const char *const[]){__VA_ARGS__, NULL})

/* The path of a file of the source tree, in a buffer of the caller's. */
static inline const char *in_tree(char *out, size_t len, const char *path)
{
    const char *srcdir = getenv("srcdir");

    (void)snprintf(out, len, "%s/%s", srcdir != NULL ? srcdir : ".", path);
    return out;
}

/* Writes text into a file of its own, whose path is put into out[32]. */
static inline void make_file(char *out, const void *text, size_t len)
{
    int fd;

    (void)snprintf(out, 32, "/tmp/test_conf.XXXXXX");
    fd = mkstemp(out);
    if (fd < 0 || write(fd, text, len) != (ssize_t)len || close(fd) != 0)
        abort();
}

static inline struct loaded load_text(const char *text)
{
    char path[32];
    struct loaded l;

    make_file(path, text, strlen(text));
    l = load_file(path, NULL);
    (void)unlink(path);
    return l;
}

#endif
