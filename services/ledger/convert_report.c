#include "common/base/check.h"
#include "common/rpc/limits.h"
#include "google/api/httpbody.pb-c.h"
#include "services/ledger/convert_transfer.h"

#include <string.h>

// ---- Statements ---------------------------------------------------------------------------------

static Ledger__StatementEntry *put_entry(struct rpc_call *call,
                                         const struct ledger_statement_entry *entry)
{
    struct parts {
        Ledger__StatementEntry message;
        Type__Uint128 amount;
        Type__Int128 balance_after;
    } *parts = arena_alloc(call->arena, sizeof *parts);

    if (parts == NULL) return NULL;
    Ledger__StatementEntry *message = &parts->message;
    ledger__statement_entry__init(message);
    message->transfer_id = ledger_lend_id(&entry->transfer_id);
    message->counterparty_account_id = ledger_lend_id(&entry->counterparty_account_id);
    message->direction = entry->side == LEDGER_DEBIT ? LEDGER__SIDE__DEBIT : LEDGER__SIDE__CREDIT;
    message->amount = ledger_put_amount(entry->amount, &parts->amount);
    message->balance_after = ledger_put_signed(entry->balance_after, &parts->balance_after);
    message->kind = (Ledger__TransferKind)entry->kind;
    message->code = entry->code;
    message->booked_at = entry->booked_at_ns;
    message->effective_at = entry->effective_at_ns;
    if (entry->description.size == 0) return message;
    message->description =
        arena_text(call->arena, (const char *)entry->description.data, entry->description.size);
    return message->description != NULL ? message : NULL;
}

static bool put_entries(struct rpc_call *call, const struct ledger_statement *statement,
                        Ledger__Statement *message)
{
    size_t count = statement->entry_count;
    message->entries = arena_alloc(call->arena, count * sizeof *message->entries);
    if (message->entries == NULL) return false;
    for (; message->n_entries < count; message->n_entries++) {
        Ledger__StatementEntry *entry = put_entry(call, &statement->entries[message->n_entries]);
        if (entry == NULL) return false;
        message->entries[message->n_entries] = entry;
    }
    return true;
}

Ledger__Statement *ledger_convert_statement(struct rpc_call *call,
                                            const struct ledger_statement *statement,
                                            const char *next_page_token)
{
    struct parts {
        Ledger__Statement message;
        Type__Int128 opening, closing;
        Type__Uint128 debits, credits;
        uint8_t account_id[ID128_BYTES], owner_id[ID128_BYTES];
    } *parts = arena_alloc(call->arena, sizeof *parts);

    if (parts == NULL) return NULL;
    const struct ledger_account *account = statement->account;
    Ledger__Statement *message = &parts->message;
    ledger__statement__init(message);
    message->account_id = ledger_put_id(account->id, parts->account_id);
    message->owner_id = ledger_put_id(account->owner_id, parts->owner_id);
    message->exponent = account->exponent;
    message->from = statement->from_ns;
    message->to = statement->to_ns;
    message->opening_balance = ledger_put_signed(statement->opening_balance, &parts->opening);
    message->closing_balance = ledger_put_signed(statement->closing_balance, &parts->closing);
    message->total_debits = ledger_put_amount(statement->total_debits, &parts->debits);
    message->total_credits = ledger_put_amount(statement->total_credits, &parts->credits);
    bool fits = ledger_put_text(call, statement->details->name, &message->name) &&
                ledger_put_text(call, statement->details->external_ref, &message->external_ref) &&
                ledger_put_text(call, account->currency, &message->currency) &&
                ledger_put_text(call, next_page_token, &message->next_page_token) &&
                put_entries(call, statement, message);
    return fits ? message : NULL;
}

struct status ledger_convert_body(struct rpc_call *call, const char *content_type,
                                  struct bytes data, Google__Api__HttpBody **ret)
{
    if (data.size > RPC_MESSAGE_BYTES_MAX - RPC_METADATA_BYTES_MAX) {
        return REFUSE(FAILED_PRECONDITION, STATEMENT_TOO_LONG,
                      "the statement does not fit one answer; ask for a shorter period");
    }
    Google__Api__HttpBody *message =
        RPC_NEW(call, Google__Api__HttpBody, google__api__http_body__init);
    if (message == NULL) return ARENA_STATUS_EXHAUSTED;
    message->content_type = (char *)content_type;
    message->data = (ProtobufCBinaryData){.data = (uint8_t *)data.data, .len = data.size};
    *ret = message;
    return STATUS_SUCCESS;
}

// ---- Trial balance ------------------------------------------------------------------------------

struct trial_row {
    Ledger__TrialBalanceRow message;
    Type__Uint128 debits_posted, credits_posted, debits_pending, credits_pending;
    Type__Int128 balance;
};

static void fill_trial_row(const struct ledger_class_totals *from, struct trial_row *row)
{
    const struct ledger_totals *totals = &from->totals;
    Ledger__TrialBalanceRow *message = &row->message;
    ledger__trial_balance_row__init(message);
    message->class_ = (Ledger__AccountClass)from->class;
    message->debits_posted = ledger_put_amount(totals->debits_posted, &row->debits_posted);
    message->credits_posted = ledger_put_amount(totals->credits_posted, &row->credits_posted);
    message->debits_pending = ledger_put_amount(totals->debits_pending, &row->debits_pending);
    message->credits_pending = ledger_put_amount(totals->credits_pending, &row->credits_pending);
    message->balance = ledger_put_signed(ledger_balance_posted(from->class, totals), &row->balance);
}

/// One currency's rows, which stand together.
static struct status put_trial_currency(struct rpc_call *call, struct store_txn *txn,
                                        const struct ledger_class_totals *rows, size_t count,
                                        Ledger__TrialBalanceCurrency **ret)
{
    struct parts {
        Ledger__TrialBalanceCurrency message;
        Type__Uint128 debits_posted, credits_posted, debits_pending, credits_pending;
        struct trial_row row[LEDGER_CLASS_END];
        Ledger__TrialBalanceRow *pointer[LEDGER_CLASS_END];
    } *parts = arena_alloc(call->arena, sizeof *parts);

    if (parts == NULL) return ARENA_STATUS_EXHAUSTED;
    struct ledger_currency currency;
    RETURN_IF_ERROR(ledger_service_get_currency(txn, rows[0].currency, &currency));
    struct ledger_totals sum = {0};
    CHECK(count < LEDGER_CLASS_END); // A class comes once.
    for (size_t i = 0; i < count; i++) {
        fill_trial_row(&rows[i], &parts->row[i]);
        parts->pointer[i] = &parts->row[i].message;
        sum.debits_posted += rows[i].totals.debits_posted;
        sum.credits_posted += rows[i].totals.credits_posted;
        sum.debits_pending += rows[i].totals.debits_pending;
        sum.credits_pending += rows[i].totals.credits_pending;
    }
    Ledger__TrialBalanceCurrency *message = *ret = &parts->message;
    ledger__trial_balance_currency__init(message);
    message->exponent = currency.exponent;
    message->n_rows = count;
    message->rows = parts->pointer;
    message->debits_posted = ledger_put_amount(sum.debits_posted, &parts->debits_posted);
    message->credits_posted = ledger_put_amount(sum.credits_posted, &parts->credits_posted);
    message->debits_pending = ledger_put_amount(sum.debits_pending, &parts->debits_pending);
    message->credits_pending = ledger_put_amount(sum.credits_pending, &parts->credits_pending);
    bool fits = ledger_put_text(call, currency.code, &message->currency);
    return fits ? STATUS_SUCCESS : ARENA_STATUS_EXHAUSTED;
}

struct status ledger_convert_trial(struct rpc_call *call, struct store_txn *txn, uint64_t at_ns,
                                   const struct ledger_trial *trial, Ledger__TrialBalance **ret)
{
    Ledger__TrialBalance *message =
        RPC_NEW(call, Ledger__TrialBalance, ledger__trial_balance__init);
    if (message == NULL) return ARENA_STATUS_EXHAUSTED;
    message->at = at_ns;
    message->currencies = arena_alloc(call->arena, trial->row_count * sizeof *message->currencies);
    if (message->currencies == NULL) return ARENA_STATUS_EXHAUSTED;
    for (size_t begin = 0, end; begin < trial->row_count; begin = end) {
        const char *currency = trial->rows[begin].currency;
        for (end = begin; end < trial->row_count; end++)
            if (strcmp(trial->rows[end].currency, currency) != 0) break;
        RETURN_IF_ERROR(put_trial_currency(call, txn, trial->rows + begin, end - begin,
                                           &message->currencies[message->n_currencies]));
        message->n_currencies++;
    }
    *ret = message;
    return STATUS_SUCCESS;
}

// ---- Verification -------------------------------------------------------------------------------

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
        if (finding == NULL || !ledger_put_text(call, from->reason, &finding->reason) ||
            !ledger_put_text(call, from->subject, &finding->subject) ||
            !ledger_put_text(call, from->detail, &finding->detail))
            return NULL;
        message->findings[message->n_findings++] = finding;
    }
    return message;
}
