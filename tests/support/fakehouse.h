/* SPDX-License-Identifier: Apache-2.0
 *
 * support/fakehouse.h - a house and a store for httpd's tests: no scheduler, no
 * database, answers as told.  Defines the reading functions of store/store.h,
 * so it is not linked with the store.
 */
#ifndef ONTIME_TESTS_FAKEHOUSE_H
#define ONTIME_TESTS_FAKEHOUSE_H

#include "httpd/httpd.h"

#include <pthread.h>

#define FAKE_JOBS 1200
#define FAKE_EXECUTIONS 16

struct fakehouse {
    pthread_mutex_t mtx; /* over all below */
    pthread_cond_t moved;

    /* the store */
    struct job *job[FAKE_JOBS]; /* ascending pos; owned */
    size_t jobs;
    struct execution execution[FAKE_EXECUTIONS];
    size_t executions;
    bool store_away;  /* every read fails, to be retried */
    int sessions;     /* open now */
    int lists;        /* calls of store_list */
    size_t list_most; /* jobs in one of them */

    /* what the house answers */
    const char *why; /* not ready, because; NULL: ready */
    int put_code;    /* fails with this, when not 0 */
    bool put_retry;  /* ... to be tried again */
    enum put_result put_result;
    bool hold; /* put waits until this is false */
    int change_code;
    bool change_retry;
    enum verdict verdict;
    bool give_job; /* change fills c->job */
    int reload_code;
    bool reload_retry;
    const char *report;

    /* what it was asked */
    int puts;         /* calls */
    size_t put_most;  /* items in one call */
    size_t put_items; /* in all */
    int put_waiting;  /* held now */
    int64_t next_id;
    char idempotency[64]; /* of the last item */
    struct change change; /* the last one; key copied to change_key */
    char change_key[64];
    int reloads;
};

void fakehouse_init(struct fakehouse *f);
void fakehouse_done(struct fakehouse *f); /* asserts that sessions are closed */
struct httpd_house fakehouse_of(struct fakehouse *f);

/* Adds a live job: app "demo", id as given, due_ms = id. */
void fakehouse_add(struct fakehouse *f, int64_t id, const char *key,
                   const void *payload, size_t len);
void fakehouse_hold(struct fakehouse *f, bool hold);
/* Waits until the put in question has begun. */
void fakehouse_await_put(struct fakehouse *f);

#endif
