/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: the configuration (conf/conf.h).  The input is a file, then,
 * each behind a NUL, overrides.  What loads is dumped, loads again, and then
 * dumps the same.
 */
#include "config.h"

#include "conf/conf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define OVERRIDES_MAX 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libconfig 1.5 loses the text it was reading when it finds an error. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig";
}

static struct conf *load(const char *text, size_t len, struct conf_input *in)
{
    struct conf *c = NULL;
    char *report = NULL;
    struct err err;
    char path[40];
    int fd = memfd_create("conf", MFD_CLOEXEC);

    if (fd < 0 || write(fd, text, len) != (ssize_t)len)
        abort();
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    in->file = path;
    if (conf_load(in, &c, &report, &err) < 0 &&
        (report == NULL || strlen(report) < 2 || err.text[0] == '\0'))
        abort();
    free(report);
    (void)close(fd);
    return c;
}

/* The dump without the comments on where values came from; *raw the whole. */
static char *dump(const struct conf *c, char **raw)
{
    size_t len = 0, n = 0;
    char *bare;
    FILE *f = open_memstream(raw, &len);

    if (f == NULL || conf_dump(c, f) < 0 || fclose(f) != 0)
        abort();
    bare = malloc(len + 1);
    if (bare == NULL)
        abort();
    for (const char *p = *raw; *p != '\0'; p++) {
        if (strncmp(p, "; # ", 4) == 0)
            p += strcspn(p, "\n");
        bare[n++] = *p;
    }
    bare[n] = '\0';
    return bare;
}

static void check(const struct conf *c)
{
    struct conf_input in = {0};
    char *raw, *raw2, *first = dump(c, &raw), *second;
    struct conf *again = load(raw, strlen(raw), &in);

    if (again == NULL)
        abort();
    second = dump(again, &raw2);
    if (strcmp(first, second) != 0)
        abort();
    free(first);
    free(second);
    free(raw);
    free(raw2);
    conf_unref(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *overrides[OVERRIDES_MAX];
    struct conf_input in = {.overrides = overrides};
    char *text = calloc(1, size + 1);
    struct conf *c;
    size_t at;

    if (text == NULL)
        abort();
    memcpy(text, data, size);
    for (at = strlen(text) + 1; at < size && in.override_count < OVERRIDES_MAX;
         at += strlen(text + at) + 1)
        overrides[in.override_count++] = text + at;
    c = load(text, strlen(text), &in);
    if (c != NULL)
        check(c);
    conf_unref(&c);
    free(text);
    return 0;
}
