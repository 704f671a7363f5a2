#include "services/audit/convert_report.h"

#include "common/base/check.h"
#include "common/rpc/amount.h"
#include "common/rpc/pack.h"
#include "florin/auth/v1/auth.pb-c.h"
#include "florin/kyc/v1/kyc.pb-c.h"
#include "florin/ledger/v1/ledger.pb-c.h"
#include "florin/type/v1/type.pb-c.h"

// ---- In ------------------------------------------------------------------------------------

// NULL when it cannot be read, and when there is nothing (it was erased).
static void *read_payload(const ProtobufCMessageDescriptor *descriptor, struct bytes payload,
                          struct arena *arena)
{
    void *message = NULL;
    if (payload.size == 0) return NULL;
    return status_ok(rpc_unpack(descriptor, payload, arena, &message)) ? message : NULL;
}

// Nil for an id that is absent, or none.
static struct id128 read_id(const ProtobufCBinaryData *id)
{
    return id->len == ID128_BYTES ? id128_of(id->data) : ID128_NIL;
}

bool audit_convert_movement(struct bytes payload, struct arena *arena, struct audit_movement *ret)
{
    const Ledger__TransferCreated *message =
        read_payload(&ledger__transfer_created__descriptor, payload, arena);
    if (message == NULL || message->transfer == NULL) return false;
    const Ledger__Transfer *transfer = message->transfer;
    size_t size = strlen(transfer->currency);
    if (transfer->amount == NULL || size >= sizeof ret->currency) return false;
    *ret = (struct audit_movement){.debit_account_id = read_id(&transfer->debit_account_id),
                                   .credit_account_id = read_id(&transfer->credit_account_id),
                                   .amount = rpc_amount_get(&transfer->amount->base)};
    memcpy(ret->currency, transfer->currency, size);
    return true;
}

bool audit_convert_account(struct bytes payload, struct arena *arena, struct id128 *ret_account_id,
                           struct id128 *ret_owner_id)
{
    const Ledger__AccountCreated *message =
        read_payload(&ledger__account_created__descriptor, payload, arena);
    if (message == NULL || message->account == NULL) return false;
    *ret_account_id = read_id(&message->account->id);
    *ret_owner_id = read_id(&message->account->owner_id);
    return !id128_is_nil(*ret_account_id);
}

struct audit_login_risk audit_convert_login(struct bytes payload, struct arena *arena)
{
    struct audit_login_risk risk = {0};
    const Auth__LoginAttempted *message =
        read_payload(&auth__login_attempted__descriptor, payload, arena);
    for (size_t i = 0; message != NULL && i < message->n_risk; i++) {
        risk.is_new_device |= strcmp(message->risk[i], "new_device") == 0;
        risk.is_new_network |= strcmp(message->risk[i], "new_network") == 0;
    }
    return risk;
}

struct bytes audit_convert_word(enum audit_word word, struct bytes payload, struct arena *arena)
{
    const Auth__CredentialChanged *credential;
    const Kyc__CaseMoved *moved;
    const Kyc__TierChanged *tier;
    const char *text = NULL;
    switch (word) {
    case AUDIT_WORD_NONE:
        break;
    case AUDIT_WORD_FACTOR:
        credential = read_payload(&auth__credential_changed__descriptor, payload, arena);
        if (credential != NULL) text = credential->factor;
        break;
    case AUDIT_WORD_DECISION:
        moved = read_payload(&kyc__case_moved__descriptor, payload, arena);
        if (moved != NULL) text = moved->decision;
        break;
    case AUDIT_WORD_TIER:
        tier = read_payload(&kyc__tier_changed__descriptor, payload, arena);
        if (tier != NULL) text = tier->tier;
        break;
    }
    return bytes_of_text(text);
}

// ---- Out -----------------------------------------------------------------------------------

static char *constant(const char *text)
{
    return (char *)(uintptr_t)text; // protobuf-c never writes to it.
}

size_t audit_convert_suspicion_found(const struct audit_finding *finding,
                                     uint8_t ret[static AUDIT_SUSPICION_FOUND_BYTES_MAX])
{
    const struct audit_rule_info *info = &audit_rules[finding->rule - 1];
    char subject[AUDIT_SUBJECT_BYTES_MAX + 1] = "";
    uint64_t indexes[AUDIT_FINDING_INDEXES_MAX];
    memcpy(subject, finding->subject.data, finding->subject.size);
    memcpy(indexes, finding->indexes, sizeof indexes);
    Audit__SuspicionFound message = AUDIT__SUSPICION_FOUND__INIT;
    message.finding_id = finding->id;
    message.rule = constant(info->name);
    message.severity = constant(info->severity);
    message.subject = subject;
    message.count = finding->count;
    message.first_time = finding->first_ns;
    message.last_time = finding->last_ns;
    message.n_indexes = finding->index_count;
    message.indexes = indexes;
    CHECK(audit__suspicion_found__get_packed_size(&message) <= AUDIT_SUSPICION_FOUND_BYTES_MAX);
    return audit__suspicion_found__pack(&message, ret);
}

Audit__SuspiciousFinding *audit_convert_finding(struct rpc_call *call,
                                                const struct audit_finding *finding)
{
    const struct audit_rule_info *info = &audit_rules[finding->rule - 1];
    Audit__SuspiciousFinding *message =
        RPC_NEW(call, Audit__SuspiciousFinding, audit__suspicious_finding__init);
    if (message == NULL) return NULL;
    char detail[AUDIT_DETAIL_BYTES];
    audit_rule_detail(finding, detail);
    message->id = finding->id;
    message->rule = constant(info->name);
    message->severity = constant(info->severity);
    message->subject =
        arena_text(call->arena, (const char *)finding->subject.data, finding->subject.size);
    message->first_time = finding->first_ns;
    message->last_time = finding->last_ns;
    message->count = finding->count;
    message->n_indexes = finding->index_count;
    message->indexes = arena_copy(call->arena, finding->indexes, sizeof finding->indexes);
    message->detail = arena_text(call->arena, detail, strlen(detail));
    bool is_complete =
        message->subject != NULL && message->indexes != NULL && message->detail != NULL;
    return is_complete ? message : NULL;
}

Audit__Notification *audit_convert_notification(struct rpc_call *call,
                                                const struct audit_notice *notice)
{
    Audit__Notification *message = RPC_NEW(call, Audit__Notification, audit__notification__init);
    if (message == NULL) return NULL;
    char text[AUDIT_NOTICE_TEXT_BYTES];
    size_t size = audit_notice_text(notice, text);
    message->id = notice->index;
    message->kind = constant(audit_notice_name(notice->kind));
    message->title = constant(audit_notice_title(notice->kind));
    message->text = arena_text(call->arena, text, size);
    message->resource =
        arena_text(call->arena, (const char *)notice->resource.data, notice->resource.size);
    message->time = notice->time_ns;
    message->read = notice->is_read;
    return message->text != NULL && message->resource != NULL ? message : NULL;
}
