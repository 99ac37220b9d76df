/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka/logtopic.c - a topic that keeps everything; see logtopic.h.
 */
#include "config.h"

#include "kafka/logtopic.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/rdconf.h"

#define REPLICAS 3

/* What it must be set to, in the order of the commands. */
static const struct setting {
    const char *name, *value;
} settings[] = {
    {"cleanup.policy", "delete"},
    {"retention.ms", "-1"},
    {"retention.bytes", "-1"},
};
#define SETTINGS (sizeof(settings) / sizeof(settings[0]))
#define ALL_SETTINGS "cleanup.policy=delete,retention.ms=-1,retention.bytes=-1"

struct ensure {
    const struct kafka_settings *set;
    const struct logtopic_need *need;
    rd_kafka_t *rk;
    int64_t deadline_ms;
    int brokers;
    int32_t found; /* partitions; 0: no topic */
};

static int left_ms(const struct ensure *e)
{
    int64_t left = e->deadline_ms - clock_boot_ms();

    return left < 1 ? 1 : (int)left;
}

static int no_answer(const struct ensure *e, struct err *err)
{
    return err_again(err, -ETIMEDOUT,
                     "no Kafka broker at %s answers about topic %s",
                     e->set->bootstrap_servers, e->need->topic);
}

/* All topics are asked for: asking by name could make brokers create it. */
static int look(struct ensure *e, struct err *err)
{
    const struct rd_kafka_metadata *md;

    if (rd_kafka_metadata(e->rk, 1, NULL, &md, left_ms(e)) !=
        RD_KAFKA_RESP_ERR_NO_ERROR)
        return no_answer(e, err);
    e->found = 0;
    e->brokers = md->broker_cnt;
    for (int i = 0; i < md->topic_cnt; i++)
        if (strcmp(md->topics[i].topic, e->need->topic) == 0)
            e->found = md->topics[i].partition_cnt;
    rd_kafka_metadata_destroy(md);
    return 0;
}

static int replicas(const struct ensure *e)
{
    if (e->need->replication > 0)
        return e->need->replication;
    return e->brokers < REPLICAS ? (e->brokers > 0 ? e->brokers : 1) : REPLICAS;
}

static int missing(const struct ensure *e, const char *why, struct err *err)
{
    return err_set(err, -ENOENT,
                   "Kafka topic %s (the ledger) is missing%s; make it with: "
                   "kafka-topics.sh --bootstrap-server %s --create --topic %s "
                   "--partitions %d --config cleanup.policy=delete "
                   "--config retention.ms=-1 --config retention.bytes=-1",
                   e->need->topic, why, e->set->bootstrap_servers,
                   e->need->topic, (int)e->need->partitions);
}

static int created(const struct ensure *e, rd_kafka_event_t *ev,
                   struct err *err)
{
    const rd_kafka_topic_result_t **each;
    rd_kafka_resp_err_t code;
    size_t n = 0;

    if (ev == NULL)
        return no_answer(e, err);
    code = rd_kafka_event_error(ev);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        each = rd_kafka_CreateTopics_result_topics(
            rd_kafka_event_CreateTopics_result(ev), &n);
        if (n > 0)
            code = rd_kafka_topic_result_error(each[0]);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        log_info("kafka", LOG_EVENT("topic_made"),
                 LOG_STR("topic", e->need->topic),
                 LOG_STR("settings", ALL_SETTINGS));
    else if (code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return missing(e, " and Kafka does not make it", err);
    return 0;
}

static int create(struct ensure *e, struct err *err)
{
    char text[256];
    rd_kafka_NewTopic_t *t = rd_kafka_NewTopic_new(
        e->need->topic, e->need->partitions, replicas(e), text, sizeof(text));
    rd_kafka_queue_t *q;
    rd_kafka_event_t *ev;
    int r;

    if (t == NULL)
        return err_set(err, -EINVAL, "ledger topic %s: %s", e->need->topic,
                       text);
    for (size_t i = 0; i < SETTINGS; i++)
        (void)rd_kafka_NewTopic_set_config(t, settings[i].name,
                                           settings[i].value);
    if (replicas(e) >= REPLICAS)
        (void)rd_kafka_NewTopic_set_config(t, "min.insync.replicas", "2");
    q = rd_kafka_queue_new(e->rk);
    rd_kafka_CreateTopics(e->rk, &t, 1, NULL, q);
    ev = rd_kafka_queue_poll(q, left_ms(e));
    r = created(e, ev, err);
    if (ev != NULL)
        rd_kafka_event_destroy(ev);
    rd_kafka_queue_destroy(q);
    rd_kafka_NewTopic_destroy(t);
    return r;
}

static int wait_for_it(struct ensure *e, struct err *err)
{
    for (;;) {
        int r = look(e, err);

        if (r < 0 || e->found > 0)
            return r;
        if (left_ms(e) <= 1)
            return err_again(err, -ETIMEDOUT,
                             "Kafka topic %s was made but is not seen yet",
                             e->need->topic);
        (void)rd_kafka_poll(e->rk, 20);
    }
}

/* ---- its settings --------------------------------------------------------------- */

static const char *value_of(const rd_kafka_ConfigResource_t *res,
                            const char *name)
{
    size_t n;
    const rd_kafka_ConfigEntry_t **at =
        rd_kafka_ConfigResource_configs(res, &n);

    for (size_t i = 0; i < n; i++)
        if (strcmp(rd_kafka_ConfigEntry_name(at[i]), name) == 0)
            return rd_kafka_ConfigEntry_value(at[i]);
    return NULL;
}

static int compare(const struct ensure *e, const rd_kafka_ConfigResource_t *res,
                   struct err *err)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        const char *v = value_of(res, settings[i].name);

        if (v != NULL && strcmp(v, settings[i].value) != 0)
            return err_set(
                err, -EINVAL,
                "Kafka topic %s (the ledger) has %s=%s and would lose what "
                "must not be lost; mend it with: kafka-configs.sh "
                "--bootstrap-server %s --alter --entity-type topics "
                "--entity-name %s --add-config " ALL_SETTINGS,
                e->need->topic, settings[i].name, v, e->set->bootstrap_servers,
                e->need->topic);
    }
    return 0;
}

/* Not to be allowed to look is no reason to refuse. */
static int described(const struct ensure *e, rd_kafka_event_t *ev,
                     struct err *err)
{
    const rd_kafka_ConfigResource_t **res;
    rd_kafka_resp_err_t code;
    size_t n = 0;

    if (ev == NULL)
        return no_answer(e, err);
    code = rd_kafka_event_error(ev);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        res = rd_kafka_DescribeConfigs_result_resources(
            rd_kafka_event_DescribeConfigs_result(ev), &n);
        if (n > 0)
            code = rd_kafka_ConfigResource_error(res[0]);
        if (n > 0 && code == RD_KAFKA_RESP_ERR_NO_ERROR)
            return compare(e, res[0], err);
    }
    if (rdconf_errno(code) != -EACCES)
        return no_answer(e, err);
    log_warn("kafka", LOG_EVENT("ledger_not_checked"),
             LOG_STR("topic", e->need->topic),
             LOG_STR("error", rd_kafka_err2str(code)),
             LOG_STR("needed", ALL_SETTINGS));
    return 0;
}

static int check(struct ensure *e, struct err *err)
{
    rd_kafka_ConfigResource_t *what =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, e->need->topic);
    rd_kafka_queue_t *q;
    rd_kafka_event_t *ev;
    int r;

    if (what == NULL)
        return err_set(err, -EINVAL, "ledger topic: no name");
    q = rd_kafka_queue_new(e->rk);
    rd_kafka_DescribeConfigs(e->rk, &what, 1, NULL, q);
    ev = rd_kafka_queue_poll(q, left_ms(e));
    r = described(e, ev, err);
    if (ev != NULL)
        rd_kafka_event_destroy(ev);
    rd_kafka_queue_destroy(q);
    rd_kafka_ConfigResource_destroy(what);
    return r;
}

static int check_partition(const struct ensure *e, struct err *err)
{
    if (e->need->partition < e->found)
        return 0;
    return err_set(err, -EINVAL,
                   "Kafka topic %s (the ledger) has %d partitions and slot %d "
                   "needs one more; mend it with: kafka-topics.sh "
                   "--bootstrap-server %s --alter --topic %s --partitions %d",
                   e->need->topic, (int)e->found, (int)e->need->partition,
                   e->set->bootstrap_servers, e->need->topic,
                   (int)e->need->partitions);
}

int logtopic_ensure(const struct kafka_settings *set,
                    const struct logtopic_need *need, int timeout_ms,
                    struct err *err)
{
    const struct rdconf_want want = {
        .set = set, .role = RDCONF_CLIENT, .name = "admin"};
    struct ensure e = {
        .set = set, .need = need, .deadline_ms = clock_boot_ms() + timeout_ms};
    rd_kafka_conf_t *rc = NULL;
    int r = rdconf_make(&want, &rc, err);

    if (r == 0)
        r = rdconf_new(RD_KAFKA_PRODUCER, &rc, &e.rk, err);
    if (r < 0)
        return r;
    r = look(&e, err);
    if (r == 0 && e.found == 0)
        r = need->may_create ? create(&e, err) : missing(&e, "", err);
    if (r == 0 && e.found == 0)
        r = wait_for_it(&e, err);
    if (r == 0)
        r = check_partition(&e, err);
    if (r == 0)
        r = check(&e, err);
    rd_kafka_destroy(e.rk);
    return r;
}
