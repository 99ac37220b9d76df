/* SPDX-License-Identifier: Apache-2.0
 *
 * plug/topic.c - names of topics, interned.  Any thread.
 */
#include "config.h"

#include "plug/topic.h"

#include <errno.h>
#include <string.h>

#include "base/intern.h"

#define NAME_LEN_MAX 249

static void make(void *value, const char *text, size_t len, uint32_t index)
{
    struct topic_name *name = value;

    *name = (struct topic_name){.text = text, .len = len, .index = index};
}

static intern_slot slots[INTERN_SLOTS];
static struct intern names =
    INTERN_INIT(slots, sizeof(struct topic_name), make);

int topic_name_check(const char *name, size_t len)
{
    if (!intern_plain(name, len, NAME_LEN_MAX))
        return -EINVAL;
    if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
        return -EINVAL;
    return 0;
}

const struct topic_name *topic_name(const char *name, size_t len)
{
    return topic_name_check(name, len) == 0 ? intern(&names, name, len) : NULL;
}

const struct topic_name *topic_name_s(const char *name)
{
    return name != NULL ? topic_name(name, strlen(name)) : NULL;
}
