/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/sender.c - the at_least_once lane; see sender.h.  Commit's thread.
 */
#include "config.h"

#include "commit/sender.h"

#include "base/clock.h"
#include "base/log.h"
#include "metrics/metrics.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#define MESSAGE_TIMEOUT_MS 30000
#define QUEUE_KB (64 << 10)
#define TURN_MOST 256 /* works sent in one turn: the other lane waits so long */

struct sender {
    struct sender_settings set;
    struct producer *producer;      /* NULL: being made anew */
    struct producer_topic **topics; /* by topic_name.index */
    size_t topic_count;
    struct list lane;   /* struct work.link: records to send */
    struct list flying; /* all sent, waiting for reports */
    size_t works;       /* in either */
    bool broken;        /* the producer failed for good */
    int64_t reopen_ms;
    struct log_complaint trouble;
    _Atomic(int64_t) outstanding;
    atomic_bool connected;
};

static void on_report(void *arg, const struct producer_report *r);

static int open_producer(struct sender *s, struct err *err)
{
    struct producer_settings set = {
        .kafka = s->set.kafka,
        .name = s->set.name,
        .queue_records = (int64_t)s->set.inflight_records * 2,
        .queue_kb = QUEUE_KB,
        .message_timeout_ms = MESSAGE_TIMEOUT_MS,
        .linger_ms = s->set.linger_ms,
        .report = on_report,
        .arg = s,
    };

    return producer_open(&set, &s->producer, err);
}

int sender_open(const struct sender_settings *set, struct sender **ret,
                struct err *err)
{
    struct sender *s = calloc(1, sizeof(*s));
    int r;

    if (s == NULL)
        return err_set(err, -ENOMEM, "open the sender: no memory");
    s->set = *set;
    list_init(&s->lane);
    list_init(&s->flying);
    r = open_producer(s, err);
    if (r < 0) {
        sender_close(&s);
        return r;
    }
    *ret = s;
    return 0;
}

static void free_works(struct list *works)
{
    for (struct list *e; (e = list_pop(works)) != NULL;) {
        struct work *w = list_of(e, struct work, link);

        work_free(&w);
    }
}

void sender_close(struct sender **ps)
{
    struct sender *s = *ps;

    *ps = NULL;
    if (s == NULL)
        return;
    producer_close(&s->producer); /* first: it reads the records */
    free_works(&s->lane);
    free_works(&s->flying);
    free(s->topics);
    free(s);
}

void sender_take(struct sender *s, struct work *w)
{
    s->works++;
    list_push(&s->lane, &w->link);
}

bool sender_busy(const struct sender *s)
{
    return s->works > 0;
}

int64_t sender_outstanding(const struct sender *s)
{
    return atomic_load(&s->outstanding);
}

bool sender_connected(const struct sender *s)
{
    return atomic_load(&s->connected);
}

static void complain(struct sender *s, const char *text)
{
    unsigned swallowed;

    if (log_complain(&s->trouble, clock_boot_ms(), &swallowed))
        log_warn("commit", LOG_EVENT("records_not_delivered"),
                 LOG_STR("error", text), LOG_INT("swallowed", swallowed));
}

/* Every record of w has been answered: what next? */
static void settle(struct sender *s, struct work *w)
{
    bool refused = w->refused || w->refused_for_now;

    list_remove(&w->link);
    if (refused)
        complain(s, work_fault(w));
    if (refused && work_condemn(w)) {
        list_push(&s->lane, &w->link); /* the dead letter goes first */
        return;
    }
    if (!refused && w->again) {
        work_rewind(w);
        list_push(&s->lane, &w->link);
        return;
    }
    s->works--;
    s->set.sent(s->set.arg, w);
}

static void on_report(void *arg, const struct producer_report *r)
{
    struct sender *s = arg;
    struct sent *record = r->opaque;
    struct work *w = record->work;

    work_report(record, r->result, r->text);
    if (r->result == 0)
        (void)log_calm(&s->trouble);
    else if (w->again)
        complain(s, r->text);
    if (w->next == w->records && w->waiting == 0)
        settle(s, w);
}

static struct producer_topic *topic_of(struct sender *s,
                                       const struct topic_name *t)
{
    if (t->index >= s->topic_count) {
        size_t n = t->index + 16;
        struct producer_topic **p = realloc(s->topics, n * sizeof(*p));

        if (p == NULL)
            return NULL;
        for (size_t i = s->topic_count; i < n; i++)
            p[i] = NULL;
        s->topics = p;
        s->topic_count = n;
    }
    if (s->topics[t->index] == NULL)
        s->topics[t->index] = producer_topic(s->producer, t->text);
    return s->topics[t->index];
}

/* Hands one record to the producer: 0, or -EAGAIN when it has to wait. */
static int send_record(struct sender *s, struct sent *record)
{
    const struct attempt_record *a = record->record;
    struct producer_record r = {
        .topic = topic_of(s, a->topic),
        .partition = a->partition,
        .key = a->key,
        .value = a->value,
        .headers = a->headers,
        .opaque = record,
    };
    struct err err;
    int result;

    if (r.topic == NULL)
        return -EAGAIN;
    result = producer_send(s->producer, &r, &err);
    if (result == -EAGAIN)
        return result;
    if (result == -EIO) {
        s->broken = true;
        complain(s, err.text);
        return -EAGAIN;
    }
    if (result < 0) {
        work_report(record, result, err.text);
        return 0;
    }
    record->state = SENT_WAITING;
    record->work->waiting++;
    return 0;
}

/* Sends what w still has to send; false when the producer is full. */
static bool send_work(struct sender *s, struct work *w)
{
    while (w->next < w->records) {
        if (send_record(s, &w->sent[w->next]) < 0)
            return false;
        w->next++;
    }
    return true;
}

static bool send_lane(struct sender *s)
{
    int64_t limit = (int64_t)s->set.inflight_records;
    bool some = false;

    for (int n = 0; n < TURN_MOST && !list_empty(&s->lane) && !s->broken &&
                    producer_outstanding(s->producer) < limit;
         n++) {
        struct work *w = list_of(s->lane.next, struct work, link);

        if (!send_work(s, w))
            break;
        some = true;
        list_remove(&w->link);
        list_push(&s->flying, &w->link);
        if (w->waiting == 0) /* all refused on the spot */
            settle(s, w);
    }
    return some;
}

/* The producer failed for good: another one, once all reports are in. */
static void reopen(struct sender *s)
{
    int64_t now = clock_boot_ms();
    struct err err;

    if (s->producer != NULL && producer_outstanding(s->producer) > 0)
        return;
    if (now < s->reopen_ms)
        return;
    producer_close(&s->producer);
    free(s->topics);
    s->topics = NULL;
    s->topic_count = 0;
    s->reopen_ms = now + 1000;
    if (open_producer(s, &err) < 0) {
        complain(s, err.text);
        return;
    }
    s->broken = false;
    log_warn("commit", LOG_EVENT("producer_made_anew"));
}

bool sender_turn(struct sender *s)
{
    bool some = s->producer != NULL && producer_poll(s->producer, 0) > 0;

    if (s->broken)
        reopen(s);
    if (s->producer == NULL)
        return some;
    some |= send_lane(s);
    atomic_store(&s->outstanding, producer_outstanding(s->producer));
    atomic_store(&s->connected, producer_connected(s->producer));
    return some;
}
