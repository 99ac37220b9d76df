/* SPDX-License-Identifier: Apache-2.0
 *
 * ctl/store.c - commands that work on a store themselves: see commands.h.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "base/clock.h"
#include "print.h"
#include "progress.h"
#include "store/move.h"

#define DEFAULT_STORE "sqlite:" ONTIME_LOCALSTATEDIR "/ontime.db"

static const char *opt(const struct ctl *c, enum opt o)
{
    return c->args->opt[o];
}

/* The store that is meant: --store, the daemon's own variable, its default. */
static const char *store_url(const struct ctl *c)
{
    const char *url = opt(c, OPT_STORE);

    if (url == NULL || *url == '\0')
        url = getenv("ONTIME_STORE__URL");
    return url != NULL && *url != '\0' ? url : DEFAULT_STORE;
}

/* ---- backup ---------------------------------------------------------------- */

static int backup_rate(const struct ctl *c, int64_t *ret, struct err *err)
{
    const char *text = opt(c, OPT_RATE);
    char *end;
    double mb;

    *ret = 0;
    if (text == NULL)
        return 0;
    mb = strtod(text, &end);
    if (end == text || *end != '\0' || !(mb >= 0.001) || mb > 1e6)
        return err_set(err, -EINVAL,
                       "--rate %.32s is not a number of megabytes a second",
                       text);
    *ret = (int64_t)(mb * 1e6);
    return 0;
}

static int verify(struct ctl *c, const char *path, const struct move_tell *tell,
                  struct err *err)
{
    struct buf url = BUF_INIT(8192);
    struct check_result found;
    int r;

    buf_adds(&url, "sqlite:");
    buf_adds(&url, path);
    if (buf_cstr(&url) == NULL)
        r = err_again(err, -ENOMEM, "no memory");
    else
        r = store_check(url.data, tell, &found, err);
    buf_done(&url);
    if (r < 0)
        return err_wrap(err, "%s", path);
    (void)fprintf(c->out,
                  "verified: sound; %" PRId64 " live jobs, %" PRId64
                  " executions, %" PRId64 " source positions\n",
                  found.jobs, found.executions, found.positions);
    return 0;
}

enum ctl_exit run_backup(struct ctl *c)
{
    struct backup_request q = {.url = store_url(c),
                               .path = c->args->operand[0]};
    int64_t began = clock_boot_ms();
    char size[PROGRESS_SIZE], took[PRINT_TIME];
    struct progress progress;
    uint64_t bytes = 0;
    struct err err;
    int r;

    if (backup_rate(c, &q.rate, &err) < 0)
        return ask_usage(c, &err);
    progress_begin(&progress, c->err);
    q.tell = (struct move_tell){progress_tell, &progress};
    r = store_backup(&q, &bytes, &err);
    progress_end(&progress);
    if (r < 0)
        return ask_failed(c, &err);
    progress_bytes(bytes, size);
    print_duration(clock_boot_ms() - began, took);
    (void)fprintf(c->out, "%s: %s in %s\n", q.path, size, took);
    if (opt(c, OPT_VERIFY) == NULL)
        return CTL_OK;
    progress_begin(&progress, c->err);
    r = verify(c, q.path, &q.tell, &err);
    progress_end(&progress);
    return r < 0 ? ask_failed(c, &err) : CTL_OK;
}

/* ---- convert ------------------------------------------------------------------ */

enum ctl_exit run_convert(struct ctl *c)
{
    struct convert_request q = {.from = c->args->operand[0],
                                .to = c->args->operand[1],
                                .dry_run = opt(c, OPT_DRY_RUN) != NULL};
    int64_t began = clock_boot_ms();
    struct convert_result done;
    struct progress progress;
    char took[PRINT_TIME];
    struct err err;
    int r;

    progress_begin(&progress, c->err);
    q.tell = (struct move_tell){progress_tell, &progress};
    r = store_convert(&q, &done, &err);
    progress_end(&progress);
    if (r < 0)
        return ask_failed(c, &err);
    print_duration(clock_boot_ms() - began, took);
    (void)fprintf(c->out, "store %s\n", done.id);
    for (int k = MOVE_SLOT; k < MOVE_KINDS; k++)
        (void)fprintf(c->out, "%10" PRIu64 " %s\n", done.rows[k],
                      move_kind_name((enum move_kind)k));
    if (q.dry_run)
        (void)fputs("nothing was written (--dry-run)\n", c->out);
    else
        (void)fprintf(c->out, "converted and compared in %s\n", took);
    return CTL_OK;
}

/* ---- slots ------------------------------------------------------------------ */

static void add_slot(struct table *t, const struct store_slot *s,
                     const int32_t *owners, int shards)
{
    char slot[16], epoch[24], beat[24], held[16], pos[24], seq[24];
    int n = 0;

    for (int i = 0; i < shards; i++)
        n += owners[i] == s->slot;
    (void)snprintf(slot, sizeof(slot), "%" PRId32, s->slot);
    (void)snprintf(epoch, sizeof(epoch), "%" PRId64, s->epoch);
    (void)snprintf(beat, sizeof(beat), "%" PRId64, s->beat);
    (void)snprintf(held, sizeof(held), "%d", n);
    (void)snprintf(pos, sizeof(pos), "%" PRId64, s->ledger_pos);
    (void)snprintf(seq, sizeof(seq), "%" PRId64, s->ledger_seq);
    table_add(t, (const char *const[]){
                     slot, s->owned ? "owned" : "free",
                     s->owner[0] != '\0' ? s->owner : NULL, epoch, beat, held,
                     s->ledger_used ? pos : NULL, s->ledger_used ? seq : NULL});
}

static int print_slots(struct ctl *c, struct store_session *x, struct err *err)
{
    static const char *const names[] = {">slot",   "state",   "instance",
                                        ">epoch",  ">beat",   ">shards",
                                        ">ledger", ">entries"};
    struct store_slot slots[STORE_SLOTS_MOST];
    int32_t owners[STORE_SHARDS_MOST];
    struct table t;
    int n, shards, nobodys = 0;

    n = store_slots(x, slots, STORE_SLOTS_MOST, err);
    if (n < 0)
        return n;
    shards = store_shard_owners(x, owners, STORE_SHARDS_MOST, err);
    if (shards < 0)
        return shards;
    table_init(&t, names, sizeof(names) / sizeof(names[0]));
    for (int i = 0; i < n; i++)
        add_slot(&t, &slots[i], owners, shards);
    table_print(&t, c->out, true);
    table_done(&t);
    for (int i = 0; i < shards; i++)
        nobodys += owners[i] == STORE_NO_SLOT;
    if (nobodys > 0)
        (void)fprintf(c->out, "%d of %d shards are nobody's\n", nobodys,
                      shards);
    return 0;
}

enum ctl_exit run_slots(struct ctl *c)
{
    const struct store_settings set = {
        .use = STORE_LOOK, .url = store_url(c), .instance_id = "ontimectl"};
    struct store_session *x = NULL;
    struct store *s = NULL;
    struct err err;
    int r;

    r = store_open(&set, &s, &err);
    if (r == 0)
        r = store_session_open(s, false, &x, &err);
    if (r == 0)
        r = print_slots(c, x, &err);
    store_session_close(&x);
    store_close(&s);
    return r < 0 ? ask_failed(c, &err) : CTL_OK;
}
