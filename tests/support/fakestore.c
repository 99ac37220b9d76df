/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/support/fakestore.c - slots and shards in memory; see fakestore.h.  Any
 * thread: one lock for all.
 */
#include "config.h"

#include "fakestore.h"

#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fakedb {
    pthread_mutex_t mtx;
    struct store_slot slots[STORE_SLOTS_MOST];
    size_t count;
    uint32_t shards;
    int32_t owners[STORE_SHARDS_MOST];
    job_pos loaded[STORE_SHARDS_MOST];
    unsigned boots;
};

struct fakestore {
    struct store base;
    struct fakedb *db;
    const char *instance_id;
    atomic_bool away;
    _Atomic(int64_t) skew;
};

struct fakesession {
    struct store_session base;
    int32_t slot;
    int64_t epoch;
};

static struct fakestore *store_of(struct store_session *x)
{
    return (struct fakestore *)(void *)x->store;
}

static struct fakesession *session_of(struct store_session *x)
{
    return (struct fakesession *)(void *)x;
}

/* Locks the database, unless it is away. */
static struct fakedb *enter(struct store_session *x, struct err *err)
{
    struct fakestore *s = store_of(x);

    if (atomic_load(&s->away)) {
        (void)err_again(err, -EIO, "the store is away");
        return NULL;
    }
    pthread_mutex_lock(&s->db->mtx);
    return s->db;
}

static int leave(struct fakedb *db, int result)
{
    pthread_mutex_unlock(&db->mtx);
    return result;
}

/* The same for an owner's write; NULL: away or fenced. */
static struct fakedb *enter_owner(struct store_session *x, struct err *err)
{
    struct fakedb *db = enter(x, err);
    struct fakesession *f = session_of(x);

    if (db == NULL)
        return NULL;
    if (f->slot == STORE_NO_SLOT || db->slots[f->slot].epoch != f->epoch) {
        (void)err_set(err, -ESTALE, "the slot has another owner");
        (void)leave(db, 0);
        return NULL;
    }
    db->slots[f->slot].wseq++;
    return db;
}

static int failed(const struct err *err)
{
    return err == NULL || err->code == 0 ? -EIO : err->code;
}

/* ---- the operations ------------------------------------------------------------- */

static int fake_slots(struct store_session *x, struct store_slot *out,
                      size_t cap, struct err *err)
{
    struct fakedb *db = enter(x, err);
    size_t n;

    if (db == NULL)
        return failed(err);
    n = db->count < cap ? db->count : cap;
    memcpy(out, db->slots, n * sizeof(*out));
    return leave(db, (int)n);
}

static int fake_owners(struct store_session *x, int32_t *out, size_t cap,
                       struct err *err)
{
    struct fakedb *db = enter(x, err);

    if (db == NULL)
        return failed(err);
    for (size_t i = 0; i < db->shards && i < cap; i++)
        out[i] = db->owners[i];
    return leave(db, (int)db->shards);
}

static int fake_clock(struct store_session *x, int64_t *ret_ms, struct err *err)
{
    struct fakedb *db = enter(x, err);

    if (db == NULL)
        return failed(err);
    *ret_ms = clock_wall_ms() - atomic_load(&store_of(x)->skew);
    return leave(db, 0);
}

static int fake_claim(struct store_session *x, const struct store_slot *seen,
                      struct store_slot *ret, struct err *err)
{
    struct fakedb *db = enter(x, err);
    struct store_slot *s;

    if (db == NULL)
        return failed(err);
    if (seen == NULL) {
        if (db->count == STORE_SLOTS_MOST)
            return leave(db, err_set(err, -ENOSPC, "no more slots"));
        s = &db->slots[db->count];
        *s = (struct store_slot){.slot = (int32_t)db->count++};
    } else {
        s = &db->slots[seen->slot];
        if (s->epoch != seen->epoch || s->beat != seen->beat)
            return leave(db, err_set(err, -ESTALE, "somebody was faster"));
    }
    s->owned = true;
    s->epoch++;
    s->beat++;
    s->wseq = 0;
    (void)snprintf(s->owner, sizeof(s->owner), "%s", store_of(x)->instance_id);
    (void)snprintf(s->boot, sizeof(s->boot), "boot-%u", ++db->boots);
    session_of(x)->slot = s->slot;
    session_of(x)->epoch = s->epoch;
    *ret = *s;
    return leave(db, 0);
}

static int fake_beat(struct store_session *x, int32_t slot, int64_t epoch,
                     struct err *err)
{
    struct fakedb *db = enter(x, err);

    if (db == NULL)
        return failed(err);
    if (db->slots[slot].epoch != epoch)
        return leave(db, err_set(err, -ESTALE, "the slot has another owner"));
    db->slots[slot].beat++;
    return leave(db, 0);
}

static int fake_verify(struct store_session *x, struct store_slot *ret,
                       struct err *err)
{
    struct fakedb *db = enter_owner(x, err);

    if (db == NULL)
        return failed(err);
    *ret = db->slots[session_of(x)->slot];
    return leave(db, 0);
}

static int fake_ledger_begin(struct store_session *x, int64_t pos, int64_t seq,
                             struct err *err)
{
    struct fakedb *db = enter_owner(x, err);

    if (db == NULL)
        return failed(err);
    db->slots[session_of(x)->slot].ledger_used = true;
    db->slots[session_of(x)->slot].ledger_pos = pos;
    db->slots[session_of(x)->slot].ledger_seq = seq;
    return leave(db, 0);
}

static int fake_acquire(struct store_session *x, const struct shard_set *want,
                        size_t most, job_pos loaded, struct shard_set *ret,
                        struct err *err)
{
    struct fakedb *db = enter_owner(x, err);

    if (db == NULL)
        return failed(err);
    for (uint32_t i = 0; i < db->shards && most > 0; i++) {
        if (!shard_in(want, i) || db->owners[i] != STORE_NO_SLOT)
            continue;
        db->owners[i] = session_of(x)->slot;
        db->loaded[i] = loaded;
        shard_add(ret, i);
        most--;
    }
    return leave(db, 0);
}

static int fake_release(struct store_session *x, const struct shard_set *shards,
                        struct err *err)
{
    struct fakedb *db = enter_owner(x, err);

    if (db == NULL)
        return failed(err);
    for (uint32_t i = 0; i < db->shards; i++)
        if (shard_in(shards, i) && db->owners[i] == session_of(x)->slot)
            db->owners[i] = STORE_NO_SLOT;
    return leave(db, 0);
}

static int fake_vacate(struct store_session *x, bool keep, struct err *err)
{
    struct fakedb *db = enter_owner(x, err);
    struct fakesession *f = session_of(x);

    if (db == NULL)
        return failed(err);
    for (uint32_t i = 0; i < db->shards; i++)
        if (db->owners[i] == f->slot)
            db->owners[i] = STORE_NO_SLOT;
    if (!keep) {
        db->slots[f->slot].owned = false;
        f->slot = STORE_NO_SLOT;
    }
    return leave(db, 0);
}

static int fake_session_open(struct store *s, bool writing,
                             struct store_session **ret, struct err *err)
{
    struct fakesession *x = calloc(1, sizeof(*x));

    if (x == NULL)
        return err_set(err, -ENOMEM, "session");
    x->base.store = s;
    x->base.writing = writing;
    x->slot = STORE_NO_SLOT;
    *ret = &x->base;
    return 0;
}

static void fake_session_close(struct store_session *x)
{
    free(session_of(x));
}

static void fake_close(struct store *s)
{
    free(s);
}

static const struct store_ops fake_ops = {
    .name = "fake",
    .shared = true,
    .scheme = "fake:",
    .close = fake_close,
    .session_open = fake_session_open,
    .session_close = fake_session_close,
    .slots = fake_slots,
    .shard_owners = fake_owners,
    .clock = fake_clock,
    .claim = fake_claim,
    .beat = fake_beat,
    .verify = fake_verify,
    .ledger_begin = fake_ledger_begin,
    .acquire = fake_acquire,
    .release = fake_release,
    .vacate = fake_vacate,
};

/* ---- the test's side ---------------------------------------------------------------- */

struct fakedb *fakedb_new(uint32_t shards)
{
    struct fakedb *db = calloc(1, sizeof(*db));

    if (db == NULL)
        return NULL;
    pthread_mutex_init(&db->mtx, NULL);
    db->shards = shards;
    for (size_t i = 0; i < STORE_SHARDS_MOST; i++)
        db->owners[i] = STORE_NO_SLOT;
    return db;
}

void fakedb_free(struct fakedb **pdb)
{
    struct fakedb *db = *pdb;

    *pdb = NULL;
    if (db == NULL)
        return;
    pthread_mutex_destroy(&db->mtx);
    free(db);
}

struct store *fakestore_open(struct fakedb *db, const char *instance_id)
{
    struct fakestore *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    s->base.ops = &fake_ops;
    s->base.shards = db->shards;
    s->db = db;
    s->instance_id = instance_id;
    return &s->base;
}

void fakestore_away(struct store *s, bool away)
{
    atomic_store(&((struct fakestore *)(void *)s)->away, away);
}

void fakestore_skew(struct store *s, int64_t ms)
{
    atomic_store(&((struct fakestore *)(void *)s)->skew, ms);
}

const char *fakedb_owner(struct fakedb *db, uint32_t shard)
{
    static _Thread_local char name[64];

    pthread_mutex_lock(&db->mtx);
    (void)snprintf(name, sizeof(name), "%s",
                   db->owners[shard] == STORE_NO_SLOT
                       ? ""
                       : db->slots[db->owners[shard]].owner);
    pthread_mutex_unlock(&db->mtx);
    return name;
}

void fakedb_steal(struct fakedb *db, int32_t slot, const char *owner)
{
    pthread_mutex_lock(&db->mtx);
    db->slots[slot].epoch++;
    (void)snprintf(db->slots[slot].owner, sizeof(db->slots[slot].owner), "%s",
                   owner);
    pthread_mutex_unlock(&db->mtx);
}

struct store_slot fakedb_slot(struct fakedb *db, int32_t slot)
{
    struct store_slot s;

    pthread_mutex_lock(&db->mtx);
    s = db->slots[slot];
    pthread_mutex_unlock(&db->mtx);
    return s;
}

void fakedb_ledger(struct fakedb *db, int32_t slot)
{
    pthread_mutex_lock(&db->mtx);
    db->slots[slot].ledger_used = true;
    pthread_mutex_unlock(&db->mtx);
}
