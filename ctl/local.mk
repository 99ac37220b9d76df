# SPDX-License-Identifier: Apache-2.0
#
# ontimectl.  All but main is a library, for the unit tests.
noinst_LIBRARIES += ctl/libctl.a
ctl_libctl_a_SOURCES = \
	ctl/args.c ctl/args.h \
	ctl/build.c ctl/build.h \
	ctl/client.c ctl/client.h \
	ctl/commands.c ctl/commands.h \
	ctl/help.c \
	ctl/input.c ctl/input.h \
	ctl/print.c ctl/print.h \
	ctl/view.c ctl/view.h
for_ctl = ctl/libctl.a $(CURL_LIBS) $(for_job)

bin_PROGRAMS += ontimectl
ontimectl_SOURCES = ctl/main.c
ontimectl_LDADD = $(for_ctl)
