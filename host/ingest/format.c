/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/format.c - the table of wire formats; see format.h.  Any thread.
 */
#include "config.h"

#include "ingest/format.h"

#include <string.h>

#include "ingest/format_ingest.h"

static const struct format formats[] = {
    {"ingest", true, format_ingest_decode},
};

const struct format *format_find(const char *name)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}
