/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/doubt.c - has a transaction been committed?  See doubt.h.
 */
#include "config.h"

#include "commit/doubt.h"

#include "kafka/logreader.h"

#include <errno.h>
#include <string.h>

static int check(const struct doubt *d, const struct logrecord *rec,
                 int64_t seq, struct err *err)
{
    struct ledger_reader lr;
    struct ledger_head h;
    int r = ledger_parse(&lr, rec->value, &h, err);

    if (r == 0 && (strcmp(h.store_id, d->expect.store_id) != 0 ||
                   h.slot != d->expect.slot || h.writer != d->expect.writer ||
                   h.seq != seq))
        r = err_set(err, -EUCLEAN,
                    "the ledger (%s, partition %d) has a record at %lld that "
                    "is not ours: store %.40s, entry %lld where %lld was "
                    "expected; does another installation use this cluster's "
                    "name?",
                    d->topic, (int)d->expect.slot, (long long)rec->offset,
                    h.store_id, (long long)h.seq, (long long)seq);
    if (r < 0 && err != NULL)
        err->code = -EUCLEAN;
    return r < 0 ? -EUCLEAN : 0;
}

static int read_all(const struct doubt *d, struct logreader *reader,
                    int timeout_ms, int64_t *ret_next, struct err *err)
{
    struct logrecord rec;
    size_t found = 0;
    int r;

    while ((r = logreader_next(reader, timeout_ms, &rec, err)) == 1) {
        r = check(d, &rec, d->expect.seq + (int64_t)found, err);
        if (r < 0)
            return r;
        found++;
        *ret_next = rec.offset + 1;
    }
    if (r < 0)
        return r;
    if (found != 0 && found != d->records)
        return err_set(err, -EUCLEAN,
                       "the ledger (%s, partition %d) has %zu records of a "
                       "transaction that has %zu",
                       d->topic, (int)d->expect.slot, found, d->records);
    return found != 0;
}

int doubt_resolve(const struct doubt *d, int timeout_ms, int64_t *ret_next,
                  struct err *err)
{
    struct logreader *reader;
    int64_t end;
    int r = logreader_end(d->kafka, d->topic, d->expect.slot, timeout_ms, &end,
                          err);

    if (r < 0)
        return r;
    r = logreader_open(
        d->kafka, &(struct logrange){d->topic, d->expect.slot, d->from, end},
        &reader, err);
    if (r < 0)
        return r;
    r = read_all(d, reader, timeout_ms, ret_next, err);
    logreader_close(&reader);
    return r;
}
