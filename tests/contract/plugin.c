/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/contract/plugin.c - what every plugin must do, tried on each that is
 * built, with a host that checks what it is given: bad settings are refused
 * with a text, results are valid, payloads of any kind have an outcome, close
 * leaves nothing (under a sanitizer: no leak, no thread).
 */
#include "config.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/fakehost.h"

struct subject {
    const char *file;
    const struct fake_setting *settings; /* that init needs; NULL: none */
};

static const struct fake_setting for_settings[] = {{"text", "x"}, {NULL, NULL}};
static const struct fake_setting for_hang[] = {{"release", "/"}, {NULL, NULL}};

static const struct fake_setting for_http[] = {
    {"url", "http://127.0.0.1:1/{{a?}}"},
    {"body", "{\"a\": {{a?}}}"},
    {"allow_networks", "127.0.0.0/8"},
    {NULL, NULL}};

static const struct fake_setting for_dummy[] = {{"sleep", "1"}, {NULL, NULL}};
static const struct fake_setting for_redis[] = {
    {"key", "q"}, {"socket", "/nowhere"}, {NULL, NULL}};
static const struct fake_setting for_payment[] = {
    {"gateway_url", "http://127.0.0.1:1"},
    {"secret", "0123456789abcdef"},
    {"allow_networks", "127.0.0.0/8"},
    {NULL, NULL}};

/* What is good, or breaks a rule only towards the real host's limits. */
static const struct subject subjects[] = {
    {"plugins/sms_retry/.libs/sms_retry.so", NULL},
    {"plugins/http_call/.libs/http_call.so", for_http},
    {"plugins/payment/.libs/payment.so", for_payment},
    {"plugins/sms/.libs/sms.so", NULL},
    {"plugins/sipcall/.libs/sipcall.so", NULL},
    {"plugins/payment_gateway/.libs/payment_gateway.so", NULL},
    {"plugins/log/.libs/log.so", NULL},
    {"plugins/redis_queue/.libs/redis_queue.so", for_redis},
    {"plugins/dummy/.libs/dummy.so", for_dummy},
    {"tests/fixtures/.libs/fix_good.so", NULL},
    {"tests/fixtures/.libs/fix_good2.so", NULL},
    {"tests/fixtures/.libs/fix_serial.so", NULL},
    {"tests/fixtures/.libs/fix_log.so", NULL},
    {"tests/fixtures/.libs/fix_full.so", NULL},
    {"tests/fixtures/.libs/fix_thread.so", NULL},
    {"tests/fixtures/.libs/fix_flood.so", NULL},
    {"tests/fixtures/.libs/fix_after.so", NULL},
    {"tests/fixtures/.libs/fix_crash.so", NULL},
    {"tests/fixtures/.libs/fix_hang.so", for_hang},
    {"tests/fixtures/.libs/fix_settings.so", for_settings},
};

static const struct ontime_plugin *load(const char *file)
{
    const char *builddir = getenv("builddir");
    char path[400];
    void *handle;

    (void)snprintf(path, sizeof(path), "%s/%s",
                   builddir != NULL ? builddir : ".", file);
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL); /* stays: for reports */
    if (handle == NULL)
        fail_msg("%s", dlerror());
    return dlsym(handle, "ontime_plugin");
}

static void the_descriptor_is_whole(const struct ontime_plugin *p)
{
    assert_non_null(p);
    assert_int_equal(p->abi >> 16, ONTIME_ABI_MAJOR);
    assert_true(p->size >= sizeof(*p));
    assert_non_null(p->name);
    assert_non_null(p->version);
    assert_non_null(p->text);
    assert_true(p->text[0] != '\0');
    for (const struct ontime_setting *s = p->settings;
         s != NULL && s->name != NULL; s++)
        assert_true(s->text != NULL && s->text[0] != '\0');
}

/* A payload of each kind that may come; every one has an outcome. */
static void any_payload_has_an_outcome(struct fake_host *f)
{
    static const char *const payloads[] = {
        NULL,
        "",
        "{}",
        "[]",
        "null",
        "42",
        "\"text\"",
        "{",
        "\xff\xfe",
        "{\"campaignTaskId\":12345}",
        "{\"a\":{\"b\":[1,2,{\"c\":null}]}}",
    };
    char *big = malloc(1u << 20);

    assert_non_null(big);
    memset(big, '[', (1u << 20) - 1);
    big[(1u << 20) - 1] = '\0';
    for (size_t i = 0; i <= sizeof(payloads) / sizeof(payloads[0]); i++) {
        bool last = i == sizeof(payloads) / sizeof(payloads[0]);
        int outcome;

        if (last && strcmp(f->plugin->name, "fix_hang") == 0)
            break; /* it takes payloads for files */
        if (strcmp(f->plugin->name, "fix_hang") == 0 && payloads[i] != NULL &&
            payloads[i][0] != '\0')
            continue;
        outcome = fake_run(f, last ? big : payloads[i]);
        if (outcome < ONTIME_DONE || outcome > ONTIME_FAIL)
            fail_msg("%s: outcome %d", f->plugin->name, outcome);
        if (f->wrong != NULL)
            fail_msg("%s: %s", f->plugin->name, f->wrong);
        assert_true(f->retry_ms >= 0);
    }
    free(big);
}

/* Two instances at once share nothing; both close. */
static void instances_are_apart(const struct subject *s,
                                const struct ontime_plugin *p)
{
    struct fake_host a, b;
    char text[256];

    fake_open(&a, p, s->settings);
    fake_open(&b, p, s->settings);
    assert_int_equal(fake_init(&a, text, sizeof(text)), 0);
    assert_int_equal(fake_init(&b, text, sizeof(text)), 0);
    assert_true(a.state == NULL || a.state != b.state);
    any_payload_has_an_outcome(&a);
    fake_close(&a);
    any_payload_has_an_outcome(&b);
    fake_close(&b);
    fake_done(&a);
    fake_done(&b);
}

/* init and close alone, several times. */
static void comes_and_goes(const struct subject *s,
                           const struct ontime_plugin *p)
{
    char text[256];

    for (int i = 0; i < 5; i++) {
        struct fake_host f;

        fake_open(&f, p, s->settings);
        assert_int_equal(fake_init(&f, text, sizeof(text)), 0);
        fake_close(&f);
        assert_int_equal(f.stale, 0);
        fake_done(&f);
    }
}

static void every_plugin_keeps_the_contract(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
        const struct ontime_plugin *p = load(subjects[i].file);

        the_descriptor_is_whole(p);
        comes_and_goes(&subjects[i], p);
        instances_are_apart(&subjects[i], p);
    }
}

/* A refusal has a reason within the room for it, and leaves no state. */
static void refusals_have_a_text(void **state)
{
    static const struct fake_setting bad[] = {{"topic", "no topic!"},
                                              {NULL, NULL}};
    static const struct {
        const char *file;
        const struct fake_setting *settings;
    } cases[] = {
        {"plugins/sms_retry/.libs/sms_retry.so", bad},
        {"plugins/sms/.libs/sms.so", bad},
        {"tests/fixtures/.libs/fix_init_fail.so", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fake_host f;
        char text[32];

        fake_open(&f, load(cases[i].file), cases[i].settings);
        assert_true(fake_init(&f, text, sizeof(text)) < 0);
        assert_true(text[0] != '\0');
        assert_non_null(memchr(text, '\0', sizeof(text)));
        assert_null(f.state);
        fake_done(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_plugin_keeps_the_contract),
        cmocka_unit_test(refusals_have_a_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
