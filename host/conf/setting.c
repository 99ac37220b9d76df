/* SPDX-License-Identifier: Apache-2.0
 *
 * conf/setting.c - keeping plugins' settings as text.  One thread.
 */
#include "config.h"

#include "conf/setting.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "conf/forms.h"
#include "conf/text.h"

static size_t find(const struct conf_app *app, const char *name)
{
    size_t i = 0;

    while (i < app->setting_count && strcmp(app->settings[i].name, name) != 0)
        i++;
    return i;
}

const struct conf_plugin_setting *conf_setting_find(const struct conf_app *app,
                                                    const char *name)
{
    size_t i = find(app, name);

    return i < app->setting_count ? &app->settings[i] : NULL;
}

/* What was said, as text; its kind, or 0 when it is no setting. */
static char as_text(const struct conf_raw *raw, struct buf *out)
{
    switch (raw->said) {
    case CONF_SAID_TEXT:
    case CONF_SAID_WORD:
        buf_adds(out, raw->s);
        return 's';
    case CONF_SAID_INT:
        buf_addi(out, raw->i);
        return 'i';
    case CONF_SAID_FLOAT:
        if (!isfinite(raw->f))
            return 0;
        conf_text_add_float(out, raw->f);
        return 'f';
    case CONF_SAID_BOOL:
        buf_adds(out, raw->b ? "true" : "false");
        return 'b';
    case CONF_SAID_LIST:
    case CONF_SAID_GROUP:
        break;
    }
    return 0;
}

static int put(struct conf_app *app, const char *name,
               struct conf_plugin_setting *made)
{
    size_t i = find(app, name);
    struct conf_plugin_setting *grown;

    if (i < app->setting_count) {
        made->name = app->settings[i].name;
        free(app->settings[i].value);
        app->settings[i] = *made;
        return 0;
    }
    grown = realloc(app->settings, (i + 1) * sizeof(*grown));
    if (grown == NULL)
        return -ENOMEM;
    app->settings = grown;
    made->name = strdup(name);
    if (made->name == NULL)
        return -ENOMEM;
    app->settings[app->setting_count++] = *made;
    return 0;
}

int conf_setting_set(struct conf_app *app, const char *name,
                     const struct conf_raw *raw, const struct conf_origin *at,
                     struct buf *why)
{
    struct conf_plugin_setting made = {.file = at->file, .line = at->line};
    struct buf text = BUF_INIT(1 << 20);
    const char *bad = conf_form_setting(name);
    int r = -EINVAL;

    made.kind = as_text(raw, &text);
    if (bad == NULL && made.kind == 0)
        bad = "expected a text, a number, true or false";
    if (bad == NULL && !utf8_valid(text.data, text.len))
        bad = "not valid UTF-8";
    if (bad != NULL) {
        buf_adds(why, bad);
        goto out;
    }
    r = -ENOMEM;
    made.value = buf_take(&text, NULL);
    if (made.value == NULL)
        goto out;
    r = put(app, name, &made);
    if (r == 0)
        made.value = NULL;
out:
    free(made.value);
    buf_done(&text);
    return r;
}

bool conf_setting_equal(const struct conf_app *a, const struct conf_app *b)
{
    if (a->setting_count != b->setting_count)
        return false;
    for (size_t i = 0; i < a->setting_count; i++) {
        const struct conf_plugin_setting *other =
            conf_setting_find(b, a->settings[i].name);

        if (other == NULL || strcmp(other->value, a->settings[i].value) != 0)
            return false;
    }
    return true;
}

void conf_setting_free_all(struct conf_app *app)
{
    for (size_t i = 0; i < app->setting_count; i++) {
        free(app->settings[i].name);
        free(app->settings[i].value);
    }
    free(app->settings);
    app->settings = NULL;
    app->setting_count = 0;
}
