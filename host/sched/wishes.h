/* SPDX-License-Identifier: Apache-2.0
 *
 * sched/wishes.h - changes of jobs that are in memory: who wins when a job is
 * cancelled while it is about to fire.  Scheduler thread only; no I/O: what
 * has to be written is handed to a function.
 *
 * A wish is a row in the store, left there because the job may be in memory.
 * The one thread that would fire the job decides it:
 *   not in memory, waiting, due  -> granted, the job is taken out first
 *   given to a worker            -> after its outcome: another attempt to come:
 *                                   granted; ended: too late, but a replacement is
 *                                   stored as a new job
 * While a decision is being written the id stays held, so that no load can
 * bring the old row back.  One decision per id at a time, in order.
 */
#ifndef ONTIME_SCHED_WISHES_H
#define ONTIME_SCHED_WISHES_H

#include "base/inbox.h"
#include "sched/window.h"
#include "store/writer.h"

struct change_work {      /* a wish on its way through memory */
    struct letter letter; /* when decided */
    struct list link;     /* in struct hold.wishes */
    int64_t id;
    struct wish *wish;
    struct writer_request request; /* WRITE_DECIDE; its arg is the sender's */
    int result;                    /* of the request */
};

/* Writes the decision; change_done() when it is written. */
typedef void wishes_send_fn(void *arg, struct change_work *work,
                            enum verdict v);

struct wishes {
    wishes_send_fn *send;
    void *arg;
};

/* A new wish; takes it over.  -ENOMEM: it was freed, read it again. */
int wishes_meet(const struct wishes *x, struct window *w, struct wish *wish);

/* An attempt has been settled; again: there will be another (the row says so).
 * True when wishes took the id over: the caller drops its copy of the job and
 * leaves the hold alone. */
bool wishes_settled(const struct wishes *x, struct hold *h, bool again);

/* A decision is written: frees the work, sends the next one or lets go of the
 * id.  The job as it stands now, to be taken into the window, or NULL.  When it
 * is a new one, in place of one that had ended, the wishes that are left are
 * wishes for it. */
struct job *wishes_decided(const struct wishes *x, struct window *w,
                           struct change_work **pwork);

void change_work_free(struct change_work **pwork);
/* Frees what hangs on the window's ids, before window_done. */
void wishes_forget(struct window *w);

#endif
