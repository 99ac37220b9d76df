/* SPDX-License-Identifier: Apache-2.0
 *
 * job/appname.c - names of apps, interned.  Any thread.
 */
#include "config.h"

#include "job/job.h"

#include <string.h>

#include "base/intern.h"

#define NAME_LEN_MAX 64

static void make(void *value, const char *text, size_t len, uint32_t index)
{
    struct app_name *name = value;

    (void)len;
    *name = (struct app_name){.text = text, .index = index};
}

static intern_slot slots[INTERN_SLOTS];
static struct intern names = INTERN_INIT(slots, sizeof(struct app_name), make);

const struct app_name *app_name(const char *name, size_t len)
{
    return intern_plain(name, len, NAME_LEN_MAX) ? intern(&names, name, len)
                                                 : NULL;
}

const struct app_name *app_name_s(const char *name)
{
    return name != NULL ? app_name(name, strlen(name)) : NULL;
}
