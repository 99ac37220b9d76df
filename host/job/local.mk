# SPDX-License-Identifier: Apache-2.0
# The job: its record, states, headers, points in time, backoff.
noinst_LIBRARIES += host/job/libjob.a
host_job_libjob_a_SOURCES = \
	host/job/appname.c \
	host/job/backoff.c \
	host/job/backoff.h \
	host/job/civil.h \
	host/job/headers.c \
	host/job/headers.h \
	host/job/job.c \
	host/job/job.h \
	host/job/settled.h \
	host/job/tzrule.c \
	host/job/tzrule.h \
	host/job/when.c \
	host/job/when.h \
	host/job/zone.c \
	host/job/zone.h
