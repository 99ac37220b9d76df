/* SPDX-License-Identifier: Apache-2.0
 *
 * store/ops.h - what a backend of the store provides.
 *
 * For store.c and the backends only.  Each operation means what the function
 * of that name in store.h says; store.c has checked the arguments that do not
 * need the database, so a backend sees only items that can be stored.
 */
#ifndef ONTIME_STORE_OPS_H
#define ONTIME_STORE_OPS_H

#include "store/move.h"
#include "store/slots.h"
#include "store/store.h"

struct store_ops {
    const char *name;   /* as store_backend() says */
    bool shared;        /* several instances at a time */
    const char *scheme; /* what urls begin with, colon included */
    int (*open)(const struct store_settings *set, struct store **ret,
                struct err *err);
    void (*close)(struct store *s);
    int (*session_open)(struct store *s, bool writing,
                        struct store_session **ret, struct err *err);
    void (*session_close)(struct store_session *x);
    int (*put)(struct store_session *x, struct put_batch *b, struct err *err);
    int (*position_get)(struct store_session *x, struct store_position *p,
                        struct err *err);
    int (*load_due)(struct store_session *x, const struct load_request *q,
                    struct load_result *ret, struct err *err);
    int (*finish)(struct store_session *x, struct finish_batch *b,
                  struct err *err);
    int (*mark_running)(struct store_session *x, struct job **jobs, size_t n,
                        struct err *err);
    int (*change)(struct store_session *x, struct change *c, struct err *err);
    int (*wishes)(struct store_session *x, int64_t after, size_t cap,
                  struct list *into, struct err *err);
    int (*decide)(struct store_session *x, const struct wish *w, enum verdict v,
                  int64_t now_ms, struct job **ret_job, struct err *err);
    int (*verdict)(struct store_session *x, int64_t number, enum verdict *ret,
                   struct err *err);
    int (*get)(struct store_session *x, int64_t id, struct job **ret,
               struct err *err);
    int (*find)(struct store_session *x, const struct app_name *app,
                struct span key, struct job **ret, struct err *err);
    int (*list)(struct store_session *x, const struct list_filter *f,
                struct list *into, struct err *err);
    int (*executions)(struct store_session *x, const struct execution_query *q,
                      execution_fn *fn, void *arg, struct err *err);
    int (*history)(struct store_session *x, struct history_walk *w,
                   execution_fn *fn, void *arg, struct err *err);
    int (*counts)(struct store_session *x, struct store_count *out, size_t cap,
                  struct err *err);
    int64_t (*remembered)(struct store *s); /* NULL: not known */
    int (*prune)(struct store_session *x, int64_t now_ms, size_t rows,
                 struct err *err);
    /* store/slots.h */
    int (*slots)(struct store_session *x, struct store_slot *out, size_t cap,
                 struct err *err);
    int (*shard_owners)(struct store_session *x, int32_t *out, size_t cap,
                        struct err *err);
    int (*clock)(struct store_session *x, int64_t *ret_ms, struct err *err);
    int (*claim)(struct store_session *x, const struct store_slot *seen,
                 struct store_slot *ret, struct err *err);
    int (*beat)(struct store_session *x, int32_t slot, int64_t epoch,
                struct err *err);
    int (*verify)(struct store_session *x, struct store_slot *ret,
                  struct err *err);
    int (*ledger_begin)(struct store_session *x, int64_t pos, int64_t seq,
                        struct err *err);
    int (*acquire)(struct store_session *x, const struct shard_set *want,
                   size_t most, job_pos loaded, struct shard_set *ret,
                   struct err *err);
    int (*release)(struct store_session *x, const struct shard_set *shards,
                   struct err *err);
    int (*vacate)(struct store_session *x, bool keep, struct err *err);
    /* store/move.h; NULL: there are other tools for it */
    int (*backup)(const struct backup_request *q, uint64_t *ret_bytes,
                  struct err *err);
    int (*check)(const char *url, const struct move_tell *tell,
                 struct check_result *ret, struct err *err);
    int (*export)(struct store_session *x, enum move_kind kind, move_row_fn *fn,
                  void *arg, struct err *err);
    int (*import)(struct store_session *x, struct move_row *rows, size_t n,
                  struct err *err);
    int (*import_end)(struct store_session *x, struct err *err);
};

struct store { /* a backend's own begins with this */
    const struct store_ops *ops;
    char id[37];     /* UUID, frozen by open */
    uint32_t shards; /* likewise */
};

struct store_session { /* likewise */
    struct store *store;
    bool writing;
};

extern const struct store_ops store_sqlite;
extern const struct store_ops store_mysql;

/* The backend of a url; NULL, with err filled (-EINVAL, -ENOTSUP): none. */
const struct store_ops *store_ops_of(const char *url, struct err *err);

/* Whether a job can be stored at all: app, times, sizes.  -EINVAL, -EMSGSIZE. */
int store_job_check(const struct job *j, struct err *err);
/* Error text as it is kept: at most STORE_ERROR_MAX bytes, never cutting a
 * UTF-8 character in two. */
struct span store_error_cut(struct span text);

#endif
