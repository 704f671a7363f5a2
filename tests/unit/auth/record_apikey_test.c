// The durable bytes of API keys. A golden file is never refreshed.
#include "services/auth/record_apikey.h"
#include "tests/unit/support/unit.h"

static struct auth_api_key_record sample(void)
{
    static uint8_t name[49];
    struct auth_api_key_record record = {
        .key = {.id = id_of(0x11),
                .owner_id = id_of(0x22),
                .state = AUTH_API_KEY_ACTIVE,
                .created_at_ns = UINT64_C(0x18fae27693b40000),
                .expires_at_ns = UINT64_C(0x18fb311b8d2e8000),
                .last_used_at_ns = UINT64_C(0x18fae28410000000),
                .rotated_at_ns = UINT64_C(0x18fae276cf4eca00),
                .old_until_ns = UINT64_C(0x18fae3bd0a4ada00),
                .range_count = 2},
    };
    memset(record.key.mac, 0xc1, sizeof record.key.mac);
    memset(record.key.old_mac, 0xc2, sizeof record.key.old_mac);
    auth_api_key_scope_add(&record.key, "ledger.transfer.create");
    auth_api_key_scope_add(&record.key, "ledger.account.read");
    assert_true(auth_address_range_read("10.0.0.0/8", &record.key.ranges[0]));
    assert_true(auth_address_range_read("2001:db8::/32", &record.key.ranges[1]));
    memset(name, 0xc3, sizeof name);
    record.sealed_name = bytes_of(name, sizeof name);
    return record;
}

static struct status decode(struct bytes bytes)
{
    struct auth_api_key_record record;
    return auth_api_key_decode(id_of(0x11), bytes, &record);
}

static void test_api_key(void **state)
{
    (void)state;
    struct auth_api_key_record record = sample(), decoded;
    uint8_t encoded[AUTH_API_KEY_BYTES_MAX];
    size_t size = auth_api_key_encode(&record, encoded);
    golden_assert_record("auth", "api_key_v1.hex", bytes_of(encoded, size), decode,
                         "AUTH_RECORD_BROKEN");
    assert_status_ok(auth_api_key_decode(record.key.id, bytes_of(encoded, size), &decoded));
    assert_memory_equal(&decoded.key, &record.key, sizeof record.key);
    assert_true(bytes_equal(decoded.sealed_name, record.sealed_name));
}

static void test_api_keys_that_cannot_be(void **state)
{
    (void)state;

    enum { STATE = 1, REVOKED_AT = 50, OLD_UNTIL = 58, OLD_MAC = 98, SCOPES = 130, FIRST = 132 };

    enum { RANGES = 174, FAMILY = 175, BITS = 176, ADDRESS = 177 };

    // clang-format off
    static const struct {
        const char *name;
        size_t at, size;
        uint8_t byte;
    } rows[] = {
        {"no state",                           STATE,         1, 0},
        {"expired, which is never stored",     STATE,         1, AUTH_API_KEY_EXPIRED},
        {"revoked at no time",                 STATE,         1, AUTH_API_KEY_REVOKED},
        {"active, and yet revoked some time",  REVOKED_AT,    8, 1},
        {"an old secret that never fits",      OLD_UNTIL,     8, 0},
        {"an old secret that is none",         OLD_MAC,      32, 0},
        {"no scope",                           SCOPES,        1, 0},
        {"seventeen scopes",                   SCOPES,        1, 17},
        {"a scope of letters that none has",   FIRST,         1, ' '},
        {"scopes out of order",                FIRST,         1, 'z'},
        {"seventeen addresses",                RANGES,        1, 17},
        {"a family that is none",              FAMILY,        1, 5},
        {"more bits than IPv4 has",            BITS,          1, 33},
        {"bits behind the prefix",             ADDRESS + 1,   1, 1},
        {"bits behind all of IPv4",            ADDRESS + 4,   1, 1},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_api_key_record record = sample();
        uint8_t encoded[AUTH_API_KEY_BYTES_MAX];
        size_t size = auth_api_key_encode(&record, encoded);
        assert_status_ok(decode(bytes_of(encoded, size)));
        memset(encoded + rows[i].at, rows[i].byte, rows[i].size);
        if (status_ok(decode(bytes_of(encoded, size)))) fail_msg("%s", rows[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_api_key),
        cmocka_unit_test(test_api_keys_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
