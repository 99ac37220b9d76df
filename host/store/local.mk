# SPDX-License-Identifier: Apache-2.0
# The durable store: interface, writer thread, backends.
noinst_LIBRARIES += host/store/libstore.a
host_store_libstore_a_SOURCES = \
	host/store/name.c \
	host/store/name.h \
	host/store/ops.h \
	host/store/rendezvous.c \
	host/store/slots.h \
	host/store/store.c \
	host/store/store.h \
	host/store/tenure.c \
	host/store/tenure.h \
	host/store/writer.c \
	host/store/writer.h \
	host/store/sqlite/apps.c \
	host/store/sqlite/apps.h \
	host/store/sqlite/change.c \
	host/store/sqlite/change.h \
	host/store/sqlite/checkpoint.c \
	host/store/sqlite/checkpoint.h \
	host/store/sqlite/chunk.c \
	host/store/sqlite/chunk.h \
	host/store/sqlite/filter.c \
	host/store/sqlite/filter.h \
	host/store/sqlite/finish.c \
	host/store/sqlite/finish.h \
	host/store/sqlite/history.c \
	host/store/sqlite/history.h \
	host/store/sqlite/look.c \
	host/store/sqlite/look.h \
	host/store/sqlite/names.c \
	host/store/sqlite/names.h \
	host/store/sqlite/order.c \
	host/store/sqlite/order.h \
	host/store/sqlite/pile.c \
	host/store/sqlite/pile.h \
	host/store/sqlite/prune.c \
	host/store/sqlite/prune.h \
	host/store/sqlite/put.c \
	host/store/sqlite/put.h \
	host/store/sqlite/radix.c \
	host/store/sqlite/radix.h \
	host/store/sqlite/row.c \
	host/store/sqlite/row.h \
	host/store/sqlite/scan.c \
	host/store/sqlite/scan.h \
	host/store/sqlite/schema.c \
	host/store/sqlite/schema.h \
	host/store/sqlite/session.c \
	host/store/sqlite/session.h \
	host/store/sqlite/slot.c \
	host/store/sqlite/slot.h \
	host/store/sqlite/sql.c \
	host/store/sqlite/sql.h \
	host/store/sqlite/sqlite.c \
	host/store/sqlite/wish.c \
	host/store/sqlite/wish.h
