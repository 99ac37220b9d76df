/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/schema.h - tables, made and migrated at open under a lock of the
 * server, so that instances may start together.
 */
#ifndef ONTIME_STORE_MYSQL_SCHEMA_H
#define ONTIME_STORE_MYSQL_SCHEMA_H

#include "store/mysql/session.h"

/* Brings the schema up to date and fills the store's id, secret and number of
 * shards (`shards` is for a new one; 0: the usual number).  -ENOTSUP: newer than this program. */
int md_schema_open(struct md_session *x, uint32_t shards, struct err *err);
/* The same for one that only looks: nothing is made.  -ENOENT: no store, or an
 * older one. */
int md_schema_look(struct md_session *x, struct err *err);

#endif
