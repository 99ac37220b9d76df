# SPDX-License-Identifier: Apache-2.0
# An SMS service that works with ontime, as an example; not installed.
noinst_PROGRAMS += examples/sms_loop/sms-loop
examples_sms_loop_sms_loop_SOURCES = examples/sms_loop/sms_loop.c
examples_sms_loop_sms_loop_LDADD = $(rdkafka_libs) $(CJSON_LIBS)
