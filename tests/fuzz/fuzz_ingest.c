/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/fuzz/fuzz_ingest.c - any bytes as a message of the format "ingest".
 * What is taken has an app, an identity and a time that can be stored; what is
 * refused says why; the payload decodes again to the same bytes.
 */
#include "config.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "ingest/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static const struct app_name *known(void *arg, const char *name, size_t len)
{
    (void)arg;
    return len == 9 && memcmp(name, "sms_retry", 9) == 0 ? app_name(name, len)
                                                         : NULL;
}

static void decode(const struct format_source *src, struct span value)
{
    const struct format_input in = {.value = value, .now_ms = 1};
    struct put_item item;
    struct json *doc = NULL;
    struct err err = {0};
    int r = format_find("ingest")->decode(src, &in, &item, &err);

    if (r < 0) {
        check(r == -EINVAL && item.job == NULL);
        check(err.text[0] != '\0' && utf8_valid(err.text, strlen(err.text)));
        return;
    }
    check(item.kind == PUT_JOB && item.job->app != NULL);
    check(item.job->key.len > 0 && item.job->key.len <= STORE_KEY_MAX);
    check(item.idempotency.len <= STORE_KEY_MAX);
    check(item.job->due_ms >= 0 && item.job->due_ms <= STORE_DUE_MAX);
    check(item.job->payload.len <= value.len);
    check(json_parse(item.job->payload.data, item.job->payload.len, &doc,
                     NULL) == 0);
    json_free(&doc);
    job_free(&item.job);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct format_source plain = {.known_app = known};
    struct format_source bare = {.known_app = known,
                                 .time_field = "retryTime",
                                 .default_app = app_name_s("sms_retry")};

    decode(&plain, (struct span){data, size});
    decode(&bare, (struct span){data, size});
    return 0;
}
