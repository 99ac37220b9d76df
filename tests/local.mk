# SPDX-License-Identifier: Apache-2.0
#
# What `make check` runs: a cmocka program for each module (tests/unit), and
# scripts that print TAP (*.test).  Each case is counted by automake's TAP
# driver.  Tests run side by side and in any order.

# ---- unit tests ---------------------------------------------------------
# A program without _SOURCES is made of the .c file of its name.

unit_tests = \
	tests/unit/test_abi \
	tests/unit/test_account \
	tests/unit/test_backoff \
	tests/unit/test_bucket \
	tests/unit/test_buf \
	tests/unit/test_clock \
	tests/unit/test_commit \
	tests/unit/test_commit_away \
	tests/unit/test_conf \
	tests/unit/test_conf_dump \
	tests/unit/test_conf_errors \
	tests/unit/test_conf_table \
	tests/unit/test_ctl \
	tests/unit/test_ctl_commands \
	tests/unit/test_dispatch \
	tests/unit/test_dispatch_reload \
	tests/unit/test_dispatch_stop \
	tests/unit/test_err \
	tests/unit/test_exactly \
	tests/unit/test_format_ingest \
	tests/unit/test_hash \
	tests/unit/test_headers \
	tests/unit/test_guard \
	tests/unit/test_http_call \
	tests/unit/test_http_call_many \
	tests/unit/test_httpd \
	tests/unit/test_httpd_change \
	tests/unit/test_httpd_listen \
	tests/unit/test_httpd_rough \
	tests/unit/test_httpd_show \
	tests/unit/test_httpd_uri \
	tests/unit/test_idset \
	tests/unit/test_inbox \
	tests/unit/test_intern \
	tests/unit/test_job \
	tests/unit/test_json \
	tests/unit/test_kafka_client \
	tests/unit/test_kafka_consumer \
	tests/unit/test_kafka_producer \
	tests/unit/test_ledger \
	tests/unit/test_list \
	tests/unit/test_log \
	tests/unit/test_metrics \
	tests/unit/test_move \
	tests/unit/test_payment \
	tests/unit/test_pile \
	tests/unit/test_plan \
	tests/unit/test_plan_shards \
	tests/unit/test_plug_attempt \
	tests/unit/test_plug_crash \
	tests/unit/test_plug_emit \
	tests/unit/test_plug_instance \
	tests/unit/test_plug_object \
	tests/unit/test_plug_race \
	tests/unit/test_plug_registry \
	tests/unit/test_plug_settings \
	tests/unit/test_plug_torture \
	tests/unit/test_policy \
	tests/unit/test_queues \
	tests/unit/test_sched \
	tests/unit/test_sched_wish \
	tests/unit/test_seat \
	tests/unit/test_seat_rule \
	tests/unit/test_small_plugins \
	tests/unit/test_sms_retry \
	tests/unit/test_source \
	tests/unit/test_source_trouble \
	tests/unit/test_template \
	tests/unit/test_thread \
	tests/unit/test_utf8 \
	tests/unit/test_wheel \
	tests/unit/test_when \
	tests/unit/test_window \
	tests/unit/test_wishes \
	tests/unit/test_writer \
	tests/unit/test_writer_tenure \
	tests/unit/test_zone

tests_unit_test_account_LDADD = $(for_ctl) $(CMOCKA_LIBS)
plugin_test_cppflags = $(AM_CPPFLAGS) -I$(top_srcdir)/tests \
	-I$(top_srcdir)/plugins

tests_unit_test_abi_LDADD = $(CMOCKA_LIBS)
tests_unit_test_backoff_LDADD = $(for_job) $(CMOCKA_LIBS)
tests_unit_test_bucket_LDADD = $(for_dispatch) $(CMOCKA_LIBS)
tests_unit_test_buf_LDADD = $(for_base) $(CMOCKA_LIBS)
tests_unit_test_buf_LDFLAGS = $(TORTURE_LDFLAGS)
tests_unit_test_clock_LDADD = $(for_base) $(CMOCKA_LIBS)
tests_unit_test_commit_LDADD = $(for_commit) $(CMOCKA_LIBS)
tests_unit_test_commit_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=attempt_take_job
tests_unit_test_commit_away_LDADD = $(for_commit) $(CMOCKA_LIBS)
tests_unit_test_conf_LDADD = $(for_conf) $(CMOCKA_LIBS)
tests_unit_test_conf_dump_LDADD = $(for_conf) $(CMOCKA_LIBS)
tests_unit_test_conf_errors_LDADD = $(for_conf) $(CMOCKA_LIBS)
tests_unit_test_conf_table_LDADD = $(for_conf) $(CMOCKA_LIBS)
tests_unit_test_conf_table_LDFLAGS = $(TORTURE_LDFLAGS)
tests_unit_test_ctl_LDADD = $(for_ctl) $(CMOCKA_LIBS)
tests_unit_test_ctl_commands_LDADD = $(for_ctl_alone) $(for_httpd_alone) $(CMOCKA_LIBS)
tests_unit_test_ctl_commands_SOURCES = tests/unit/test_ctl_commands.c \
	tests/support/fakehouse.c
tests_unit_test_dispatch_LDADD = $(for_dispatch) $(CMOCKA_LIBS)
tests_unit_test_dispatch_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_wall_ms
tests_unit_test_dispatch_reload_LDADD = $(for_dispatch) $(CMOCKA_LIBS)
tests_unit_test_dispatch_stop_LDADD = $(for_dispatch) $(CMOCKA_LIBS)
tests_unit_test_exactly_LDADD = $(for_commit) $(CMOCKA_LIBS)
tests_unit_test_ledger_LDADD = $(for_commit) $(CMOCKA_LIBS)
tests_unit_test_err_LDADD = $(for_base) $(CMOCKA_LIBS)
tests_unit_test_format_ingest_LDADD = $(for_ingest) $(CMOCKA_LIBS)
tests_unit_test_hash_LDADD = $(for_base) $(CMOCKA_LIBS)
tests_unit_test_guard_CPPFLAGS = $(plugin_test_cppflags)
tests_unit_test_guard_LDADD = plugins/common/libhttp.la $(CMOCKA_LIBS)
tests_unit_test_headers_LDADD = $(for_job) $(CMOCKA_LIBS)
tests_unit_test_http_call_CPPFLAGS = $(plugin_test_cppflags)
tests_unit_test_http_call_LDADD = $(CMOCKA_LIBS)
tests_unit_test_http_call_SOURCES = tests/unit/test_http_call.c \
	tests/support/fakehost.c tests/support/httpstub.c
tests_unit_test_http_call_many_CPPFLAGS = $(plugin_test_cppflags)
tests_unit_test_http_call_many_LDADD = $(CMOCKA_LIBS)
tests_unit_test_http_call_many_SOURCES = tests/unit/test_http_call_many.c \
	tests/support/fakehost.c tests/support/httpstub.c
tests_unit_test_httpd_LDADD = $(for_httpd_alone) $(CMOCKA_LIBS)
tests_unit_test_httpd_SOURCES = tests/unit/test_httpd.c \
	tests/support/fakehouse.c \
	tests/support/rawhttp.c
tests_unit_test_httpd_change_LDADD = $(for_httpd_alone) $(CMOCKA_LIBS)
tests_unit_test_httpd_change_SOURCES = tests/unit/test_httpd_change.c \
	tests/support/fakehouse.c \
	tests/support/rawhttp.c
tests_unit_test_httpd_listen_LDADD = $(for_httpd) $(CMOCKA_LIBS)
tests_unit_test_httpd_listen_SOURCES = tests/unit/test_httpd_listen.c \
	tests/support/rawhttp.c
tests_unit_test_httpd_rough_LDADD = $(for_httpd_alone) $(CMOCKA_LIBS)
tests_unit_test_httpd_rough_SOURCES = tests/unit/test_httpd_rough.c \
	tests/support/fakehouse.c \
	tests/support/rawhttp.c
tests_unit_test_httpd_show_LDADD = $(for_httpd) $(CMOCKA_LIBS)
tests_unit_test_httpd_uri_LDADD = $(for_httpd) $(CMOCKA_LIBS)
tests_unit_test_idset_LDADD = $(for_base) $(CMOCKA_LIBS)
tests_unit_test_idset_LDFLAGS = $(TORTURE_LDFLAGS)
tests_unit_test_inbox_LDADD = $(for_base) $(CMOCKA_LIBS)
tests_unit_test_intern_LDADD = $(for_base) $(CMOCKA_LIBS)
tests_unit_test_job_LDADD = $(for_job) $(CMOCKA_LIBS)
tests_unit_test_json_LDADD = $(for_base) $(CMOCKA_LIBS)
tests_unit_test_json_LDFLAGS = $(TORTURE_LDFLAGS)
tests_unit_test_kafka_client_LDADD = $(for_kafka) $(CMOCKA_LIBS)
tests_unit_test_kafka_consumer_LDADD = $(for_job) $(for_kafka) $(CMOCKA_LIBS)
tests_unit_test_kafka_producer_LDADD = $(for_job) $(for_kafka) $(CMOCKA_LIBS)
tests_unit_test_list_LDADD = $(for_base) $(CMOCKA_LIBS)
tests_unit_test_log_LDADD = $(for_base) $(CMOCKA_LIBS)
tests_unit_test_metrics_LDADD = $(for_metrics) $(CMOCKA_LIBS)
tests_unit_test_metrics_LDFLAGS = $(TORTURE_LDFLAGS)
tests_unit_test_move_LDADD = $(for_store) $(CMOCKA_LIBS)
tests_unit_test_payment_CPPFLAGS = $(plugin_test_cppflags)
tests_unit_test_payment_LDADD = plugins/common/libcommon.la $(CRYPTO_LIBS) \
	$(CMOCKA_LIBS)
tests_unit_test_payment_SOURCES = tests/unit/test_payment.c \
	plugins/payment/mask.c plugins/payment/sign.c \
	tests/support/fakehost.c tests/support/httpstub.c
tests_unit_test_pile_LDADD = $(for_store) $(CMOCKA_LIBS)
tests_unit_test_plan_LDADD = $(for_sched) $(CMOCKA_LIBS)
tests_unit_test_plan_shards_LDADD = $(for_sched) $(CMOCKA_LIBS)
tests_unit_test_plug_attempt_LDADD = $(for_plug) $(CMOCKA_LIBS)
tests_unit_test_plug_crash_LDADD = $(for_plug) $(CMOCKA_LIBS)
tests_unit_test_plug_emit_LDADD = $(for_plug) $(CMOCKA_LIBS)
tests_unit_test_plug_instance_LDADD = $(for_plug) $(CMOCKA_LIBS)
tests_unit_test_plug_object_LDADD = $(for_plug) $(CMOCKA_LIBS)
tests_unit_test_plug_race_LDADD = $(for_plug) $(CMOCKA_LIBS)
tests_unit_test_plug_registry_LDADD = $(for_plug) $(CMOCKA_LIBS)
tests_unit_test_plug_settings_LDADD = $(for_plug) $(CMOCKA_LIBS)
tests_unit_test_plug_torture_LDADD = $(for_plug) $(CMOCKA_LIBS)
tests_unit_test_plug_torture_LDFLAGS = $(TORTURE_LDFLAGS)
tests_unit_test_policy_LDADD = $(for_dispatch) $(CMOCKA_LIBS)
tests_unit_test_queues_LDADD = $(for_dispatch) $(CMOCKA_LIBS)
tests_unit_test_sched_LDADD = $(for_sched) $(CMOCKA_LIBS)
tests_unit_test_sched_wish_LDADD = $(for_sched) $(CMOCKA_LIBS)
tests_unit_test_small_plugins_CPPFLAGS = $(plugin_test_cppflags)
tests_unit_test_small_plugins_LDADD = $(CMOCKA_LIBS)
tests_unit_test_small_plugins_SOURCES = tests/unit/test_small_plugins.c \
	tests/support/fakehost.c
tests_unit_test_sms_retry_CPPFLAGS = $(AM_CPPFLAGS) \
	-I$(top_srcdir)/tests -I$(top_srcdir)/plugins \
	-I$(top_srcdir)/plugins/sms_retry
tests_unit_test_seat_LDADD = $(for_seat) $(CMOCKA_LIBS)
tests_unit_test_seat_SOURCES = tests/unit/test_seat.c \
	tests/support/fakestore.c tests/support/fakestore.h
tests_unit_test_seat_rule_LDADD = $(for_seat) $(CMOCKA_LIBS)
tests_unit_test_sms_retry_LDADD = $(CMOCKA_LIBS)
tests_unit_test_sms_retry_SOURCES = tests/unit/test_sms_retry.c \
	plugins/common/flat.c plugins/sms_retry/stamp.c \
	tests/support/fakehost.c
tests_unit_test_source_LDADD = $(for_ingest) $(CMOCKA_LIBS)
tests_unit_test_source_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=store_put
tests_unit_test_source_SOURCES = tests/unit/test_source.c \
	tests/support/ingestworld.c tests/support/ingestworld.h
tests_unit_test_source_trouble_LDADD = $(for_ingest) $(CMOCKA_LIBS)
tests_unit_test_source_trouble_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=store_put \
	-Wl,--wrap=consumer_open -Wl,--wrap=consumer_poll \
	-Wl,--wrap=format_ingest_decode
tests_unit_test_source_trouble_SOURCES = tests/unit/test_source_trouble.c \
	tests/support/ingestworld.c tests/support/ingestworld.h
tests_unit_test_template_CPPFLAGS = $(plugin_test_cppflags)
tests_unit_test_template_LDADD = plugins/common/libcommon.la $(CMOCKA_LIBS)
tests_unit_test_thread_LDADD = $(for_base) $(CMOCKA_LIBS)
tests_unit_test_thread_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=pthread_create
tests_unit_test_utf8_LDADD = $(for_base) $(CMOCKA_LIBS)
tests_unit_test_wheel_LDADD = $(for_wheel) $(CMOCKA_LIBS)
tests_unit_test_when_LDADD = $(for_job) $(CMOCKA_LIBS)
tests_unit_test_window_LDADD = $(for_sched) $(CMOCKA_LIBS)
tests_unit_test_wishes_LDADD = $(for_sched) $(CMOCKA_LIBS)
tests_unit_test_writer_LDADD = $(for_store) $(CMOCKA_LIBS)
tests_unit_test_writer_tenure_LDADD = $(for_store) $(CMOCKA_LIBS)
tests_unit_test_zone_LDADD = $(for_job) $(CMOCKA_LIBS)

EXTRA_DIST += \
	tests/support/fakehost.h \
	tests/support/fakehouse.h \
	tests/support/httpstub.h \
	tests/support/ingestworld.h \
	tests/support/rawhttp.h \
	tests/unit/commit_rig.h \
	tests/unit/conf_load.h \
	tests/unit/dispatch_rig.h \
	tests/unit/exactly_fake.h \
	tests/unit/plug_box.h \
	tests/unit/plug_yard.h \
	tests/unit/sched_rig.h \
	tests/unit/torture.h \
	tests/unit/writer_rig.h

# ---- contracts: one suite for every backend --------------------------------

contract_tests = \
	tests/contract/plugin \
	tests/contract/store_sqlite

tests_contract_plugin_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_contract_plugin_LDADD = $(CMOCKA_LIBS)
tests_contract_plugin_SOURCES = tests/contract/plugin.c \
	tests/support/fakehost.c
tests_contract_store_sqlite_SOURCES = \
	tests/contract/store.c tests/contract/store.h \
	tests/contract/store_change.c \
	tests/contract/store_crash.c \
	tests/contract/store_finish.c \
	tests/contract/store_keys.c \
	tests/contract/store_look.c \
	tests/contract/store_many.c \
	tests/contract/store_order.c \
	tests/contract/store_put.c \
	tests/contract/store_sqlite.c \
	tests/contract/store_wish.c
tests_contract_store_sqlite_LDADD = $(for_store) $(CMOCKA_LIBS)

# The script of its name starts a database for it.
if HAVE_CMOCKA
if HAVE_MYSQL
check_PROGRAMS += tests/contract/store_mysql
endif
endif
tests_contract_store_mysql_SOURCES = \
	tests/contract/store.c tests/contract/store.h \
	tests/contract/store_change.c \
	tests/contract/store_crash.c \
	tests/contract/store_finish.c \
	tests/contract/store_keys.c \
	tests/contract/store_look.c \
	tests/contract/store_many.c \
	tests/contract/store_mysql.c tests/contract/store_mysql.h \
	tests/contract/store_mysql_seat.c \
	tests/contract/store_mysql_trouble.c \
	tests/contract/store_order.c \
	tests/contract/store_put.c \
	tests/contract/store_wish.c
tests_contract_store_mysql_LDADD = $(for_store) $(CMOCKA_LIBS)

# ---- programs that tests use --------------------------------------------

check_PROGRAMS += tests/support/fencer tests/support/topicctl
tests_support_fencer_LDADD = $(rdkafka_libs)
tests_support_topicctl_LDADD = $(rdkafka_libs)

check_LTLIBRARIES += tests/support/crashpoint.la
tests_support_crashpoint_la_SOURCES = tests/support/crashpoint.c
tests_support_crashpoint_la_LDFLAGS = $(fixture_ldflags)
tests_support_crashpoint_la_LIBADD = $(rdkafka_libs) $(SQLITE_LIBS)

# ---- scripts --------------------------------------------------------------

script_tests = \
	tests/lint/banned.test \
	tests/lint/config-docs.test \
	tests/lint/format.test \
	tests/lint/layers.test \
	tests/lint/size.test \
	tests/lint/symbols.test \
	tests/lint/words.test \
	tests/contract/store_mysql.test \
	tests/integration/b00-broker.test \
	tests/integration/b05-template.test \
	tests/integration/b20-main-job.test \
	tests/integration/b30-bad-input.test \
	tests/integration/b40-embedded.test \
	tests/integration/c10-reload.test \
	tests/integration/c20-kill9.test \
	tests/integration/f10-broker-away.test \
	tests/integration/f20-disk-full.test \
	tests/integration/g10-backup.test \
	tests/integration/g20-convert.test \
	tests/integration/g30-import.test \
	tests/integration/p10-http-call.test \
	tests/integration/p20-payment.test \
	tests/integration/i10-instances.test \
	tests/integration/p30-redis.test \
	tests/integration/x10-audit.test \
	tests/integration/x20-sent-once.test \
	tests/integration/x30-crash-points.test \
	tests/integration/x40-transactions.test

# Under a sanitizer only these of them run: the others would tell nothing new.
instrumented_scripts = \
	tests/contract/store_mysql.test \
	tests/integration/b20-main-job.test \
	tests/integration/b40-embedded.test \
	tests/integration/c20-kill9.test

if INSTRUMENTED
run_scripts = $(instrumented_scripts)
else
run_scripts = $(script_tests)
endif

if HAVE_CMOCKA
check_PROGRAMS += $(unit_tests) $(contract_tests)
TESTS += $(unit_tests) $(contract_tests)
endif
TESTS += $(run_scripts)

# Long ones, not part of make check: make soak [SEED=N] [DELIVERY=...].
soak_tests = tests/soak/sent-once.test
soak: $(bin_PROGRAMS) $(plugin_LTLIBRARIES) tests/support/topicctl
	for store in sqlite mysql; do \
		srcdir='$(abs_top_srcdir)' builddir='$(abs_builddir)' \
			STORE=$$store $(top_srcdir)/tests/soak/sent-once.test || \
			exit 1; \
	done
	for delivery in at_least_once exactly_once; do \
		srcdir='$(abs_top_srcdir)' builddir='$(abs_builddir)' \
			ONTIME_SOAK_SECONDS=120 ONTIME_SOAK_RATE=2000 \
			ONTIME_SOAK_PAUSE=8 DELIVERY=$$delivery \
			$(top_srcdir)/tests/integration/i10-instances.test || \
			exit 1; \
	done
.PHONY: soak

dist_check_SCRIPTS += $(script_tests) $(soak_tests) tests/support/run-tap \
	tests/support/with-kafka tests/support/with-mariadb
EXTRA_DIST += \
	.clang-format \
	tests/fixtures/conf \
	tests/support/audit.sh \
	tests/support/gateway.py \
	tests/support/gateway.sh \
	tests/support/kafka.sh \
	tests/support/kafka/pom.xml \
	tests/support/mariadb.sh \
	tests/support/ontimed.sh \
	tests/support/sentonce.sh \
	tests/support/sms.sh \
	tests/support/tap.sh \
	tests/support/tsan.supp \
	tests/lint/banned.awk \
	tests/lint/cppcheck.txt \
	tests/lint/layers.awk \
	tests/lint/lint.sh

# A test that hangs is a failed test.
if TSAN
TEST_TIMEOUT = 480
else
TEST_TIMEOUT = 300
endif
TEST_EXTENSIONS = .test
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) \
	$(top_srcdir)/build-aux/tap-driver.sh
TEST_LOG_DRIVER = $(LOG_DRIVER)
LOG_COMPILER = $(top_srcdir)/tests/support/run-tap $(TEST_TIMEOUT)
TEST_LOG_COMPILER = timeout -k 10 $(TEST_TIMEOUT)
AM_TESTS_ENVIRONMENT = \
	CMOCKA_MESSAGE_OUTPUT=TAP; export CMOCKA_MESSAGE_OUTPUT; \
	builddir='$(abs_builddir)'; export builddir; \
	srcdir='$(abs_top_srcdir)'; export srcdir; \
	CC='$(CC)'; export CC; \
	INSTRUMENTED='$(INSTRUMENT_CFLAGS)'; export INSTRUMENTED; \
	ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:$$ASAN_OPTIONS; \
	export ASAN_OPTIONS; \
	TSAN_OPTIONS=suppressions=$(abs_top_srcdir)/tests/support/tsan.supp:$$TSAN_OPTIONS; \
	export TSAN_OPTIONS; \
	UBSAN_OPTIONS=print_stacktrace=1:$$UBSAN_OPTIONS; \
	export UBSAN_OPTIONS;
