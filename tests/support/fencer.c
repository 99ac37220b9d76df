/* SPDX-License-Identifier: Apache-2.0
 *
 * fencer - another producer of a transactional id: fences whoever has it.
 *
 *     fencer BROKERS ID [TOPIC PARTITION]
 *
 * With a topic it leaves a transaction open there, with one record in it.
 */
#include "config.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

static rd_kafka_t *producer_new(const char *brokers, const char *id)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[256] = "";
    rd_kafka_t *rk = NULL;

    if (rd_kafka_conf_set(conf, "bootstrap.servers", brokers, text,
                          sizeof(text)) == RD_KAFKA_CONF_OK &&
        rd_kafka_conf_set(conf, "transactional.id", id, text, sizeof(text)) ==
            RD_KAFKA_CONF_OK)
        rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (rk == NULL) {
        fprintf(stderr, "fencer: %s\n", text);
        rd_kafka_conf_destroy(conf);
    }
    return rk;
}

static int step(rd_kafka_error_t *e, const char *what)
{
    if (e == NULL)
        return 0;
    fprintf(stderr, "fencer: %s: %s\n", what, rd_kafka_error_string(e));
    rd_kafka_error_destroy(e);
    return -1;
}

static int leave_open(rd_kafka_t *rk, const char *topic, int32_t partition)
{
    rd_kafka_resp_err_t r;
    char value[] = "x";

    if (step(rd_kafka_begin_transaction(rk), "begin") < 0)
        return -1;
    r = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(topic),
                          RD_KAFKA_V_PARTITION(partition),
                          RD_KAFKA_V_VALUE(value, 1), RD_KAFKA_V_END);
    if (r == RD_KAFKA_RESP_ERR_NO_ERROR)
        r = rd_kafka_flush(rk, 10000);
    if (r == RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    fprintf(stderr, "fencer: %s\n", rd_kafka_err2str(r));
    return -1;
}

int main(int argc, char **argv)
{
    rd_kafka_t *rk;
    int r;

    if (argc != 3 && argc != 5) {
        fprintf(stderr, "usage: fencer BROKERS ID [TOPIC PARTITION]\n");
        return 2;
    }
    rk = producer_new(argv[1], argv[2]);
    if (rk == NULL)
        return 1;
    r = step(rd_kafka_init_transactions(rk, 20000), "init");
    if (r == 0 && argc == 5)
        r = leave_open(rk, argv[3], (int32_t)strtol(argv[4], NULL, 10));
    rd_kafka_destroy(rk);
    return r == 0 ? 0 : 1;
}
