/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/format.h - wire formats: the bytes of one message -> what to store.
 *
 * A format is a row of the table in format.c.  Decoders are pure: they see the
 * message and the source's settings, never a clock or the network.
 */
#ifndef ONTIME_INGEST_FORMAT_H
#define ONTIME_INGEST_FORMAT_H

#include "job/job.h"
#include "job/when.h"
#include "store/store.h"

struct format_source { /* frozen: what a decoder needs of its source */
    const struct app_name *default_app; /* NULL: none */
    const char *time_field;             /* NULL: no bare form */
    const struct zone *zone;            /* of local times; NULL: UTC */
    const struct app_name *(*known_app)(void *arg, const char *name,
                                        size_t len);
    void *arg;
};

struct format_input {
    struct span key, value; /* data NULL: null */
    struct span headers;    /* encoded, job/headers.h */
    int64_t now_ms;         /* when it was read: created_ms of the job */
};

struct format {
    const char *name;
    bool wants_headers; /* format_input.headers is filled in */
    /*
     * Fills item (kind, job or app+key, idempotency).  What item's spans point
     * to lives as long as item->job, or the input where there is no job.  On
     * failure item->job is NULL.
     * -EINVAL: the message is bad, err says why in one sentence fit for the
     * dead letter's error-message.  -ENOMEM (err.retry).
     */
    int (*decode)(const struct format_source *src,
                  const struct format_input *in, struct put_item *item,
                  struct err *err);
};

const struct format *format_find(const char *name); /* NULL: unknown */

#endif
