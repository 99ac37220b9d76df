/* SPDX-License-Identifier: Apache-2.0
 *
 * http_inside.h - what http.c (the thread and its queue) and transfer.c (one
 * call with libcurl) share.
 */
#ifndef PLUGINS_COMMON_HTTP_INSIDE_H
#define PLUGINS_COMMON_HTTP_INSIDE_H

#include <pthread.h>

#include "common/http.h"

/* libcurl looks for a connection to use again in a list, one by one: with a
 * thousand of them that would be most of the work.  So the calls are spread over
 * several multi handles with few connections each. */
#define SHARD_CALLS 32

struct http_shard {
    struct http *h;
    CURLM *multi;
    unsigned calls;
    int64_t timer_ms; /* when libcurl wants to be called; -1: never */
};

struct http {
    struct http_conf conf;
    pthread_t thread;
    int epoll, wake;

    pthread_mutex_t mtx;
    pthread_cond_t room;
    struct http_call *queue, **queue_end;
    unsigned open; /* queued and in flight */
    bool stop;

    /* the thread's own */
    struct http_shard *shards;
    unsigned shard_count, ended;
    struct http_call *flying; /* list */
    CURL **idle;              /* handles to use again */
    unsigned idle_count;
};

/* Sets the call's handle up and gives it to its shard.  0, or negative: then the
 * call has been answered. */
int transfer_begin(struct http *h, struct http_call *c);
/* libcurl has ended it. */
void transfer_end(struct http *h, struct http_call *c, CURLcode code);
/* Ends it at once with HTTP_UNWANTED. */
void transfer_drop(struct http *h, struct http_call *c);

/* http.c: a call that is answered leaves the client. */
void http_answer(struct http *h, struct http_call *c,
                 const struct http_reply *reply);
/* A shard with room. */
struct http_shard *http_shard_for(struct http *h);

#endif
