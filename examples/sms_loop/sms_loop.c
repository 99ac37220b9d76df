/* SPDX-License-Identifier: Apache-2.0
 *
 * sms_loop.c - what an SMS service does with ontime: a failed SMS is tried
 * again after 1, 5, 15, 30 and 60 minutes, until it is sent or given up.
 *
 *     sms-loop send    an SMS has failed: asks for its first retry (SMS_Retry)
 *     sms-loop serve   sends what is due (SMS_Send); what fails again is asked
 *                      for again, one attempt up, a longer delay ahead
 *
 * There is no SMS gateway here: the first -f retries of each SMS fail.  A
 * minute lasts a second unless -m says otherwise.
 *
 * It needs nothing of ontime, only librdkafka and cJSON:
 *     cc -o sms-loop sms_loop.c $(pkg-config --cflags --libs rdkafka libcjson)
 *
 * One thread; librdkafka has its own.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <librdkafka/rdkafka.h>

#define RETRY_TOPIC "SMS_Retry"
#define SEND_TOPIC "SMS_Send"
#define TIME_SIZE 32

static const int delays_min[] = {1, 5, 15, 30, 60};
#define ATTEMPTS ((int)(sizeof(delays_min) / sizeof(delays_min[0])))

struct loop {
    const char *brokers;
    const char *group;
    int64_t minute_ms; /* how long a minute lasts */
    int64_t only;      /* the one SMS that counts, and the end; 0: all */
    int fails;         /* so many retries of each SMS fail */
    rd_kafka_t *producer, *consumer;
};

struct sms { /* an SMS that has failed, as SMS_Send and SMS_Retry tell it */
    int64_t task;
    char created[TIME_SIZE];
    int attempt; /* of the retry; 1 is the first */
};

enum fate { SENT, AGAIN, GIVEN_UP, NOT_ASKED };

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

/* ---- times and talk --------------------------------------------------------- */

static int64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* 2025-11-13T15:30:00.250Z: with the Z it is the same for everybody. */
static void format_time(int64_t ms, char out[TIME_SIZE])
{
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    size_t n;

    (void)gmtime_r(&s, &tm);
    n = strftime(out, TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out + n, TIME_SIZE - n, ".%03dZ", (int)(ms % 1000));
}

__attribute__((format(printf, 2, 3))) static void say(const struct sms *sms,
                                                      const char *fmt, ...)
{
    char at[TIME_SIZE];
    va_list ap;

    format_time(now_ms(), at);
    (void)printf("%.12s  SMS %" PRId64 "  ", at + 11, sms->task);
    va_start(ap, fmt);
    (void)vprintf(fmt, ap);
    va_end(ap);
    (void)putchar('\n');
    (void)fflush(stdout);
}

static int fail(const char *what, const char *why)
{
    (void)fprintf(stderr, "sms-loop: %s: %s\n", what, why);
    return -1;
}

/* ---- asking for a retry ----------------------------------------------------- */

static int64_t delay_ms(const struct loop *l, int attempt)
{
    return delays_min[attempt - 1] * l->minute_ms;
}

/* The message for SMS_Retry; cJSON_free() it.  NULL: no memory. */
static char *retry_message(const struct sms *sms, int64_t due_ms,
                           const char *reason)
{
    char due[TIME_SIZE], once[64];
    cJSON *m = cJSON_CreateObject(), *data;
    char *text;

    format_time(due_ms, due);
    /* Sent twice, by a service that was not sure, it is still one retry. */
    (void)snprintf(once, sizeof(once), "task-%" PRId64 "-retry-%d", sms->task,
                   sms->attempt);
    (void)cJSON_AddStringToObject(m, "appName", "sms_retry");
    (void)cJSON_AddStringToObject(m, "scheduledTime", due);
    (void)cJSON_AddStringToObject(m, "idempotencyKey", once);
    data = cJSON_AddObjectToObject(m, "jobData");
    (void)cJSON_AddNumberToObject(data, "campaignTaskId", (double)sms->task);
    (void)cJSON_AddStringToObject(data, "createdOn", sms->created);
    (void)cJSON_AddStringToObject(data, "retryTime", due);
    (void)cJSON_AddNumberToObject(data, "retryAttempt", sms->attempt);
    (void)cJSON_AddStringToObject(data, "failureReason", reason);
    text = data == NULL ? NULL : cJSON_PrintUnformatted(m);
    cJSON_Delete(m);
    return text;
}

/* Told for each message once it is kept by the broker, or cannot be. */
static void delivered(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    (void)opaque;
    *(int *)m->_private = m->err == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : -1;
}

/* 0 when the broker has it. */
static int produce(struct loop *l, const char *text)
{
    int result = 1; /* not yet known */
    rd_kafka_resp_err_t e = rd_kafka_producev(
        l->producer, RD_KAFKA_V_TOPIC(RETRY_TOPIC),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)text, strlen(text)),
        RD_KAFKA_V_OPAQUE(&result), RD_KAFKA_V_END);

    if (e != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fail("produce to " RETRY_TOPIC, rd_kafka_err2str(e));
    while (result == 1) /* at most message.timeout.ms */
        (void)rd_kafka_poll(l->producer, 100);
    if (result < 0)
        return fail("produce to " RETRY_TOPIC, "not delivered");
    return 0;
}

/* The SMS has failed: its retry number sms->attempt, please. */
static int ask_for_retry(struct loop *l, const struct sms *sms,
                         const char *reason)
{
    int64_t due = now_ms() + delay_ms(l, sms->attempt);
    char *text = retry_message(sms, due, reason), at[TIME_SIZE];
    int r =
        text == NULL ? fail("write a message", "no memory") : produce(l, text);

    cJSON_free(text);
    if (r == 0) {
        format_time(due, at);
        say(sms, "retry %d asked for in %d min, at %.12s", sms->attempt,
            delays_min[sms->attempt - 1], at + 11);
    }
    return r;
}

/* ---- sending what is due ---------------------------------------------------- */

static int read_record(const rd_kafka_message_t *m, struct sms *ret)
{
    cJSON *doc = cJSON_ParseWithLength(m->payload, m->len);
    const cJSON *task = cJSON_GetObjectItem(doc, "campaignTaskId");
    const cJSON *attempt = cJSON_GetObjectItem(doc, "retryAttempt");
    const char *created =
        cJSON_GetStringValue(cJSON_GetObjectItem(doc, "createdOn"));
    int r = cJSON_IsNumber(task) && cJSON_IsNumber(attempt) &&
                    attempt->valueint >= 1
                ? 0
                : -1;

    if (r == 0) {
        ret->task = (int64_t)task->valuedouble;
        ret->attempt = attempt->valueint;
        (void)snprintf(ret->created, sizeof(ret->created), "%s",
                       created != NULL ? created : "");
    }
    cJSON_Delete(doc);
    return r;
}

/* The gateway that we do not have. */
static const char *send_sms(const struct loop *l, const struct sms *sms)
{
    return sms->attempt <= l->fails ? "Network timeout" : NULL;
}

/* Negative: the record must be seen again. */
static int serve_one(struct loop *l, struct sms *sms)
{
    const char *reason = send_sms(l, sms);

    if (reason == NULL) {
        say(sms, "retry %d: sent", sms->attempt);
        return SENT;
    }
    if (sms->attempt >= ATTEMPTS) {
        say(sms, "retry %d: %s; given up", sms->attempt, reason);
        return GIVEN_UP;
    }
    say(sms, "retry %d: %s", sms->attempt, reason);
    sms->attempt++;
    return ask_for_retry(l, sms, reason) < 0 ? -1 : AGAIN;
}

/* One record of SMS_Send.  Its offset is kept only once the next retry has
 * been asked for: after a crash in between it is seen again. */
static int serve_record(struct loop *l, const rd_kafka_message_t *m)
{
    struct sms sms;
    int fate = NOT_ASKED;

    if (read_record(m, &sms) < 0)
        (void)fail("a record on " SEND_TOPIC, "not what sms_retry sends");
    else if (l->only == 0 || sms.task == l->only)
        fate = serve_one(l, &sms);
    if (fate >= 0)
        (void)rd_kafka_commit_message(l->consumer, m, 1);
    return fate;
}

static int serve(struct loop *l)
{
    int fate = NOT_ASKED;

    while (!stopped && fate >= 0) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(l->consumer, 200);

        if (m == NULL)
            continue;
        if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            fate = serve_record(l, m);
        else
            (void)fail("read " SEND_TOPIC, rd_kafka_message_errstr(m));
        rd_kafka_message_destroy(m);
        if (l->only != 0 && (fate == SENT || fate == GIVEN_UP))
            return fate == SENT ? 0 : 1;
    }
    return fate < 0 ? 1 : 0;
}

/* ---- clients ---------------------------------------------------------------- */

/* Takes the conf over, also when it fails: NULL. */
static rd_kafka_t *new_client(rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    char why[300];
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof(why));

    if (rk == NULL) {
        (void)fail("Kafka client", why);
        rd_kafka_conf_destroy(conf);
    }
    return rk;
}

static int set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[300];

    if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) ==
        RD_KAFKA_CONF_OK)
        return 0;
    return fail(name, why);
}

/* Asks for the topic's partitions now: the first message need not wait. */
static void learn_topic(struct loop *l)
{
    rd_kafka_topic_t *t = rd_kafka_topic_new(l->producer, RETRY_TOPIC, NULL);
    const struct rd_kafka_metadata *m;

    if (t == NULL)
        return;
    if (rd_kafka_metadata(l->producer, 0, t, &m, 2000) ==
        RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_metadata_destroy(m);
    rd_kafka_topic_destroy(t);
}

static int open_producer(struct loop *l)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    if (set(conf, "bootstrap.servers", l->brokers) < 0 ||
        set(conf, "enable.idempotence", "true") < 0 ||
        set(conf, "message.timeout.ms", "30000") < 0) {
        rd_kafka_conf_destroy(conf);
        return -1;
    }
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    l->producer = new_client(RD_KAFKA_PRODUCER, conf);
    if (l->producer == NULL)
        return -1;
    learn_topic(l);
    return 0;
}

static int open_consumer(struct loop *l)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    if (set(conf, "bootstrap.servers", l->brokers) < 0 ||
        set(conf, "group.id", l->group) < 0 ||
        set(conf, "auto.offset.reset", "earliest") < 0 ||
        set(conf, "fetch.wait.max.ms", "100") < 0 ||
        set(conf, "enable.auto.commit", "false") < 0) {
        rd_kafka_conf_destroy(conf);
        return -1;
    }
    l->consumer = new_client(RD_KAFKA_CONSUMER, conf);
    if (l->consumer == NULL)
        return -1;
    (void)rd_kafka_poll_set_consumer(l->consumer);
    return 0;
}

static int subscribe(struct loop *l)
{
    rd_kafka_topic_partition_list_t *topics;
    rd_kafka_resp_err_t e;

    if (open_consumer(l) < 0)
        return -1;
    topics = rd_kafka_topic_partition_list_new(1);
    (void)rd_kafka_topic_partition_list_add(topics, SEND_TOPIC,
                                            RD_KAFKA_PARTITION_UA);
    e = rd_kafka_subscribe(l->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (e != RD_KAFKA_RESP_ERR_NO_ERROR)
        return fail("subscribe to " SEND_TOPIC, rd_kafka_err2str(e));
    return 0;
}

static int run(struct loop *l, const char *mode)
{
    struct sms first = {.task = l->only != 0 ? l->only : (int64_t)time(NULL),
                        .attempt = 1};
    int r = 1;

    if (open_producer(l) < 0)
        return 1;
    if (strcmp(mode, "send") == 0) {
        format_time(now_ms(), first.created);
        say(&first, "cannot be sent: Network timeout");
        r = ask_for_retry(l, &first, "Network timeout") < 0 ? 1 : 0;
    } else if (subscribe(l) == 0) {
        r = serve(l);
        (void)rd_kafka_consumer_close(l->consumer);
    }
    if (l->consumer != NULL)
        rd_kafka_destroy(l->consumer);
    rd_kafka_destroy(l->producer);
    return r;
}

/* ---- the command line ------------------------------------------------------- */

static int usage(FILE *f)
{
    (void)fputs(
        "Usage: sms-loop send|serve [OPTION...]\n"
        "  send            one SMS has failed: asks for its first retry\n"
        "  serve           sends what is due; what fails is asked for again\n"
        "  -b HOST:PORT    Kafka (localhost:9092)\n"
        "  -m MS           how long a minute lasts, in ms (1000)\n"
        "  -t ID           send: the SMS's number (the time); serve: end when\n"
        "                  this SMS is sent (0) or given up (1), leave others\n"
        "  -f N            serve: so many retries of each SMS fail (2)\n"
        "  -g GROUP        serve: consumer group (sms-sender-service)\n",
        f);
    return f == stdout ? 0 : 2;
}

static bool number(const char *text, int64_t max, int64_t *ret)
{
    char *end;

    *ret = strtoll(text, &end, 10);
    return *text != '\0' && *end == '\0' && *ret >= 0 && *ret <= max;
}

static bool take_option(struct loop *l, int c, const char *value)
{
    int64_t n;

    switch (c) {
    case 'b':
        l->brokers = value;
        return true;
    case 'g':
        l->group = value;
        return true;
    case 'm':
        return number(value, 60000, &l->minute_ms);
    case 't':
        return number(value, INT64_C(1) << 53, &l->only);
    case 'f':
        if (!number(value, 1000, &n))
            return false;
        l->fails = (int)n;
        return true;
    default:
        return false;
    }
}

int main(int argc, char **argv)
{
    struct loop l = {.brokers = "localhost:9092",
                     .group = "sms-sender-service",
                     .minute_ms = 1000,
                     .fails = 2};
    const char *mode = argc > 1 ? argv[1] : "";
    int c;

    if (strcmp(mode, "-h") == 0 || strcmp(mode, "--help") == 0)
        return usage(stdout);
    if (strcmp(mode, "send") != 0 && strcmp(mode, "serve") != 0)
        return usage(stderr);
    optind = 2;
    while ((c = getopt(argc, argv, "b:m:t:f:g:")) != -1)
        if (!take_option(&l, c, optarg))
            return usage(stderr);
    if (optind < argc)
        return usage(stderr);
    (void)signal(SIGINT, on_signal);
    (void)signal(SIGTERM, on_signal);
    return run(&l, mode);
}
