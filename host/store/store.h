/* SPDX-License-Identifier: Apache-2.0
 *
 * store/store.h - what the scheduler asks of a durable store.
 *
 * A store is opened once per process; work is done through sessions.  A
 * session is one connection and belongs to one thread; sessions of one store
 * may work at the same time.  The host uses one writing session (see
 * store/writer.h, the thread that owns it) and reading sessions for lists.
 *
 * Every writing function is one transaction: after 0 all of it is there, after
 * a negative return nothing is.  err.retry tells whether the same call may
 * succeed later (store away, disk full, locked); the outcome of a commit that
 * is in doubt is resolved inside (positions are compare-and-set, an owner's
 * write carries the slot's wseq), so a retry never doubles.
 *
 * Backends: sqlite (store/sqlite/) and mysql (store/mysql/), later topic.  All
 * pass tests/contract/store.c.
 */
#ifndef ONTIME_STORE_STORE_H
#define ONTIME_STORE_STORE_H

#include "base/err.h"
#include "job/job.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;
struct store_session;
struct shard_set; /* store/slots.h */

/* What can be stored; more is -EMSGSIZE or -EINVAL.  Years up to 2248. */
#define STORE_KEY_MAX 4096
#define STORE_HEADERS_MAX (1 << 20)
#define STORE_PAYLOAD_MAX (16 << 20)
#define STORE_DUE_MAX ((INT64_C(1) << 43) - 2)
#define STORE_ERROR_MAX 1024 /* error texts are cut to this */

enum store_use {
    STORE_SERVE,  /* a daemon, or what must not meet one */
    STORE_IMPORT, /* store_convert: there is none yet (-EEXIST), and nobody else
                     may open it until store_import_end() */
    STORE_LOOK    /* a tool that only reads, beside a daemon: no lock, nothing
                    is made or migrated; reading sessions, for slots and lists */
};

struct store_settings {
    enum store_use use;
    const char *url; /* "sqlite:PATH", "mysql://..." (mysql/url.h) */
    const char *instance_id;
    const char *cluster;
    int64_t cache_kb;       /* page cache of the writing session */
    int64_t idempotency_ms; /* how long a repeat is a repeat */
    int64_t history_ms;     /* how long executions are kept */
    bool sync_full;         /* every commit synced, not only those that ask */
    uint32_t shards; /* of a store that is made now; 0: the usual number */
};

/* Opens or creates and migrates; takes the lock that makes us the only
 * instance where the backend needs one (-EBUSY: another process has it, named
 * by pid).  -ENOTSUP: unknown scheme, or a schema newer than this program. */
int store_open(const struct store_settings *set, struct store **ret,
               struct err *err);
void store_close(struct store **ps);              /* after its sessions */
const char *store_backend(const struct store *s); /* "sqlite" */
const char *store_id(const struct store *s); /* UUID text, made at creation */

int store_session_open(struct store *s, bool writing,
                       struct store_session **ret, struct err *err);
void store_session_close(struct store_session **px);

/* ---- jobs in --------------------------------------------------------- */

enum put_kind {
    PUT_JOB,   /* store item.job; a live job with its (app, key) is replaced */
    PUT_CANCEL /* cancel the live job with item.app and item.key, if any */
};

enum put_result {
    PUT_STORED, /* new job: id, pos set */
    PUT_REPLACED, /* the live job's row now has this content, version + 1: id, pos, version set */
    PUT_WISHED, /* the live job is loaded: a wish was left, the owner decides */
    PUT_DUPLICATE, /* idempotency: this request was accepted before */
    PUT_CANCELED,  /* PUT_CANCEL: gone */
    PUT_ABSENT,    /* PUT_CANCEL: there was none */
    PUT_REFUSED /* only in a finish: this follow-up cannot be stored at all */
};

struct put_item {
    enum put_kind kind;
    struct job *job; /* stays the caller's; fields id, pos, version are set */
    const struct app_name *app; /* PUT_CANCEL */
    struct span key;            /* PUT_CANCEL */
    struct span idempotency;    /* len 0: none; checked within the app */
    enum put_result result;     /* out */
};

/* Moves one source partition from the exact offset it stood at. */
struct store_position {
    const char *cluster; /* Kafka cluster id */
    const char *source;
    const char *topic;
    int32_t partition;
    int64_t from; /* as stored now; -1: no row yet */
    int64_t next; /* first offset not yet taken */
};

struct put_batch {
    struct put_item *items;
    size_t count;
    const struct store_position *positions;
    size_t position_count;
    int64_t now_ms;
    bool
        sync; /* power-cut proof before it returns (HTTP); Kafka sources need not */
};

/*
 * Stores a batch.  -ESTALE: a position is not where `from` says (somebody else
 * has moved it): nothing was stored, read the positions again.  -EMSGSIZE or
 * -EINVAL: an item cannot be stored at all (the caller bisects; what
 * store_put_check says no to it had better not hand in).
 * Replacing jobs that the owner has loaded (pos <= loaded) leaves wishes.
 */
int store_put(struct store_session *x, struct put_batch *b, struct err *err);
/* 0, or the -EMSGSIZE or -EINVAL that store_put would answer for this item.
 * Pure; any thread. */
int store_put_check(const struct put_item *it, struct err *err);

/* Sets from and next to the stored next offset, or to -1 when there is no row. */
int store_position_get(struct store_session *x, struct store_position *p,
                       struct err *err);

/* ---- the owner's side ------------------------------------------------- */

struct load_request {
    const struct shard_set *shards; /* NULL: all that the session owns */
    job_pos after;                  /* exclusive; 0: from the start */
    job_pos until;                  /* exclusive */
    const struct app_name *app;     /* only this app's; NULL: all */
    size_t cap;                     /* at most this many jobs */
    size_t
        bytes_cap; /* stop after this many bytes of jobs (at least one is given) */
    size_t visit_cap; /* look at no more than this many rows (0: no limit) */
};

struct load_result {
    struct list jobs; /* struct job.link, ascending pos, now the caller's */
    size_t count;
    job_pos
        reached; /* everything up to and including this pos has been looked at;
                          until - 1 when the range is exhausted */
};

/*
 * Reads jobs of the session's shards in order and raises their loaded marks to
 * `reached` when that is higher: from then on changes to jobs at or below the
 * mark are wishes.  Rows RUNNING in the store come with redelivered set, and
 * so do those that were retried with it.
 *
 * It does not work for long: when much has to be put in order first, it comes
 * back early, `reached` not beyond what it has looked at (perhaps `after`, with
 * no job): ask again from there.
 */
int store_load_due(struct store_session *x, const struct load_request *q,
                   struct load_result *ret, struct err *err);

enum outcome_kind {
    OUTCOME_DONE,    /* the job ends, SUCCESS */
    OUTCOME_DEAD,    /* the job ends, DEAD */
    OUTCOME_SKIPPED, /* the job ends, CANCELED: misfire policy skip */
    OUTCOME_RETRY    /* attempt + 1, due again at retry_ms, same version */
};

struct outcome {
    struct list link;
    struct job *
        job; /* identity (id, version, pos), attempt; RETRY sets its new pos, due, attempt,
                and keeps its `redelivered` with the row */
    enum outcome_kind kind;
    int64_t retry_ms;
    int64_t started_ms, finished_ms;
    struct span error;           /* cut to 1 KB by the store; borrowed */
    struct put_item *follow_ups; /* stored in the same transaction */
    size_t follow_up_count;
    bool stale; /* out: row gone or version changed; nothing was done for it */
    bool
        refused; /* out, with stale: it cannot be stored, the row is as it was */
};

struct finish_batch {
    struct outcome **outcomes;
    size_t count;
    int64_t now_ms;
    int64_t ledger_pos, ledger_seq; /* -1: leave (at_least_once) */
    uint32_t ledger_tenure; /* of these (store/writer.h): another slot's else */
    bool sync;
};

/* Ends attempts: rows, execution history and counts in one owner's write.
 * -ESTALE: this instance no longer owns the slot (fenced). */
int store_finish(struct store_session *x, struct finish_batch *b,
                 struct err *err);

/* Marks jobs RUNNING before execute (apps with track_running). Always synced. */
int store_mark_running(struct store_session *x, struct job **jobs, size_t n,
                       struct err *err);

/* ---- changes ------------------------------------------------------------ */

enum change_kind { /* stored: append only */
                   CHANGE_LOAD =
                       0, /* only as a wish: the row is new or moved, look at it */
                   CHANGE_CANCEL = 1,
                   CHANGE_REPLACE = 2,
                   CHANGE_RESCHEDULE = 3,
                   CHANGE_RUN = 4
};

struct change {
    enum change_kind kind;
    int64_t id; /* the job, or 0: by app and key */
    const struct app_name *app;
    struct span key;
    uint32_t version;    /* 0: whatever it is; else -ESTALE when it differs */
    int64_t due_ms;      /* RESCHEDULE */
    struct job *content; /* REPLACE: borrowed */
    int64_t now_ms;
    /* out */
    int64_t wish; /* > 0: left to the owner under this number */
    struct job
        *job; /* when changed directly: the row as it is now, the caller's;
                                   for CANCEL as it was */
};

/* -ENOENT: no such live job.  Synced. */
int store_change(struct store_session *x, struct change *c, struct err *err);

struct wish {
    struct list link;
    int64_t number;
    int64_t job_id;
    uint32_t shard; /* the job's */
    enum change_kind kind;
    int64_t due_ms;      /* RESCHEDULE */
    struct job *content; /* REPLACE; owned by the wish */
};
void wish_free(struct wish **pw);

/* Undecided wishes with number > after, oldest first, at most cap, appended to *into. */
int store_wishes(struct store_session *x, int64_t after, size_t cap,
                 struct list *into, struct err *err);

enum verdict {
    VERDICT_NONE = 0,
    VERDICT_OK = 1,
    VERDICT_LATE = 2,
    VERDICT_GONE = 3
};

/* The owner decides a wish: with OK the row is changed (version + 1; REPLACE of
 * a job that has ended stores a new one, verdict OK too) and *ret_job is the row
 * as it is now (NULL for CANCEL, and for a REPLACE that met a live job of its key
 * and left a wish for that); with LATE or GONE only the verdict is kept. */
int store_decide(struct store_session *x, const struct wish *w, enum verdict v,
                 int64_t now_ms, struct job **ret_job, struct err *err);
/* What became of wish `number`; VERDICT_NONE while undecided. */
int store_verdict(struct store_session *x, int64_t number, enum verdict *ret,
                  struct err *err);

/* ---- looking ------------------------------------------------------------ */

/* -ENOENT.  A live job; *ret is the caller's. */
int store_get(struct store_session *x, int64_t id, struct job **ret,
              struct err *err);
int store_find(struct store_session *x, const struct app_name *app,
               struct span key, struct job **ret, struct err *err);

struct list_filter {
    const struct app_name *app; /* NULL: all */
    int state;                  /* -1: all */
    int64_t due_from, due_to;   /* [from, to); 0, INT64_MAX: all */
    job_pos after;              /* cursor: jobs with pos > after */
    size_t cap;
};
/* Live jobs in order of pos, appended to *into; the caller's. */
int store_list(struct store_session *x, const struct list_filter *f,
               struct list *into, struct err *err);

struct execution {
    int64_t job_id, scheduled_ms, started_ms, finished_ms;
    uint32_t version, attempt; /* attempt counts from 1 */
    enum outcome_kind outcome;
    const char *app;
    struct span key, error;
};
typedef void execution_fn(
    void *arg, const struct execution *e); /* borrowed for the call */

struct execution_query {
    int64_t id; /* > 0: one job's executions, in order */
    const struct app_name
        *app;   /* else the newest of an app (NULL: of all) first */
    size_t cap; /* at most so many */
};
/* Ended jobs included. */
int store_executions(struct store_session *x, const struct execution_query *q,
                     execution_fn *fn, void *arg, struct err *err);

/* A walk through the whole history: each execution that was there when the walk
 * began, and is kept, is met once, in the backend's own order. */
struct history_walk {
    const struct app_name *app; /* NULL: all */
    int64_t from, to;           /* only those that finished then, [from, to) */
    size_t cap;                 /* look at about so many in one call */
    int64_t at[2];              /* where the walk is; {0, 0} to begin */
    bool end;                   /* out: there is no more */
};
/* The next piece of the walk.  Also callable while others write. */
int store_history(struct store_session *x, struct history_walk *w,
                  execution_fn *fn, void *arg, struct err *err);

struct store_count {
    const char *app;                            /* interned */
    int64_t pending;                            /* live jobs */
    int64_t succeeded, dead, canceled, retried; /* since the store was made */
};
/* At most cap apps; returns how many.  Cheap: kept at write, not counted. */
int store_counts(struct store_session *x, struct store_count *out, size_t cap,
                 struct err *err);

/* About how many idempotency keys are remembered; -1: not known.  Kept at write
 * like the counts.  Any thread. */
int64_t store_remembered(struct store *s);

/* Housekeeping in small steps: removes idempotency keys, decided wishes and
 * executions that are past their time.  Returns rows removed (0: nothing left
 * to do now), at most about `rows` a call. */
int store_prune(struct store_session *x, int64_t now_ms, size_t rows,
                struct err *err);

#endif
