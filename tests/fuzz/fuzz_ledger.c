/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/fuzz/fuzz_ledger.c - any bytes as a record of the ledger.
 */
#include "config.h"

#include <stddef.h>
#include <stdint.h>

#include "commit/ledger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ledger_reader r;
    struct ledger_head h;
    struct ledger_entry e;
    struct ledger_follow_up f;
    struct err err;

    if (ledger_parse(&r, (struct span){data, size}, &h, &err) < 0)
        return 0;
    while (ledger_next(&r, &e, &err) == 1)
        while (ledger_follow_up(&e, &f, &err) == 1)
            ;
    return 0;
}
