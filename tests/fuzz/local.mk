# SPDX-License-Identifier: Apache-2.0
#
# Fuzz targets: fuzz_<target>.c is one function, LLVMFuzzerTestOneInput.  With
# --enable-fuzzers (clang) they are libFuzzer programs:
#     tests/fuzz/fuzz_conf -max_total_time=60 CORPUS
# Otherwise they replay tests/fuzz/corpus/<target> in `make check`.

fuzz_targets = \
	tests/fuzz/fuzz_conf \
	tests/fuzz/fuzz_http_path \
	tests/fuzz/fuzz_ingest \
	tests/fuzz/fuzz_json \
	tests/fuzz/fuzz_ledger \
	tests/fuzz/fuzz_when

if FUZZERS
fuzz_main =
fuzz_ldflags = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
noinst_PROGRAMS += $(fuzz_targets)
else
fuzz_main = tests/fuzz/replay.c
fuzz_ldflags = $(AM_LDFLAGS)
check_PROGRAMS += $(fuzz_targets)
TESTS += $(fuzz_targets)
endif

tests_fuzz_fuzz_conf_SOURCES = tests/fuzz/fuzz_conf.c $(fuzz_main)
tests_fuzz_fuzz_conf_LDADD = $(for_conf)
tests_fuzz_fuzz_conf_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_http_path_SOURCES = tests/fuzz/fuzz_http_path.c $(fuzz_main)
tests_fuzz_fuzz_http_path_LDADD = $(for_httpd)
tests_fuzz_fuzz_http_path_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_ingest_SOURCES = tests/fuzz/fuzz_ingest.c $(fuzz_main)
tests_fuzz_fuzz_ingest_LDADD = $(for_ingest)
tests_fuzz_fuzz_ingest_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_json_SOURCES = tests/fuzz/fuzz_json.c $(fuzz_main)
tests_fuzz_fuzz_json_LDADD = $(for_base)
tests_fuzz_fuzz_json_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_ledger_SOURCES = tests/fuzz/fuzz_ledger.c $(fuzz_main)
tests_fuzz_fuzz_ledger_LDADD = $(for_commit)
tests_fuzz_fuzz_ledger_LDFLAGS = $(fuzz_ldflags)
tests_fuzz_fuzz_when_SOURCES = tests/fuzz/fuzz_when.c $(fuzz_main)
tests_fuzz_fuzz_when_LDADD = $(for_job)
tests_fuzz_fuzz_when_LDFLAGS = $(fuzz_ldflags)

EXTRA_DIST += tests/fuzz/corpus
