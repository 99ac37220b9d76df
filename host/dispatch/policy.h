/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch/policy.h - what an app's configuration says about its attempts:
 * how long, how often, how late.  Immutable, reference counted: an attempt
 * keeps the policy it was started under.
 */
#ifndef ONTIME_DISPATCH_POLICY_H
#define ONTIME_DISPATCH_POLICY_H

#include "conf/conf.h"
#include "job/backoff.h"
#include "plug/attempt.h"

#include <stdatomic.h>

enum misfire { MISFIRE_FIRE, MISFIRE_SKIP, MISFIRE_WITHIN };

struct policy {
    atomic_uint refs;
    struct backoff backoff;
    enum misfire misfire;
    int64_t late_ms;      /* later than this is a misfire (SKIP, WITHIN) */
    int64_t timeout_ms;   /* 0: none */
    unsigned concurrency; /* open attempts at once; 0: no limit */
    double rate, burst;
    bool track_running;
    bool exactly_once;                     /* delivery; dispatch sets it */
    const struct topic_name *dead_letters; /* NULL: none */
};

/* overdue_after_ms: lateness that misfire = "skip" still forgives. NULL: no memory. */
struct policy *policy_new(const struct conf_app *conf,
                          int64_t overdue_after_ms);
struct policy *policy_ref(struct policy *p);
void policy_unref(struct policy **pp);

bool policy_skips(const struct policy *p, const struct job *job,
                  int64_t now_ms);
/* Fills a->decision from its outcome. */
void policy_decide(const struct policy *p, struct attempt *a);

#endif
