/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/build.c - what is sent; see build.h.
 */
#include "config.h"

#include "build.h"

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "job/job.h"
#include "job/when.h"

void build_escape(struct buf *out, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "abcdefghijklmnopqrstuvwxyz0123456789-._~";

    for (; *text != '\0'; text++) {
        if (strchr(plain, *text) != NULL)
            buf_addc(out, *text);
        else
            buf_addf(out, "%%%02X", (unsigned)(unsigned char)*text);
    }
}

void build_param(struct buf *out, const char *name, const char *value)
{
    if (value == NULL)
        return;
    buf_addc(out, memchr(out->data, '?', out->len) == NULL ? '?' : '&');
    buf_adds(out, name);
    buf_addc(out, '=');
    build_escape(out, value);
}

int build_job_path(struct buf *out, const char *id, const char *tail,
                   struct err *err)
{
    if (*id == '\0' || strspn(id, "0123456789") != strlen(id))
        return err_set(err, -EINVAL, "\"%.64s\" is not a job's number", id);
    buf_adds(out, "/api/v1/jobs/");
    buf_adds(out, id);
    buf_adds(out, tail);
    return 0;
}

static void add_text(struct buf *out, const char *text)
{
    buf_add_json(out, text, strlen(text));
}

int build_time(struct buf *out, const struct args *a, int64_t now_ms,
               struct err *err)
{
    const char *at = a->opt[OPT_AT], *in = a->opt[OPT_IN];
    char text[25];
    int64_t ms;

    if ((at == NULL) == (in == NULL))
        return err_set(err, -EINVAL, "one of --at and --in is needed");
    if (at != NULL) {
        add_text(out, at);
        return 0;
    }
    if (duration_parse(in, &ms) < 0 || ms < 0 ||
        ms > job_pos_ms(JOB_POS_MAX) - now_ms)
        return err_set(err, -EINVAL,
                       "--in %.64s is not a duration such as 250ms, 5s, 15min, "
                       "2h or 30d",
                       in);
    when_format_utc(now_ms + ms, text);
    add_text(out, text);
    return 0;
}

static int check_data(struct span data, struct err *err)
{
    struct json *doc = NULL;
    int r = json_parse(data.data != NULL ? data.data : "", data.len, &doc, err);

    json_free(&doc);
    return r < 0 ? err_wrap(err, "--data is not a JSON object") : 0;
}

static void add_member(struct buf *out, const char *name, const char *value)
{
    if (value == NULL)
        return;
    buf_addf(out, ",\"%s\":", name);
    add_text(out, value);
}

int build_schedule(struct buf *out, const struct args *a, struct span data,
                   int64_t now_ms, struct err *err)
{
    enum job_priority priority;
    int r;

    if (a->opt[OPT_APP] == NULL)
        return err_set(err, -EINVAL, "--app is needed");
    if (a->opt[OPT_PRIORITY] != NULL &&
        job_priority_parse(a->opt[OPT_PRIORITY], &priority) < 0)
        return err_set(err, -EINVAL,
                       "--priority %.64s is none of high, normal, low",
                       a->opt[OPT_PRIORITY]);
    r = check_data(data, err);
    if (r < 0)
        return r;
    buf_adds(out, "{\"appName\":");
    add_text(out, a->opt[OPT_APP]);
    buf_adds(out, ",\"scheduledTime\":");
    r = build_time(out, a, now_ms, err);
    if (r < 0)
        return r;
    add_member(out, "jobKey", a->opt[OPT_KEY]);
    add_member(out, "priority", a->opt[OPT_PRIORITY]);
    add_member(out, "idempotencyKey", a->opt[OPT_IDEMPOTENCY]);
    buf_adds(out, ",\"jobData\":");
    buf_add(out, data.data, data.len);
    buf_addc(out, '}');
    r = buf_ok(out);
    return r < 0 ? err_set(err, r, "the job is too large") : 0;
}
