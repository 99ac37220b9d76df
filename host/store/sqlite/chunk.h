/* SPDX-License-Identifier: Apache-2.0
 *
 * store/sqlite/chunk.h - the part of a pile (pile.h) that lies in the
 * database: rows of up to SQ_CHUNK_MAX sorted entries, each row keyed by where
 * its part of the hashes begins.  Part of pile.c, with its threads.
 */
#ifndef ONTIME_STORE_SQLITE_CHUNK_H
#define ONTIME_STORE_SQLITE_CHUNK_H

#include "store/sqlite/pile.h"

#define SQ_ENTRY_BYTES 24

enum sq_pile_sql { /* behind a pile's first_sql */
                   P_FLOOR,
                   P_NEXT,
                   P_WRITE,
                   P_DELETE,
                   P_LOG_ADD,
                   P_LOG_TRIM,
                   P_FROM
};

struct sqlite3_stmt *sq_pile_stmt(struct sq_session *x, const struct sq_pile *p,
                                  enum sq_pile_sql which, struct err *err);

struct sq_entry sq_entry_decode(const unsigned char *p);
void sq_entries_encode(unsigned char *p, const struct sq_entry *e, size_t n);
int sq_entry_compare(uint64_t ah, uint64_t ar, uint64_t bh, uint64_t br);

/* Answers those names that are not answered yet (value < 0). */
int sq_chunk_get(struct sq_session *x, const struct sq_pile *p,
                 struct sq_name *names, size_t n, struct err *err);

/* Merges frozen's entries from index *from that fall into one chunk, and moves
 * *from behind them. */
int sq_chunk_merge(struct sq_session *x, struct sq_pile *p, size_t *from,
                   struct err *err);

/* Goes on making the pile's filter, by up to so many chunks. */
int sq_chunk_feed(struct sq_session *x, struct sq_pile *p, int chunks,
                  struct err *err);

#endif
