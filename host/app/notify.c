/* SPDX-License-Identifier: Apache-2.0
 *
 * app/notify.c - telling systemd how we are; nothing without it.  Control
 * thread.
 */
#include "config.h"

#include "app/house.h"

#ifdef HAVE_LIBSYSTEMD
#include "base/clock.h"

#include <systemd/sd-daemon.h>

static void tell(const char *state)
{
    (void)sd_notify(0, state);
}

void notify_reloading(void)
{
    (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
                     (long long)(clock_mono_ns() / 1000));
}
#else
static void tell(const char *state)
{
    (void)state;
}

void notify_reloading(void)
{
}
#endif

void notify_ready(void)
{
    tell("READY=1");
}

void notify_stopping(void)
{
    tell("STOPPING=1");
}

void notify_watchdog(void)
{
    tell("WATCHDOG=1");
}
