/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/format_ingest.c - JSON envelopes; see format_ingest.h.  Pure.
 */
#include "config.h"

#include "ingest/format_ingest.h"

#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"

#define SHOWN 80 /* bytes of a bad value that an error shows */

struct reading { /* one message on its way */
    const struct format_source *src;
    const struct format_input *in;
    struct json *doc;
    bool bare;
    const struct app_name *app;
    int64_t due_ms;
    enum job_priority priority;
    struct span key, idempotency, payload;
    char uuid[37];
};

static bool absent(const struct json *j, const char *name)
{
    enum json_kind kind = json_kind(j, name);

    return kind == JSON_ABSENT || kind == JSON_NULL;
}

/* "10" of how many bytes an error may show, never half a character. */
static int shown(struct span s)
{
    size_t n = 0;

    while (n < s.len) {
        size_t step = utf8_step((const char *)s.data + n, s.len - n);

        if (step == 0 || n + step > SHOWN)
            break;
        n += step;
    }
    return (int)n;
}

/* Text that must be there and not be empty. */
static int need_text(const struct json *j, const char *name, struct span *ret,
                     struct err *err)
{
    if (absent(j, name))
        return err_set(err, -EINVAL, "%s is missing", name);
    ret->data = json_string(j, name, &ret->len);
    if (ret->data == NULL)
        return err_set(err, -EINVAL, "%s is not a text", name);
    if (ret->len == 0)
        return err_set(err, -EINVAL, "%s is empty", name);
    return 0;
}

/* Text or number, or nothing (len 0). */
static int read_id(const struct json *j, const char *name, struct span *ret,
                   struct err *err)
{
    *ret = (struct span){NULL, 0};
    if (absent(j, name))
        return 0;
    if (json_kind(j, name) == JSON_NUMBER)
        *ret = json_raw(j, name);
    else if (json_kind(j, name) == JSON_STRING)
        ret->data = json_string(j, name, &ret->len);
    else
        return err_set(err, -EINVAL, "%s is not a text", name);
    if (ret->len > STORE_KEY_MAX)
        return err_set(err, -EINVAL, "%s has %zu bytes, at most %d fit", name,
                       ret->len, STORE_KEY_MAX);
    return 0;
}

static int read_app(struct reading *r, struct err *err)
{
    const struct format_source *src = r->src;
    struct span name;

    if (src->default_app != NULL && (r->bare || absent(r->doc, "appName"))) {
        name.data = src->default_app->text;
        name.len = strlen(src->default_app->text);
    } else if (need_text(r->doc, "appName", &name, err) < 0) {
        return -EINVAL;
    }
    r->app = src->known_app(src->arg, name.data, name.len);
    if (r->app != NULL)
        return 0;
    return err_set(err, -EINVAL, "unknown app \"%.*s\"", shown(name),
                   (const char *)name.data);
}

static int read_time(struct reading *r, struct err *err)
{
    const char *field = r->bare ? r->src->time_field : "scheduledTime";
    struct span text;

    if (json_kind(r->doc, field) == JSON_NUMBER)
        return err_set(err, -EINVAL,
                       "%s is a number; it must be a text such as "
                       "\"2025-11-13T15:30:00\"",
                       field);
    if (need_text(r->doc, field, &text, err) < 0)
        return -EINVAL;
    if (when_parse(text.data, text.len, r->src->zone, &r->due_ms, err) < 0) {
        (void)err_wrap(err, "%s \"%.*s\"", field, shown(text),
                       (const char *)text.data);
        return -EINVAL;
    }
    if (r->due_ms < 0)
        r->due_ms = 0;
    return 0;
}

static int read_priority(struct reading *r, struct err *err)
{
    struct span text;

    r->priority = JOB_NORMAL;
    if (absent(r->doc, "priority"))
        return 0;
    if (need_text(r->doc, "priority", &text, err) < 0)
        return -EINVAL;
    if (job_priority_parse(text.data, &r->priority) == 0)
        return 0;
    return err_set(err, -EINVAL,
                   "priority \"%.*s\" is none of high, normal, low",
                   shown(text), (const char *)text.data);
}

static int read_payload(struct reading *r, struct err *err)
{
    if (r->bare) {
        r->payload = r->in->value;
    } else {
        if (absent(r->doc, "jobData"))
            return err_set(err, -EINVAL, "jobData is missing");
        if (json_kind(r->doc, "jobData") != JSON_OBJECT)
            return err_set(err, -EINVAL, "jobData is not an object");
        r->payload = json_raw(r->doc, "jobData");
    }
    if (r->payload.len > STORE_PAYLOAD_MAX)
        return err_set(err, -EINVAL, "jobData has %zu bytes, at most %d fit",
                       r->payload.len, STORE_PAYLOAD_MAX);
    if (r->in->headers.len > STORE_HEADERS_MAX)
        return err_set(err, -EINVAL,
                       "the headers have %zu bytes, at most %d fit",
                       r->in->headers.len, STORE_HEADERS_MAX);
    return 0;
}

static int read_identity(struct reading *r, struct err *err)
{
    struct span request;

    if (read_id(r->doc, "requestId", &request, err) < 0 ||
        read_id(r->doc, "jobKey", &r->key, err) < 0 ||
        read_id(r->doc, "idempotencyKey", &r->idempotency, err) < 0)
        return -EINVAL;
    if (r->idempotency.len == 0)
        r->idempotency = request;
    if (r->key.len == 0)
        r->key = request;
    if (r->key.len == 0) {
        random_uuid(r->uuid);
        r->key = (struct span){r->uuid, sizeof(r->uuid) - 1};
    }
    return 0;
}

/* The idempotency key must live as long as the job: it stands behind the key
 * in the job's allocation. */
static int make_item(const struct reading *r, struct put_item *item,
                     struct err *err)
{
    char both[2 * STORE_KEY_MAX];
    struct job_text text = {
        .key = r->key, .payload = r->payload, .headers = r->in->headers};
    bool same = span_eq(r->key, r->idempotency);
    struct job *j;

    if (!same && r->idempotency.len > 0) {
        memcpy(both, r->key.data, r->key.len);
        memcpy(both + r->key.len, r->idempotency.data, r->idempotency.len);
        text.key = (struct span){both, r->key.len + r->idempotency.len};
    }
    j = job_new(r->app, &text);
    if (j == NULL)
        return err_again(err, -ENOMEM, "no memory for a job");
    j->key.len = r->key.len;
    j->due_ms = j->scheduled_ms = r->due_ms;
    j->created_ms = r->in->now_ms;
    j->priority = (uint8_t)r->priority;
    item->kind = PUT_JOB;
    item->job = j;
    if (same)
        item->idempotency = j->key;
    else if (r->idempotency.len > 0)
        item->idempotency = (struct span){
            (const char *)j->key.data + j->key.len, r->idempotency.len};
    return 0;
}

int format_ingest_decode(const struct format_source *src,
                         const struct format_input *in, struct put_item *item,
                         struct err *err)
{
    struct reading r = {.src = src, .in = in};
    int e;

    *item = (struct put_item){0};
    if (in->value.data == NULL)
        return err_set(err, -EINVAL, "null value");
    if (in->value.len == 0)
        return err_set(err, -EINVAL, "empty value");
    e = json_parse(in->value.data, in->value.len, &r.doc, err);
    if (e < 0)
        return e;
    r.bare = src->time_field != NULL && src->default_app != NULL &&
             json_kind(r.doc, "jobData") == JSON_ABSENT &&
             json_kind(r.doc, "scheduledTime") == JSON_ABSENT;
    if (read_app(&r, err) < 0 || read_time(&r, err) < 0 ||
        read_priority(&r, err) < 0 || read_payload(&r, err) < 0 ||
        read_identity(&r, err) < 0)
        e = -EINVAL;
    else
        e = make_item(&r, item, err);
    json_free(&r.doc);
    return e;
}
