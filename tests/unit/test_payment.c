/* SPDX-License-Identifier: Apache-2.0
 *
 * test_payment.c - the plugin payment against a gateway that is told what to
 * answer: what is asked, what is paid, and what is never shown.
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

#include "payment/payment.h"
#include "support/fakehost.h"
#include "support/httpstub.h"

#define SECRET "0123456789abcdef-hmac"
#define ORDER                                                                  \
    "{\"accountId\":\"4111111111111111\",\"amount\":\"12.5\","                 \
    "\"currency\":\"EUR\",\"merchantId\":\"m-7\"}"
#define SUM ",\"amount\":\"12.50\",\"currency\":\"EUR\"}"
#define PAID "{\"status\":\"succeeded\",\"id\":\"p-1\"" SUM
#define UNKNOWN "{\"status\":\"unknown\"}"
#define ASK "GET /v1/operations/k-1\n"
#define PAY "POST /v1/payments\n"

static const struct ontime_plugin *plugin;
static struct httpstub *server;
static struct fake_host host;
static char heads[4096];

static int run(const char *payload, unsigned attempt, int redelivered)
{
    static ontime_token token = 10;
    const struct ontime_job job = {
        .size = sizeof(job),
        .token = ++token,
        .id = 1,
        .app = "pay",
        .payload = {payload, strlen(payload)},
        .attempt = attempt,
        .redelivered = redelivered,
        .idempotency_key = "k-1",
    };
    int outcome;

    httpstub_heads(server, heads, sizeof(heads));
    outcome = fake_run_job(&host, &job);
    httpstub_heads(server, heads, sizeof(heads));
    assert_null(host.wrong);
    if (strstr(host.message, "411111111111") != NULL ||
        strstr(host.message, SECRET) != NULL)
        fail_msg("shown: %s", host.message);
    return outcome;
}

static void message_has(const char *part)
{
    if (strstr(host.message, part) == NULL)
        fail_msg("no \"%s\" in: %s", part, host.message);
}

static void the_first_attempt_pays(void **state)
{
    char got[4096];

    (void)state;
    httpstub_say(server, 201, PAID);
    assert_int_equal(run(ORDER, 1, 0), ONTIME_DONE);
    assert_string_equal(heads, PAY);
    message_has("PAYMENT 12.50 EUR, id p-1");
    httpstub_last(server, got, sizeof(got));
    assert_non_null(strstr(got, "\r\nIdempotency-Key: k-1\r\n"));
    assert_non_null(strstr(got, "\r\nX-Key-Id: id-1\r\n"));
    assert_non_null(strstr(got, "\r\nX-Timestamp: 1763048402\r\n"));
    assert_non_null(strstr(
        got, "\r\n\r\n{\"transactionType\":\"PAYMENT\","
             "\"accountId\":\"4111111111111111\",\"amount\":\"12.50\","
             "\"currency\":\"EUR\",\"merchantId\":\"m-7\",\"capture\":true}"));
    assert_null(strstr(got, SECRET));
}

static void later_attempts_ask_first(void **state)
{
    (void)state;
    httpstub_say(server, 200, PAID);
    assert_int_equal(run(ORDER, 2, 0), ONTIME_DONE);
    assert_string_equal(heads, ASK);
    httpstub_say(server, 200, PAID);
    assert_int_equal(run(ORDER, 1, 1), ONTIME_DONE);
    assert_string_equal(heads, ASK);
    httpstub_say(server, 404, UNKNOWN);
    httpstub_say(server, 201, PAID);
    assert_int_equal(run(ORDER, 1, 1), ONTIME_DONE);
    assert_string_equal(heads, ASK PAY);
    /* a 404 of somebody else is no answer of the gateway */
    httpstub_say(server, 404, "not here");
    assert_int_equal(run(ORDER, 1, 1), ONTIME_RETRY);
    assert_string_equal(heads, ASK);
    httpstub_say(server, 500, "");
    assert_int_equal(run(ORDER, 3, 0), ONTIME_RETRY);
    assert_string_equal(heads, ASK);
    httpstub_say(server, 0, "");
    assert_int_equal(run(ORDER, 3, 0), ONTIME_RETRY);
    assert_string_equal(heads, ASK);
}

/* The order may have come through: it is asked for, and not sent again. */
static void a_lost_answer_is_asked_for(void **state)
{
    static const int how[] = {0, -1, 500, 503, 408, 200};

    (void)state;
    for (size_t i = 0; i < sizeof(how) / sizeof(how[0]); i++) {
        httpstub_say(server, how[i], "");
        httpstub_say(server, 200, PAID);
        assert_int_equal(run(ORDER, 1, 0), ONTIME_DONE);
        assert_string_equal(heads, PAY ASK);
    }
    httpstub_say(server, 0, "");
    httpstub_say(server, 404, UNKNOWN);
    assert_int_equal(run(ORDER, 1, 0), ONTIME_RETRY);
    assert_string_equal(heads, PAY ASK);
    message_has("outcome unknown");
    httpstub_say(server, 0, "");
    httpstub_say(server, 0, "");
    assert_int_equal(run(ORDER, 1, 0), ONTIME_RETRY);
    assert_string_equal(heads, PAY ASK);
}

static void answers_have_their_outcomes(void **state)
{
    static const struct {
        int status;
        const char *body;
        int outcome;
        const char *message;
    } cases[] = {
        {200, "{\"status\":\"declined\",\"reason\":\"no cover\"}", ONTIME_FAIL,
         "declined: no cover"},
        {402, "{\"status\":\"declined\"}", ONTIME_FAIL, "declined"},
        {202, "{\"status\":\"pending\"}", ONTIME_RETRY, "at work"},
        {200, "{\"status\":\"authorized\"" SUM, ONTIME_RETRY, "at work"},
        {409, "", ONTIME_RETRY, "409"},
        {429, "", ONTIME_RETRY, "429"},
        {401, "", ONTIME_RETRY, "401"},
        {400, "{\"reason\":\"card 4111 1111-1111 1111\"}", ONTIME_FAIL,
         "400: card **** ****-**** 1111"},
        {422, "", ONTIME_FAIL, "422"},
        {200,
         "{\"status\":\"succeeded\",\"amount\":\"12.51\","
         "\"currency\":\"EUR\"}",
         ONTIME_FAIL, "another sum"},
        {200,
         "{\"status\":\"succeeded\",\"amount\":\"12.50\","
         "\"currency\":\"USD\"}",
         ONTIME_FAIL, "another sum"},
        {200, "{\"status\":\"succeeded\",\"amount\":12.5,\"currency\":\"EUR\"}",
         ONTIME_DONE, "PAYMENT 12.50 EUR"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        httpstub_say(server, cases[i].status, cases[i].body);
        assert_int_equal(run(ORDER, 1, 0), cases[i].outcome);
        assert_string_equal(heads, PAY);
        message_has(cases[i].message);
    }
}

static void authorize_and_capture(void **state)
{
    static const char sum[] = "{\"status\":\"authorized\",\"id\":\"a/1\"" SUM;

    (void)state;
    httpstub_say(server, 201, sum);
    assert_int_equal(run("{\"accountId\":7,\"amount\":12.50,"
                         "\"currency\":\"EUR\","
                         "\"transactionType\":\"AUTHORIZE\"}",
                         1, 0),
                     ONTIME_DONE);
    message_has("AUTHORIZE 12.50 EUR, id a/1");
    httpstub_say(server, 200, PAID);
    assert_int_equal(run("{\"accountId\":7,\"amount\":12.50,"
                         "\"currency\":\"EUR\",\"authorizationId\":\"a/1\","
                         "\"transactionType\":\"CAPTURE\"}",
                         1, 0),
                     ONTIME_DONE);
    assert_string_equal(heads, "POST /v1/payments/a%2F1/capture\n");
}

/* With a reference the key is of the order, not of the job; it is asked for. */
static void a_reference_makes_the_key(void **state)
{
    (void)state;
    httpstub_say(server, 200, PAID);
    assert_int_equal(run("{\"accountId\":7,\"amount\":\"12.50\","
                         "\"currency\":\"EUR\",\"merchantId\":\"m\","
                         "\"reference\":\"o 1\"}",
                         1, 0),
                     ONTIME_DONE);
    assert_string_equal(heads, "GET /v1/operations/m%3Ao%201%3APAYMENT\n");
}

static void bad_orders_fail_without_a_call(void **state)
{
#define REST "\"currency\":\"EUR\"}"
    static const struct {
        const char *payload, *message;
    } cases[] = {
        {"{}", "accountId is missing"},
        {"[]", "jobData cannot be read"},
        {"{\"accountId\":\"a\",\"amount\":\"1\"}", "currency is missing"},
        {"{\"accountId\":\"a\"," REST, "amount is missing"},
        {"{\"accountId\":\"a\",\"amount\":\"1.234\"," REST, "more digits"},
        {"{\"accountId\":\"a\",\"amount\":\"0.00\"," REST, "must not be zero"},
        {"{\"accountId\":\"a\",\"amount\":\"-1\"," REST, "must be a decimal"},
        {"{\"accountId\":\"a\",\"amount\":1e3," REST, "must be a decimal"},
        {"{\"accountId\":\"a\",\"amount\":\"1,5\"," REST, "must be a decimal"},
        {"{\"accountId\":\"a\",\"amount\":true," REST, "must be a decimal"},
        {"{\"accountId\":\"a\",\"amount\":\"1\",\"currency\":\"EURO\"}",
         "currency is none"},
        {"{\"accountId\":\"a\",\"amount\":\"1.5\",\"currency\":\"JPY\"}",
         "more digits"},
        {"{\"accountId\":\"a\\nb\",\"amount\":\"1\"," REST, "accountId must"},
        {"{\"accountId\":\"a\",\"amount\":\"1\",\"transactionType\":\"X\"," REST,
         "transactionType must"},
        {"{\"accountId\":\"a\",\"amount\":\"1\","
         "\"transactionType\":\"CAPTURE\"," REST,
         "authorizationId is missing"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(run(cases[i].payload, 1, 0), ONTIME_FAIL);
        assert_string_equal(heads, "");
        message_has(cases[i].message);
    }
}

static void amounts_are_whole_numbers(void **state)
{
    static const struct {
        const char *text;
        int digits, result;
        int64_t minor;
        const char *printed;
    } cases[] = {
        {"12.5", 2, 0, 1250, "12.50"},
        {"0.01", 2, 0, 1, "0.01"},
        {"100", 0, 0, 100, "100"},
        {"1.234", 3, 0, 1234, "1.234"},
        {"9999999999999999.99", 2, 0, INT64_C(999999999999999999),
         "9999999999999999.99"},
        {"99999999999999999.99", 2, -ERANGE, 0, NULL},
        {"1.0", 0, -ERANGE, 0, NULL},
        {"01", 2, -EINVAL, 0, NULL},
        {"1.", 2, -EINVAL, 0, NULL},
        {".5", 2, -EINVAL, 0, NULL},
        {"", 2, -EINVAL, 0, NULL},
        {"1 ", 2, -EINVAL, 0, NULL},
        {"+1", 2, -EINVAL, 0, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[MONEY_TEXT];
        int64_t minor = 0;

        assert_int_equal(money_read(cases[i].text, strlen(cases[i].text),
                                    cases[i].digits, &minor),
                         cases[i].result);
        if (cases[i].result < 0)
            continue;
        assert_int_equal(minor, cases[i].minor);
        money_print(minor, cases[i].digits, text);
        assert_string_equal(text, cases[i].printed);
    }
    assert_int_equal(money_digits("EUR"), 2);
    assert_int_equal(money_digits("BDT"), 2);
    assert_int_equal(money_digits("JPY"), 0);
    assert_int_equal(money_digits("KWD"), 3);
    assert_int_equal(money_digits("CLF"), 4);
    assert_int_equal(money_digits("XXX"), -EINVAL);
    assert_int_equal(money_digits("eur"), -EINVAL);
    assert_int_equal(money_digits("R U"), -EINVAL);
    assert_int_equal(money_digits(""), -EINVAL);
}

/* Against what `openssl dgst -sha256 -hmac` says of the canonical text. */
static void the_signature_is_the_documented_one(void **state)
{
    const struct signable what = {
        .method = "POST",
        .path = "/v1/payments",
        .key = "k-1",
        .body = "{}",
        .body_len = 2,
        .timestamp = 1763048402,
    };
    struct text out = {0};

    (void)state;
    assert_int_equal(sign(&out, SECRET, &what), 0);
    assert_string_equal(
        out.at,
        "v1=a7f17c286feb7f2bd9ce60c514711f4f7abf17af242d9d2ac8b42203b8ffb8f7");
    text_free(&out);
}

static void numbers_are_masked(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"4111111111111111", "************1111"},
        {"a 4111-1111-1111-1111.", "a ****-****-****-1111."},
        {"order 12345678901", "order 12345678901"},
        {"1 2", "1 2"},
        {"x\n4111111111111", "x\\x0a*********1111"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct text out = {0};

        mask_add(&out, cases[i].text, strlen(cases[i].text), 100);
        assert_string_equal(out.at != NULL ? out.at : "", cases[i].want);
        text_free(&out);
    }
}

static void bad_settings_are_refused(void **state)
{
    static const struct {
        const char *name, *value, *text;
    } cases[] = {
        {"gateway_url", "pay.test", "gateway_url"},
        {"gateway_url", "https://pay.test/?a=b", "gateway_url"},
        {"secret", "short", "16 characters"},
        {"key_id", "a\nb", "one line"},
        {"allow_networks", "x", "allow_networks"},
        {"ca_file", "/nowhere/ca", "cannot be read"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct fake_setting settings[] = {
            {cases[i].name, cases[i].value},
            {"gateway_url", "https://pay.test/v1"},
            {"secret", SECRET},
            {NULL, NULL}};
        struct fake_host f;
        char text[200];

        fake_open(&f, plugin, settings);
        assert_int_equal(fake_init(&f, text, sizeof(text)), -EINVAL);
        assert_non_null(strstr(text, cases[i].text));
        fake_done(&f);
    }
}

static int setup(void **state)
{
    static char url[100];
    static const struct fake_setting settings[] = {
        {"gateway_url", url}, {"secret", SECRET},
        {"key_id", "id-1"},   {"allow_networks", "127.0.0.1"},
        {"timeout", "300"},   {NULL, NULL}};
    const char *builddir = getenv("builddir");
    char text[400];
    void *handle;

    (void)state;
    (void)snprintf(text, sizeof(text), "%s/plugins/payment/.libs/payment.so",
                   builddir != NULL ? builddir : ".");
    handle = dlopen(text, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        return -1;
    plugin = dlsym(handle, "ontime_plugin");
    server = httpstub_open();
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1/",
                   httpstub_port(server));
    fake_open(&host, plugin, settings);
    return fake_init(&host, text, sizeof(text));
}

static int teardown(void **state)
{
    (void)state;
    fake_close(&host);
    fake_done(&host);
    httpstub_close(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_attempt_pays),
        cmocka_unit_test(later_attempts_ask_first),
        cmocka_unit_test(a_lost_answer_is_asked_for),
        cmocka_unit_test(answers_have_their_outcomes),
        cmocka_unit_test(authorize_and_capture),
        cmocka_unit_test(a_reference_makes_the_key),
        cmocka_unit_test(bad_orders_fail_without_a_call),
        cmocka_unit_test(amounts_are_whole_numbers),
        cmocka_unit_test(the_signature_is_the_documented_one),
        cmocka_unit_test(numbers_are_masked),
        cmocka_unit_test(bad_settings_are_refused),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
