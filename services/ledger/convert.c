#include "services/ledger/convert.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/iso4217.h"
#include "florin/ledger/v1/ledger.pb-c.h"

#include <string.h>

// ---- Pieces of requests -------------------------------------------------------------------------

struct ledger_caller ledger_convert_caller(const struct rpc_call *call)
{
    static_assert(sizeof((struct ledger_caller *)0)->name >= RPC_ACTOR_BYTES, "an actor fits");
    struct ledger_caller caller = {.is_any = call->scope == RPC_SCOPE_ALL};
    if (call->is_authenticated && !call->claims.is_service) caller.user_id = call->claims.subject;
    rpc_call_actor(call, caller.name);
    return caller;
}

struct id128 ledger_convert_id(const ProtobufCBinaryData *bytes)
{
    return bytes->len == ID128_BYTES ? id128_of(bytes->data) : ID128_NIL;
}

struct status ledger_convert_text(struct rpc_call *call, const char *field, const char *text,
                                  size_t ret_bytes, char *ret)
{
    size_t size = strlen(text);
    if (size >= ret_bytes) return rpc_call_violation(call, field, "TOO_LONG");
    memcpy(ret, text, size + 1);
    return STATUS_SUCCESS;
}

struct status ledger_convert_at(struct rpc_call *call, struct store_txn *txn, const char *field,
                                uint64_t at_ns, uint64_t now_ns)
{
    if (at_ns <= now_ns) return STATUS_SUCCESS;
    struct ledger_state state;
    RETURN_IF_ERROR(ledger_store_get_state(txn, &state));
    return at_ns <= state.last_time_ns ? STATUS_SUCCESS : rpc_call_violation(call, field, "FUTURE");
}

struct status ledger_convert_range(struct rpc_call *call, uint64_t from_ns, uint64_t to_ns)
{
    bool is_sound = from_ns == 0 || to_ns == 0 || from_ns <= to_ns;
    return is_sound ? STATUS_SUCCESS : rpc_call_violation(call, "to", "RANGE");
}

struct status ledger_convert_metadata(struct rpc_call *call, const char *field,
                                      struct ledger_metadata_pair *pairs, size_t count,
                                      struct bytes *ret)
{
    *ret = (struct bytes){0};
    if (count == 0) return STATUS_SUCCESS;
    uint8_t encoded[LEDGER_METADATA_BYTES_MAX];
    size_t size;
    if (!ledger_metadata_encode(pairs, count, encoded, &size))
        return rpc_call_violation(call, field, "INVALID");
    *ret = bytes_of(arena_copy(call->arena, encoded, size), size);
    return ret->data != NULL ? STATUS_SUCCESS : ARENA_STATUS_EXHAUSTED;
}

// ---- Pieces of replies --------------------------------------------------------------------------

ProtobufCBinaryData ledger_put_id(struct id128 id, uint8_t place[static ID128_BYTES])
{
    if (id128_is_nil(id)) return (ProtobufCBinaryData){0};
    memcpy(place, id.bytes, ID128_BYTES);
    return (ProtobufCBinaryData){.len = ID128_BYTES, .data = place};
}

Type__Uint128 *ledger_put_amount(u128 amount, Type__Uint128 *place)
{
    type__uint128__init(place);
    place->high = u128_high(amount);
    place->low = u128_low(amount);
    return place;
}

Type__Int128 *ledger_put_signed(i128 amount, Type__Int128 *place)
{
    type__int128__init(place);
    place->high = u128_high((u128)amount);
    place->low = u128_low((u128)amount);
    return place;
}

bool ledger_put_text(struct rpc_call *call, const char *text, char **ret)
{
    if (text[0] == '\0') return true;
    *ret = arena_text(call->arena, text, strlen(text));
    return *ret != NULL;
}

static char *put_map_text(struct bytes text, char **room)
{
    char *place = *room;
    if (text.size > 0) memcpy(place, text.data, text.size);
    place[text.size] = '\0';
    *room = place + text.size + 1;
    return place;
}

void ledger_put_map(struct bytes metadata, char *room, struct ledger_map_texts *ret)
{
    struct ledger_metadata_pair pairs[LEDGER_METADATA_KEYS_MAX];
    ret->count = 0;
    if (metadata.size == 0) return;
    CHECK(ledger_metadata_decode(metadata, pairs, &ret->count));
    for (size_t i = 0; i < ret->count; i++) { // Lengths gave way to NULs: three bytes to two.
        ret->key[i] = put_map_text(pairs[i].key, &room);
        ret->value[i] = put_map_text(pairs[i].value, &room);
    }
}

// ---- Currencies ---------------------------------------------------------------------------------

struct status ledger_convert_new_currency(struct rpc_call *call, struct ledger_currency *ret)
{
    const Ledger__CreateCurrencyRequest *request = call->request;
    if (request->exponent > LEDGER_EXPONENT_MAX)
        return rpc_call_violation(call, "exponent", "RANGE");
    struct ledger_currency currency = {.exponent = (uint8_t)request->exponent};
    RETURN_IF_ERROR(
        ledger_convert_text(call, "code", request->code, sizeof currency.code, currency.code));
    RETURN_IF_ERROR(
        ledger_convert_text(call, "name", request->name, sizeof currency.name, currency.name));
    *ret = currency;
    return STATUS_SUCCESS;
}

Ledger__Currency *ledger_convert_currency(struct rpc_call *call,
                                          const struct ledger_currency *currency)
{
    struct parts {
        Ledger__Currency message;
        uint8_t id[LEDGER_SYSTEM_END][ID128_BYTES];
    } *parts = arena_alloc(call->arena, sizeof *parts);

    if (parts == NULL) return NULL;
    Ledger__Currency *message = &parts->message;
    ledger__currency__init(message);
    message->exponent = currency->exponent;
    message->custom = iso4217_find(currency->code) == NULL;
    message->cash_account_id = ledger_put_id(ledger_system_account_id(currency->code, LEDGER_CASH),
                                             parts->id[LEDGER_CASH]);
    message->fees_account_id = ledger_put_id(ledger_system_account_id(currency->code, LEDGER_FEES),
                                             parts->id[LEDGER_FEES]);
    message->fx_account_id =
        ledger_put_id(ledger_system_account_id(currency->code, LEDGER_FX), parts->id[LEDGER_FX]);
    bool fits = ledger_put_text(call, currency->code, &message->code) &&
                ledger_put_text(call, currency->name, &message->name);
    return fits ? message : NULL;
}

// ---- Refusals -----------------------------------------------------------------------------------

struct facts {
    struct arena *arena;
    struct rpc_detail *items; // RPC_DETAILS_MAX.
    size_t count;
};

static void put_fact(struct facts *facts, const char *key, const char *value)
{
    CHECK(facts->count < RPC_DETAILS_MAX);
    facts->items[facts->count++] = (struct rpc_detail){.key = key, .value = value};
}

static void put_copied_fact(struct facts *facts, const char *key, const char *value)
{
    const char *copy = arena_text(facts->arena, value, strlen(value));
    if (copy != NULL) put_fact(facts, key, copy); // The refusal stands without it.
}

static void put_amount_fact(struct facts *facts, const char *key, u128 amount)
{
    char text[U128_TEXT_BYTES];
    u128_format(amount, text);
    put_copied_fact(facts, key, text);
}

static void put_limit_facts(struct facts *facts, const struct ledger_outcome *outcome)
{
    const struct ledger_refusal *refusal = &outcome->refusal;
    const char *tier = outcome->tier[refusal->side];
    if (tier != NULL) put_fact(facts, "tier", tier);
    put_fact(facts, "limit", refusal->limit);
    put_amount_fact(facts, "used", refusal->used);
    put_amount_fact(facts, "allowed", refusal->allowed);
    if (refusal->resets_at_ns == 0) return;
    char text[CLOCK_RFC3339_BYTES];
    clock_format_rfc3339(refusal->resets_at_ns, text);
    put_copied_fact(facts, "resets_at", text);
}

size_t ledger_convert_facts(struct rpc_call *call, const struct ledger_caller *caller,
                            const struct ledger_outcome *outcome,
                            struct rpc_detail ret[static RPC_DETAILS_MAX])
{
    const struct ledger_refusal *refusal = &outcome->refusal;
    struct facts facts = {.arena = call->arena, .items = ret};
    if (refusal->reason == LEDGER_ID_ALREADY_FAILED)
        put_fact(&facts, "original_reason", outcome->original.name);
    if (refusal->reason == LEDGER_EXCLUSIVE_FIELDS && refusal->field != NULL)
        put_fact(&facts, "field", refusal->field);
    if (refusal->reason == LEDGER_INSUFFICIENT_AAL) put_fact(&facts, "sca", "required");
    if (refusal->reason < LEDGER_ACCOUNT_CLOSED) return facts.count;
    put_fact(&facts, "side", refusal->side == LEDGER_DEBIT ? "debit" : "credit");
    if (refusal->reason != LEDGER_KYC_LIMIT_EXCEEDED) return facts.count;
    if (status_ok(ledger_caller_may_touch(caller, outcome->owner_id[refusal->side])))
        put_limit_facts(&facts, outcome);
    else
        put_fact(&facts, "limit", "counterparty");
    return facts.count;
}

void ledger_convert_refusal(struct rpc_call *call, const struct ledger_caller *caller,
                            const struct ledger_outcome *outcome)
{
    struct rpc_detail facts[RPC_DETAILS_MAX];
    size_t count = ledger_convert_facts(call, caller, outcome, facts);
    for (size_t i = 0; i < count; i++)
        rpc_call_detail(call, facts[i].key, facts[i].value);
}
