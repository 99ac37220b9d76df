/* SPDX-License-Identifier: Apache-2.0
 *
 * base/inbox.h - a bounded mailbox: many threads put, one thread takes.
 *
 * Letters are intrusive (struct list inside the letter), so putting never
 * allocates.  The bound counts weights (a letter with 500 jobs may weigh 500).
 */
#ifndef ONTIME_BASE_INBOX_H
#define ONTIME_BASE_INBOX_H

#include "base/list.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* What a letter may begin with when its taker reads several kinds. */
struct letter {
    struct list link;
    int kind; /* the taker's own numbering, set by its posting function */
};

struct inbox {
    pthread_mutex_t mtx; /* shared: all below, under mtx */
    pthread_cond_t wake; /* the taker: there is a letter, or closed */
    pthread_cond_t room; /* inbox_put_wait: there is room, or closed */
    struct list letters;
    size_t count;
    size_t weight;    /* above capacity only by inbox_post */
    unsigned waiting; /* threads in inbox_put_wait */
    size_t capacity;
    bool closed;
    int wake_fd; /* set at init: eventfd to poll(2) on, or -1 */
};

/* With with_fd the taker may poll(2) inbox.wake_fd instead of waiting: it is
 * readable while there are letters or the box is closed, and inbox_take() is
 * what makes it unreadable again; nobody else reads it.  0 or -errno. */
int inbox_init(struct inbox *b, size_t capacity, bool with_fd);
void inbox_done(struct inbox *b); /* must be empty */

/* 0; -EAGAIN when full, -EPIPE when closed: the caller keeps the letter.
 * An empty inbox takes one letter of any weight. */
int inbox_put(struct inbox *b, struct list *letter, size_t weight);
/* As inbox_put but above the bound too: for letters whose number is bounded
 * elsewhere (answers to the taker's own requests). -EPIPE when closed. */
int inbox_post(struct inbox *b, struct list *letter, size_t weight);
/* Waits until there is room for weight, or closed (-EPIPE). */
int inbox_put_wait(struct inbox *b, struct list *letter, size_t weight);

/*
 * Moves all letters to *into (which keeps what it has), and returns how many
 * were moved.  Waits up to timeout_ms (0: not at all, -1: until there is
 * something or the box is closed).  -EPIPE when closed and empty.  Letters of
 * one sender keep their order.  One thread at a time.
 */
int inbox_take(struct inbox *b, struct list *into, int timeout_ms);

/* From now on puts fail; what is inside can still be taken.  Any thread, any
 * number of times. */
void inbox_close(struct inbox *b);

#endif
