/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/put.h - jobs in, and the positions of sources.
 */
#ifndef ONTIME_STORE_MYSQL_PUT_H
#define ONTIME_STORE_MYSQL_PUT_H

#include "store/mysql/row.h"

int md_put(struct store_session *x, struct put_batch *b, struct err *err);
int md_position_get(struct store_session *x, struct store_position *p,
                    struct err *err);

/* The items of a batch, inside an open transaction.  Before it, once: */
int md_put_prepare(struct md_session *x, struct put_item *const *items,
                   size_t n, uint64_t *ret_seq, struct err *err);
struct md_puts {
    struct put_item *const *items;
    size_t n;
    uint64_t seq; /* from md_put_prepare */
    int64_t now_ms;
};
int md_put_items(struct md_session *x, const struct md_puts *what,
                 struct err *err);

#endif
