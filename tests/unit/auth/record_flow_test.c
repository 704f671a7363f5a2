// The durable bytes of flows. A golden file is never refreshed: a difference is a new layout.
#include "services/auth/record_flow.h"
#include "tests/unit/support/unit.h"

#define NOW_NS UINT64_C(0x18fae27693b40000)
#define S UINT64_C(1000000000)

static struct auth_flow_record sample(void)
{
    static uint8_t payload[0x48];
    memset(payload, 0xb6, sizeof payload);
    struct auth_flow_record record = {
        .flow = {.id = id_of(0x44),
                 .user_id = id_of(0x11),
                 .purpose = AUTH_FLOW_LOGIN,
                 .state = AUTH_FLOW_OPEN,
                 .methods = 1U << AUTH_METHOD_EMAIL | 1U << AUTH_METHOD_MOBILE,
                 .created_at_ns = NOW_NS,
                 .expires_at_ns = NOW_NS + 300 * S,
                 .attempts = 2,
                 .sent_to = AUTH_MOBILE,
                 .code = {.resends = 1,
                          .sent_at_ns = NOW_NS + 31 * S,
                          .expires_at_ns = NOW_NS + 300 * S},
                 .network = {4, 192, 0, 2, 1},
                 .network_size = 5,
                 .risk = 3,
                 .risk_score = 50},
        .sealed_payload = bytes_of(payload, sizeof payload),
    };
    memset(record.flow.code.mac, 0xd1, AUTH_MAC_BYTES);
    memset(record.flow.device_hash, 0xe1, AUTH_DEVICE_HASH_BYTES);
    return record;
}

static struct status decode(struct bytes record)
{
    struct auth_flow_record flow;
    return auth_flow_decode(id_of(0x44), record, &flow);
}

static void test_flow(void **state)
{
    (void)state;
    struct auth_flow_record record = sample(), decoded;
    uint8_t encoded[AUTH_FLOW_BYTES_MAX], again[AUTH_FLOW_BYTES_MAX];
    size_t size = auth_flow_encode(&record, encoded);
    golden_assert_record("auth", "flow_v1.hex", bytes_of(encoded, size), decode,
                         "AUTH_RECORD_BROKEN");
    assert_status_ok(auth_flow_decode(id_of(0x44), bytes_of(encoded, size), &decoded));
    assert_int_equal(decoded.flow.attempts, 2);
    assert_int_equal(decoded.flow.code.confirmation, AUTH_CONFIRMATION_OPEN);
    assert_int_equal(auth_flow_encode(&decoded, again), size);
    assert_memory_equal(again, encoded, size);
}

static void test_flows_that_cannot_be(void **state)
{
    (void)state;

    enum {
        PURPOSE = 1,
        STATE,
        DECOY,
        METHODS,
        USER,
        ATTEMPTS = 37,
        SENT_TO,
        RESENDS,
        NETWORK = 120
    };

    // clang-format off
    static const struct {
        const char *name;
        size_t at;
        uint8_t byte;
    } rows[] = {
        {"no purpose",                               PURPOSE,  0},
        {"a purpose that is none",                   PURPOSE,  4},
        {"no state",                                 STATE,    0},
        {"a state that is none",                     STATE,    5},
        {"dead, and attempts are left",              STATE,    3},
        {"neither decoy nor not",                    DECOY,    2},
        {"no method",                                METHODS,  0},
        {"a method that is none",                    METHODS,  1},
        {"open, and no attempts are left",           ATTEMPTS, 5},
        {"six attempts",                             ATTEMPTS, 6},
        {"a channel that is none",                   SENT_TO,  3},
        {"sent nowhere, and yet there is a code",    SENT_TO,  0},
        {"four resends",                             RESENDS,  4},
        {"a longer network",                         NETWORK,  10},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_flow_record record = sample();
        uint8_t encoded[AUTH_FLOW_BYTES_MAX];
        size_t size = auth_flow_encode(&record, encoded);
        assert_status_ok(decode(bytes_of(encoded, size)));
        encoded[rows[i].at] = rows[i].byte;
        if (status_ok(decode(bytes_of(encoded, size)))) fail_msg("%s", rows[i].name);
    }
    struct auth_flow_record record = sample(); // Nobody's, and no decoy.
    uint8_t encoded[AUTH_FLOW_BYTES_MAX];
    record.flow.user_id = ID128_NIL;
    assert_refused(decode(bytes_of(encoded, auth_flow_encode(&record, encoded))),
                   "AUTH_RECORD_BROKEN");
    record.flow.is_decoy = true;
    assert_status_ok(decode(bytes_of(encoded, auth_flow_encode(&record, encoded))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flow),
        cmocka_unit_test(test_flows_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
