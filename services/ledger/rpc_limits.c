// Limit profiles and exchange.
#include "common/base/check.h"
#include "common/base/clock.h"
#include "florin/ledger/v1/ledger.pb-c.h"
#include "services/ledger/rpc_handlers.h"

// ---- Limits -------------------------------------------------------------------------------------

enum { LIMIT_CURRENCIES_MAX = 64 };

static struct status reply_limits(struct rpc_call *call, struct store_txn *txn,
                                  const struct ledger_profile *profile)
{
    size_t count;
    struct ledger_allowance *allowances =
        arena_alloc(call->arena, LIMIT_CURRENCIES_MAX * sizeof *allowances);
    if (allowances == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(ledger_service_allowances(call->service, txn, profile, allowances,
                                              LIMIT_CURRENCIES_MAX, &count));
    return rpc_call_reply(call,
                          ledger_convert_limits(call, profile, allowances, count, clock_wall_ns()));
}

struct status ledger_rpc_get_limits(struct rpc_call *call, struct store_txn *txn)
{
    const Ledger__GetLimitsRequest *request = call->request;
    struct ledger_caller caller = ledger_convert_caller(call);
    struct id128 owner_id = ledger_convert_id(&request->owner_id);
    struct ledger_profile profile;
    RETURN_IF_ERROR(ledger_caller_may_touch(&caller, owner_id));
    RETURN_IF_ERROR(ledger_service_get_profile(txn, owner_id, &profile));
    return reply_limits(call, txn, &profile);
}

struct status ledger_rpc_update_limits(struct rpc_call *call, struct store_txn *txn)
{
    const Ledger__UpdateLimitsRequest *request = call->request;
    struct ledger_profile asked, profile;
    RETURN_IF_ERROR(ledger_convert_profile(call, &asked));
    if (rpc_call_is_self(call, asked.owner_id))
        return REFUSE(PERMISSION_DENIED, PERMISSION_DENIED,
                      "one's own limits are another person's to change");
    RETURN_IF_ERROR(
        ledger_service_update_profile(call->service, txn, &asked, request->if_match, &profile));
    ledger_events_limits_changed(txn, call, &profile);
    return reply_limits(call, txn, &profile);
}

// ---- Exchange -----------------------------------------------------------------------------------

struct status ledger_rpc_create_fx_quote(struct rpc_call *call, struct store_txn *txn)
{
    struct ledger_quote quote;
    struct ledger_unit *unit;
    uint32_t expires_in_seconds;
    bool existed;
    RETURN_IF_ERROR(ledger_convert_new_quote(call, &quote, &expires_in_seconds));
    RETURN_IF_ERROR(ledger_unit_open(call->service, txn, call->arena, 1, &unit));
    RETURN_IF_ERROR(ledger_service_quote(unit, &quote, expires_in_seconds, &existed));
    call->replayed = call->not_created = existed;
    if (!existed) ledger_events_quote(txn, call, &quote, false);
    const void *message = ledger_convert_quote(call, &quote, clock_wall_ns());
    CHECK(message != NULL); // The quote is stored; it is small.
    return rpc_call_reply(call, message);
}

struct status ledger_rpc_get_fx_quote(struct rpc_call *call, struct store_txn *txn)
{
    const Ledger__GetFxQuoteRequest *request = call->request;
    struct ledger_caller caller = ledger_convert_caller(call);
    struct ledger_quote quote;
    RETURN_IF_ERROR(
        ledger_service_get_quote(txn, &caller, ledger_convert_id(&request->id), &quote));
    return rpc_call_reply(call, ledger_convert_quote(call, &quote, clock_wall_ns()));
}

struct status ledger_rpc_execute_fx_quote(struct rpc_call *call, struct store_txn *txn)
{
    const Ledger__ExecuteFxQuoteRequest *request = call->request;
    struct ledger_caller caller = ledger_convert_caller(call);
    const struct id128 account_id[LEDGER_SIDES] = {
        [LEDGER_DEBIT] = ledger_convert_id(&request->debit_account_id),
        [LEDGER_CREDIT] = ledger_convert_id(&request->credit_account_id),
    };
    struct ledger_quote quote;
    struct ledger_unit *unit;
    bool existed;
    struct ledger_outcome *outcomes = arena_alloc(call->arena, LEDGER_SIDES * sizeof *outcomes);
    if (outcomes == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(ledger_unit_open(call->service, txn, call->arena, LEDGER_SIDES, &unit));
    struct status status =
        ledger_service_exchange(unit, &caller, ledger_convert_id(&request->id), account_id,
                                bytes_of_text(request->description), &quote, outcomes, &existed);
    for (enum ledger_side leg = 0; leg < LEDGER_SIDES && !status_ok(status); leg++) {
        if (!outcomes[leg].is_refused) continue;
        ledger_convert_refusal(call, &caller, &outcomes[leg]);
        break;
    }
    RETURN_IF_ERROR(status);
    const void *message = ledger_convert_execution(call, &quote, outcomes, clock_wall_ns());
    CHECK(message != NULL); // The quote is written as executed; this is small.
    call->replayed = call->not_created = existed;
    if (!existed) {
        ledger_unit_flush(unit);
        ledger_events_transfers(call, unit);
        ledger_events_quote(txn, call, &quote, true);
    }
    return rpc_call_reply(call, message);
}
