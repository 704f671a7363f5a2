// The handlers behind the real server and channel: the pool, and decisions that are sent twice.
#include "common/base/check.h"
#include "common/event/event.h"
#include "common/rpc/channel.h"
#include "common/rpc/server.h"
#include "tests/unit/kyc/desk.h"

enum { TIMEOUT_MS = 20000 };

static struct desk *desk;
static struct rpc_server *server;
static struct rpc_channel *channel;

/// A token is one letter, which fills the user's id.
static struct status authenticate(void *context, struct bytes token, struct token_claims *ret)
{
    (void)context;
    if (token.size != 1) return REFUSE(UNAUTHENTICATED, TOKEN_MALFORMED, "one letter");
    *ret = (struct token_claims){
        .subject = id_of(token.data[0]), .expires_at_s = UINT64_MAX, .aal = 1};
    return STATUS_SUCCESS;
}

static enum rpc_scope authorize(void *context, const struct token_claims *claims,
                                const char *permission)
{
    (void)context, (void)claims, (void)permission;
    return RPC_SCOPE_ALL;
}

static int setup(void **state)
{
    static const struct rpc_identity identity = {.authenticate = authenticate,
                                                 .authorize = authorize};
    static const char *const urls[] = {"inproc://kyc-rpc-test"};
    CHECK(desk_open(state) == 0);
    desk = *state;
    const struct rpc_service service = {.methods = kyc_methods,
                                        .handlers = kyc_handlers,
                                        .count = KYC_METHOD_COUNT,
                                        .context = &desk->service};
    const struct rpc_server_config config = {.listen_urls = urls, .listen_url_count = 1};
    assert_status_ok(rpc_server_open(&config, desk->store, &identity, &service, 1, &server));
    rpc_server_set_serving(server, true);
    const struct rpc_channel_config channel_config = {.name = "kyc", .url = urls[0]};
    assert_status_ok(rpc_channel_open(&channel_config, &channel));
    return 0;
}

static int teardown(void **state)
{
    rpc_channel_close(&channel);
    assert_true(rpc_server_drain(server, TIMEOUT_MS));
    rpc_server_close(&server);
    return desk_close(state);
}

static struct status call(const char *user, const char *key, enum kyc_method_index method,
                          const void *request, void *ret_reply)
{
    const struct rpc_metadata metadata = {.access_token = user, .idempotency_key = key};
    return rpc_channel_call_wait(channel, &kyc_methods[method], &metadata, request, TIMEOUT_MS,
                                 desk->arena, ret_reply);
}

static void test_aadhaar_goes_by_the_pool_into_the_vault(void **state)
{
    (void)state;
    Kyc__SubmitAadhaarRequest request = KYC__SUBMIT_AADHAAR_REQUEST__INIT;
    request.aadhaar_number = AADHAAR_1;
    request.name = "Asha Verma";
    request.dob = "1990-04-12";
    Kyc__DocumentStatus *document = NULL;
    assert_status_ok(call("a", NULL, KYC_SUBMIT_AADHAAR, &request, &document));
    assert_string_equal(document->masked, "XXXX XXXX 2346");
    assert_string_equal(document->state, "format_ok");
    request.aadhaar_number = "123456789012";
    assert_refused(call("a", NULL, KYC_SUBMIT_AADHAAR, &request, &document), "AADHAAR_BAD_PREFIX");
    assert_string_equal(desk_events(desk, 0), "kyc.document.submitted ");
}

static void test_decision_sent_twice_is_made_once(void **state)
{
    (void)state;
    struct id128 user = id_of('b');
    assert_status_ok(desk_put_profile(desk, user, "Asha Verma"));
    assert_status_ok(desk_submit_pan(desk, user, PAN_1));
    assert_status_ok(desk_submit(desk, user));
    struct id128 case_id = desk_case_id(desk, user);
    assert_status_ok(desk_recommend(desk, MAKER, case_id, "approve", 0));
    uint64_t before = event_outbox_head(desk->outbox);

    Kyc__DecisionRequest request = KYC__DECISION_REQUEST__INIT;
    request.id = (ProtobufCBinaryData){ID128_BYTES, case_id.bytes};
    request.decision = "approve";
    request.reason = "agreed";
    Kyc__Case *first = NULL, *second = NULL;
    assert_status_ok(call("c", "key-1", KYC_DECIDE_CASE, &request, &first));
    assert_status_ok(call("c", "key-1", KYC_DECIDE_CASE, &request, &second));
    assert_string_equal(second->state, "approved");
    assert_int_equal(first->version, second->version);
    assert_string_equal(desk_events(desk, before), "kyc.case.decided kyc.tier.changed ");
    assert_refused(call("c", "key-2", KYC_DECIDE_CASE, &request, &second), "ILLEGAL_TRANSITION");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_aadhaar_goes_by_the_pool_into_the_vault),
        cmocka_unit_test(test_decision_sent_twice_is_made_once),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
