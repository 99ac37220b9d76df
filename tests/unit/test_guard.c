/* SPDX-License-Identifier: Apache-2.0
 *
 * test_guard.c - whom a plugin may call: names and addresses.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include <cmocka.h>

#include "common/guard.h"

static struct guard *with(const struct guard_rules *rules)
{
    struct guard *g;
    char text[200] = "";

    if (guard_open(&g, rules, text, sizeof(text)) != 0)
        fail_msg("%s", text);
    return g;
}

static bool allowed(const struct guard *g, const char *text)
{
    struct sockaddr_storage at = {0};
    struct sockaddr_in *in = (void *)&at;
    struct sockaddr_in6 *in6 = (void *)&at;

    if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
        at.ss_family = AF_INET;
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
        at.ss_family = AF_INET6;
    }
    return guard_address(g, (const struct sockaddr *)&at);
}

static void only_public_addresses(void **state)
{
    static const char *const closed[] = {
        "127.0.0.1",
        "127.9.9.9",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "198.18.0.1",
        "::",
        "::1",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.1.2.3",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "2001:0:1:2::3",
        "::7f00:1",
        "2001:db8::1",
        "fec0::1",
        "64:ff9b:1::1",
    };
    static const char *const open[] = {
        "1.1.1.1",          "172.32.0.1",      "11.0.0.1",
        "192.167.1.1",      "100.128.0.1",     "8.8.8.8",
        "2606:4700::1111",  "::ffff:8.8.8.8",  "2002:808:808::",
        "64:ff9b::808:808", "223.255.255.254",
    };
    const struct guard_rules none = {0};
    struct guard *g = with(&none);
    struct sockaddr_un local = {.sun_family = AF_UNIX};

    (void)state;
    for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++)
        if (allowed(g, closed[i]))
            fail_msg("%s is allowed", closed[i]);
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
        if (!allowed(g, open[i]))
            fail_msg("%s is not allowed", open[i]);
    assert_false(guard_address(g, (const struct sockaddr *)&local));
    guard_close(&g);
    assert_null(g);
}

static void networks(void **state)
{
    const struct guard_rules rules = {
        .allow_networks = "10.1.0.0/16, ::1 192.168.1.4/31",
        .deny_networks = "10.1.2.0/24,8.8.8.8 2606::/16"};
    struct guard *g = with(&rules);

    (void)state;
    assert_true(allowed(g, "10.1.0.1"));
    assert_true(allowed(g, "::ffff:10.1.0.1"));
    assert_true(allowed(g, "::1"));
    assert_true(allowed(g, "192.168.1.5"));
    assert_false(allowed(g, "192.168.1.6"));
    assert_false(allowed(g, "10.2.0.1"));
    assert_false(allowed(g, "10.1.2.3"));
    assert_false(allowed(g, "8.8.8.8"));
    assert_false(allowed(g, "64:ff9b::808:808"));
    assert_false(allowed(g, "2606:4700::1"));
    assert_true(allowed(g, "8.8.4.4"));
    guard_close(&g);
}

static void names(void **state)
{
    const struct guard_rules rules = {.allow_hosts =
                                          "api.example.com *.example.org",
                                      .deny_hosts = "bad.example.org"};
    const struct guard_rules none = {0};
    struct guard *g = with(&rules);

    (void)state;
    assert_true(guard_host(g, "api.example.com"));
    assert_true(guard_host(g, "API.Example.COM."));
    assert_true(guard_host(g, "a.b.example.org"));
    assert_false(guard_host(g, "example.org"));
    assert_false(guard_host(g, "badexample.org"));
    assert_false(guard_host(g, "bad.example.org"));
    assert_false(guard_host(g, "bad.example.org."));
    assert_false(guard_host(g, "x.example.com"));
    assert_false(guard_host(g, ""));
    guard_close(&g);
    g = with(&none);
    assert_true(guard_host(g, "anything"));
    guard_close(&g);
}

static void nonsense_is_refused(void **state)
{
    static const char *const nets[] = {"10.0.0.0/33", "::/129",    "1.2.3",
                                       "10.0.0.0/",   "1.1.1.1/x", "::/-1"};
    static const char *const hosts[] = {"*", "a*b", "a/b", "*.", "u@h"};
    struct guard *g;
    char text[100];

    (void)state;
    for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++) {
        const struct guard_rules r = {.deny_networks = nets[i]};

        assert_int_equal(guard_open(&g, &r, text, sizeof(text)), -EINVAL);
        assert_non_null(strstr(text, nets[i]));
        assert_null(g);
    }
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        const struct guard_rules r = {.allow_hosts = hosts[i]};

        assert_int_equal(guard_open(&g, &r, text, sizeof(text)), -EINVAL);
        assert_non_null(strstr(text, "allow_hosts"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_public_addresses),
        cmocka_unit_test(networks),
        cmocka_unit_test(names),
        cmocka_unit_test(nonsense_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
