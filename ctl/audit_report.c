/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/audit_report.c - what an audit has found, for people and as JSON; see
 * audit.h.  Keys are not kept in the account: those of the differences are
 * looked up again, in the store and by a second run through the topic.
 */
#include "config.h"

#include "audit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "job/when.h"
#include "print.h"

struct list { /* of differences, while they are written */
    struct audit *a;
    struct buf out;
    size_t n;
    int64_t read;
};

/* ---- one difference ------------------------------------------------------ */

static void add_text(struct list *l, struct span text)
{
    if (l->a->json)
        buf_add_json(&l->out, text.data, text.len);
    else
        print_clean(&l->out, text.data, text.len, false);
}

static void add_head(struct list *l, enum account_state state, struct span key)
{
    const char *kind = account_state_names[state];

    if (l->a->json)
        buf_addf(&l->out, "%s{\"kind\":\"%s\",\"key\":", l->n > 0 ? "," : "",
                 kind);
    else
        buf_addf(&l->out, "  %-8s ", kind);
    add_text(l, key);
    l->n++;
}

static void add_job(struct list *l, const struct account_job *job)
{
    if (job->id == 0)
        return;
    buf_addf(&l->out,
             l->a->json ? ",\"jobId\":\"%" PRId64 "\",\"version\":%u"
                        : "  job %" PRId64 " version %u",
             job->id, job->version);
}

static void add_tail(struct list *l)
{
    buf_adds(&l->out, l->a->json ? "}" : "\n");
}

static void add_missing(struct list *l, const struct account_job *job)
{
    struct buf key = BUF_INIT(1 << 20);

    audit_key_of(l->a, job->id, &key);
    add_head(l, STATE_MISSING,
             (struct span){key.data != NULL ? key.data : "", key.len});
    add_job(l, job);
    add_tail(l);
    buf_done(&key);
}

static void add_place(struct list *l, const struct scan_record *rec)
{
    char at[25];

    when_format_utc(rec->timestamp_ms, at);
    buf_addf(&l->out,
             l->a->json ? ",\"partition\":%d,\"offset\":%" PRId64
                          ",\"timestamp\":\"%s\""
                        : "  partition %d offset %" PRId64 "  %s",
             (int)rec->partition, rec->offset, at);
}

/* ---- which --------------------------------------------------------------- */

static void find_missing(struct list *l)
{
    size_t cap = l->a->limit;
    struct account_job *jobs = calloc(cap + 1, sizeof(*jobs));
    size_t n = 0;

    if (jobs != NULL)
        n = account_jobs(&l->a->account, STATE_MISSING, jobs, cap);
    for (size_t i = 0; i < n; i++)
        add_missing(l, &jobs[i]);
    free(jobs);
}

static int see_record(void *arg, const struct scan_record *rec)
{
    struct list *l = arg;
    struct audit *a = l->a;
    struct account_job job;
    enum account_state state;
    struct span key;

    if (++l->read % 1024 == 0)
        audit_progress(a, "looking for them", l->read, a->size);
    if (audit_zone(a, rec->timestamp_ms) != ZONE_IN ||
        !audit_record_key(a, rec, &key))
        return 0;
    state = account_state(&a->account, key, &job);
    if (state != STATE_DOUBLED && (state != STATE_UNKNOWN || a->ignore_unknown))
        return 0;
    if (l->n >= a->limit)
        return -ECANCELED;
    add_head(l, state, a->header != NULL ? key : rec->key);
    add_place(l, rec);
    add_job(l, &job);
    add_tail(l);
    return 0;
}

static int find_all(struct list *l, struct err *err)
{
    struct audit *a = l->a;
    int r = 0;

    if (a->limit == 0)
        return 0;
    if (a->sum.missing > 0)
        find_missing(l);
    if (a->sum.doubled > 0 || (a->sum.unknown > 0 && !a->ignore_unknown))
        r = scan_run(a->scan, a->ends, see_record, l, err);
    return r == -ECANCELED ? 0 : r;
}

/* ---- the whole ----------------------------------------------------------- */

struct figure {
    const char *name, *json, *doc;
    int64_t value;
};

#define FIGURES 9

static void figures(const struct audit *a, struct figure into[FIGURES])
{
    const struct account_sum *s = &a->sum;
    const struct account *ac = &a->account;
    const struct figure all[FIGURES] = {
        {"finished", "finished", "jobs that ended with success", ac->finished},
        {"records", "records", "of jobs, committed", ac->records},
        {"missing", "missing", "finished, and no record", s->missing},
        {"doubled", "doubled", "records too many", s->doubled},
        {"unknown", "unknown", "records of no job that the store knows",
         s->unknown},
        {"ended twice", "finishedTwice", "one firing, twice in the history",
         ac->finished_twice},
        {"in flight", "inFlight", "sent, not yet finished in the store",
         s->in_flight},
        {"new", "new", "sent while this looked: too early to tell", s->fresh},
        {"others", "notOurs", "records that do not fit the pattern",
         ac->not_ours},
    };

    memcpy(into, all, sizeof(all));
}

static void print_json(struct audit *a, const struct list *l, bool clean)
{
    struct figure f[FIGURES];
    struct buf b = BUF_INIT(1 << 20);

    figures(a, f);
    buf_adds(&b, "{\"topic\":");
    buf_add_json(&b, a->topic, strlen(a->topic));
    buf_adds(&b, ",\"app\":");
    buf_add_json(&b, a->app, strlen(a->app));
    buf_adds(&b, ",\"match\":");
    buf_add_json(&b, a->pattern, strlen(a->pattern));
    for (size_t i = 0; i < FIGURES; i++)
        buf_addf(&b, ",\"%s\":%" PRId64, f[i].json, f[i].value);
    buf_addf(&b, ",\"clean\":%s,\"differences\":[", clean ? "true" : "false");
    (void)fwrite(b.data, 1, b.len, a->c->out);
    (void)fwrite(l->out.data, 1, l->out.len, a->c->out);
    (void)fputs("]}\n", a->c->out);
    buf_done(&b);
}

static void print_people(struct audit *a, const struct list *l, bool clean)
{
    FILE *out = a->c->out;
    struct figure f[FIGURES];

    figures(a, f);
    (void)fputs("topic ", out);
    print_text(out, a->topic, strlen(a->topic));
    (void)fprintf(out, ", app %s, %s ", a->app,
                  a->header != NULL ? "header" : "key");
    print_text(out, a->pattern, strlen(a->pattern));
    (void)fputc('\n', out);
    for (size_t i = 0; i < FIGURES; i++)
        (void)fprintf(out, "%-12s %12" PRId64 "  %s\n", f[i].name, f[i].value,
                      f[i].doc);
    if (l->n > 0)
        (void)fputs("differences\n", out);
    (void)fwrite(l->out.data, 1, l->out.len, out);
    if (a->limit > 0 && l->n >= a->limit)
        (void)fputs("  (there may be more: --limit N)\n", out);
    if (a->account.records == 0 && a->account.not_ours > 0)
        (void)fputs("Not one record fits the pattern: is --match right?\n",
                    out);
    (void)fputs(clean ? "clean\n" : "NOT clean\n", out);
}

int audit_report(struct audit *a, struct err *err)
{
    struct list l = {.a = a, .out = BUF_INIT((size_t)1 << 30)};
    bool clean = account_clean(&a->account, &a->sum, a->ignore_unknown);
    int r = find_all(&l, err);

    audit_progress_end(a);
    if (r == 0)
        r = buf_ok(&l.out);
    if (r < 0)
        (void)err_set(err, r, "the differences cannot be listed");
    else if (a->json)
        print_json(a, &l, clean);
    else
        print_people(a, &l, clean);
    buf_done(&l.out);
    return r;
}
