/* SPDX-License-Identifier: Apache-2.0
 *
 * ingest/batch.c - items and the moves that cover them; see batch.h.
 */
#include "config.h"

#include "ingest/batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct batch *batch_new(void)
{
    struct batch *b = calloc(1, sizeof(*b));

    if (b == NULL)
        return NULL;
    list_init(&b->link);
    b->soonest_ms = INT64_MAX;
    return b;
}

void batch_free(struct batch **pb)
{
    struct batch *b = *pb;

    *pb = NULL;
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->count; i++)
        job_free(&b->items[i].job);
    free(b->items);
    free(b->positions);
    free(b);
}

/* Makes room for one more element; -ENOMEM leaves *pat as it was. */
static int grow(void **pat, size_t size, size_t count, size_t *cap,
                size_t first)
{
    size_t more = *cap == 0 ? first : *cap * 2;
    void *grown;

    if (count < *cap)
        return 0;
    grown = realloc(*pat, more * size);
    if (grown == NULL)
        return -ENOMEM;
    *pat = grown;
    *cap = more;
    return 0;
}

static bool find_move(struct batch *b, int32_t partition)
{
    if (b->position_count > 0 && b->positions[b->last].partition == partition)
        return true;
    for (size_t i = 0; i < b->position_count; i++) {
        if (b->positions[i].partition == partition) {
            b->last = i;
            return true;
        }
    }
    return false;
}

int batch_reserve(struct batch *b, const struct batch_where *w,
                  int32_t partition, int64_t from)
{
    void *items = b->items, *positions = b->positions;
    int r = grow(&items, sizeof(*b->items), b->count, &b->cap, 64);

    b->items = items;
    if (r < 0 || find_move(b, partition))
        return r;
    r = grow(&positions, sizeof(*b->positions), b->position_count,
             &b->position_cap, 8);
    b->positions = positions;
    if (r < 0)
        return r;
    b->last = b->position_count++;
    b->positions[b->last] = (struct store_position){
        .cluster = w->cluster,
        .source = w->source,
        .topic = w->topic,
        .partition = partition,
        .from = from,
        .next = from,
    };
    return 1;
}

void batch_take(struct batch *b, int64_t offset, const struct put_item *item)
{
    b->positions[b->last].next = offset + 1;
    b->taken++;
    if (item == NULL)
        return;
    b->items[b->count++] = *item;
    if (item->job == NULL)
        return;
    b->bytes += job_size(item->job);
    if (item->job->due_ms < b->soonest_ms)
        b->soonest_ms = item->job->due_ms;
}

void batch_settle(struct batch *b, struct list *into, struct batch_counts *ret)
{
    *ret = (struct batch_counts){0};
    for (size_t i = 0; i < b->count; i++) {
        struct put_item *it = &b->items[i];

        switch (it->result) {
        case PUT_STORED:
        case PUT_REPLACED:
            ret->stored++;
            list_push(into, &it->job->link);
            it->job = NULL;
            continue;
        case PUT_WISHED:
            ret->wished++;
            break;
        case PUT_DUPLICATE:
            ret->duplicate++;
            break;
        case PUT_CANCELED:
        case PUT_ABSENT:
        case PUT_REFUSED:
            ret->other++;
            break;
        }
        job_free(&it->job);
    }
    b->count = 0;
}
