/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/support/crashpoint.c - preloaded into ontimed (LD_PRELOAD), kills it at
 * a chosen place of the commit protocol:
 *
 *     CRASHPOINT=PLACE:N    at the N-th time it comes there
 *
 *   produce        a record is about to be handed to librdkafka
 *   produced       it has been
 *   commit         a transaction is about to be committed
 *   committing:N:US  so many microseconds after that
 *   committed      the commit was answered
 *   finish         the store is about to end a job (the write is not committed)
 *   finished       the write in which it ended jobs is committed
 *   init, inited   around init_transactions
 *   abort, aborted around abort_transaction
 *   trim           before records of the ledger are deleted
 *
 * Any thread.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>
#include <sqlite3.h>

static char place[32]; /* "" : nowhere */
static long count, delay_us;
static atomic_long seen;

__attribute__((constructor)) static void read_plan(void)
{
    const char *plan = getenv("CRASHPOINT");
    const char *colon = plan == NULL ? NULL : strchr(plan, ':');
    char *rest;

    if (colon == NULL || (size_t)(colon - plan) >= sizeof(place))
        return;
    memcpy(place, plan, (size_t)(colon - plan));
    count = strtol(colon + 1, &rest, 10);
    if (*rest == ':')
        delay_us = strtol(rest + 1, NULL, 10);
}

static bool reached(const char *here)
{
    return strcmp(here, place) == 0 && atomic_fetch_add(&seen, 1) + 1 == count;
}

static void at(const char *here)
{
    if (reached(here))
        (void)kill(getpid(), SIGKILL);
}

static void *original(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

/* A function pointer out of dlsym's. */
#define CALL(type, name) ((type)(uintptr_t)original(name))

int rd_kafka_produce(rd_kafka_topic_t *t, int32_t partition, int flags,
                     void *payload, size_t len, const void *key, size_t keylen,
                     void *opaque)
{
    typedef int fn(rd_kafka_topic_t *, int32_t, int, void *, size_t,
                   const void *, size_t, void *);
    int r;

    at("produce");
    r = CALL(fn *, "rd_kafka_produce")(t, partition, flags, payload, len, key,
                                       keylen, opaque);
    at("produced");
    return r;
}

rd_kafka_error_t *rd_kafka_produceva(rd_kafka_t *rk, const rd_kafka_vu_t *vus,
                                     size_t n)
{
    typedef rd_kafka_error_t *fn(rd_kafka_t *, const rd_kafka_vu_t *, size_t);
    rd_kafka_error_t *r;

    at("produce");
    r = CALL(fn *, "rd_kafka_produceva")(rk, vus, n);
    at("produced");
    return r;
}

static void *kill_later(void *arg)
{
    struct timespec nap = {.tv_nsec = delay_us * 1000};

    (void)arg;
    (void)nanosleep(&nap, NULL);
    (void)kill(getpid(), SIGKILL);
    return NULL;
}

typedef rd_kafka_error_t *step_fn(rd_kafka_t *, int);

rd_kafka_error_t *rd_kafka_commit_transaction(rd_kafka_t *rk, int timeout_ms)
{
    rd_kafka_error_t *r;
    pthread_t thread;

    at("commit");
    if (reached("committing"))
        (void)pthread_create(&thread, NULL, kill_later, NULL);
    r = CALL(step_fn *, "rd_kafka_commit_transaction")(rk, timeout_ms);
    at("committed");
    return r;
}

rd_kafka_error_t *rd_kafka_abort_transaction(rd_kafka_t *rk, int timeout_ms)
{
    rd_kafka_error_t *r;

    at("abort");
    r = CALL(step_fn *, "rd_kafka_abort_transaction")(rk, timeout_ms);
    at("aborted");
    return r;
}

rd_kafka_error_t *rd_kafka_init_transactions(rd_kafka_t *rk, int timeout_ms)
{
    rd_kafka_error_t *r;

    at("init");
    r = CALL(step_fn *, "rd_kafka_init_transactions")(rk, timeout_ms);
    at("inited");
    return r;
}

void rd_kafka_DeleteRecords(rd_kafka_t *rk, rd_kafka_DeleteRecords_t **what,
                            size_t n, const rd_kafka_AdminOptions_t *options,
                            rd_kafka_queue_t *q)
{
    typedef void fn(rd_kafka_t *, rd_kafka_DeleteRecords_t **, size_t,
                    const rd_kafka_AdminOptions_t *, rd_kafka_queue_t *);

    at("trim");
    CALL(fn *, "rd_kafka_DeleteRecords")(rk, what, n, options, q);
}

/* The connection whose open transaction has ended jobs. */
static _Thread_local bool ending;

int sqlite3_step(sqlite3_stmt *st)
{
    typedef int fn(sqlite3_stmt *);
    const char *sql = sqlite3_sql(st);
    int r;

    if (sql != NULL && strncmp(sql, "DELETE FROM jobs", 16) == 0) {
        at("finish");
        ending = true;
    }
    r = CALL(fn *, "sqlite3_step")(st);
    if (ending && sql != NULL && strcmp(sql, "COMMIT") == 0) {
        ending = false;
        at("finished");
    }
    return r;
}
