#include "services/ledger/rpc.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/rpc/page.h"
#include "florin/ledger/v1/ledger.pb-c.h"
#include "services/ledger/events.h"

#include <stdlib.h>
#include <string.h>

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
    RETURN_IF_ERROR(ledger_convert_new_currency(call, call->request, &currency));
    RETURN_IF_ERROR(ledger_service_create_currency(txn, &currency));
    return rpc_call_reply(call, ledger_convert_currency(call, &currency));
}

// ---- Accounts -----------------------------------------------------------------------------------

static struct status convert_stored_account(struct rpc_call *call, struct store_txn *txn,
                                            const struct ledger_account *account,
                                            Ledger__Account **ret)
{
    struct ledger_details details;
    RETURN_IF_ERROR(ledger_store_get_details(txn, account->id, &details));
    *ret = ledger_convert_account(call, account, details.name);
    return *ret != NULL ? STATUS_SUCCESS : ARENA_STATUS_EXHAUSTED;
}

static struct status create_account(struct rpc_call *call, struct store_txn *txn)
{
    struct ledger_caller caller = ledger_convert_caller(call);
    struct ledger_new_account asked;
    struct ledger_account account;
    bool existed;
    RETURN_IF_ERROR(ledger_convert_new_account(call, call->request, &asked));
    RETURN_IF_ERROR(ledger_service_create_account(txn, &caller, &asked, &account, &existed));

    Ledger__Account *message = ledger_convert_account(call, &account, asked.details.name);
    if (message == NULL) return ARENA_STATUS_EXHAUSTED;
    call->replayed = call->not_created = existed;
    if (!existed) ledger_events_account_created(txn, call, &account, message);
    return rpc_call_reply(call, message);
}

/// What a list of accounts is asked for; as bytes, the filter that its page tokens are bound to.
struct account_filter {
    struct id128 owner_id; // Nil: all owners.
    char currency[LEDGER_CURRENCY_BYTES];
};

/// Staff may ask for a rare currency among all accounts: beyond this many looked at, a page is
/// handed out as it is, with a token that goes on.
enum { ACCOUNTS_PER_PAGE_LOOKED_AT_MAX = 10000 };

static struct status open_account_filter(struct rpc_call *call,
                                         const Ledger__ListAccountsRequest *request,
                                         struct account_filter *ret)
{
    struct ledger_caller caller = ledger_convert_caller(call);
    memset(ret, 0, sizeof *ret); // Padding too: it is hashed as bytes.
    ret->owner_id = ledger_convert_id(&request->owner_id);
    if (!caller.is_any && id128_is_nil(ret->owner_id)) ret->owner_id = caller.user_id;
    RETURN_IF_ERROR(ledger_caller_may_touch(&caller, ret->owner_id));
    size_t size = strlen(request->currency);
    if (size >= sizeof ret->currency) return rpc_call_violation(call, "currency", "TOO_LONG");
    memcpy(ret->currency, request->currency, size);
    return STATUS_SUCCESS;
}

static const char *make_number_token(struct rpc_call *call, struct bytes filter, uint64_t number)
{
    uint8_t position[8];
    put_u64_be(position, number);
    return page_token_make(call, filter, bytes_of(position, sizeof position));
}

static struct status open_number_token(struct rpc_call *call, const char *token,
                                       struct bytes filter, uint64_t *ret)
{
    struct bytes position;
    RETURN_IF_ERROR(page_token_open(call, token, filter, &position));
    *ret = position.size == 8 ? get_u64_be(position.data) : 0;
    return STATUS_SUCCESS;
}

static struct status fill_accounts(struct rpc_call *call, struct ledger_account_walk *walk,
                                   const struct account_filter *filter, size_t size,
                                   Ledger__ListAccountsResponse *reply)
{
    struct ledger_account account;
    uint64_t last = 0;
    for (size_t looked_at = 0;; looked_at++) {
        struct status status = ledger_account_walk_next(walk, &account);
        if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
        RETURN_IF_ERROR(status);
        if (reply->n_accounts == size || looked_at == ACCOUNTS_PER_PAGE_LOOKED_AT_MAX) break;
        last = account.number;
        if (filter->currency[0] != '\0' && strcmp(filter->currency, account.currency) != 0)
            continue;
        RETURN_IF_ERROR(convert_stored_account(call, walk->cursor.txn, &account,
                                               &reply->accounts[reply->n_accounts]));
        reply->n_accounts++;
    }
    reply->next_page_token =
        (char *)make_number_token(call, bytes_of(filter, sizeof *filter), last);
    return reply->next_page_token != NULL ? STATUS_SUCCESS : ARENA_STATUS_EXHAUSTED;
}

static struct status list_accounts(struct rpc_call *call, struct store_txn *txn)
{
    const Ledger__ListAccountsRequest *request = call->request;
    struct account_filter filter;
    size_t size;
    uint64_t before;
    RETURN_IF_ERROR(open_account_filter(call, request, &filter));
    RETURN_IF_ERROR(page_size_resolve(call, request->page_size, &size));
    RETURN_IF_ERROR(
        open_number_token(call, request->page_token, bytes_of(&filter, sizeof filter), &before));
    Ledger__ListAccountsResponse *reply =
        RPC_NEW(call, Ledger__ListAccountsResponse, ledger__list_accounts_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    reply->accounts = arena_alloc(call->arena, size * sizeof *reply->accounts);
    if (reply->accounts == NULL) return ARENA_STATUS_EXHAUSTED;

    CLEANUP(ledger_account_walk_close) struct ledger_account_walk walk = {0};
    ledger_account_walk_open(txn, id128_is_nil(filter.owner_id) ? NULL : &filter.owner_id, before,
                             &walk);
    RETURN_IF_ERROR(fill_accounts(call, &walk, &filter, size, reply));
    return rpc_call_reply(call, reply);
}

static struct status get_account(struct rpc_call *call, struct store_txn *txn)
{
    const Ledger__GetAccountRequest *request = call->request;
    struct ledger_caller caller = ledger_convert_caller(call);
    struct ledger_account account;
    Ledger__Account *message;
    RETURN_IF_ERROR(
        ledger_service_get_account(txn, &caller, ledger_convert_id(&request->id), &account));
    RETURN_IF_ERROR(convert_stored_account(call, txn, &account, &message));
    return rpc_call_reply(call, message);
}

static struct status get_balance(struct rpc_call *call, struct store_txn *txn)
{
    const Ledger__GetBalanceRequest *request = call->request;
    struct ledger_caller caller = ledger_convert_caller(call);
    struct ledger_account account;
    RETURN_IF_ERROR(
        ledger_service_get_account(txn, &caller, ledger_convert_id(&request->id), &account));
    // Ledger time may run a little ahead of the wall clock; a balance is never older than its last
    // entry.
    uint64_t as_of_ns = clock_wall_ns();
    if (as_of_ns < account.changed_at_ns) as_of_ns = account.changed_at_ns;
    return rpc_call_reply(call, ledger_convert_balance(call, &account, as_of_ns));
}

static struct status fill_history(struct rpc_call *call, struct store_txn *txn,
                                  const struct ledger_account *account, uint64_t number,
                                  size_t size, Ledger__ListTransfersResponse *reply)
{
    while (number != 0 && reply->n_transfers < size) {
        struct ledger_transfer transfer;
        enum ledger_side side;
        RETURN_IF_ERROR(ledger_store_get_transfer(txn, number, &transfer));
        RETURN_IF_ERROR(ledger_transfer_side(&transfer, account->id, &side));
        Ledger__Transfer *message = ledger_convert_transfer(call, &transfer, account);
        if (message == NULL) return ARENA_STATUS_EXHAUSTED;
        reply->transfers[reply->n_transfers++] = message;
        number = transfer.entry[side].previous;
    }
    if (number == 0) return STATUS_SUCCESS;
    struct bytes filter = bytes_of(account->id.bytes, ID128_BYTES);
    reply->next_page_token = (char *)make_number_token(call, filter, number);
    return reply->next_page_token != NULL ? STATUS_SUCCESS : ARENA_STATUS_EXHAUSTED;
}

static struct status list_account_transfers(struct rpc_call *call, struct store_txn *txn)
{
    const Ledger__ListAccountTransfersRequest *request = call->request;
    struct ledger_caller caller = ledger_convert_caller(call);
    struct id128 account_id = ledger_convert_id(&request->id);
    struct ledger_account account;
    size_t size;
    uint64_t from;
    RETURN_IF_ERROR(ledger_service_get_account(txn, &caller, account_id, &account));
    RETURN_IF_ERROR(page_size_resolve(call, request->page_size, &size));
    RETURN_IF_ERROR(open_number_token(call, request->page_token,
                                      bytes_of(account_id.bytes, ID128_BYTES), &from));
    Ledger__ListTransfersResponse *reply =
        RPC_NEW(call, Ledger__ListTransfersResponse, ledger__list_transfers_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    reply->transfers = arena_alloc(call->arena, size * sizeof *reply->transfers);
    if (reply->transfers == NULL) return ARENA_STATUS_EXHAUSTED;
    if (from == 0) from = account.head.chain[0];
    RETURN_IF_ERROR(fill_history(call, txn, &account, from, size, reply));
    return rpc_call_reply(call, reply);
}

// ---- Movements ----------------------------------------------------------------------------------

/// Answers a movement: created, existing, refused with a trace in the store, or refused without.
static struct status answer_movement(struct rpc_call *call, struct store_txn *txn,
                                     const struct ledger_caller *caller, struct status status,
                                     const struct ledger_outcome *outcome)
{
    if (!status_ok(status) && !outcome->is_refused) return status;
    if (outcome->is_refused) {
        ledger_convert_refusal(call, caller, outcome);
        if (!ledger_reasons[outcome->refusal.reason].burns_id) return status;
    }
    Ledger__Transfer *message = ledger_convert_transfer(call, &outcome->transfer, NULL);
    CHECK(message != NULL); // The transfer is written; the request is bounded, and so is this.
    if (outcome->is_refused) {
        ledger_events_transfer_refused(txn, call, outcome, message);
        return rpc_call_refuse_committed(call, status);
    }
    call->replayed = call->not_created = outcome->existed;
    if (outcome->is_created) ledger_events_transfer_created(txn, call, outcome, message);
    return rpc_call_reply(call, message);
}

static struct status deposit(struct rpc_call *call, struct store_txn *txn)
{
    struct ledger_caller caller = ledger_convert_caller(call);
    struct ledger_movement movement;
    struct ledger_outcome outcome;
    RETURN_IF_ERROR(ledger_convert_move_cash(call, call->request, &movement));
    struct status status = ledger_service_deposit(call->service, txn, &caller, &movement, &outcome);
    return answer_movement(call, txn, &caller, status, &outcome);
}

static struct status create_transfer(struct rpc_call *call, struct store_txn *txn)
{
    struct ledger_caller caller = ledger_convert_caller(call);
    struct ledger_movement movement;
    struct ledger_outcome outcome;
    RETURN_IF_ERROR(ledger_convert_create_transfer(call, call->request, &movement));
    struct status status =
        ledger_service_create_transfer(call->service, txn, &caller, &movement, &outcome);
    return answer_movement(call, txn, &caller, status, &outcome);
}

static struct status get_transfer(struct rpc_call *call, struct store_txn *txn)
{
    const Ledger__GetTransferRequest *request = call->request;
    struct ledger_caller caller = ledger_convert_caller(call);
    struct ledger_transfer transfer;
    RETURN_IF_ERROR(
        ledger_service_get_transfer(txn, &caller, ledger_convert_id(&request->id), &transfer));
    return rpc_call_reply(call, ledger_convert_transfer(call, &transfer, NULL));
}

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
    [LEDGER_CREATE_ACCOUNT] = create_account,
    [LEDGER_LIST_ACCOUNTS] = list_accounts,
    [LEDGER_GET_ACCOUNT] = get_account,
    [LEDGER_GET_BALANCE] = get_balance,
    [LEDGER_LIST_ACCOUNT_TRANSFERS] = list_account_transfers,
    [LEDGER_DEPOSIT] = deposit,
    [LEDGER_CREATE_TRANSFER] = create_transfer,
    [LEDGER_GET_TRANSFER] = get_transfer,
    [LEDGER_VERIFY] = verify,
};
