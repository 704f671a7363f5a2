// The durable bytes of keys and records. A golden file is never refreshed: a difference is a new
// layout version.
#include "common/base/record.h"
#include "services/audit/record.h"
#include "tests/unit/support/unit.h"

static void assert_golden(const char *file, struct bytes encoded, golden_decode decode)
{
    golden_assert_record("audit", file, encoded, decode, "RECORD_CORRUPT");
}

// ---- Keys ----------------------------------------------------------------------------------

static void test_keys_are_these_bytes(void **state)
{
    (void)state;
    uint8_t prefix[AUDIT_NAME_PREFIX_BYTES], key[AUDIT_SEARCH_KEY_BYTES];
    golden_assert("audit", "index_key.hex", audit_index_key(0x0102030405060708, key));
    golden_assert("audit", "tile_key.hex", audit_tile_key(1, 2, key));
    audit_name_prefix(bytes_of_text("users/01890000-0000-7000-8000-000000000001"), prefix);
    golden_assert("audit", "search_key_uuid.hex",
                  audit_search_key(AUDIT_SEARCH_ACTOR, prefix, 7, key));
    audit_name_prefix(bytes_of_text("auth.login.failed"), prefix);
    golden_assert("audit", "search_key_word.hex",
                  audit_search_key(AUDIT_SEARCH_ACTION, prefix, 7, key));
}

static void test_search_keys_give_their_index_to_their_name_only(void **state)
{
    (void)state;
    uint8_t a[AUDIT_NAME_PREFIX_BYTES], b[AUDIT_NAME_PREFIX_BYTES], bytes[AUDIT_SEARCH_KEY_BYTES];
    audit_name_prefix(bytes_of_text("users/a"), a);
    audit_name_prefix(bytes_of_text("users/b"), b);
    struct bytes key = audit_search_key(AUDIT_SEARCH_ACTOR, a, 9, bytes);
    uint64_t index = 0;
    assert_true(audit_search_key_decode(key, AUDIT_SEARCH_ACTOR, a, &index));
    assert_int_equal(index, 9);
    assert_false(audit_search_key_decode(key, AUDIT_SEARCH_ACTOR, b, &index));
    assert_false(audit_search_key_decode(key, AUDIT_SEARCH_RESOURCE, a, &index));
    key.size--;
    assert_false(audit_search_key_decode(key, AUDIT_SEARCH_ACTOR, a, &index));
}

static void test_names_differ_where_their_texts_do(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",
        "/",
        "users/",
        "users/a",
        "accounts/a",
        "users",
        "users/01890000-0000-7000-8000-000000000001",
        "users/01890000-0000-7000-8000-000000000002",
        "accounts/01890000-0000-7000-8000-000000000001",
        "users/01890000-0000-7000-8000-00000000000",
        "/01890000-0000-7000-8000-000000000001",
        "01890000-0000-7000-8000-000000000001",
    };

    enum { COUNT = sizeof names / sizeof names[0] };

    uint8_t prefixes[COUNT][AUDIT_NAME_PREFIX_BYTES];
    for (size_t i = 0; i < COUNT; i++) {
        audit_name_prefix(bytes_of_text(names[i]), prefixes[i]);
        for (size_t k = 0; k < i; k++) {
            if (memcmp(prefixes[i], prefixes[k], AUDIT_NAME_PREFIX_BYTES) == 0)
                fail_msg("%s and %s", names[i], names[k]);
        }
    }
}

// ---- Records -------------------------------------------------------------------------------

static struct status decode_mark(struct bytes record)
{
    struct audit_mark mark;
    return audit_mark_decode(record, &mark);
}

static void test_mark_v1(void **state)
{
    (void)state;
    uint8_t bytes[AUDIT_MARK_BYTES];
    struct audit_mark mark = {.seq = 0x0102, .log_id = 0xabcd}, again;
    struct bytes record = audit_mark_encode(&mark, bytes);
    assert_golden("mark_v1.hex", record, decode_mark);
    assert_status_ok(audit_mark_decode(record, &again));
    assert_int_equal(again.seq, mark.seq);
    assert_int_equal(again.log_id, mark.log_id);
}

static struct status decode_head(struct bytes record)
{
    struct merkle_frontier head;
    return audit_head_decode(record, &head);
}

static void test_head_v1(void **state)
{
    (void)state;
    uint8_t bytes[AUDIT_HEAD_BYTES_MAX];
    struct merkle_frontier head = {.size = 5}, again;
    memset(&head.peaks[2], 0x22, MERKLE_HASH_BYTES);
    memset(&head.peaks[0], 0x11, MERKLE_HASH_BYTES);
    struct bytes record = audit_head_encode(&head, bytes);
    assert_golden("head_v1.hex", record, decode_head);
    assert_status_ok(audit_head_decode(record, &again));
    assert_int_equal(again.size, 5);
    assert_true(merkle_hash_equal(&again.peaks[2], &head.peaks[2]));
    assert_true(merkle_hash_equal(&again.peaks[0], &head.peaks[0]));
}

static void test_checkpoint_v1(void **state)
{
    (void)state;
    uint8_t bytes[64];
    uint64_t size;
    struct bytes note = bytes_of_text("signed note\n"), again;
    struct bytes record = bytes_of(bytes, audit_checkpoint_encode(7, note, bytes));
    golden_assert("audit", "checkpoint_v1.hex", record);
    assert_status_ok(audit_checkpoint_decode(record, &size, &again));
    assert_int_equal(size, 7);
    assert_true(bytes_equal(note, again));
    record.size = AUDIT_CHECKPOINT_HEAD_BYTES;
    assert_refused(audit_checkpoint_decode(record, &size, &again), "RECORD_CORRUPT");
}

static struct status decode_side(struct bytes record)
{
    struct audit_side side;
    return audit_side_decode(record, &side);
}

static void test_side_v1(void **state)
{
    (void)state;
    uint8_t salt[AUDIT_SALT_BYTES], names[64], bytes[256];
    memset(salt, 0xa5, sizeof salt);
    struct record_writer writer = record_write_key(names, sizeof names);
    record_put_run32(&writer, bytes_of_text("users/1"));
    record_put_run32(&writer, bytes_of_text("users/2"));
    struct audit_side side = {.salt = salt,
                              .client_ip = bytes_of_text("203.0.113.7"),
                              .payload = bytes_of("\x08\x01", 2),
                              .visible_to = bytes_of(names, record_written(&writer))},
                      again;
    size_t size = audit_side_encode(&side, bytes);
    assert_int_equal(size, audit_side_size(&side));
    assert_golden("side_v1.hex", bytes_of(bytes, size), decode_side);
    assert_status_ok(audit_side_decode(bytes_of(bytes, size), &again));
    assert_memory_equal(again.salt, salt, sizeof salt);
    assert_true(bytes_equal(again.client_ip, side.client_ip));
    assert_int_equal(again.device_id.size, 0);
    assert_true(bytes_equal(again.payload, side.payload));
    struct record_reader reader = record_read_key(again.visible_to);
    assert_true(bytes_equal(record_take_run32(&reader), bytes_of_text("users/1")));
    assert_true(bytes_equal(record_take_run32(&reader), bytes_of_text("users/2")));
    assert_true(record_is_whole(&reader));
}

static void test_side_v2_erased(void **state)
{
    (void)state;
    uint8_t names[64], bytes[64];
    struct record_writer writer = record_write_key(names, sizeof names);
    record_put_run32(&writer, bytes_of_text("users/1"));
    record_put_run32(&writer, bytes_of_text("users/2"));
    struct audit_side side = {.visible_to = bytes_of(names, record_written(&writer))}, again;
    size_t size = audit_side_encode(&side, bytes);
    assert_int_equal(size, audit_side_size(&side));
    golden_assert("audit", "side_v2_erased.hex", bytes_of(bytes, size));
    assert_status_ok(audit_side_decode(bytes_of(bytes, size), &again));
    assert_null(again.salt);
    assert_int_equal(again.client_ip.size + again.device_id.size + again.payload.size, 0);
    assert_true(bytes_equal(again.visible_to, side.visible_to));
    // Cut inside a name; one that concerns nobody is whole.
    assert_refused(audit_side_decode(bytes_of(bytes, size - 1), &again), "RECORD_CORRUPT");
    assert_status_ok(audit_side_decode(bytes_of(bytes, 1), &again));
    assert_refused(audit_side_decode(bytes_of(bytes, 0), &again), "RECORD_CORRUPT");
}

static struct status decode_first(struct bytes record)
{
    struct audit_first first;
    return audit_first_decode(record, &first);
}

static void test_first_v1(void **state)
{
    (void)state;
    uint8_t bytes[AUDIT_FIRST_BYTES];
    struct audit_first first = {.index = 0x300, .told = 0x200}, again;
    struct bytes record = audit_first_encode(&first, bytes);
    assert_golden("first_v1.hex", record, decode_first);
    assert_status_ok(audit_first_decode(record, &again));
    assert_int_equal(again.index, first.index);
    assert_int_equal(again.told, first.told);
    first.told = 0x301; // More told than is gone.
    assert_refused(decode_first(audit_first_encode(&first, bytes)), "RECORD_CORRUPT");
}

// ---- Tiles ---------------------------------------------------------------------------------

static void test_a_tile_says_how_wide_it_is(void **state)
{
    (void)state;
    assert_int_equal(audit_tile_bytes(TLOG_TILE_WIDTH), AUDIT_TILE_HASHES_MAX * MERKLE_HASH_BYTES);
    size_t next = 0;
    for (unsigned width = 0; width <= TLOG_TILE_WIDTH; width++) {
        size_t size = audit_tile_bytes(width);
        assert_int_equal(audit_tile_width(size), width);
        // The sizes between are nobody's.
        for (; next < size; next++)
            assert_int_equal(audit_tile_width(next), 0);
        next = size + 1;
    }
    assert_int_equal(audit_tile_width(next + MERKLE_HASH_BYTES - 1), 0);
}

static void test_nodes_and_row_nodes_fill_a_tile_without_holes(void **state)
{
    (void)state;
    bool taken[AUDIT_TILE_HASHES_MAX] = {false};
    for (unsigned node = 0; node < TLOG_TILE_WIDTH; node++) {
        assert_false(taken[audit_tile_node(node)]);
        taken[audit_tile_node(node)] = true;
    }
    for (unsigned row = 0; row < TLOG_TILE_WIDTH / AUDIT_TILE_ROW_NODES; row++) {
        assert_false(taken[audit_tile_row_node(row)]);
        taken[audit_tile_row_node(row)] = true;
    }
    for (size_t i = 0; i < AUDIT_TILE_HASHES_MAX; i++)
        assert_true(taken[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys_are_these_bytes),
        cmocka_unit_test(test_search_keys_give_their_index_to_their_name_only),
        cmocka_unit_test(test_names_differ_where_their_texts_do),
        cmocka_unit_test(test_mark_v1),
        cmocka_unit_test(test_head_v1),
        cmocka_unit_test(test_checkpoint_v1),
        cmocka_unit_test(test_side_v1),
        cmocka_unit_test(test_side_v2_erased),
        cmocka_unit_test(test_first_v1),
        cmocka_unit_test(test_a_tile_says_how_wide_it_is),
        cmocka_unit_test(test_nodes_and_row_nodes_fill_a_tile_without_holes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
