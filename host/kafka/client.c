/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka/client.c - questions to the cluster as a whole; see client.h.
 *
 * Each call makes a client of its own and destroys it.  Any thread; blocks.
 */
#include "config.h"

#include "kafka/client.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "kafka/rdconf.h"

#define PATIENCE_MS 1000 /* for topics that must be there already */

static int client_new(const struct kafka_settings *set, enum rdconf_role role,
                      rd_kafka_t **ret, struct err *err)
{
    /* Only a check has no servers; it need not be told. */
    static const struct rdconf_pair silent[] = {
        {"log_level", "3"}, {"group.id", "check"}, {NULL, NULL}};
    struct rdconf_want want = {.set = set, .role = role, .name = "admin"};
    rd_kafka_conf_t *rc = NULL;
    int r;

    if (set->bootstrap_servers == NULL)
        want.fixed = silent;
    r = rdconf_make(&want, &rc, err);
    if (r < 0)
        return r;
    return rdconf_new(role == RDCONF_CONSUMER ? RD_KAFKA_CONSUMER
                                              : RD_KAFKA_PRODUCER,
                      &rc, ret, err);
}

/* ---- settings ------------------------------------------------------------ */

static int check_partitioner(const char *name, struct err *err)
{
    rd_kafka_topic_conf_t *tc;
    char text[256] = "";
    int r = 0;

    if (name == NULL || name[0] == '\0')
        return 0;
    tc = rd_kafka_topic_conf_new();
    if (rd_kafka_topic_conf_set(tc, "partitioner", name, text, sizeof(text)) !=
        RD_KAFKA_CONF_OK)
        r = err_set(err, -EINVAL, "kafka.partitioner: %s", text);
    rd_kafka_topic_conf_destroy(tc);
    return r;
}

/* Some mistakes show only when a client is made; without servers it connects
 * to nobody. */
static int check_role(const struct kafka_settings *set, enum rdconf_role role,
                      struct err *err)
{
    struct kafka_settings nowhere = *set;
    rd_kafka_t *rk = NULL;
    int r;

    nowhere.bootstrap_servers = NULL;
    r = client_new(&nowhere, role, &rk, err);
    if (rk != NULL)
        rd_kafka_destroy(rk);
    return r;
}

int kafka_settings_check(const struct kafka_settings *set, struct err *err)
{
    int r = 0;

    if (set->bootstrap_servers == NULL || set->bootstrap_servers[0] == '\0')
        r = err_set(err, -EINVAL, "kafka.bootstrap_servers is empty");
    if (r == 0)
        r = check_partitioner(set->partitioner, err);
    if (r == 0)
        r = check_role(set, RDCONF_PRODUCER, err);
    if (r == 0)
        r = check_role(set, RDCONF_CONSUMER, err);
    return r;
}

/* ---- the cluster ----------------------------------------------------------- */

static int no_broker(const struct kafka_settings *set, int timeout_ms,
                     struct err *err)
{
    return err_again(err, -ETIMEDOUT,
                     "no Kafka broker at %s answers within %d ms",
                     set->bootstrap_servers, timeout_ms);
}

int kafka_cluster_id(const struct kafka_settings *set, int timeout_ms,
                     char **ret, struct err *err)
{
    rd_kafka_t *rk = NULL;
    char *id, *copy;
    int r = client_new(set, RDCONF_CLIENT, &rk, err);

    if (r < 0)
        return r;
    id = rd_kafka_clusterid(rk, timeout_ms);
    if (id == NULL) {
        r = no_broker(set, timeout_ms, err);
        goto out;
    }
    copy = strdup(id);
    rd_kafka_mem_free(rk, id);
    if (copy == NULL)
        r = err_sys(err, ENOMEM, "cluster id");
    else
        *ret = copy;
out:
    rd_kafka_destroy(rk);
    return r;
}

/* ---- topics ---------------------------------------------------------------- */

struct ensure {
    const struct kafka_settings *set;
    struct topic_need *needs;
    size_t n;
    int replication;
    int64_t deadline_ms; /* clock_boot_ms */
    int timeout_ms;      /* as asked, for messages */
    rd_kafka_t *rk;
};

static int left_ms(const struct ensure *en)
{
    int64_t left = en->deadline_ms - clock_boot_ms();

    return left < 1 ? 1 : (int)left;
}

static int32_t partitions_of(const struct rd_kafka_metadata *md,
                             const char *topic)
{
    for (int i = 0; i < md->topic_cnt; i++) {
        const struct rd_kafka_metadata_topic *t = &md->topics[i];

        if (strcmp(t->topic, topic) == 0 &&
            t->err != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
            return t->partition_cnt > 0 ? t->partition_cnt : 1;
    }
    return 0;
}

/* All topics are asked for: asking by name could make brokers create them. */
static int look(struct ensure *en, struct err *err)
{
    const struct rd_kafka_metadata *md = NULL;
    rd_kafka_resp_err_t code =
        rd_kafka_metadata(en->rk, 1, NULL, &md, left_ms(en));

    if (code == RD_KAFKA_RESP_ERR__TRANSPORT ||
        code == RD_KAFKA_RESP_ERR__TIMED_OUT)
        return no_broker(en->set, en->timeout_ms, err);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return err_again(err, rdconf_errno(code),
                         "asking Kafka for its topics: %s",
                         rd_kafka_err2str(code));
    for (size_t i = 0; i < en->n; i++)
        en->needs[i].found = partitions_of(md, en->needs[i].topic);
    rd_kafka_metadata_destroy(md);
    return 0;
}

static struct topic_need *first_missing(const struct ensure *en)
{
    for (size_t i = 0; i < en->n; i++)
        if (en->needs[i].found == 0)
            return &en->needs[i];
    return NULL;
}

static void add_command(struct buf *b, const struct ensure *en,
                        const struct topic_need *t)
{
    buf_addf(
        b,
        "kafka-topics.sh --bootstrap-server %s --create --topic %s --partitions %d",
        en->set->bootstrap_servers, t->topic, (int)t->partitions);
    if (en->replication > 0)
        buf_addf(b, " --replication-factor %d", en->replication);
}

static int missing_error(const struct ensure *en, const char *reason,
                         struct err *err)
{
    const struct topic_need *t = first_missing(en);
    size_t others = 0;
    char text[400];
    struct buf b = BUF_FIXED(text);

    for (size_t i = 0; i < en->n; i++)
        others += en->needs[i].found == 0 && &en->needs[i] != t;
    add_command(&b, en, t);
    return err_set(err, -ENOENT, "Kafka topic %s (%s) %s%s; make it with: %s",
                   t->topic, t->why, reason,
                   others > 0 ? ", and so are others" : "",
                   buf_ok(&b) == 0 ? buf_cstr(&b) : "kafka-topics.sh");
}

static void warn_missing(const struct ensure *en)
{
    for (size_t i = 0; i < en->n; i++) {
        const struct topic_need *t = &en->needs[i];
        char text[400];
        struct buf b = BUF_FIXED(text);

        if (t->found != 0)
            continue;
        add_command(&b, en, t);
        log_warn("kafka", LOG_EVENT("topic_missing"),
                 LOG_STR("topic", t->topic), LOG_STR("for", t->why),
                 LOG_STR("command", buf_ok(&b) == 0 ? buf_cstr(&b) : ""));
    }
}

/* The topics to make, each name once. */
static size_t new_topics(const struct ensure *en, rd_kafka_NewTopic_t **out,
                         struct err *err)
{
    char text[256] = "";
    size_t n = 0;

    for (size_t i = 0; i < en->n; i++) {
        const struct topic_need *t = &en->needs[i];
        bool again = t->found != 0;

        for (size_t j = 0; j < i && !again; j++)
            again = strcmp(en->needs[j].topic, t->topic) == 0;
        if (again)
            continue;
        out[n] = rd_kafka_NewTopic_new(
            t->topic, t->partitions > 0 ? t->partitions : 1,
            en->replication > 0 ? en->replication : -1, text, sizeof(text));
        if (out[n] == NULL) {
            err_set(err, -EINVAL, "Kafka topic %s (%s): %s", t->topic, t->why,
                    text);
            rd_kafka_NewTopic_destroy_array(out, n);
            return 0;
        }
        n++;
    }
    return n;
}

static int not_made(const struct ensure *en, const char *why, struct err *err)
{
    char text[200];
    struct buf b = BUF_FIXED(text);

    buf_addf(&b, "is missing and Kafka does not make it (%.140s)", why);
    return missing_error(en, buf_cstr(&b), err);
}

static int created(const struct ensure *en, rd_kafka_event_t *ev,
                   struct err *err)
{
    const rd_kafka_CreateTopics_result_t *res;
    const rd_kafka_topic_result_t **each;
    size_t n = 0;

    if (ev == NULL)
        return no_broker(en->set, en->timeout_ms, err);
    if (rd_kafka_event_error(ev) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return not_made(en, rd_kafka_event_error_string(ev), err);
    res = rd_kafka_event_CreateTopics_result(ev);
    each = res != NULL ? rd_kafka_CreateTopics_result_topics(res, &n) : NULL;
    for (size_t i = 0; i < n; i++) {
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(each[i]);
        const char *why = rd_kafka_topic_result_error_string(each[i]);

        if (code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
            continue;
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            return not_made(en, why != NULL ? why : rd_kafka_err2str(code),
                            err);
        log_info("kafka", LOG_EVENT("topic_made"),
                 LOG_STR("topic", rd_kafka_topic_result_name(each[i])));
    }
    return 0;
}

static int create_missing(struct ensure *en, struct err *err)
{
    rd_kafka_NewTopic_t **list = calloc(en->n, sizeof(*list));
    rd_kafka_AdminOptions_t *opt = NULL;
    rd_kafka_queue_t *q = NULL;
    rd_kafka_event_t *ev;
    size_t n;
    char text[256];
    int r = 0;

    if (list == NULL)
        return err_sys(err, ENOMEM, "topics");
    n = new_topics(en, list, err);
    if (n == 0) {
        r = -EINVAL;
        goto out;
    }
    opt = rd_kafka_AdminOptions_new(en->rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    (void)rd_kafka_AdminOptions_set_request_timeout(opt, left_ms(en), text,
                                                    sizeof(text));
    q = rd_kafka_queue_new(en->rk);
    rd_kafka_CreateTopics(en->rk, list, n, opt, q);
    ev = rd_kafka_queue_poll(q, left_ms(en) + 1000);
    r = created(en, ev, err);
    if (ev != NULL)
        rd_kafka_event_destroy(ev);
    rd_kafka_queue_destroy(q);
    rd_kafka_AdminOptions_destroy(opt);
    rd_kafka_NewTopic_destroy_array(list, n);
out:
    free(list);
    return r;
}

/* A topic just made takes a moment to be seen by every broker. */
static int wait_for_all(struct ensure *en, struct err *err)
{
    for (;;) {
        int r = look(en, err);

        if (r < 0 || first_missing(en) == NULL)
            return r;
        if (clock_boot_ms() >= en->deadline_ms)
            return err_again(err, -ETIMEDOUT,
                             "Kafka topic %s was made but is not seen yet",
                             first_missing(en)->topic);
        (void)rd_kafka_poll(en->rk, 20);
    }
}

/* One that somebody has made a moment ago may not be seen yet either. */
static int look_patiently(struct ensure *en, struct err *err)
{
    int64_t end = clock_boot_ms() + PATIENCE_MS;
    int r;

    do {
        r = look(en, err);
        if (r < 0 || first_missing(en) == NULL)
            return r;
        (void)rd_kafka_poll(en->rk, 50);
    } while (clock_boot_ms() < end && clock_boot_ms() < en->deadline_ms);
    return 0;
}

int kafka_topics_ensure(const struct kafka_settings *set,
                        struct topic_need *needs, size_t n,
                        const struct topic_policy *policy, int timeout_ms,
                        struct err *err)
{
    struct ensure en = {.set = set,
                        .needs = needs,
                        .n = n,
                        .replication = policy->replication,
                        .deadline_ms = clock_boot_ms() + timeout_ms,
                        .timeout_ms = timeout_ms};
    int r;

    for (size_t i = 0; i < n; i++)
        needs[i].found = -1;
    r = client_new(set, RDCONF_CLIENT, &en.rk, err);
    if (r < 0)
        return r;
    r = policy->missing == TOPIC_CREATE ? look(&en, err)
                                        : look_patiently(&en, err);
    if (r < 0 || first_missing(&en) == NULL)
        goto out;
    if (policy->missing == TOPIC_WARN)
        warn_missing(&en);
    else if (policy->missing == TOPIC_FAIL)
        r = missing_error(&en, "is missing", err);
    else
        r = create_missing(&en, err);
    if (r == 0 && policy->missing == TOPIC_CREATE)
        r = wait_for_all(&en, err);
out:
    rd_kafka_destroy(en.rk);
    return r;
}
