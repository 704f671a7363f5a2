#include "services/kyc/rpc.h"

#include "common/base/check.h"
#include "common/rpc/page.h"
#include "florin/kyc/v1/kyc.pb-c.h"
#include "services/kyc/events.h"

// ---- What a customer gives -----------------------------------------------------------------

static struct status put_profile(struct rpc_call *call, struct store_txn *txn)
{
    struct id128 customer_id;
    const char *fields[KYC_PROFILE_FIELD_COUNT];
    struct kyc_profile profile;
    RETURN_IF_ERROR(kyc_convert_user(call, &customer_id));
    RETURN_IF_ERROR(kyc_convert_profile(call, call->request, fields));
    RETURN_IF_ERROR(kyc_service_put_profile(call->service, txn, customer_id, fields, call->arena,
                                            call->received_wall_ns, &profile));
    RETURN_IF_ERROR(kyc_events_evidence(txn, call, customer_id, "profile"));
    return rpc_call_reply(call, kyc_convert_profile_status(call, &profile));
}

static struct status get_profile(struct rpc_call *call, struct store_txn *txn)
{
    struct id128 customer_id;
    struct kyc_profile profile;
    RETURN_IF_ERROR(kyc_convert_user(call, &customer_id));
    RETURN_IF_ERROR(
        kyc_service_get_profile(call->service, txn, customer_id, call->arena, &profile));
    return rpc_call_reply(call, kyc_convert_profile_status(call, &profile));
}

static struct status add_document(struct rpc_call *call, struct store_txn *txn,
                                  struct id128 customer_id, const struct kyc_new_document *document)
{
    struct kyc_document added;
    RETURN_IF_ERROR(kyc_service_add_document(call->service, txn, customer_id, document, call->arena,
                                             call->received_wall_ns, &added));
    RETURN_IF_ERROR(
        kyc_events_evidence(txn, call, customer_id, kyc_document_type_name(document->type)));
    return rpc_call_reply(call, kyc_convert_document(call, &added));
}

struct aadhaar_job {
    struct rpc_call *call;
    struct id128 customer_id;
    struct kyc_new_document document;
};

static struct status run_aadhaar_job(struct store_txn *txn, void *context)
{
    const struct aadhaar_job *job = context;
    return add_document(job->call, txn, job->customer_id, &job->document);
}

static struct status submit_aadhaar(struct rpc_call *call, struct store_txn *txn)
{
    CHECK(txn == NULL); // POOL: two stores are written, one after the other.
    struct kyc_service *service = call->service;
    struct aadhaar_job job = {.call = call};
    RETURN_IF_ERROR(kyc_convert_user(call, &job.customer_id));
    RETURN_IF_ERROR(kyc_convert_aadhaar(call, call->request, &job.document));
    RETURN_IF_ERROR(
        kyc_service_stash_aadhaar(service, job.customer_id, &job.document, call->arena));
    struct status status = store_write_wait(service->store, run_aadhaar_job, &job);
    if (!status_ok(status)) kyc_service_unstash_aadhaar(service, &job.document);
    return status;
}

static struct status submit_pan(struct rpc_call *call, struct store_txn *txn)
{
    struct id128 customer_id;
    struct kyc_new_document document;
    RETURN_IF_ERROR(kyc_convert_user(call, &customer_id));
    RETURN_IF_ERROR(kyc_convert_pan(call, call->request, &document));
    return add_document(call, txn, customer_id, &document);
}

static struct status get_document(struct rpc_call *call, struct store_txn *txn,
                                  enum kyc_document_type type)
{
    struct id128 customer_id;
    struct kyc_document document;
    RETURN_IF_ERROR(kyc_convert_user(call, &customer_id));
    RETURN_IF_ERROR(kyc_service_get_document(txn, customer_id, type, &document));
    return rpc_call_reply(call, kyc_convert_document(call, &document));
}

static struct status get_aadhaar(struct rpc_call *call, struct store_txn *txn)
{
    return get_document(call, txn, KYC_AADHAAR);
}

static struct status get_pan(struct rpc_call *call, struct store_txn *txn)
{
    return get_document(call, txn, KYC_PAN);
}

static struct status get_status(struct rpc_call *call, struct store_txn *txn)
{
    struct id128 customer_id;
    struct kyc_standing standing;
    RETURN_IF_ERROR(kyc_convert_user(call, &customer_id));
    RETURN_IF_ERROR(
        kyc_service_get_standing(call->service, txn, customer_id, call->arena, &standing));
    return rpc_call_reply(call, kyc_convert_standing(call, &standing));
}

static struct status submit(struct rpc_call *call, struct store_txn *txn)
{
    struct id128 customer_id;
    struct kyc_change change;
    struct kyc_standing standing;
    RETURN_IF_ERROR(kyc_convert_user(call, &customer_id));
    struct status status = kyc_service_submit(call->service, txn, customer_id, call->arena,
                                              call->received_wall_ns, &change);
    RETURN_IF_ERROR(
        kyc_service_get_standing(call->service, txn, customer_id, call->arena, &standing));
    if (status.code == STATUS_FAILED_PRECONDITION) kyc_convert_missing(call, &standing.evidence);
    RETURN_IF_ERROR(status);
    RETURN_IF_ERROR(kyc_events_submitted(txn, call, &change));
    return rpc_call_reply(call, kyc_convert_standing(call, &standing));
}

// ---- What officers do ----------------------------------------------------------------------

static struct id128 id_of_bytes(const ProtobufCBinaryData *bytes)
{
    CHECK(bytes->len == ID128_BYTES); // Required, and a UUID: the validator has seen it.
    return id128_of(bytes->data);
}

/// collect_cases fills the reply with the cases of one page, and says whether more follow.
static struct status collect_cases(struct rpc_call *call, struct store_txn *txn,
                                   struct kyc_queue_walk *walk, size_t size,
                                   Kyc__ListCasesResponse *reply, bool *ret_more)
{
    *ret_more = false;
    struct kyc_queue_key last = {0};
    struct status status;
    while (status_ok(status = kyc_queue_walk_next(walk))) {
        if (reply->n_cases == size) {
            walk->at = last; // Where the next page goes on from.
            *ret_more = true;
            return STATUS_SUCCESS;
        }
        struct kyc_case_view view;
        last = walk->at;
        RETURN_IF_ERROR(kyc_service_get_case(call->service, txn, last.case_id, call->arena, &view));
        Kyc__Case *message = kyc_convert_case(call, &view);
        if (message == NULL) return ARENA_STATUS_EXHAUSTED;
        reply->cases[reply->n_cases++] = message;
    }
    return status.code == STATUS_NOT_FOUND ? STATUS_SUCCESS : status;
}

static struct status list_cases(struct rpc_call *call, struct store_txn *txn)
{
    const Kyc__ListCasesRequest *request = call->request;
    enum kyc_state state;
    size_t size;
    struct bytes position;
    RETURN_IF_ERROR(kyc_convert_state(call, request->state, &state));
    RETURN_IF_ERROR(page_size_resolve(call, request->page_size, &size));
    uint8_t filter_byte = (uint8_t)state;
    struct bytes filter = bytes_of(&filter_byte, 1);
    RETURN_IF_ERROR(page_token_open(call, request->page_token, filter, &position));
    struct kyc_queue_key after;
    if (position.size > 0) RETURN_IF_ERROR(kyc_queue_key_decode(position, &after));

    Kyc__ListCasesResponse *reply =
        RPC_NEW(call, Kyc__ListCasesResponse, kyc__list_cases_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    reply->cases = arena_alloc(call->arena, size * sizeof *reply->cases);
    if (reply->cases == NULL) return ARENA_STATUS_EXHAUSTED;
    bool more;
    CLEANUP(kyc_queue_walk_close) struct kyc_queue_walk walk;
    kyc_queue_walk_open(txn, state, position.size > 0 ? &after : NULL, &walk);
    RETURN_IF_ERROR(collect_cases(call, txn, &walk, size, reply, &more));
    if (more) {
        uint8_t key[KYC_QUEUE_KEY_BYTES];
        kyc_queue_key_encode(&walk.at, key);
        reply->next_page_token =
            (char *)(uintptr_t)page_token_make(call, filter, bytes_of(key, sizeof key));
        if (reply->next_page_token == NULL) return ARENA_STATUS_EXHAUSTED;
    }
    return rpc_call_reply(call, reply);
}

static struct status get_case(struct rpc_call *call, struct store_txn *txn)
{
    const Kyc__GetCaseRequest *request = call->request;
    struct kyc_case_view view;
    RETURN_IF_ERROR(
        kyc_service_get_case(call->service, txn, id_of_bytes(&request->id), call->arena, &view));
    return rpc_call_reply(call, kyc_convert_case(call, &view));
}

static struct status recommend_case(struct rpc_call *call, struct store_txn *txn)
{
    const Kyc__DecisionRequest *request = call->request;
    struct kyc_opinion opinion;
    struct kyc_change change;
    RETURN_IF_ERROR(kyc_convert_opinion(call, request, &opinion));
    RETURN_IF_ERROR(kyc_service_recommend(call->service, txn, id_of_bytes(&request->id), &opinion,
                                          request->expected_version, call->arena, &change));
    RETURN_IF_ERROR(kyc_events_recommended(txn, call, &change));
    return rpc_call_reply(call, kyc_convert_case(call, &change.after));
}

static struct status decide_case(struct rpc_call *call, struct store_txn *txn)
{
    const Kyc__DecisionRequest *request = call->request;
    struct kyc_opinion opinion;
    struct kyc_change change;
    RETURN_IF_ERROR(kyc_convert_opinion(call, request, &opinion));
    RETURN_IF_ERROR(kyc_service_decide(call->service, txn, id_of_bytes(&request->id), &opinion,
                                       request->expected_version, call->arena, &change));
    RETURN_IF_ERROR(kyc_events_decided(txn, call, &change));
    return rpc_call_reply(call, kyc_convert_case(call, &change.after));
}

const rpc_handler kyc_handlers[KYC_METHOD_COUNT] = {
    [KYC_PUT_PROFILE] = put_profile,
    [KYC_GET_PROFILE] = get_profile,
    [KYC_SUBMIT_AADHAAR] = submit_aadhaar,
    [KYC_GET_AADHAAR] = get_aadhaar,
    [KYC_SUBMIT_PAN] = submit_pan,
    [KYC_GET_PAN] = get_pan,
    [KYC_SUBMIT] = submit,
    [KYC_GET_STATUS] = get_status,
    [KYC_LIST_CASES] = list_cases,
    [KYC_GET_CASE] = get_case,
    [KYC_RECOMMEND_CASE] = recommend_case,
    [KYC_DECIDE_CASE] = decide_case,
};
