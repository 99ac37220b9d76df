/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/prune.h - removing what is past its time, in small steps.
 */
#ifndef ONTIME_STORE_SQLITE_PRUNE_H
#define ONTIME_STORE_SQLITE_PRUNE_H

#include "store/sqlite/session.h"

int sq_prune(struct store_session *x, int64_t now_ms, size_t rows,
             struct err *err);

#endif
