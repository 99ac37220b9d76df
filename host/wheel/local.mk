# SPDX-License-Identifier: Apache-2.0
# Timers by due time.
noinst_LIBRARIES += host/wheel/libwheel.a
host_wheel_libwheel_a_SOURCES = \
	host/wheel/wheel.c \
	host/wheel/wheel.h
