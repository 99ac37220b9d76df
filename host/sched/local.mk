# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += host/sched/libsched.a
host_sched_libsched_a_SOURCES = \
	host/sched/gain.c \
	host/sched/internal.h \
	host/sched/mail.c host/sched/mail.h \
	host/sched/plan.c host/sched/plan.h \
	host/sched/requests.c \
	host/sched/sched.c host/sched/sched.h \
	host/sched/shards.c \
	host/sched/window.c host/sched/window.h \
	host/sched/wishes.c host/sched/wishes.h
