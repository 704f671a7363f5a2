#include "services/ledger/rpc.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/rpc/page.h"
#include "florin/ledger/v1/ledger.pb-c.h"
#include "services/ledger/rpc_handlers.h"

#include <stdlib.h>
#include <string.h>

// ---- What handlers share ------------------------------------------------------------------------

const char *ledger_rpc_make_token(struct rpc_call *call, struct bytes filter, uint64_t number)
{
    uint8_t position[8];
    put_u64_be(position, number);
    return page_token_make(call, filter, bytes_of(position, sizeof position));
}

struct status ledger_rpc_open_token(struct rpc_call *call, const char *token, struct bytes filter,
                                    uint64_t *ret_number)
{
    struct bytes position;
    RETURN_IF_ERROR(page_token_open(call, token, filter, &position));
    *ret_number = position.size == 8 ? get_u64_be(position.data) : 0;
    return STATUS_SUCCESS;
}

enum { RETRY_UNSETTLED_MS = 10 }; // About one commit: then it is settled.

struct status ledger_rpc_settled(struct rpc_call *call, struct store_txn *txn, uint64_t at_ns,
                                 uint64_t *ret_settled_ns)
{
    const struct ledger_service *service = call->service;
    RETURN_IF_ERROR(ledger_store_settled(service->ledger, txn, clock_wall_ns(), ret_settled_ns));
    if (at_ns <= *ret_settled_ns) return STATUS_SUCCESS;
    call->retry_after_ms = RETRY_UNSETTLED_MS;
    return REFUSE(UNAVAILABLE, NOT_SETTLED,
                  "what is being written now may still belong to that time; ask again");
}

// ---- Currencies ---------------------------------------------------------------------------------

static struct status list_currencies(struct rpc_call *call, struct store_txn *txn)
{
    const Ledger__ListCurrenciesRequest *request = call->request;
    size_t size;
    struct bytes position;
    RETURN_IF_ERROR(page_size_resolve(call, request->page_size, &size));
    RETURN_IF_ERROR(page_token_open(call, request->page_token, (struct bytes){0}, &position));
    char after[LEDGER_CURRENCY_BYTES] = "";
    CHECK(position.size < sizeof after); // Sealed: only ours come back.
    if (position.size > 0) memcpy(after, position.data, position.size);

    Ledger__ListCurrenciesResponse *reply =
        RPC_NEW(call, Ledger__ListCurrenciesResponse, ledger__list_currencies_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    reply->currencies = arena_alloc(call->arena, size * sizeof *reply->currencies);
    if (reply->currencies == NULL) return ARENA_STATUS_EXHAUSTED;

    struct ledger_currency currency;
    struct status status;
    while (status_ok(status = ledger_service_next_currency(txn, after, &currency))) {
        if (reply->n_currencies == size) {
            reply->next_page_token =
                (char *)page_token_make(call, (struct bytes){0}, bytes_of_text(after));
            if (reply->next_page_token == NULL) return ARENA_STATUS_EXHAUSTED;
            break;
        }
        Ledger__Currency *message = ledger_convert_currency(call, &currency);
        if (message == NULL) return ARENA_STATUS_EXHAUSTED;
        reply->currencies[reply->n_currencies++] = message;
        memcpy(after, currency.code, sizeof after);
    }
    if (!status_ok(status) && status.code != STATUS_NOT_FOUND) return status;
    return rpc_call_reply(call, reply);
}

static struct status create_currency(struct rpc_call *call, struct store_txn *txn)
{
    struct ledger_currency currency;
    RETURN_IF_ERROR(ledger_convert_new_currency(call, &currency));
    RETURN_IF_ERROR(ledger_service_create_currency(txn, &currency));
    ledger_events_currency_created(txn, call, &currency);
    return rpc_call_reply(call, ledger_convert_currency(call, &currency));
}

// ---- Verification -------------------------------------------------------------------------------

static void free_verification(struct ledger_verification **verification)
{
    free(*verification);
}

static struct status verify(struct rpc_call *call, struct store_txn *txn)
{
    CHECK(txn == NULL); // A POOL method takes its own short snapshots.
    const struct ledger_service *service = call->service;
    CLEANUP(free_verification)
    struct ledger_verification *verification = calloc(1, sizeof *verification);
    CHECK(verification != NULL);
    RETURN_IF_ERROR(ledger_verify(service->store, NULL, verification));
    return rpc_call_reply(call, ledger_convert_verification(call, verification));
}

const rpc_handler ledger_handlers[LEDGER_METHOD_COUNT] = {
    [LEDGER_LIST_CURRENCIES] = list_currencies,
    [LEDGER_CREATE_CURRENCY] = create_currency,
    [LEDGER_CREATE_ACCOUNT] = ledger_rpc_create_account,
    [LEDGER_LIST_ACCOUNTS] = ledger_rpc_list_accounts,
    [LEDGER_GET_ACCOUNT] = ledger_rpc_get_account,
    [LEDGER_UPDATE_ACCOUNT] = ledger_rpc_update_account,
    [LEDGER_FREEZE_ACCOUNT] = ledger_rpc_freeze_account,
    [LEDGER_UNFREEZE_ACCOUNT] = ledger_rpc_unfreeze_account,
    [LEDGER_CLOSE_ACCOUNT] = ledger_rpc_close_account,
    [LEDGER_GET_BALANCE] = ledger_rpc_get_balance,
    [LEDGER_LIST_ACCOUNT_TRANSFERS] = ledger_rpc_list_account_transfers,
    [LEDGER_GET_STATEMENT] = ledger_rpc_get_statement,
    [LEDGER_GET_STATEMENT_CSV] = ledger_rpc_get_statement_csv,
    [LEDGER_GET_STATEMENT_CAMT053] = ledger_rpc_get_statement_camt053,
    [LEDGER_DEPOSIT] = ledger_rpc_deposit,
    [LEDGER_WITHDRAW] = ledger_rpc_withdraw,
    [LEDGER_CREATE_TRANSFER] = ledger_rpc_create_transfer,
    [LEDGER_BATCH_CREATE_TRANSFERS] = ledger_rpc_batch_create_transfers,
    [LEDGER_LIST_TRANSFERS] = ledger_rpc_list_transfers,
    [LEDGER_GET_TRANSFER] = ledger_rpc_get_transfer,
    [LEDGER_POST_TRANSFER] = ledger_rpc_post_transfer,
    [LEDGER_VOID_TRANSFER] = ledger_rpc_void_transfer,
    [LEDGER_REVERSE_TRANSFER] = ledger_rpc_reverse_transfer,
    [LEDGER_GET_TRIAL_BALANCE] = ledger_rpc_get_trial_balance,
    [LEDGER_GET_LIMITS] = ledger_rpc_get_limits,
    [LEDGER_UPDATE_LIMITS] = ledger_rpc_update_limits,
    [LEDGER_CREATE_FX_QUOTE] = ledger_rpc_create_fx_quote,
    [LEDGER_GET_FX_QUOTE] = ledger_rpc_get_fx_quote,
    [LEDGER_EXECUTE_FX_QUOTE] = ledger_rpc_execute_fx_quote,
    [LEDGER_VERIFY] = verify,
};
