# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += host/base/libbase.a
host_base_libbase_a_SOURCES = \
	host/base/buf.c host/base/buf.h \
	host/base/clock.c host/base/clock.h \
	host/base/err.c host/base/err.h \
	host/base/hash.c host/base/hash.h \
	host/base/idset.c host/base/idset.h \
	host/base/inbox.c host/base/inbox.h \
	host/base/intern.c host/base/intern.h \
	host/base/json.c host/base/json.h \
	host/base/jsonscan.c host/base/jsonscan.h \
	host/base/list.h \
	host/base/log.c host/base/log.h \
	host/base/loglevel.c host/base/loglevel.h \
	host/base/thread.c host/base/thread.h \
	host/base/utf8.c host/base/utf8.h
