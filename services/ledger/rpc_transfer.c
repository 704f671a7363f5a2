#include "common/base/check.h"
#include "common/rpc/page.h"
#include "florin/ledger/v1/ledger.pb-c.h"
#include "services/ledger/rpc_handlers.h"

#include <string.h>

// ---- Movements ----------------------------------------------------------------------------------

static void flush(struct rpc_call *call, struct ledger_unit *unit)
{
    ledger_unit_flush(unit);
    ledger_events_transfers(call, unit);
}

struct status ledger_rpc_refuse(struct rpc_call *call, struct store_txn *txn,
                                const struct ledger_caller *caller, struct status status,
                                const struct ledger_outcome *outcome)
{
    ledger_convert_refusal(call, caller, outcome);
    if (!ledger_reasons[outcome->refusal.reason].burns_id) return status;
    ledger_events_transfer_refused(txn, call, outcome);
    return rpc_call_refuse_committed(call, status);
}

/// One movement of any kind: decided, answered, written, told.
static struct status move(struct rpc_call *call, struct store_txn *txn, ledger_movement_of convert)
{
    struct ledger_caller caller = ledger_convert_caller(call);
    struct ledger_movement movement;
    struct ledger_unit *unit;
    struct ledger_outcome *outcome = arena_alloc(call->arena, sizeof *outcome);
    if (outcome == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(convert(call, &movement));
    RETURN_IF_ERROR(ledger_unit_open(call->service, txn, call->arena, 1, &unit));
    struct status status = ledger_service_move(unit, &caller, &movement, outcome);
    if (outcome->is_refused) {
        // The burnt id, and what expired on the way.
        if (ledger_reasons[outcome->refusal.reason].burns_id) flush(call, unit);
        return ledger_rpc_refuse(call, txn, &caller, status, outcome);
    }
    RETURN_IF_ERROR(status);
    RETURN_IF_ERROR(rpc_call_reply(call, ledger_convert_outcome(call, outcome)));
    call->replayed = call->not_created = outcome->existed;
    if (outcome->is_created) flush(call, unit);
    return STATUS_SUCCESS;
}

struct status ledger_rpc_deposit(struct rpc_call *call, struct store_txn *txn)
{
    return move(call, txn, ledger_convert_deposit);
}

struct status ledger_rpc_withdraw(struct rpc_call *call, struct store_txn *txn)
{
    return move(call, txn, ledger_convert_withdrawal);
}

struct status ledger_rpc_create_transfer(struct rpc_call *call, struct store_txn *txn)
{
    return move(call, txn, ledger_convert_create);
}

struct status ledger_rpc_post_transfer(struct rpc_call *call, struct store_txn *txn)
{
    return move(call, txn, ledger_convert_post);
}

struct status ledger_rpc_void_transfer(struct rpc_call *call, struct store_txn *txn)
{
    return move(call, txn, ledger_convert_void);
}

struct status ledger_rpc_reverse_transfer(struct rpc_call *call, struct store_txn *txn)
{
    return move(call, txn, ledger_convert_reverse);
}

/// As a movement alone is told: also one without an id to burn, which the call's key stands for.
static void tell_refused(const struct rpc_call *call, struct store_txn *txn,
                         const struct ledger_batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        const struct ledger_outcome *outcome = batch->results[i].outcome;
        if (outcome == NULL || !outcome->is_refused) continue;
        if (ledger_reasons[outcome->refusal.reason].burns_id)
            ledger_events_transfer_refused(txn, call, outcome);
    }
}

struct status ledger_rpc_batch_create_transfers(struct rpc_call *call, struct store_txn *txn)
{
    struct ledger_caller caller = ledger_convert_caller(call);
    struct ledger_batch batch;
    struct ledger_unit *unit;
    RETURN_IF_ERROR(ledger_convert_batch(call, &batch));
    RETURN_IF_ERROR(ledger_unit_open(call->service, txn, call->arena, batch.count, &unit));
    RETURN_IF_ERROR(ledger_service_batch(unit, &caller, &batch));
    RETURN_IF_ERROR(rpc_call_reply(call, ledger_convert_batch_results(call, &caller, &batch)));
    if (batch.dry_run) return STATUS_SUCCESS;
    if (batch.has_changes) flush(call, unit);
    tell_refused(call, txn, &batch);
    return STATUS_SUCCESS;
}

// ---- Reading ------------------------------------------------------------------------------------

enum { FOLLOW_UPS_MAX = 100 };

struct status ledger_rpc_get_transfer(struct rpc_call *call, struct store_txn *txn)
{
    const Ledger__GetTransferRequest *request = call->request;
    struct ledger_caller caller = ledger_convert_caller(call);
    struct ledger_progress progress;
    size_t count;
    struct ledger_transfer *transfer = arena_alloc(call->arena, sizeof *transfer);
    struct id128 *follow_ups = arena_alloc(call->arena, FOLLOW_UPS_MAX * sizeof *follow_ups);
    if (transfer == NULL || follow_ups == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(ledger_service_get_transfer(
        txn, call->arena, &caller, ledger_convert_id(&request->id), transfer, &progress));
    RETURN_IF_ERROR(ledger_service_follow_ups(txn, &progress, follow_ups, FOLLOW_UPS_MAX, &count));
    Ledger__Transfer *message = ledger_convert_transfer(call, transfer, &progress, NULL);
    if (message == NULL || !ledger_put_follow_ups(call, follow_ups, count, message))
        return ARENA_STATUS_EXHAUSTED;
    return rpc_call_reply(call, message);
}

/// What a list of transfers is asked for; as bytes, the filter its page tokens are bound to.
struct filter {
    struct id128 id; // Of the account, or the group; nil: neither.
    uint64_t from_ns, to_ns;
    uint32_t code, direction;
};

static struct ledger_history_query query_of(const struct filter *filter, size_t size,
                                            uint64_t before_number)
{
    bool has_side =
        filter->direction == LEDGER__SIDE__DEBIT || filter->direction == LEDGER__SIDE__CREDIT;
    return (struct ledger_history_query){
        .from_ns = filter->from_ns,
        .to_ns = filter->to_ns,
        .has_side = has_side,
        .side = filter->direction == LEDGER__SIDE__CREDIT ? LEDGER_CREDIT : LEDGER_DEBIT,
        .code = (uint16_t)filter->code,
        .before_number = before_number,
        .size = size,
    };
}

static struct status open_query(struct rpc_call *call, const struct filter *filter,
                                int32_t page_size, const char *page_token,
                                struct ledger_history_query *ret)
{
    size_t size;
    uint64_t before_number;
    RETURN_IF_ERROR(ledger_convert_range(call, filter->from_ns, filter->to_ns));
    RETURN_IF_ERROR(page_size_resolve(call, page_size, &size));
    RETURN_IF_ERROR(
        ledger_rpc_open_token(call, page_token, bytes_of(filter, sizeof *filter), &before_number));
    *ret = query_of(filter, size, before_number);
    return STATUS_SUCCESS;
}

static struct status reply_page(struct rpc_call *call, struct store_txn *txn,
                                const struct ledger_page *page, const struct filter *filter,
                                const struct ledger_account *of)
{
    Ledger__ListTransfersResponse *reply =
        RPC_NEW(call, Ledger__ListTransfersResponse, ledger__list_transfers_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    reply->transfers = arena_alloc(call->arena, page->count * sizeof *reply->transfers);
    if (reply->transfers == NULL) return ARENA_STATUS_EXHAUSTED;
    for (size_t i = 0; i < page->count; i++) {
        struct ledger_progress progress;
        const struct ledger_transfer *transfer = &page->transfers[i];
        RETURN_IF_ERROR(ledger_store_get_progress(txn, transfer->number, &progress));
        Ledger__Transfer *message = ledger_convert_transfer(call, transfer, &progress, of);
        if (message == NULL) return ARENA_STATUS_EXHAUSTED;
        reply->transfers[reply->n_transfers++] = message;
    }
    if (page->next_before == 0) return rpc_call_reply(call, reply);
    reply->next_page_token =
        (char *)ledger_rpc_make_token(call, bytes_of(filter, sizeof *filter), page->next_before);
    if (reply->next_page_token == NULL) return ARENA_STATUS_EXHAUSTED;
    return rpc_call_reply(call, reply);
}

struct status ledger_rpc_list_account_transfers(struct rpc_call *call, struct store_txn *txn)
{
    const Ledger__ListAccountTransfersRequest *request = call->request;
    struct ledger_caller caller = ledger_convert_caller(call);
    struct filter filter = {.id = ledger_convert_id(&request->id),
                            .from_ns = request->from,
                            .to_ns = request->to,
                            .direction = request->direction};
    struct ledger_account account;
    struct ledger_history_query query;
    struct ledger_page page;
    RETURN_IF_ERROR(ledger_service_get_account(txn, &caller, filter.id, &account));
    if (request->direction == LEDGER__SIDE__BOTH) filter.direction = LEDGER__SIDE__SIDE_UNSPECIFIED;
    RETURN_IF_ERROR(open_query(call, &filter, request->page_size, request->page_token, &query));
    RETURN_IF_ERROR(ledger_service_history(txn, call->arena, &account, &query, &page));
    return reply_page(call, txn, &page, &filter, &account);
}

struct status ledger_rpc_list_transfers(struct rpc_call *call, struct store_txn *txn)
{
    const Ledger__ListTransfersRequest *request = call->request;
    struct ledger_caller caller = ledger_convert_caller(call);
    struct filter filter = {.id = ledger_convert_id(&request->group_id),
                            .from_ns = request->from,
                            .to_ns = request->to,
                            .code = request->code};
    struct ledger_history_query query;
    struct ledger_page page;
    if (request->code > UINT16_MAX) return rpc_call_violation(call, "code", "RANGE");
    RETURN_IF_ERROR(open_query(call, &filter, request->page_size, request->page_token, &query));
    if (!id128_is_nil(filter.id)) {
        RETURN_IF_ERROR(
            ledger_service_list_group(txn, call->arena, &caller, filter.id, &query, &page));
    } else {
        RETURN_IF_ERROR(ledger_service_list_transfers(
            txn, call->arena, caller.is_any ? NULL : &caller.user_id, &query, &page));
    }
    return reply_page(call, txn, &page, &filter, NULL);
}
