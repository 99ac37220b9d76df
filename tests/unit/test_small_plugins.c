/* SPDX-License-Identifier: Apache-2.0
 *
 * test_small_plugins.c - sms, sipcall, payment_gateway, log and dummy.
 */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "support/fakehost.h"

static const struct ontime_plugin *load(const char *name)
{
    const char *builddir = getenv("builddir");
    char path[400];
    void *handle;

    (void)snprintf(path, sizeof(path), "%s/plugins/%s/.libs/%s.so",
                   builddir != NULL ? builddir : ".", name, name);
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* stays: for reports */
    if (handle == NULL)
        fail_msg("%s", dlerror());
    return dlsym(handle, "ontime_plugin");
}

static void open_host(struct fake_host *f, const char *name,
                      const struct fake_setting *settings)
{
    char text[200];

    fake_open(f, load(name), settings);
    assert_int_equal(fake_init(f, text, sizeof(text)), 0);
}

static void close_host(struct fake_host *f)
{
    fake_close(f);
    assert_null(f->wrong);
    fake_done(f);
}

struct emit_case {
    const char *payload;
    const char *key, *value; /* key NULL: it fails, value is in the message */
};

static void emits(const char *name, const char *topic,
                  const struct emit_case *cases, size_t count)
{
    struct fake_host f;

    open_host(&f, name, NULL);
    for (size_t i = 0; i < count; i++) {
        const struct emit_case *c = &cases[i];
        int outcome = fake_run(&f, c->payload);

        if (c->key == NULL) {
            if (outcome != ONTIME_FAIL || strstr(f.message, c->value) == NULL)
                fail_msg("%s: %d, %s", c->payload, outcome, f.message);
            assert_int_equal(f.record_count, 0);
            continue;
        }
        assert_int_equal(outcome, ONTIME_DONE);
        assert_int_equal(f.record_count, 1);
        assert_string_equal(f.records[0].topic, topic);
        assert_string_equal(f.records[0].key, c->key);
        assert_string_equal(f.records[0].value, c->value);
    }
    close_host(&f);
}

#define TIMES                                                                  \
    ",\"scheduledTime\":\"2025-11-13 15:40:00\","                              \
    "\"actualTime\":\"2025-11-13 15:40:02\",\"jobId\":1}"

static void sms(void **state)
{
    static const struct emit_case cases[] = {
        {"{\"phoneNumber\":\"+1\",\"message\":\"Hi \\\"you\\\" \\u00e9\","
         "\"senderId\":\"me\",\"more\":1}",
         "+1",
         "{\"phoneNumber\":\"+1\",\"message\":\"Hi \\\"you\\\" \\u00e9\","
         "\"senderId\":\"me\"" TIMES},
        {"{\"message\":\"x\",\"phoneNumber\":12345678901234567890}",
         "12345678901234567890",
         "{\"phoneNumber\":12345678901234567890,\"message\":\"x\"" TIMES},
        {"{\"phoneNumber\":\"+1\"}", NULL, "message is missing"},
        {"{\"phoneNumber\":\"\",\"message\":\"x\"}", NULL, "phoneNumber must"},
        {"{\"phoneNumber\":[],\"message\":\"x\"}", NULL, "phoneNumber must"},
        {"{\"phoneNumber\":\"+1\",\"message\":\"x\",\"senderId\":true}", NULL,
         "senderId must"},
        {"[1]", NULL, "jobData cannot be read"},
        {NULL, NULL, "jobData cannot be read"},
    };

    (void)state;
    emits("sms", "SMS_Send", cases, sizeof(cases) / sizeof(cases[0]));
}

static void sipcall(void **state)
{
    static const struct emit_case cases[] = {
        {"{\"callTo\":\"+1\",\"callFrom\":\"+2\",\"duration\":60,"
         "\"callType\":\"VOICE\"}",
         "+1",
         "{\"callTo\":\"+1\",\"callFrom\":\"+2\",\"duration\":60,"
         "\"callType\":\"VOICE\"" TIMES},
        {"{\"callTo\":\"+1\",\"callFrom\":\"+2\"}", NULL,
         "duration is missing"},
        {"{\"callTo\":\"+1\",\"callFrom\":\"+2\",\"duration\":-1}", NULL,
         "duration must"},
        {"{\"callTo\":\"+1\",\"callFrom\":\"+2\",\"duration\":1.5}", NULL,
         "duration must"},
        {"{\"callTo\":\"+1\",\"callFrom\":\"+2\",\"duration\":\"1m\"}", NULL,
         "duration must"},
    };

    (void)state;
    emits("sipcall", "SIP_Call", cases, sizeof(cases) / sizeof(cases[0]));
}

static void payment_gateway(void **state)
{
    static const struct emit_case cases[] = {
        {"{\"accountId\":\"a\",\"amount\":\"12.50\",\"currency\":\"EUR\","
         "\"merchantId\":\"m\"}",
         "a",
         "{\"accountId\":\"a\",\"amount\":\"12.50\",\"currency\":\"EUR\","
         "\"transactionType\":\"PAYMENT\",\"merchantId\":\"m\"" TIMES},
        {"{\"accountId\":\"a\",\"amount\":0.1,\"currency\":\"EUR\"}", "a",
         "{\"accountId\":\"a\",\"amount\":0.1,\"currency\":\"EUR\","
         "\"transactionType\":\"PAYMENT\"" TIMES},
        {"{\"accountId\":\"a\",\"amount\":\"1.001\",\"currency\":\"EUR\"}",
         NULL, "amount has more digits"},
        {"{\"accountId\":\"a\",\"currency\":\"EUR\"}", NULL, "amount"},
        {"{\"accountId\":\"a\",\"amount\":\"1\",\"currency\":\"ABC\"}", NULL,
         "currency is none"},
    };

    (void)state;
    emits("payment_gateway", "Payment_Orders", cases,
          sizeof(cases) / sizeof(cases[0]));
}

static void log_lines(void **state)
{
    static const struct fake_setting bad[] = {{"level", "loud"}, {NULL, NULL}};
    static const struct fake_setting few[] = {{"max_bytes", "8"}, {NULL, NULL}};
    struct fake_host f;
    char text[100];

    (void)state;
    open_host(&f, "log", NULL);
    assert_int_equal(fake_run(&f, "{\"a\":\n1}"), ONTIME_DONE);
    assert_string_equal(f.last_log, "job=1 attempt=1 key= data={\"a\":\\x0a1}");
    close_host(&f);
    open_host(&f, "log", few);
    assert_int_equal(fake_run(&f, "0123456789"), ONTIME_DONE);
    assert_string_equal(f.last_log, "job=1 attempt=1 key= data=01234...");
    close_host(&f);
    fake_open(&f, load("log"), bad);
    assert_int_equal(fake_init(&f, text, sizeof(text)), -EINVAL);
    assert_non_null(strstr(text, "level"));
    fake_done(&f);
}

static int64_t now_ms(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void dummies_sleep(void **state)
{
    static const struct fake_setting settings[] = {{"sleep", "30"},
                                                   {NULL, NULL}};
    static const struct {
        const char *payload;
        int outcome, ms;
        const char *message;
    } cases[] = {
        {NULL, ONTIME_DONE, 30, "slept 30 ms"},
        {"{}", ONTIME_DONE, 30, "slept 30 ms"},
        {"{\"sleepMs\":80}", ONTIME_DONE, 80, "slept 80 ms"},
        {"{\"sleepMs\":0,\"outcome\":\"retry\",\"message\":\"m\"}",
         ONTIME_RETRY, 0, "m"},
        {"{\"sleepMs\":0,\"outcome\":\"fail\"}", ONTIME_FAIL, 0, "slept 0 ms"},
        {"{\"sleepMs\":-1}", ONTIME_FAIL, 0, "sleepMs must"},
        {"{\"sleepMs\":86400001}", ONTIME_FAIL, 0, "at most"},
        {"{\"outcome\":\"well\"}", ONTIME_FAIL, 0, "outcome must"},
        {"junk", ONTIME_FAIL, 0, "jobData: "},
    };
    struct fake_host f;

    (void)state;
    open_host(&f, "dummy", settings);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t from = now_ms();

        assert_int_equal(fake_run(&f, cases[i].payload), cases[i].outcome);
        assert_true(now_ms() - from >= cases[i].ms);
        assert_non_null(strstr(f.message, cases[i].message));
    }
    close_host(&f);
}

/* execute comes back at once, many sleep together, and close does not wait. */
static void dummies_do_not_block(void **state)
{
    struct fake_host f;
    int64_t from = now_ms();

    (void)state;
    open_host(&f, "dummy", NULL);
    for (unsigned i = 0; i < 20000; i++) {
        const char *payload = i % 3 == 0   ? "{\"sleepMs\":60000}"
                              : i % 3 == 1 ? "{\"sleepMs\":70000}"
                                           : "{\"sleepMs\":60001}";
        const struct ontime_job job = {.size = sizeof(job),
                                       .token = i + 1,
                                       .app = "app",
                                       .payload = {payload, strlen(payload)},
                                       .attempt = 1,
                                       .idempotency_key = "k"};

        assert_int_equal(f.plugin->execute(f.state, &job), ONTIME_PENDING);
    }
    close_host(&f);
    assert_true(now_ms() - from < 30000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sms),
        cmocka_unit_test(sipcall),
        cmocka_unit_test(payment_gateway),
        cmocka_unit_test(log_lines),
        cmocka_unit_test(dummies_sleep),
        cmocka_unit_test(dummies_do_not_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
