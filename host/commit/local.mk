# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += host/commit/libcommit.a
host_commit_libcommit_a_SOURCES = \
	host/commit/batch.c host/commit/batch.h \
	host/commit/commit.c host/commit/commit.h \
	host/commit/doubt.c host/commit/doubt.h \
	host/commit/exactly.c host/commit/exactly.h \
	host/commit/finisher.c host/commit/finisher.h \
	host/commit/lane.h \
	host/commit/lane_carry.c \
	host/commit/lane_seat.c \
	host/commit/ledger.c host/commit/ledger.h \
	host/commit/recover.c host/commit/recover.h \
	host/commit/sender.c host/commit/sender.h \
	host/commit/work.c host/commit/work.h
