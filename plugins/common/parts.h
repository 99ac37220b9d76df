/* SPDX-License-Identifier: Apache-2.0
 *
 * parts.h - what a template is made of; for template.c and render.c alone.
 */
#ifndef PLUGINS_COMMON_PARTS_H
#define PLUGINS_COMMON_PARTS_H

#include "common/template.h"

enum builtin {
    BUILTIN_ID,
    BUILTIN_APP,
    BUILTIN_KEY,
    BUILTIN_ATTEMPT,
    BUILTIN_VERSION,
    BUILTIN_DUE,
    BUILTIN_SCHEDULED,
    BUILTIN_NOW,
    BUILTIN_IDEMPOTENCY,
    BUILTIN_PAYLOAD,
    BUILTINS
};

/* A text, or a place for a value. */
struct part {
    char *literal; /* NULL: a place */
    size_t len;
    char *name; /* as written, for messages */
    char *path; /* behind the first name: "b.c" of a.b.c; NULL: none */
    int field;  /* among the fields; -1: a builtin */
    int builtin;
    bool optional;
    bool quoted; /* between the quotes of a JSON text */
    bool first;  /* nothing stands before it */
};

struct template
{
    enum template_kind kind;
    struct part *part;
    size_t count;
};

#endif
