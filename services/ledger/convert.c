#include "services/ledger/convert.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "florin/kyc/v1/kyc.pb-c.h"
#include "florin/ledger/v1/ledger.pb-c.h"
#include "services/ledger/currencies.h"

#include <string.h>

// ---- Requests -----------------------------------------------------------------------------------

struct ledger_caller ledger_convert_caller(const struct rpc_call *call)
{
    struct ledger_caller caller = {.is_any = call->scope == RPC_SCOPE_ALL};
    if (call->is_authenticated && !call->claims.is_service) caller.user_id = call->claims.subject;
    return caller;
}

struct id128 ledger_convert_id(const ProtobufCBinaryData *bytes)
{
    return bytes->len == ID128_BYTES ? id128_of(bytes->data) : ID128_NIL;
}

static struct status copy_text(struct rpc_call *call, const char *field, const char *text,
                               size_t ret_bytes, char *ret)
{
    size_t size = strlen(text);
    if (size >= ret_bytes) return rpc_call_violation(call, field, "TOO_LONG");
    memcpy(ret, text, size + 1);
    return STATUS_SUCCESS;
}

static struct status copy_amount(struct rpc_call *call, const Type__Uint128 *amount, u128 *ret)
{
    if (amount == NULL) return rpc_call_violation(call, "amount", "REQUIRED");
    *ret = u128_of(amount->high, amount->low);
    return STATUS_SUCCESS;
}

static struct status check_idempotency(const struct rpc_call *call, struct id128 id)
{
    if (!id128_is_nil(id) || call->idempotency_key[0] != '\0') return STATUS_SUCCESS;
    return ledger_reason_status(LEDGER_IDEMPOTENCY_REQUIRED);
}

struct status ledger_convert_new_account(struct rpc_call *call,
                                         const struct Ledger__CreateAccountRequest *request,
                                         struct ledger_new_account *ret)
{
    struct ledger_new_account account = {.id = ledger_convert_id(&request->id),
                                         .owner_id = ledger_convert_id(&request->owner_id)};
    if (id128_is_nil(account.id)) account.id = id128_generate();
    if (id128_is_nil(account.owner_id)) account.owner_id = ledger_convert_caller(call).user_id;
    if (id128_is_nil(account.owner_id)) return rpc_call_violation(call, "owner_id", "REQUIRED");
    RETURN_IF_ERROR(
        copy_text(call, "currency", request->currency, sizeof account.currency, account.currency));
    RETURN_IF_ERROR(
        copy_text(call, "name", request->name, sizeof account.details.name, account.details.name));
    *ret = account;
    return STATUS_SUCCESS;
}

struct status ledger_convert_new_currency(struct rpc_call *call,
                                          const struct Ledger__CreateCurrencyRequest *request,
                                          struct ledger_currency *ret)
{
    struct ledger_currency currency = {0};
    if (request->exponent > LEDGER_EXPONENT_MAX)
        return rpc_call_violation(call, "exponent", "RANGE");
    currency.exponent = (uint8_t)request->exponent;
    RETURN_IF_ERROR(copy_text(call, "code", request->code, sizeof currency.code, currency.code));
    RETURN_IF_ERROR(copy_text(call, "name", request->name, sizeof currency.name, currency.name));
    *ret = currency;
    return STATUS_SUCCESS;
}

struct status ledger_convert_create_transfer(struct rpc_call *call,
                                             const struct Ledger__CreateTransferRequest *request,
                                             struct ledger_movement *ret)
{
    *ret = (struct ledger_movement){0};
    ret->id = ledger_convert_id(&request->id);
    RETURN_IF_ERROR(check_idempotency(call, ret->id));
    ret->account_id[LEDGER_DEBIT] = ledger_convert_id(&request->debit_account_id);
    ret->account_id[LEDGER_CREDIT] = ledger_convert_id(&request->credit_account_id);
    RETURN_IF_ERROR(copy_amount(call, request->amount, &ret->amount));
    if (request->code > UINT16_MAX) return rpc_call_violation(call, "code", "RANGE");
    ret->code = (uint16_t)request->code;
    RETURN_IF_ERROR(
        copy_text(call, "currency", request->currency, sizeof ret->currency, ret->currency));
    return copy_text(call, "description", request->description, sizeof ret->description,
                     ret->description);
}

struct status ledger_convert_move_cash(struct rpc_call *call,
                                       const struct Ledger__MoveCashRequest *request,
                                       struct ledger_movement *ret)
{
    *ret = (struct ledger_movement){0};
    ret->id = ledger_convert_id(&request->id);
    RETURN_IF_ERROR(check_idempotency(call, ret->id));
    ret->account_id[LEDGER_CREDIT] = ledger_convert_id(&request->account_id);
    RETURN_IF_ERROR(copy_amount(call, request->amount, &ret->amount));
    return copy_text(call, "description", request->description, sizeof ret->description,
                     ret->description);
}

// ---- Replies ------------------------------------------------------------------------------------

// A reply's parts stand in one allocation, behind the message that points to them.

static ProtobufCBinaryData put_id(struct id128 id, uint8_t place[static ID128_BYTES])
{
    if (id128_is_nil(id)) return (ProtobufCBinaryData){0};
    memcpy(place, id.bytes, ID128_BYTES);
    return (ProtobufCBinaryData){.len = ID128_BYTES, .data = place};
}

static Type__Uint128 *put_amount(u128 amount, Type__Uint128 *place)
{
    type__uint128__init(place);
    place->high = u128_high(amount);
    place->low = u128_low(amount);
    return place;
}

static Type__Int128 *put_signed(i128 amount, Type__Int128 *place)
{
    type__int128__init(place);
    place->high = u128_high((u128)amount);
    place->low = u128_low((u128)amount);
    return place;
}

static bool put_text(struct rpc_call *call, const char *text, char **ret)
{
    if (text[0] == '\0') return true; // What init set.
    *ret = arena_text(call->arena, text, strlen(text));
    return *ret != NULL;
}

Ledger__Currency *ledger_convert_currency(struct rpc_call *call,
                                          const struct ledger_currency *currency)
{
    Ledger__Currency *message = RPC_NEW(call, Ledger__Currency, ledger__currency__init);
    if (message == NULL) return NULL;
    message->exponent = currency->exponent;
    message->custom = ledger_currency_find(currency->code) == NULL;
    bool fits = put_text(call, currency->code, &message->code) &&
                put_text(call, currency->name, &message->name);
    return fits ? message : NULL;
}

Ledger__Account *ledger_convert_account(struct rpc_call *call, const struct ledger_account *account,
                                        const char *name)
{
    struct parts {
        Ledger__Account message;
        uint8_t id[ID128_BYTES], owner_id[ID128_BYTES];
    } *parts = arena_alloc(call->arena, sizeof *parts);

    if (parts == NULL) return NULL;
    Ledger__Account *message = &parts->message;
    ledger__account__init(message);
    message->id = put_id(account->id, parts->id);
    message->owner_id = put_id(account->owner_id, parts->owner_id);
    message->class_ = (Ledger__AccountClass)account->class;
    message->kind = (Ledger__AccountKind)account->kind;
    message->no_negative = account->no_negative;
    message->closed = account->closed;
    message->version = account->version;
    message->created_at = account->created_at_ns;
    bool fits = put_text(call, account->currency, &message->currency) &&
                put_text(call, name, &message->name);
    return fits ? message : NULL;
}

Ledger__Balance *ledger_convert_balance(struct rpc_call *call, const struct ledger_account *account,
                                        uint64_t as_of_ns)
{
    struct parts {
        Ledger__Balance message;
        Type__Int128 posted, available;
        Type__Uint128 pending_in, pending_out, credit_limit;
        Type__Uint128 debits_posted, credits_posted, debits_pending, credits_pending;
    } *parts = arena_alloc(call->arena, sizeof *parts);

    if (parts == NULL) return NULL;
    Ledger__Balance *message = &parts->message;
    const struct ledger_totals *totals = &account->totals;
    enum ledger_class class = account->class;
    ledger__balance__init(message);
    message->posted = put_signed(ledger_balance_posted(class, totals), &parts->posted);
    message->available = put_signed(ledger_account_available(account), &parts->available);
    message->pending_in = put_amount(ledger_balance_pending_in(class, totals), &parts->pending_in);
    message->pending_out =
        put_amount(ledger_balance_pending_out(class, totals), &parts->pending_out);
    message->debits_posted = put_amount(totals->debits_posted, &parts->debits_posted);
    message->credits_posted = put_amount(totals->credits_posted, &parts->credits_posted);
    message->debits_pending = put_amount(totals->debits_pending, &parts->debits_pending);
    message->credits_pending = put_amount(totals->credits_pending, &parts->credits_pending);
    message->credit_limit = put_amount(account->credit_limit, &parts->credit_limit);
    message->exponent = account->exponent;
    // Rises with each entry and with each change of what the balance depends on.
    message->version = account->version + account->head.entry_count;
    message->as_of = as_of_ns;
    return put_text(call, account->currency, &message->currency) ? message : NULL;
}

Ledger__Transfer *ledger_convert_transfer(struct rpc_call *call,
                                          const struct ledger_transfer *transfer,
                                          const struct ledger_account *of)
{
    struct parts {
        Ledger__Transfer message;
        Type__Uint128 amount;
        Type__Int128 balance_after;
        uint8_t id[ID128_BYTES], account_id[LEDGER_SIDES][ID128_BYTES];
    } *parts = arena_alloc(call->arena, sizeof *parts);

    if (parts == NULL) return NULL;
    Ledger__Transfer *message = &parts->message;
    ledger__transfer__init(message);
    message->id = put_id(transfer->id, parts->id);
    message->debit_account_id =
        put_id(transfer->account_id[LEDGER_DEBIT], parts->account_id[LEDGER_DEBIT]);
    message->credit_account_id =
        put_id(transfer->account_id[LEDGER_CREDIT], parts->account_id[LEDGER_CREDIT]);
    message->amount = put_amount(transfer->amount, &parts->amount);
    message->code = transfer->code;
    message->kind = (Ledger__TransferKind)transfer->kind;
    message->created_at = transfer->created_at_ns;
    if (of != NULL) {
        enum ledger_side side =
            id128_equal(transfer->account_id[LEDGER_DEBIT], of->id) ? LEDGER_DEBIT : LEDGER_CREDIT;
        message->balance_after = put_signed(
            ledger_balance_posted(of->class, &transfer->entry[side].after), &parts->balance_after);
    }
    bool fits = put_text(call, transfer->currency, &message->currency) &&
                put_text(call, transfer->description, &message->description);
    return fits ? message : NULL;
}

Ledger__VerifyResponse *ledger_convert_verification(struct rpc_call *call,
                                                    const struct ledger_verification *verification)
{
    Ledger__VerifyResponse *message =
        RPC_NEW(call, Ledger__VerifyResponse, ledger__verify_response__init);
    if (message == NULL) return NULL;
    message->accounts = verification->accounts;
    message->transfers = verification->transfers;
    message->finding_count = verification->finding_count;
    size_t count = verification->finding_count < LEDGER_FINDINGS_MAX
                       ? (size_t)verification->finding_count
                       : LEDGER_FINDINGS_MAX;
    message->findings = arena_alloc(call->arena, count * sizeof *message->findings);
    if (message->findings == NULL) return NULL;
    for (size_t i = 0; i < count; i++) {
        const struct ledger_finding *from = &verification->findings[i];
        Ledger__Finding *finding = RPC_NEW(call, Ledger__Finding, ledger__finding__init);
        if (finding == NULL || !put_text(call, from->reason, &finding->reason) ||
            !put_text(call, from->subject, &finding->subject) ||
            !put_text(call, from->detail, &finding->detail))
            return NULL;
        message->findings[message->n_findings++] = finding;
    }
    return message;
}

// ---- Refusals -----------------------------------------------------------------------------------

static void detail_amount(struct rpc_call *call, const char *key, u128 amount)
{
    char text[U128_TEXT_BYTES];
    u128_format(amount, text);
    rpc_call_detail(call, key, text);
}

static void detail_limit(struct rpc_call *call, const struct ledger_outcome *outcome)
{
    const struct ledger_refusal *refusal = &outcome->refusal;
    rpc_call_detail(call, "tier", outcome->tier[refusal->side]);
    rpc_call_detail(call, "limit", refusal->limit);
    detail_amount(call, "used", refusal->used);
    detail_amount(call, "allowed", refusal->allowed);
    if (refusal->resets_at_ns == 0) return;
    char text[CLOCK_RFC3339_BYTES];
    clock_format_rfc3339(refusal->resets_at_ns, text);
    rpc_call_detail(call, "resets_at", text);
}

void ledger_convert_refusal(struct rpc_call *call, const struct ledger_caller *caller,
                            const struct ledger_outcome *outcome)
{
    const struct ledger_refusal *refusal = &outcome->refusal;
    if (refusal->reason == LEDGER_ID_ALREADY_FAILED)
        rpc_call_detail(call, "original_reason", outcome->original.name);
    if (refusal->reason < LEDGER_ACCOUNT_CLOSED) return;
    rpc_call_detail(call, "side", refusal->side == LEDGER_DEBIT ? "debit" : "credit");
    if (refusal->reason != LEDGER_KYC_LIMIT_EXCEEDED) return;
    struct id128 owner_id = outcome->account[refusal->side].owner_id;
    if (status_ok(ledger_caller_may_touch(caller, owner_id)))
        detail_limit(call, outcome);
    else
        rpc_call_detail(call, "limit", "counterparty");
}

// ---- Events -------------------------------------------------------------------------------------

Ledger__TransferCreated *ledger_convert_transfer_created(struct rpc_call *call,
                                                         const struct ledger_outcome *outcome,
                                                         Ledger__Transfer *transfer)
{
    struct parts {
        Ledger__TransferCreated message;
        Type__Int128 balance_after[LEDGER_SIDES];
    } *parts = arena_alloc(call->arena, sizeof *parts);

    if (parts == NULL) return NULL;
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        const struct ledger_account *account = &outcome->account[side];
        put_signed(ledger_balance_posted(account->class, &account->totals),
                   &parts->balance_after[side]);
    }
    ledger__transfer_created__init(&parts->message);
    parts->message.transfer = transfer;
    parts->message.debit_balance_after = &parts->balance_after[LEDGER_DEBIT];
    parts->message.credit_balance_after = &parts->balance_after[LEDGER_CREDIT];
    return &parts->message;
}

const void *ledger_convert_account_created(struct rpc_call *call, Ledger__Account *account)
{
    Ledger__AccountCreated *message =
        RPC_NEW(call, Ledger__AccountCreated, ledger__account_created__init);
    if (message != NULL) message->account = account;
    return message;
}

const void *ledger_convert_transfer_refused(struct rpc_call *call, Ledger__Transfer *transfer)
{
    Ledger__TransferRefused *message =
        RPC_NEW(call, Ledger__TransferRefused, ledger__transfer_refused__init);
    if (message != NULL) message->transfer = transfer;
    return message;
}

struct status ledger_convert_tier_changed(struct bytes payload, struct ledger_tier_change *ret)
{
    const struct status malformed =
        REFUSE(DATA_LOSS, EVENT_MALFORMED, "a kyc.tier.changed event cannot be read");
    Kyc__TierChanged *message = kyc__tier_changed__unpack(NULL, payload.size, payload.data);
    if (message == NULL) return malformed;
    struct ledger_tier_change change = {.owner_id = ledger_convert_id(&message->customer_id),
                                        .version = message->version};
    size_t size = strlen(message->tier);
    bool is_sound = !id128_is_nil(change.owner_id) && size > 0 && size < sizeof change.tier;
    if (is_sound) memcpy(change.tier, message->tier, size);
    kyc__tier_changed__free_unpacked(message, NULL);
    if (!is_sound) return malformed;
    *ret = change;
    return STATUS_SUCCESS;
}

size_t ledger_convert_limit_changed(const struct ledger_tier_change *change,
                                    uint8_t ret[static LEDGER_LIMIT_CHANGED_BYTES_MAX])
{
    struct ledger_tier_change copy = *change;
    Ledger__LimitChanged message = LEDGER__LIMIT_CHANGED__INIT;
    message.owner_id = (ProtobufCBinaryData){.len = ID128_BYTES, .data = copy.owner_id.bytes};
    message.tier = copy.tier;
    message.version = copy.version;
    CHECK(ledger__limit_changed__get_packed_size(&message) <= LEDGER_LIMIT_CHANGED_BYTES_MAX);
    return ledger__limit_changed__pack(&message, ret);
}
