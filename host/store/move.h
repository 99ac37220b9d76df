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

#endif
