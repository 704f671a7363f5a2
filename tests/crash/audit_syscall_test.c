// Audit dies at every write system call of what it does with a log that others follow: it takes a
// batch in, its followers make something of it, a durable consumer acknowledges it, a webhook is
// told of it, old entries are pruned, and a user's details are erased. Each time the store opens,
// the checkpoint states the tree, everything is whole or not there, what was answered is there, and
// what is done anew afterwards ends where an undisturbed run ends.
#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/audit/check.h"
#include "services/audit/consumers.h"
#include "services/audit/retention.h"
#include "services/audit/store_consumer.h"
#include "services/audit/store_inbox.h"
#include "services/audit/webhook_settle.h"
#include "services/audit/webhooks.h"
#include "tests/crash/death.h"
#include "tests/support/web_peer.h"
#include "tests/unit/audit/newsroom.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define ASHA NEWSROOM_USER(1)
#define BINOD NEWSROOM_USER(2)

enum {
    ASHA_ID = 1,
    BINOD_ID = 2,
    ASHA_ACCOUNT = 0x11,
    BINOD_ACCOUNT = 0x12,
    DAYS_KEPT = 10,
    OLD = 6 * 256,      // Entries that are to be pruned: more than one step's,
    BEFORE = OLD + 560, // of so many that there are, and their details are erased in two steps.
    BATCH = 40,         // So many come.
    FIRST = BEFORE + 1, // The batch's first index: one entry wakes everybody before.
    SIZE = FIRST + BATCH,
    PAYMENT = FIRST + 17,
    ERASED_FIRST = 500, // By the first step.
    ERASED_ALL = SIZE - OLD,
    TELL_MAX = 1000,
    ARENA_BYTES = 1 << 20,
    WAIT_TRIES = 20000,
    TURN_MS = 20,
};

/// What is told, one after the other.
enum { TOLD_BATCH = 1, TOLD_FOLLOWED, TOLD_ACK, TOLD_WEBHOOK, TOLD_PRUNED, TOLD_ERASED, TOLD_ALL };

// ---- The receiver: a process of its own that outlives those who die --------------------------

struct received {
    atomic_uint port;
    atomic_uint letters[SIZE]; // By index.
    char id[SIZE][128];
    atomic_bool has_other_id;
};

static struct received *received; // Shared.
static pid_t receiver;

static struct web_answer receive(void *context, size_t number, const struct web_received *request)
{
    (void)context;
    (void)number;
    static const char before[] = "\"index\":\"";
    char id[128] = "";
    const char *text = strstr(request->body, before);
    CHECK(text != NULL);
    unsigned long index = strtoul(text + sizeof before - 1, NULL, 10);
    CHECK(index < SIZE);
    web_received_header(request, "webhook-id", id, sizeof id);
    if (received->id[index][0] == '\0')
        memcpy(received->id[index], id, sizeof id);
    else if (strcmp(received->id[index], id) != 0)
        atomic_store(&received->has_other_id, true);
    atomic_fetch_add(&received->letters[index], 1);
    return (struct web_answer){"204 No Content", "", NULL};
}

static void run_receiver(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    struct web_peer *web = web_peer_open(NULL);
    web_peer_set_answerer(web, receive, NULL);
    atomic_store(&received->port, web_peer_port(web));
    for (;;)
        pause();
}

static void start_receiver(void)
{
    received =
        mmap(NULL, sizeof *received, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(received != MAP_FAILED);
    receiver = fork();
    assert_true(receiver >= 0);
    if (receiver == 0) run_receiver();
    while (atomic_load(&received->port) == 0)
        usleep(1000);
}

// ---- The stage -----------------------------------------------------------------------------

struct stage {
    char original[FIXTURE_PATH_BYTES]; // The store as each run finds it, closed.
    uint64_t now_ns, seq;
    struct news batch[BATCH];
    struct id128 webhook_id;
};

static struct stage stage;

static struct status floor_of(void *context, struct store_txn *txn, uint64_t *ret)
{
    (void)context;
    size_t count;
    uint64_t cursor;
    RETURN_IF_ERROR(audit_store_consumer_floor(txn, ret, &count));
    RETURN_IF_ERROR(audit_follower_cursor(txn, AUDIT_INBOX_FOLLOWER, &cursor));
    if (cursor < *ret) *ret = cursor;
    return STATUS_SUCCESS;
}

/// open_parts: the log is open, its followers are not started yet or run.
static void open_parts(void)
{
    struct audit_context *context = &newsroom.context;
    const struct audit_webhooks_config config = {
        .store = newsroom.fixture->store,
        .tail = context->service.tail,
        .keys_directory = newsroom.fixture->keys_path,
        .private_addresses = true,
        .plain_http = true,
        .tls_ca_file = "",
        .timeout_ms = 20000,
    };
    assert_status_ok(audit_consumers_open(&context->service, &context->consumers));
    assert_status_ok(audit_webhooks_open(&config, &context->webhooks));
    context->retention = audit_retention_open(&context->service, DAYS_KEPT);
    audit_retention_add_floor(context->retention, floor_of, NULL);
    audit_retention_add_floor(context->retention, audit_webhook_floor, NULL);
}

static void close_parts(void)
{
    struct audit_context *context = &newsroom.context;
    audit_tail_stop(context->service.tail);
    audit_followers_stop(context->followers);
    store_close(&newsroom.fixture->store); // Before the parts, as the daemon does.
    audit_retention_close(&context->retention);
    audit_webhooks_close(&context->webhooks);
    audit_consumers_close(&context->consumers);
    audit_followers_close(&context->followers);
    audit_reports_close(&context->reports);
    close_log(newsroom.fixture);
}

static void be_in(const char *directory)
{
    struct fixture *fixture = newsroom.fixture;
    snprintf(fixture->directory, sizeof fixture->directory, "%.240s", directory);
    snprintf(fixture->store_path, sizeof fixture->store_path, "%.240s/store", directory);
    snprintf(fixture->keys_path, sizeof fixture->keys_path, "%.240s", directory);
}

static struct news filler(uint64_t time_ns)
{
    return (struct news){.type = "auth.login.failed",
                         .actor = ASHA,
                         .subject = ASHA,
                         .client_ip = "203.0.113.7",
                         .outcome = "refused",
                         .time_ns = time_ns,
                         .visible_to = {ASHA}};
}

static struct news payment(uint64_t time_ns)
{
    return (struct news){
        .type = "ledger.transfer.created",
        .actor = ASHA,
        .subject = "transfers/x",
        .time_ns = time_ns,
        .visible_to = {ASHA, BINOD},
        .payload = newsroom_transfer(id_of(ASHA_ACCOUNT), id_of(BINOD_ACCOUNT), "INR", 990)};
}

/// tell_beginning: two payments just below the limit; one more is a finding.
static void tell_beginning(void)
{
    static struct news news[BEFORE];
    uint64_t old_ns = stage.now_ns - 2 * DAYS_KEPT * AUDIT_RETENTION_DAY_NS;
    for (size_t i = 0; i < BEFORE; i++)
        news[i] = filler(i < OLD ? old_ns : stage.now_ns);
    news[0].type = news[1].type = "ledger.account.created";
    news[0].payload = newsroom_account(id_of(ASHA_ACCOUNT), newsroom_user(ASHA_ID));
    news[1].payload = newsroom_account(id_of(BINOD_ACCOUNT), newsroom_user(BINOD_ID));
    news[OLD + 20] = news[OLD + 40] = payment(stage.now_ns);
    for (size_t told = 0; told < BEFORE; told += TELL_MAX)
        newsroom_tell(news + told, BEFORE - told < TELL_MAX ? BEFORE - told : TELL_MAX);
    newsroom_settle();
}

static struct status run_create(struct store_txn *txn, void *context)
{
    char url[64], secret[AUDIT_WEBHOOK_SECRET_TEXT_BYTES];
    struct bytes type = bytes_of_text("ledger.transfer.*");
    struct audit_webhook_view view;
    snprintf(url, sizeof url, "http://127.0.0.1:%u/in", atomic_load(&received->port));
    const struct audit_webhook_asked asked = {.has_url = true,
                                              .has_types = true,
                                              .url = bytes_of_text(url),
                                              .types = &type,
                                              .type_count = 1};
    RETURN_IF_ERROR(audit_webhook_create(&newsroom.context.webhooks->rules, txn, &asked,
                                         bytes_of_text("users/ops"), stage.now_ns, &view, secret,
                                         context));
    stage.webhook_id = view.webhook.id;
    return STATUS_SUCCESS;
}

static void make_subscribers(void)
{
    Audit__CreateConsumerRequest request = AUDIT__CREATE_CONSUMER_REQUEST__INIT;
    const void *reply;
    struct arena *arena = arena_open(ARENA_BYTES);
    assert_status_ok(store_write_wait(newsroom.fixture->store, run_create, arena));
    arena_close(&arena);
    request.name = text_of("reader");
    request.start = AUDIT__CONSUMER_START__LAST;
    assert_status_ok(newsroom_call(AUDIT_CREATE_CONSUMER, ID128_NIL, &request, &reply));
}

static int set_up(void **state)
{
    start_receiver(); // Before there is any thread.
    newsroom_setup(state);
    stage.now_ns = clock_wall_ns();
    open_parts();
    tell_beginning();
    make_subscribers();
    stage.seq = newsroom.seq;
    for (size_t i = 0; i < BATCH; i++)
        stage.batch[i] = filler(stage.now_ns);
    stage.batch[PAYMENT - FIRST] = payment(stage.now_ns);
    snprintf(stage.original, sizeof stage.original, "%s", newsroom.fixture->directory);
    close_parts();
    return 0;
}

static int tear_down(void **state)
{
    kill(receiver, SIGKILL);
    assert_int_equal(waitpid(receiver, NULL, 0), receiver);
    be_in(stage.original);
    return newsroom_teardown(state);
}

// ---- What is done --------------------------------------------------------------------------

static uint64_t commits(void)
{
    struct store_stats stats;
    store_get_stats(newsroom.fixture->store, &stats);
    return stats.commits;
}

/// Without looking into the store: pages that a reader holds would make every run different.
static void wait_for_commits(uint64_t count)
{
    for (int i = 0; commits() < count; i++) {
        if (i == WAIT_TRIES) fail_msg("nobody followed");
        usleep(1000);
    }
}

static void take_batch(void)
{
    newsroom.seq = stage.seq + 1;
    newsroom_tell(stage.batch, BATCH);
}

static void consume(void)
{
    Audit__FetchRequest fetch = AUDIT__FETCH_REQUEST__INIT;
    Audit__AckRequest ack = AUDIT__ACK_REQUEST__INIT;
    const Audit__FetchResponse *reply;
    const void *unused;
    fetch.name = ack.name = text_of("reader");
    fetch.restart = true;
    assert_status_ok(newsroom_call(AUDIT_FETCH, ID128_NIL, &fetch, (const void **)&reply));
    ack.upto = reply->ack_upto;
    if (reply->n_deliveries == 0) return;
    for (size_t i = 0; i < reply->n_deliveries; i++) // All there is, behind what is acknowledged.
        assert_int_equal(reply->deliveries[i]->event->index, reply->from_index + i);
    assert_int_equal(ack.upto, SIZE - 1);
    assert_status_ok(newsroom_call(AUDIT_ACK, ID128_NIL, &ack, &unused));
}

static void deliver(void)
{
    struct audit_webhook_worker *worker = newsroom.context.webhooks->worker;
    for (int i = 0; i < WAIT_TRIES; i++) {
        uint64_t wait_ms = audit_webhook_worker_turn(worker, stage.now_ns);
        if (wait_ms > 0 && audit_webhook_worker_in_flight(worker) == 0) return;
        audit_webhook_worker_wait(worker, -1, wait_ms < TURN_MS ? wait_ms : TURN_MS);
    }
    fail_msg("the message never arrived");
}

static void prune(void)
{
    uint64_t pruned;
    assert_status_ok(audit_retention_run(newsroom.context.retention, stage.now_ns, &pruned));
}

static void erase(void)
{
    Audit__EraseUserDetailsRequest request = AUDIT__ERASE_USER_DETAILS_REQUEST__INIT;
    const Audit__EraseUserDetailsResponse *reply;
    struct id128 user_id = newsroom_user(ASHA_ID);
    request.user_id = (ProtobufCBinaryData){.data = user_id.bytes, .len = ID128_BYTES};
    request.reason = text_of("asked for it");
    do { // Each call has time for a step.
        assert_status_ok(
            newsroom_call(AUDIT_ERASE_USER_DETAILS, ID128_NIL, &request, (const void **)&reply));
    } while (!reply->done);
}

/// start opens everything; the entry that comes then has been followed when it returns.
static void start(void)
{
    newsroom_start();
    open_parts();
    newsroom.seq = stage.seq;
    const struct news first = filler(stage.now_ns);
    newsroom_tell(&first, 1);
    newsroom_settle();
}

static void live(void *context)
{
    (void)context;
    start();
    uint64_t before = commits();
    death_arm();
    take_batch();
    death_tell();
    wait_for_commits(before + 2);
    death_tell();
    consume();
    death_tell();
    deliver();
    death_tell();
    prune();
    death_tell();
    erase();
    death_tell();
}

// ---- What is found -------------------------------------------------------------------------

struct found {
    uint64_t size, cursor, counted, acknowledged, first;
    size_t findings, notices, erased;
    enum audit_delivery_state delivery; // 0: there is none.
};

static uint64_t cursor_of_all(struct store_txn *txn)
{
    static const char *const names[] = {AUDIT_COUNTS_FOLLOWER, AUDIT_SUSPICION_FOLLOWER,
                                        AUDIT_INBOX_FOLLOWER};
    uint64_t cursors[ROWS(names)];
    for (size_t i = 0; i < ROWS(names); i++)
        assert_status_ok(audit_follower_cursor(txn, names[i], &cursors[i]));
    assert_int_equal(cursors[0], cursors[1]); // One commit for all.
    assert_int_equal(cursors[0], cursors[2]);
    return cursors[0];
}

static uint64_t count_all(struct store_txn *txn)
{
    CLEANUP(audit_store_counts_close) struct audit_count_walk walk;
    uint64_t total = 0;
    audit_store_counts_open(txn, 0, UINT64_MAX, &walk);
    for (;;) {
        struct audit_count_key key;
        uint64_t count;
        bool more;
        assert_status_ok(audit_store_counts_next(&walk, &key, &count, &more));
        if (!more) return total;
        total += count;
    }
}

static size_t count_findings(struct store_txn *txn)
{
    CLEANUP(audit_store_findings_close) struct audit_finding_walk walk;
    size_t count = 0;
    audit_store_findings_open(txn, UINT64_MAX, &walk);
    for (;;) {
        struct audit_finding finding;
        bool more;
        assert_status_ok(audit_store_findings_next(&walk, &finding, &more));
        if (!more) return count;
        if (finding.rule != AUDIT_RULE_STRUCTURING) continue;
        assert_int_equal(finding.count, 3);
        count++;
    }
}

static void find_subscribers(struct store_txn *txn, struct found *found)
{
    struct audit_inbox_counts counts;
    struct audit_consumer consumer;
    struct audit_delivery delivery;
    struct audit_delivery_text text;
    struct audit_webhook_progress progress;
    assert_status_ok(audit_store_get_inbox_counts(txn, newsroom_user(BINOD_ID), &counts));
    found->notices = counts.total;
    assert_status_ok(audit_store_get_consumer(txn, bytes_of_text("reader"), &consumer));
    found->acknowledged = consumer.acknowledged;
    struct status status =
        audit_store_get_delivery(txn, stage.webhook_id, PAYMENT, &delivery, &text);
    found->delivery = status_ok(status) ? delivery.state : 0;
    // Its place in the log and the message are one commit.
    assert_status_ok(audit_store_get_progress(txn, stage.webhook_id, &progress));
    assert_int_equal(progress.next_index > PAYMENT, found->delivery != 0);
    assert_int_equal(progress.waiting, found->delivery == AUDIT_DELIVERY_WAITING);
    assert_int_equal(progress.ended, found->delivery == AUDIT_DELIVERY_DELIVERED);
}

/// look reads the store as it is, of a log that is open and followed by nobody.
static struct found look(const char *how)
{
    static struct audit_check check;
    struct found found = {.size = log_size(newsroom.fixture)};
    struct store_txn *txn = begin(newsroom.fixture);
    assert_status_ok(audit_store_first_index(txn, &found.first));
    assert_status_ok(audit_check_entries(txn, 0, UINT64_MAX, &check));
    if (check.finding_count > 0)
        fail_msg("%s: entry %llu: %s", how, (unsigned long long)check.findings[0].index,
                 check.findings[0].what);
    assert_int_equal(check.next_index, found.size);
    assert_int_equal(check.pruned, found.first);
    found.erased = check.erased;
    found.cursor = cursor_of_all(txn);
    found.counted = count_all(txn);
    found.findings = count_findings(txn);
    find_subscribers(txn, &found);
    store_snapshot_end(&txn);
    return found;
}

#define EXPECT(holds_)                                                                             \
    if (!(holds_)) fail_msg("%s, told %u: not %s", how, told, #holds_)

/// check_whole: each thing is there or not, with all that belongs to it; what was told is there.
static void check_whole(const struct found *found, unsigned told, const char *how)
{
    bool has_batch = found->size == SIZE, is_followed = found->cursor == SIZE;
    bool is_pruned = found->first == OLD, is_erased = found->erased == ERASED_ALL;
    struct audit_mark mark;
    struct store_txn *txn = begin(newsroom.fixture);
    assert_status_ok(audit_store_get_mark(txn, "test", &mark));
    store_snapshot_end(&txn);
    EXPECT(has_batch || found->size == FIRST);
    EXPECT(mark.seq == found->size);
    EXPECT(is_followed || found->cursor == FIRST);
    EXPECT(found->counted == found->cursor);
    EXPECT(found->findings == is_followed);
    EXPECT(newsroom_told("audit.suspicion.found") == found->findings);
    EXPECT(found->notices == (is_followed ? 3 : 2));
    EXPECT(found->acknowledged == SIZE || found->acknowledged == BEFORE);
    EXPECT(is_pruned || found->first == 0 || found->first == AUDIT_RETENTION_STEP * 256);
    EXPECT(newsroom_told("audit.log.pruned") == is_pruned);
    EXPECT(is_erased || found->erased == 0 || found->erased == ERASED_FIRST);
    EXPECT(newsroom_told("audit.details.erased") == (size_t)(found->erased > 0) + is_erased);
    EXPECT(found->delivery != AUDIT_DELIVERY_DELIVERED ||
           atomic_load(&received->letters[PAYMENT]) > 0);
    EXPECT(told < TOLD_BATCH || has_batch);
    EXPECT(told < TOLD_FOLLOWED || is_followed);
    EXPECT(told < TOLD_ACK || found->acknowledged == SIZE);
    EXPECT(told < TOLD_WEBHOOK || found->delivery == AUDIT_DELIVERY_DELIVERED);
    EXPECT(told < TOLD_PRUNED || is_pruned);
    EXPECT(told < TOLD_ERASED || is_erased);
}

// ---- Playing -------------------------------------------------------------------------------

static void prepare(void *context)
{
    (void)context;
    char directory[FIXTURE_PATH_BYTES];
    snprintf(directory, sizeof directory, "%.200s-run", stage.original);
    directory_copy(stage.original, directory);
    be_in(directory);
    memset(received->id, 0, sizeof received->id);
    for (size_t i = 0; i < SIZE; i++)
        atomic_store(&received->letters[i], 0);
}

/// judge looks at what is left, and then does everything that is not done.
static void judge(void *context, unsigned told, const char *how)
{
    (void)context;
    assert_status_ok(open_log(newsroom.fixture, ORIGIN));
    struct found found = look(how);
    check_whole(&found, told, how);

    unsigned letters = atomic_load(&received->letters[PAYMENT]);
    newsroom_start();
    open_parts();
    take_batch(); // Its source tells it again, whether it is there or not.
    newsroom_settle();
    consume();
    deliver();
    prune();
    if (found.erased < ERASED_ALL) erase();
    bool was_delivered = found.delivery == AUDIT_DELIVERY_DELIVERED;
    unsigned again = atomic_load(&received->letters[PAYMENT]) - letters;
    if (again != !was_delivered) fail_msg("%s: posted %u times more", how, again);
    assert_false(atomic_load(&received->has_other_id));
    close_parts();

    assert_status_ok(open_log(newsroom.fixture, ORIGIN));
    found = look(how);
    check_whole(&found, TOLD_ALL, how);
    close_log(newsroom.fixture);
    directory_remove(newsroom.fixture->directory);
}

static void test_audit_dies_at_every_write(void **state)
{
    (void)state;
    static const struct death_play play = {prepare, live, judge};
    print_message("%u deaths\n", death_play_all(&play, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_audit_dies_at_every_write, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("audit dies", tests, NULL, NULL);
}
