/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/account.c - the account of an audit; see account.h.
 */
#include "config.h"

#include "account.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP ((size_t)1 << 12)

struct account_entry {
    uint64_t hash; /* 0: free */
    int64_t job;
    uint32_t version;
    uint16_t want;      /* finished within the span */
    uint16_t want_edge; /* and at its edges */
    uint16_t old;       /* records from before the store was read */
    uint16_t fresh;     /* and after */
    uint16_t edge;      /* at the edges */
    uint8_t live;
    uint8_t many; /* its jobs are in `twice` */
};

const char *const account_state_names[STATES] = {
    [STATE_FINE] = "fine",           [STATE_MISSING] = "missing",
    [STATE_DOUBLED] = "doubled",     [STATE_UNKNOWN] = "unknown",
    [STATE_IN_FLIGHT] = "in flight", [STATE_NEW] = "new",
};

void account_init(struct account *a, size_t max_bytes)
{
    memset(a, 0, sizeof(*a));
    random_bytes(&a->secret, sizeof(a->secret));
    a->cap_max = max_bytes / sizeof(struct account_entry);
}

void account_done(struct account *a)
{
    free(a->slots);
    free(a->twice);
    memset(a, 0, sizeof(*a));
}

/* ---- the table ----------------------------------------------------------- */

static uint64_t hash_of(const struct account *a, struct span key)
{
    uint64_t h = hash64(&a->secret, key.data, key.len);

    return h != 0 ? h : 1;
}

/* Its entry, or the free one where it belongs. */
static struct account_entry *place(struct account_entry *slots, size_t cap,
                                   uint64_t hash)
{
    size_t i = (size_t)hash & (cap - 1);

    while (slots[i].hash != 0 && slots[i].hash != hash)
        i = (i + 1) & (cap - 1);
    return &slots[i];
}

static int no_memory(const struct account *a, struct err *err)
{
    return err_set(err, -ENOMEM, "no memory for more than %zu keys", a->used);
}

static int grow(struct account *a, struct err *err)
{
    size_t cap = a->cap > 0 ? a->cap * 2 : FIRST_CAP;
    struct account_entry *slots;

    if (a->cap > 0 && cap > a->cap_max)
        return err_set(err, -EFBIG,
                       "more than %zu keys do not fit into the memory that may "
                       "be used: give more, or audit a shorter time",
                       a->used);
    slots = calloc(cap, sizeof(*slots));
    if (slots == NULL)
        return no_memory(a, err);
    for (size_t i = 0; i < a->cap; i++)
        if (a->slots[i].hash != 0)
            *place(slots, cap, a->slots[i].hash) = a->slots[i];
    free(a->slots);
    a->slots = slots;
    a->cap = cap;
    return 0;
}

static int enter(struct account *a, struct span key, struct account_entry **ret,
                 struct err *err)
{
    uint64_t hash = hash_of(a, key);
    int r;

    if (a->used * 10 >= a->cap * 7) {
        r = grow(a, err);
        if (r < 0)
            return r;
    }
    *ret = place(a->slots, a->cap, hash);
    a->used += (*ret)->hash == 0;
    (*ret)->hash = hash;
    return 0;
}

static void count(uint16_t *n)
{
    *n = (uint16_t)(*n + (*n < UINT16_MAX));
}

/* ---- jobs that ended twice ----------------------------------------------- */

static uint64_t identity(const struct account *a, const struct account_job *j)
{
    const uint64_t v[2] = {(uint64_t)j->id, j->version};
    uint64_t h = hash64(&a->secret, v, sizeof(v));

    return h != 0 ? h : 1;
}

static int grow_twice(struct account *a, struct err *err)
{
    size_t cap = a->twice_cap > 0 ? a->twice_cap * 2 : FIRST_CAP;
    uint64_t *slots = calloc(cap, sizeof(*slots));

    if (slots == NULL)
        return no_memory(a, err);
    for (size_t i = 0; i < a->twice_cap; i++) {
        size_t to = (size_t)a->twice[i] & (cap - 1);

        if (a->twice[i] == 0)
            continue;
        while (slots[to] != 0)
            to = (to + 1) & (cap - 1);
        slots[to] = a->twice[i];
    }
    free(a->twice);
    a->twice = slots;
    a->twice_cap = cap;
    return 0;
}

/* 1: it was there already. */
static int note_identity(struct account *a, const struct account_job *j,
                         struct err *err)
{
    uint64_t h = identity(a, j);
    size_t i;

    if (a->twice_used * 2 >= a->twice_cap) {
        int r = grow_twice(a, err);

        if (r < 0)
            return r;
    }
    for (i = (size_t)h & (a->twice_cap - 1); a->twice[i] != 0;
         i = (i + 1) & (a->twice_cap - 1))
        if (a->twice[i] == h)
            return 1;
    a->twice[i] = h;
    a->twice_used++;
    return 0;
}

/* A further job of a key; 1: one that had ended already. */
static int check_twice(struct account *a, struct account_entry *e,
                       const struct account_job *j, struct err *err)
{
    const struct account_job first = {e->job, e->version};
    int r = 0;

    if (e->many == 0)
        r = note_identity(a, &first, err);
    if (r < 0)
        return r;
    e->many = 1;
    return note_identity(a, j, err);
}

/* ---- what goes in -------------------------------------------------------- */

int account_finished(struct account *a, struct span key,
                     const struct account_job *job, enum account_zone zone,
                     struct err *err)
{
    struct account_entry *e;
    int r = enter(a, key, &e, err);

    if (r < 0)
        return r;
    if (e->want + e->want_edge > 0) {
        r = check_twice(a, e, job, err);
        if (r < 0)
            return r;
    }
    if (r > 0) { /* one firing, told twice */
        a->finished_twice++;
        return 0;
    }
    e->job = job->id;
    e->version = job->version;
    count(zone == ZONE_IN ? &e->want : &e->want_edge);
    a->finished += zone == ZONE_IN;
    return 0;
}

int account_live(struct account *a, struct span key,
                 const struct account_job *job, struct err *err)
{
    struct account_entry *e;
    int r = enter(a, key, &e, err);

    if (r < 0)
        return r;
    if (e->want + e->want_edge == 0) {
        e->job = job->id;
        e->version = job->version;
    }
    e->live = 1; /* a key is there once among live jobs */
    a->live++;
    return 0;
}

int account_record(struct account *a, struct span key, enum account_zone zone,
                   bool fresh, struct err *err)
{
    struct account_entry *e;
    int r = enter(a, key, &e, err);

    if (r < 0)
        return r;
    if (zone == ZONE_EDGE)
        count(&e->edge);
    else
        count(fresh ? &e->fresh : &e->old);
    a->records += zone == ZONE_IN;
    return 0;
}

void account_not_ours(struct account *a)
{
    a->not_ours++;
}

/* ---- what comes out ------------------------------------------------------ */

static void sum_one(const struct account_entry *e, struct account_sum *s)
{
    int fired = e->want + e->want_edge;
    int there = e->old + e->fresh + e->edge;
    int over = e->old + e->fresh - fired;
    int flying, extra;

    memset(s, 0, sizeof(*s));
    s->keys = 1;
    if (e->want > there)
        s->missing = e->want - there;
    if (over <= 0)
        return;
    flying = over < e->live ? over : e->live;
    over -= flying;
    extra = over > e->fresh ? over - e->fresh : 0;
    s->in_flight = flying;
    s->fresh = over - extra;
    if (fired > 0 || flying > 0)
        s->doubled = extra;
    else
        s->unknown = extra;
}

void account_sum(const struct account *a, struct account_sum *ret)
{
    memset(ret, 0, sizeof(*ret));
    for (size_t i = 0; i < a->cap; i++) {
        struct account_sum s;

        if (a->slots[i].hash == 0)
            continue;
        sum_one(&a->slots[i], &s);
        ret->missing += s.missing;
        ret->doubled += s.doubled;
        ret->unknown += s.unknown;
        ret->in_flight += s.in_flight;
        ret->fresh += s.fresh;
        ret->keys++;
    }
}

bool account_clean(const struct account *a, const struct account_sum *sum,
                   bool ignore_unknown)
{
    return sum->missing == 0 && sum->doubled == 0 && a->finished_twice == 0 &&
           (ignore_unknown || sum->unknown == 0);
}

static enum account_state state_of(const struct account_entry *e)
{
    struct account_sum s;

    sum_one(e, &s);
    if (s.missing > 0)
        return STATE_MISSING;
    if (s.doubled > 0)
        return STATE_DOUBLED;
    if (s.unknown > 0)
        return STATE_UNKNOWN;
    if (s.in_flight > 0)
        return STATE_IN_FLIGHT;
    return s.fresh > 0 ? STATE_NEW : STATE_FINE;
}

enum account_state account_state(const struct account *a, struct span key,
                                 struct account_job *ret_job)
{
    const struct account_entry *e;

    if (ret_job != NULL)
        *ret_job = (struct account_job){0, 0};
    if (a->cap == 0)
        return STATE_FINE;
    e = place(a->slots, a->cap, hash_of(a, key));
    if (e->hash == 0)
        return STATE_FINE;
    if (ret_job != NULL)
        *ret_job = (struct account_job){e->job, e->version};
    return state_of(e);
}

size_t account_jobs(const struct account *a, enum account_state state,
                    struct account_job *ret, size_t cap)
{
    size_t n = 0;

    for (size_t i = 0; i < a->cap && n < cap; i++)
        if (a->slots[i].hash != 0 && state_of(&a->slots[i]) == state)
            ret[n++] =
                (struct account_job){a->slots[i].job, a->slots[i].version};
    return n;
}
