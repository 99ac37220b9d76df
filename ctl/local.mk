# SPDX-License-Identifier: Apache-2.0
#
# ontimectl.  All but main is a library, for the unit tests.
noinst_LIBRARIES += ctl/libctl.a
ctl_libctl_a_SOURCES = \
	ctl/account.c ctl/account.h \
	ctl/args.c ctl/args.h \
	ctl/ask.c ctl/ask.h \
	ctl/audit.c ctl/audit.h \
	ctl/audit_report.c \
	ctl/audit_store.c \
	ctl/build.c ctl/build.h \
	ctl/client.c ctl/client.h \
	ctl/commands.c ctl/commands.h \
	ctl/help.c \
	ctl/import.c \
	ctl/input.c ctl/input.h \
	ctl/match.c ctl/match.h \
	ctl/print.c ctl/print.h \
	ctl/progress.c ctl/progress.h \
	ctl/store.c \
	ctl/view.c ctl/view.h
# Without store.c, when a test brings its commands.
for_ctl_alone = ctl/libctl.a $(CURL_LIBS) $(for_kafka)
for_ctl = ctl/libctl.a $(CURL_LIBS) \
	host/store/libstore.a $(SQLITE_LIBS) $(MYSQL_LIBS) $(for_kafka)

bin_PROGRAMS += ontimectl
ontimectl_SOURCES = ctl/main.c
ontimectl_LDADD = $(for_ctl)
