# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += host/seat/libseat.a
host_seat_libseat_a_SOURCES = \
	host/seat/beat.c \
	host/seat/hand.c \
	host/seat/internal.h \
	host/seat/rule.c host/seat/rule.h \
	host/seat/seat.c host/seat/seat.h \
	host/seat/steps.c \
	host/seat/takeover.c
