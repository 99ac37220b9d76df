/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/account.h - the account of an audit: what the store says was sent
 * against what is there, by record key.  Pure; one thread.
 *
 * A key is kept as a hash of 64 bits (keyed, so nobody can make two collide on
 * purpose; by chance two of ten million keys do with a probability of 3 in a
 * million) and counts, 32 bytes in a table that is 35 to 70 % full: 46 to 92
 * bytes a key, and half as much again for a moment while it grows.  Texts are
 * not kept; whoever wants to name a difference looks the keys up again with
 * account_state().
 */
#ifndef ONTIME_CTL_ACCOUNT_H
#define ONTIME_CTL_ACCOUNT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where something stands in time to the span that is audited.  What is on its
 * edge speaks for others and is not asked for itself: a job that has ended just
 * before the span may have its record within it. */
enum account_zone { ZONE_IN, ZONE_EDGE };

enum account_state {
    STATE_FINE,
    STATE_MISSING,   /* finished with success, and too few records */
    STATE_DOUBLED,   /* more records than jobs of that key have fired */
    STATE_UNKNOWN,   /* records of no job that the store knows */
    STATE_IN_FLIGHT, /* sent, and not yet finished in the store */
    STATE_NEW,       /* sent after the store was read: it cannot be told */
    STATES
};
extern const char *const account_state_names[STATES];

struct account_entry;

struct account {
    struct hash_key secret;
    struct account_entry *slots;
    size_t used, cap;
    size_t cap_max;  /* of slots */
    uint64_t *twice; /* (job, version)s of keys with several jobs */
    size_t twice_used, twice_cap;
    /* what went in */
    int64_t finished, live, records, not_ours;
    int64_t finished_twice; /* a (job, version) that ended with success twice */
};

/* max_bytes: of memory, about. */
void account_init(struct account *a, size_t max_bytes);
void account_done(struct account *a);

/* Each: 0, -ENOMEM, or -EFBIG beyond max_bytes (err says how to ask for less).
 * First everything of the store, then the records. */
struct account_job {
    int64_t id;
    uint32_t version;
};
/* An execution with success. */
int account_finished(struct account *a, struct span key,
                     const struct account_job *job, enum account_zone zone,
                     struct err *err);
/* A job that is live and due: it may have been sent. */
int account_live(struct account *a, struct span key,
                 const struct account_job *job, struct err *err);
/* fresh: it may be younger than what the store said. */
int account_record(struct account *a, struct span key, enum account_zone zone,
                   bool fresh, struct err *err);
/* A record whose key is no job's by the rule. */
void account_not_ours(struct account *a);

/* What is with that key; *ret_job (may be NULL) is the last job that had it. */
enum account_state account_state(const struct account *a, struct span key,
                                 struct account_job *ret_job);

struct account_sum {
    int64_t missing, doubled, unknown, in_flight, fresh; /* records */
    int64_t keys;                                        /* different ones */
};
void account_sum(const struct account *a, struct account_sum *ret);

/* Is that account clean? */
bool account_clean(const struct account *a, const struct account_sum *sum,
                   bool ignore_unknown);

/* The last job of each key in that state, at most cap; returns how many. */
size_t account_jobs(const struct account *a, enum account_state state,
                    struct account_job *ret, size_t cap);

#endif
