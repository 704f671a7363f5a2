#include "tests/unit/kyc/desk.h"

#include "common/base/check.h"
#include "common/crypto/keys.h"
#include "common/event/event.h"
#include "common/rpc/pack.h"
#include "common/rpc/page.h"
#include "common/rpc/server.h"
#include "common/rpc/validate.h"
#include "florin/event/v1/event.pb-c.h"

#include <sys/stat.h>
#include <unistd.h>

// ---- Opening and closing -------------------------------------------------------------------

void desk_open_stores(struct desk *desk)
{
    char path[DESK_PATH_BYTES + 16], vault[DESK_PATH_BYTES + 16], keys[DESK_PATH_BYTES + 16];
    snprintf(path, sizeof path, "%s/kyc", desk->directory);
    snprintf(vault, sizeof vault, "%s/kyc/vault", desk->directory);
    snprintf(keys, sizeof keys, "%s/keys", desk->directory);
    const struct store_schema *schemas[] = {&event_store_schema, &rpc_store_schema,
                                            &kyc_store_schema};
    struct store_config config = {.directory = path, .map_bytes = UINT64_C(256) << 20};
    assert_status_ok(store_open(&config, schemas, ROWS(schemas), &desk->store));
    assert_status_ok(event_outbox_open(desk->store, "kyc", &desk->outbox));
    assert_status_ok(kyc_service_open(desk->store, vault, keys, &desk->service));
}

void desk_close_stores(struct desk *desk)
{
    store_close(&desk->store);
    event_outbox_close(&desk->outbox);
    kyc_service_close(&desk->service);
}

void desk_reopen(struct desk *desk)
{
    desk_close_stores(desk);
    desk_open_stores(desk);
}

int desk_open(void **state)
{
    static const uint8_t page_key[32] = {1};
    struct desk *desk = calloc(1, sizeof *desk);
    CHECK(desk != NULL);
    assert_status_ok(crypto_open());
    page_open(page_key);
    directory_make("kyc", desk->directory, sizeof desk->directory);
    char keys[DESK_PATH_BYTES + 16];
    snprintf(keys, sizeof keys, "%s/keys", desk->directory);
    CHECK(mkdir(keys, 0700) == 0);
    desk->arena = arena_open((size_t)64 << 20);
    desk->now_ns = UINT64_C(1800000000) * 1000000000;
    desk_open_stores(desk);
    *state = desk;
    return 0;
}

int desk_close(void **state)
{
    struct desk *desk = *state;
    desk_close_stores(desk);
    arena_close(&desk->arena);
    directory_remove(desk->directory);
    free(desk);
    return 0;
}

// ---- Calling -------------------------------------------------------------------------------

struct write_job {
    struct rpc_call *call;
    rpc_handler handler;
};

static struct status run_write(struct store_txn *txn, void *context)
{
    struct write_job *job = context;
    job->call->violations.count = job->call->detail_count = 0;
    return job->handler(job->call, txn);
}

static struct status run_read(struct desk *desk, rpc_handler handler)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(desk->store, &txn));
    return handler(&desk->call, txn);
}

struct status desk_call(struct desk *desk, struct id128 user, enum kyc_method_index method,
                        const void *request, void *ret_reply)
{
    struct rpc_call *call = &desk->call;
    *call = (struct rpc_call){
        .method = &kyc_methods[method],
        .service = &desk->service,
        .arena = desk->arena,
        .claims.subject = user,
        .is_authenticated = !id128_is_nil(user),
        .scope = RPC_SCOPE_ALL,
        .idempotency_key = "",
        .access_token = "",
        .traceparent = "",
        .request_id = "desk",
        .client_ip = "127.0.0.1",
        .device_id = "",
        .received_wall_ns = desk->now_ns += 1000000000,
    };
    // Through the wire and the validator, as every request comes.
    struct bytes wire;
    RETURN_IF_ERROR(rpc_pack(request, desk->arena, &wire));
    RETURN_IF_ERROR(
        rpc_decode(call->method->request, wire, desk->arena, &call->request, &call->violations));

    rpc_handler handler = kyc_handlers[method];
    struct write_job job = {call, handler};
    struct status status = call->method->access == RPC_ACCESS_READ ? run_read(desk, handler)
                           : call->method->access == RPC_ACCESS_WRITE
                               ? store_write_wait(desk->store, run_write, &job)
                               : handler(call, NULL);
    RETURN_IF_ERROR(status);
    assert_non_null(call->reply);
    assert_ptr_equal(call->reply->descriptor, call->method->reply->descriptor);
    if (ret_reply != NULL) memcpy(ret_reply, &call->reply, sizeof call->reply);
    return STATUS_SUCCESS;
}

// ---- What people do ------------------------------------------------------------------------

struct status desk_put_profile(struct desk *desk, struct id128 user, const char *full_name)
{
    Kyc__Address address = KYC__ADDRESS__INIT;
    address.line1 = text_of("12 Mirza Ghalib Road");
    address.city = text_of("Zyqhamabad");
    address.state = text_of("Maharashtra-West");
    address.postal_code = text_of("411001-77");
    address.country = text_of("IN");
    Kyc__PutProfileRequest request = KYC__PUT_PROFILE_REQUEST__INIT;
    request.full_name = text_of(full_name);
    request.date_of_birth = text_of("1990-04-12");
    request.gender = text_of("female");
    request.nationality = text_of("IN");
    request.occupation = text_of("lighthouse keeper");
    request.address = &address;
    return desk_call(desk, user, KYC_PUT_PROFILE, &request, NULL);
}

struct status desk_submit_aadhaar(struct desk *desk, struct id128 user, const char *number)
{
    Kyc__SubmitAadhaarRequest request = KYC__SUBMIT_AADHAAR_REQUEST__INIT;
    request.aadhaar_number = text_of(number);
    request.name = text_of("Asha Verma");
    request.dob = text_of("1990-04-12");
    request.gender = text_of("F");
    request.address = text_of("12 Mirza Ghalib Road, Zyqhamabad");
    return desk_call(desk, user, KYC_SUBMIT_AADHAAR, &request, NULL);
}

struct status desk_submit_pan(struct desk *desk, struct id128 user, const char *number)
{
    Kyc__SubmitPanRequest request = KYC__SUBMIT_PAN_REQUEST__INIT;
    request.pan_number = text_of(number);
    request.name = text_of("Asha Verma");
    request.dob = text_of("1990-04-12");
    return desk_call(desk, user, KYC_SUBMIT_PAN, &request, NULL);
}

struct status desk_submit(struct desk *desk, struct id128 user)
{
    Kyc__SubmitRequest request = KYC__SUBMIT_REQUEST__INIT;
    return desk_call(desk, user, KYC_SUBMIT, &request, NULL);
}

Kyc__KycStatus *desk_status(struct desk *desk, struct id128 user)
{
    Kyc__GetStatusRequest request = KYC__GET_STATUS_REQUEST__INIT;
    Kyc__KycStatus *reply = NULL;
    assert_status_ok(desk_call(desk, user, KYC_GET_STATUS, &request, &reply));
    return reply;
}

struct id128 desk_case_id(struct desk *desk, struct id128 user)
{
    Kyc__KycStatus *status = desk_status(desk, user);
    assert_int_equal(status->case_id.len, ID128_BYTES);
    return id128_of(status->case_id.data);
}

Kyc__Case *desk_case(struct desk *desk, struct id128 case_id)
{
    Kyc__GetCaseRequest request = KYC__GET_CASE_REQUEST__INIT;
    request.id = (ProtobufCBinaryData){ID128_BYTES, case_id.bytes};
    Kyc__Case *reply = NULL;
    assert_status_ok(desk_call(desk, MAKER, KYC_GET_CASE, &request, &reply));
    return reply;
}

static struct status give_opinion(struct desk *desk, struct id128 officer,
                                  enum kyc_method_index method, struct id128 case_id,
                                  const char *decision, uint64_t expected_version)
{
    Kyc__DecisionRequest request = KYC__DECISION_REQUEST__INIT;
    request.id = (ProtobufCBinaryData){ID128_BYTES, case_id.bytes};
    request.decision = text_of(decision);
    request.reason = text_of("papers of Frau Quisselbach agree");
    request.expected_version = expected_version;
    return desk_call(desk, officer, method, &request, NULL);
}

struct status desk_recommend(struct desk *desk, struct id128 officer, struct id128 case_id,
                             const char *decision, uint64_t expected_version)
{
    return give_opinion(desk, officer, KYC_RECOMMEND_CASE, case_id, decision, expected_version);
}

struct status desk_decide(struct desk *desk, struct id128 officer, struct id128 case_id,
                          const char *decision, uint64_t expected_version)
{
    return give_opinion(desk, officer, KYC_DECIDE_CASE, case_id, decision, expected_version);
}

void desk_settle(struct desk *desk, struct id128 user, const char *decision)
{
    assert_status_ok(desk_submit(desk, user));
    struct id128 case_id = desk_case_id(desk, user);
    assert_status_ok(desk_recommend(desk, MAKER, case_id, "approve", 0));
    assert_status_ok(desk_decide(desk, CHECKER, case_id, decision, 0));
}

// ---- Events --------------------------------------------------------------------------------

struct bytes desk_event(struct desk *desk, uint64_t seq)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(desk->store, &txn));
    uint8_t key[8];
    struct bytes row;
    put_u64_be(key, seq);
    assert_status_ok(store_get(txn, STORE_TABLE_EVENT_FIRST, bytes_of(key, sizeof key), &row));
    return bytes_of(arena_copy(desk->arena, row.data, row.size), row.size);
}

const char *desk_events(struct desk *desk, uint64_t after_seq)
{
    char *types = arena_text(desk->arena, "", 0);
    for (uint64_t seq = after_seq + 1; seq <= event_outbox_head(desk->outbox); seq++) {
        Eventlog__Event *event = NULL;
        assert_status_ok(
            rpc_unpack(&eventlog__event__descriptor, desk_event(desk, seq), desk->arena, &event));
        types = arena_format(desk->arena, "%s%s ", types, event->type);
    }
    return types;
}
