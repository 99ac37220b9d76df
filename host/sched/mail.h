/* SPDX-License-Identifier: Apache-2.0
 *
 * sched/mail.h - what reaches the scheduler thread.  Internal to the module.
 */
#ifndef ONTIME_SCHED_MAIL_H
#define ONTIME_SCHED_MAIL_H

#include "base/list.h"

enum mail_kind { MAIL_OFFER, MAIL_LOADED, MAIL_SETTLED, MAIL_WISHES, MAIL_DECIDED, MAIL_APPS };

struct mail { /* first member of every letter */
    struct list link;
    enum mail_kind kind;
};

#endif
