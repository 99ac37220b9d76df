/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/ledger.c - the ledger's records; see ledger.h.  Pure.
 */
#include "config.h"

#include "commit/ledger.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define ERROR_MOST                                                             \
    256 /* of a dead job's reason: after a crash no more is known */

static const char magic[4] = {'o', 't', 'L', 1};

enum entry_flag {
    ENTRY_DEAD = 1u << 0,
    ENTRY_VERSION = 1u << 1,
    ENTRY_ATTEMPT = 1u << 2,
    ENTRY_ERROR = 1u << 3,
    ENTRY_FOLLOW_UPS = 1u << 4,
    ENTRY_ALL = (1u << 5) - 1
};

/* ---- writing ------------------------------------------------------------------- */

static void put_number(struct buf *b, uint64_t v)
{
    uint8_t out[10];
    size_t n = 0;

    while (v >= 0x80) {
        out[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    out[n++] = (uint8_t)v;
    (void)buf_add(b, out, n);
}

static void put_signed(struct buf *b, int64_t v)
{
    put_number(b, ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0));
}

static void put_bytes(struct buf *b, struct span s)
{
    put_number(b, s.len);
    (void)buf_add(b, s.data, s.len);
}

/* With a way to say that there is none. */
static void put_optional(struct buf *b, struct span s)
{
    if (s.data == NULL) {
        put_number(b, 0);
        return;
    }
    put_number(b, (uint64_t)s.len + 1);
    (void)buf_add(b, s.data, s.len);
}

static void put_fixed(struct buf *b, uint64_t v, size_t bytes)
{
    uint8_t out[8];

    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(v >> (8 * i));
    (void)buf_add(b, out, bytes);
}

void ledger_begin(struct ledger_writer *w, struct buf *b,
                  const struct ledger_head *h)
{
    *w = (struct ledger_writer){.b = b};
    (void)buf_add(b, magic, sizeof(magic));
    put_bytes(b, (struct span){h->store_id, strlen(h->store_id)});
    put_number(b, (uint64_t)h->slot);
    put_number(b, (uint64_t)h->epoch);
    put_number(b, (uint64_t)h->seq);
    put_signed(b, h->time_ms);
    put_fixed(b, h->writer, 8);
    w->count_at = b->len;
    put_fixed(b, 0, 4);
}

static void put_follow_up(struct buf *b, const struct put_item *it)
{
    const struct job *j = it->job;

    put_bytes(b, (struct span){j->app->text, strlen(j->app->text)});
    put_optional(b, j->key);
    put_optional(b, j->payload);
    put_optional(b, j->headers);
    put_signed(b, j->due_ms);
    put_signed(b, j->created_ms);
    put_number(b, j->priority);
}

static void put_entry(struct ledger_writer *w, const struct outcome *o)
{
    struct buf *b = w->b;
    const struct job *j = o->job;
    struct span error = {o->error.data,
                         o->error.len < ERROR_MOST ? o->error.len : ERROR_MOST};
    unsigned flags = o->kind == OUTCOME_DEAD ? ENTRY_DEAD : 0;

    flags |= j->version != 1 ? ENTRY_VERSION : 0;
    flags |= j->attempt != 0 ? ENTRY_ATTEMPT : 0;
    flags |= o->kind == OUTCOME_DEAD && error.len > 0 ? ENTRY_ERROR : 0;
    flags |= o->follow_up_count > 0 ? ENTRY_FOLLOW_UPS : 0;
    (void)buf_addc(b, (char)flags);
    put_signed(b, (int64_t)((uint64_t)j->id - (uint64_t)w->last_id));
    if ((flags & ENTRY_VERSION) != 0)
        put_number(b, j->version);
    if ((flags & ENTRY_ATTEMPT) != 0)
        put_number(b, j->attempt);
    if ((flags & ENTRY_ERROR) != 0)
        put_bytes(b, error);
    if ((flags & ENTRY_FOLLOW_UPS) != 0) {
        put_number(b, o->follow_up_count);
        for (size_t i = 0; i < o->follow_up_count; i++)
            put_follow_up(b, &o->follow_ups[i]);
    }
}

int ledger_add(struct ledger_writer *w, const struct outcome *o)
{
    size_t len = w->b->len;
    size_t most = w->count == 0 ? LEDGER_ENTRY_BYTES : LEDGER_RECORD_BYTES;
    int r;

    assert(o->kind == OUTCOME_DONE || o->kind == OUTCOME_DEAD);
    put_entry(w, o);
    r = buf_ok(w->b);
    if (r == -ENOMEM)
        return r;
    if (r < 0 || w->b->len > most) {
        w->b->len = len; /* as if it had not been tried */
        w->b->failed = 0;
        return -EMSGSIZE;
    }
    w->last_id = o->job->id;
    w->count++;
    return 0;
}

int ledger_end(struct ledger_writer *w)
{
    int r = buf_ok(w->b);

    for (size_t i = 0; r == 0 && i < 4; i++)
        w->b->data[w->count_at + i] = (char)(w->count >> (8 * i));
    return r;
}

/* ---- reading --------------------------------------------------------------------- */

static int damaged(struct err *err, const char *what)
{
    return err_set(err, -EINVAL, "ledger record: damaged (%s)", what);
}

static bool get_number(const uint8_t **at, const uint8_t *end, uint64_t most,
                       uint64_t *ret)
{
    uint64_t v = 0;

    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        uint8_t c = *(*at)++;

        if (shift == 63 && c > 1)
            return false;
        v |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80) {
            *ret = v;
            return v <= most;
        }
    }
    return false;
}

static bool get_signed(const uint8_t **at, const uint8_t *end, int64_t *ret)
{
    uint64_t v;

    if (!get_number(at, end, UINT64_MAX, &v))
        return false;
    *ret = (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
    return true;
}

static bool take(const uint8_t **at, const uint8_t *end, uint64_t len,
                 struct span *ret)
{
    if (len > (uint64_t)(end - *at))
        return false;
    *ret = (struct span){*at, (size_t)len};
    *at += len;
    return true;
}

static bool get_bytes(const uint8_t **at, const uint8_t *end, struct span *ret)
{
    uint64_t len;

    return get_number(at, end, SIZE_MAX, &len) && take(at, end, len, ret);
}

static bool get_optional(const uint8_t **at, const uint8_t *end,
                         struct span *ret)
{
    uint64_t len;

    *ret = (struct span){NULL, 0};
    if (!get_number(at, end, SIZE_MAX, &len))
        return false;
    return len == 0 || take(at, end, len - 1, ret);
}

static bool get_fixed(const uint8_t **at, const uint8_t *end, size_t bytes,
                      uint64_t *ret)
{
    struct span s;

    if (!take(at, end, bytes, &s))
        return false;
    *ret = 0;
    for (size_t i = 0; i < bytes; i++)
        *ret |= (uint64_t)((const uint8_t *)s.data)[i] << (8 * i);
    return true;
}

static bool get_head(struct ledger_reader *r, struct ledger_head *h)
{
    uint64_t slot, epoch, seq, count;
    struct span id;

    if (!get_bytes(&r->at, r->end, &id) || id.len >= sizeof(h->store_id) ||
        !get_number(&r->at, r->end, INT32_MAX, &slot) ||
        !get_number(&r->at, r->end, INT64_MAX, &epoch) ||
        !get_number(&r->at, r->end, INT64_MAX, &seq) ||
        !get_signed(&r->at, r->end, &h->time_ms) ||
        !get_fixed(&r->at, r->end, 8, &h->writer) ||
        !get_fixed(&r->at, r->end, 4, &count))
        return false;
    memcpy(h->store_id, id.data, id.len);
    h->store_id[id.len] = '\0';
    h->slot = (int32_t)slot;
    h->epoch = (int64_t)epoch;
    h->seq = (int64_t)seq;
    h->count = (uint32_t)count;
    return true;
}

int ledger_parse(struct ledger_reader *r, struct span record,
                 struct ledger_head *ret, struct err *err)
{
    const uint8_t *data = record.data;

    if (record.len < sizeof(magic) || memcmp(data, magic, 3) != 0)
        return err_set(err, -EINVAL, "ledger record: not one of ours");
    if (data[3] != (uint8_t)magic[3])
        return err_set(err, -EINVAL,
                       "ledger record: version %u, this program knows %d",
                       (unsigned)data[3], magic[3]);
    *r = (struct ledger_reader){.at = data + 4, .end = data + record.len};
    if (!get_head(r, ret))
        return damaged(err, "head");
    r->left = ret->count;
    return 0;
}

static bool skip_follow_ups(struct ledger_reader *r, struct ledger_entry *e)
{
    uint64_t n;
    struct ledger_entry rest;
    struct ledger_follow_up f;

    if (!get_number(&r->at, r->end, UINT32_MAX, &n))
        return false;
    e->follow_up_count = (uint32_t)n;
    e->follow_ups = (struct span){r->at, (size_t)(r->end - r->at)};
    rest = *e;
    while (rest.follow_up_count > 0)
        if (ledger_follow_up(&rest, &f, NULL) < 0)
            return false;
    r->at = rest.follow_ups.data;
    e->follow_ups.len -= rest.follow_ups.len;
    return true;
}

static bool get_entry(struct ledger_reader *r, struct ledger_entry *e)
{
    uint64_t flags, version = 1, attempt = 0;
    int64_t delta;

    if (!get_fixed(&r->at, r->end, 1, &flags) || flags > ENTRY_ALL ||
        !get_signed(&r->at, r->end, &delta))
        return false;
    if ((flags & ENTRY_VERSION) != 0 &&
        !get_number(&r->at, r->end, UINT32_MAX, &version))
        return false;
    if ((flags & ENTRY_ATTEMPT) != 0 &&
        !get_number(&r->at, r->end, UINT32_MAX, &attempt))
        return false;
    *e = (struct ledger_entry){
        .id = (int64_t)((uint64_t)r->last_id + (uint64_t)delta),
        .version = (uint32_t)version,
        .attempt = (uint32_t)attempt,
        .kind = (flags & ENTRY_DEAD) != 0 ? OUTCOME_DEAD : OUTCOME_DONE,
    };
    if ((flags & ENTRY_ERROR) != 0 && !get_bytes(&r->at, r->end, &e->error))
        return false;
    return (flags & ENTRY_FOLLOW_UPS) == 0 || skip_follow_ups(r, e);
}

int ledger_next(struct ledger_reader *r, struct ledger_entry *ret,
                struct err *err)
{
    if (r->left == 0)
        return r->at == r->end ? 0 : damaged(err, "more than it says");
    if (!get_entry(r, ret))
        return damaged(err, "entry");
    r->last_id = ret->id;
    r->left--;
    return 1;
}

int ledger_follow_up(struct ledger_entry *e, struct ledger_follow_up *ret,
                     struct err *err)
{
    const uint8_t *at = e->follow_ups.data, *end = at + e->follow_ups.len;
    uint64_t priority;

    if (e->follow_up_count == 0)
        return 0;
    if (!get_bytes(&at, end, &ret->app) || !get_optional(&at, end, &ret->key) ||
        !get_optional(&at, end, &ret->payload) ||
        !get_optional(&at, end, &ret->headers) ||
        !get_signed(&at, end, &ret->due_ms) ||
        !get_signed(&at, end, &ret->created_ms) ||
        !get_number(&at, end, JOB_PRIORITIES - 1, &priority))
        return damaged(err, "follow-up");
    ret->priority = (uint8_t)priority;
    e->follow_ups = (struct span){at, (size_t)(end - at)};
    e->follow_up_count--;
    return 1;
}
