/* SPDX-License-Identifier: Apache-2.0
 *
 * template.h - texts with places for a job's data: "https://x.test/{{id}}".
 *
 *     {{name}}      a member of jobData; {{a.b}} one of a member's object
 *     {{name?}}     nothing (in JSON outside quotes: null) when it is absent
 *     {{$id}}       of the job itself: $id $app $key $attempt $version $due_ms
 *                   $scheduled_ms $now_ms $idempotency_key, and $payload, the
 *                   whole jobData
 *
 * Each value is escaped for where it stands.  In a URL it is percent-encoded,
 * unless the place is the very beginning of the URL: then it is a URL itself.
 * In JSON between quotes it is escaped; outside of quotes it is a JSON value as
 * it came, numbers to the last digit.  In a form it is percent-encoded.  In a
 * header a control character makes the job fail.
 *
 * Constant after template_compile: any thread, no lock.
 */
#ifndef PLUGINS_COMMON_TEMPLATE_H
#define PLUGINS_COMMON_TEMPLATE_H

#include <ontime/plugin.h>

#include "common/flat.h"
#include "common/text.h"

#define FIELDS_MAX 64
#define FIELD_NAME_MAX 64

enum template_kind {
    TEMPLATE_URL,
    TEMPLATE_JSON,
    TEMPLATE_FORM,
    TEMPLATE_HEADER,
    TEMPLATE_TEXT /* as it is */
};

/* The members of jobData that an instance's templates name, so that one pass
 * over it finds them all. */
struct fields {
    char name[FIELDS_MAX][FIELD_NAME_MAX];
    size_t count;
    bool payload; /* one wants $payload as JSON */
};

struct template;

/* Adds the names to fields, which outlives the template.  0, or -EINVAL with a
 * text, -ENOMEM. */
int template_compile(struct template **ret, struct fields *fields,
                     enum template_kind kind, const char *source, char *errbuf,
                     size_t errlen);
void template_free(struct template **t);

/* A job whose data has been looked at. */
struct jobdata {
    const struct ontime_job *job;
    struct flat_member member[FIELDS_MAX]; /* borrowed from the payload */
};

/* Finds the fields; when there are any, the payload must be a JSON object.  0
 * or -EINVAL with a text. */
int jobdata_read(struct jobdata *d, const struct fields *fields,
                 const struct ontime_job *job, char *why, size_t len);

/* Adds the text.  0, or -EINVAL with a text when a member is missing or cannot
 * stand there. */
int template_render(const struct template *t, const struct jobdata *d,
                    struct text *out, char *why, size_t len);

#endif
