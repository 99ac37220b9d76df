/* SPDX-License-Identifier: Apache-2.0
 *
 * store/move.h - a whole store: copying it while it is in use, and carrying it
 * over into another one, perhaps of another kind.
 *
 * For tools (ontimectl); the daemon does none of this.  All of it works on the
 * caller's thread, for as long as it takes, and tells how far it is.
 */
#ifndef ONTIME_STORE_MOVE_H
#define ONTIME_STORE_MOVE_H

#include "base/hash.h"
#include "store/slots.h"
#include "store/store.h"

/* ---- progress ------------------------------------------------------------- */

struct move_progress {
    const char *what;     /* "copied", "jobs", ... */
    uint64_t done, total; /* total 0: not known */
    bool bytes;           /* else rows */
};
/* Called a few times a second at least.  False: stop, and clean up; the work
 * then ends with -ECANCELED. */
typedef bool move_tell_fn(void *arg, const struct move_progress *p);

struct move_tell {
    move_tell_fn *fn; /* NULL: nobody wants to know */
    void *arg;
};

/* 0, or -ECANCELED with err filled. */
int move_tell(const struct move_tell *t, const struct move_progress *p,
              struct err *err);

/* ---- backup --------------------------------------------------------------- */

struct backup_request {
    const char *url;  /* of the store; a daemon may be using it */
    const char *path; /* where the copy is to be; there must be no such file */
    int64_t rate;     /* bytes a second at most; 0: no limit */
    struct move_tell tell;
};

/*
 * Copies the store as it is at one moment to a file that can take its place.
 * The copy is written as PATH.partial, synced, and then given its name, so what
 * is called PATH is whole.  *ret_bytes: its size.  The daemon goes on meanwhile.
 * -ENOTSUP: that kind of store has tools of its own for this.
 */
int store_backup(const struct backup_request *q, uint64_t *ret_bytes,
                 struct err *err);

struct check_result {
    char id[37];        /* the store's */
    int64_t jobs;       /* live ones */
    int64_t executions; /* in the history */
    int64_t positions;  /* of sources */
};
/*
 * Looks at all of a store that nobody changes: is it sound, do its parts agree?
 * -EUCLEAN: not, and err says what was found first.  -ENOTSUP as above.
 */
int store_check(const char *url, const struct move_tell *tell,
                struct check_result *ret, struct err *err);

/* ---- carrying over --------------------------------------------------------- */

/* What a store consists of, in the order in which it is carried over. */
enum move_kind {
    MOVE_STORE, /* exactly one: who it is */
    MOVE_SLOT,
    MOVE_APP, /* with its counts */
    MOVE_POSITION,
    MOVE_JOB,
    MOVE_WISH, /* undecided, and no CHANGE_LOAD */
    MOVE_EXECUTION,
    MOVE_REPEAT,
    MOVE_KINDS
};
const char *move_kind_name(enum move_kind kind); /* "jobs", ... */

struct move_store {
    char id[37];
    struct hash_key secret; /* of store/name.h */
    int64_t created_ms;
    uint64_t numbers; /* so many jobs may have been given numbers */
};

struct move_repeat {
    uint64_t hash[2]; /* of app and idempotency key, store/name.h */
    int64_t accepted_ms;
};

struct move_row {
    enum move_kind kind;
    union {
        struct move_store store;
        struct store_slot slot;
        struct store_count app; /* pending: as told; it comes of the jobs */
        struct store_position position; /* next; from is not used */
        struct job *job; /* pos 0: what the importer makes of its due time */
        struct wish *wish;
        struct execution execution; /* oldest first */
        struct move_repeat repeat;
    };
};
void move_row_done(struct move_row *row); /* frees job and wish */

/* All but job and wish, which it may take (leaving NULL), is borrowed. */
typedef int move_row_fn(void *arg, struct move_row *row, struct err *err);

/* Gives all rows of one kind to fn, until that fails.  What a reading session
 * exports is of one moment where others may be writing. */
int store_export(struct store_session *x, enum move_kind kind, move_row_fn *fn,
                 void *arg, struct err *err);
/* Takes rows of one kind in, in one transaction.  A writing session of a store
 * opened for STORE_IMPORT. */
int store_import(struct store_session *x, struct move_row *rows, size_t n,
                 struct err *err);
/* All is there: from now on the store may be opened by anybody. */
int store_import_end(struct store_session *x, struct err *err);

struct convert_request {
    const char *from, *to; /* urls; there is no store at `to` yet */
    bool dry_run;          /* only count what there is */
    struct move_tell tell;
};

struct convert_result {
    char id[37];
    uint64_t rows[MOVE_KINDS];
};

/*
 * Makes a store with all that another one has, its identity too: the two are
 * one store and must never both be used.  No daemon may have either: -EBUSY.
 * What has been carried over is read again and compared.  On any failure, and
 * when it is killed, the new store is left refusing to be opened.
 */
int store_convert(const struct convert_request *q, struct convert_result *ret,
                  struct err *err);

#endif
