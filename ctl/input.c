/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/input.c - what the user hands in; see input.h.
 */
#include "config.h"

#include "input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int read_all(FILE *f, const char *name, struct buf *out, struct err *err)
{
    char part[16384];
    size_t n;
    int r;

    while ((n = fread(part, 1, sizeof(part), f)) > 0)
        buf_add(out, part, n);
    if (ferror(f) != 0)
        return err_sys(err, errno, "read %s", name);
    r = buf_ok(out);
    return r < 0 ? err_set(err, r, "%s is too large", name) : 0;
}

int input_data(const char *spec, struct buf *out, struct err *err)
{
    FILE *f;
    int r;

    if (spec == NULL)
        return err_set(err, -EINVAL, "--data is needed");
    if (strcmp(spec, "-") == 0 || strcmp(spec, "@-") == 0)
        return read_all(stdin, "the standard input", out, err);
    if (spec[0] != '@') {
        r = buf_adds(out, spec);
        return r < 0 ? err_set(err, r, "--data is too large") : 0;
    }
    f = fopen(spec + 1, "re");
    if (f == NULL)
        return err_sys(err, errno, "open %s", spec + 1);
    r = read_all(f, spec + 1, out, err);
    (void)fclose(f);
    return r;
}
