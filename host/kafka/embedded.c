/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka/embedded.c - the in-process broker; see embedded.h.
 *
 * The mock cluster has a thread of its own, started and joined here; the
 * calls below may come from any one thread.
 */
#include "config.h"

#include "kafka/embedded.h"

#include <errno.h>
#include <stdlib.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "kafka/rdconf.h"

struct embedded {
    rd_kafka_t *rk; /* the mock cluster lives in a client instance */
    rd_kafka_mock_cluster_t *cluster;
    int brokers;
};

int embedded_start(int brokers, struct embedded **ret, struct err *err)
{
    rd_kafka_conf_t *rc = rd_kafka_conf_new();
    struct embedded *e = calloc(1, sizeof(*e));
    char text[100];
    int r;

    if (e == NULL) {
        rd_kafka_conf_destroy(rc);
        return err_sys(err, ENOMEM, "embedded broker");
    }
    rd_kafka_conf_set_log_cb(rc, rdconf_log);
    /* Or it would say that it has no servers. */
    (void)rd_kafka_conf_set(rc, "log_level", "4", text, sizeof(text));
    e->brokers = brokers;
    r = rdconf_new(RD_KAFKA_PRODUCER, &rc, &e->rk, err);
    if (r < 0)
        goto out;
    e->cluster = rd_kafka_mock_cluster_new(e->rk, brokers);
    if (e->cluster == NULL)
        r = err_set(err, -EIO,
                    "embedded broker: cannot listen on the loopback interface");
out:
    if (r < 0)
        embedded_stop(&e);
    else
        *ret = e;
    return r;
}

void embedded_stop(struct embedded **pe)
{
    struct embedded *e = *pe;

    *pe = NULL;
    if (e == NULL)
        return;
    if (e->cluster != NULL)
        rd_kafka_mock_cluster_destroy(e->cluster);
    if (e->rk != NULL)
        rd_kafka_destroy(e->rk);
    free(e);
}

const char *embedded_bootstrap(const struct embedded *e)
{
    return rd_kafka_mock_cluster_bootstraps(e->cluster);
}

int embedded_topic(struct embedded *e, const char *name, int partitions,
                   struct err *err)
{
    rd_kafka_resp_err_t code =
        rd_kafka_mock_topic_create(e->cluster, name, partitions, e->brokers);

    if (code == RD_KAFKA_RESP_ERR_NO_ERROR ||
        code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return 0;
    return err_set(err, rdconf_errno(code), "embedded broker: topic %s: %s",
                   name, rd_kafka_err2str(code));
}
