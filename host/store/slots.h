/* SPDX-License-Identifier: Apache-2.0
 *
 * store/slots.h - seats of instances, and which shards of the jobs they own.
 *
 * A slot is one row: a lease, a transactional producer, a partition of the
 * ledger.  Who holds it is told by its epoch, which every claim raises; that
 * the holder lives is told by its beat, a counter (never by a clock of the
 * store).  Every owner's write ends with one guarded UPDATE of the slot's row
 * (epoch and wseq as expected), so a former owner's writes fail with -ESTALE.
 *
 * A writing session works for one slot, the one it has claimed.  A store with
 * one instance at a time (sqlite) has slot 0 and shard 0, and opening its
 * writing session claims them: store_slots(), store_shard_owners(),
 * store_clock(), store_verify() and store_ledger_begin() work there as well, the
 * others answer -ENOTSUP.
 */
#ifndef ONTIME_STORE_SLOTS_H
#define ONTIME_STORE_SLOTS_H

#include "store/store.h"

#define STORE_SLOTS_MOST 64
#define STORE_SHARDS_MOST 256
#define STORE_NO_SLOT (-1)

struct store_slot {
    int32_t slot;
    bool owned;         /* else free */
    char owner[64];     /* instance.id of the last owner */
    char boot[37];      /* UUID of the claim: tells one's own from an other's */
    int64_t epoch;      /* +1 with each claim */
    int64_t beat;       /* +1 with each sign of life */
    int64_t wseq;       /* owner's writes since the claim */
    bool ledger_used;   /* transactions may have been made for it */
    int64_t ledger_pos; /* if so, the next ledger offset to replay */
    int64_t ledger_seq; /* and the sequence number of the last entry taken in */
};

/* A set of shards, by number. */
struct shard_set {
    uint64_t bits[STORE_SHARDS_MOST / 64];
};
static inline bool shard_in(const struct shard_set *s, uint32_t shard)
{
    return (s->bits[shard / 64] >> shard % 64 & 1) != 0;
}
static inline void shard_add(struct shard_set *s, uint32_t shard)
{
    s->bits[shard / 64] |= UINT64_C(1) << shard % 64;
}
static inline void shard_remove(struct shard_set *s, uint32_t shard)
{
    s->bits[shard / 64] &= ~(UINT64_C(1) << shard % 64);
}
static inline void shard_join(struct shard_set *into, const struct shard_set *s)
{
    for (size_t i = 0; i < STORE_SHARDS_MOST / 64; i++)
        into->bits[i] |= s->bits[i];
}
static inline void shard_part(struct shard_set *from, const struct shard_set *s)
{
    for (size_t i = 0; i < STORE_SHARDS_MOST / 64; i++)
        from->bits[i] &= ~s->bits[i];
}
static inline unsigned shard_count(const struct shard_set *s)
{
    unsigned n = 0;

    for (size_t i = 0; i < STORE_SHARDS_MOST / 64; i++)
        n += (unsigned)__builtin_popcountll(s->bits[i]);
    return n;
}

/* Whether several instances may share the store. */
bool store_shared(const struct store *s);
/* How many shards it has; fixed when the store was made. */
uint32_t store_shards(const struct store *s);

/* All slots there are, by number; returns how many.  Any session. */
int store_slots(struct store_session *x, struct store_slot *out, size_t cap,
                struct err *err);
/* The slot of each shard, or STORE_NO_SLOT; returns store_shards().  Any session. */
int store_shard_owners(struct store_session *x, int32_t *out, size_t cap,
                       struct err *err);
/* The store's clock, UTC ms, to compare ours with.  Any session. */
int store_clock(struct store_session *x, int64_t *ret_ms, struct err *err);

/*
 * Claims a slot for a writing session: seen is how it was when we decided to
 * (a compare-and-set of epoch and beat), or NULL for a new one.  *ret is the
 * slot as it is now.  -ESTALE: somebody was faster, or it beats again; -ENOSPC:
 * STORE_SLOTS_MOST slots exist.
 */
int store_claim(struct store_session *x, const struct store_slot *seen,
                struct store_slot *ret, struct err *err);
/* A sign of life of a slot; any session that may write, on any connection but
 * the owner's.  -ESTALE: fenced. */
int store_beat(struct store_session *x, int32_t slot, int64_t epoch,
               struct err *err);

/* The rest are owner's writes: sessions that hold a slot.  -ESTALE: fenced. */

/* The slot as it is in the store, after an empty owner's write. */
int store_verify(struct store_session *x, struct store_slot *ret,
                 struct err *err);
/* Says, before the first transaction, that there will be a ledger to replay,
 * from pos on and behind the entry seq.  Synced, and so is all that was written
 * before. */
int store_ledger_begin(struct store_session *x, int64_t pos, int64_t seq,
                       struct err *err);
/*
 * Takes shards that nobody owns, at most `most` of those in want; *ret is what
 * was taken.  Their loaded mark becomes `loaded`: changes of their jobs up to
 * there are left to us as wishes.
 */
int store_acquire(struct store_session *x, const struct shard_set *want,
                  size_t most, job_pos loaded, struct shard_set *ret,
                  struct err *err);
/* Gives shards back: nothing of theirs is in memory or under way any more. */
int store_release(struct store_session *x, const struct shard_set *shards,
                  struct err *err);
/* All shards of the slot become nobody's; the slot becomes free, unless keep. */
int store_vacate(struct store_session *x, bool keep, struct err *err);

#endif
