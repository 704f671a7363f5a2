#include "services/ledger/convert_transfer.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/rpc/limits.h"

#include <stdio.h>
#include <string.h>

// ---- Requests -----------------------------------------------------------------------------------

/// What is converted: a request, or one item of a batch.
struct item {
    struct rpc_call *call;
    size_t index; // ITEM_ALONE: not of a batch.
};

#define ITEM_ALONE SIZE_MAX

enum { PATH_BYTES = 64 };

static void name_member(const struct item *item, const char *member, char ret[static PATH_BYTES])
{
    if (item->index == ITEM_ALONE)
        snprintf(ret, PATH_BYTES, "%s", member);
    else
        snprintf(ret, PATH_BYTES, "transfers[%zu].%s", item->index, member);
}

static struct status violation(const struct item *item, const char *member, const char *reason)
{
    char path[PATH_BYTES];
    name_member(item, member, path);
    return rpc_call_violation(item->call, path, reason);
}

static struct status check_idempotency(const struct item *item, struct ledger_movement *movement)
{
    movement->has_key = item->call->idempotency_key[0] != '\0';
    if (!id128_is_nil(movement->asked.id) || movement->has_key) return STATUS_SUCCESS;
    char path[PATH_BYTES];
    name_member(item, "id", path);
    rpc_call_detail(item->call, "field", path);
    return ledger_reason_status(LEDGER_IDEMPOTENCY_REQUIRED);
}

static u128 amount_of(const Type__Uint128 *amount)
{
    return amount != NULL ? u128_of(amount->high, amount->low) : 0;
}

static void take_amount(const Type__Uint128 *amount, struct ledger_movement *ret)
{
    ret->has_amount = amount != NULL;
    ret->asked.amount = amount_of(amount);
}

static struct status check_members(const struct item *item, const struct ledger_movement *movement)
{
    const char *missing = ledger_core_missing(movement);
    return missing == NULL ? STATUS_SUCCESS : violation(item, missing, "REQUIRED");
}

// Which of the two ids a kind follows. The other one, or one that the kind does not take, stays for
// the rule about members (EXCLUSIVE_FIELDS) to find.
static void take_subject(const Ledger__CreateTransferRequest *request, struct ledger_movement *ret)
{
    struct id128 pending_id = ledger_convert_id(&request->pending_id);
    struct id128 reverses_id = ledger_convert_id(&request->reverses_id);
    bool is_reversal = ret->asked.kind == LEDGER_TRANSFER_REVERSAL;
    ret->asked.subject_id = is_reversal ? reverses_id : pending_id;
    ret->other_subject_id = is_reversal ? pending_id : reverses_id;
}

static struct status take_extras(const struct item *item,
                                 const Ledger__CreateTransferRequest *request,
                                 struct ledger_transfer *asked)
{
    struct ledger_metadata_pair pairs[LEDGER_METADATA_KEYS_MAX];
    asked->timeout_seconds = request->timeout_seconds;
    asked->user_data_128 = amount_of(request->user_data_128);
    asked->user_data_64 = request->user_data_64;
    asked->user_data_32 = request->user_data_32;
    asked->effective_at_ns = request->effective_at;
    if (request->n_metadata == 0) return STATUS_SUCCESS;
    char path[PATH_BYTES];
    name_member(item, "metadata", path);
    LEDGER_PAIRS_OF(request->metadata, request->n_metadata, pairs);
    return ledger_convert_metadata(item->call, path, pairs, request->n_metadata, &asked->metadata);
}

static struct status take_create(const struct item *item,
                                 const Ledger__CreateTransferRequest *request,
                                 struct ledger_movement *ret)
{
    struct ledger_transfer *asked = &ret->asked;
    *ret = (struct ledger_movement){.asked = {.id = ledger_convert_id(&request->id),
                                              .kind = (enum ledger_transfer_kind)request->kind}};
    if (request->kind == LEDGER__TRANSFER_KIND__TRANSFER_KIND_UNSPECIFIED)
        asked->kind = LEDGER_TRANSFER_POSTED;
    if (request->kind == LEDGER__TRANSFER_KIND__EXPIRY)
        return violation(item, "kind", "NOT_ALLOWED"); // The ledger's own.
    RETURN_IF_ERROR(check_idempotency(item, ret));
    asked->account_id[LEDGER_DEBIT] = ledger_convert_id(&request->debit_account_id);
    asked->account_id[LEDGER_CREDIT] = ledger_convert_id(&request->credit_account_id);
    take_subject(request, ret);
    take_amount(request->amount, ret);
    ret->has_amount_up_to = request->amount_up_to != NULL;
    asked->amount_up_to = amount_of(request->amount_up_to);
    if (request->code > UINT16_MAX) return violation(item, "code", "RANGE");
    asked->code = (uint16_t)request->code;
    size_t currency_size = strlen(request->currency);
    if (currency_size >= sizeof asked->currency) return violation(item, "currency", "TOO_LONG");
    memcpy(asked->currency, request->currency, currency_size);
    asked->description = bytes_of_text(request->description);
    ret->sca_token = bytes_of_text(request->sca_token);
    ret->has_final =
        request->final_choice_case == LEDGER__CREATE_TRANSFER_REQUEST__FINAL_CHOICE_FINAL;
    asked->not_final = ret->has_final && !request->final;
    RETURN_IF_ERROR(take_extras(item, request, asked));
    return check_members(item, ret);
}

struct status ledger_convert_create(struct rpc_call *call, struct ledger_movement *ret)
{
    return take_create(&(struct item){call, ITEM_ALONE}, call->request, ret);
}

static struct status take_cash(struct rpc_call *call, enum ledger_side side,
                               struct ledger_movement *ret)
{
    const Ledger__MoveCashRequest *request = call->request;
    struct item item = {call, ITEM_ALONE};
    *ret = (struct ledger_movement){.asked = {.id = ledger_convert_id(&request->id),
                                              .kind = LEDGER_TRANSFER_POSTED,
                                              .description = bytes_of_text(request->description)}};
    RETURN_IF_ERROR(check_idempotency(&item, ret));
    ret->asked.account_id[side] = ledger_convert_id(&request->account_id);
    take_amount(request->amount, ret);
    ret->sca_token = bytes_of_text(request->sca_token);
    // Money that comes in is nobody's payment.
    if (side == LEDGER_CREDIT && ret->sca_token.size > 0)
        return violation(&item, "sca_token", "NOT_ALLOWED");
    return ret->has_amount ? STATUS_SUCCESS : violation(&item, "amount", "REQUIRED");
}

struct status ledger_convert_deposit(struct rpc_call *call, struct ledger_movement *ret)
{
    RETURN_IF_ERROR(take_cash(call, LEDGER_CREDIT, ret));
    ret->is_deposit = true;
    return STATUS_SUCCESS;
}

struct status ledger_convert_withdrawal(struct rpc_call *call, struct ledger_movement *ret)
{
    RETURN_IF_ERROR(take_cash(call, LEDGER_DEBIT, ret));
    ret->is_withdrawal = true;
    return STATUS_SUCCESS;
}

static struct status take_follow_up(struct rpc_call *call, enum ledger_transfer_kind kind,
                                    const ProtobufCBinaryData *id,
                                    const ProtobufCBinaryData *subject_id, const char *description,
                                    struct ledger_movement *ret)
{
    struct item item = {call, ITEM_ALONE};
    *ret = (struct ledger_movement){.asked = {.id = ledger_convert_id(id),
                                              .kind = kind,
                                              .subject_id = ledger_convert_id(subject_id),
                                              .description = bytes_of_text(description)}};
    RETURN_IF_ERROR(check_idempotency(&item, ret));
    return check_members(&item, ret);
}

struct status ledger_convert_post(struct rpc_call *call, struct ledger_movement *ret)
{
    const Ledger__PostTransferRequest *request = call->request;
    RETURN_IF_ERROR(take_follow_up(call, LEDGER_TRANSFER_POST, &request->id, &request->pending_id,
                                   request->description, ret));
    ret->has_final =
        request->final_choice_case == LEDGER__POST_TRANSFER_REQUEST__FINAL_CHOICE_FINAL;
    ret->asked.not_final = ret->has_final && !request->final;
    take_amount(request->amount, ret);
    return STATUS_SUCCESS;
}

struct status ledger_convert_void(struct rpc_call *call, struct ledger_movement *ret)
{
    const Ledger__VoidTransferRequest *request = call->request;
    return take_follow_up(call, LEDGER_TRANSFER_VOID, &request->id, &request->pending_id,
                          request->description, ret);
}

struct status ledger_convert_reverse(struct rpc_call *call, struct ledger_movement *ret)
{
    const Ledger__ReverseTransferRequest *request = call->request;
    RETURN_IF_ERROR(take_follow_up(call, LEDGER_TRANSFER_REVERSAL, &request->id,
                                   &request->reverses_id, request->description, ret));
    take_amount(request->amount, ret);
    return STATUS_SUCCESS;
}

// ---- Batches ------------------------------------------------------------------------------------

// A UUID of version 8 out of the items' ids, in order: who asks for the same batch again without
// naming a group is told the one that its items are in.
static struct status make_group_id(struct rpc_call *call, const struct ledger_movement *movements,
                                   size_t count, struct id128 *ret)
{
    uint8_t *ids = arena_alloc(call->arena, count * ID128_BYTES);
    if (ids == NULL) return ARENA_STATUS_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        if (id128_is_nil(movements[i].asked.id)) { // The call's key is what makes it the same.
            *ret = id128_generate();
            return STATUS_SUCCESS;
        }
        memcpy(ids + i * ID128_BYTES, movements[i].asked.id.bytes, ID128_BYTES);
    }
    *ret = ledger_id_derive("florin ledger group", bytes_of(ids, count * ID128_BYTES));
    return STATUS_SUCCESS;
}

// Each approval is a signature to check on the writer thread, and somebody's code that was typed: a
// batch with more of them is none that people have approved.
enum { BATCH_APPROVALS_MAX = 64 };

static struct status check_approvals(struct rpc_call *call, const struct ledger_movement *movements,
                                     size_t count)
{
    size_t approvals = 0;
    for (size_t i = 0; i < count; i++) {
        if (movements[i].sca_token.size == 0 || ++approvals <= BATCH_APPROVALS_MAX) continue;
        return violation(&(struct item){call, i}, "sca_token", "TOO_MANY_ITEMS");
    }
    return STATUS_SUCCESS;
}

struct status ledger_convert_batch(struct rpc_call *call, struct ledger_batch *ret)
{
    const Ledger__BatchCreateTransfersRequest *request = call->request;
    size_t count = request->n_transfers;
    CHECK(count > 0 && count <= LEDGER_BATCH_TRANSFERS_MAX); // items_max in the proto.
    struct ledger_movement *movements = arena_alloc(call->arena, count * sizeof *movements);
    struct ledger_batch_result *results = arena_alloc(call->arena, count * sizeof *results);
    if (movements == NULL || results == NULL) return ARENA_STATUS_EXHAUSTED;
    for (size_t i = 0; i < count; i++) {
        struct item item = {call, i};
        RETURN_IF_ERROR(take_create(&item, request->transfers[i], &movements[i]));
    }
    RETURN_IF_ERROR(check_approvals(call, movements, count));
    struct id128 group_id = ledger_convert_id(&request->group_id);
    bool group_is_made = id128_is_nil(group_id);
    if (group_is_made) RETURN_IF_ERROR(make_group_id(call, movements, count, &group_id));
    for (size_t i = 0; i < count; i++) {
        movements[i].asked.group_id = group_id;
        movements[i].group_is_made = group_is_made;
    }

    bool is_default = request->mode == LEDGER__BATCH_MODE__BATCH_MODE_UNSPECIFIED;
    *ret = (struct ledger_batch){
        .movements = movements,
        .count = count,
        .mode = is_default ? LEDGER_BATCH_INDEPENDENT : (enum ledger_batch_mode)request->mode,
        .group_id = group_id,
        .dry_run = request->dry_run,
        .results = results,
    };
    return STATUS_SUCCESS;
}

// An answer repeats of its item what the request said, and adds at most this: ids, times, state,
// amounts, tags; or of a refusal its words and facts. So whatever a request holds, its answer fits
// a message.
enum { BATCH_ANSWER_ITEM_BYTES_MAX = 400, BATCH_REQUEST_BYTES_MAX = 4 << 20 };

static_assert(BATCH_REQUEST_BYTES_MAX + LEDGER_BATCH_TRANSFERS_MAX * BATCH_ANSWER_ITEM_BYTES_MAX +
                      RPC_METADATA_BYTES_MAX <
                  RPC_MESSAGE_BYTES_MAX,
              "the answer to the largest batch fits a message");

// What a refusal of this movement alone would say.
static bool put_facts(struct rpc_call *call, const struct ledger_caller *caller,
                      const struct ledger_outcome *outcome, Ledger__BatchResult *result)
{
    struct rpc_detail facts[RPC_DETAILS_MAX];
    size_t count = ledger_convert_facts(call, caller, outcome, facts);
    if (count == 0) return true;
    Ledger__BatchResult__DetailsEntry *entries = arena_alloc(call->arena, count * sizeof *entries);
    result->details = arena_alloc(call->arena, count * sizeof *result->details);
    if (entries == NULL || result->details == NULL) return false;
    result->n_details = count;
    for (size_t i = 0; i < count; i++) {
        result->details[i] = &entries[i];
        ledger__batch_result__details_entry__init(&entries[i]);
        entries[i].key = (char *)facts[i].key;
        entries[i].value = (char *)facts[i].value;
    }
    return true;
}

static bool put_batch_result(struct rpc_call *call, const struct ledger_caller *caller,
                             const struct ledger_batch *batch, size_t index,
                             Ledger__BatchResult *result)
{
    const struct ledger_batch_result *from = &batch->results[index];
    const struct ledger_outcome *outcome = from->outcome;
    ledger__batch_result__init(result);
    result->index = (uint32_t)index;
    result->id =
        ledger_lend_id(outcome != NULL ? &outcome->transfer.id : &batch->movements[index].asked.id);
    result->result = (char *)from->result;
    if (from->message != NULL) result->message = (char *)from->message;
    if (outcome == NULL) return true;
    if (outcome->is_refused) return put_facts(call, caller, outcome, result);
    result->transfer = ledger_convert_outcome(call, outcome);
    return result->transfer != NULL;
}

struct Ledger__BatchCreateTransfersResponse *
ledger_convert_batch_results(struct rpc_call *call, const struct ledger_caller *caller,
                             const struct ledger_batch *batch)
{
    Ledger__BatchCreateTransfersResponse *reply = RPC_NEW(
        call, Ledger__BatchCreateTransfersResponse, ledger__batch_create_transfers_response__init);
    Ledger__BatchResult *results = arena_alloc(call->arena, batch->count * sizeof *results);
    Ledger__BatchResult **pointers = arena_alloc(call->arena, batch->count * sizeof(void *));
    uint8_t *group_id = arena_copy(call->arena, batch->group_id.bytes, ID128_BYTES);
    if (reply == NULL || results == NULL || pointers == NULL || group_id == NULL) return NULL;
    CHECK(call->method->request_bytes_max <= BATCH_REQUEST_BYTES_MAX);
    reply->group_id = (ProtobufCBinaryData){.data = group_id, .len = ID128_BYTES};
    reply->mode = (Ledger__BatchMode)batch->mode;
    reply->dry_run = batch->dry_run;
    reply->created = batch->created;
    reply->existing = batch->existing;
    reply->refused = batch->refused;
    reply->n_results = batch->count;
    reply->results = pointers;
    for (size_t i = 0; i < batch->count; i++) {
        pointers[i] = &results[i];
        if (!put_batch_result(call, caller, batch, i, &results[i])) return NULL;
    }
    return reply;
}

// ---- Replies ------------------------------------------------------------------------------------

ProtobufCBinaryData ledger_lend_id(const struct id128 *id)
{
    if (id128_is_nil(*id)) return (ProtobufCBinaryData){0};
    return (ProtobufCBinaryData){.len = ID128_BYTES, .data = (uint8_t *)id->bytes};
}

static struct ledger_progress fresh_progress(const struct ledger_transfer *transfer)
{
    struct ledger_progress progress = {0};
    if (transfer->kind != LEDGER_TRANSFER_PENDING) return progress;
    progress.state = LEDGER_HOLD_OPEN;
    if (transfer->timeout_seconds != 0)
        progress.expires_at_ns =
            transfer->created_at_ns + transfer->timeout_seconds * NS_PER_SECOND;
    return progress;
}

static void fill_progress(const struct ledger_transfer *transfer,
                          const struct ledger_progress *progress,
                          struct ledger_transfer_parts *parts)
{
    Ledger__Transfer *message = &parts->message;
    message->state = (char *)ledger_transfer_state(transfer, progress);
    if (progress->reversed != 0)
        message->reversed_amount = ledger_put_amount(progress->reversed, &parts->reversed);
    if (transfer->kind != LEDGER_TRANSFER_PENDING) return;
    message->captured_amount = ledger_put_amount(progress->captured, &parts->captured);
    message->remaining_amount =
        ledger_put_amount(ledger_progress_remaining(transfer, progress), &parts->remaining);
    message->expires_at = progress->expires_at_ns;
}

static void fill_extras(const struct ledger_transfer *transfer, struct ledger_transfer_parts *parts)
{
    Ledger__Transfer *message = &parts->message;
    bool is_reversal = transfer->kind == LEDGER_TRANSFER_REVERSAL;
    ProtobufCBinaryData *subject = is_reversal ? &message->reverses_id : &message->pending_id;
    *subject = ledger_lend_id(&transfer->subject_id);
    message->group_id = ledger_lend_id(&transfer->group_id);
    message->timeout_seconds = transfer->timeout_seconds;
    message->final = transfer->kind == LEDGER_TRANSFER_POST && !transfer->not_final;
    if (transfer->amount_up_to != 0)
        message->amount_up_to = ledger_put_amount(transfer->amount_up_to, &parts->amount_up_to);
    if (transfer->user_data_128 != 0)
        message->user_data_128 = ledger_put_amount(transfer->user_data_128, &parts->user_data_128);
    message->user_data_64 = transfer->user_data_64;
    message->user_data_32 = transfer->user_data_32;
}

void ledger_fill_transfer(const struct ledger_transfer *transfer,
                          const struct ledger_progress *progress, struct ledger_transfer_parts *ret)
{
    Ledger__Transfer *message = &ret->message;
    ledger__transfer__init(message);
    message->id = ledger_lend_id(&transfer->id);
    message->debit_account_id = ledger_lend_id(&transfer->account_id[LEDGER_DEBIT]);
    message->credit_account_id = ledger_lend_id(&transfer->account_id[LEDGER_CREDIT]);
    message->amount = ledger_put_amount(transfer->amount, &ret->amount);
    message->currency = (char *)transfer->currency;
    message->code = transfer->code;
    message->kind = (Ledger__TransferKind)transfer->kind;
    message->created_at = transfer->created_at_ns;
    message->effective_at =
        transfer->effective_at_ns != 0 ? transfer->effective_at_ns : transfer->created_at_ns;
    fill_extras(transfer, ret);
    if (transfer->created_at_ns == 0) return; // Refused: it never was, and nothing became of it.
    struct ledger_progress fresh = fresh_progress(transfer);
    fill_progress(transfer, progress != NULL ? progress : &fresh, ret);
}

void ledger_fill_transfer_map(const struct ledger_map_texts *texts,
                              Ledger__Transfer__MetadataEntry *entries,
                              Ledger__Transfer__MetadataEntry **pointers, Ledger__Transfer *message)
{
    for (size_t i = 0; i < texts->count; i++) {
        pointers[i] = &entries[i];
        ledger__transfer__metadata_entry__init(pointers[i]);
        entries[i].key = texts->key[i];
        entries[i].value = texts->value[i];
    }
    message->n_metadata = texts->count;
    message->metadata = pointers;
}

static bool put_metadata(struct rpc_call *call, struct bytes metadata, Ledger__Transfer *message)
{
    struct ledger_map_texts texts;
    char *room = arena_alloc(call->arena, LEDGER_MAP_ROOM(metadata.size));
    if (room == NULL) return false;
    ledger_put_map(metadata, room, &texts);
    Ledger__Transfer__MetadataEntry *entries =
        arena_alloc(call->arena, texts.count * sizeof *entries);
    Ledger__Transfer__MetadataEntry **pointers =
        arena_alloc(call->arena, texts.count * sizeof *pointers);
    if (entries == NULL || pointers == NULL) return false;
    ledger_fill_transfer_map(&texts, entries, pointers, message);
    return true;
}

static bool put_texts(struct rpc_call *call, const struct ledger_transfer *transfer,
                      Ledger__Transfer *message)
{
    struct bytes description = transfer->description;
    if (description.size > 0) {
        message->description =
            arena_text(call->arena, (const char *)description.data, description.size);
        if (message->description == NULL) return false;
    }
    return transfer->metadata.size == 0 || put_metadata(call, transfer->metadata, message);
}

Ledger__Transfer *ledger_convert_transfer(struct rpc_call *call,
                                          const struct ledger_transfer *transfer,
                                          const struct ledger_progress *progress,
                                          const struct ledger_account *of)
{
    struct ledger_transfer_parts *parts = arena_alloc(call->arena, sizeof *parts);
    if (parts == NULL) return NULL;
    ledger_fill_transfer(transfer, progress, parts);
    if (of != NULL) {
        enum ledger_side side =
            id128_equal(transfer->account_id[LEDGER_DEBIT], of->id) ? LEDGER_DEBIT : LEDGER_CREDIT;
        parts->message.balance_after = ledger_put_signed(
            ledger_balance_posted(of->class, &transfer->entry[side].after), &parts->balance_after);
    }
    return put_texts(call, transfer, &parts->message) ? &parts->message : NULL;
}

Ledger__Transfer *ledger_convert_outcome(struct rpc_call *call,
                                         const struct ledger_outcome *outcome)
{
    const struct ledger_progress *progress = outcome->existed ? &outcome->progress : NULL;
    return ledger_convert_transfer(call, &outcome->transfer, progress, NULL);
}

bool ledger_put_follow_ups(struct rpc_call *call, const struct id128 *ids, size_t count,
                           Ledger__Transfer *message)
{
    if (count == 0) return true;
    message->follow_up_ids = arena_alloc(call->arena, count * sizeof *message->follow_up_ids);
    if (message->follow_up_ids == NULL) return false;
    message->n_follow_up_ids = count;
    for (size_t i = 0; i < count; i++)
        message->follow_up_ids[i] = ledger_lend_id(&ids[i]);
    return true;
}
