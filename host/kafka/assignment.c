/* SPDX-License-Identifier: Apache-2.0
 *
 * kafka/assignment.c - the partitions of one consumer; see assignment.h.
 *
 * The consumer's thread only.
 */
#include "config.h"

#include "kafka/assignment.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "kafka/rdconf.h"

#define ASK_MS 5000   /* how long one question to a broker may take */
#define REPAIR_MS 200 /* between tries to find a partition's place */
#define HURRY_MS 20   /* between hurries */
#define HURRY_ASK_MS 200

int assignment_init(struct assignment *a, const char *topic,
                    const struct consumer_events *events, void *arg,
                    struct err *err)
{
    a->events = *events;
    a->arg = arg;
    a->topic = strdup(topic);
    return a->topic != NULL ? 0 : err_sys(err, ENOMEM, "consumer");
}

void assignment_done(struct assignment *a)
{
    free(a->topic);
    free(a->parts);
    *a = (struct assignment){0};
}

static struct part *find(const struct assignment *a, int32_t partition)
{
    for (size_t i = 0; i < a->count; i++)
        if (a->parts[i].id == partition)
            return &a->parts[i];
    return NULL;
}

/* ---- taking over and giving up ---------------------------------------------- */

static struct part *part_new(struct assignment *a, int32_t partition)
{
    struct part *p = find(a, partition);

    if (p == NULL && a->count == a->cap) {
        size_t cap = a->cap == 0 ? 8 : a->cap * 2;
        struct part *grown = realloc(a->parts, cap * sizeof(*grown));

        if (grown == NULL)
            return NULL;
        a->parts = grown;
        a->cap = cap;
    }
    if (p == NULL)
        p = &a->parts[a->count++];
    *p = (struct part){.id = partition, .next = -1};
    return p;
}

static void part_drop(struct assignment *a, int32_t partition)
{
    struct part *p = find(a, partition);

    if (p != NULL)
        *p = a->parts[--a->count];
}

static int error_of(rd_kafka_error_t *e, const char *what, struct err *err)
{
    int r = 0;

    if (e != NULL)
        r = err_again(err, rdconf_errno(rd_kafka_error_code(e)), "%s: %s", what,
                      rd_kafka_error_string(e));
    rd_kafka_error_destroy(e);
    return r;
}

static bool cooperative(const struct assignment *a)
{
    const char *protocol = rd_kafka_rebalance_protocol(a->rk);

    return protocol != NULL && strcmp(protocol, "COOPERATIVE") == 0;
}

static int change(struct assignment *a,
                  const rd_kafka_topic_partition_list_t *list, bool add,
                  struct err *err)
{
    const char *what = add ? "assign" : "unassign";
    rd_kafka_resp_err_t code;

    if (cooperative(a))
        return error_of(add ? rd_kafka_incremental_assign(a->rk, list)
                            : rd_kafka_incremental_unassign(a->rk, list),
                        what, err);
    code = rd_kafka_assign(a->rk, add ? list : NULL);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    return err_again(err, rdconf_errno(code), "%s: %s", what,
                     rd_kafka_err2str(code));
}

/* Where to start, for librdkafka; what we cannot know yet waits, paused. */
static int64_t first_offset(struct assignment *a, struct part *p,
                            struct err *err)
{
    int64_t next = -1;

    if (a->events.assigned != NULL &&
        a->events.assigned(a->arg, p->id, &next, err) < 0) {
        p->unset = true;
        return RD_KAFKA_OFFSET_BEGINNING;
    }
    p->next = next;
    return next >= 0 ? next : RD_KAFKA_OFFSET_INVALID;
}

static void hold(struct assignment *a, bool pause,
                 bool (*which)(const struct part *p))
{
    rd_kafka_topic_partition_list_t *l =
        rd_kafka_topic_partition_list_new((int)a->count + 1);

    for (size_t i = 0; i < a->count; i++)
        if (which(&a->parts[i]))
            rd_kafka_topic_partition_list_add(l, a->topic, a->parts[i].id);
    if (l->cnt > 0 && pause)
        (void)rd_kafka_pause_partitions(a->rk, l);
    else if (l->cnt > 0)
        (void)rd_kafka_resume_partitions(a->rk, l);
    rd_kafka_topic_partition_list_destroy(l);
}

static bool is_any(const struct part *p)
{
    return p->id >= 0;
}

static bool is_held(const struct part *p)
{
    return p->unset || p->stopped;
}

static bool is_readable(const struct part *p)
{
    return !p->unset && !p->stopped;
}

int assignment_add(struct assignment *a, rd_kafka_topic_partition_list_t *list,
                   struct err *err)
{
    struct err why = {0};
    bool unset = false;
    int r;

    for (int i = 0; i < list->cnt; i++) {
        struct part *p = part_new(a, list->elems[i].partition);

        if (p == NULL)
            return err_sys(err, ENOMEM, "partitions");
        list->elems[i].offset = first_offset(a, p, &why);
        unset = unset || p->unset;
    }
    r = change(a, list, true, err);
    if (r < 0)
        return r;
    if (a->paused)
        hold(a, true, is_any);
    else if (unset)
        hold(a, true, is_held);
    if (!unset)
        return 0;
    a->repair_ms = clock_boot_ms() + REPAIR_MS;
    if (err != NULL)
        *err = why;
    return why.code;
}

int assignment_remove(struct assignment *a,
                      const rd_kafka_topic_partition_list_t *list,
                      struct err *err)
{
    bool lost = rd_kafka_assignment_lost(a->rk) != 0;

    for (int i = 0; i < list->cnt; i++) {
        int32_t id = list->elems[i].partition;

        if (a->events.revoked != NULL && find(a, id) != NULL)
            a->events.revoked(a->arg, id, lost);
        part_drop(a, id);
    }
    return change(a, list, false, err);
}

/* ---- where a partition stands ------------------------------------------------- */

bool assignment_take(struct assignment *a, int32_t partition, int64_t offset)
{
    struct part *p = find(a, partition);

    if (p == NULL || p->unset || p->lost || p->adrift || p->stopped ||
        offset < p->next)
        return false;
    p->next = offset + 1;
    return true;
}

void assignment_lost_place(struct assignment *a, int32_t partition)
{
    struct part *p = find(a, partition);

    if (p == NULL || p->unset || p->stopped)
        return;
    p->lost = true;
    a->repair_ms = 0;
}

static int seek_raw(struct assignment *a, int32_t partition, int64_t offset,
                    struct err *err)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_error_t *e;
    rd_kafka_resp_err_t code;

    rd_kafka_topic_partition_list_add(l, a->topic, partition)->offset = offset;
    e = rd_kafka_seek_partitions(a->rk, l, ASK_MS);
    code = e != NULL ? rd_kafka_error_code(e) : l->elems[0].err;
    rd_kafka_error_destroy(e);
    rd_kafka_topic_partition_list_destroy(l);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    return err_again(err, rdconf_errno(code), "seek in %s[%d]: %s", a->topic,
                     (int)partition, rd_kafka_err2str(code));
}

int assignment_seek(struct assignment *a, int32_t partition, int64_t next,
                    struct err *err)
{
    struct part *p = find(a, partition);
    int r = 0;

    if (p == NULL)
        return err_set(err, -ENOENT, "%s[%d] is not assigned", a->topic,
                       (int)partition);
    if (!p->lost) /* or the repair will tell librdkafka */
        r = seek_raw(a, partition, next, err);
    if (r < 0)
        return r;
    p->next = next;
    p->adrift = false;
    return 0;
}

/* The group's committed offset, or the first one. */
static int group_offset(struct assignment *a, int32_t partition, int64_t *ret,
                        struct err *err)
{
    rd_kafka_topic_partition_list_t *l = rd_kafka_topic_partition_list_new(1);
    rd_kafka_resp_err_t code;
    int r = 0;

    rd_kafka_topic_partition_list_add(l, a->topic, partition);
    code = rd_kafka_committed(a->rk, l, ASK_MS);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        r = err_again(err, rdconf_errno(code), "committed offset of %s[%d]: %s",
                      a->topic, (int)partition, rd_kafka_err2str(code));
    else
        *ret = l->elems[0].offset >= 0 ? l->elems[0].offset
                                       : RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_topic_partition_list_destroy(l);
    return r;
}

static int repair_unset(struct assignment *a, struct part *p, struct err *err)
{
    int64_t next = -1, at;
    int r = a->events.assigned(a->arg, p->id, &next, err);

    at = next;
    if (r >= 0 && next < 0)
        r = group_offset(a, p->id, &at, err);
    if (r >= 0)
        r = seek_raw(a, p->id, at, err);
    if (r < 0)
        return r;
    p->next = next;
    p->unset = false;
    return 0;
}

/* Without a stored position and a committed offset: the first one.  With a
 * position that the log does not have: the caller decides. */
static int find_lost(struct assignment *a, struct part *p, struct err *err)
{
    int64_t low = 0, high = 0;
    rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
        a->rk, a->topic, p->id, &low, &high, ASK_MS);

    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return err_again(err, rdconf_errno(code), "bounds of %s[%d]: %s",
                         a->topic, (int)p->id, rd_kafka_err2str(code));
    if (p->next < 0) {
        p->next = low;
    } else if (p->next < low || p->next > high) {
        int64_t at = a->events.out_of_range != NULL
                         ? a->events.out_of_range(a->arg, p->id, low, high)
                         : low;

        p->stopped = at < 0;
        p->next = at < 0 ? p->next : at;
    }
    p->lost = false;
    return 0;
}

/* After an error librdkafka does not fetch the partition any more, and a seek
 * does not change that: it must be assigned again.  In the eager protocol that
 * means all of them; messages that come twice are known by their offsets. */
static int restart(struct assignment *a, struct part *const *which, size_t n,
                   struct err *err)
{
    rd_kafka_topic_partition_list_t *l =
        rd_kafka_topic_partition_list_new((int)a->count + 1);
    bool some = cooperative(a);
    int r = 0;

    for (size_t i = 0; i < (some ? n : a->count); i++) {
        const struct part *p = some ? which[i] : &a->parts[i];

        rd_kafka_topic_partition_list_add(l, a->topic, p->id)->offset =
            p->unset       ? RD_KAFKA_OFFSET_BEGINNING
            : p->next >= 0 ? p->next
                           : RD_KAFKA_OFFSET_INVALID;
    }
    if (some)
        r = change(a, l, false, err);
    if (r == 0)
        r = change(a, l, true, err);
    rd_kafka_topic_partition_list_destroy(l);
    hold(a, true, a->paused ? is_any : is_held);
    return r;
}

static int repair_lost(struct assignment *a, struct err *err)
{
    struct part **found = calloc(a->count + 1, sizeof(struct part *));
    size_t n = 0;
    int r = 0;

    if (found == NULL)
        return err_sys(err, ENOMEM, "partitions");
    for (size_t i = 0; i < a->count && r == 0; i++) {
        if (!a->parts[i].lost || a->parts[i].unset)
            continue;
        r = find_lost(a, &a->parts[i], err);
        if (r == 0)
            found[n++] = &a->parts[i];
    }
    if (n > 0) {
        int again = restart(a, found, n, err);

        for (size_t i = 0; i < n && again < 0; i++)
            found[i]->lost = true;
        r = r < 0 ? r : again;
    }
    free(found);
    return r;
}

static int repair_each(struct assignment *a, struct err *err)
{
    bool found = false;
    int r = 0;

    for (size_t i = 0; i < a->count && r >= 0; i++) {
        struct part *p = &a->parts[i];

        if (p->unset) {
            r = repair_unset(a, p, err);
            found = found || r >= 0;
        } else if (p->adrift) {
            r = seek_raw(a, p->id, p->next, err);
            p->adrift = r < 0;
        }
    }
    if (found && !a->paused)
        hold(a, false, is_readable);
    return r;
}

int assignment_repair(struct assignment *a, struct err *err)
{
    bool wanting = false, lost = false;
    int64_t now;
    int r;

    for (size_t i = 0; i < a->count; i++) {
        wanting = wanting || a->parts[i].unset || a->parts[i].adrift;
        lost = lost || a->parts[i].lost;
    }
    if (!wanting && !lost)
        return 0;
    now = clock_boot_ms();
    if (now < a->repair_ms)
        return -EAGAIN;
    a->repair_ms = now + REPAIR_MS;
    r = wanting ? repair_each(a, err) : 0;
    if (r >= 0 && lost)
        r = repair_lost(a, err);
    return r;
}

int64_t assignment_lag(const struct assignment *a)
{
    int64_t sum = 0;

    for (size_t i = 0; i < a->count; i++) {
        const struct part *p = &a->parts[i];
        int64_t low, high;

        if (rd_kafka_get_watermark_offsets(a->rk, a->topic, p->id, &low,
                                           &high) !=
                RD_KAFKA_RESP_ERR_NO_ERROR ||
            high < 0 || p->next < 0)
            return -1;
        sum += high > p->next ? high - p->next : 0;
    }
    return sum;
}

/*
 * When the fetch queue is full, librdkafka 2.0 lets the broker's thread sleep
 * for up to a second, however fast the queue drains (a setting for it,
 * fetch.queue.backoff.ms, came later).  Any request to that broker wakes it, so
 * when half is gone and the log has more, ask for something small.
 */
void assignment_hurry(struct assignment *a, size_t queued)
{
    int64_t low, high, now;

    if (queued > a->queue_peak)
        a->queue_peak = queued;
    if (a->paused || queued > a->queue_peak / 2)
        return;
    now = clock_boot_ms();
    if (now - a->hurry_ms < HURRY_MS)
        return;
    a->hurry_ms = now;
    a->queue_peak = queued;
    for (size_t i = 0; i < a->count; i++) {
        struct part *p = &a->parts[a->hurry_turn++ % a->count];

        if (rd_kafka_get_watermark_offsets(a->rk, a->topic, p->id, &low,
                                           &high) ==
                RD_KAFKA_RESP_ERR_NO_ERROR &&
            high > p->next + (int64_t)queued) {
            (void)rd_kafka_query_watermark_offsets(a->rk, a->topic, p->id, &low,
                                                   &high, HURRY_ASK_MS);
            return;
        }
    }
}

/* After a pause librdkafka would go on behind what it has handed out, as far as
 * it knows; we know better. */
void assignment_pause(struct assignment *a, bool pause)
{
    if (a->paused == pause)
        return;
    a->paused = pause;
    if (pause) {
        hold(a, true, is_any);
        return;
    }
    for (size_t i = 0; i < a->count; i++) {
        struct part *p = &a->parts[i];

        if (is_readable(p) && p->next >= 0)
            p->adrift = seek_raw(a, p->id, p->next, NULL) < 0;
    }
    hold(a, false, is_readable);
}
