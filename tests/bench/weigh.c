/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/weigh.c - see weigh.h.
 */
#include "config.h"

#include "bench/weigh.h"

#include <errno.h>
#include <stdlib.h>

#include "kafka/scan.h"

static int weigh(void *arg, const struct scan_record *rec)
{
    struct weight *w = arg;

    w->records++;
    w->bytes += (int64_t)(rec->key.len + rec->value.len);
    return 0;
}

int weigh_topic(const struct bench *b, const char *topic, struct weight *ret,
                struct err *err)
{
    const struct kafka_settings set = {.bootstrap_servers = b->bootstrap};
    struct scan *s = NULL;
    int64_t *ends = NULL;
    int r = scan_open(&set, topic, 0, &s, err);

    *ret = (struct weight){0, 0};
    if (r < 0)
        return r;
    ends = calloc((size_t)scan_partitions(s) + 1, sizeof(*ends));
    if (ends == NULL)
        r = err_set(err, -ENOMEM, "no memory");
    if (r == 0)
        r = scan_ends(s, ends, err);
    if (r == 0)
        r = scan_run(s, ends, weigh, ret, err);
    free(ends);
    scan_close(&s);
    return r;
}
