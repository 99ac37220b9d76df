/* SPDX-License-Identifier: Apache-2.0
 *
 * store/tenure.c - what belongs to an earlier tenure; see tenure.h.
 */
#include "config.h"

#include "store/tenure.h"

#include <errno.h>
#include <stdlib.h>

bool tenure_is_past(const struct writer_request *r, uint32_t tenure)
{
    if (r->kind == WRITE_LOAD || r->kind == WRITE_DECIDE)
        return r->tenure != tenure;
    for (size_t i = 0; r->kind == WRITE_RUNNING && i < r->running.count; i++)
        if (r->running.jobs[i]->tenure != tenure)
            return true;
    return false;
}

static size_t mark_stale(struct finish_batch *b, uint32_t tenure)
{
    size_t n = 0;

    for (size_t i = 0; i < b->count; i++) {
        bool stale = b->outcomes[i]->job->tenure != tenure;

        b->outcomes[i]->stale = stale;
        n += stale;
    }
    return n;
}

int tenure_finish(struct store_session *x, struct finish_batch *b,
                  uint32_t tenure, struct err *err)
{
    size_t stale = mark_stale(b, tenure);
    struct finish_batch fresh;
    int r;

    if (b->ledger_pos >= 0 && b->ledger_tenure != tenure)
        b->ledger_pos = b->ledger_seq = -1;
    fresh = *b;
    if (stale == 0)
        return store_finish(x, b, err);
    if (stale == b->count)
        return 0;
    fresh.outcomes = calloc(b->count - stale, sizeof(struct outcome *));
    if (fresh.outcomes == NULL)
        return err_again(err, -ENOMEM, "outcomes");
    fresh.count = 0;
    for (size_t i = 0; i < b->count; i++)
        if (!b->outcomes[i]->stale)
            fresh.outcomes[fresh.count++] = b->outcomes[i];
    r = store_finish(x, &fresh, err);
    free(fresh.outcomes);
    return r;
}
