/* SPDX-License-Identifier: Apache-2.0
 *
 * bench/topics.c - see topics.h.
 */
#include "config.h"

#include "bench/topics.h"

#include <errno.h>

#define ADMIN_MS 30000

int topics_client(const struct bench *b, rd_kafka_type_t type,
                  rd_kafka_conf_t *conf, const char *const *pairs,
                  rd_kafka_t **ret, struct err *err)
{
    char text[256];

    if (conf == NULL)
        conf = rd_kafka_conf_new();
    if (rd_kafka_conf_set(conf, "bootstrap.servers", b->bootstrap, text,
                          sizeof(text)) != RD_KAFKA_CONF_OK)
        goto fail;
    for (; pairs != NULL && pairs[0] != NULL; pairs += 2)
        if (rd_kafka_conf_set(conf, pairs[0], pairs[1], text, sizeof(text)) !=
            RD_KAFKA_CONF_OK)
            goto fail;
    *ret = rd_kafka_new(type, conf, text, sizeof(text));
    if (*ret != NULL)
        return 0;
fail:
    rd_kafka_conf_destroy(conf);
    return err_set(err, -EINVAL, "librdkafka: %s", text);
}

/* The only topic's error in the answer, or that there was none. */
static int answer(rd_kafka_queue_t *queue, const char *name, struct err *err)
{
    rd_kafka_event_t *ev = rd_kafka_queue_poll(queue, ADMIN_MS);
    const rd_kafka_CreateTopics_result_t *made;
    const rd_kafka_topic_result_t **rows = NULL;
    size_t count = 0;
    int r = 0;

    if (ev == NULL)
        return err_set(err, -ETIMEDOUT, "no answer about topic %s", name);
    made = rd_kafka_event_CreateTopics_result(ev);
    if (made != NULL)
        rows = rd_kafka_CreateTopics_result_topics(made, &count);
    if (rd_kafka_event_error(ev) != RD_KAFKA_RESP_ERR_NO_ERROR)
        r = err_set(err, -EIO, "topic %s: %s", name,
                    rd_kafka_event_error_string(ev));
    else if (count == 1 &&
             rd_kafka_topic_result_error(rows[0]) != RD_KAFKA_RESP_ERR_NO_ERROR)
        r = err_set(err, -EIO, "topic %s: %s", name,
                    rd_kafka_topic_result_error_string(rows[0]));
    rd_kafka_event_destroy(ev);
    return r;
}

struct visible {
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
};

/* A broker learns of a topic a moment after the controller has made it. */
static int is_visible(void *arg, struct err *err)
{
    const struct rd_kafka_metadata *md;
    struct visible *v = arg;
    int led = 0;

    (void)err;
    if (rd_kafka_metadata(v->rk, 0, v->topic, &md, ADMIN_MS) !=
        RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    for (int i = 0; md->topic_cnt == 1 && i < md->topics[0].partition_cnt; i++)
        led += md->topics[0].partitions[i].leader >= 0;
    rd_kafka_metadata_destroy(md);
    return led == PARTITIONS;
}

static int wait_visible(rd_kafka_t *rk, const char *name, struct err *err)
{
    struct visible v = {rk, rd_kafka_topic_new(rk, name, NULL)};
    int r = bench_wait("the new topic has leaders", ADMIN_MS, 20, is_visible,
                       &v, err);

    rd_kafka_topic_destroy(v.topic);
    return r;
}

int topics_create(const struct bench *b, const char *name, struct err *err)
{
    char text[256] = "no memory";
    rd_kafka_NewTopic_t *topic;
    rd_kafka_queue_t *queue;
    rd_kafka_t *rk;
    int r = topics_client(b, RD_KAFKA_PRODUCER, NULL, NULL, &rk, err);

    if (r < 0)
        return r;
    queue = rd_kafka_queue_new(rk);
    topic = rd_kafka_NewTopic_new(name, PARTITIONS, 1, text, sizeof(text));
    if (topic == NULL) {
        r = err_set(err, -EINVAL, "topic %s: %s", name, text);
        goto out;
    }
    (void)rd_kafka_NewTopic_set_config(topic, "message.timestamp.type",
                                       "LogAppendTime");
    rd_kafka_CreateTopics(rk, &topic, 1, NULL, queue);
    r = answer(queue, name, err);
    rd_kafka_NewTopic_destroy(topic);
    if (r == 0)
        r = wait_visible(rk, name, err);
out:
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
    return r;
}

void topics_delete(const struct bench *b, const char *name)
{
    rd_kafka_DeleteTopic_t *topic;
    rd_kafka_queue_t *queue;
    rd_kafka_t *rk;

    if (topics_client(b, RD_KAFKA_PRODUCER, NULL, NULL, &rk, NULL) < 0)
        return;
    queue = rd_kafka_queue_new(rk);
    topic = rd_kafka_DeleteTopic_new(name);
    rd_kafka_DeleteTopics(rk, &topic, 1, NULL, queue);
    (void)answer(queue, name, NULL);
    rd_kafka_DeleteTopic_destroy(topic);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
}
