/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/contract/store.c - what the parts of the suite share; see store.h.
 */
#include "config.h"

#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/slots.h"

const struct contract_backend *contract_backend;

/* The seat of a store that instances share, with all of its shards. */
static void take_seat(struct fix *f)
{
    struct store_slot all[STORE_SLOTS_MOST], now, *seen = NULL;
    struct shard_set want, got;
    struct err err = {0};
    int n = store_slots(f->x, all, STORE_SLOTS_MOST, &err);

    for (int i = 0; i < n; i++) {
        if (strcmp(all[i].owner, "contract") == 0)
            seen = &all[i];
    }
    memset(&want, 0xff, sizeof(want));
    if (n < 0 || store_claim(f->x, seen, &now, &err) < 0 ||
        store_vacate(f->x, true, &err) < 0 ||
        store_acquire(f->x, &want, STORE_SHARDS_MOST, 0, &got, &err) < 0)
        fail_msg("seat: %s", err.text);
    assert_int_equal(shard_count(&got), store_shards(f->store));
}

void fix_open(struct fix *f)
{
    struct store_settings set = {
        .instance_id = "contract",
        .cluster = "test",
        .cache_kb = 2048,
        .idempotency_ms = DAY,
        .history_ms = 30 * DAY,
        .shards = 8,
    };
    char url[128];
    struct err err;

    contract_backend->url(f->dir, url, sizeof(url));
    set.url = url;
    if (store_open(&set, &f->store, &err) < 0 ||
        store_session_open(f->store, true, &f->x, &err) < 0)
        fail_msg("open: %s", err.text);
    if (store_shared(f->store))
        take_seat(f);
    if (contract_backend->shrink != NULL)
        contract_backend->shrink(f);
}

void fix_close(struct fix *f)
{
    store_session_close(&f->x);
    store_close(&f->store);
}

void fix_reopen(struct fix *f)
{
    fix_close(f);
    fix_open(f);
}

void fix_remove(struct fix *f)
{
    DIR *d = opendir(f->dir);
    struct dirent *e;
    char path[400];

    if (contract_backend->remove != NULL)
        contract_backend->remove(f->dir);
    if (d == NULL)
        return;
    while ((e = readdir(d)) != NULL) {
        (void)snprintf(path, sizeof(path), "%s/%s", f->dir, e->d_name);
        (void)unlink(path);
    }
    (void)closedir(d);
    (void)rmdir(f->dir);
}

int contract_setup(void **state)
{
    struct fix *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    (void)snprintf(f->dir, sizeof(f->dir), "/tmp/ontime-store.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->app = app_name_s("sms");
    f->other = app_name_s("other.app");
    fix_open(f);
    *state = f;
    return 0;
}

int contract_teardown(void **state)
{
    struct fix *f = *state;

    fix_close(f);
    fix_remove(f);
    free(f);
    return 0;
}

struct span text(const char *s)
{
    return (struct span){s, s != NULL ? strlen(s) : 0};
}

struct job *fix_job(struct fix *f, const char *key, int64_t due,
                    const char *payload)
{
    const struct job_text t = {.key = text(key), .payload = text(payload)};
    struct job *j = job_new(f->app, &t);

    assert_non_null(j);
    j->due_ms = due;
    return j;
}

enum put_result fix_put(struct fix *f, struct job *j, const char *idempotency,
                        int64_t now)
{
    struct put_item item = {
        .kind = PUT_JOB, .job = j, .idempotency = text(idempotency)};
    struct put_batch b = {.items = &item, .count = 1, .now_ms = now};
    struct err err = {0};

    if (store_put(f->x, &b, &err) < 0)
        fail_msg("put: %s", err.text);
    job_free(&j);
    return item.result;
}

int64_t fix_put_id(struct fix *f, const char *key, int64_t due)
{
    struct job *j = fix_job(f, key, due, "x");
    struct put_item item = {.kind = PUT_JOB, .job = j};
    struct put_batch b = {.items = &item, .count = 1, .now_ms = T0};
    struct err err = {0};
    int64_t id;

    if (store_put(f->x, &b, &err) < 0)
        fail_msg("put: %s", err.text);
    assert_int_equal(item.result, PUT_STORED);
    id = j->id;
    assert_true(id > 0 && j->pos > 0);
    job_free(&j);
    return id;
}

void fix_put_many(struct fix *f, size_t n, int64_t due, int64_t step)
{
    struct put_item *items = calloc(n, sizeof(*items));
    struct put_batch b = {.items = items, .count = n, .now_ms = T0};
    struct err err = {0};

    assert_non_null(items);
    for (size_t i = 0; i < n; i++)
        items[i].job = fix_job(f, NULL, due + (int64_t)i * step, "many");
    if (store_put(f->x, &b, &err) < 0)
        fail_msg("put: %s", err.text);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(items[i].result, PUT_STORED);
        job_free(&items[i].job);
    }
    free(items);
}

enum put_result fix_cancel(struct fix *f, const char *key, int64_t now)
{
    struct put_item item = {
        .kind = PUT_CANCEL, .app = f->app, .key = text(key)};
    struct put_batch b = {.items = &item, .count = 1, .now_ms = now};
    struct err err = {0};

    if (store_put(f->x, &b, &err) < 0)
        fail_msg("cancel: %s", err.text);
    return item.result;
}

size_t fix_load(struct fix *f, job_pos after, int64_t until_ms, size_t cap,
                struct load_result *ret)
{
    const struct load_request q = {.after = after,
                                   .cap = cap,
                                   .until = job_pos_at(until_ms),
                                   .bytes_cap = 64 << 20};
    struct err err = {0};

    if (store_load_due(f->x, &q, ret, &err) < 0)
        fail_msg("load: %s", err.text);
    return ret->count;
}

void fix_mark_loaded(struct fix *f, int64_t until_ms)
{
    struct load_result got;

    (void)fix_load(f, 0, until_ms, SIZE_MAX, &got);
    free_jobs(&got.jobs);
}

void free_jobs(struct list *jobs)
{
    while (!list_empty(jobs)) {
        struct job *j = list_of(list_pop(jobs), struct job, link);

        job_free(&j);
    }
}

bool fix_finish(struct fix *f, struct job *j, enum outcome_kind kind,
                int64_t retry_ms, int64_t now)
{
    struct outcome o = {.job = j,
                        .kind = kind,
                        .retry_ms = retry_ms,
                        .started_ms = now - 5,
                        .finished_ms = now,
                        .error = text(kind == OUTCOME_DONE ? NULL : "no luck")};
    struct outcome *p = &o;
    struct finish_batch b = {.outcomes = &p,
                             .count = 1,
                             .now_ms = now,
                             .ledger_pos = -1,
                             .ledger_seq = -1};
    struct err err = {0};

    if (store_finish(f->x, &b, &err) < 0)
        fail_msg("finish: %s", err.text);
    return o.stale;
}

struct store_count fix_count(struct fix *f, const struct app_name *app)
{
    struct store_count c[16];
    struct err err = {0};
    int n = store_counts(f->x, c, 16, &err);

    assert_true(n >= 0);
    for (int i = 0; i < n; i++) {
        if (strcmp(c[i].app, app->text) == 0)
            return c[i];
    }
    return (struct store_count){0};
}

struct job *fix_get(struct fix *f, int64_t id)
{
    struct job *j = NULL;
    struct err err = {0};
    int r = store_get(f->x, id, &j, &err);

    if (r < 0 && err.code != -ENOENT)
        fail_msg("get: %s", err.text);
    return j;
}

struct job *fix_find(struct fix *f, const char *key)
{
    struct job *j = NULL;
    struct err err = {0};
    int r = store_find(f->x, f->app, text(key), &j, &err);

    if (r < 0 && err.code != -ENOENT)
        fail_msg("find: %s", err.text);
    return j;
}

struct wish *fix_wish(struct fix *f, int64_t after)
{
    struct list got;
    struct err err = {0};

    list_init(&got);
    if (store_wishes(f->x, after, 1, &got, &err) < 0)
        fail_msg("wishes: %s", err.text);
    if (list_empty(&got))
        return NULL;
    return list_of(list_pop(&got), struct wish, link);
}

int contract_run(const struct contract_backend *b, const struct CMUnitTest *own,
                 size_t n)
{
    struct CMUnitTest tests[128]; /* one group: one plan in TAP */
    size_t at = 0;

    contract_backend = b;
    at += tests_put(tests + at);
    at += tests_keys(tests + at);
    at += tests_look(tests + at);
    at += tests_order(tests + at);
    at += tests_change(tests + at);
    at += tests_wish(tests + at);
    at += tests_finish(tests + at);
    at += tests_many(tests + at);
    at += tests_crash(tests + at);
    assert_true(at + n <= 128);
    memcpy(tests + at, own, n * sizeof(*own));
    memset(tests + at + n, 0, (128 - at - n) * sizeof(*tests));
    return _cmocka_run_group_tests(b->name, tests, at + n, NULL, NULL);
}
