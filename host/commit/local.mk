# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += host/commit/libcommit.a
host_commit_libcommit_a_SOURCES = \
	host/commit/commit.c host/commit/commit.h \
	host/commit/finisher.c host/commit/finisher.h \
	host/commit/sender.c host/commit/sender.h \
	host/commit/work.c host/commit/work.h
