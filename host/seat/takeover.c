/* SPDX-License-Identifier: Apache-2.0
 *
 * seat/takeover.c - what a dead instance left is recovered and freed; see
 * seat.h.  Hand's thread, on a session of its own.  A crash in any step is
 * another death of the same slot; each step can be done again.
 */
#include "config.h"

#include "seat/internal.h"

#include <errno.h>

static void keep_alive(struct seat *s, int32_t slot, int64_t epoch)
{
    pthread_mutex_lock(&s->mtx);
    s->recovering = (struct beat){slot, epoch};
    pthread_mutex_unlock(&s->mtx);
}

static int recover(struct seat *s, struct store_session *x,
                   const struct store_slot *slot, struct err *err)
{
    if (!slot->ledger_used || s->set.recover == NULL)
        return 0;
    return s->set.recover(s->set.arg, x, slot, err);
}

int seat_take_over(struct seat *s, const struct store_slot *slot)
{
    struct store_session *x = NULL;
    struct store_slot got;
    struct err err = {0};
    int r = store_session_open(s->set.store, true, &x, &err);

    if (r == 0)
        r = store_claim(x, slot, &got, &err);
    if (r == 0) {
        log_info("seat", LOG_EVENT("takeover_begins"),
                 LOG_INT("slot", got.slot), LOG_STR("of", slot->owner),
                 LOG_INT("epoch", got.epoch));
        keep_alive(s, got.slot, got.epoch);
        r = recover(s, x, &got, &err);
        if (r == 0)
            r = store_vacate(x, false, &err);
    }
    keep_alive(s, STORE_NO_SLOT, 0);
    store_session_close(&x);
    if (r < 0 && r != -ESTALE)
        log_warn("seat", LOG_EVENT("takeover_failed"),
                 LOG_INT("slot", slot->slot), LOG_ERR(&err));
    if (r == 0) {
        metric_add(s->m_takeovers, 1);
        log_info("seat", LOG_EVENT("takeover_done"),
                 LOG_INT("slot", slot->slot));
    }
    return r;
}
