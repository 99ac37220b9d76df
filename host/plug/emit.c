/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/emit.c - records and follow-ups of an open attempt; see emit.h.
 *
 * Any thread.  One piece of the attempt's arena for each record: the struct,
 * key, value and headers behind it.
 */
#include "config.h"

#include "plug/emit.h"

#include <errno.h>
#include <string.h>

#include "job/headers.h"
#include "plug/cell.h"

#define VARINT_MAX 10

/* The parts that a record and a follow-up have in common. */
struct parts {
    const struct ontime_bytes *key, *value;
    const struct ontime_header *headers;
    size_t header_count;
    size_t text_bytes;   /* key and value */
    size_t header_bytes; /* at most, encoded */
};

static bool bytes_ok(const struct ontime_bytes *b)
{
    return b->data != NULL || b->len == 0;
}

/* Sums up; refuses what cannot be.  SIZE_MAX / 4 keeps sums from wrapping. */
static int parts_measure(struct parts *p)
{
    const size_t most = SIZE_MAX / 4;

    if (!bytes_ok(p->key) || !bytes_ok(p->value) ||
        (p->headers == NULL && p->header_count > 0))
        return -EINVAL;
    if (p->key->len > most || p->value->len > most)
        return -EMSGSIZE;
    p->text_bytes = p->key->len + p->value->len;
    for (size_t i = 0; i < p->header_count; i++) {
        const struct ontime_header *h = &p->headers[i];

        if (h->name == NULL || !bytes_ok(&h->value))
            return -EINVAL;
        if (h->value.len > most)
            return -EMSGSIZE;
        p->header_bytes += strlen(h->name) + h->value.len + 2 * VARINT_MAX;
        if (p->header_bytes > most)
            return -EMSGSIZE;
    }
    return 0;
}

static struct span put_bytes(char **at, const struct ontime_bytes *b)
{
    struct span s = {*at, b->len};

    if (b->data == NULL)
        return (struct span){NULL, 0};
    if (b->len > 0)
        memcpy(*at, b->data, b->len);
    *at += b->len;
    return s;
}

static struct span put_headers(char *at, const struct parts *p)
{
    struct buf b = {.data = at,
                    .cap = p->header_bytes + 1,
                    .max = p->header_bytes,
                    .fixed = true};

    if (p->header_count == 0)
        return (struct span){NULL, 0};
    for (size_t i = 0; i < p->header_count; i++) {
        const struct ontime_header *h = &p->headers[i];

        (void)headers_add(&b, (struct span){h->name, strlen(h->name)},
                          (struct span){h->value.data, h->value.len});
    }
    return (struct span){at, b.len};
}

/* A piece for a struct of head bytes and the parts.  Under the cell's lock. */
static int take_piece(struct cell *s, size_t head, const struct parts *p,
                      char **ret)
{
    const struct attempt_table_settings *set = &s->table->set;
    size_t all = head + p->text_bytes + p->header_bytes + 1;

    if (p->text_bytes + p->header_bytes > set->record_bytes ||
        all > set->attempt_bytes || s->arena.used > set->attempt_bytes - all)
        return -EMSGSIZE;
    *ret = arena_alloc(&s->arena, all);
    return *ret != NULL ? 0 : -ENOMEM;
}

/* The open attempt of self, locked, or NULL. */
static struct cell *lock_own(struct attempt_table *t,
                             const struct plugin_instance *self, uint64_t token)
{
    struct cell *s = cell_lock(t, token);

    if (s != NULL && s->a.instance == self)
        return s;
    if (s != NULL)
        cell_unlock(s);
    (void)atomic_fetch_add_explicit(&t->stale, 1, memory_order_relaxed);
    return NULL;
}

static const char *why_refused(int error)
{
    switch (error) {
    case -EMSGSIZE:
        return "a record or follow-up was refused: too large";
    case -ENOMEM:
        return "a record or follow-up was refused: out of memory";
    default:
        return "a record or follow-up was refused: not valid";
    }
}

static int finish(struct cell *s, int r)
{
    if (r < 0 && s->refused == 0) {
        s->refused = r;
        s->refused_why = why_refused(r);
    }
    cell_unlock(s);
    return r;
}

/* ---- records ------------------------------------------------------------- */

static int add_record(struct cell *s, const struct ontime_record *r,
                      const struct topic_name *topic, const struct parts *p)
{
    struct attempt *a = &s->a;
    struct attempt_record *rec;
    char *at;
    int e = take_piece(s, sizeof(*rec), p, &at);

    if (e < 0)
        return e;
    rec = (struct attempt_record *)(void *)at;
    at += sizeof(*rec);
    rec->next = NULL;
    rec->topic = topic;
    rec->partition = r->partition;
    rec->key = put_bytes(&at, p->key);
    rec->value = put_bytes(&at, p->value);
    rec->headers = put_headers(at, p);
    *s->records_end = rec;
    s->records_end = &rec->next;
    a->record_count++;
    a->record_bytes += rec->key.len + rec->value.len + rec->headers.len;
    return 0;
}

static int find_topic(const char *name, const struct topic_name **ret)
{
    size_t len = name != NULL ? strlen(name) : 0;

    if (topic_name_check(name, len) < 0)
        return -EINVAL;
    *ret = topic_name(name, len);
    return *ret != NULL ? 0 : -ENOMEM;
}

int attempt_emit(struct attempt_table *t, const struct plugin_instance *self,
                 uint64_t token, const struct ontime_record *r)
{
    struct parts p;
    const struct topic_name *topic = NULL;
    struct cell *s;
    int e = -EINVAL;

    if (r != NULL) {
        p = (struct parts){.key = &r->key,
                           .value = &r->value,
                           .headers = r->headers,
                           .header_count = r->header_count};
        e = find_topic(r->topic, &topic);
        if (e == 0)
            e = r->partition >= -1 ? parts_measure(&p) : -EINVAL;
    }
    s = lock_own(t, self, token);
    if (s == NULL)
        return -ESTALE;
    return finish(s, e < 0 ? e : add_record(s, r, topic, &p));
}

/* ---- follow-ups ---------------------------------------------------------- */

static int add_followup(struct cell *s, const struct ontime_followup *f,
                        const struct app_name *app, const struct parts *p)
{
    struct attempt *a = &s->a;
    struct attempt_followup *next;
    char *at;
    int e = take_piece(s, sizeof(*next), p, &at);

    if (e < 0)
        return e;
    next = (struct attempt_followup *)(void *)at;
    at += sizeof(*next);
    next->next = NULL;
    next->app = app;
    next->due_ms = f->due_ms;
    next->priority = f->priority;
    next->key = put_bytes(&at, p->key);
    next->payload = put_bytes(&at, p->value);
    next->headers = put_headers(at, p);
    *s->followups_end = next;
    s->followups_end = &next->next;
    a->followup_count++;
    return 0;
}

int attempt_schedule(struct attempt_table *t,
                     const struct plugin_instance *self, uint64_t token,
                     const struct ontime_followup *f)
{
    struct parts p;
    const struct app_name *app = NULL;
    struct cell *s;
    int e = -EINVAL;

    if (f != NULL) {
        p = (struct parts){.key = &f->key,
                           .value = &f->payload,
                           .headers = f->headers,
                           .header_count = f->header_count};
        app = f->app != NULL ? app_name_s(f->app) : instance_app(self);
        if (app != NULL && f->due_ms >= 0 && f->priority >= JOB_HIGH &&
            f->priority <= JOB_LOW)
            e = parts_measure(&p);
    }
    s = lock_own(t, self, token);
    if (s == NULL)
        return -ESTALE;
    return finish(s, e < 0 ? e : add_followup(s, f, app, &p));
}
