/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_exactly.c - the exactly_once lane against a Kafka that answers
 * as it is told: every record is committed once whatever that is.
 *
 * The functions of kafka/txproducer.h and kafka/logreader.h are this file's.
 */
#include "config.h"

#include "commit_rig.h"

#include "commit/ledger.h"
#include "kafka/logreader.h"
#include "kafka/txproducer.h"
#include "store/slots.h"

enum answer {
    GOOD,
    SLOW,           /* unknown twice, then good */
    NAMED,          /* abortable, the record of `culprit` is too large */
    UNNAMED,        /* abortable, all purged */
    LOST,           /* fatal, not committed */
    LOST_COMMITTED, /* fatal, committed */
    NO_OFFSET       /* good, but no offset in the reports */
};

#define MOST 4096

static struct fake {
    pthread_mutex_t mtx;
    enum answer script[16];
    size_t at, length;
    char culprit[16];
    int slow;
    struct sent_record {
        char topic[16], key[16];
        void *opaque;
        char *ledger; /* of the ledger: its value */
        size_t len;
    } open[MOST], done[MOST];
    size_t open_count, done_count;
    unsigned begun, inits, aborted, refused_topic;
    bool dead; /* this producer */
} fake;

static struct rig rig;

struct txproducer { /* the fake's own */
    struct txproducer_settings set;
};

static char topic_names[][16] = {"ledger", "out", "dead"};

/* ---- txproducer.h ----------------------------------------------------------- */

int txproducer_open(const struct txproducer_settings *set,
                    struct txproducer **ret, struct err *err)
{
    struct txproducer *t = calloc(1, sizeof(*t));

    (void)err;
    t->set = *set;
    fake.dead = false;
    *ret = t;
    return 0;
}

static void forget_open(void)
{
    for (size_t i = 0; i < fake.open_count; i++)
        free(fake.open[i].ledger);
    fake.open_count = 0;
}

void txproducer_close(struct txproducer **pt)
{
    free(*pt);
    *pt = NULL;
    forget_open();
}

int txproducer_init(struct txproducer *t, int timeout_ms, struct err *err)
{
    (void)t;
    (void)timeout_ms;
    (void)err;
    fake.inits++;
    return 0;
}

int txproducer_topic(struct txproducer *t, const char *name, int timeout_ms,
                     struct producer_topic **ret, int32_t *ret_partitions,
                     struct err *err)
{
    (void)t;
    (void)timeout_ms;
    *ret_partitions = 1;
    for (size_t i = 0; i < 3; i++)
        if (strcmp(topic_names[i], name) == 0) {
            *ret = (struct producer_topic *)(void *)topic_names[i];
            return 0;
        }
    fake.refused_topic++;
    return err_set(err, -ENOENT, "topic %s: unknown", name);
}

enum tx_result txproducer_begin(struct txproducer *t, struct err *err)
{
    (void)t;
    (void)err;
    fake.begun++;
    return TX_OK;
}

int txproducer_send(struct txproducer *t, const struct producer_record *r,
                    struct err *err)
{
    struct sent_record *s = &fake.open[fake.open_count++];

    (void)t;
    (void)err;
    assert_true(fake.open_count < MOST && !fake.dead);
    *s = (struct sent_record){.opaque = r->opaque, .len = r->value.len};
    (void)snprintf(s->topic, sizeof(s->topic), "%s", (const char *)r->topic);
    (void)snprintf(s->key, sizeof(s->key), "%.*s", (int)r->key.len,
                   r->key.len > 0 ? (const char *)r->key.data : "");
    if (strcmp(s->topic, "ledger") == 0) {
        s->ledger = malloc(s->len);
        memcpy(s->ledger, r->value.data, s->len);
    }
    return 0;
}

int txproducer_poll(struct txproducer *t, int timeout_ms)
{
    (void)t;
    (void)timeout_ms;
    return 0;
}

static void report(struct txproducer *t, const struct sent_record *s,
                   int result, int64_t offset)
{
    const struct producer_report r = {.opaque = s->opaque,
                                      .result = result,
                                      .text = "as told",
                                      .offset = offset};

    t->set.report(t->set.arg, &r);
}

/* What was sent is there for readers; an offset each. */
static void commit_open(struct txproducer *t, bool tell, bool offsets)
{
    (void)pthread_mutex_lock(&fake.mtx);
    for (size_t i = 0; i < fake.open_count; i++) {
        assert_true(fake.done_count < MOST);
        if (tell)
            report(t, &fake.open[i], 0,
                   offsets ? (int64_t)fake.done_count : -1);
        fake.done[fake.done_count++] = fake.open[i];
    }
    fake.open_count = 0;
    (void)pthread_mutex_unlock(&fake.mtx);
}

static void report_failed(struct txproducer *t, bool named)
{
    for (size_t i = 0; i < fake.open_count; i++) {
        const struct sent_record *s = &fake.open[i];

        report(t, s,
               named && strcmp(s->key, fake.culprit) == 0 &&
                       strcmp(s->topic, "out") == 0
                   ? -EMSGSIZE
                   : -ECANCELED,
               -1);
    }
}

static bool has_culprit(void)
{
    for (size_t i = 0; i < fake.open_count; i++)
        if (strcmp(fake.open[i].key, fake.culprit) == 0 &&
            strcmp(fake.open[i].topic, "out") == 0)
            return true;
    return false;
}

static enum answer next_answer(void)
{
    enum answer a = fake.at < fake.length ? fake.script[fake.at] : GOOD;

    if (a == SLOW && fake.slow++ < 2)
        return SLOW;
    fake.slow = 0;
    /* Those about a record wait for it. */
    if (a == NAMED && !has_culprit())
        return GOOD;
    if (fake.at < fake.length)
        fake.at++;
    return a == SLOW ? GOOD : a;
}

enum tx_result txproducer_commit(struct txproducer *t, int timeout_ms,
                                 struct err *err)
{
    enum answer a = next_answer();

    (void)timeout_ms;
    switch (a) {
    case GOOD:
    case NO_OFFSET:
        commit_open(t, true, a == GOOD);
        return TX_OK;
    case SLOW:
        (void)err_again(err, -ETIMEDOUT, "slow");
        return TX_UNKNOWN;
    case NAMED:
    case UNNAMED:
        report_failed(t, a == NAMED);
        (void)err_set(err, -EMSGSIZE, "abortable");
        return TX_ABORT;
    case LOST_COMMITTED:
        commit_open(t, false, false);
        break;
    case LOST:
        break;
    }
    fake.dead = true;
    (void)err_set(err, -EIO, "fatal");
    return TX_FATAL;
}

enum tx_result txproducer_abort(struct txproducer *t, int timeout_ms,
                                struct err *err)
{
    (void)t;
    (void)timeout_ms;
    (void)err;
    fake.aborted++;
    forget_open();
    return TX_OK;
}

int txproducer_trim(struct txproducer *t, const char *topic, int32_t partition,
                    int64_t before, int timeout_ms, struct err *err)
{
    (void)t;
    (void)topic;
    (void)partition;
    (void)before;
    (void)timeout_ms;
    (void)err;
    return 0;
}

int txproducer_offset_at(struct txproducer *t, const char *topic,
                         int32_t partition, int64_t ms, int timeout_ms,
                         int64_t *ret, struct err *err)
{
    (void)t;
    (void)topic;
    (void)partition;
    (void)ms;
    (void)timeout_ms;
    (void)err;
    *ret = -1;
    return 0;
}

/* ---- logreader.h -------------------------------------------------------------- */

struct logreader {
    int64_t at, end;
};

int logreader_end(const struct kafka_settings *set, const char *topic,
                  int32_t partition, int timeout_ms, int64_t *ret,
                  struct err *err)
{
    (void)set;
    (void)topic;
    (void)partition;
    (void)timeout_ms;
    (void)err;
    (void)pthread_mutex_lock(&fake.mtx);
    *ret = (int64_t)fake.done_count;
    (void)pthread_mutex_unlock(&fake.mtx);
    return 0;
}

int logreader_open(const struct kafka_settings *set, const char *topic,
                   int32_t partition, int64_t from, int64_t end,
                   struct logreader **ret, struct err *err)
{
    (void)set;
    (void)topic;
    (void)partition;
    (void)err;
    *ret = calloc(1, sizeof(**ret));
    **ret = (struct logreader){from, end};
    return 0;
}

void logreader_close(struct logreader **pr)
{
    free(*pr);
    *pr = NULL;
}

int logreader_next(struct logreader *r, int timeout_ms, struct logrecord *ret,
                   struct err *err)
{
    (void)timeout_ms;
    (void)err;
    for (; r->at < r->end; r->at++) {
        const struct sent_record *s = &fake.done[r->at];

        if (s->ledger == NULL)
            continue;
        *ret =
            (struct logrecord){.offset = r->at, .value = {s->ledger, s->len}};
        r->at++;
        return 1;
    }
    return 0;
}

/* ---- the rig ------------------------------------------------------------------- */

static void start(void)
{
    const struct commit_settings set = {
        .kafka = &rig.kafka,
        .writer = rig.writer,
        .batch_jobs = 100,
        .linger_ms = 2,
        .inflight_records = 1000,
        .transactional_prefix = "t",
        .ledger_topic = "ledger",
        .store_id = "store",
        .transaction_jobs = 50,
        .transaction_linger_ms = 1,
        .settled = rig_settled,
        .stored = rig_stored,
        .wished = rig_wished,
        .arg = &rig,
    };
    struct err err = {0};

    if (commit_start(&set, &rig.commit, &err) < 0)
        fail_msg("%s", err.text);
}

static int setup(void **state)
{
    (void)state;
    fake = (struct fake){.slow = 0};
    (void)pthread_mutex_init(&fake.mtx, NULL);
    rig_open(&rig);
    start();
    rig.decision = (struct attempt_decision){
        .fate = ATTEMPT_SUCCEEDS, .again_ms = -1, .exactly_once = true};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_close(&rig);
    forget_open();
    for (size_t i = 0; i < fake.done_count; i++)
        free(fake.done[i].ledger);
    (void)pthread_mutex_destroy(&fake.mtx);
    return 0;
}

static const char *topic_of_jobs = "out";

static int send_one(struct fix_hook *h, const struct ontime_host *host,
                    struct ontime_instance *self, const struct ontime_job *job)
{
    const struct ontime_record r = {.topic = topic_of_jobs,
                                    .key = job->key,
                                    .value = {"hello", 5},
                                    .partition = -1};

    (void)h;
    return host->emit(self, job->token, &r) == 0 ? ONTIME_DONE : ONTIME_FAIL;
}

static struct fix_hook sends = {send_one, NULL};

static void sit(void)
{
    struct err err = {0};

    if (commit_seat(rig.commit, 0, YARD_PATIENCE_MS, &err) < 0)
        fail_msg("%s", err.text);
}

static void fire(int from, int to)
{
    char key[16];

    for (int i = from; i < to; i++) {
        (void)snprintf(key, sizeof(key), "k%d", i);
        (void)rig_job(&rig, key, &sends);
    }
}

static void drained(void)
{
    assert_int_equal(
        commit_drain(rig.commit, clock_boot_ms() + YARD_PATIENCE_MS), 0);
}

static int committed(const char *topic, const char *key)
{
    int n = 0;

    (void)pthread_mutex_lock(&fake.mtx);
    for (size_t i = 0; i < fake.done_count; i++)
        n += strcmp(fake.done[i].topic, topic) == 0 &&
             (key == NULL || strcmp(fake.done[i].key, key) == 0);
    (void)pthread_mutex_unlock(&fake.mtx);
    return n;
}

static int64_t pending(void)
{
    struct store_count c[4] = {{NULL}};
    int n = store_counts(rig.x, c, 4, NULL);

    assert_true(n >= 1);
    return c[0].pending;
}

/* Each of n jobs once in Kafka, none left; the position behind the ledger. */
static void all_once(int n)
{
    struct store_slot slot;
    struct ledger_head h;
    struct ledger_reader r;
    int64_t seq = 0;
    char key[16];

    drained();
    for (int i = 0; i < n; i++) {
        (void)snprintf(key, sizeof(key), "k%d", i);
        if (committed("out", key) != 1)
            fail_msg("%s: %d times", key, committed("out", key));
    }
    assert_int_equal(pending(), 0);
    assert_int_equal(store_slots(rig.x, &slot, 1, NULL), 1);
    for (size_t i = 0; i < fake.done_count; i++) {
        if (fake.done[i].ledger == NULL)
            continue;
        assert_int_equal(
            ledger_parse(&r,
                         (struct span){fake.done[i].ledger, fake.done[i].len},
                         &h, NULL),
            0);
        assert_int_equal(h.seq, ++seq); /* without a gap */
        assert_true((int64_t)i < slot.ledger_pos);
    }
    assert_int_equal(slot.ledger_seq, seq);
}

static void script(size_t n, const enum answer *a)
{
    memcpy(fake.script, a, n * sizeof(*a));
    fake.at = 0;
    fake.length = n;
}
#define SCRIPT(...)                                                            \
    script(sizeof((enum answer[]){__VA_ARGS__}) / sizeof(enum answer),         \
           (const enum answer[]){__VA_ARGS__})

/* ---- cases ------------------------------------------------------------------------ */

static void works_wait_for_the_seat(void **state)
{
    struct commit_view v;

    (void)state;
    fire(0, 20);
    commit_look(rig.commit, &v);
    assert_int_equal(v.exactly, EXACTLY_OFF);
    assert_int_equal(v.unsettled, 20);
    sit();
    all_once(20);
    assert_int_equal(fake.inits, 1);
}

static void many_share_a_transaction(void **state)
{
    (void)state;
    fire(0, 120);
    sit();
    all_once(120);
    assert_true(fake.begun >= 3 && fake.begun < 20);
}

static void an_undecided_commit_is_asked_again(void **state)
{
    (void)state;
    SCRIPT(SLOW, GOOD, SLOW);
    sit();
    fire(0, 30);
    all_once(30);
    assert_int_equal(fake.inits, 1);
}

static void a_culprit_dies_and_the_others_go(void **state)
{
    (void)state;
    SCRIPT(NAMED);
    (void)snprintf(fake.culprit, sizeof(fake.culprit), "k7");
    rig.decision.dead_letters = topic_name_s("dead");
    fire(0, 20);
    sit();
    drained();
    assert_int_equal(committed("out", "k7"), 0);
    assert_int_equal(committed("dead", "k7"), 1);
    assert_int_equal(committed("out", NULL), 19);
    assert_int_equal(committed("dead", NULL), 1);
    assert_int_equal(pending(), 0);
    assert_int_equal(fake.aborted, 1);
}

static void aborts_that_name_nobody_are_tried_again(void **state)
{
    (void)state;
    SCRIPT(UNNAMED, UNNAMED, UNNAMED, UNNAMED, UNNAMED);
    fire(0, 20);
    sit();
    all_once(20);
    assert_int_equal(fake.aborted, 5);
}

static void a_lost_producer_sends_again_what_is_not_there(void **state)
{
    (void)state;
    SCRIPT(LOST, GOOD, LOST, LOST);
    fire(0, 20);
    sit();
    fire(20, 60);
    all_once(60);
    assert_int_equal(fake.inits, 4);
}

static void a_lost_producer_does_not_send_what_is_there(void **state)
{
    (void)state;
    SCRIPT(LOST_COMMITTED, GOOD, LOST_COMMITTED, LOST, LOST_COMMITTED);
    fire(0, 20);
    sit();
    fire(20, 90);
    all_once(90);
}

static void an_offset_that_is_not_told_is_looked_up(void **state)
{
    (void)state;
    SCRIPT(NO_OFFSET, GOOD, NO_OFFSET);
    fire(0, 10);
    sit();
    fire(10, 40);
    all_once(40);
}

static void a_topic_that_nobody_has_fails_its_job_only(void **state)
{
    (void)state;
    sit();
    topic_of_jobs = "nowhere";
    fire(100, 101);
    topic_of_jobs = "out";
    fire(0, 10);
    drained();
    assert_int_equal(committed("out", NULL), 10);
    assert_int_equal(committed("nowhere", NULL), 0);
    assert_int_equal(fake.refused_topic, 1);
    assert_int_equal(fake.aborted, 0);
    assert_int_equal(pending(), 0); /* no policy of retries: dead */
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
        CASE(works_wait_for_the_seat),
        CASE(many_share_a_transaction),
        CASE(an_undecided_commit_is_asked_again),
        CASE(a_culprit_dies_and_the_others_go),
        CASE(aborts_that_name_nobody_are_tried_again),
        CASE(a_lost_producer_sends_again_what_is_not_there),
        CASE(a_lost_producer_does_not_send_what_is_there),
        CASE(an_offset_that_is_not_told_is_looked_up),
        CASE(a_topic_that_nobody_has_fails_its_job_only),
    };

    yard_probe(argc, argv);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
