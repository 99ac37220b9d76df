/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/attempt.c - opening, running and ending attempts; see attempt.h.
 *
 * Any thread.  Whoever locks an open cell first takes the outcome; the rest
 * find it closed.
 */
#include "config.h"

#include "plug/attempt.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "job/headers.h"
#include "plug/crash.h"
#include "plug/cell.h"

/* ---- opening ------------------------------------------------------------- */

int attempt_open(struct attempt_table *t, struct plugin_instance *i,
                 const struct attempt_start *start, struct attempt **ret)
{
    int r = instance_attempt_begin(i);
    struct cell *s;

    if (r < 0)
        return r;
    s = cell_get(t, &r);
    if (s == NULL) {
        instance_attempt_end(i);
        instance_unref(&i);
        return r;
    }
    s->a.job = start->job;
    s->a.owner = start->owner;
    s->a.instance = i; /* with the reference of instance_attempt_begin */
    s->a.opened_ms = start->now_ms;
    list_init(&s->a.link);
    s->a.timeout_ms = start->timeout_ms;
    cell_open(s,
              start->timeout_ms > 0 ? start->boot_ms + start->timeout_ms : 0);
    *ret = &s->a;
    return 0;
}

int attempt_abort(struct attempt *a, struct job **ret_job)
{
    struct cell *s = cell_of(a), *locked = cell_lock(s->table, a->token);

    if (locked == NULL) {
        cell_unref(s);
        return -ESTALE;
    }
    cell_end(s, &(struct cell_answer){.outcome = ONTIME_RETRY}, 0);
    cell_unlock(s);
    *ret_job = a->job;
    a->job = NULL;
    instance_attempt_end(a->instance);
    (void)atomic_fetch_sub_explicit(&s->table->open, 1, memory_order_relaxed);
    cell_unref(s);
    cell_unref(s);
    return 0;
}

/* ---- running ------------------------------------------------------------- */

static char *put_number(char *at, uint64_t v)
{
    char digits[20];
    size_t n = sizeof(digits);

    do
        digits[--n] = (char)('0' + v % 10);
    while ((v /= 10) != 0);
    memcpy(at, digits + n, sizeof(digits) - n);
    return at + sizeof(digits) - n;
}

/* "<store id>-<id>-<version>", by hand: it is made for every attempt. */
static void make_key(struct cell *s, const struct job *job)
{
    size_t n = strlen(s->table->store_id);
    char *at = s->idempotency_key;

    memcpy(at, s->table->store_id, n);
    at += n;
    *at++ = '-';
    at = put_number(at, (uint64_t)job->id);
    *at++ = '-';
    at = put_number(at, job->version);
    *at = '\0';
}

/* Headers as the plugin gets them: an array, names with a NUL. */
static int unpack_headers(struct cell *s, struct span encoded,
                          struct ontime_job *j)
{
    struct headers_iter it;
    struct ontime_header *list;
    struct span name, value;
    size_t n = 0;
    int r;

    headers_begin(&it, encoded);
    while ((r = headers_next(&it, &name, &value)) > 0)
        n++;
    if (r < 0)
        return r;
    list = arena_alloc(&s->arena, n * sizeof(*list));
    if (list == NULL)
        return -ENOMEM;
    headers_begin(&it, encoded);
    for (size_t i = 0; i < n && headers_next(&it, &name, &value) > 0; i++) {
        char *text = arena_alloc(&s->arena, name.len + 1);

        if (text == NULL)
            return -ENOMEM;
        if (name.len > 0)
            memcpy(text, name.data, name.len);
        text[name.len] = '\0';
        list[i] = (struct ontime_header){text, {value.data, value.len}};
    }
    j->headers = list;
    j->header_count = n;
    return 0;
}

/* What execute is shown of the job.  Under the cell's lock. */
static int make_job(struct cell *s, int64_t now_ms, struct ontime_job *ret)
{
    const struct job *job = s->a.job;

    make_key(s, job);
    *ret = (struct ontime_job){
        .size = sizeof(*ret),
        .token = s->a.token,
        .id = job->id,
        .app = job->app->text,
        .key = {job->key.len > 0 ? job->key.data : NULL, job->key.len},
        .payload = {job->payload.data, job->payload.len},
        .due_ms = job->due_ms,
        .scheduled_ms = job->scheduled_ms,
        .now_ms = now_ms,
        .version = job->version,
        .attempt = job->attempt + 1,
        .redelivered = job->redelivered,
        .priority = job->priority,
        .idempotency_key = s->idempotency_key,
    };
    return job->headers.len > 0 ? unpack_headers(s, job->headers, ret) : 0;
}

/* Gives the call's reference back, then hands over, in this order, so that
 * the receiver finds the job its own. */
static void leave(struct cell *s, bool won)
{
    if (won) {
        (void)atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel);
        cell_hand_over(s); /* the outcome's reference goes with it */
    } else {
        cell_unref(s);
    }
}

/* Ends the attempt by what execute returned, if it is still open. */
static bool end_call(struct cell *s, uint64_t token, int code)
{
    struct cell_answer answer = {.by = ATTEMPT_ANSWERED, .outcome = code};
    char text[64];

    if (cell_lock(s->table, token) == NULL)
        return false; /* complete() or a timeout was faster */
    if (code == ONTIME_PENDING) {
        cell_unlock(s);
        return false;
    }
    if (code != ONTIME_DONE && code != ONTIME_RETRY && code != ONTIME_FAIL) {
        (void)snprintf(text, sizeof(text),
                       "execute returned %d, which is no outcome", code);
        answer.outcome = ONTIME_FAIL;
        answer.message = text;
    }
    cell_end(s, &answer, clock_wall_ms());
    cell_unlock(s);
    return true;
}

/* Called when the job could not be shown to the plugin.  Locked; unlocks. */
static void end_unshown(struct cell *s, int error)
{
    struct cell_answer answer = {.by = ATTEMPT_ANSWERED,
                                 .outcome = ONTIME_FAIL,
                                 .message = "the job's headers are damaged"};

    if (error == -ENOMEM) {
        answer.outcome = ONTIME_RETRY;
        answer.message = "out of memory";
    }
    cell_end(s, &answer, clock_wall_ms());
    cell_unlock(s);
}

int attempt_run(struct attempt *a)
{
    struct cell *s = cell_of(a);
    struct plugin_instance *i = a->instance;
    const struct plugin_object *o = instance_object(i);
    const struct ontime_plugin *p = plugin_object_plugin(o);
    struct crash_note note = {.plugin = p->name, .version = p->version};
    const struct crash_note *former;
    struct ontime_job job;
    bool won;
    int r;

    /* Before looking whether it is open: an instance with nobody inside and no
     * open attempt may be closed. */
    if (!instance_call_begin(i))
        return -EBUSY;
    if (cell_lock(s->table, a->token) == NULL) {
        instance_call_end(i);
        cell_unref(s);
        return 0;
    }
    a->started_ms = clock_wall_ms();
    r = make_job(s, a->started_ms, &job);
    if (r < 0) {
        end_unshown(s, r);
        instance_call_end(i);
        leave(s, true);
        return 0;
    }
    cell_unlock(s);
    note.app = job.app;
    note.job = job.id;
    former = crash_enter(&note);
    r = p->execute(instance_plugin_state(i), &job);
    (void)crash_enter(former);
    /* The attempt, and with it i, is ours until leave(). */
    won = end_call(s, job.token, r);
    instance_call_end(i);
    leave(s, won);
    return 0;
}

/* ---- ending from outside ------------------------------------------------- */

int attempt_complete(struct attempt_table *t,
                     const struct plugin_instance *self, uint64_t token,
                     const struct ontime_result *r)
{
    struct cell_answer answer = {.by = ATTEMPT_ANSWERED};
    struct cell *s;

    if (r == NULL || !ONTIME_HAS(r, outcome) ||
        (r->outcome != ONTIME_DONE && r->outcome != ONTIME_RETRY &&
         r->outcome != ONTIME_FAIL))
        return -EINVAL;
    answer.outcome = r->outcome;
    answer.retry_ms = ONTIME_HAS(r, retry_ms) ? r->retry_ms : 0;
    answer.message = ONTIME_HAS(r, message) ? r->message : NULL;
    s = cell_lock(t, token);
    if (s != NULL && s->a.instance != self) {
        cell_unlock(s);
        s = NULL;
    }
    if (s == NULL) {
        (void)atomic_fetch_add_explicit(&t->stale, 1, memory_order_relaxed);
        return -ESTALE;
    }
    cell_end(s, &answer, clock_wall_ms());
    cell_unlock(s);
    cell_hand_over(s);
    return 0;
}

static void end_by_host(struct cell *s, enum attempt_end why, int64_t now_ms)
{
    struct cell_answer answer = {.by = why, .outcome = ONTIME_RETRY};
    char text[96];

    if (why == ATTEMPT_TIMEOUT)
        (void)snprintf(text, sizeof(text), "no answer within %lld ms",
                       (long long)s->a.timeout_ms);
    else if (why == ATTEMPT_SKIPPED)
        (void)snprintf(text, sizeof(text),
                       "skipped: too late by its misfire policy");
    else
        (void)snprintf(text, sizeof(text), "no answer before the %s",
                       attempt_end_name(why));
    answer.message = text;
    cell_end(s, &answer, now_ms);
    cell_unlock(s);
    cell_hand_over(s);
}

int attempt_expire(struct attempt_table *t, uint64_t token,
                   enum attempt_end why, int64_t now_ms)
{
    struct cell *s = cell_lock(t, token);

    if (s == NULL)
        return -ESTALE;
    end_by_host(s, why, now_ms);
    return 0;
}

/* The cell of that index, locked, if it is open; else NULL. */
static struct cell *lock_index(struct attempt_table *t, uint32_t index)
{
    struct cell *block = atomic_load_explicit(&t->blocks[index / CELL_BLOCK],
                                              memory_order_acquire);
    struct cell *s = &block[index % CELL_BLOCK];

    (void)pthread_mutex_lock(&s->mtx);
    if (s->open)
        return s;
    cell_unlock(s);
    return NULL;
}

static bool is_due(struct attempt_table *t, uint32_t index, int64_t boot_ms)
{
    int64_t at =
        atomic_load_explicit(&t->deadlines[index], memory_order_relaxed);

    return at != 0 && at <= boot_ms;
}

unsigned attempt_expire_due(struct attempt_table *t, int64_t boot_ms,
                            int64_t now_ms)
{
    uint32_t made = atomic_load(&t->made);
    unsigned n = 0;

    for (uint32_t i = 0; i < made; i++) {
        struct cell *s;

        if (!is_due(t, i, boot_ms))
            continue;
        s = lock_index(t, i);
        if (s == NULL)
            continue;
        if (is_due(t, i, boot_ms)) { /* it may be another attempt's by now */
            end_by_host(s, ATTEMPT_TIMEOUT, now_ms);
            n++;
        } else {
            cell_unlock(s);
        }
    }
    return n;
}

unsigned attempt_expire_instance(struct attempt_table *t,
                                 const struct plugin_instance *i,
                                 enum attempt_end why, int64_t now_ms)
{
    uint32_t made = atomic_load(&t->made);
    unsigned n = 0;

    for (uint32_t k = 0; k < made; k++) {
        struct cell *s = lock_index(t, k);

        if (s == NULL)
            continue;
        if (i == NULL || s->a.instance == i) {
            end_by_host(s, why, now_ms);
            n++;
        } else {
            cell_unlock(s);
        }
    }
    return n;
}

bool attempt_is_open(struct attempt_table *t, uint64_t token)
{
    struct cell *s = cell_lock(t, token);

    if (s != NULL)
        cell_unlock(s);
    return s != NULL;
}

/* ---- the receiver's ------------------------------------------------------ */

static struct job *copy_job(const struct job *job)
{
    const struct job_text text = {job->key, job->payload, job->headers};
    struct job *copy = job_new(job->app, &text);
    struct span key, payload, headers;

    if (copy == NULL)
        return NULL;
    key = copy->key;
    payload = copy->payload;
    headers = copy->headers;
    *copy = *job;
    copy->key = key;
    copy->payload = payload;
    copy->headers = headers;
    list_init(&copy->link);
    return copy;
}

struct job *attempt_take_job(struct attempt *a)
{
    struct cell *s = cell_of(a);
    struct job *job = a->job;

    if (job == NULL)
        return NULL;
    if (atomic_load_explicit(&s->refs, memory_order_acquire) > 1)
        return copy_job(job); /* execute still reads it */
    a->job = NULL;
    return job;
}

void attempt_free(struct attempt **pa)
{
    struct attempt *a = *pa;

    *pa = NULL;
    if (a != NULL)
        cell_unref(cell_of(a));
}

/* ---- names --------------------------------------------------------------- */

const char *attempt_end_name(enum attempt_end why)
{
    static const char *const names[] = {
        [ATTEMPT_OPEN] = "open",       [ATTEMPT_ANSWERED] = "answered",
        [ATTEMPT_TIMEOUT] = "timeout", [ATTEMPT_RELOAD] = "reload",
        [ATTEMPT_STOP] = "stop",       [ATTEMPT_SKIPPED] = "skipped",
    };

    return names[why];
}

const char *attempt_outcome_name(int32_t outcome)
{
    static const char *const names[] = {
        [ONTIME_DONE] = "done",
        [ONTIME_RETRY] = "retry",
        [ONTIME_FAIL] = "fail",
        [ONTIME_PENDING] = "pending",
    };

    return outcome >= ONTIME_DONE && outcome <= ONTIME_PENDING ? names[outcome]
                                                               : "?";
}
