/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzz target: points in time as people write them (job/when.h).  What is
 * understood and written again in UTC is the same moment.
 */
#include "config.h"

#include "job/when.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t ms, again;
    char text[25], local[20];
    struct err err;

    if (when_parse((const char *)data, size, NULL, &ms, &err) < 0)
        return 0;
    when_format_utc(ms, text);
    when_format_local(ms, NULL, local);
    if (strlen(text) != 24 || strlen(local) != 19)
        abort();
    /* An offset can lead out of the years that are understood. */
    if (strncmp(text, "1969", 4) == 0 || strncmp(text, "2201", 4) == 0)
        return 0;
    if (when_parse(text, strlen(text), NULL, &again, &err) < 0 || again != ms)
        abort();
    return 0;
}
