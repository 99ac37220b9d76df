/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/attempt.h - attempts: one call of execute for one job, named by a token.
 *
 * An attempt is open from attempt_open() until exactly one winner ends it: the
 * plugin (by execute's result or complete()), the timeout, a reload or stop.
 * The winner hands it to the table's `ended` function; from then on it belongs
 * to the receiver, with its job, records and follow-ups, until attempt_free().
 * Every later use of its token answers -ESTALE, for ever: a token is a cell
 * and a generation (44 bits).
 *
 * When a time-out takes the outcome while execute still runs, the job's bytes
 * stay where they are until execute has returned, also after attempt_free():
 * the running call holds the attempt too.
 *
 * Memory: attempts are reused; the first records live inside the attempt, more
 * in chunks that are bounded by attempt_bytes.
 */
#ifndef ONTIME_PLUG_ATTEMPT_H
#define ONTIME_PLUG_ATTEMPT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "job/job.h"
#include "plug/instance.h"
#include "plug/topic.h"

#include <ontime/plugin.h>
#include <stdbool.h>
#include <stdint.h>

/* A record that the plugin emitted; all bytes live in the attempt. */
struct attempt_record {
    struct attempt_record *next; /* in order of emit; NULL: the last */
    const struct topic_name *topic;
    struct span key, value; /* data NULL: null */
    struct span headers;    /* as in job/headers.h; len 0: none */
    int32_t partition;      /* -1: by the key */
};

/* A follow-up job that the plugin scheduled. */
struct attempt_followup {
    struct attempt_followup *next;
    const struct app_name *app;
    struct span key, payload, headers; /* as in struct job_text */
    int64_t due_ms;
    int32_t priority;
};

/* Who ended it. */
enum attempt_end {
    ATTEMPT_OPEN = 0,
    ATTEMPT_ANSWERED, /* the plugin */
    ATTEMPT_TIMEOUT,  /* its deadline passed: effects are possible */
    ATTEMPT_RELOAD,   /* the drain of a retired instance took too long */
    ATTEMPT_STOP,     /* the host stops */
    ATTEMPT_SKIPPED   /* never ran: too late for the app's misfire policy */
};

/* What becomes of the job: decided by whoever knows the app's policy, carried
 * out by the commit stage. */
enum attempt_fate {
    ATTEMPT_SUCCEEDS,
    ATTEMPT_AGAIN,
    ATTEMPT_DIES,
    ATTEMPT_SKIPS
};

struct attempt_decision {
    enum attempt_fate fate;
    /* AGAIN: when, wall clock.  SUCCEEDS: when to try again if the records
     * cannot be delivered; -1: it dies then. */
    int64_t again_ms;
    /* DIES: where to tell it; NULL: nowhere. */
    const struct topic_name *dead_letters;
    bool exactly_once; /* its records go out in a transaction */
};

/* Fields may be read by the owner: the caller of attempt_open until it calls
 * attempt_run, then nobody, then the receiver of `ended`. */
struct attempt {
    struct list link; /* the owner's */
    void *owner;      /* the owner's; as given to attempt_open */
    struct job *job;  /* NULL after attempt_take_job */
    struct plugin_instance *instance; /* a reference */
    uint64_t token;                   /* never 0, never the same twice */
    int64_t opened_ms;                /* wall clock, as given to attempt_open */
    int64_t timeout_ms;               /* as given; 0: none */
    int64_t started_ms;               /* execute was called; 0: never was */
    int64_t ended_ms;                 /* the outcome was taken */

    /* valid after the end */
    enum attempt_end ended_by;
    int32_t outcome;     /* ONTIME_DONE, ONTIME_RETRY or ONTIME_FAIL */
    int64_t retry_ms;    /* RETRY: the plugin's wish; 0: none */
    struct span message; /* UTF-8, at most 1,000 bytes; len 0: none */
    struct attempt_record *records;     /* NULL unless DONE */
    struct attempt_followup *followups; /* NULL unless DONE */
    uint32_t record_count, followup_count;
    size_t record_bytes; /* keys, values and headers of all records */
    struct attempt_decision decision; /* the receiver's */
};

struct attempt_table;

/* Called once per attempt, without any lock, on the thread that ended it (a
 * worker, a thread of the plugin, the one that expires): must be quick, and
 * must not call attempt_run. */
typedef void attempt_ended_fn(void *arg, struct attempt *a);

struct attempt_table_settings {
    uint32_t capacity;    /* at once, handed-over ones included; <= 2^20 */
    size_t attempt_bytes; /* all that one may emit and schedule; 0: 1 MiB */
    size_t record_bytes;  /* one: key + value + headers; 0: 1,000,000 */
    const char *store_id; /* begins idempotency keys; copied; NULL: "" */
    attempt_ended_fn *ended;
    void *arg;
};

/* -EINVAL, -ENOMEM.  Memory grows with use (blocks of 128 attempts). */
int attempt_table_new(const struct attempt_table_settings *set,
                      struct attempt_table **ret, struct err *err);
/* No attempt may exist (attempt_table_used 0), no thread be in a call. */
void attempt_table_free(struct attempt_table **pt);
/* Those that are open and those handed over and not yet freed. */
uint32_t attempt_table_used(const struct attempt_table *t);
uint32_t attempt_table_open(const struct attempt_table *t); /* open */

struct attempt_start {
    struct job *job;
    int64_t now_ms;     /* wall clock */
    int64_t boot_ms;    /* clock_boot_ms, which nobody sets */
    int64_t timeout_ms; /* attempt_expire_due ends it then; 0: never */
    void *owner; /* attempt.owner: there before anybody can end the attempt */
};

/*
 * Opens an attempt for the job (which is taken over on success).  The caller
 * must then call attempt_run or attempt_abort, also when it was expired
 * meanwhile: until then its memory is not reused.
 * -EAGAIN: the table is full, come back when an attempt was freed.
 * -ESHUTDOWN: the instance is retired.  -ENOMEM.  Any thread.
 */
int attempt_open(struct attempt_table *t, struct plugin_instance *i,
                 const struct attempt_start *start, struct attempt **ret);

/*
 * Calls execute for an attempt that the caller has just opened, and ends it by
 * what comes back (PENDING leaves it open; a code that does not exist is a
 * FAIL that names it).  The attempt must not be touched afterwards, except by
 * the receiver of `ended`.
 * 0, or -EBUSY when the plugin is serial and another call is inside: nothing
 * happened, the attempt is still the caller's.  Blocks as long as the plugin
 * does.  Worker threads.
 */
int attempt_run(struct attempt *a);

/* Instead of attempt_run: undoes attempt_open; *ret_job is the job again and
 * `ended` is not called.  -ESTALE: it was expired meanwhile, and has ended. */
int attempt_abort(struct attempt *a, struct job **ret_job);

/* Ends an open attempt from the host's side as RETRY with a text for the
 * reason.  0, or -ESTALE: somebody else was first.  Any thread. */
int attempt_expire(struct attempt_table *t, uint64_t token,
                   enum attempt_end why, int64_t now_ms);
/* Ends all whose time is over by the boot clock (now_ms: the wall clock, for
 * ended_ms); returns how many.  Cheap enough for some times a second (one word
 * is read per slot in use).  Any one thread. */
unsigned attempt_expire_due(struct attempt_table *t, int64_t boot_ms,
                            int64_t now_ms);
/* Ends all of one instance (NULL: all there are); returns how many. */
unsigned attempt_expire_instance(struct attempt_table *t,
                                 const struct plugin_instance *i,
                                 enum attempt_end why, int64_t now_ms);
/* The token is open.  Any thread; may be old news at once. */
bool attempt_is_open(struct attempt_table *t, uint64_t token);

/* The receiver's: moves the job out, to be freed with job_free().  When
 * execute still runs in it: a copy; NULL without memory, then the job stays. */
struct job *attempt_take_job(struct attempt *a);
/* The receiver is done: frees job, records, the attempt's reference to its
 * instance.  Any thread. */
void attempt_free(struct attempt **pa);

/* "timeout", "reload", ... for logs and history. */
const char *attempt_end_name(enum attempt_end why);
/* "done", "retry", "fail", "pending" or "?". */
const char *attempt_outcome_name(int32_t outcome);

/* Answers that came after the end of their attempt, in this table. */
uint64_t attempt_table_stale(const struct attempt_table *t);

/*
 * Ends an attempt with the plugin's result; `self` must be the attempt's
 * instance.  0; -ESTALE for all but the first; -EINVAL: no result, or an
 * outcome that is not one (the attempt stays open).  Any thread.
 */
int attempt_complete(struct attempt_table *t,
                     const struct plugin_instance *self, uint64_t token,
                     const struct ontime_result *r);

#endif
