/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka/rdconf.c - librdkafka's settings, errors and logs; see rdconf.h.
 *
 * No state of its own; any thread.
 */
#include "config.h"

#include "kafka/rdconf.h"

#include "base/buf.h"
#include "base/log.h"
#include "metrics/metrics.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Settings that have a name of their own in our configuration, or that a
 * promise stands on. */
struct owned {
    const char *name;
    const char *why;
};

static const struct owned owned_by_host[] = {
    {"bootstrap.servers", "is kafka.bootstrap_servers"},
    {"metadata.broker.list", "is kafka.bootstrap_servers"},
    {"client.id", "is made of instance.id"},
    {"enable.idempotence", "is always true"},
    {"acks", "is always all"},
    {"request.required.acks", "is always all"},
    {"transactional.id", "is made of cluster and store"},
    {"enable.gapless.guarantee", "is always false"},
    {"delivery.report.only.error", "is always false"},
    {"partitioner", "is kafka.partitioner"},
    {"message.timeout.ms", "is set by the host"},
    {"delivery.timeout.ms", "is set by the host"},
    {"queue.buffering.max.messages", "is set by the host"},
    {"queue.buffering.max.kbytes", "is set by the host"},
    {"group.id", "is the source's group_id"},
    {"enable.auto.commit", "must be false: positions are kept in the store"},
    {"auto.commit.enable", "must be false: positions are kept in the store"},
    {"enable.auto.offset.store",
     "must be false: positions are kept in the store"},
    {"auto.offset.reset", "is the source's on_position_lost"},
    {"enable.partition.eof", "is set by the host"},
    {"isolation.level", "is always read_committed"},
    {"allow.auto.create.topics", "is always false; see kafka.missing_topics"},
    {"statistics.interval.ms", "is set by the host"},
};

static const char *const lists[] = {"kafka.common", "kafka.producer",
                                    "kafka.consumer"};

static const struct owned *find_owned(const char *name)
{
    for (size_t i = 0; i < sizeof(owned_by_host) / sizeof(owned_by_host[0]);
         i++)
        if (strcmp(owned_by_host[i].name, name) == 0)
            return &owned_by_host[i];
    return NULL;
}

static int set_one(rd_kafka_conf_t *rc, const char *name, const char *value,
                   struct err *err)
{
    char text[256] = "";

    if (rd_kafka_conf_set(rc, name, value, text, sizeof(text)) ==
        RD_KAFKA_CONF_OK)
        return 0;
    return err_set(err, -EINVAL, "%s", text[0] != '\0' ? text : name);
}

static int set_pairs(rd_kafka_conf_t *rc, const struct rdconf_pair *p,
                     struct err *err)
{
    int r = 0;

    for (; r == 0 && p != NULL && p->name != NULL; p++)
        r = set_one(rc, p->name, p->value, err);
    return r;
}

/* Before 2.3 a consumer that closes before its first assignment fails an
 * assertion with this strategy: the whole process would end. */
static bool crashes(const char *name, const char *value)
{
    return rd_kafka_version() < 0x02030000 &&
           strcmp(name, "partition.assignment.strategy") == 0 &&
           strstr(value, "cooperative-sticky") != NULL;
}

/* One "name=value" of a user. */
static int set_passed(rd_kafka_conf_t *rc, const char *setting,
                      const char *list, struct err *err)
{
    const char *eq = strchr(setting, '=');
    const struct owned *o;
    char name[128];

    if (eq == NULL || eq == setting || (size_t)(eq - setting) >= sizeof(name))
        return err_set(err, -EINVAL, "%s: \"%s\" is not of the form name=value",
                       list, setting);
    memcpy(name, setting, (size_t)(eq - setting));
    name[eq - setting] = '\0';
    o = find_owned(name);
    if (o != NULL)
        return err_set(err, -EINVAL, "%s: %s %s", list, name, o->why);
    if (crashes(name, eq + 1))
        return err_set(
            err, -EINVAL,
            "%s: cooperative-sticky needs librdkafka 2.3, this is %s", list,
            rd_kafka_version_str());
    if (set_one(rc, name, eq + 1, err) < 0)
        return err_wrap(err, "%s: %s", list, name);
    return 0;
}

static int set_list(rd_kafka_conf_t *rc, const char *const *list,
                    const char *name, struct err *err)
{
    int r = 0;

    for (; r == 0 && list != NULL && *list != NULL; list++)
        r = set_passed(rc, *list, name, err);
    return r;
}

static int set_client_id(rd_kafka_conf_t *rc, const struct rdconf_want *w,
                         struct err *err)
{
    char text[256];
    struct buf b = BUF_FIXED(text);
    const char *id = w->set->client_id;

    buf_adds(&b, id != NULL && id[0] != '\0' ? id : "ontime");
    if (w->name != NULL) {
        buf_addc(&b, '-');
        buf_adds(&b, w->name);
    }
    return set_one(rc, "client.id", buf_ok(&b) == 0 ? buf_cstr(&b) : "ontime",
                   err);
}

static const struct rdconf_pair common_defaults[] = {
    {"socket.keepalive.enable", "true"}, {"socket.nagle.disable", "true"},
    {"reconnect.backoff.ms", "50"},      {"reconnect.backoff.max.ms", "500"},
    {"log.connection.close", "false"},   {NULL, NULL},
};

int rdconf_make(const struct rdconf_want *want, rd_kafka_conf_t **ret,
                struct err *err)
{
    const struct kafka_settings *set = want->set;
    const char *servers = set->bootstrap_servers;
    rd_kafka_conf_t *rc = rd_kafka_conf_new();
    int r = set_pairs(rc, common_defaults, err);

    rd_kafka_conf_set_log_cb(rc, rdconf_log);
    if (r == 0)
        r = set_pairs(rc, want->defaults, err);
    if (r == 0)
        r = set_list(rc, set->common, lists[0], err);
    if (r == 0 && want->role == RDCONF_PRODUCER)
        r = set_list(rc, set->producer, lists[1], err);
    if (r == 0 && want->role == RDCONF_CONSUMER)
        r = set_list(rc, set->consumer, lists[2], err);
    if (r == 0)
        r = set_list(rc, want->passthrough, "consumer", err);
    if (r == 0)
        r = set_client_id(rc, want, err);
    if (r == 0 && servers != NULL && servers[0] != '\0')
        r = set_one(rc, "bootstrap.servers", servers, err);
    if (r == 0)
        r = set_pairs(rc, want->fixed, err);
    if (r < 0)
        rd_kafka_conf_destroy(rc);
    else
        *ret = rc;
    return r;
}

int rdconf_new(rd_kafka_type_t type, rd_kafka_conf_t **pconf, rd_kafka_t **ret,
               struct err *err)
{
    rd_kafka_conf_t *rc = *pconf;
    char text[256] = "";
    rd_kafka_t *rk;

    *pconf = NULL;
    rk = rd_kafka_new(type, rc, text, sizeof(text));
    if (rk == NULL) {
        rd_kafka_conf_destroy(rc);
        return err_set(err, -EINVAL, "kafka client: %s", text);
    }
    *ret = rk;
    return 0;
}

static const struct {
    rd_kafka_resp_err_t code;
    int result;
} results[] = {
    {RD_KAFKA_RESP_ERR_NO_ERROR, 0},
    {RD_KAFKA_RESP_ERR__QUEUE_FULL, -EAGAIN},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, -EMSGSIZE},
    {RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, -EMSGSIZE},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, -EACCES},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, -EACCES},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, -EACCES},
    {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, -ENOENT},
    {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, -ENOENT},
    {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, -ENOENT},
    {RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, -EINVAL},
    {RD_KAFKA_RESP_ERR_INVALID_RECORD, -EINVAL},
    {RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP, -EINVAL},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT, -EINVAL},
    {RD_KAFKA_RESP_ERR__INVALID_ARG, -EINVAL},
    {RD_KAFKA_RESP_ERR__FATAL, -EIO},
    {RD_KAFKA_RESP_ERR__TIMED_OUT, -ETIMEDOUT},
    {RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, -ETIMEDOUT},
    {RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE, -ETIMEDOUT},
    {RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, -ETIMEDOUT},
    {RD_KAFKA_RESP_ERR__PURGE_QUEUE, -ECANCELED},
    {RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, -ECANCELED},
    {RD_KAFKA_RESP_ERR__DESTROY, -ECANCELED},
};

int rdconf_errno(rd_kafka_resp_err_t code)
{
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
        if (results[i].code == code)
            return results[i].result;
    return -ECOMM;
}

void rdconf_log(const rd_kafka_t *rk, int level, const char *fac,
                const char *text)
{
    enum log_level to = level >= 7   ? LOG_DEBUG
                        : level >= 5 ? LOG_INFO
                        : level >= 3 ? LOG_WARN
                                     : LOG_ERROR;

    /* The embedded broker is too simple to be told; nobody else is.  That a
     * broker is away is said by whoever needs it, with patience. */
    if (strcmp(fac, "AUTOCREATE") == 0 || strcmp(fac, "FAIL") == 0)
        to = LOG_DEBUG;
    log_at(to, "kafka", LOG_EVENT("librdkafka"),
           LOG_STR("client", rk != NULL ? rd_kafka_name(rk) : ""),
           LOG_STR("facility", fac), LOG_STR("text", text));
}

void rdconf_count_error(const char *client)
{
    metric_add(metric_series("kafka_errors_total", client), 1);
}
