# SPDX-License-Identifier: Apache-2.0
#
# What `make check` runs: a cmocka program for each module (tests/unit), and
# scripts that print TAP (*.test).  Each case is counted by automake's TAP
# driver.  Tests run side by side and in any order.

# ---- unit tests ---------------------------------------------------------
# A program without _SOURCES is made of the .c file of its name.

unit_tests =

# ---- programs that tests use --------------------------------------------

check_PROGRAMS += tests/support/topicctl
tests_support_topicctl_LDADD = $(RDKAFKA_LIBS)

# ---- scripts --------------------------------------------------------------

script_tests = \
	tests/integration/b00-broker.test

if HAVE_CMOCKA
check_PROGRAMS += $(unit_tests)
TESTS += $(unit_tests)
endif
TESTS += $(script_tests)
dist_check_SCRIPTS += $(script_tests) tests/support/with-kafka
EXTRA_DIST += \
	tests/support/kafka.sh \
	tests/support/kafka/pom.xml \
	tests/support/ontimed.sh \
	tests/support/tap.sh

# A test that hangs is a failed test.
TEST_TIMEOUT = 300
TEST_EXTENSIONS = .test
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) \
	$(top_srcdir)/build-aux/tap-driver.sh
TEST_LOG_DRIVER = $(LOG_DRIVER)
LOG_COMPILER = timeout -k 10 $(TEST_TIMEOUT)
TEST_LOG_COMPILER = timeout -k 10 $(TEST_TIMEOUT)
AM_TESTS_ENVIRONMENT = \
	CMOCKA_MESSAGE_OUTPUT=TAP; export CMOCKA_MESSAGE_OUTPUT; \
	builddir='$(abs_builddir)'; export builddir; \
	CC='$(CC)'; export CC; \
	INSTRUMENTED='$(INSTRUMENT_CFLAGS)'; export INSTRUMENTED; \
	ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:$$ASAN_OPTIONS; \
	export ASAN_OPTIONS; \
	TSAN_OPTIONS=halt_on_error=0:exitcode=66:$$TSAN_OPTIONS; \
	export TSAN_OPTIONS; \
	UBSAN_OPTIONS=print_stacktrace=1:$$UBSAN_OPTIONS; \
	export UBSAN_OPTIONS;
