// Which of auth's events end tokens, and which tokens.
#include "common/daemon/auth_client.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "tests/unit/support/unit.h"

#define NOW_NS UINT64_C(1800000000000000000)

enum subject { NOBODY, SESSION, USER };

static struct bytes pack(const ProtobufCMessage *message, uint8_t *ret, size_t bytes_max)
{
    assert_true(protobuf_c_message_get_packed_size(message) <= bytes_max);
    return bytes_of(ret, protobuf_c_message_pack(message, ret));
}

static struct bytes payload_of(enum subject subject, uint8_t *ret, size_t bytes_max)
{
    static struct id128 session_id, user_id;
    Auth__SessionEnded ended = AUTH__SESSION_ENDED__INIT;
    Auth__UserVersionRaised raised = AUTH__USER_VERSION_RAISED__INIT;
    session_id = id_of(0x22);
    user_id = id_of(0x11);
    ended.session_id = (ProtobufCBinaryData){ID128_BYTES, session_id.bytes};
    raised.user_id = (ProtobufCBinaryData){ID128_BYTES, user_id.bytes};
    raised.user_version = 4;
    return subject == SESSION ? pack(&ended.base, ret, bytes_max)
                              : pack(&raised.base, ret, bytes_max);
}

static bool covers(struct revocation_set *set, uint8_t user, uint8_t session, uint64_t version)
{
    struct token_claims claims = {
        .subject = id_of(user), .session_id = id_of(session), .user_version = version};
    return revocation_covers(set, &claims);
}

static void test_events_that_end_tokens(void **state)
{
    (void)state;

    static const struct {
        const char *type;
        enum subject ends;
    } rows[] = {
        {"auth.session.ended", SESSION},    {"auth.user.roles_changed", USER},
        {"auth.user.blocked", USER},        {"auth.user.closed", USER},
        {"auth.user.branch_changed", USER}, {"auth.user.factors_reset", USER},
        {"auth.user.unblocked", NOBODY},    {"auth.user.updated", NOBODY},
        {"auth.user.registered", NOBODY},   {"auth.login.succeeded", NOBODY},
        {"auth.password.reset", USER},      {"ledger.transfer.created", NOBODY},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        uint8_t packed[256];
        struct revocation_set *set = revocation_set_open();
        struct event_view event = {.type = rows[i].type,
                                   .time_ns = NOW_NS,
                                   .payload = payload_of(rows[i].ends, packed, sizeof packed)};
        assert_status_ok(auth_client_revoke(&event, set, NOW_NS));
        // The session's tokens; the user's, of an older version, in any session; anybody else's.
        assert_int_equal(covers(set, 0x33, 0x22, 9), rows[i].ends == SESSION);
        assert_int_equal(covers(set, 0x11, 0x44, 3), rows[i].ends == USER);
        assert_false(covers(set, 0x11, 0x44, 4));
        assert_false(covers(set, 0x33, 0x44, 1));
        revocation_set_close(&set);
    }
}

static void test_an_event_that_cannot_be_read_is_not_passed_over(void **state)
{
    (void)state;
    static const uint8_t cut[] = {0x0a, 0x10, 0x11};
    static const char *const types[] = {"auth.session.ended", "auth.user.closed",
                                        "auth.user.branch_changed"};
    struct revocation_set *set = revocation_set_open();
    for (size_t i = 0; i < ROWS(types); i++) {
        struct event_view event = {
            .type = types[i], .time_ns = NOW_NS, .payload = bytes_of(cut, sizeof cut)};
        assert_refused(auth_client_revoke(&event, set, NOW_NS), "EVENT_MALFORMED");
        event.payload = (struct bytes){0}; // Whose it is is not said.
        assert_refused(auth_client_revoke(&event, set, NOW_NS), "EVENT_MALFORMED");
    }
    revocation_set_close(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_that_end_tokens),
        cmocka_unit_test(test_an_event_that_cannot_be_read_is_not_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
