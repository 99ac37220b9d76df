/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/nearest.c - edit distance over short names; see nearest.h.  Pure.
 */
#include "config.h"

#include "plug/nearest.h"

#include <string.h>

#define NAME_MAX_LEN 64

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;

    return ab < c ? ab : c;
}

/* How many letters to add, take away or change; large for long names. */
static size_t edits(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    size_t row[NAME_MAX_LEN + 1];

    if (la > NAME_MAX_LEN || lb > NAME_MAX_LEN)
        return NAME_MAX_LEN;
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t above = row[j];

            row[j] = min3(above + 1, row[j - 1] + 1,
                          diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[lb];
}

void nearest_begin(struct nearest *n, const char *wanted)
{
    size_t len = strlen(wanted);

    n->wanted = wanted;
    n->found = NULL;
    n->distance = len < 3 ? 2 : len / 2 + 1; /* as far is too far */
}

int nearest_offer(struct nearest *n, const char *name)
{
    size_t d = edits(n->wanted, name);

    if (d >= n->distance)
        return 0;
    n->distance = d;
    n->found = name;
    return 1;
}
