/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/cell.c - the memory behind attempts and tokens; see cell.h.
 *
 * Any thread.  A cell's own lock guards what a token may reach; the table's
 * lock is held for a few instructions, to take a cell and to put it back.
 */
#include "config.h"

#include "plug/cell.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INDEX_MASK ((UINT64_C(1) << CELL_INDEX_BITS) - 1)
#define BYTES_DEFAULT (1u << 20)
#define RECORD_DEFAULT 1000000u
#define MESSAGE_MAX 1000

/* ---- the table ----------------------------------------------------------- */

static size_t block_count(uint32_t capacity)
{
    return (capacity + CELL_BLOCK - 1) / CELL_BLOCK;
}

int attempt_table_new(const struct attempt_table_settings *set,
                      struct attempt_table **ret, struct err *err)
{
    const char *id = set->store_id != NULL ? set->store_id : "";
    struct attempt_table *t;

    if (set->capacity == 0 || set->capacity > INDEX_MASK + 1 ||
        strlen(id) > CELL_STORE_ID_MAX)
        return err_set(err, -EINVAL,
                       "attempts: capacity %u, store id of %zu characters",
                       set->capacity, strlen(id));
    t = calloc(1, sizeof(*t));
    if (t == NULL)
        return err_set(err, -ENOMEM, "out of memory");
    (void)pthread_mutex_init(&t->mtx, NULL);
    t->set = *set;
    if (t->set.attempt_bytes == 0)
        t->set.attempt_bytes = BYTES_DEFAULT;
    if (t->set.record_bytes == 0)
        t->set.record_bytes = RECORD_DEFAULT;
    memcpy(t->store_id, id, strlen(id) + 1);
    t->set.store_id = t->store_id;
    t->blocks = calloc(block_count(set->capacity), sizeof(t->blocks[0]));
    t->deadlines = calloc(set->capacity, sizeof(t->deadlines[0]));
    if (t->blocks == NULL || t->deadlines == NULL) {
        attempt_table_free(&t);
        return err_set(err, -ENOMEM, "out of memory");
    }
    *ret = t;
    return 0;
}

void attempt_table_free(struct attempt_table **pt)
{
    struct attempt_table *t = *pt;
    uint32_t made;

    *pt = NULL;
    if (t == NULL)
        return;
    assert(t->used == 0);
    made = atomic_load(&t->made);
    for (uint32_t i = 0; i < made; i += CELL_BLOCK) {
        struct cell *block = atomic_load(&t->blocks[i / CELL_BLOCK]);

        for (uint32_t k = 0; k < CELL_BLOCK && i + k < made; k++) {
            arena_done(&block[k].arena);
            (void)pthread_mutex_destroy(&block[k].mtx);
        }
        free(block);
    }
    (void)pthread_mutex_destroy(&t->mtx);
    free(t->blocks);
    free(t->deadlines);
    free(t);
}

uint32_t attempt_table_used(const struct attempt_table *t)
{
    return atomic_load(&t->used);
}

uint32_t attempt_table_open(const struct attempt_table *t)
{
    return atomic_load(&t->open);
}

uint64_t attempt_table_stale(const struct attempt_table *t)
{
    return atomic_load(&t->stale);
}

/* ---- cells --------------------------------------------------------------- */

/* Makes the next block of cells, all free.  Under the table's lock. */
static int grow(struct attempt_table *t)
{
    uint32_t first = atomic_load(&t->made), n = t->set.capacity - first;
    struct cell *block;

    if (n == 0)
        return -EAGAIN;
    n = n < CELL_BLOCK ? n : CELL_BLOCK;
    block = calloc(n, sizeof(*block));
    if (block == NULL)
        return -ENOMEM;
    for (uint32_t k = n; k-- > 0;) {
        struct cell *s = &block[k];

        (void)pthread_mutex_init(&s->mtx, NULL);
        arena_init(&s->arena);
        s->table = t;
        s->index = first + k;
        s->next = t->free;
        t->free = s;
    }
    atomic_store_explicit(&t->blocks[first / CELL_BLOCK], block,
                          memory_order_release);
    atomic_store(&t->made, first + n);
    return 0;
}

struct cell *cell_get(struct attempt_table *t, int *ret_error)
{
    struct cell *s;
    int r = 0;

    (void)pthread_mutex_lock(&t->mtx);
    if (t->free == NULL)
        r = grow(t);
    s = t->free;
    if (s != NULL) {
        t->free = s->next;
        atomic_fetch_add_explicit(&t->used, 1, memory_order_relaxed);
    }
    (void)pthread_mutex_unlock(&t->mtx);
    if (s == NULL) {
        *ret_error = r;
        return NULL;
    }
    atomic_store_explicit(&s->refs, 2, memory_order_relaxed);
    return s;
}

void cell_open(struct cell *s, int64_t deadline_boot_ms)
{
    struct attempt_table *t = s->table;

    (void)atomic_fetch_add_explicit(&t->open, 1, memory_order_relaxed);
    (void)pthread_mutex_lock(&s->mtx);
    s->generation++;
    s->a.token = s->generation << CELL_INDEX_BITS | s->index;
    s->records_end = &s->a.records;
    s->followups_end = &s->a.followups;
    s->open = true;
    atomic_store_explicit(&t->deadlines[s->index], deadline_boot_ms,
                          memory_order_relaxed);
    (void)pthread_mutex_unlock(&s->mtx);
}

static struct cell *cell_at(struct attempt_table *t, uint64_t index)
{
    struct cell *block;

    if (index >= t->set.capacity)
        return NULL;
    block = atomic_load_explicit(&t->blocks[index / CELL_BLOCK],
                                 memory_order_acquire);
    return block != NULL ? &block[index % CELL_BLOCK] : NULL;
}

struct cell *cell_lock(struct attempt_table *t, uint64_t token)
{
    struct cell *s = cell_at(t, token & INDEX_MASK);

    if (s == NULL)
        return NULL;
    (void)pthread_mutex_lock(&s->mtx);
    if (s->open && s->a.token == token)
        return s;
    (void)pthread_mutex_unlock(&s->mtx);
    return NULL;
}

void cell_unlock(struct cell *s)
{
    (void)pthread_mutex_unlock(&s->mtx);
}

struct cell *cell_of(struct attempt *a)
{
    return list_of(a, struct cell, a);
}

/* Empties a cell that nobody refers to, and puts it back. */
static void cell_put(struct cell *s)
{
    struct attempt_table *t = s->table;
    struct attempt *a = &s->a;

    job_free(&a->job);
    instance_unref(&a->instance);
    arena_reset(&s->arena);
    s->refused = 0;
    *a = (struct attempt){.token = a->token};
    (void)pthread_mutex_lock(&t->mtx);
    s->next = t->free;
    t->free = s;
    atomic_fetch_sub_explicit(&t->used, 1, memory_order_relaxed);
    (void)pthread_mutex_unlock(&t->mtx);
}

void cell_unref(struct cell *s)
{
    if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1)
        cell_put(s);
}

/* ---- the end ------------------------------------------------------------- */

/* Copies text as UTF-8: bytes that are none become '?'. */
static void take_message(struct cell *s, const char *text)
{
    size_t len, at = 0, step;
    char *copy;

    if (text == NULL || text[0] == '\0')
        return;
    len = strnlen(text, MESSAGE_MAX);
    copy = arena_alloc(&s->arena, len);
    if (copy == NULL)
        return; /* the outcome is worth more than its text */
    memcpy(copy, text, len);
    for (; at < len; at += step) {
        step = utf8_step(copy + at, len - at);
        if (step == 0) {
            copy[at] = '?';
            step = 1;
        }
    }
    s->a.message = (struct span){copy, len};
}

void cell_end(struct cell *s, const struct cell_answer *answer, int64_t now_ms)
{
    struct attempt *a = &s->a;
    struct cell_answer out = *answer;

    if (out.outcome == ONTIME_DONE && s->refused != 0) {
        out.outcome = s->refused == -ENOMEM ? ONTIME_RETRY : ONTIME_FAIL;
        out.message = s->refused_why;
    }
    a->ended_by = out.by;
    a->outcome = out.outcome;
    a->retry_ms =
        out.outcome == ONTIME_RETRY && out.retry_ms > 0 ? out.retry_ms : 0;
    a->ended_ms = now_ms;
    /* Unless the plugin itself said that it has not done it. */
    if (a->started_ms > 0 &&
        (answer->by != ATTEMPT_ANSWERED || answer->outcome == ONTIME_DONE))
        a->job->redelivered = true;
    take_message(s, out.message);
    if (a->outcome != ONTIME_DONE) {
        a->records = NULL;
        a->followups = NULL;
        a->record_count = a->followup_count = 0;
        a->record_bytes = 0;
    }
    atomic_store_explicit(&s->table->deadlines[s->index], 0,
                          memory_order_relaxed);
    s->open = false;
}

void cell_hand_over(struct cell *s)
{
    struct attempt_table *t = s->table;

    instance_attempt_end(s->a.instance);
    (void)atomic_fetch_sub_explicit(&t->open, 1, memory_order_relaxed);
    t->set.ended(t->set.arg, &s->a);
}
