/* SPDX-License-Identifier: Apache-2.0
 *
 * redis_queue.h - what the files of the plugin redis_queue share.
 */
#ifndef PLUGINS_REDIS_QUEUE_H
#define PLUGINS_REDIS_QUEUE_H

#include <ontime/plugin.h>
#include <pthread.h>
#include <stdbool.h>

#include "common/template.h"

enum queue_kind { QUEUE_LIST, QUEUE_STREAM, QUEUE_PUBLISH };

/* One job on its way. */
struct entry {
    struct entry *next;
    ontime_token token;
    char *key, *payload, *id; /* id: the idempotency key */
    size_t key_len, payload_len;
};

struct redis_app {
    const struct ontime_host *host;
    struct ontime_instance *self;
    struct fields fields;
    struct template *key;
    enum queue_kind kind;
    const char *address, *socket, *username, *password;
    int port, database, timeout_ms, once_ms;
    unsigned max_waiting, batch;
    pthread_t thread;

    pthread_mutex_t mtx;
    pthread_cond_t changed;
    struct entry *first, **last;
    unsigned waiting;
    bool stop;
};

/* sender.c: the thread that talks to Redis. */
void *sender_run(void *app);
void entry_free(struct entry *e);

#endif
