# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += host/dispatch/libdispatch.a
host_dispatch_libdispatch_a_SOURCES = \
	host/dispatch/bucket.c host/dispatch/bucket.h \
	host/dispatch/dispatch.c host/dispatch/dispatch.h \
	host/dispatch/internal.h \
	host/dispatch/policy.c host/dispatch/policy.h \
	host/dispatch/queues.c host/dispatch/queues.h \
	host/dispatch/slot.c \
	host/dispatch/ticker.c \
	host/dispatch/worker.c
