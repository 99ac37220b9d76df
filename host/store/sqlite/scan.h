/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/scan.h - jobs in order of firing: loading what is due, in the
 * writing session, and lists, in any.
 */
#ifndef ONTIME_STORE_SQLITE_SCAN_H
#define ONTIME_STORE_SQLITE_SCAN_H

#include "store/sqlite/session.h"

int sq_load_due(struct store_session *x, const struct load_request *q,
                struct load_result *ret, struct err *err);
int sq_list(struct store_session *x, const struct list_filter *f,
            struct list *into, struct err *err);

#endif
