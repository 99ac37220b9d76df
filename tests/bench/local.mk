# SPDX-License-Identifier: Apache-2.0
#
# Measurements; not part of make check, which only builds them.

check_PROGRAMS += tests/bench/store_bench tests/bench/ontime-bench
tests_bench_store_bench_LDADD = $(for_store)

tests_bench_ontime_bench_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests
tests_bench_ontime_bench_LDADD = $(for_kafka)
tests_bench_ontime_bench_SOURCES = \
	tests/bench/bench.c tests/bench/bench.h \
	tests/bench/case_burst.c \
	tests/bench/case_ingest.c \
	tests/bench/case_overdue.c \
	tests/bench/case_pending.c \
	tests/bench/case_raw.c \
	tests/bench/case_steady.c \
	tests/bench/cases.h \
	tests/bench/daemon.c tests/bench/daemon.h \
	tests/bench/feed.c tests/bench/feed.h \
	tests/bench/main.c \
	tests/bench/report.c tests/bench/report.h \
	tests/bench/stage.c tests/bench/stage.h \
	tests/bench/tally.c tests/bench/tally.h \
	tests/bench/topics.c tests/bench/topics.h \
	tests/bench/usage.c tests/bench/usage.h \
	tests/bench/weigh.c tests/bench/weigh.h \
	tests/bench/witness.c tests/bench/witness.h

# Starts a broker, runs the cases (BENCH_FLAGS="--quick --cases ingest,burst"),
# prints a table and writes bench.json here.
bench: $(bin_PROGRAMS) $(plugin_LTLIBRARIES) tests/bench/ontime-bench
	$(srcdir)/tests/support/with-kafka $(srcdir)/tests/bench/run.sh \
		'$(abs_builddir)' $(BENCH_FLAGS)

EXTRA_DIST += tests/bench/run.sh

.PHONY: bench
