#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/rpc/page.h"
#include "florin/ledger/v1/ledger.pb-c.h"
#include "services/ledger/rpc_handlers.h"

#include <string.h>

// ---- Reading ------------------------------------------------------------------------------------

static struct status convert_stored_account(struct rpc_call *call, struct store_txn *txn,
                                            const struct ledger_account *account,
                                            Ledger__Account **ret)
{
    struct ledger_details details;
    RETURN_IF_ERROR(ledger_store_get_details(txn, account->id, &details));
    *ret = ledger_convert_account(call, account, &details, clock_wall_ns());
    return *ret != NULL ? STATUS_SUCCESS : ARENA_STATUS_EXHAUSTED;
}

struct status ledger_rpc_get_account(struct rpc_call *call, struct store_txn *txn)
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

struct status ledger_rpc_get_balance(struct rpc_call *call, struct store_txn *txn)
{
    const Ledger__GetBalanceRequest *request = call->request;
    struct ledger_caller caller = ledger_convert_caller(call);
    struct ledger_account account;
    uint64_t now_ns = clock_wall_ns(), as_of_ns = request->at;
    RETURN_IF_ERROR(
        ledger_service_get_account(txn, &caller, ledger_convert_id(&request->id), &account));
    RETURN_IF_ERROR(ledger_convert_at(call, txn, "at", request->at, now_ns));
    if (as_of_ns == 0) {
        RETURN_IF_ERROR(ledger_rpc_settled(call, txn, 0, &as_of_ns));
    } else {
        uint64_t settled_ns;
        RETURN_IF_ERROR(ledger_rpc_settled(call, txn, as_of_ns, &settled_ns));
        RETURN_IF_ERROR(ledger_service_account_at(call->service, txn, as_of_ns, now_ns, &account));
    }
    return rpc_call_reply(call, ledger_convert_balance(call, &account, as_of_ns));
}

// ---- Lists --------------------------------------------------------------------------------------

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
    if (!caller.is_any) RETURN_IF_ERROR(ledger_caller_may_touch(&caller, ret->owner_id));
    return ledger_convert_text(call, "currency", request->currency, sizeof ret->currency,
                               ret->currency);
}

static bool filter_takes(const struct account_filter *filter, const struct ledger_account *account)
{
    bool is_owners =
        id128_is_nil(filter->owner_id) || id128_equal(filter->owner_id, account->owner_id);
    return is_owners &&
           (filter->currency[0] == '\0' || strcmp(filter->currency, account->currency) == 0);
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
        if (!filter_takes(filter, &account)) continue;
        RETURN_IF_ERROR(convert_stored_account(call, walk->cursor.txn, &account,
                                               &reply->accounts[reply->n_accounts]));
        reply->n_accounts++;
    }
    reply->next_page_token =
        (char *)ledger_rpc_make_token(call, bytes_of(filter, sizeof *filter), last);
    return reply->next_page_token != NULL ? STATUS_SUCCESS : ARENA_STATUS_EXHAUSTED;
}

/// The one account that has a reference, if the caller may see it and it fits the rest.
static struct status fill_by_ref(struct rpc_call *call, struct store_txn *txn,
                                 const struct account_filter *filter, const char *external_ref,
                                 Ledger__ListAccountsResponse *reply)
{
    struct id128 account_id;
    struct ledger_account account;
    struct status status = ledger_store_find_ref(txn, external_ref, &account_id);
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(status);
    RETURN_IF_ERROR(ledger_store_get_account(txn, account_id, &account));
    if (!filter_takes(filter, &account)) return STATUS_SUCCESS;
    RETURN_IF_ERROR(convert_stored_account(call, txn, &account, &reply->accounts[0]));
    reply->n_accounts = 1;
    return STATUS_SUCCESS;
}

struct status ledger_rpc_list_accounts(struct rpc_call *call, struct store_txn *txn)
{
    const Ledger__ListAccountsRequest *request = call->request;
    struct account_filter filter;
    size_t size;
    uint64_t before;
    RETURN_IF_ERROR(open_account_filter(call, request, &filter));
    RETURN_IF_ERROR(page_size_resolve(call, request->page_size, &size));
    RETURN_IF_ERROR(ledger_rpc_open_token(call, request->page_token,
                                          bytes_of(&filter, sizeof filter), &before));
    Ledger__ListAccountsResponse *reply =
        RPC_NEW(call, Ledger__ListAccountsResponse, ledger__list_accounts_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    reply->accounts = arena_alloc(call->arena, size * sizeof *reply->accounts);
    if (reply->accounts == NULL) return ARENA_STATUS_EXHAUSTED;

    if (request->external_ref[0] != '\0') {
        RETURN_IF_ERROR(fill_by_ref(call, txn, &filter, request->external_ref, reply));
        return rpc_call_reply(call, reply);
    }
    CLEANUP(ledger_account_walk_close) struct ledger_account_walk walk = {0};
    ledger_account_walk_open(txn, id128_is_nil(filter.owner_id) ? NULL : &filter.owner_id, before,
                             &walk);
    RETURN_IF_ERROR(fill_accounts(call, &walk, &filter, size, reply));
    return rpc_call_reply(call, reply);
}

// ---- Changes ------------------------------------------------------------------------------------

struct status ledger_rpc_create_account(struct rpc_call *call, struct store_txn *txn)
{
    struct ledger_caller caller = ledger_convert_caller(call);
    struct ledger_new_account asked;
    struct ledger_account account;
    struct ledger_unit *unit;
    bool existed;
    RETURN_IF_ERROR(ledger_convert_new_account(call, &caller, &asked));
    RETURN_IF_ERROR(ledger_unit_open(call->service, txn, call->arena, 1, &unit));
    RETURN_IF_ERROR(ledger_service_create_account(unit, &caller, &asked, &account, &existed));
    call->replayed = call->not_created = existed;
    if (existed) {
        Ledger__Account *message;
        RETURN_IF_ERROR(convert_stored_account(call, txn, &account, &message));
        return rpc_call_reply(call, message);
    }
    ledger_events_transfers(call, unit); // What expired on the way.
    ledger_events_account(txn, call, LEDGER_EVENT_ACCOUNT_CREATED, &account, asked.details, "");
    return rpc_call_reply(
        call, ledger_convert_account(call, &account, asked.details, account.changed_at_ns));
}

/// An account as a change left it.
struct changed {
    struct ledger_account account;
    struct ledger_details details;
    bool is_changed;
};

static struct status open_change(struct rpc_call *call, struct store_txn *txn,
                                 struct ledger_unit **ret_unit, struct changed **ret)
{
    *ret = arena_alloc(call->arena, sizeof **ret);
    if (*ret == NULL) return ARENA_STATUS_EXHAUSTED;
    return ledger_unit_open(call->service, txn, call->arena, 1, ret_unit);
}

static struct status answer_change(struct rpc_call *call, struct ledger_unit *unit,
                                   enum ledger_account_event what, const char *reason,
                                   const struct changed *changed)
{
    const struct ledger_account *account = &changed->account;
    const struct ledger_details *details = &changed->details;
    if (changed->is_changed) { // Then it is flushed.
        ledger_events_transfers(call, unit);
        ledger_events_account(ledger_unit_txn(unit), call, what, account, details, reason);
    }
    const void *message = ledger_convert_account(call, account, details, clock_wall_ns());
    CHECK(message != NULL || !changed->is_changed); // The account is bounded, and so is this.
    return rpc_call_reply(call, message);
}

struct status ledger_rpc_update_account(struct rpc_call *call, struct store_txn *txn)
{
    struct ledger_caller caller = ledger_convert_caller(call);
    struct ledger_account_change change;
    struct ledger_unit *unit;
    struct changed *changed;
    RETURN_IF_ERROR(ledger_convert_account_change(call, &caller, &change));
    RETURN_IF_ERROR(open_change(call, txn, &unit, &changed));
    struct status status = ledger_service_update_account(unit, &caller, &change, &changed->account,
                                                         &changed->details, &changed->is_changed);
    bool names_limits = change.has_credit_limit || change.has_min_balance ||
                        change.has_max_balance || change.has_no_negative;
    if (status.code == STATUS_PERMISSION_DENIED && names_limits && !caller.may_set_limits)
        rpc_call_detail(call, "permission", "ledger.account.limits");
    RETURN_IF_ERROR(status);
    return answer_change(call, unit, LEDGER_EVENT_ACCOUNT_UPDATED, "", changed);
}

static struct status freeze(struct rpc_call *call, struct store_txn *txn,
                            const struct ledger_freeze_change *change,
                            enum ledger_account_event what)
{
    struct ledger_caller caller = ledger_convert_caller(call);
    struct ledger_unit *unit;
    struct changed *changed;
    RETURN_IF_ERROR(open_change(call, txn, &unit, &changed));
    RETURN_IF_ERROR(ledger_service_freeze_account(unit, &caller, change, &changed->account,
                                                  &changed->details, &changed->is_changed));
    return answer_change(call, unit, what, change->reason, changed);
}

struct status ledger_rpc_freeze_account(struct rpc_call *call, struct store_txn *txn)
{
    struct ledger_freeze_change change;
    RETURN_IF_ERROR(ledger_convert_freeze(call, &change));
    return freeze(call, txn, &change, LEDGER_EVENT_ACCOUNT_FROZEN);
}

struct status ledger_rpc_unfreeze_account(struct rpc_call *call, struct store_txn *txn)
{
    struct ledger_freeze_change change;
    RETURN_IF_ERROR(ledger_convert_unfreeze(call, &change));
    return freeze(call, txn, &change, LEDGER_EVENT_ACCOUNT_UNFROZEN);
}

struct status ledger_rpc_close_account(struct rpc_call *call, struct store_txn *txn)
{
    const Ledger__CloseAccountRequest *request = call->request;
    struct ledger_caller caller = ledger_convert_caller(call);
    caller.may_open_system = rpc_call_scope(call, "ledger.account.system") == RPC_SCOPE_ALL;
    struct ledger_movement sweep;
    struct ledger_unit *unit;
    struct changed *changed;
    bool has_sweep;
    struct ledger_outcome *outcome = arena_alloc(call->arena, sizeof *outcome);
    if (outcome == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(ledger_convert_sweep(call, &sweep, &has_sweep));
    RETURN_IF_ERROR(open_change(call, txn, &unit, &changed));
    struct status status = ledger_service_close_account(
        unit, &caller, ledger_convert_id(&request->account_id), has_sweep ? &sweep : NULL, outcome,
        &changed->account, &changed->details, &changed->is_changed);
    if (outcome->is_refused) {
        if (outcome->is_burnt) ledger_events_transfers(call, unit); // It is flushed then.
        return ledger_rpc_refuse(call, txn, &caller, status, outcome);
    }
    RETURN_IF_ERROR(status);
    return answer_change(call, unit, LEDGER_EVENT_ACCOUNT_CLOSED, "", changed);
}
