/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/match.c - how a record tells its job; see match.h.
 */
#include "config.h"

#include "match.h"

#include <errno.h>
#include <string.h>

/* What plugins of this source tree make of a job's key. */
static const struct {
    const char *plugin, *pattern;
} known[] = {
    {"sms_retry", "task-{key}"}, /* where requestId is the campaignTaskId */
};

const char *match_default(const char *plugin)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (plugin != NULL && strcmp(known[i].plugin, plugin) == 0)
            return known[i].pattern;
    return "{key}";
}

int match_parse(const char *pattern, struct match *ret, struct err *err)
{
    const char *key = strstr(pattern, "{key}"), *id = strstr(pattern, "{id}");
    const char *at = key != NULL ? key : id;
    size_t len = key != NULL ? strlen("{key}") : strlen("{id}");

    if (at == NULL || (key != NULL && id != NULL) ||
        strstr(at + len, key != NULL ? "{key}" : "{id}") != NULL)
        return err_set(err, -EINVAL,
                       "the pattern %.200s needs {key} or {id}, once", pattern);
    ret->before = (struct span){pattern, (size_t)(at - pattern)};
    ret->after = (struct span){at + len, strlen(at + len)};
    ret->by_id = key == NULL;
    return 0;
}

bool match_take(const struct match *m, struct span text, struct span *ret)
{
    const char *p = text.data;
    size_t around = m->before.len + m->after.len;

    if (p == NULL || text.len <= around ||
        memcmp(p, m->before.data, m->before.len) != 0 ||
        memcmp(p + text.len - m->after.len, m->after.data, m->after.len) != 0)
        return false;
    *ret = (struct span){p + m->before.len, text.len - around};
    return true;
}
