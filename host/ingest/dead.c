/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/dead.c - dead letters; see dead.h.  The source's thread only.
 */
#include "config.h"

#include "ingest/dead.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "ingest/batch.h"
#include "job/headers.h"
#include "metrics/metrics.h"

#define FIRST_MS 200 /* before a refused letter is sent again; doubles */
#define LAST_MS 5000
#define OPEN_AGAIN_MS 1000

enum cut { CUT_NOTHING, CUT_VALUE, CUT_ALL };

struct letter {
    struct list link;
    struct batch *batch; /* NULL: given up */
    struct message m;
    char *headers; /* encoded, as sent */
    size_t headers_len;
    enum cut cut;
    bool sent; /* the producer has it */
    unsigned tries;
    int64_t again_ms; /* not sent: not before, boot clock */
    int64_t wall_ms;
    char why[];
};

static void add(struct buf *b, const char *name, const char *value)
{
    (void)headers_add(b, (struct span){name, strlen(name)},
                      (struct span){value, strlen(value)});
}

static void add_number(struct buf *b, const char *name, int64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRId64, value);
    add(b, name, text);
}

static int make_headers(const struct dead *d, struct letter *l)
{
    struct buf b = BUF_INIT((size_t)64 << 20);
    struct span own = message_headers(&l->m);

    free(l->headers);
    if (l->cut != CUT_ALL && own.len > 0)
        (void)buf_add(&b, own.data, own.len);
    add(&b, "original-topic", d->topic);
    add_number(&b, "original-partition", l->m.partition);
    add_number(&b, "original-offset", l->m.offset);
    add(&b, "error-message", l->why);
    add_number(&b, "error-timestamp", l->wall_ms);
    if (l->cut != CUT_NOTHING)
        add_number(&b, "ontime-value-dropped", (int64_t)l->m.value.len);
    if (l->cut == CUT_ALL)
        add_number(&b, "ontime-key-dropped", (int64_t)l->m.key.len);
    l->headers = buf_take(&b, &l->headers_len);
    buf_done(&b);
    return l->headers != NULL ? 0 : -ENOMEM;
}

static void letter_free(struct letter *l)
{
    list_remove(&l->link);
    message_free(&l->m);
    free(l->headers);
    free(l);
}

/* ---- what became of a letter ------------------------------------------------ */

static void complain(struct dead *d, const struct letter *l, const char *text)
{
    unsigned swallowed;
    int64_t now = clock_boot_ms();

    if (d->troubled_ms == 0)
        d->troubled_ms = now;
    if (log_complain(&d->complaint, now, &swallowed))
        log_error("ingest", LOG_EVENT("dead_letter_refused"),
                  LOG_STR("source", d->source), LOG_STR("topic", d->dlq_topic),
                  LOG_INT("partition", l->m.partition),
                  LOG_INT("offset", l->m.offset), LOG_STR("error", text),
                  LOG_INT("swallowed", swallowed));
}

static void delivered(struct dead *d, struct letter *l)
{
    d->troubled_ms = 0;
    if (log_calm(&d->complaint))
        log_info("ingest", LOG_EVENT("dead_letters_flow_again"),
                 LOG_STR("source", d->source), LOG_STR("topic", d->dlq_topic));
    if (l->batch != NULL) {
        assert(l->batch->bad_open > 0);
        l->batch->bad_open--;
    }
    metric_add(d->delivered, 1);
    letter_free(l);
}

/* Refused, now or by the broker. */
static void refused(struct dead *d, struct letter *l, int result,
                    const char *text)
{
    int64_t pause = (int64_t)FIRST_MS << (l->tries < 5 ? l->tries : 5);

    if (l->batch == NULL) {
        letter_free(l);
        return;
    }
    d->waiting += l->sent;
    l->sent = false;
    if (result == -EMSGSIZE && l->cut != CUT_ALL) {
        l->cut = l->cut == CUT_NOTHING ? CUT_VALUE : CUT_ALL;
        l->again_ms = 0;
        log_error("ingest", LOG_EVENT("dead_letter_cut"),
                  LOG_STR("source", d->source), LOG_STR("topic", d->dlq_topic),
                  LOG_INT("partition", l->m.partition),
                  LOG_INT("offset", l->m.offset),
                  LOG_INT("value_bytes", l->m.value.len),
                  LOG_STR("error", text));
        if (make_headers(d, l) == 0)
            return;
    }
    l->tries++;
    l->again_ms = clock_boot_ms() + (pause < LAST_MS ? pause : LAST_MS);
    complain(d, l, text);
}

static void on_report(void *arg, const struct producer_report *r)
{
    struct dead *d = arg;
    struct letter *l = r->opaque;

    if (r->result == 0)
        delivered(d, l);
    else
        refused(d, l, r->result, r->text);
}

/* ---- the producer ------------------------------------------------------------ */

static int open_producer(struct dead *d, struct err *err)
{
    char name[128];
    const struct producer_settings set = {
        .kafka = d->kafka,
        .name = name,
        .queue_records = 4096,
        .queue_kb = 48 << 10,
        .message_timeout_ms = 30000,
        .linger_ms = 1,
        .report = on_report,
        .arg = d,
    };
    int r;

    if (d->p != NULL)
        return 0;
    if (clock_boot_ms() < d->open_ms)
        return -EAGAIN;
    d->open_ms = clock_boot_ms() + OPEN_AGAIN_MS;
    (void)snprintf(name, sizeof(name), "dlq-%s", d->source);
    r = producer_open(&set, &d->p, err);
    if (r < 0)
        return r;
    d->target = producer_topic(d->p, d->dlq_topic);
    if (d->target != NULL)
        return 0;
    producer_close(&d->p);
    return err_set(err, -EINVAL, "topic %s: not a name", d->dlq_topic);
}

/* A producer that has failed for good reports nothing more: another one sends
 * what this one had. */
static void close_producer(struct dead *d)
{
    struct list *at, *next;

    producer_close(&d->p);
    d->target = NULL;
    for (at = d->letters.next; at != &d->letters; at = next) {
        struct letter *l = list_of(at, struct letter, link);

        next = at->next;
        d->waiting += l->sent;
        l->sent = false;
        l->again_ms = 0;
        if (l->batch == NULL) {
            d->waiting--;
            letter_free(l);
        }
    }
}

/* ---- sending ------------------------------------------------------------------ */

/* False: not now, nor those behind it. */
static bool send_letter(struct dead *d, struct letter *l)
{
    struct err err = {0};
    struct producer_record rec = {
        .topic = d->target,
        .partition = -1,
        .headers = {l->headers, l->headers_len},
        .opaque = l,
    };
    int r;

    if (l->cut == CUT_NOTHING)
        rec.value = l->m.value;
    if (l->cut != CUT_ALL)
        rec.key = l->m.key;
    r = producer_send(d->p, &rec, &err);
    if (r == 0) {
        l->sent = true;
        d->waiting--;
        return true;
    }
    if (r == -EAGAIN)
        return false;
    if (r == -EIO) {
        complain(d, l, err.text);
        close_producer(d);
        return false;
    }
    refused(d, l, r, err.text);
    return true;
}

static void send_waiting(struct dead *d)
{
    struct err err = {0};
    struct list *at, *next;
    int64_t now;
    int r = open_producer(d, &err);

    if (r < 0) {
        if (r != -EAGAIN)
            complain(d, list_of(d->letters.next, struct letter, link),
                     err.text);
        return;
    }
    now = clock_boot_ms();
    for (at = d->letters.next; at != &d->letters && d->waiting > 0; at = next) {
        struct letter *l = list_of(at, struct letter, link);

        next = at->next;
        if (!l->sent && l->again_ms <= now && !send_letter(d, l))
            return;
    }
}

int dead_send(struct dead *d, struct batch *b, struct message *m,
              const char *why, int64_t wall_ms)
{
    size_t len = strlen(why) + 1;
    struct letter *l = calloc(1, sizeof(*l) + len);

    if (l == NULL)
        return -ENOMEM;
    list_init(&l->link);
    memcpy(l->why, why, len);
    l->m = *m;
    l->wall_ms = wall_ms;
    if (make_headers(d, l) < 0) {
        *m = l->m;
        free(l);
        return -ENOMEM;
    }
    *m = (struct message){0};
    l->batch = b;
    b->bad_open++;
    b->bad_count++;
    b->bytes += l->m.value.len + l->m.key.len + l->headers_len;
    list_push(&d->letters, &l->link);
    d->waiting++;
    send_waiting(d);
    return 0;
}

void dead_serve(struct dead *d, int timeout_ms)
{
    if (d->p != NULL)
        (void)producer_poll(d->p, timeout_ms);
    if (d->waiting > 0)
        send_waiting(d);
}

/* Letters that the producer has stay until their reports: it reads them. */
void dead_forget(struct dead *d, const struct batch *b)
{
    struct list *at, *next;

    for (at = d->letters.next; at != &d->letters; at = next) {
        struct letter *l = list_of(at, struct letter, link);

        next = at->next;
        if (l->batch != b)
            continue;
        l->batch = NULL;
        if (l->sent)
            continue;
        d->waiting--;
        letter_free(l);
    }
}

void dead_init(struct dead *d, const struct kafka_settings *kafka,
               const char *source, const char *topic, const char *dlq_topic)
{
    *d = (struct dead){.kafka = kafka,
                       .source = source,
                       .topic = topic,
                       .dlq_topic = dlq_topic};
    list_init(&d->letters);
    d->delivered = metric_series("messages_dead_lettered_total", source);
}

void dead_done(struct dead *d)
{
    struct list *at;

    producer_close(&d->p);
    d->target = NULL;
    d->waiting = 0;
    while ((at = d->letters.next) != &d->letters)
        letter_free(list_of(at, struct letter, link));
}
