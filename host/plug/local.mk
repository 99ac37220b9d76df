# SPDX-License-Identifier: Apache-2.0
# Plugins: loading, instances, attempts, the registry.
noinst_LIBRARIES += host/plug/libplug.a
host_plug_libplug_a_SOURCES = \
	host/plug/arena.c host/plug/arena.h \
	host/plug/attempt.c host/plug/attempt.h \
	host/plug/cell.c host/plug/cell.h \
	host/plug/crash.c host/plug/crash.h \
	host/plug/descriptor.c host/plug/descriptor.h \
	host/plug/emit.c host/plug/emit.h \
	host/plug/helper.c host/plug/helper.h \
	host/plug/host.c host/plug/host.h \
	host/plug/instance.c host/plug/instance.h \
	host/plug/nearest.c host/plug/nearest.h \
	host/plug/object.c host/plug/object.h \
	host/plug/open.c host/plug/open.h \
	host/plug/probe.c host/plug/probe.h \
	host/plug/registry.c host/plug/registry.h \
	host/plug/rundir.c host/plug/rundir.h \
	host/plug/settings.c host/plug/settings.h \
	host/plug/topic.c host/plug/topic.h \
	host/plug/value.c host/plug/value.h
