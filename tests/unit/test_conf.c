/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_conf.c - conf/conf: where values come from and which wins.
 */
#include "config.h"

#include "conf/conf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conf_load.h"

static void defaults(void **state)
{
    struct loaded l = LOAD("apps.a.plugin=p", "sources.s.enabled=true");
    const struct conf *c = l.c;

    (void)state;
    assert_int_equal(l.r, 0);
    assert_string_equal(l.report, "");
    assert_string_equal(c->kafka_bootstrap_servers, "localhost:9092");
    assert_int_equal(c->sched_window_jobs, 100000);
    assert_int_equal(c->sched_window_ahead_ms, 60000);
    assert_int_equal(c->sched_window_bytes, 64 << 20);
    assert_int_equal(c->commit_linger_ms, 20);
    assert_int_equal(c->store_idempotency_ms, 24 * 3600 * 1000);
    assert_int_equal(c->store_history_ms, 30 * INT64_C(86400000));
    assert_int_equal(c->dispatch_workers, 0);
    assert_true(strlen(c->instance_id) > 0);
    assert_int_equal(c->kafka_common.count, 0);
    loaded_done(&l);
}

/* The defaults of the documents that this service replaces. */
static void defaults_of_a_source(void **state)
{
    struct loaded l = LOAD("sources.s.enabled=true");
    const struct conf_source *s = conf_find_source(l.c, "s");

    (void)state;
    assert_non_null(s);
    assert_string_equal(s->topic, "scheduler.jobs.ingest");
    assert_string_equal(s->dlq_topic, "scheduler.jobs.dlq");
    assert_string_equal(s->group_id, "infinite-scheduler-ingest");
    assert_int_equal(s->max_poll_records, 500);
    assert_int_equal(s->poll_timeout_ms, 1000);
    assert_int_equal(s->max_retries, 3);
    assert_false(s->enable_auto_commit);
    assert_true(s->enabled);
    assert_null(conf_find_source(l.c, "t"));
    loaded_done(&l);
}

static void defaults_of_an_app(void **state)
{
    struct loaded l =
        LOAD("apps.a.plugin=p", "store.idempotency=1h", "sources.s.app=a");
    const struct conf_app *a = conf_find_app(l.c, "a");

    (void)state;
    assert_non_null(a);
    assert_string_equal(a->plugin, "p");
    assert_string_equal(a->delivery, "");
    assert_string_equal(a->misfire, "fire");
    assert_int_equal(a->timeout_ms, 30000);
    assert_int_equal(a->max_attempts, 5);
    assert_int_equal(a->backoff_first_ms, 1000);
    assert_true(a->backoff_factor > 1.99 && a->backoff_factor < 2.01);
    assert_int_equal(a->backoff_cap_ms, 3600000);
    assert_int_equal(a->backoff_table_len, 0);
    assert_true(a->enabled);
    assert_int_equal(l.c->store_idempotency_ms, 3600000);
    assert_null(conf_find_app(l.c, "b"));
    loaded_done(&l);
}

static void what_is_shipped_serves_the_sms_topics(void **state)
{
    char path[500];
    struct loaded l =
        load_file(in_tree(path, sizeof(path), "etc/scheduler.cfg"), NULL);
    const struct conf_source *s;
    const struct conf_app *a;

    (void)state;
    assert_string_equal(l.report, "");
    assert_int_equal(l.r, 0);
    s = conf_find_source(l.c, "sms_retry");
    a = conf_find_app(l.c, "sms_retry");
    assert_non_null(s);
    assert_non_null(a);
    assert_string_equal(s->topic, "SMS_Retry");
    assert_string_equal(s->dlq_topic, "SMS_Retry_DLQ");
    assert_string_equal(s->group_id, "sms-retry-scheduler");
    assert_string_equal(s->app, "sms_retry");
    assert_string_equal(s->time_field, "retryTime");
    assert_string_equal(a->plugin, "sms_retry");
    assert_int_equal(a->setting_count, 1);
    assert_string_equal(a->settings[0].name, "topic");
    assert_string_equal(a->settings[0].value, "SMS_Send");
    assert_int_equal(a->max_attempts, 6);
    s = conf_find_source(l.c, "ingest");
    assert_non_null(s);
    assert_string_equal(s->topic, "scheduler.jobs.ingest");
    assert_string_equal(s->dlq_topic, "scheduler.jobs.dlq");
    loaded_done(&l);
}

static void check_full_app(const struct conf_app *a)
{
    assert_non_null(a);
    assert_string_equal(a->plugin, "sms_retry");
    assert_true(a->rate > 2.49 && a->rate < 2.51);
    assert_int_equal(a->timeout_ms, 0);
    assert_int_equal(a->misfire_ms, 7200000);
    assert_true(a->track_running);
    assert_int_equal(a->setting_count, 6);
    assert_string_equal(a->settings[1].value, "9007199254740993");
    assert_int_equal(a->settings[1].kind, 'i');
    assert_string_equal(a->settings[2].value, "0.1");
    assert_int_equal(a->settings[2].kind, 'f');
    assert_string_equal(a->settings[3].value, "true");
    assert_int_equal(a->settings[3].kind, 'b');
    assert_string_equal(a->settings[4].value,
                        "a \"quoted\" \\ line\nand another");
    assert_int_equal(a->settings[4].kind, 's');
    assert_string_equal(a->settings[5].value, "file:/etc/ontime/secret");
    assert_int_equal(a->settings[0].line, 41);
    assert_non_null(strstr(a->settings[0].file, "apps.d/10-sms.cfg"));
    assert_int_equal(a->line, 19);
}

static void files_beside_are_read(void **state)
{
    char path[500];
    struct loaded l = load_file(
        in_tree(path, sizeof(path), "tests/fixtures/conf/full/scheduler.cfg"),
        NULL);
    const struct conf_app *a;

    (void)state;
    assert_string_equal(l.report, "");
    assert_int_equal(l.r, 0);
    assert_int_equal(l.c->app_count, 2);
    check_full_app(conf_find_app(l.c, "sms.v2"));
    a = conf_find_app(l.c, "log");
    assert_non_null(a);
    assert_int_equal(a->backoff_table_len, 3);
    assert_int_equal(a->backoff_table_ms[1], 1500);
    assert_int_equal(l.c->kafka_consumer.count, 2);
    assert_string_equal(l.c->kafka_consumer.at[1], "debug=cgrp,topic");
    loaded_done(&l);
}

/* A table of delays decides what was not said otherwise. */
static void delays_decide_the_rest(void **state)
{
    struct loaded l = LOAD("apps.a.plugin=p", "apps.a.retry.delays=1s,2h");
    const struct conf_app *a = &l.c->apps[0];

    (void)state;
    assert_int_equal(a->max_attempts, 3);
    assert_int_equal(a->backoff_cap_ms, 7200000);
    assert_true(a->backoff_jitter < 0.001);
    loaded_done(&l);
    l = LOAD("apps.a.plugin=p", "apps.a.retry.delays=1s,2h",
             "apps.a.retry.jitter=0.5", "apps.a.retry.cap=3h",
             "apps.a.retry.max_attempts=9");
    a = &l.c->apps[0];
    assert_int_equal(a->max_attempts, 9);
    assert_int_equal(a->backoff_cap_ms, 3 * 3600000);
    assert_true(a->backoff_jitter > 0.499);
    loaded_done(&l);
    l = LOAD("apps.a.plugin=p", "apps.a.retry.first=2h");
    assert_int_equal(l.c->apps[0].backoff_cap_ms, 7200000);
    loaded_done(&l);
}

static void a_rate_decides_the_burst(void **state)
{
    struct loaded l =
        LOAD("apps.a.plugin=p", "apps.a.rate=2.5", "apps.b.plugin=p",
             "apps.b.rate=0.1", "apps.c.plugin=p", "apps.c.rate=7",
             "apps.c.burst=3", "apps.d.plugin=p");

    (void)state;
    assert_int_equal(conf_find_app(l.c, "a")->burst, 3);
    assert_int_equal(conf_find_app(l.c, "b")->burst, 1);
    assert_int_equal(conf_find_app(l.c, "c")->burst, 3);
    assert_int_equal(conf_find_app(l.c, "d")->burst, 0);
    loaded_done(&l);
}

/* ---- which wins ---------------------------------------------------------- */

static struct loaded load_layers(const char *text, char *const *environ_,
                                 const char *override)
{
    const char *const overrides[] = {override};
    struct conf_input in = {.environ = environ_,
                            .overrides = overrides,
                            .override_count = override != NULL};
    struct loaded l;
    char path[32];

    make_file(path, text, strlen(text));
    in.file = path;
    l = load_input(&in);
    (void)unlink(path);
    return l;
}

static void later_layers_win(void **state)
{
    static char name[] = "ONTIME_KAFKA__BOOTSTRAP_SERVERS=env:1";
    static char other[] = "PATH=/bin";
    static char *const env[] = {other, name, NULL};
    static const char text[] = "kafka: { bootstrap_servers = \"file:1\"; };";
    struct loaded l = load_layers(text, NULL, NULL);

    (void)state;
    assert_string_equal(l.c->kafka_bootstrap_servers, "file:1");
    loaded_done(&l);
    l = load_layers(text, env, NULL);
    assert_string_equal(l.c->kafka_bootstrap_servers, "env:1");
    loaded_done(&l);
    l = load_layers(text, env, "kafka.bootstrap_servers=opt:1");
    assert_string_equal(l.c->kafka_bootstrap_servers, "opt:1");
    assert_string_equal(l.report, "");
    loaded_done(&l);
}

static void the_environment_finds_names_whatever_their_case(void **state)
{
    static char a[] = "ONTIME_APPS__SMSRETRY__SETTINGS__TOPICNAME=new";
    static char b[] = "ONTIME_APPS__SMSRETRY__RETRY__MAX_ATTEMPTS=7";
    static char c[] = "ONTIME_APPS__NEW_ONE__PLUGIN=log";
    static char d[] = "ONTIME_CLUSTER=blue";
    static char *const env[] = {a, b, c, d, NULL};
    struct loaded l = load_layers("apps: { smsRetry: { plugin = \"p\"; "
                                  "settings: { topicName = \"old\"; }; }; };",
                                  env, NULL);

    (void)state;
    assert_string_equal(l.report, "");
    assert_int_equal(l.c->app_count, 2);
    assert_string_equal(l.c->apps[0].settings[0].value, "new");
    assert_int_equal(l.c->apps[0].setting_count, 1);
    assert_int_equal(l.c->apps[0].max_attempts, 7);
    assert_string_equal(l.c->apps[1].name, "new_one");
    assert_string_equal(l.c->cluster, "blue");
    loaded_done(&l);
}

static void unknown_variables_are_only_warned_about(void **state)
{
    static char a[] = "ONTIME_NO_SKIP=1";
    static char b[] = "ONTIME_KAFKA=1";
    static char c[] = "ONTIME_=1";
    static char *const env[] = {a, b, c, NULL};
    struct loaded l = load_layers("", env, NULL);

    (void)state;
    assert_int_equal(l.r, 0);
    assert_string_equal(
        l.report,
        "environment ONTIME_NO_SKIP: warning: no such setting (no_skip); "
        "ignored\n"
        "environment ONTIME_KAFKA: warning: no such setting (kafka); ignored\n"
        "environment ONTIME_: warning: no such setting (); ignored\n");
    loaded_done(&l);
}

static void a_bad_value_in_the_environment_is_an_error(void **state)
{
    static char a[] = "ONTIME_STORE__CACHE_KB=much";
    static char *const env[] = {a, NULL};
    struct loaded l = load_layers("", env, NULL);

    (void)state;
    assert_int_equal(l.r, -EINVAL);
    assert_string_equal(l.report,
                        "environment ONTIME_STORE__CACHE_KB: store.cache_kb: "
                        "expected a whole number from 64 to 16777216 (KB), "
                        "found \"much\"\n");
    loaded_done(&l);
}

static void overrides_by_type(void **state)
{
    struct loaded l =
        LOAD("store.cache_kb=100", "store.sync_full=true", "commit.linger=7",
             "sched.window_bytes=2MB", "apps.a.plugin=p", "apps.a.rate=1e2",
             "kafka.common=a=1,b=x\\,y", "apps.a.settings.n=5",
             "http.listen=", "plugins.dir=a=b", "kafka.producer=");

    (void)state;
    assert_string_equal(l.report, "");
    assert_int_equal(l.c->store_cache_kb, 100);
    assert_true(l.c->store_sync_full);
    assert_int_equal(l.c->commit_linger_ms, 7);
    assert_int_equal(l.c->sched_window_bytes, 2 << 20);
    assert_int_equal(l.c->apps[0].burst, 100);
    assert_int_equal(l.c->kafka_common.count, 2);
    assert_string_equal(l.c->kafka_common.at[1], "b=x,y");
    assert_string_equal(l.c->apps[0].settings[0].value, "5");
    assert_string_equal(l.c->apps[0].settings[0].file, "-o");
    assert_string_equal(l.c->http_listen, "");
    assert_string_equal(l.c->plugins_dir, "a=b");
    loaded_done(&l);
}

/* ---- snapshots ------------------------------------------------------------ */

static void a_snapshot_lives_until_the_last_reference(void **state)
{
    struct loaded l = LOAD("cluster=x");
    struct conf *second = conf_ref(l.c);

    (void)state;
    conf_unref(&l.c);
    assert_null(l.c);
    assert_string_equal(second->cluster, "x");
    conf_unref(&second);
    conf_unref(&second);
    loaded_done(&l);
}

static void what_is_the_same(void **state)
{
    static const char *const a[] = {"apps.a.plugin=p", "apps.a.settings.x=1",
                                    "apps.a.settings.y=2", "sources.s.app=a",
                                    NULL};
    static const char *const b[] = {"sources.s.app=a", "apps.a.settings.y=2",
                                    "apps.a.settings.x=1", "apps.a.plugin=p",
                                    NULL};
    struct loaded one = load_file(NULL, a), two = load_file(NULL, b);

    (void)state;
    assert_true(conf_app_same(&one.c->apps[0], &two.c->apps[0]));
    assert_true(conf_source_same(&one.c->sources[0], &two.c->sources[0]));
    assert_null(conf_needs_restart(one.c, two.c));
    loaded_done(&one);
    loaded_done(&two);
}

/* Every one of these is a difference, to an app with nothing set. */
static void what_is_not_the_same(void **state)
{
    static const char *const changes[] = {
        "apps.a.plugin=q",       "apps.a.enabled=false",
        "apps.a.rate=1",         "apps.a.timeout=1s",
        "apps.a.retry.factor=3", "apps.a.retry.delays=1s",
        "apps.a.settings.x=1",   "apps.a.timezone=UTC",
        "apps.a.concurrency=2",  "apps.a.retry.max_attempts=2",
        "apps.a.misfire=skip",   "apps.a.track_running=true",
    };
    struct loaded one = LOAD("apps.a.plugin=p");

    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct loaded two = LOAD("apps.a.plugin=p", changes[i]);

        assert_string_equal(two.report, "");
        assert_false(conf_app_same(&one.c->apps[0], &two.c->apps[0]));
        assert_false(conf_app_same(&two.c->apps[0], &one.c->apps[0]));
        loaded_done(&two);
    }
    loaded_done(&one);
}

static void sources_that_differ(void **state)
{
    struct loaded one = LOAD("sources.s.topic=t");
    struct loaded two = LOAD("sources.s.topic=t", "sources.s.consumer=a=1");
    struct loaded three = LOAD("sources.other.topic=t");

    (void)state;
    assert_false(conf_source_same(&one.c->sources[0], &two.c->sources[0]));
    assert_false(conf_source_same(&one.c->sources[0], &three.c->sources[0]));
    loaded_done(&one);
    loaded_done(&two);
    loaded_done(&three);
}

static void what_needs_a_restart(void **state)
{
    struct loaded one = LOAD("cluster=x");
    struct loaded two = LOAD("cluster=x", "store.cache_kb=100");
    struct loaded three = LOAD("cluster=x", "log.level=debug", "stop.drain=1s",
                               "apps.a.plugin=p", "plugins.drain=1s");

    (void)state;
    assert_string_equal(conf_needs_restart(one.c, two.c), "store.cache_kb");
    assert_null(conf_needs_restart(one.c, three.c));
    loaded_done(&one);
    loaded_done(&two);
    loaded_done(&three);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),
        cmocka_unit_test(defaults_of_a_source),
        cmocka_unit_test(defaults_of_an_app),
        cmocka_unit_test(what_is_shipped_serves_the_sms_topics),
        cmocka_unit_test(files_beside_are_read),
        cmocka_unit_test(delays_decide_the_rest),
        cmocka_unit_test(a_rate_decides_the_burst),
        cmocka_unit_test(later_layers_win),
        cmocka_unit_test(the_environment_finds_names_whatever_their_case),
        cmocka_unit_test(unknown_variables_are_only_warned_about),
        cmocka_unit_test(a_bad_value_in_the_environment_is_an_error),
        cmocka_unit_test(overrides_by_type),
        cmocka_unit_test(a_snapshot_lives_until_the_last_reference),
        cmocka_unit_test(what_is_the_same),
        cmocka_unit_test(what_is_not_the_same),
        cmocka_unit_test(sources_that_differ),
        cmocka_unit_test(what_needs_a_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
