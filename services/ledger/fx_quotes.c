#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/ledger/unit.h"

#include <string.h>

// ---- Quotes -------------------------------------------------------------------------------------

/// The amount that was not asked for is worked out, so only the other one can differ.
static bool is_same_quote(const struct ledger_quote *asked, const struct ledger_quote *existing,
                          uint64_t lifetime_ns)
{
    bool same_amount = asked->sell_amount != 0 ? asked->sell_amount == existing->sell_amount
                                               : asked->buy_amount == existing->buy_amount;
    return same_amount && strcmp(asked->sell_currency, existing->sell_currency) == 0 &&
           strcmp(asked->buy_currency, existing->buy_currency) == 0 &&
           asked->rate_numerator == existing->rate_numerator &&
           asked->rate_denominator == existing->rate_denominator &&
           id128_equal(asked->owner_id, existing->owner_id) &&
           existing->expires_at_ns - existing->created_at_ns == lifetime_ns;
}

static struct status work_out_amounts(struct store_txn *txn, struct ledger_quote *quote)
{
    struct ledger_currency sell, buy;
    RETURN_IF_ERROR(ledger_service_get_currency(txn, quote->sell_currency, &sell));
    RETURN_IF_ERROR(ledger_service_get_currency(txn, quote->buy_currency, &buy));
    quote->sell_exponent = sell.exponent;
    quote->buy_exponent = buy.exponent;
    CHECK(quote->rate_numerator > 0 && quote->rate_denominator > 0);
    CHECK(quote->sell_amount == 0 || quote->buy_amount == 0); // One is asked for.
    bool fits =
        quote->sell_amount != 0 ? ledger_fx_buy_amount(quote) : ledger_fx_sell_amount(quote);
    if (fits) return STATUS_SUCCESS;
    return REFUSE(FAILED_PRECONDITION, FX_AMOUNT_OUT_OF_RANGE,
                  "at this rate one of the amounts is zero or too large");
}

struct status ledger_service_quote(struct ledger_unit *unit, struct ledger_quote *quote,
                                   uint32_t expires_in_seconds, bool *ret_existed)
{
    struct store_txn *txn = ledger_unit_txn(unit);
    uint64_t lifetime_ns = expires_in_seconds * NS_PER_SECOND;
    CHECK(!id128_is_nil(quote->id));
    *ret_existed = false;
    if (strcmp(quote->sell_currency, quote->buy_currency) == 0)
        return REFUSE(INVALID_ARGUMENT, CURRENCIES_MUST_DIFFER, "both currencies are the same");
    struct ledger_quote existing;
    struct status status = ledger_store_get_quote(txn, quote->id, &existing);
    if (status_ok(status)) {
        if (!is_same_quote(quote, &existing, lifetime_ns))
            return REFUSE(ALREADY_EXISTS, FX_QUOTE_EXISTS, "this id belongs to another quote");
        *quote = existing;
        *ret_existed = true;
        return STATUS_SUCCESS;
    }
    if (status.code != STATUS_NOT_FOUND) return status;
    RETURN_IF_ERROR(work_out_amounts(txn, quote));

    // On the ledger's clock, which the execution is judged by; a quote is no entry, so that it
    // needs no ledger time of its own.
    struct ledger_state state;
    RETURN_IF_ERROR(ledger_store_get_state(txn, &state));
    quote->created_at_ns = ledger_time_next(clock_wall_ns(), state.last_time_ns);
    quote->expires_at_ns = quote->created_at_ns + lifetime_ns;
    quote->state = LEDGER_QUOTE_OPEN;
    quote->debit_account_id = quote->credit_account_id = ID128_NIL;
    ledger_store_put_quote(txn, quote);
    return STATUS_SUCCESS;
}

struct status ledger_service_get_quote(struct store_txn *txn, const struct ledger_caller *caller,
                                       struct id128 id, struct ledger_quote *ret)
{
    const struct status absent =
        REFUSE(NOT_FOUND, FX_QUOTE_NOT_FOUND, "there is no quote with this id");
    struct ledger_quote quote;
    struct status status = ledger_store_get_quote(txn, id, &quote);
    if (status.code == STATUS_NOT_FOUND) return absent;
    RETURN_IF_ERROR(status);
    bool is_for_caller = caller->is_any || id128_is_nil(quote.owner_id) ||
                         id128_equal(quote.owner_id, caller->user_id);
    if (!is_for_caller) return absent;
    *ret = quote;
    return STATUS_SUCCESS;
}

// ---- Execution ----------------------------------------------------------------------------------

/// An exchange is two transfers through the ledger's fx accounts. Leg LEDGER_DEBIT takes the sold
/// currency from the customer, leg LEDGER_CREDIT gives the bought one.
struct exchange {
    struct ledger_unit *unit;
    const struct ledger_caller *caller;
    struct ledger_quote quote;
    struct id128 account_id[LEDGER_SIDES];
    struct bytes description;
    struct ledger_outcome *outcomes;
};

static struct status refuse_as_expired(void)
{
    return REFUSE(FAILED_PRECONDITION, FX_QUOTE_EXPIRED,
                  "the quote has expired; ask for a new one");
}

static struct status refuse_as_executed(void)
{
    return REFUSE(ALREADY_EXISTS, FX_QUOTE_ALREADY_EXECUTED,
                  "the quote has been executed with other accounts");
}

/// To exchange into somebody else's account is to pay them, and a quote takes no approval.
static struct status check_approval(const struct exchange *exchange,
                                    const struct ledger_account *const account[LEDGER_SIDES])
{
    const struct ledger_account *from = account[LEDGER_DEBIT], *to = account[LEDGER_CREDIT];
    const struct ledger_sca_policy *policy = &ledger_unit_service(exchange->unit)->sca;
    if (exchange->caller->is_any || from == NULL || to == NULL ||
        id128_equal(from->owner_id, to->owner_id))
        return STATUS_SUCCESS;
    u128 free_up_to =
        ledger_sca_free_up_to(policy, exchange->quote.sell_currency, exchange->quote.sell_exponent);
    if (exchange->quote.sell_amount <= free_up_to && !policy->for_new_payees) return STATUS_SUCCESS;
    exchange->outcomes[LEDGER_CREDIT].is_refused = true;
    exchange->outcomes[LEDGER_CREDIT].refusal.reason = LEDGER_INSUFFICIENT_AAL;
    return ledger_reason_status(LEDGER_INSUFFICIENT_AAL);
}

/// Who may move what: the fx accounts are the bank's, so the movements themselves are asked for
/// with the bank's rights; what the caller may touch is looked at here. An account that is not
/// there is the movement's own refusal.
static struct status check_accounts(struct exchange *exchange)
{
    const struct ledger_caller *caller = exchange->caller;
    const struct ledger_account *accounts[LEDGER_SIDES] = {0};
    for (enum ledger_side leg = 0; leg < LEDGER_SIDES; leg++) {
        struct ledger_account *account;
        struct status status =
            ledger_unit_account(exchange->unit, exchange->account_id[leg], &account);
        if (status.code == STATUS_NOT_FOUND) continue;
        RETURN_IF_ERROR(status);
        accounts[leg] = account;
        bool is_allowed = leg == LEDGER_DEBIT
                              ? status_ok(ledger_caller_may_touch(caller, account->owner_id))
                              : caller->is_any || account->kind == LEDGER_KIND_CUSTOMER;
        if (is_allowed) continue;
        exchange->outcomes[leg].is_refused = true;
        exchange->outcomes[leg].refusal.reason = LEDGER_PERMISSION_DENIED;
        return ledger_reason_status(LEDGER_PERMISSION_DENIED);
    }
    return check_approval(exchange, accounts);
}

static struct ledger_movement movement_of(const struct exchange *exchange, enum ledger_side leg)
{
    const struct ledger_quote *quote = &exchange->quote;
    const char *currency = leg == LEDGER_DEBIT ? quote->sell_currency : quote->buy_currency;
    struct ledger_movement movement = {
        .has_amount = true,
        .asked = {.id = ledger_fx_transfer_id(quote->id, leg),
                  .kind = LEDGER_TRANSFER_POSTED,
                  .amount = leg == LEDGER_DEBIT ? quote->sell_amount : quote->buy_amount,
                  .group_id = quote->id,
                  .description = exchange->description},
    };
    memcpy(movement.asked.currency, currency, sizeof movement.asked.currency);
    movement.asked.account_id[leg] = exchange->account_id[leg];
    movement.asked.account_id[leg == LEDGER_DEBIT ? LEDGER_CREDIT : LEDGER_DEBIT] =
        ledger_system_account_id(currency, LEDGER_FX);
    return movement;
}

static struct status move_both(struct exchange *exchange)
{
    struct ledger_caller bank = *exchange->caller; // Its name and user, as the author.
    bank.is_any = true;
    for (enum ledger_side leg = 0; leg < LEDGER_SIDES; leg++) {
        struct ledger_movement movement = movement_of(exchange, leg);
        struct ledger_outcome *outcome = &exchange->outcomes[leg];
        RETURN_IF_ERROR(ledger_service_move(exchange->unit, &bank, &movement, outcome));
        // Somebody made a transfer of the very same content under this id before.
        if (!outcome->is_created) return refuse_as_executed();
        if (outcome->transfer.created_at_ns >= exchange->quote.expires_at_ns)
            return refuse_as_expired();
    }
    return STATUS_SUCCESS;
}

/// The same execution again: its two transfers as they were made.
static struct status find_both(struct exchange *exchange)
{
    const struct ledger_quote *quote = &exchange->quote;
    if (!id128_equal(quote->debit_account_id, exchange->account_id[LEDGER_DEBIT]) ||
        !id128_equal(quote->credit_account_id, exchange->account_id[LEDGER_CREDIT]))
        return refuse_as_executed();
    for (enum ledger_side leg = 0; leg < LEDGER_SIDES; leg++) {
        struct ledger_id_entry entry;
        const struct ledger_transfer *transfer;
        struct ledger_progress *progress;
        struct ledger_outcome *outcome = &exchange->outcomes[leg];
        struct status status =
            ledger_unit_find_id(exchange->unit, ledger_fx_transfer_id(quote->id, leg), &entry);
        if (status.code == STATUS_NOT_FOUND || (status_ok(status) && entry.is_failed))
            return REFUSE(DATA_LOSS, MISSING_TRANSFER, "an executed quote has no transfers");
        RETURN_IF_ERROR(status);
        RETURN_IF_ERROR(ledger_unit_transfer(exchange->unit, entry.number, &transfer));
        RETURN_IF_ERROR(ledger_unit_progress(exchange->unit, entry.number, &progress));
        outcome->existed = true;
        outcome->transfer = *transfer;
        outcome->progress = *progress;
    }
    return STATUS_SUCCESS;
}

static struct status execute(struct exchange *exchange)
{
    uint64_t now_ns;
    RETURN_IF_ERROR(ledger_unit_next_time(exchange->unit, &now_ns));
    // Before the movements' own reasons; move_both looks again at the times they have.
    if (now_ns >= exchange->quote.expires_at_ns) return refuse_as_expired();
    RETURN_IF_ERROR(move_both(exchange));
    exchange->quote.state = LEDGER_QUOTE_EXECUTED;
    exchange->quote.debit_account_id = exchange->account_id[LEDGER_DEBIT];
    exchange->quote.credit_account_id = exchange->account_id[LEDGER_CREDIT];
    ledger_store_put_quote(ledger_unit_txn(exchange->unit), &exchange->quote);
    return STATUS_SUCCESS;
}

struct status ledger_service_exchange(struct ledger_unit *unit, const struct ledger_caller *caller,
                                      struct id128 quote_id,
                                      const struct id128 account_id[LEDGER_SIDES],
                                      struct bytes description, struct ledger_quote *ret_quote,
                                      struct ledger_outcome ret[static LEDGER_SIDES],
                                      bool *ret_existed)
{
    struct exchange exchange = {.unit = unit,
                                .caller = caller,
                                .account_id = {account_id[LEDGER_DEBIT], account_id[LEDGER_CREDIT]},
                                .description = description,
                                .outcomes = ret};
    memset(ret, 0, LEDGER_SIDES * sizeof *ret);
    *ret_existed = false;
    RETURN_IF_ERROR(
        ledger_service_get_quote(ledger_unit_txn(unit), caller, quote_id, &exchange.quote));
    RETURN_IF_ERROR(check_accounts(&exchange));
    struct status status;
    if (exchange.quote.state == LEDGER_QUOTE_EXECUTED) {
        status = find_both(&exchange);
        *ret_existed = status_ok(status);
    } else {
        status = execute(&exchange);
        if (!status_ok(status)) ledger_unit_reset(unit); // Both or none, and no id burnt.
    }
    for (enum ledger_side leg = 0; leg < LEDGER_SIDES; leg++)
        ret[leg].is_burnt = false;
    if (status_ok(status)) *ret_quote = exchange.quote;
    return status;
}
