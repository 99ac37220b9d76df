/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/finisher.h - outcomes to the store in batches, word to the scheduler.
 * Commit's thread, except where it says otherwise.
 */
#ifndef ONTIME_COMMIT_FINISHER_H
#define ONTIME_COMMIT_FINISHER_H

#include "commit/commit.h"
#include "commit/work.h"

struct finisher;

struct finisher_settings {
    struct commit_settings commit;
    /* Works are in the store and told; writer's thread: make finisher_free_done
     * be called soon. */
    void (*wake)(void *arg);
    void *arg;
};

int finisher_new(const struct finisher_settings *set, struct finisher **ret);
void finisher_free(struct finisher **pf); /* after writer_close */

void finisher_take(struct finisher *f, struct work *w);
/* Submits what is due to go; true when it did something. */
bool finisher_turn(struct finisher *f, int64_t now_ns);
/* Frees what the store has confirmed; how many works, and how many of those
 * came out of transactions. */
size_t finisher_free_done(struct finisher *f, size_t *ret_exact);
/* When finisher_turn has something to do by time alone; INT64_MAX: never. */
int64_t finisher_next_ns(const struct finisher *f);

#endif
