/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/ledger.h - what a record of the ledger says: which attempts the
 * transaction that it is part of has ended, and what the store needs to end
 * them too.  Pure.
 *
 * Layout (integers are LEB128 varints unless said otherwise, z: zigzag):
 *
 *   "otL" 1               magic and version
 *   len, store id
 *   slot, epoch, seq
 *   z time                ms since 1970
 *   writer                8 bytes: which run of which process wrote it
 *   count                 4 bytes, little-endian
 *   count entries:
 *     flags               1 byte: enum entry_flag
 *     z id                less the id of the entry before
 *     [version]           absent: 1
 *     [attempt]           absent: 0
 *     [len, error]
 *     [n, n follow-ups]:  len, app; key, payload, headers: 0 for none, else
 *                         len + 1, bytes; z due; z created; priority
 *
 * One transaction may have several records; seq grows by one with each, so a
 * reader sees when one is missing.  An entry whose (job, version) the store no
 * longer has was taken in before.
 */
#ifndef ONTIME_COMMIT_LEDGER_H
#define ONTIME_COMMIT_LEDGER_H

#include "base/buf.h"
#include "base/err.h"
#include "job/job.h"
#include "store/store.h"

#include <stdint.h>

#define LEDGER_RECORD_BYTES (256u << 10) /* of several entries */
#define LEDGER_ENTRY_BYTES (900u << 10)  /* one alone: below Kafka's 1 MB */

struct ledger_head {
    char store_id[40];
    int32_t slot;
    int64_t epoch, seq, time_ms;
    uint64_t writer;
    uint32_t count;
};

struct ledger_entry {
    int64_t id;
    uint32_t version, attempt;
    enum outcome_kind kind; /* DONE or DEAD */
    struct span error;      /* of DEAD; len 0: none */
    struct span follow_ups; /* encoded; for ledger_follow_up() */
    uint32_t follow_up_count;
};

struct ledger_follow_up {
    struct span app, key, payload, headers;
    int64_t due_ms, created_ms;
    uint8_t priority;
};

/* ---- writing: begin, add..., end ---------------------------------------------- */

struct ledger_writer {
    struct buf *b; /* the caller's, empty, with max at least LEDGER_ENTRY_BYTES
                      and some */
    size_t count_at;
    uint32_t count;
    int64_t last_id;
};

void ledger_begin(struct ledger_writer *w, struct buf *b,
                  const struct ledger_head *h); /* h->count is ignored */
/* 0, or -EMSGSIZE: it makes the record too large and was not added; in a record
 * of its own it fits unless it is above LEDGER_ENTRY_BYTES.  -ENOMEM. */
int ledger_add(struct ledger_writer *w, const struct outcome *o);
/* 0, or the error that stuck. */
int ledger_end(struct ledger_writer *w);

/* ---- reading -------------------------------------------------------------------- */

struct ledger_reader {
    const uint8_t *at, *end;
    uint32_t left;
    int64_t last_id;
};

/* -EINVAL: not a record of ours, damaged, or of a version that we do not know
 * (err says which).  What is read is borrowed from record. */
int ledger_parse(struct ledger_reader *r, struct span record,
                 struct ledger_head *ret, struct err *err);
/* 1: an entry; 0: there are no more; -EINVAL. */
int ledger_next(struct ledger_reader *r, struct ledger_entry *ret,
                struct err *err);
/* Takes the next off e->follow_ups: 1, 0 or -EINVAL. */
int ledger_follow_up(struct ledger_entry *e, struct ledger_follow_up *ret,
                     struct err *err);

#endif
