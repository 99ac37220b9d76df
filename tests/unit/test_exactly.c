/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/unit/test_exactly.c - the exactly_once lane against a Kafka that answers
 * as it is told: every record is committed once whatever that is.
 *
 * See exactly_fake.h.
 */
#include "config.h"

#include "exactly_fake.h"

static struct rig rig;

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
