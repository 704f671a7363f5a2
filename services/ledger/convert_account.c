#include "common/base/check.h"
#include "common/base/clock.h"
#include "florin/ledger/v1/ledger.pb-c.h"
#include "services/ledger/convert.h"

#include <string.h>

// ---- Requests -----------------------------------------------------------------------------------

static bool may(const struct rpc_call *call, const char *permission)
{
    return rpc_call_scope(call, permission) == RPC_SCOPE_ALL;
}

static struct status take_details(struct rpc_call *call, const char *name, const char *external_ref,
                                  struct ledger_metadata_pair *pairs, size_t pair_count,
                                  struct ledger_details **ret)
{
    struct ledger_details *details = arena_alloc(call->arena, sizeof *details);
    if (details == NULL) return ARENA_STATUS_EXHAUSTED;
    RETURN_IF_ERROR(ledger_convert_text(call, "name", name, sizeof details->name, details->name));
    RETURN_IF_ERROR(ledger_convert_text(call, "external_ref", external_ref,
                                        sizeof details->external_ref, details->external_ref));
    size_t size;
    if (!ledger_metadata_encode(pairs, pair_count, details->metadata, &size))
        return rpc_call_violation(call, "metadata", "INVALID");
    details->metadata_size = (uint16_t)size;
    *ret = details;
    return STATUS_SUCCESS;
}

static struct status take_kind(struct rpc_call *call, const Ledger__CreateAccountRequest *request,
                               struct ledger_caller *caller, struct ledger_new_account *account)
{
    account->kind = LEDGER_KIND_CUSTOMER;
    account->class = LEDGER_CLASS_LIABILITY; // What a bank owes its customer.
    bool is_special = request->kind != LEDGER__ACCOUNT_KIND__KIND_UNSPECIFIED ||
                      request->class_ != LEDGER__ACCOUNT_CLASS__CLASS_UNSPECIFIED;
    if (!is_special) return STATUS_SUCCESS;
    caller->may_open_system = may(call, "ledger.account.system");
    if (request->kind == LEDGER__ACCOUNT_KIND__SYSTEM) account->kind = LEDGER_KIND_SYSTEM;
    if (request->class_ != LEDGER__ACCOUNT_CLASS__CLASS_UNSPECIFIED)
        account->class = (enum ledger_class)request->class_;
    else if (account->kind == LEDGER_KIND_SYSTEM)
        return rpc_call_violation(call, "class", "REQUIRED");
    return STATUS_SUCCESS;
}

struct status ledger_convert_new_account(struct rpc_call *call, struct ledger_caller *caller,
                                         struct ledger_new_account *ret)
{
    const Ledger__CreateAccountRequest *request = call->request;
    struct ledger_metadata_pair pairs[LEDGER_METADATA_KEYS_MAX];
    struct ledger_details *details;
    struct ledger_new_account account = {.id = ledger_convert_id(&request->id),
                                         .owner_id = ledger_convert_id(&request->owner_id)};
    if (id128_is_nil(account.id)) account.id = id128_generate();
    RETURN_IF_ERROR(take_kind(call, request, caller, &account));
    if (account.kind == LEDGER_KIND_SYSTEM) {
        if (!id128_is_nil(account.owner_id))
            return rpc_call_violation(call, "owner_id", "NOT_ALLOWED");
    } else if (id128_is_nil(account.owner_id)) {
        account.owner_id = caller->user_id;
        if (id128_is_nil(account.owner_id)) return rpc_call_violation(call, "owner_id", "REQUIRED");
    }
    RETURN_IF_ERROR(ledger_convert_text(call, "currency", request->currency,
                                        sizeof account.currency, account.currency));
    LEDGER_PAIRS_OF(request->metadata, request->n_metadata, pairs);
    RETURN_IF_ERROR(take_details(call, request->name, request->external_ref, pairs,
                                 request->n_metadata, &details));
    account.details = details;
    *ret = account;
    return STATUS_SUCCESS;
}

/// What an update may name.
enum member {
    MEMBER_NAME,
    MEMBER_EXTERNAL_REF,
    MEMBER_METADATA,
    MEMBER_CREDIT_LIMIT,
    MEMBER_MIN_BALANCE,
    MEMBER_MAX_BALANCE,
    MEMBER_NO_NEGATIVE,
    MEMBER_COUNT,
};

static const char *const member_names[MEMBER_COUNT] = {
    [MEMBER_NAME] = "name",
    [MEMBER_EXTERNAL_REF] = "external_ref",
    [MEMBER_METADATA] = "metadata",
    [MEMBER_CREDIT_LIMIT] = "credit_limit",
    [MEMBER_MIN_BALANCE] = "min_balance",
    [MEMBER_MAX_BALANCE] = "max_balance",
    [MEMBER_NO_NEGATIVE] = "no_negative",
};

static struct status take_mask(struct rpc_call *call, char *const *names, size_t count,
                               bool ret[static MEMBER_COUNT])
{
    for (size_t i = 0; i < count; i++) {
        size_t member = 0;
        while (member < MEMBER_COUNT && strcmp(member_names[member], names[i]) != 0)
            member++;
        if (member == MEMBER_COUNT) return rpc_call_violation(call, "update_mask", "UNKNOWN_FIELD");
        if (ret[member]) return rpc_call_violation(call, "update_mask", "DUPLICATE_FIELD");
        ret[member] = true;
    }
    return STATUS_SUCCESS;
}

// An absent balance is "none"; the others lie within what totals can reach.
static struct status take_bound(struct rpc_call *call, const char *field, const Type__Int128 *bound,
                                bool *ret_is_set, i128 *ret)
{
    *ret_is_set = bound != NULL;
    *ret = bound != NULL ? (i128)u128_of(bound->high, bound->low) : 0;
    if (*ret < -(i128)LEDGER_TOTAL_MAX) return rpc_call_violation(call, field, "RANGE");
    return STATUS_SUCCESS;
}

static struct status take_limits(struct rpc_call *call, const Ledger__UpdateAccountRequest *request,
                                 struct ledger_account_change *change)
{
    if (change->has_credit_limit && request->credit_limit != NULL)
        change->credit_limit = u128_of(request->credit_limit->high, request->credit_limit->low);
    if (change->credit_limit > LEDGER_TOTAL_MAX)
        return rpc_call_violation(call, "credit_limit", "RANGE");
    if (change->has_min_balance)
        RETURN_IF_ERROR(take_bound(call, "min_balance", request->min_balance, &change->min_is_set,
                                   &change->min_balance));
    if (change->has_max_balance)
        RETURN_IF_ERROR(take_bound(call, "max_balance", request->max_balance, &change->max_is_set,
                                   &change->max_balance));
    change->no_negative = request->no_negative;
    return STATUS_SUCCESS;
}

struct status ledger_convert_account_change(struct rpc_call *call, struct ledger_caller *caller,
                                            struct ledger_account_change *ret)
{
    const Ledger__UpdateAccountRequest *request = call->request;
    struct ledger_metadata_pair pairs[LEDGER_METADATA_KEYS_MAX];
    struct ledger_details *details;
    bool has[MEMBER_COUNT] = {false};
    RETURN_IF_ERROR(take_mask(call, request->update_mask, request->n_update_mask, has));
    struct ledger_account_change change = {
        .account_id = ledger_convert_id(&request->id),
        .if_match = request->if_match,
        .has_name = has[MEMBER_NAME],
        .has_external_ref = has[MEMBER_EXTERNAL_REF],
        .has_metadata = has[MEMBER_METADATA],
        .has_credit_limit = has[MEMBER_CREDIT_LIMIT],
        .has_min_balance = has[MEMBER_MIN_BALANCE],
        .has_max_balance = has[MEMBER_MAX_BALANCE],
        .has_no_negative = has[MEMBER_NO_NEGATIVE],
    };
    if (change.has_credit_limit || change.has_min_balance || change.has_max_balance ||
        change.has_no_negative)
        caller->may_set_limits = may(call, "ledger.account.limits");
    RETURN_IF_ERROR(take_limits(call, request, &change));
    LEDGER_PAIRS_OF(request->metadata, request->n_metadata, pairs);
    RETURN_IF_ERROR(take_details(call, request->name, request->external_ref, pairs,
                                 request->n_metadata, &details));
    change.details = details;
    *ret = change;
    return STATUS_SUCCESS;
}

static struct ledger_freeze_change freeze_of(const ProtobufCBinaryData *id, Ledger__Side side,
                                             bool frozen, const char *reason)
{
    return (struct ledger_freeze_change){
        .account_id = ledger_convert_id(id),
        .side = {[LEDGER_DEBIT] = side != LEDGER__SIDE__CREDIT,
                 [LEDGER_CREDIT] = side != LEDGER__SIDE__DEBIT},
        .frozen = frozen,
        .reason = reason,
    };
}

struct status ledger_convert_freeze(struct rpc_call *call, struct ledger_freeze_change *ret)
{
    const Ledger__FreezeAccountRequest *request = call->request;
    if (request->until != 0 && request->until <= clock_wall_ns())
        return rpc_call_violation(call, "until", "PAST");
    *ret = freeze_of(&request->id, request->side, true, request->reason);
    ret->until_ns = request->until;
    return STATUS_SUCCESS;
}

struct status ledger_convert_unfreeze(struct rpc_call *call, struct ledger_freeze_change *ret)
{
    (void)call;
    const Ledger__UnfreezeAccountRequest *request = call->request;
    *ret = freeze_of(&request->id, request->side, false, request->reason);
    return STATUS_SUCCESS;
}

struct status ledger_convert_sweep(struct rpc_call *call, struct ledger_movement *ret,
                                   bool *ret_has_sweep)
{
    const Ledger__CloseAccountRequest *request = call->request;
    *ret = (struct ledger_movement){
        .asked = {.id = ledger_convert_id(&request->id), .kind = LEDGER_TRANSFER_POSTED}};
    ret->asked.account_id[LEDGER_CREDIT] = ledger_convert_id(&request->sweep_to);
    *ret_has_sweep = !id128_is_nil(ret->asked.account_id[LEDGER_CREDIT]);
    ret->has_key = call->idempotency_key[0] != '\0';
    if (!*ret_has_sweep || !id128_is_nil(ret->asked.id) || ret->has_key) return STATUS_SUCCESS;
    return ledger_reason_status(LEDGER_IDEMPOTENCY_REQUIRED);
}

// ---- Replies ------------------------------------------------------------------------------------

/// A reply's messages, one behind the other.
struct account_parts {
    Ledger__Account message;
    Ledger__Freeze freeze[LEDGER_SIDES];
    Type__Uint128 credit_limit;
    Type__Int128 min_balance, max_balance;
    uint8_t id[ID128_BYTES], owner_id[ID128_BYTES];
};

static bool put_freeze(struct rpc_call *call, const struct ledger_account *account,
                       enum ledger_side side, const struct ledger_details *details,
                       Ledger__Freeze *place)
{
    const struct ledger_freeze *freeze = &details->freeze[side];
    ledger__freeze__init(place);
    place->since = freeze->since_ns;
    place->until = account->frozen_until_ns[side];
    return ledger_put_text(call, freeze->reason, &place->reason) &&
           ledger_put_text(call, freeze->author, &place->author);
}

static bool put_metadata(struct rpc_call *call, const struct ledger_details *details,
                         Ledger__Account *message)
{
    struct map {
        Ledger__Account__MetadataEntry entry[LEDGER_METADATA_KEYS_MAX];
        Ledger__Account__MetadataEntry *pointer[LEDGER_METADATA_KEYS_MAX];
    } *map = arena_alloc(call->arena, sizeof *map);

    char *room = arena_alloc(call->arena, LEDGER_MAP_ROOM(details->metadata_size));
    if (map == NULL || room == NULL) return false;
    struct ledger_map_texts texts;
    ledger_put_map(bytes_of(details->metadata, details->metadata_size), room, &texts);
    for (size_t i = 0; i < texts.count; i++) {
        map->pointer[i] = &map->entry[i];
        ledger__account__metadata_entry__init(map->pointer[i]);
        map->entry[i].key = texts.key[i];
        map->entry[i].value = texts.value[i];
    }
    message->n_metadata = texts.count;
    message->metadata = map->pointer;
    return true;
}

static bool put_account_texts(struct rpc_call *call, const struct ledger_account *account,
                              const struct ledger_details *details, uint64_t now_ns,
                              struct account_parts *parts)
{
    Ledger__Account *message = &parts->message;
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        if (!ledger_account_is_frozen(account, side, now_ns)) continue;
        Ledger__Freeze *freeze = &parts->freeze[side];
        *(side == LEDGER_DEBIT ? &message->frozen_debit : &message->frozen_credit) = freeze;
        if (!put_freeze(call, account, side, details, freeze)) return false;
    }
    return ledger_put_text(call, account->currency, &message->currency) &&
           ledger_put_text(call, details->name, &message->name) &&
           ledger_put_text(call, details->external_ref, &message->external_ref) &&
           (details->metadata_size == 0 || put_metadata(call, details, message));
}

Ledger__Account *ledger_convert_account(struct rpc_call *call, const struct ledger_account *account,
                                        const struct ledger_details *details, uint64_t now_ns)
{
    struct account_parts *parts = arena_alloc(call->arena, sizeof *parts);
    if (parts == NULL) return NULL;
    Ledger__Account *message = &parts->message;
    ledger__account__init(message);
    message->id = ledger_put_id(account->id, parts->id);
    message->owner_id = ledger_put_id(account->owner_id, parts->owner_id);
    message->class_ = (Ledger__AccountClass)account->class;
    message->kind = (Ledger__AccountKind)account->kind;
    message->no_negative = account->no_negative;
    message->closed = account->closed;
    message->version = account->version;
    message->created_at = account->created_at_ns;
    message->updated_at =
        details->updated_at_ns != 0 ? details->updated_at_ns : account->created_at_ns;
    message->credit_limit = ledger_put_amount(account->credit_limit, &parts->credit_limit);
    if (account->has_min_balance)
        message->min_balance = ledger_put_signed(account->min_balance, &parts->min_balance);
    if (account->has_max_balance)
        message->max_balance = ledger_put_signed(account->max_balance, &parts->max_balance);
    return put_account_texts(call, account, details, now_ns, parts) ? message : NULL;
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
    message->posted = ledger_put_signed(ledger_balance_posted(class, totals), &parts->posted);
    message->available = ledger_put_signed(ledger_account_available(account), &parts->available);
    message->pending_in =
        ledger_put_amount(ledger_balance_pending_in(class, totals), &parts->pending_in);
    message->pending_out =
        ledger_put_amount(ledger_balance_pending_out(class, totals), &parts->pending_out);
    message->debits_posted = ledger_put_amount(totals->debits_posted, &parts->debits_posted);
    message->credits_posted = ledger_put_amount(totals->credits_posted, &parts->credits_posted);
    message->debits_pending = ledger_put_amount(totals->debits_pending, &parts->debits_pending);
    message->credits_pending = ledger_put_amount(totals->credits_pending, &parts->credits_pending);
    message->credit_limit = ledger_put_amount(account->credit_limit, &parts->credit_limit);
    message->exponent = account->exponent;
    // Rises with each entry and with each change of what the balance depends on.
    message->version = account->version + account->head.entry_count;
    message->as_of = as_of_ns;
    return ledger_put_text(call, account->currency, &message->currency) ? message : NULL;
}
