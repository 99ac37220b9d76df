/* SPDX-License-Identifier: Apache-2.0
 *
 * test_http_call_many.c - thousands of jobs against a server that fails, stalls
 * and resets at random: each is tried until it is DONE, FAILs, or has used up
 * its attempts, and nothing is left over.
 *
 * ONTIME_HTTP_JOBS=100000 makes it longer.  With ONTIME_HTTP_SPEED=1 the server
 * behaves, and the calls per second are printed.
 */
#include "config.h"

#include <dirent.h>
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "support/fakehost.h"
#include "support/httpstub.h"

#define ATTEMPTS 8
#define PATIENCE_S 200

static const struct ontime_plugin *plugin;
static struct httpstub *server;

/* A job: its token is its number plus attempts * 2^32, so that each attempt has
 * another one. */
struct job {
    unsigned attempts;
    int outcome; /* of the last attempt; -1: open */
    char message[64];
};

struct crowd {
    struct fake_host f; /* first: it is what the plugin gets as self */
    pthread_mutex_t mtx;
    pthread_cond_t answered;
    struct job *job;
    unsigned jobs, open, ended, done, dead, twice;
    unsigned *again; /* to be tried again */
    unsigned again_count;
};

static int crowd_complete(struct ontime_instance *self, ontime_token token,
                          const struct ontime_result *r)
{
    void *p = self;
    struct crowd *c = p;
    unsigned n = (unsigned)(token & UINT32_MAX);
    struct job *j = &c->job[n];
    int result = 0;

    (void)pthread_mutex_lock(&c->mtx);
    if (j->outcome != -1 || token >> 32 != j->attempts) {
        c->twice++;
        result = -ESTALE;
        goto out;
    }
    j->outcome = r->outcome;
    (void)snprintf(j->message, sizeof(j->message), "%s",
                   r->message != NULL ? r->message : "");
    c->open--;
    if (r->outcome == ONTIME_RETRY && j->attempts < ATTEMPTS)
        c->again[c->again_count++] = n;
    else
        c->ended++;
    c->done += r->outcome == ONTIME_DONE;
    (void)pthread_cond_signal(&c->answered);
out:
    (void)pthread_mutex_unlock(&c->mtx);
    return result;
}

static int crowd_cancelled(struct ontime_instance *self, ontime_token token)
{
    (void)self;
    (void)token;
    return 0;
}

/* The next job to run, or waits; -1: all have ended. */
static int64_t take(struct crowd *c, unsigned *next)
{
    struct timespec until;
    int64_t n = -1;
    int r = 0;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    (void)pthread_mutex_lock(&c->mtx);
    while (c->ended < c->jobs && r == 0) {
        if (c->again_count > 0)
            n = c->again[--c->again_count];
        else if (*next < c->jobs)
            n = (*next)++;
        if (n >= 0)
            break;
        r = pthread_cond_timedwait(&c->answered, &c->mtx, &until);
    }
    if (n >= 0) {
        c->job[n].attempts++;
        c->job[n].outcome = -1;
        c->open++;
    }
    (void)pthread_mutex_unlock(&c->mtx);
    assert_int_equal(r, 0);
    return n;
}

static void run_all(struct crowd *c)
{
    unsigned next = 0;
    int64_t n;

    while ((n = take(c, &next)) >= 0) {
        char key[32];
        struct ontime_job job = {.size = sizeof(job),
                                 .token = (uint64_t)n |
                                          (uint64_t)c->job[n].attempts << 32,
                                 .id = n,
                                 .app = "app",
                                 .payload = {"{\"a\":1}", 7},
                                 .attempt = c->job[n].attempts,
                                 .idempotency_key = key};

        (void)snprintf(key, sizeof(key), "fake-%u-1", (unsigned)n);
        assert_int_equal(plugin->execute(c->f.state, &job), ONTIME_PENDING);
    }
}

static void crowd_open(struct crowd *c, const char *path, unsigned jobs,
                       const char *timeout)
{
    static char url[100];
    const struct fake_setting settings[] = {{"url", url},
                                            {"allow_networks", "127.0.0.1"},
                                            {"timeout", timeout},
                                            {"max_in_flight", "1000"},
                                            {"traceparent", "true"},
                                            {NULL, NULL}};
    char text[200];

    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d%s",
                   httpstub_port(server), path);
    memset(c, 0, sizeof(*c));
    fake_open(&c->f, plugin, settings);
    c->f.host.complete = crowd_complete;
    c->f.host.cancelled = crowd_cancelled;
    (void)pthread_mutex_init(&c->mtx, NULL);
    (void)pthread_cond_init(&c->answered, NULL);
    c->jobs = jobs;
    c->job = calloc(jobs, sizeof(*c->job));
    c->again = calloc(jobs, sizeof(*c->again));
    assert_true(c->job != NULL && c->again != NULL);
    assert_int_equal(fake_init(&c->f, text, sizeof(text)), 0);
}

static void crowd_close(struct crowd *c)
{
    fake_close(&c->f);
    assert_null(c->f.wrong);
    fake_done(&c->f);
    (void)pthread_mutex_destroy(&c->mtx);
    (void)pthread_cond_destroy(&c->answered);
    free(c->job);
    free(c->again);
}

static unsigned descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;

    assert_non_null(d);
    while (readdir(d) != NULL)
        n++;
    (void)closedir(d);
    return n;
}

static unsigned wanted(const char *name, unsigned otherwise)
{
    const char *v = getenv(name);

    return v != NULL ? (unsigned)strtoul(v, NULL, 10) : otherwise;
}

static void every_job_ends(void **state)
{
    struct crowd c;
    unsigned before = descriptors(), failed = 0;

    (void)state;
    server = httpstub_open();
    crowd_open(&c, "/mad", wanted("ONTIME_HTTP_JOBS", 10000), "400");
    run_all(&c);
    assert_int_equal(c.ended, c.jobs);
    assert_int_equal(c.open, 0);
    assert_int_equal(c.twice, 0);
    for (unsigned i = 0; i < c.jobs; i++) {
        struct job *j = &c.job[i];

        assert_true(j->attempts >= 1 && j->attempts <= ATTEMPTS);
        assert_true(j->outcome == ONTIME_DONE || j->outcome == ONTIME_FAIL ||
                    j->attempts == ATTEMPTS);
        assert_true(strncmp(j->message, "HTTP", 4) == 0);
        if (j->outcome == ONTIME_FAIL) {
            assert_int_equal(strncmp(j->message, "HTTP 404: ", 10), 0);
            failed++;
        }
    }
    /* a half are DONE at once, most of the others later */
    assert_true(c.done > c.jobs / 2);
    assert_true(failed > 0);
    print_message("# %u jobs: %u done, %u failed, %u used up, %llu calls, "
                  "%llu connections\n",
                  c.jobs, c.done, failed, c.jobs - c.done - failed,
                  (unsigned long long)httpstub_count(server),
                  (unsigned long long)httpstub_connections(server));
    crowd_close(&c);
    httpstub_close(&server);
    assert_int_equal(descriptors(), before);
}

static void speed(void **state)
{
    struct timespec from, to;
    struct crowd c;
    double s;

    (void)state;
    if (getenv("ONTIME_HTTP_SPEED") == NULL)
        return;
    server = httpstub_open();
    crowd_open(&c, "/ok", wanted("ONTIME_HTTP_JOBS", 100000), "20000");
    (void)clock_gettime(CLOCK_MONOTONIC, &from);
    run_all(&c);
    (void)clock_gettime(CLOCK_MONOTONIC, &to);
    s = (double)(to.tv_sec - from.tv_sec) +
        (double)(to.tv_nsec - from.tv_nsec) / 1e9;
    assert_int_equal(c.done, c.jobs);
    print_message("# %.0f calls/s, %llu connections\n", c.jobs / s,
                  (unsigned long long)httpstub_connections(server));
    crowd_close(&c);
    httpstub_close(&server);
}

static int setup(void **state)
{
    const char *builddir = getenv("builddir");
    char path[400];
    void *handle;

    (void)state;
    (void)snprintf(path, sizeof(path),
                   "%s/plugins/http_call/.libs/http_call.so",
                   builddir != NULL ? builddir : ".");
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        return -1;
    plugin = dlsym(handle, "ontime_plugin");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_ends),
        cmocka_unit_test(speed),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
