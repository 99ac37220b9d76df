/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/work.c - one ended attempt in the commit stage; see work.h.
 */
#include "config.h"

#include "commit/work.h"

#include "base/clock.h"
#include "job/headers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LETTER_HEADERS_MOST (256u << 10)
#define NO_REASON "the plugin gave no reason"

static enum outcome_kind kind_of(enum attempt_fate fate)
{
    switch (fate) {
    case ATTEMPT_SUCCEEDS:
        return OUTCOME_DONE;
    case ATTEMPT_AGAIN:
        return OUTCOME_RETRY;
    case ATTEMPT_SKIPS:
        return OUTCOME_SKIPPED;
    case ATTEMPT_DIES:
        break;
    }
    return OUTCOME_DEAD;
}

static void free_follow_ups(struct work *w)
{
    for (size_t i = 0; i < w->outcome.follow_up_count; i++)
        job_free(&w->follow_ups[i].job);
    free(w->follow_ups);
    w->follow_ups = NULL;
}

/* Follow-ups are jobs of their own: made here, stored with the outcome. */
static int make_follow_ups(struct work *w, const struct attempt *a)
{
    size_t n = 0;

    if (a->followups == NULL)
        return 0;
    w->follow_ups = calloc(a->followup_count, sizeof(*w->follow_ups));
    if (w->follow_ups == NULL)
        return -ENOMEM;
    for (const struct attempt_followup *f = a->followups; f != NULL;
         f = f->next) {
        struct job_text t = {f->key, f->payload, f->headers};
        struct job *j = job_new(f->app, &t);

        w->outcome.follow_up_count = n;
        if (j == NULL)
            return -ENOMEM;
        j->due_ms = j->scheduled_ms = f->due_ms;
        j->created_ms = a->ended_ms;
        j->priority = (uint8_t)f->priority;
        w->follow_ups[n++] = (struct put_item){.kind = PUT_JOB, .job = j};
    }
    w->outcome.follow_up_count = n;
    w->outcome.follow_ups = w->follow_ups;
    return 0;
}

static void add_header(struct buf *b, const char *name, const char *value,
                       size_t len)
{
    (void)headers_add(b, (struct span){name, strlen(name)},
                      (struct span){value, len});
}

static void add_number(struct buf *b, const char *name, int64_t v)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%lld", (long long)v);

    add_header(b, name, text, (size_t)n);
}

/* NULL without memory: the job then goes without what would be in it. */
static struct grief *grief_of(struct work *w)
{
    if (w->grief == NULL)
        w->grief = calloc(1, sizeof(*w->grief));
    return w->grief;
}

const char *work_fault(const struct work *w)
{
    return w->grief == NULL ? "" : w->grief->fault;
}

static void note_fault(struct work *w, const char *topic, const char *text)
{
    struct grief *g = grief_of(w);

    if (g != NULL)
        snprintf(g->fault, sizeof(g->fault), "record to %s: %s", topic, text);
}

/* The dead letter: the job's key and payload, its headers and why. */
static bool make_letter(struct work *w)
{
    const struct job *j = w->attempt->job;
    const struct topic_name *topic = w->attempt->decision.dead_letters;
    struct span why = w->outcome.error;
    struct grief *g = topic == NULL ? NULL : grief_of(w);
    struct buf *h;

    if (g == NULL)
        return false;
    h = &g->headers;
    *h = BUF_INIT(LETTER_HEADERS_MOST);
    (void)buf_add(h, j->headers.data, j->headers.len);
    add_header(h, "ontime-app", j->app->text, strlen(j->app->text));
    add_number(h, "ontime-job", j->id);
    add_number(h, "ontime-attempts", (int64_t)j->attempt + 1);
    if (why.len == 0)
        why = (struct span){NO_REASON, strlen(NO_REASON)};
    add_header(h, "error-message", why.data, why.len);
    add_number(h, "error-timestamp", w->outcome.finished_ms);
    if (buf_ok(h) < 0)
        buf_reset(h); /* better without its headers than not at all */
    g->letter = (struct attempt_record){.topic = topic,
                                        .key = j->key,
                                        .value = j->payload,
                                        .headers = {h->data, h->len},
                                        .partition = -1};
    if (j->key.len == 0)
        g->letter.key.data = NULL;
    return true;
}

static void set_records(struct work *w, const struct attempt_record *first)
{
    w->records = w->next = w->waiting = 0;
    w->again = w->refused = w->refused_for_now = w->timed_out = false;
    for (const struct attempt_record *r = first; r != NULL; r = r->next)
        w->sent[w->records++] = (struct sent){w, r, SENT_NOT};
}

static void set_outcome(struct work *w)
{
    const struct attempt *a = w->attempt;

    w->outcome.job = a->job;
    w->outcome.kind = kind_of(a->decision.fate);
    w->outcome.retry_ms = a->decision.again_ms;
    w->outcome.started_ms = a->started_ms > 0 ? a->started_ms : a->opened_ms;
    w->outcome.finished_ms = a->ended_ms;
    w->outcome.error = a->message;
    list_init(&w->outcome.link);
}

struct work *work_new(struct attempt *a)
{
    uint32_t n =
        a->record_count > 0 ? a->record_count : 1; /* room for a dead letter */
    struct work *w = calloc(1, sizeof(*w) + n * sizeof(w->sent[0]));

    if (w == NULL)
        return NULL;
    list_init(&w->link);
    w->attempt = a;
    w->ledger_pos = w->ledger_seq = -1;
    set_outcome(w);
    if (w->outcome.kind == OUTCOME_DONE) {
        if (make_follow_ups(w, a) < 0) {
            free_follow_ups(w);
            free(w);
            return NULL;
        }
        set_records(w, a->records);
    } else if (w->outcome.kind == OUTCOME_DEAD && make_letter(w)) {
        set_records(w, &w->grief->letter);
    }
    return w;
}

void work_free(struct work **pw)
{
    struct work *w = *pw;

    *pw = NULL;
    if (w == NULL)
        return;
    free_follow_ups(w);
    if (w->grief != NULL)
        buf_done(&w->grief->headers);
    free(w->grief);
    attempt_free(&w->attempt);
    free(w);
}

void work_report(struct sent *s, int result, const char *text)
{
    struct work *w = s->work;

    if (s->state == SENT_WAITING)
        w->waiting--;
    s->state = result == 0 ? SENT_OK : SENT_NOT;
    if (result == 0)
        return;
    if (result == -EMSGSIZE || result == -EACCES || result == -EINVAL)
        w->refused = true;
    else if (result == -ENOENT)
        w->refused_for_now = true;
    else
        w->again = true;
    w->timed_out |= result == -ETIMEDOUT;
    if (result != -EIO && result != -ECANCELED)
        note_fault(w, s->record->topic->text, text);
}

void work_rewind(struct work *w)
{
    uint32_t keep = 0;

    for (uint32_t i = 0; i < w->records; i++)
        if (w->sent[i].state != SENT_OK)
            w->sent[keep++] = w->sent[i];
    w->records = keep;
    w->next = 0;
    w->again = false;
}

void work_restart(struct work *w)
{
    for (uint32_t i = 0; i < w->records; i++)
        w->sent[i].state = SENT_NOT;
    w->next = w->waiting = 0;
    w->again = w->timed_out = false;
}

void work_refuse(struct work *w, const char *topic, int result,
                 const char *text)
{
    if (result == -ENOENT)
        w->refused_for_now = true;
    else
        w->refused = true;
    note_fault(w, topic, text);
}

bool work_condemn(struct work *w)
{
    bool was_letter = w->outcome.kind == OUTCOME_DEAD;
    bool later = !w->refused && w->attempt->decision.again_ms >= 0;

    if (!was_letter)
        w->outcome.error = (struct span){work_fault(w), strlen(work_fault(w))};
    free_follow_ups(w);
    w->outcome.follow_ups = NULL;
    w->outcome.follow_up_count = 0;
    set_records(w, NULL);
    if (was_letter)
        return false; /* the letter itself was refused: the history has the reason */
    w->outcome.kind = later ? OUTCOME_RETRY : OUTCOME_DEAD;
    if (later || !make_letter(w))
        return false;
    set_records(w, &w->grief->letter);
    return true;
}
