/* SPDX-License-Identifier: Apache-2.0
 *
 * job/settled.h - attempts that have ended and whose outcome is in the store:
 * what the commit stage tells the scheduler.
 */
#ifndef ONTIME_JOB_SETTLED_H
#define ONTIME_JOB_SETTLED_H

#include "base/inbox.h"
#include "job/job.h"

struct settled {
    int64_t id;
    uint32_t tenure; /* the job's; an earlier one than ours: of no meaning */
    /* Another attempt is due: the job as the store has it now; owned. */
    struct job *again;
    /* No word of that (again NULL), but the store may have it: look there. */
    bool look;
};

/* One malloc; made before the store is asked, so that telling cannot fail. */
struct settled_batch {
    struct letter letter;
    size_t count;
    struct settled items[];
};

#endif
