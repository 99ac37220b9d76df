/* SPDX-License-Identifier: Apache-2.0
 *
 * emitter.c - jobs that become records; see emitter.h.  No state changes after
 * init, so execute runs in any number of threads.
 */
#include "config.h"

#include "common/emitter.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/flat.h"
#include "common/text.h"

#define WHY_MAX 200
#define KEY_MAX 300

struct emitter {
    const struct emitter_table *table;
    const struct ontime_host *host;
    struct ontime_instance *self;
    const char *topic; /* the host's, until close */
    size_t members;
};

/* ---- checking ------------------------------------------------------------- */

static bool given(const struct flat_member *m)
{
    return m->kind != FLAT_ABSENT && m->kind != FLAT_NULL;
}

static bool digits_only(const struct flat_member *m)
{
    for (size_t i = 0; i < m->len; i++)
        if (m->at[i] < '0' || m->at[i] > '9')
            return false;
    return m->len > 0;
}

static const char *judge(const struct emitter_member *want,
                         const struct flat_member *m)
{
    if (!given(m))
        return want->required ? "is missing" : NULL;
    if (want->kind == MEMBER_OWN)
        return NULL;
    if (want->kind == MEMBER_WHOLE) {
        if (m->kind == FLAT_STRING ? digits_only(m)
                                   : flat_whole(m) > 0 && m->at[0] != '-')
            return NULL;
        return "must be a whole number, not negative";
    }
    if (m->kind == FLAT_STRING ? m->len > 0 : flat_whole(m) > 0)
        return NULL;
    return "must be a text that is not empty";
}

static int check(const struct emitter *e, const struct ontime_job *job,
                 struct flat_member *m, char *why)
{
    const char *what = NULL;

    for (size_t i = 0; i < e->members; i++)
        m[i].name = e->table->member[i].name;
    if (flat_read(job->payload.data, job->payload.len, m, e->members, &what) <
        0) {
        (void)snprintf(why, WHY_MAX, "jobData cannot be read: %s", what);
        return -EINVAL;
    }
    for (size_t i = 0; i < e->members; i++) {
        what = judge(&e->table->member[i], &m[i]);
        if (what != NULL) {
            (void)snprintf(why, WHY_MAX, "%s %s", m[i].name, what);
            return -EINVAL;
        }
    }
    if (e->table->check == NULL)
        return 0;
    return e->table->check(job->payload.data, job->payload.len, why, WHY_MAX);
}

/* ---- the record ------------------------------------------------------------- */

static void make_value(const struct emitter *e, const struct ontime_job *job,
                       const struct flat_member *m, struct text *out)
{
    char at[20];

    text_adds(out, "{");
    for (size_t i = 0; i < e->members; i++) {
        bool string = m[i].kind == FLAT_STRING;

        if (!given(&m[i]) && e->table->member[i].fallback == NULL)
            continue;
        text_addf(out, "\"%s\":", m[i].name);
        if (!given(&m[i]))
            text_adds(out, e->table->member[i].fallback);
        else
            text_add(out, m[i].at - string, m[i].len + 2 * (size_t)string);
        text_adds(out, ",");
    }
    e->host->format_time(e->self, job->scheduled_ms, at);
    text_addf(out, "\"scheduledTime\":\"%s\",", at);
    e->host->format_time(e->self, job->now_ms, at);
    text_addf(out, "\"actualTime\":\"%s\",\"jobId\":%" PRId64 "}", at, job->id);
}

static int make_key(const struct flat_member *m, char key[KEY_MAX])
{
    size_t digits = flat_whole(m);

    if (m->kind == FLAT_STRING)
        return flat_text(m, key, KEY_MAX);
    if (digits == 0 || digits >= KEY_MAX)
        return -EINVAL;
    memcpy(key, m->at, digits);
    return (int)digits;
}

static int end(const struct emitter *e, const struct ontime_job *job,
               int outcome, const char *why)
{
    const struct ontime_result r = {
        .size = sizeof(r), .outcome = outcome, .message = why};

    (void)e->host->complete(e->self, job->token, &r);
    return ONTIME_PENDING;
}

int emitter_execute(void *state, const struct ontime_job *job)
{
    const struct emitter *e = state;
    struct flat_member m[EMITTER_MEMBERS] = {{.name = NULL}};
    struct ontime_record record = {.topic = e->topic, .partition = -1};
    struct text value = {0};
    char why[WHY_MAX], key[KEY_MAX];
    int r, key_len;

    if (check(e, job, m, why) < 0)
        return end(e, job, ONTIME_FAIL, why);
    key_len = make_key(&m[0], key);
    if (key_len < 0) {
        (void)snprintf(why, sizeof(why), "%s is too long", m[0].name);
        return end(e, job, ONTIME_FAIL, why);
    }
    make_value(e, job, m, &value);
    record.key = (struct ontime_bytes){key, (size_t)key_len};
    record.value = (struct ontime_bytes){value.at, value.len};
    r = value.failed ? -ENOMEM : e->host->emit(e->self, job->token, &record);
    text_free(&value);
    if (r == 0)
        return ONTIME_DONE;
    return r == -ENOMEM ? ONTIME_RETRY
                        : end(e, job, ONTIME_FAIL, "the record was refused");
}

/* ---- life ------------------------------------------------------------------- */

static bool is_topic(const char *s)
{
    size_t n = s != NULL ? strlen(s) : 0;

    return n > 0 && n < 250 &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                     "0123456789._-") == n;
}

struct emitter *emitter_open(const struct emitter_table *table,
                             const struct ontime_host *host,
                             struct ontime_instance *self,
                             const struct ontime_config *config, char *errbuf,
                             size_t errlen)
{
    struct emitter *e = calloc(1, sizeof(*e));

    if (e == NULL) {
        (void)snprintf(errbuf, errlen, "out of memory");
        return NULL;
    }
    e->table = table;
    e->host = host;
    e->self = self;
    e->topic = host->get_string(config, "topic");
    while (e->members < EMITTER_MEMBERS &&
           table->member[e->members].name != NULL)
        e->members++;
    if (!is_topic(e->topic)) {
        (void)snprintf(errbuf, errlen,
                       "topic: \"%s\" is no topic: 1 to 249 of A-Z, a-z, 0-9, "
                       "'.', '_' and '-'",
                       e->topic != NULL ? e->topic : "");
        free(e);
        return NULL;
    }
    return e;
}

void emitter_close(void *state)
{
    free(state);
}
