# SPDX-License-Identifier: Apache-2.0
# What parts cost by themselves, built by hand: make tests/bench/store_bench
EXTRA_PROGRAMS = tests/bench/store_bench
tests_bench_store_bench_LDADD = $(for_store)
