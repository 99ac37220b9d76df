/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/look.h - loading what is due, and looking at single jobs and
 * lists.  The session's thread.
 */
#ifndef ONTIME_STORE_MYSQL_LOOK_H
#define ONTIME_STORE_MYSQL_LOOK_H

#include "store/mysql/session.h"

int md_load_due(struct store_session *x, const struct load_request *q,
                struct load_result *ret, struct err *err);
int md_get(struct store_session *x, int64_t id, struct job **ret,
           struct err *err);
int md_find(struct store_session *x, const struct app_name *app,
            struct span key, struct job **ret, struct err *err);
int md_list(struct store_session *x, const struct list_filter *f,
            struct list *into, struct err *err);

#endif
