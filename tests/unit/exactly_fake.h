/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/exactly_fake.h - a Kafka that answers transactions as it is told:
 * the functions of kafka/txproducer.h and kafka/logreader.h, for one program.
 */
#ifndef ONTIME_TESTS_EXACTLY_FAKE_H
#define ONTIME_TESTS_EXACTLY_FAKE_H

#include "commit_rig.h"

#include "commit/ledger.h"
#include "kafka/logreader.h"
#include "kafka/txproducer.h"
#include "store/slots.h"

enum answer {
    GOOD,
    SLOW,           /* unknown twice, then good */
    NAMED,          /* abortable, the record of `culprit` is too large */
    UNNAMED,        /* abortable, all purged */
    LOST,           /* fatal, not committed */
    LOST_COMMITTED, /* fatal, committed */
    NO_OFFSET       /* good, but no offset in the reports */
};

#define MOST 4096

static struct fake {
    pthread_mutex_t mtx;
    enum answer script[16];
    size_t at, length;
    char culprit[16];
    int slow;
    struct sent_record {
        char topic[16], key[16];
        void *opaque;
        char *ledger; /* of the ledger: its value */
        size_t len;
    } open[MOST], done[MOST];
    size_t open_count, done_count;
    unsigned begun, inits, aborted, refused_topic;
    bool dead; /* this producer */
} fake;

struct txproducer { /* the fake's own */
    struct txproducer_settings set;
};

static char topic_names[][16] = {"ledger", "out", "dead"};

/* ---- txproducer.h ----------------------------------------------------------- */

int txproducer_open(const struct txproducer_settings *set,
                    struct txproducer **ret, struct err *err)
{
    struct txproducer *t = calloc(1, sizeof(*t));

    (void)err;
    t->set = *set;
    fake.dead = false;
    *ret = t;
    return 0;
}

static void forget_open(void)
{
    for (size_t i = 0; i < fake.open_count; i++)
        free(fake.open[i].ledger);
    fake.open_count = 0;
}

void txproducer_close(struct txproducer **pt)
{
    free(*pt);
    *pt = NULL;
    forget_open();
}

int txproducer_init(struct txproducer *t, int timeout_ms, struct err *err)
{
    (void)t;
    (void)timeout_ms;
    (void)err;
    fake.inits++;
    return 0;
}

int txproducer_topic(struct txproducer *t, const char *name, int timeout_ms,
                     struct producer_topic **ret, int32_t *ret_partitions,
                     struct err *err)
{
    (void)t;
    (void)timeout_ms;
    *ret_partitions = 1;
    for (size_t i = 0; i < 3; i++)
        if (strcmp(topic_names[i], name) == 0) {
            *ret = (struct producer_topic *)(void *)topic_names[i];
            return 0;
        }
    fake.refused_topic++;
    return err_set(err, -ENOENT, "topic %s: unknown", name);
}

enum tx_result txproducer_begin(struct txproducer *t, struct err *err)
{
    (void)t;
    (void)err;
    fake.begun++;
    return TX_OK;
}

int txproducer_send(struct txproducer *t, const struct producer_record *r,
                    struct err *err)
{
    struct sent_record *s = &fake.open[fake.open_count++];

    (void)t;
    (void)err;
    assert_true(fake.open_count < MOST && !fake.dead);
    *s = (struct sent_record){.opaque = r->opaque, .len = r->value.len};
    (void)snprintf(s->topic, sizeof(s->topic), "%s", (const char *)r->topic);
    (void)snprintf(s->key, sizeof(s->key), "%.*s", (int)r->key.len,
                   r->key.len > 0 ? (const char *)r->key.data : "");
    if (strcmp(s->topic, "ledger") == 0) {
        s->ledger = malloc(s->len);
        memcpy(s->ledger, r->value.data, s->len);
    }
    return 0;
}

int txproducer_poll(struct txproducer *t, int timeout_ms)
{
    (void)t;
    (void)timeout_ms;
    return 0;
}

static void report(struct txproducer *t, const struct sent_record *s,
                   int result, int64_t offset)
{
    const struct producer_report r = {.opaque = s->opaque,
                                      .result = result,
                                      .text = "as told",
                                      .offset = offset};

    t->set.report(t->set.arg, &r);
}

/* What was sent is there for readers; an offset each. */
static void commit_open(struct txproducer *t, bool tell, bool offsets)
{
    (void)pthread_mutex_lock(&fake.mtx);
    for (size_t i = 0; i < fake.open_count; i++) {
        assert_true(fake.done_count < MOST);
        if (tell)
            report(t, &fake.open[i], 0,
                   offsets ? (int64_t)fake.done_count : -1);
        fake.done[fake.done_count++] = fake.open[i];
    }
    fake.open_count = 0;
    (void)pthread_mutex_unlock(&fake.mtx);
}

static void report_failed(struct txproducer *t, bool named)
{
    for (size_t i = 0; i < fake.open_count; i++) {
        const struct sent_record *s = &fake.open[i];

        report(t, s,
               named && strcmp(s->key, fake.culprit) == 0 &&
                       strcmp(s->topic, "out") == 0
                   ? -EMSGSIZE
                   : -ECANCELED,
               -1);
    }
}

static bool has_culprit(void)
{
    for (size_t i = 0; i < fake.open_count; i++)
        if (strcmp(fake.open[i].key, fake.culprit) == 0 &&
            strcmp(fake.open[i].topic, "out") == 0)
            return true;
    return false;
}

static enum answer next_answer(void)
{
    enum answer a = fake.at < fake.length ? fake.script[fake.at] : GOOD;

    if (a == SLOW && fake.slow++ < 2)
        return SLOW;
    fake.slow = 0;
    /* Those about a record wait for it. */
    if (a == NAMED && !has_culprit())
        return GOOD;
    if (fake.at < fake.length)
        fake.at++;
    return a == SLOW ? GOOD : a;
}

enum tx_result txproducer_commit(struct txproducer *t, int timeout_ms,
                                 struct err *err)
{
    enum answer a = next_answer();

    (void)timeout_ms;
    switch (a) {
    case GOOD:
    case NO_OFFSET:
        commit_open(t, true, a == GOOD);
        return TX_OK;
    case SLOW:
        (void)err_again(err, -ETIMEDOUT, "slow");
        return TX_UNKNOWN;
    case NAMED:
    case UNNAMED:
        report_failed(t, a == NAMED);
        (void)err_set(err, -EMSGSIZE, "abortable");
        return TX_ABORT;
    case LOST_COMMITTED:
        commit_open(t, false, false);
        break;
    case LOST:
        break;
    }
    fake.dead = true;
    (void)err_set(err, -EIO, "fatal");
    return TX_FATAL;
}

enum tx_result txproducer_abort(struct txproducer *t, int timeout_ms,
                                struct err *err)
{
    (void)t;
    (void)timeout_ms;
    (void)err;
    fake.aborted++;
    forget_open();
    return TX_OK;
}

int txproducer_trim(struct txproducer *t, const char *topic, int32_t partition,
                    int64_t before, int timeout_ms, struct err *err)
{
    (void)t;
    (void)topic;
    (void)partition;
    (void)before;
    (void)timeout_ms;
    (void)err;
    return 0;
}

int txproducer_offset_at(struct txproducer *t, const char *topic,
                         int32_t partition, int64_t ms, int64_t *ret,
                         struct err *err)
{
    (void)t;
    (void)topic;
    (void)partition;
    (void)ms;
    (void)err;
    *ret = -1;
    return 0;
}

/* ---- logreader.h -------------------------------------------------------------- */

struct logreader {
    int64_t at, end;
};

int logreader_end(const struct kafka_settings *set, const char *topic,
                  int32_t partition, int timeout_ms, int64_t *ret,
                  struct err *err)
{
    (void)set;
    (void)topic;
    (void)partition;
    (void)timeout_ms;
    (void)err;
    (void)pthread_mutex_lock(&fake.mtx);
    *ret = (int64_t)fake.done_count;
    (void)pthread_mutex_unlock(&fake.mtx);
    return 0;
}

int logreader_open(const struct kafka_settings *set, const struct logrange *of,
                   struct logreader **ret, struct err *err)
{
    (void)set;
    (void)err;
    *ret = calloc(1, sizeof(**ret));
    **ret = (struct logreader){of->from, of->end};
    return 0;
}

void logreader_close(struct logreader **pr)
{
    free(*pr);
    *pr = NULL;
}

int logreader_next(struct logreader *r, int timeout_ms, struct logrecord *ret,
                   struct err *err)
{
    (void)timeout_ms;
    (void)err;
    for (; r->at < r->end; r->at++) {
        const struct sent_record *s = &fake.done[r->at];

        if (s->ledger == NULL)
            continue;
        *ret =
            (struct logrecord){.offset = r->at, .value = {s->ledger, s->len}};
        r->at++;
        return 1;
    }
    return 0;
}

#endif
