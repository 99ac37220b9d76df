# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += host/app/libapp.a
host_app_libapp_a_SOURCES = \
	host/app/api.c \
	host/app/control.c \
	host/app/house.c host/app/house.h \
	host/app/ledger.c \
	host/app/kafka.c \
	host/app/notify.c \
	host/app/options.c host/app/options.h \
	host/app/reload.c \
	host/app/seating.c \
	host/app/sources.c \
	host/app/upkeep.c \
	host/app/views.c

bin_PROGRAMS += ontimed
ontimed_SOURCES = host/app/main.c
ontimed_LDADD = $(for_host) $(JEMALLOC_LIBS)
