/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/fuzz/replay.c - the main of a fuzz target where there is no libFuzzer:
 * feeds it each file of its corpus, so that what was once found stays found.
 *
 *     fuzz_conf            all of $srcdir/tests/fuzz/corpus/conf, as TAP
 *     fuzz_conf FILE...    these files
 *
 * Every input is an allocation of exactly its size, so that reading past its
 * end is seen by AddressSanitizer.  One thread.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int feed(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = NULL;
    long size = -1;
    int r = -1;

    if (f == NULL)
        return -1;
    if (fseek(f, 0, SEEK_END) == 0)
        size = ftell(f);
    if (size < 0 || fseek(f, 0, SEEK_SET) != 0)
        goto out;
    data = malloc(size > 0 ? (size_t)size : 1);
    if (data == NULL || fread(data, 1, (size_t)size, f) != (size_t)size)
        goto out;
    (void)LLVMFuzzerTestOneInput(data, (size_t)size);
    r = 0;
out:
    free(data);
    (void)fclose(f);
    return r;
}

static int feed_numbered(const char *path, const char *name, int number)
{
    int r = feed(path);

    printf("%sok %d - %s\n", r == 0 ? "" : "not ", number, name);
    (void)fflush(stdout);
    return r == 0 ? 0 : 1;
}

static int feed_corpus(const char *target)
{
    const char *src = getenv("srcdir");
    struct dirent **names = NULL;
    char dir[4096], path[4400];
    int found, bad = 0, number = 0;

    (void)snprintf(dir, sizeof(dir), "%s/tests/fuzz/corpus/%s",
                   src != NULL ? src : ".", target);
    found = scandir(dir, &names, NULL, alphasort);
    for (int i = 0; i < found; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
        if (names[i]->d_name[0] != '.')
            bad += feed_numbered(path, names[i]->d_name, ++number);
        free(names[i]);
    }
    free(names);
    if (number == 0)
        bad += feed_numbered("", "an empty corpus", ++number);
    printf("1..%d\n", number);
    return bad;
}

int main(int argc, char **argv)
{
    const char *name = strrchr(argv[0], '/');
    int bad = 0;

    name = name != NULL ? name + 1 : argv[0];
    if (argc < 2)
        return feed_corpus(strncmp(name, "fuzz_", 5) == 0 ? name + 5 : name) >
               0;
    for (int i = 1; i < argc; i++)
        bad += feed_numbered(argv[i], argv[i], i);
    printf("1..%d\n", argc - 1);
    return bad > 0;
}
