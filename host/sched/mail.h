/* SPDX-License-Identifier: Apache-2.0
 *
 * sched/mail.h - what reaches the scheduler thread.  Internal to the module.
 */
#ifndef ONTIME_SCHED_MAIL_H
#define ONTIME_SCHED_MAIL_H

#include "base/inbox.h"

enum mail { /* struct letter.kind */
            MAIL_OFFER,
            MAIL_LOADED,
            MAIL_SETTLED,
            MAIL_WISHES,
            MAIL_DECIDED,
            MAIL_APPS
};

#endif
