/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/contract/store.h - the suite that every backend of the store passes,
 * and what its parts share.  A backend's own program (store_sqlite.c) says how
 * to reach it and runs contract_run().
 *
 * Time is made up by the tests: they begin at T0.
 */
#ifndef ONTIME_TESTS_CONTRACT_STORE_H
#define ONTIME_TESTS_CONTRACT_STORE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store.h"

#define T0 INT64_C(1800000000000)
#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)

struct fix;

struct contract_backend {
    const char *name;
    /* The url of a store that is kept in dir. */
    void (*url)(const char *dir, char *ret, size_t size);
    /* Makes another instance the owner of slot 0, behind our back. */
    void (*usurp)(const char *dir);
    /* How many rows there are of live jobs. */
    int64_t (*count_rows)(const char *dir);
    /* Makes a store's buffers so small that all of its machinery runs. */
    void (*shrink)(struct fix *f);
    /* What the directory's own end does not end; may be NULL. */
    void (*remove)(const char *dir);
    bool by_day; /* history goes by whole days */
    bool slow;   /* to open */
    /* Leaves no free position in the millisecond, without jobs there. */
    void (*fill_ms)(const char *dir, int64_t ms);
};
extern const struct contract_backend *contract_backend; /* set by main */

struct fix { /* one test's store */
    char dir[64];
    struct store *store;
    struct store_session *x;
    const struct app_name *app, *other;
};

int contract_setup(void **state);
int contract_teardown(void **state);
void fix_open(struct fix *f);
void fix_close(struct fix *f);
void fix_reopen(struct fix *f);
void fix_remove(struct fix *f);

/* A job of f->app with a text as payload (NULL: none). */
struct job *fix_job(struct fix *f, const char *key, int64_t due,
                    const char *payload);
/* Puts one job and frees it; what became of it. */
enum put_result fix_put(struct fix *f, struct job *j, const char *idempotency,
                        int64_t now);
/* Puts it and tells its id, which must be new. */
int64_t fix_put_id(struct fix *f, const char *key, int64_t due);
/* n jobs without keys, due as told. */
void fix_put_many(struct fix *f, size_t n, int64_t due, int64_t step);
enum put_result fix_cancel(struct fix *f, const char *key, int64_t now);

/* Loads up to cap jobs due before until_ms; they are the caller's. */
size_t fix_load(struct fix *f, job_pos after, int64_t until_ms, size_t cap,
                struct load_result *ret);
/* Raises the loaded mark to until_ms, forgetting the jobs. */
void fix_mark_loaded(struct fix *f, int64_t until_ms);
void free_jobs(struct list *jobs);

/* Ends one attempt; whether the outcome was stale. */
bool fix_finish(struct fix *f, struct job *j, enum outcome_kind kind,
                int64_t retry_ms, int64_t now);
struct store_count fix_count(struct fix *f, const struct app_name *app);
/* The live job, or NULL. */
struct job *fix_get(struct fix *f, int64_t id);
struct job *fix_find(struct fix *f, const char *key);
/* The first undecided wish after a number, the caller's; or NULL. */
struct wish *fix_wish(struct fix *f, int64_t after);
struct span text(const char *s);

/* Each copies its tests there and returns how many. */
size_t tests_put(struct CMUnitTest *into);
size_t tests_keys(struct CMUnitTest *into);
size_t tests_look(struct CMUnitTest *into);
size_t tests_order(struct CMUnitTest *into);
size_t tests_change(struct CMUnitTest *into);
size_t tests_wish(struct CMUnitTest *into);
size_t tests_finish(struct CMUnitTest *into);
size_t tests_many(struct CMUnitTest *into);
size_t tests_crash(struct CMUnitTest *into);

/* Runs the suite and the backend's own n tests. */
int contract_run(const struct contract_backend *b, const struct CMUnitTest *own,
                 size_t n);

#define contract_test(f)                                                       \
    cmocka_unit_test_setup_teardown(f, contract_setup, contract_teardown)

#endif
