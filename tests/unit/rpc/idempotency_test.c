#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/rpc/idempotency.h"
#include "tests/unit/rpc/fixture.h"

#include <stdlib.h>

static struct fixture fixture;
static struct answer first, second, many[64];

static int setup(void **state)
{
    (void)state;
    fixture_open(&fixture, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    clock_test_release();
    fixture_close(&fixture);
    return 0;
}

// ---- The stored row ------------------------------------------------------------------------

#define HEAD_HEX                                                                                   \
    "18a1b2c3d4e5f607"                 /* expiry */                                                \
    "000102030405060708090a0b0c0d0e0f" /* request hash */
#define SEALED_HEX                                                                                 \
    "101112131415161718191a1b1c1d1e1f2021222324252627" /* nonce */                                 \
    "a0a1a2a3"                                         /* sealed */                                \
    "b0b1b2b3b4b5b6b7b8b9babbbcbdbebf"                 /* tag */

static size_t bytes_of_hex(const char *hex, uint8_t ret[static 128])
{
    size_t size = strlen(hex) / 2;
    assert_true(hex_decode(hex, strlen(hex), ret, size));
    return size;
}

static void test_row_has_its_golden_bytes(void **state)
{
    (void)state;

    const struct {
        const char *hex;
        bool is_clear;
        size_t answer_size;
    } rows[] = {
        {"01" HEAD_HEX "0a021a00", true, 4}, // A ReplyBatch; read, no longer written.
        {"02" HEAD_HEX SEALED_HEX, false, 24 + 4 + 16},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t golden[128], written[128];
        struct idempotency_row row;
        size_t size = bytes_of_hex(rows[i].hex, golden);
        assert_int_equal(idempotency_row_decode(bytes_of(golden, size), &row).code, STATUS_OK);
        assert_true(row.expires_wall_ns == 0x18a1b2c3d4e5f607);
        assert_memory_equal(row.request_hash, golden + 9, 16);
        assert_int_equal(row.is_clear, rows[i].is_clear);
        assert_int_equal(row.answer.size, rows[i].answer_size);
        assert_memory_equal(row.answer.data, golden + IDEMPOTENCY_HEAD_BYTES, row.answer.size);
        assert_int_equal(idempotency_row_size(&row), size);
        idempotency_row_encode(&row, written);
        assert_memory_equal(written + 1, golden + 1, size - 1);
        assert_int_equal(written[0], 2);
    }
}

static void test_a_damaged_row_is_data_loss(void **state)
{
    (void)state;

    const struct {
        const char *hex;
        size_t least; // Bytes that are a row.
    } rows[] = {
        {"01" HEAD_HEX "0a021a00", IDEMPOTENCY_HEAD_BYTES + 1},
        {"02" HEAD_HEX SEALED_HEX, IDEMPOTENCY_HEAD_BYTES + IDEMPOTENCY_SEAL_OVERHEAD_BYTES + 1},
        {"03" HEAD_HEX SEALED_HEX, SIZE_MAX},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t golden[128];
        struct idempotency_row row;
        size_t size = bytes_of_hex(rows[i].hex, golden);
        for (size_t cut = 0; cut <= size; cut++) {
            struct status status = idempotency_row_decode(bytes_of(golden, cut), &row);
            assert_int_equal(status.code, cut >= rows[i].least ? STATUS_OK : STATUS_DATA_LOSS);
        }
    }
}

// ---- Behaviour -----------------------------------------------------------------------------

static void test_a_repeated_call_gets_the_same_bytes_and_no_second_effect(void **state)
{
    (void)state;
    fixture_count(&fixture, &first, fixture.caller, "key-1", "a", "");
    assert_ok(&first);
    assert_false(first.replayed);
    for (int i = 0; i < 3; i++) {
        fixture_count(&fixture, &second, fixture.caller, "key-1", "a", "");
        assert_ok(&second);
        assert_true(second.replayed);
        assert_int_equal(second.reply_size, first.reply_size);
        assert_memory_equal(second.reply, first.reply, first.reply_size);
    }
    assert_int_equal(fixture_counter(&fixture, "a"), 1);
}

static void test_a_key_belongs_to_its_request_principal_and_method(void **state)
{
    (void)state;
    fixture_count(&fixture, &first, fixture.caller, "key", "a", "");
    fixture_count(&fixture, &second, fixture.caller, "key", "b", "");
    assert_refused(&second, STATUS_ALREADY_EXISTS, "IDEMPOTENCY_KEY_REUSED");
    assert_int_equal(fixture_counter(&fixture, "b"), 0);
    fixture_count(&fixture, &second, fixture.other, "key", "b", ""); // Another caller's own key.
    assert_ok(&second);
    assert_false(second.replayed);
    fixture_count(&fixture, &second, fixture.caller, "key2", "a", "");
    assert_ok(&second);
    assert_int_equal(answer_count(&second), 2);
}

static void test_calls_without_a_key_are_not_remembered(void **state)
{
    (void)state;
    for (uint64_t i = 1; i <= 3; i++) {
        fixture_count(&fixture, &first, fixture.caller, i == 2 ? "" : NULL, "a", "");
        assert_ok(&first);
        assert_int_equal(answer_count(&first), i);
    }
}

static void test_a_refusal_that_changed_nothing_is_not_remembered(void **state)
{
    (void)state;
    fixture_count(&fixture, &first, fixture.caller, "key", "a", "before");
    assert_refused(&first, STATUS_FAILED_PRECONDITION, "COUNT_REFUSED");
    assert_string_equal(first.detail_value, "a");
    fixture_count(&fixture, &first, fixture.caller, "key", "a", "after");
    assert_refused(&first, STATUS_FAILED_PRECONDITION, "COUNT_REFUSED");
    fixture_count(&fixture, &first, fixture.caller, "key", "a", ""); // Free for another request.
    assert_ok(&first);
    assert_false(first.replayed);
    assert_int_equal(answer_count(&first), 1);
}

static void test_a_committed_refusal_is_remembered_with_its_details(void **state)
{
    (void)state;
    fixture_count(&fixture, &first, fixture.caller, "key", "a", "committed");
    assert_refused(&first, STATUS_FAILED_PRECONDITION, "COUNT_REFUSED");
    assert_false(first.replayed);
    fixture_count(&fixture, &second, fixture.caller, "key", "a", "committed");
    assert_refused(&second, STATUS_FAILED_PRECONDITION, "COUNT_REFUSED");
    assert_true(second.replayed);
    assert_string_equal(second.detail_key, "counter");
    assert_string_equal(second.detail_value, "a");
    assert_int_equal(fixture_counter(&fixture, "a"), 1);
}

static void test_the_same_key_at_the_same_time_has_one_effect(void **state)
{
    (void)state;
    Echo__CountRequest request = ECHO__COUNT_REQUEST__INIT;
    request.name = "once";
    const struct rpc_metadata metadata = {.access_token = fixture.caller, .idempotency_key = "k"};
    for (size_t i = 0; i < 64; i++) {
        fixture_send(fixture.channel, &many[i], &echo_methods[ECHO_COUNT], &metadata, &request,
                     FIXTURE_TIMEOUT_MS);
    }
    size_t replayed = 0;
    for (size_t i = 0; i < 64; i++) {
        fixture_wait(&many[i]);
        assert_ok(&many[i]);
        assert_int_equal(answer_count(&many[i]), 1);
        replayed += many[i].replayed;
    }
    assert_int_equal(replayed, 63);
    assert_int_equal(fixture_counter(&fixture, "once"), 1);
}

static void test_answers_outlive_a_restart(void **state)
{
    (void)state;
    fixture_count(&fixture, &first, fixture.caller, "key", "a", "");
    assert_ok(&first);
    rpc_channel_close(&fixture.channel);
    fixture_close_server(&fixture);
    fixture_open_server(&fixture);
    const struct rpc_channel_config config = {.name = "echo", .url = fixture.url};
    assert_int_equal(rpc_channel_open(&config, &fixture.channel).code, STATUS_OK);
    fixture_count(&fixture, &second, fixture.caller, "key", "a", "");
    assert_ok(&second);
    assert_true(second.replayed);
    assert_memory_equal(second.reply, first.reply, first.reply_size);
    assert_int_equal(fixture_counter(&fixture, "a"), 1);
}

// ---- Expiry --------------------------------------------------------------------------------

struct at {
    struct idempotency key;
    uint64_t now_ns;
    size_t swept;
    struct bytes found;
};

static struct status put_one(struct store_txn *txn, void *context)
{
    struct at *at = context;
    idempotency_put(txn, &at->key, at->now_ns, bytes_of_text("reply"));
    return STATUS_SUCCESS;
}

static struct status sweep_once(struct store_txn *txn, void *context)
{
    struct at *at = context;
    at->swept = idempotency_sweep(txn, at->now_ns);
    return STATUS_SUCCESS;
}

static struct status find(const struct idempotency *key, uint64_t now_ns, bool *ret_is_there)
{
    struct store_txn *txn = NULL;
    struct bytes reply = {0};
    struct arena *arena = arena_open(4096);
    assert_int_equal(store_snapshot_begin(fixture.store, &txn).code, STATUS_OK);
    struct status status = idempotency_find(txn, key, now_ns, arena, &reply);
    *ret_is_there = reply.size > 0;
    if (reply.size > 0) assert_true(bytes_equal(reply, bytes_of_text("reply")));
    store_snapshot_end(&txn);
    arena_close(&arena);
    return status;
}

static bool is_found(const struct idempotency *key, uint64_t now_ns)
{
    bool is_there;
    assert_int_equal(find(key, now_ns, &is_there).code, STATUS_OK);
    return is_there;
}

static struct idempotency identify(const char *key)
{
    static const struct token_claims nobody;
    struct idempotency identity;
    idempotency_identify(&nobody, true, "method", key, bytes_of_text("request"), &identity);
    return identity;
}

static void write_wait(struct status (*run)(struct store_txn *, void *), struct at *at)
{
    assert_int_equal(store_write_wait(fixture.store, run, at).code, STATUS_OK);
}

static void test_a_key_is_free_again_after_a_day(void **state)
{
    (void)state;
    struct at at = {.key = identify("k"), .now_ns = 1000};
    write_wait(put_one, &at);
    assert_true(is_found(&at.key, 1000 + IDEMPOTENCY_LIFE_NS - 1));
    assert_false(is_found(&at.key, 1000 + IDEMPOTENCY_LIFE_NS));
}

// Who reads the disk sees no answer, and an answer that was moved or changed is none.
static void test_answers_are_sealed(void **state)
{
    (void)state;
    struct at at = {.key = identify("k"), .now_ns = 1000};
    bool is_there;
    write_wait(put_one, &at);
    struct store_txn *txn = NULL;
    struct bytes row;
    assert_int_equal(store_snapshot_begin(fixture.store, &txn).code, STATUS_OK);
    struct bytes row_key = bytes_of(at.key.row_key, sizeof at.key.row_key);
    assert_int_equal(store_get(txn, STORE_TABLE_RPC_FIRST, row_key, &row).code, STATUS_OK);
    assert_null(memmem(row.data, row.size, "reply", 5));
    store_snapshot_end(&txn);
    at.key.seal_key[0] ^= 1;
    assert_int_equal(find(&at.key, 1000, &is_there).code, STATUS_DATA_LOSS);
    assert_false(is_there);
}

static void test_the_sweep_deletes_what_has_expired_and_no_more(void **state)
{
    (void)state;
    char key[16];
    for (unsigned i = 0; i < 20; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        struct at at = {.key = identify(key), .now_ns = 1000 + i};
        write_wait(put_one, &at);
    }
    // key-3 is used again the next day: its younger answer stays.
    struct at again = {.key = identify("key-3"), .now_ns = 1003 + IDEMPOTENCY_LIFE_NS};
    write_wait(put_one, &again);

    struct at at = {.now_ns = 1009 + IDEMPOTENCY_LIFE_NS};
    write_wait(sweep_once, &at);
    assert_int_equal(at.swept, 10);
    write_wait(sweep_once, &at);
    assert_int_equal(at.swept, 0);
    for (unsigned i = 0; i < 20; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        struct idempotency identity = identify(key);
        assert_int_equal(is_found(&identity, 1000), i >= 10 || i == 3);
    }
}

static void test_identities_do_not_run_into_each_other(void **state)
{
    (void)state;
    struct token_claims user = {0}, service = {0};
    user.subject.bytes[0] = 1;
    snprintf(service.service, sizeof service.service, "ledger");

    const struct {
        const struct token_claims *claims;
        bool is_authenticated;
        const char *method, *key;
    } rows[] = {
        {&user, true, "ab", "c"},    {&user, true, "a", "bc"},  {&user, true, "ab", "cc"},
        {&service, true, "ab", "c"}, {&user, false, "ab", "c"},
    };

    enum { COUNT = sizeof rows / sizeof rows[0] };
    struct idempotency identities[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        idempotency_identify(rows[i].claims, rows[i].is_authenticated, rows[i].method, rows[i].key,
                             bytes_of_text("r"), &identities[i]);
        for (size_t j = 0; j < i; j++) {
            assert_memory_not_equal(identities[i].row_key, identities[j].row_key,
                                    IDEMPOTENCY_ROW_KEY_BYTES);
            assert_memory_not_equal(identities[i].seal_key, identities[j].seal_key,
                                    IDEMPOTENCY_SEAL_KEY_BYTES);
        }
    }
}

int main(void)
{
#define TEST(test_) cmocka_unit_test_setup_teardown(test_, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_has_its_golden_bytes),
        cmocka_unit_test(test_a_damaged_row_is_data_loss),
        cmocka_unit_test(test_identities_do_not_run_into_each_other),
        TEST(test_a_repeated_call_gets_the_same_bytes_and_no_second_effect),
        TEST(test_a_key_belongs_to_its_request_principal_and_method),
        TEST(test_calls_without_a_key_are_not_remembered),
        TEST(test_a_refusal_that_changed_nothing_is_not_remembered),
        TEST(test_a_committed_refusal_is_remembered_with_its_details),
        TEST(test_the_same_key_at_the_same_time_has_one_effect),
        TEST(test_answers_outlive_a_restart),
        TEST(test_a_key_is_free_again_after_a_day),
        TEST(test_answers_are_sealed),
        TEST(test_the_sweep_deletes_what_has_expired_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
