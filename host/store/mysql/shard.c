/* SPDX-License-Identifier: Apache-2.0
 *
 * store/mysql/shard.c - what the holder of a slot owns; see slot.h.  The
 * writing session's thread.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>

#include "store/mysql/conn.h"
#include "store/mysql/slot.h"

int md_shard_owners(struct store_session *sx, int32_t *out, size_t cap,
                    struct err *err)
{
    struct md_session *x = md_session(sx);
    struct md_rows q = {0};
    int r = md_connect(x, err);

    if (cap < x->st->base.shards)
        return err_set(err, -EINVAL, "no room for the owners of shards");
    if (r == 0)
        r = md_selectf(x, &q, err, "SELECT shard,slot FROM shards");
    while (r == 0 && md_next(&q)) {
        size_t s = (size_t)md_int(&q, 0);

        if (s < x->st->base.shards)
            out[s] = md_null(&q, 1) ? STORE_NO_SLOT : (int32_t)md_int(&q, 1);
    }
    md_rows_done(&q);
    return r < 0 ? r : (int)x->st->base.shards;
}

static void add_shards(struct md_session *x, const struct shard_set *set)
{
    (void)buf_adds(&x->sql, "shard IN (-1,");
    for (uint32_t s = 0; s < x->st->base.shards; s++) {
        if (shard_in(set, s))
            md_add_int(x, s);
    }
    md_end_list(x, ")");
}

/* ---- an owner's empty write -------------------------------------------------- */

static int do_nothing(struct md_session *x, void *arg, struct err *err)
{
    (void)x;
    (void)arg;
    (void)err;
    return 0;
}

int md_verify(struct store_session *sx, struct store_slot *ret, struct err *err)
{
    struct md_session *x = md_session(sx);
    struct store_slot all[STORE_SLOTS_MOST];
    int n, r = md_write(x, do_nothing, NULL, NULL, err);

    if (r < 0)
        return r;
    n = md_slots(sx, all, STORE_SLOTS_MOST, err);
    for (int i = 0; i < n; i++) {
        if (all[i].slot != x->slot)
            continue;
        *ret = all[i];
        return 0;
    }
    return n < 0 ? n : err_set(err, -EUCLEAN, "the store has lost our slot");
}

struct ledger_place {
    int64_t pos, seq;
};

static int do_ledger(struct md_session *x, void *arg, struct err *err)
{
    const struct ledger_place *to = arg;

    return md_runf(x, err,
                   "UPDATE slots SET ledger_used=1,ledger_pos=%" PRId64
                   ",ledger_seq=%" PRId64 " WHERE slot=%d AND epoch=%" PRId64,
                   to->pos, to->seq, x->slot, x->epoch);
}

int md_ledger_begin(struct store_session *sx, int64_t pos, int64_t seq,
                    struct err *err)
{
    struct ledger_place to = {pos, seq};

    return md_write(md_session(sx), do_ledger, &to, NULL, err);
}

/* ---- shards --------------------------------------------------------------------- */

struct acquisition {
    const struct shard_set *want;
    size_t most;
    job_pos loaded;
    struct shard_set got;
};

static int do_acquire(struct md_session *x, void *arg, struct err *err)
{
    struct acquisition *a = arg;
    struct md_rows q;
    int r;

    a->got = (struct shard_set){{0}};
    (void)md_sql(x, "SELECT shard FROM shards WHERE slot IS NULL AND ");
    add_shards(x, a->want);
    (void)buf_addf(&x->sql, " ORDER BY shard LIMIT %zu FOR UPDATE", a->most);
    r = md_select(x, &q, err);
    while (r == 0 && md_next(&q))
        shard_add(&a->got, (uint32_t)md_int(&q, 0));
    md_rows_done(&q);
    if (r < 0 || shard_count(&a->got) == 0)
        return r;
    (void)md_sql(x, "UPDATE shards SET slot=");
    (void)buf_addf(&x->sql, "%d,loaded=%" PRId64 ",puts=puts+1 WHERE ", x->slot,
                   a->loaded);
    add_shards(x, &a->got);
    return md_run(x, err);
}

int md_acquire(struct store_session *sx, const struct shard_set *want,
               size_t most, job_pos loaded, struct shard_set *ret,
               struct err *err)
{
    struct md_session *x = md_session(sx);
    struct acquisition a = {.want = want, .most = most, .loaded = loaded};
    int r = md_write(x, do_acquire, &a, NULL, err);

    if (r < 0)
        return r;
    for (uint32_t s = 0; s < x->st->base.shards; s++) {
        if (!shard_in(&a.got, s))
            continue;
        shard_add(&x->owned, s);
        x->loaded[s] = loaded;
    }
    *ret = a.got;
    return 0;
}

static int do_release(struct md_session *x, void *arg, struct err *err)
{
    (void)md_sql(x, "UPDATE shards SET slot=NULL,loaded=0 WHERE slot=");
    (void)buf_addf(&x->sql, "%d AND ", x->slot);
    add_shards(x, arg);
    return md_run(x, err);
}

int md_release(struct store_session *sx, const struct shard_set *shards,
               struct err *err)
{
    struct md_session *x = md_session(sx);
    struct shard_set copy = *shards;
    int r = md_write(x, do_release, &copy, NULL, err);

    if (r < 0)
        return r;
    shard_part(&x->owned, shards);
    return 0;
}

static int do_vacate(struct md_session *x, void *arg, struct err *err)
{
    int r = md_runf(
        x, err, "UPDATE shards SET slot=NULL,loaded=0 WHERE slot=%d", x->slot);

    if (r == 0 && !*(const bool *)arg)
        r = md_runf(x, err,
                    "UPDATE slots SET state='free' WHERE slot=%d AND "
                    "epoch=%" PRId64,
                    x->slot, x->epoch);
    return r;
}

int md_vacate(struct store_session *sx, bool keep, struct err *err)
{
    struct md_session *x = md_session(sx);
    int r = md_write(x, do_vacate, &keep, NULL, err);

    if (r < 0)
        return r;
    x->owned = (struct shard_set){{0}};
    if (!keep)
        md_forget_slot(x);
    return 0;
}
