// The handlers around the tree: tiles, bundles, consistency, checking, and erasing.
#include "common/base/clock.h"
#include "services/audit/convert.h"
#include "services/audit/retention.h"
#include "services/audit/rpc.h"
#include "tests/unit/audit/fixture.h"

enum { SIZE = 700, ARENA_BYTES = 32 * 1024 * 1024 };

/// A log, the handlers' context over it, and one call.
struct stage {
    struct fixture *fixture;
    struct audit_context context;
    struct rpc_call call;
};

static struct stage stage;

static int setup_stage(void **state)
{
    setup(state);
    stage = (struct stage){.fixture = *state};
    // The fixture's service is the context's: handlers only look at it.
    stage.context.service = stage.fixture->service;
    audit_sources_open(&stage.fixture->service, &stage.context.sources);
    stage.call.arena = arena_open(ARENA_BYTES);
    stage.call.service = &stage.context;
    stage.call.deadline_mono_ns = clock_mono_ns() + 3600 * NS_PER_SECOND;
    assert_status_ok(accept(*state, "ledger", 1, SIZE));
    return 0;
}

static int teardown_stage(void **state)
{
    arena_close(&stage.call.arena);
    audit_sources_close(&stage.context.sources);
    return teardown(state);
}

// The reply lives until the next call.
static struct status call(enum audit_method_index which, void *request, const void **ret_reply)
{
    arena_reset(stage.call.arena);
    stage.call.method = &audit_methods[which];
    stage.call.request = request;
    stage.call.reply = NULL;
    bool is_read = stage.call.method->access == RPC_ACCESS_READ;
    struct store_txn *txn = is_read ? begin(stage.fixture) : NULL;
    struct status status = audit_handlers[which](&stage.call, txn);
    if (is_read) store_snapshot_end(&txn);
    *ret_reply = stage.call.reply;
    return status;
}

// ---- Tiles ---------------------------------------------------------------------------------

static void prune(void)
{
    struct audit_retention *retention = audit_retention_open(&stage.fixture->service, 1);
    uint64_t pruned;
    assert_status_ok(audit_retention_run(retention, 9 * AUDIT_RETENTION_DAY_NS, &pruned));
    assert_int_equal(pruned, 512);
    audit_retention_close(&retention);
}

// clang-format off
static const struct {
    enum audit_method_index method;
    const char *path;
    size_t hashes;       // Of a tile; 0: not looked at.
    const char *reason;  // NULL: it is there.
    const char *pruned;  // The same once the first two bundles are pruned.
} tiles[] = {
    {AUDIT_GET_TILE,         "0/000",       256, NULL,                  NULL},
    {AUDIT_GET_TILE,         "0/000.p/7",     7, NULL,                  NULL},
    {AUDIT_GET_TILE,         "0/002.p/188", 188, NULL,                  NULL},
    {AUDIT_GET_TILE,         "0/002.p/189",   0, "TILE_NOT_FOUND",      "TILE_NOT_FOUND"},
    {AUDIT_GET_TILE,         "0/002",         0, "TILE_NOT_FOUND",      "TILE_NOT_FOUND"},
    {AUDIT_GET_TILE,         "0/003.p/1",     0, "TILE_NOT_FOUND",      "TILE_NOT_FOUND"},
    {AUDIT_GET_TILE,         "1/000.p/2",     2, NULL,                  NULL},
    {AUDIT_GET_TILE,         "1/000.p/3",     0, "TILE_NOT_FOUND",      "TILE_NOT_FOUND"},
    {AUDIT_GET_TILE,         "2/000.p/1",     0, "TILE_NOT_FOUND",      "TILE_NOT_FOUND"},
    {AUDIT_GET_TILE,         "63/000",        0, "TILE_NOT_FOUND",      "TILE_NOT_FOUND"},
    {AUDIT_GET_TILE,         "0/x018/x446/x744/x073/x709/x551/615", 0, "TILE_NOT_FOUND", "TILE_NOT_FOUND"},
    {AUDIT_GET_TILE,         "64/000",        0, "TILE_PATH_MALFORMED", "TILE_PATH_MALFORMED"},
    {AUDIT_GET_TILE,         "0/000.p/0",     0, "TILE_PATH_MALFORMED", "TILE_PATH_MALFORMED"},
    {AUDIT_GET_TILE,         "entries/000",   0, "TILE_PATH_MALFORMED", "TILE_PATH_MALFORMED"},
    {AUDIT_GET_ENTRY_BUNDLE, "000",           0, NULL,                  "ENTRY_PRUNED"},
    {AUDIT_GET_ENTRY_BUNDLE, "001.p/255",     0, NULL,                  "ENTRY_PRUNED"},
    {AUDIT_GET_ENTRY_BUNDLE, "002.p/188",     0, NULL,                  NULL},
    {AUDIT_GET_ENTRY_BUNDLE, "002.p/189",     0, "TILE_NOT_FOUND",      "TILE_NOT_FOUND"},
    {AUDIT_GET_ENTRY_BUNDLE, "0/000",         0, "TILE_PATH_MALFORMED", "TILE_PATH_MALFORMED"},
};

// clang-format on

static void assert_tiles(bool is_pruned)
{
    for (size_t i = 0; i < ROWS(tiles); i++) {
        Audit__GetTileRequest request = AUDIT__GET_TILE_REQUEST__INIT;
        request.path = text_of(tiles[i].path);
        const Google__Api__HttpBody *reply;
        struct status status = call(tiles[i].method, &request, (const void **)&reply);
        const char *reason = is_pruned ? tiles[i].pruned : tiles[i].reason;
        const char *got = status_ok(status) ? "" : status.reason;
        if (strcmp(got, reason != NULL ? reason : "") != 0) fail_msg("%s: %s", tiles[i].path, got);
        if (reason != NULL) continue;
        assert_string_equal(reply->content_type, "application/octet-stream");
        if (tiles[i].hashes > 0)
            assert_int_equal(reply->data.len, tiles[i].hashes * MERKLE_HASH_BYTES);
    }
}

static void test_tiles_and_bundles_are_served_as_far_as_they_are_there(void **state)
{
    (void)state;
    assert_tiles(false);
    prune();
    assert_tiles(true);
}

// ---- Consistency ---------------------------------------------------------------------------

static void test_consistency_is_proven_between_published_sizes(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        uint64_t from, to;
        const char *reason;
    } rows[] = {
        {1,        SIZE,       NULL},
        {1,        1,          NULL},
        {256,      0,          NULL},
        {SIZE,     SIZE,       NULL},
        {SIZE,     0,          NULL},
        {333,      600,        NULL},
        {0,        SIZE,       "SIZES_INVALID"},
        {2,        1,          "SIZES_INVALID"},
        {1,        SIZE + 1,   "SIZE_NOT_PUBLISHED"},
        {SIZE + 1, 0,          "SIZE_NOT_PUBLISHED"},
        {UINT64_MAX, UINT64_MAX, "SIZE_NOT_PUBLISHED"},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        Audit__GetConsistencyProofRequest request = AUDIT__GET_CONSISTENCY_PROOF_REQUEST__INIT;
        request.from = rows[i].from;
        request.to = rows[i].to;
        const Audit__ConsistencyProof *reply;
        struct status status = call(AUDIT_GET_CONSISTENCY_PROOF, &request, (const void **)&reply);
        if (rows[i].reason != NULL) {
            assert_refused(status, rows[i].reason);
            continue;
        }
        assert_status_ok(status);
        assert_int_equal(reply->to, rows[i].to != 0 ? rows[i].to : SIZE);
        struct merkle_hash hashes[MERKLE_PROOF_HASHES_MAX], from, to;
        for (size_t k = 0; k < reply->n_hashes; k++)
            memcpy(hashes[k].bytes, reply->hashes[k].data, MERKLE_HASH_BYTES);
        memcpy(from.bytes, reply->from_root_hash.data, MERKLE_HASH_BYTES);
        memcpy(to.bytes, reply->to_root_hash.data, MERKLE_HASH_BYTES);
        assert_status_ok(
            merkle_verify_consistency(reply->from, reply->to, hashes, reply->n_hashes, &from, &to));
        struct checkpoint checkpoint;
        assert_status_ok(checkpoint_open(bytes_of_text(reply->checkpoint),
                                         &stage.fixture->service.verifier, &checkpoint));
        if (reply->to == SIZE) assert_true(merkle_hash_equal(&checkpoint.root, &to));
    }
}

static void test_pruned_entries_are_proven_but_not_shown(void **state)
{
    (void)state;
    Audit__GetEventRequest event = AUDIT__GET_EVENT_REQUEST__INIT;
    Audit__GetInclusionProofRequest proof = AUDIT__GET_INCLUSION_PROOF_REQUEST__INIT;
    Audit__GetStatusRequest request = AUDIT__GET_STATUS_REQUEST__INIT;
    const Audit__InclusionProof *proven;
    const Audit__LogStatus *status;
    const void *reply;
    struct merkle_hash leaf;
    event.index = proof.index = 511;
    assert_status_ok(call(AUDIT_GET_EVENT, &event, &reply));
    memcpy(leaf.bytes, ((const Audit__AuditEvent *)reply)->leaf_hash.data, MERKLE_HASH_BYTES);
    prune();
    assert_refused(call(AUDIT_GET_EVENT, &event, &reply), "ENTRY_PRUNED");
    assert_status_ok(call(AUDIT_GET_INCLUSION_PROOF, &proof, (const void **)&proven));
    assert_memory_equal(proven->leaf_hash.data, leaf.bytes, MERKLE_HASH_BYTES);
    assert_status_ok(call(AUDIT_GET_STATUS, &request, (const void **)&status));
    assert_int_equal(status->first_index, 512);
    assert_int_equal(status->size, SIZE);
    assert_int_equal(status->published_size, SIZE);
    assert_int_equal(status->retention_days, 0); // Of the context, which has no such part here.
}

// ---- Checking ------------------------------------------------------------------------------

static void test_check_entries_goes_on_where_it_stopped(void **state)
{
    (void)state;
    prune();
    Audit__CheckEntriesRequest request = AUDIT__CHECK_ENTRIES_REQUEST__INIT;
    const Audit__CheckEntriesResponse *reply;
    uint64_t pruned = 0;
    for (request.limit = 300; request.from_index < SIZE; request.from_index = reply->next_index) {
        assert_status_ok(call(AUDIT_CHECK_ENTRIES, &request, (const void **)&reply));
        assert_int_equal(reply->n_findings, 0);
        assert_true(reply->next_index > request.from_index && reply->next_index <= SIZE);
        pruned += reply->pruned;
    }
    assert_int_equal(pruned, 512);
    request.from_index = 0;
    request.limit = 0; // 1,024
    assert_status_ok(call(AUDIT_CHECK_ENTRIES, &request, (const void **)&reply));
    assert_int_equal(reply->next_index, SIZE);
    request.from_index = SIZE + 1000;
    assert_status_ok(call(AUDIT_CHECK_ENTRIES, &request, (const void **)&reply));
    assert_int_equal(reply->next_index, SIZE);
}

// ---- Erasing -------------------------------------------------------------------------------

// The fixture's actors are five users, in turn.
static const char user_name[] = "users/01890000-0000-7000-8000-000000000002";

static uint64_t erase(bool *ret_done)
{
    struct id128 user;
    assert_status_ok(id128_parse(user_name + 6, strlen(user_name) - 6, &user));
    Audit__EraseUserDetailsRequest request = AUDIT__ERASE_USER_DETAILS_REQUEST__INIT;
    request.user_id.data = user.bytes;
    request.user_id.len = ID128_BYTES;
    request.reason = text_of("a court has said so");
    const Audit__EraseUserDetailsResponse *reply;
    assert_status_ok(call(AUDIT_ERASE_USER_DETAILS, &request, (const void **)&reply));
    *ret_done = reply->done;
    return reply->erased;
}

static void assert_erased(uint64_t index, bool expected)
{
    struct audit_event event;
    struct audit_proof proof;
    struct store_txn *txn = begin(stage.fixture);
    assert_status_ok(audit_service_get(txn, index, &event));
    assert_int_equal(event.side.salt == NULL, expected);
    assert_int_equal(event.side.client_ip.size == 0, expected);
    assert_int_equal(event.side.payload.size == 0, expected);
    assert_true(event.side.visible_to.size > 0); // Whom it concerns stays.
    assert_status_ok(audit_service_prove(txn, index, &proof));
    store_snapshot_end(&txn);
}

static void test_erasing_leaves_entries_proofs_and_others_as_they_are(void **state)
{
    (void)state;
    bool done;
    uint64_t head = event_outbox_head(stage.fixture->outbox);
    assert_int_equal(erase(&done), SIZE / 5);
    assert_true(done);
    assert_int_equal(event_outbox_head(stage.fixture->outbox), head + 1);
    for (uint64_t index = 0; index < SIZE; index++)
        assert_erased(index, (index + 1) % 5 == 2); // The seq is one more than the index.
    // Again: there is nothing, and that is told too.
    assert_int_equal(erase(&done), 0);
    assert_true(done);
    assert_int_equal(event_outbox_head(stage.fixture->outbox), head + 2);
    // An erased entry is still the user's, and shows as such.
    Audit__GetEventRequest request = AUDIT__GET_EVENT_REQUEST__INIT;
    const Audit__AuditEvent *event;
    request.index = 1;
    assert_status_ok(call(AUDIT_GET_EVENT, &request, (const void **)&event));
    assert_string_equal(event->actor, user_name);
    assert_string_equal(event->client_ip, "");
    assert_string_equal(event->data, "");
}

static void test_erasing_goes_step_by_step_and_stops_in_time(void **state)
{
    struct fixture *fixture = *state;

    enum { MANY = 3500 };

    assert_status_ok(accept(fixture, "ledger", SIZE + 1, MANY)); // 840 of the user's.
    bool done;
    uint64_t head = event_outbox_head(fixture->outbox);
    stage.call.deadline_mono_ns = clock_mono_ns(); // One step is always done.
    assert_int_equal(erase(&done), 500);
    assert_false(done);
    assert_int_equal(event_outbox_head(fixture->outbox), head + 1);
    stage.call.deadline_mono_ns = clock_mono_ns() + 3600 * NS_PER_SECOND;
    assert_int_equal(erase(&done), (SIZE + MANY) / 5 - 500);
    assert_true(done);
    assert_int_equal(event_outbox_head(fixture->outbox), head + 2);
}

static void test_nobody_erases_their_own_details(void **state)
{
    (void)state;
    bool done;
    struct id128 user;
    assert_status_ok(id128_parse(user_name + 6, strlen(user_name) - 6, &user));
    Audit__EraseUserDetailsRequest request = AUDIT__ERASE_USER_DETAILS_REQUEST__INIT;
    request.user_id.data = user.bytes;
    request.user_id.len = ID128_BYTES;
    request.reason = text_of("it is mine");
    uint64_t head = event_outbox_head(stage.fixture->outbox);
    const void *reply;
    stage.call.is_authenticated = true;
    stage.call.claims.subject = user;
    assert_refused(call(AUDIT_ERASE_USER_DETAILS, &request, &reply), "SEPARATION_OF_DUTIES");
    assert_int_equal(event_outbox_head(stage.fixture->outbox), head);
    assert_erased(1, false);
    stage.call.claims.subject.bytes[0] ^= 1; // Somebody else may.
    assert_int_equal(erase(&done), SIZE / 5);
}

static void test_pruning_after_erasing_leaves_no_row(void **state)
{
    (void)state;
    bool done;
    assert_int_equal(erase(&done), SIZE / 5);
    prune();
    struct store_txn *txn = begin(stage.fixture);
    struct audit_search search;
    uint64_t index, lowest = UINT64_MAX;
    audit_store_search_open(txn, AUDIT_SEARCH_USER, bytes_of_text(user_name), UINT64_MAX, &search);
    while (audit_store_search_next(&search, &index))
        lowest = index;
    audit_store_search_close(&search);
    assert_true(lowest >= 512 && lowest < 517);
    store_snapshot_end(&txn);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup_stage, teardown_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_tiles_and_bundles_are_served_as_far_as_they_are_there),
        TEST(test_consistency_is_proven_between_published_sizes),
        TEST(test_pruned_entries_are_proven_but_not_shown),
        TEST(test_check_entries_goes_on_where_it_stopped),
        TEST(test_erasing_leaves_entries_proofs_and_others_as_they_are),
        TEST(test_erasing_goes_step_by_step_and_stops_in_time),
        TEST(test_nobody_erases_their_own_details),
        TEST(test_pruning_after_erasing_leaves_no_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
