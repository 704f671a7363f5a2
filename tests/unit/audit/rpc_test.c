// The handlers as the executor calls them: pages and their tokens, proofs as JSON and as a file.
#include "common/crypto/tlog_proof.h"
#include "common/rpc/page.h"
#include "services/audit/convert.h"
#include "services/audit/rpc.h"
#include "tests/unit/audit/fixture.h"

enum { SIZE = 130, ARENA_BYTES = 8 * 1024 * 1024 };

/// A log, the handlers' context over it, and one call.
struct stage {
    struct fixture *fixture;
    struct audit_context context;
    struct rpc_call call;
    struct store_txn *txn;
};

static struct stage stage;

static int setup_stage(void **state)
{
    static const uint8_t page_key[32] = {1};
    page_open(page_key);
    setup(state);
    stage = (struct stage){.fixture = *state};
    // The fixture's service is the context's: handlers only look at it.
    stage.context.service = stage.fixture->service;
    audit_sources_open(&stage.fixture->service, &stage.context.sources);
    stage.call.arena = arena_open(ARENA_BYTES);
    stage.call.service = &stage.context;
    return 0;
}

static int teardown_stage(void **state)
{
    arena_close(&stage.call.arena);
    audit_sources_close(&stage.context.sources);
    return teardown(state);
}

static void grow(void)
{
    struct event_view events[SIZE];
    for (uint64_t i = 0; i < SIZE; i++)
        events[i] = make_event("ledger", i + 1);
    struct audit_source *ledger = &stage.context.sources.items[2];
    assert_string_equal(ledger->name, "ledger");
    assert_status_ok(audit_sources_handle(ledger, events, SIZE, FIXTURE_LOG_ID));
}

// The reply lives until the next call.
static struct status call(enum audit_method_index which, void *request, const void **ret_reply)
{
    arena_reset(stage.call.arena);
    stage.call.method = &audit_methods[which];
    stage.call.request = request;
    stage.call.reply = NULL;
    stage.txn = begin(stage.fixture);
    struct status status = audit_handlers[which](&stage.call, stage.txn);
    store_snapshot_end(&stage.txn);
    *ret_reply = stage.call.reply;
    return status;
}

static void test_pages_give_every_event_once_newest_first(void **state)
{
    (void)state;
    grow();
    static const int32_t page_sizes[] = {1, 7, SIZE / 2, SIZE - 1, SIZE, SIZE + 1, 0};
    for (size_t i = 0; i < sizeof page_sizes / sizeof page_sizes[0]; i++) {
        char token[512] = "";
        uint64_t expected = SIZE;
        do {
            Audit__ListEventsRequest request = AUDIT__LIST_EVENTS_REQUEST__INIT;
            request.page_size = page_sizes[i];
            request.page_token = token;
            const Audit__ListEventsResponse *reply;
            assert_status_ok(call(AUDIT_LIST_EVENTS, &request, (const void **)&reply));
            assert_true(reply->n_events > 0); // No empty last page.
            for (size_t k = 0; k < reply->n_events; k++)
                assert_int_equal(reply->events[k]->index, --expected);
            snprintf(token, sizeof token, "%s", reply->next_page_token);
        } while (token[0] != '\0');
        assert_int_equal(expected, 0);
    }
}

static void test_a_page_token_is_good_for_its_own_query_only(void **state)
{
    (void)state;
    grow();
    Audit__ListEventsRequest request = AUDIT__LIST_EVENTS_REQUEST__INIT;
    const Audit__ListEventsResponse *reply;
    char source[] = "ledger", token[512];
    request.page_size = 1;
    request.source = source;
    assert_status_ok(call(AUDIT_LIST_EVENTS, &request, (const void **)&reply));
    snprintf(token, sizeof token, "%s", reply->next_page_token);
    request.page_token = token;
    request.page_size = 2; // The size may change between pages.
    assert_status_ok(call(AUDIT_LIST_EVENTS, &request, (const void **)&reply));
    char nobody[] = "";
    request.source = nobody;
    assert_refused(call(AUDIT_LIST_EVENTS, &request, (const void **)&reply), "PAGE_TOKEN_INVALID");
}

static void test_an_event_is_shown_with_what_stands_beside_the_log(void **state)
{
    (void)state;
    grow();
    Audit__GetEventRequest request = AUDIT__GET_EVENT_REQUEST__INIT;
    const Audit__AuditEvent *reply;
    request.index = 6;
    assert_status_ok(call(AUDIT_GET_EVENT, &request, (const void **)&reply));
    assert_int_equal(reply->index, 6);
    assert_int_equal(reply->seq, 7);
    assert_int_equal(reply->time, 7000);
    assert_string_equal(reply->source, "ledger");
    assert_string_equal(reply->action, "ledger.transfer.created");
    assert_string_equal(reply->actor, "users/01890000-0000-7000-8000-000000000002");
    assert_string_equal(reply->resource, "transfers/01890000-0000-7000-8000-000000000007");
    assert_string_equal(reply->outcome, "refused");
    assert_string_equal(reply->reason, "INSUFFICIENT_FUNDS");
    assert_string_equal(reply->client_ip, "203.0.113.7");
    assert_string_equal(reply->device_id, "");
    struct merkle_hash leaf;
    merkle_leaf(bytes_of(reply->entry.data, reply->entry.len), &leaf);
    assert_memory_equal(reply->leaf_hash.data, leaf.bytes, MERKLE_HASH_BYTES);
    request.index = SIZE;
    assert_refused(call(AUDIT_GET_EVENT, &request, (const void **)&reply), "ENTRY_NOT_FOUND");
}

static void test_both_forms_of_a_proof_verify(void **state)
{
    struct fixture *fixture = *state;
    grow();
    Audit__GetInclusionProofRequest request = AUDIT__GET_INCLUSION_PROOF_REQUEST__INIT;
    request.index = 99;
    const Audit__InclusionProof *json;
    assert_status_ok(call(AUDIT_GET_INCLUSION_PROOF, &request, (const void **)&json));
    assert_int_equal(json->size, SIZE);
    struct merkle_hash hashes[64], leaf, root;
    memcpy(leaf.bytes, json->leaf_hash.data, MERKLE_HASH_BYTES);
    memcpy(root.bytes, json->root_hash.data, MERKLE_HASH_BYTES);
    for (size_t i = 0; i < json->n_hashes; i++)
        memcpy(hashes[i].bytes, json->hashes[i].data, MERKLE_HASH_BYTES);
    assert_status_ok(merkle_verify_inclusion(99, json->size, &leaf, hashes, json->n_hashes, &root));

    const Google__Api__HttpBody *body;
    assert_status_ok(call(AUDIT_GET_INCLUSION_PROOF_FILE, &request, (const void **)&body));
    assert_string_equal(body->content_type, "text/plain; charset=utf-8");
    struct tlog_proof proof;
    struct checkpoint checkpoint;
    assert_status_ok(tlog_proof_parse(bytes_of(body->data.data, body->data.len), &proof));
    assert_status_ok(tlog_proof_verify(&proof, &leaf, &fixture->service.verifier, &checkpoint));
    assert_memory_equal(checkpoint.root.bytes, root.bytes, MERKLE_HASH_BYTES);

    request.index = SIZE;
    assert_refused(call(AUDIT_GET_INCLUSION_PROOF, &request, (const void **)&json),
                   "ENTRY_NOT_FOUND");
    assert_refused(call(AUDIT_GET_INCLUSION_PROOF_FILE, &request, (const void **)&body),
                   "ENTRY_NOT_FOUND");
}

static void test_the_checkpoint_is_a_signed_note(void **state)
{
    struct fixture *fixture = *state;
    Audit__GetCheckpointRequest request = AUDIT__GET_CHECKPOINT_REQUEST__INIT;
    const Google__Api__HttpBody *body;
    struct checkpoint checkpoint;
    assert_status_ok(call(AUDIT_GET_CHECKPOINT, &request, (const void **)&body));
    assert_status_ok(checkpoint_open(bytes_of(body->data.data, body->data.len),
                                     &fixture->service.verifier, &checkpoint));
    assert_int_equal(checkpoint.size, 0);
}

static void test_status_says_where_each_source_stands(void **state)
{
    (void)state;
    grow();
    Audit__GetStatusRequest request = AUDIT__GET_STATUS_REQUEST__INIT;
    const Audit__LogStatus *reply;
    assert_status_ok(call(AUDIT_GET_STATUS, &request, (const void **)&reply));
    assert_int_equal(reply->size, SIZE);
    assert_string_equal(reply->origin, ORIGIN);
    struct note_verifier verifier;
    assert_status_ok(note_verifier_parse(bytes_of_text(reply->verifier_key), &verifier));
    assert_int_equal(reply->n_sources, AUDIT_SOURCES);
    for (size_t i = 0; i < AUDIT_SOURCES; i++) {
        bool is_ledger = strcmp(reply->sources[i]->source, "ledger") == 0;
        assert_int_equal(reply->sources[i]->seq, is_ledger ? SIZE : 0);
        assert_true(reply->sources[i]->stale); // Nobody is subscribed to here.
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pages_give_every_event_once_newest_first, setup_stage,
                                        teardown_stage),
        cmocka_unit_test_setup_teardown(test_a_page_token_is_good_for_its_own_query_only,
                                        setup_stage, teardown_stage),
        cmocka_unit_test_setup_teardown(test_an_event_is_shown_with_what_stands_beside_the_log,
                                        setup_stage, teardown_stage),
        cmocka_unit_test_setup_teardown(test_both_forms_of_a_proof_verify, setup_stage,
                                        teardown_stage),
        cmocka_unit_test_setup_teardown(test_the_checkpoint_is_a_signed_note, setup_stage,
                                        teardown_stage),
        cmocka_unit_test_setup_teardown(test_status_says_where_each_source_stands, setup_stage,
                                        teardown_stage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
