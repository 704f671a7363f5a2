// Limit profiles and exchange.
#include "common/base/check.h"
#include "services/ledger/convert_transfer.h"

#include <stdio.h>
#include <string.h>

// ---- Limits: requests ---------------------------------------------------------------------------

static struct status own_limit_violation(struct rpc_call *call, size_t index, const char *member,
                                         const char *reason)
{
    char path[64];
    snprintf(path, sizeof path, "limits[%zu].%s", index, member);
    return rpc_call_violation(call, path, reason);
}

static struct status take_own_limit(struct rpc_call *call, const Ledger__OwnLimit *from,
                                    struct ledger_profile *profile)
{
    size_t index = profile->own_count;
    CHECK(index < LEDGER_OWN_LIMITS_MAX); // items_max in the proto.
    struct ledger_own_limit *own = &profile->own[index];
    size_t size = strlen(from->currency);
    if (size >= sizeof own->currency)
        return own_limit_violation(call, index, "currency", "TOO_LONG");
    memcpy(own->currency, from->currency, size + 1);
    if (!ledger_limit_find(from->limit, &own->limit))
        return own_limit_violation(call, index, "limit", "UNKNOWN_LIMIT");
    if (from->allowed == NULL) return own_limit_violation(call, index, "allowed", "REQUIRED");
    own->allowed = u128_of(from->allowed->high, from->allowed->low);
    if (own->allowed > LEDGER_TOTAL_MAX)
        return own_limit_violation(call, index, "allowed", "RANGE");
    for (size_t i = 0; i < index; i++) {
        const struct ledger_own_limit *other = &profile->own[i];
        if (other->limit == own->limit && strcmp(other->currency, own->currency) == 0)
            return own_limit_violation(call, index, "limit", "DUPLICATE");
    }
    profile->own_count++;
    return STATUS_SUCCESS;
}

struct status ledger_convert_profile(struct rpc_call *call, struct ledger_profile *ret)
{
    const Ledger__UpdateLimitsRequest *request = call->request;
    *ret = (struct ledger_profile){.owner_id = ledger_convert_id(&request->owner_id),
                                   .receive_only = request->receive_only,
                                   .debit_freeze = request->debit_freeze,
                                   .credit_freeze = request->credit_freeze};
    RETURN_IF_ERROR(
        ledger_convert_text(call, "reason", request->reason, sizeof ret->reason, ret->reason));
    for (size_t i = 0; i < request->n_limits; i++)
        RETURN_IF_ERROR(take_own_limit(call, request->limits[i], ret));
    return STATUS_SUCCESS;
}

// ---- Limits: replies ----------------------------------------------------------------------------

static bool put_limit(struct rpc_call *call, const struct ledger_allowance *allowance,
                      enum ledger_limit limit, uint64_t now_ns, Ledger__LimitInForce **ret)
{
    struct parts {
        Ledger__LimitInForce message;
        Type__Uint128 allowed, used;
        char currency[LEDGER_CURRENCY_BYTES];
    } *parts = arena_alloc(call->arena, sizeof *parts);

    if (parts == NULL) return false;
    uint64_t resets_at_ns;
    u128 used = ledger_limit_used(allowance, limit, now_ns, &resets_at_ns);
    Ledger__LimitInForce *message = *ret = &parts->message;
    ledger__limit_in_force__init(message);
    memcpy(parts->currency, allowance->currency, sizeof parts->currency);
    message->currency = parts->currency;
    message->limit = (char *)ledger_limit_name(limit);
    message->source = (char *)(allowance->is_own[limit] ? "owner" : "tier");
    message->allowed = ledger_put_amount(allowance->allowed[limit], &parts->allowed);
    message->used = ledger_put_amount(used, &parts->used);
    message->resets_at = resets_at_ns;
    return true;
}

Ledger__Limits *ledger_convert_limits(struct rpc_call *call, const struct ledger_profile *profile,
                                      const struct ledger_allowance *allowances, size_t count,
                                      uint64_t now_ns)
{
    Ledger__Limits *message = RPC_NEW(call, Ledger__Limits, ledger__limits__init);
    uint8_t *owner_id = arena_copy(call->arena, profile->owner_id.bytes, ID128_BYTES);
    Ledger__LimitInForce **limits =
        arena_alloc(call->arena, count * LEDGER_LIMIT_COUNT * sizeof *limits);
    if (message == NULL || owner_id == NULL || limits == NULL) return NULL;
    message->owner_id = (ProtobufCBinaryData){.data = owner_id, .len = ID128_BYTES};
    message->receive_only = profile->receive_only;
    message->debit_freeze = profile->debit_freeze;
    message->credit_freeze = profile->credit_freeze;
    message->version = profile->version;
    message->changed_at = profile->changed_at_ns;
    message->limits = limits;
    for (size_t i = 0; i < count; i++) {
        for (enum ledger_limit limit = 0; limit < LEDGER_LIMIT_COUNT; limit++) {
            if (!allowances[i].is_limited[limit]) continue;
            if (!put_limit(call, &allowances[i], limit, now_ns, &limits[message->n_limits]))
                return NULL;
            message->n_limits++;
        }
    }
    const char *tier = profile->tier[0] != '\0' ? profile->tier : "T0"; // kyc has not spoken yet.
    bool fits = ledger_put_text(call, tier, &message->tier) &&
                ledger_put_text(call, profile->reason, &message->reason);
    return fits ? message : NULL;
}

// ---- Exchange -----------------------------------------------------------------------------------

struct status ledger_convert_new_quote(struct rpc_call *call, struct ledger_quote *ret,
                                       uint32_t *ret_expires_in_seconds)
{
    const Ledger__CreateFxQuoteRequest *request = call->request;
    const Type__Uint128 *sell = request->sell_amount, *buy = request->buy_amount;
    if (sell == NULL && buy == NULL) return rpc_call_violation(call, "sell_amount", "REQUIRED");
    if (sell != NULL && buy != NULL) {
        rpc_call_detail(call, "field", "buy_amount");
        return REFUSE(INVALID_ARGUMENT, EXCLUSIVE_FIELDS,
                      "give sell_amount or buy_amount; the rate says the other");
    }
    *ret = (struct ledger_quote){.id = ledger_convert_id(&request->id),
                                 .owner_id = ledger_convert_id(&request->owner_id),
                                 .sell_amount = sell != NULL ? u128_of(sell->high, sell->low) : 0,
                                 .buy_amount = buy != NULL ? u128_of(buy->high, buy->low) : 0,
                                 .rate_numerator = request->rate_numerator,
                                 .rate_denominator = request->rate_denominator};
    if (id128_is_nil(ret->id)) ret->id = id128_generate();
    *ret_expires_in_seconds = request->expires_in;
    RETURN_IF_ERROR(ledger_convert_text(call, "sell_currency", request->sell_currency,
                                        sizeof ret->sell_currency, ret->sell_currency));
    return ledger_convert_text(call, "buy_currency", request->buy_currency,
                               sizeof ret->buy_currency, ret->buy_currency);
}

static const char *quote_state(const struct ledger_quote *quote, uint64_t now_ns)
{
    if (quote->state == LEDGER_QUOTE_EXECUTED) return "EXECUTED";
    return now_ns < quote->expires_at_ns ? "OPEN" : "EXPIRED";
}

Ledger__FxQuote *ledger_convert_quote(struct rpc_call *call, const struct ledger_quote *quote,
                                      uint64_t now_ns)
{
    struct parts {
        Ledger__FxQuote message;
        Type__Uint128 sell_amount, buy_amount;
        uint8_t id[ID128_BYTES], owner_id[ID128_BYTES];
    } *parts = arena_alloc(call->arena, sizeof *parts);

    if (parts == NULL) return NULL;
    Ledger__FxQuote *message = &parts->message;
    ledger__fx_quote__init(message);
    message->id = ledger_put_id(quote->id, parts->id);
    message->owner_id = ledger_put_id(quote->owner_id, parts->owner_id);
    message->sell_amount = ledger_put_amount(quote->sell_amount, &parts->sell_amount);
    message->buy_amount = ledger_put_amount(quote->buy_amount, &parts->buy_amount);
    message->rate_numerator = quote->rate_numerator;
    message->rate_denominator = quote->rate_denominator;
    message->created_at = quote->created_at_ns;
    message->expires_at = quote->expires_at_ns;
    message->state = (char *)quote_state(quote, now_ns);
    bool fits = ledger_put_text(call, quote->sell_currency, &message->sell_currency) &&
                ledger_put_text(call, quote->buy_currency, &message->buy_currency);
    return fits ? message : NULL;
}

Ledger__FxExecution *
ledger_convert_execution(struct rpc_call *call, const struct ledger_quote *quote,
                         const struct ledger_outcome outcome[static LEDGER_SIDES], uint64_t now_ns)
{
    Ledger__FxExecution *message = RPC_NEW(call, Ledger__FxExecution, ledger__fx_execution__init);
    if (message == NULL) return NULL;
    message->quote = ledger_convert_quote(call, quote, now_ns);
    message->transfers = arena_alloc(call->arena, LEDGER_SIDES * sizeof *message->transfers);
    if (message->quote == NULL || message->transfers == NULL) return NULL;
    for (; message->n_transfers < LEDGER_SIDES; message->n_transfers++) {
        Ledger__Transfer *transfer = ledger_convert_outcome(call, &outcome[message->n_transfers]);
        if (transfer == NULL) return NULL;
        message->transfers[message->n_transfers] = transfer;
    }
    return message;
}
