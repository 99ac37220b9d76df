/* SPDX-License-Identifier: Apache-2.0
 *
 * store/writer.h - the thread that owns the writing session.
 *
 * Others hand in requests and are told through a callback, on the writer's
 * thread, which must be brief.  Requests of one kind are done in the order in
 * which they were handed in; load requests go before others.  A request that
 * fails with err.retry is tried again with backoff (50 ms to 5 s), for ever,
 * unless the writer is told to stop; those behind it wait.  While that lasts
 * writer_healthy() is false.
 */
#ifndef ONTIME_STORE_WRITER_H
#define ONTIME_STORE_WRITER_H

#include "store/store.h"

struct writer;
struct writer_request;

/* result: 0 or negative errno with err filled. */
typedef void writer_done_fn(struct writer_request *r, int result,
                            const struct err *err);

/*
 * Tenure: which claim of a slot the session works for, counted from 0; a store
 * with one instance at a time stays at 0.  What the scheduler has read or
 * handed out in one tenure means nothing in the next: loads and decisions of
 * another tenure (request.tenure) and marks of jobs that were handed out in one
 * (job.tenure) are answered -ESTALE without a look at the store, outcomes of
 * such jobs are stale.
 */

enum writer_kind {
    WRITE_PUT,
    WRITE_FINISH,
    WRITE_LOAD,
    WRITE_RUNNING,
    WRITE_CHANGE,
    WRITE_WISHES,
    WRITE_DECIDE,
    WRITE_PRUNE,
    WRITE_CALL
};

struct writer_request {
    struct list link;
    enum writer_kind kind;
    union {
        struct put_batch put;
        struct finish_batch finish;
        struct {
            struct load_request q;
            struct load_result r;
        } load;
        struct {
            struct job **jobs;
            size_t count;
        } running;
        struct change change;
        struct {
            int64_t after;
            size_t cap;
            struct list into;
        } wishes;
        struct {
            struct wish *wish;
            enum verdict verdict;
            int64_t now_ms;
            struct job *job;
        } decide;
        struct {
            int64_t now_ms;
            size_t rows;
        } prune;
        int (*call)(struct writer_request *r, struct store_session *x,
                    struct err *err);
    };
    writer_done_fn *done;
    void *arg;
    uint32_t tenure; /* LOAD, DECIDE: in which it was decided to ask */
};

int writer_start(struct store *s, struct writer **ret, struct err *err);
/* Finishes what was handed in (a request that needs the store back is given up
 * at the deadline with -ECANCELED), then ends the thread.  From then on, until
 * writer_stop, every submit answers -EPIPE.  May be called again. */
void writer_close(struct writer *w, int64_t deadline_boot_ms);
/* The same, and frees: when nobody submits any more. */
void writer_stop(struct writer **pw, int64_t deadline_boot_ms);
/* The request stays the caller's memory until done was called.  -EPIPE after stop. */
int writer_submit(struct writer *w, struct writer_request *r);
/* As submit, and waits for the end: for control-plane calls. 0 or negative.
 * r->done, if there is one, is called before it returns.  -EPIPE after stop. */
int writer_run(struct writer *w, struct writer_request *r, struct err *err);
bool writer_healthy(const struct writer *w);
uint32_t writer_tenure(const struct writer *w); /* any thread */
/* A new tenure begins; returns it.  Only for the function of a WRITE_CALL, on
 * the writer's thread. */
uint32_t writer_new_tenure(struct writer *w);
/* Who is told, on the writer's thread, of each request that was answered
 * -ESTALE: perhaps the slot has a new owner.  Before anything is submitted. */
void writer_tell_stale(struct writer *w, void (*stale)(void *arg), void *arg);

#endif
