# SPDX-License-Identifier: Apache-2.0
# Ingest: wire formats, and the sources that read them from Kafka.
noinst_LIBRARIES += host/ingest/libingest.a
host_ingest_libingest_a_SOURCES = \
	host/ingest/batch.c host/ingest/batch.h \
	host/ingest/dead.c host/ingest/dead.h \
	host/ingest/flow.c host/ingest/flow.h \
	host/ingest/format.c host/ingest/format.h \
	host/ingest/format_ingest.c host/ingest/format_ingest.h \
	host/ingest/ingest.c host/ingest/ingest.h \
	host/ingest/places.c host/ingest/places.h \
	host/ingest/reopen.c host/ingest/reopen.h \
	host/ingest/source.c host/ingest/source.h
