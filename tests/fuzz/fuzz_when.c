/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/fuzz/fuzz_when.c - any bytes as a point in time and as a duration.
 * What is accepted is written, and what is written reads as the same moment.
 */
#include "config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "job/when.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void in_utc(int64_t ms)
{
    char out[25], again[25];
    int64_t back;

    when_format_utc(ms, out);
    if (ms < 0) /* the year 1969, which is not read */
        return;
    /* An offset may lead a day beyond 2200, which is written, not read. */
    if (when_parse(out, strlen(out), NULL, &back, NULL) < 0) {
        check(memcmp(out, "2201-01-01", 10) == 0);
        return;
    }
    check(back == ms);
    when_format_utc(back, again);
    check(strcmp(out, again) == 0);
}

static void in_zone(int64_t ms, const struct zone *z)
{
    char out[20], again[20];
    int64_t back;

    when_format_local(ms, z, out);
    if (when_parse(out, strlen(out), z, &back, NULL) < 0) {
        check(memcmp(out, "1969", 4) == 0 || memcmp(out, "2201", 4) == 0);
        return;
    }
    when_format_local(back, z, again);
    check(strcmp(out, again) == 0);
    check(back <= ms); /* less when it occurs twice */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct zone *zone; /* NULL, which is UTC, without the file */
    static bool tried;
    struct err err = {.text = ""};
    int64_t ms;
    char *text;

    if (!tried)
        (void)zone_load("Australia/Lord_Howe", &zone, NULL);
    tried = true;
    if (when_parse((const char *)data, size, zone, &ms, &err) == 0) {
        in_utc(ms);
        in_zone(ms, zone);
    } else {
        check(err.code < 0 && err.text[0] != '\0');
    }
    text = malloc(size + 1);
    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    if (duration_parse(text, &ms) == 0)
        check(ms >= 0);
    free(text);
    return 0;
}
