# SPDX-License-Identifier: Apache-2.0
# Ingest: wire formats, and the sources that read them from Kafka.
noinst_LIBRARIES += host/ingest/libingest.a
host_ingest_libingest_a_SOURCES = \
	host/ingest/format.c host/ingest/format.h \
	host/ingest/format_ingest.c host/ingest/format_ingest.h
