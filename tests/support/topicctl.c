/* SPDX-License-Identifier: Apache-2.0
 *
 * topicctl - makes and deletes topics for the tests, without the two seconds
 * that Kafka's own tools need to start.
 *
 *     topicctl BROKERS create TOPIC PARTITIONS [config=value...]
 *     topicctl BROKERS delete TOPIC
 *
 * create returns when every partition has a leader.  One thread.
 */
#include "config.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TIMEOUT_MS = 30000 };

static long now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static rd_kafka_t *client_new(const char *brokers)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk;

    if (rd_kafka_conf_set(conf, "bootstrap.servers", brokers, text,
                          sizeof(text)) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "topicctl: %s\n", text);
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (rk == NULL) {
        fprintf(stderr, "topicctl: %s\n", text);
        rd_kafka_conf_destroy(conf);
    }
    return rk;
}

/* The first topic's error in the answer, or that there was none. */
static int answer(rd_kafka_queue_t *queue)
{
    rd_kafka_event_t *ev = rd_kafka_queue_poll(queue, TIMEOUT_MS);
    const rd_kafka_topic_result_t **rows = NULL;
    const rd_kafka_CreateTopics_result_t *made;
    const rd_kafka_DeleteTopics_result_t *gone;
    size_t count = 0;
    int r = -1;

    if (ev == NULL || rd_kafka_event_error(ev) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fprintf(stderr, "topicctl: %s\n",
                ev != NULL ? rd_kafka_event_error_string(ev) : "no answer");
        goto out;
    }
    made = rd_kafka_event_CreateTopics_result(ev);
    gone = rd_kafka_event_DeleteTopics_result(ev);
    if (made != NULL)
        rows = rd_kafka_CreateTopics_result_topics(made, &count);
    else if (gone != NULL)
        rows = rd_kafka_DeleteTopics_result_topics(gone, &count);
    if (count == 1 &&
        rd_kafka_topic_result_error(rows[0]) == RD_KAFKA_RESP_ERR_NO_ERROR)
        r = 0;
    else if (count == 1)
        fprintf(stderr, "topicctl: %s\n",
                rd_kafka_topic_result_error_string(rows[0]));
out:
    if (ev != NULL)
        rd_kafka_event_destroy(ev);
    return r;
}

/* How many partitions of the topic have a leader. */
static int led(rd_kafka_t *rk, const char *name)
{
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, name, NULL);
    const struct rd_kafka_metadata *md = NULL;
    int n = 0;

    if (topic == NULL)
        return 0;
    if (rd_kafka_metadata(rk, 0, topic, &md, 5000) ==
            RD_KAFKA_RESP_ERR_NO_ERROR &&
        md->topic_cnt == 1) {
        for (int i = 0; i < md->topics[0].partition_cnt; i++)
            n += md->topics[0].partitions[i].leader >= 0;
    }
    if (md != NULL)
        rd_kafka_metadata_destroy(md);
    rd_kafka_topic_destroy(topic);
    return n;
}

static int wait_led(rd_kafka_t *rk, const char *name, int partitions)
{
    long end = now_ms() + TIMEOUT_MS;

    while (led(rk, name) < partitions) {
        if (now_ms() > end) {
            fprintf(stderr, "topicctl: %s: no leader\n", name);
            return -1;
        }
        rd_kafka_poll(rk, 20);
    }
    return 0;
}

static int create(rd_kafka_t *rk, rd_kafka_queue_t *queue, int argc,
                  char **argv)
{
    char text[256];
    int partitions = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0;
    rd_kafka_NewTopic_t *topic;
    int r = -1;

    topic = rd_kafka_NewTopic_new(argv[0], partitions, 1, text, sizeof(text));
    if (topic == NULL) {
        fprintf(stderr, "topicctl: %s\n", text);
        return -1;
    }
    for (int i = 2; i < argc; i++) {
        char *value = strchr(argv[i], '=');

        if (value == NULL) {
            fprintf(stderr, "topicctl: %s: no value\n", argv[i]);
            goto out;
        }
        *value++ = '\0';
        rd_kafka_NewTopic_set_config(topic, argv[i], value);
    }
    rd_kafka_CreateTopics(rk, &topic, 1, NULL, queue);
    r = answer(queue);
    if (r == 0)
        r = wait_led(rk, argv[0], partitions);
out:
    rd_kafka_NewTopic_destroy(topic);
    return r;
}

static int delete (rd_kafka_t *rk, rd_kafka_queue_t *queue, const char *name)
{
    rd_kafka_DeleteTopic_t *topic = rd_kafka_DeleteTopic_new(name);

    rd_kafka_DeleteTopics(rk, &topic, 1, NULL, queue);
    rd_kafka_DeleteTopic_destroy(topic);
    return answer(queue);
}

int main(int argc, char **argv)
{
    rd_kafka_queue_t *queue;
    rd_kafka_t *rk;
    int r = -1;

    if (argc < 4) {
        fprintf(stderr, "usage: topicctl BROKERS create TOPIC PARTITIONS "
                        "[config=value...]\n"
                        "       topicctl BROKERS delete TOPIC\n");
        return 2;
    }
    rk = client_new(argv[1]);
    if (rk == NULL)
        return 1;
    queue = rd_kafka_queue_new(rk);
    if (strcmp(argv[2], "create") == 0)
        r = create(rk, queue, argc - 3, argv + 3);
    else if (strcmp(argv[2], "delete") == 0)
        r = delete (rk, queue, argv[3]);
    else
        fprintf(stderr, "topicctl: %s: what?\n", argv[2]);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    return r == 0 ? 0 : 1;
}
