#include "services/ledger/record_internal.h"

enum { QUOTE_HAS_ACCOUNTS = 1, CHECKPOINT_ROW_BYTES_MAX = LEDGER_TOTALS_KEY_BYTES + 4 * 17 };

// ---- Running totals -----------------------------------------------------------------------------

size_t ledger_totals_encode(const struct ledger_totals *totals,
                            uint8_t ret[static LEDGER_TOTALS_BYTES])
{
    struct record_writer writer = record_write(ret, LEDGER_TOTALS_BYTES, LEDGER_RECORD_VERSION);
    record_put_u128(&writer, totals->debits_pending);
    record_put_u128(&writer, totals->debits_posted);
    record_put_u128(&writer, totals->credits_pending);
    record_put_u128(&writer, totals->credits_posted);
    CHECK(record_written(&writer) == LEDGER_TOTALS_BYTES);
    return LEDGER_TOTALS_BYTES;
}

struct status ledger_totals_decode(struct bytes value, struct ledger_totals *ret)
{
    struct record_reader reader = record_read(value, LEDGER_RECORD_VERSION);
    struct ledger_totals totals = {0};
    totals.debits_pending = record_take_u128(&reader);
    totals.debits_posted = record_take_u128(&reader);
    totals.credits_pending = record_take_u128(&reader);
    totals.credits_posted = record_take_u128(&reader);
    if (!record_is_whole(&reader)) return LEDGER_CORRUPT("running total");
    *ret = totals;
    return STATUS_SUCCESS;
}

// ---- Checkpoints --------------------------------------------------------------------------------

/// Rows rise by currency and class, so that the same totals have one record.
static bool row_rises(const struct ledger_class_totals *before,
                      const struct ledger_class_totals *row)
{
    int order = strcmp(before->currency, row->currency);
    return order < 0 || (order == 0 && before->class < row->class);
}

size_t ledger_checkpoint_bytes(size_t row_count)
{
    return 1 + 8 + 2 + row_count * CHECKPOINT_ROW_BYTES_MAX;
}

size_t ledger_checkpoint_encode(uint64_t number, const struct ledger_class_totals *rows,
                                size_t row_count, uint8_t *ret)
{
    CHECK(row_count <= LEDGER_CHECKPOINT_ROWS_MAX);
    struct record_writer writer =
        record_write(ret, ledger_checkpoint_bytes(row_count), LEDGER_RECORD_VERSION);
    record_put_u64(&writer, number);
    record_put_u16(&writer, (unsigned)row_count);
    for (size_t i = 0; i < row_count; i++) {
        const struct ledger_class_totals *row = &rows[i];
        CHECK(i == 0 || row_rises(row - 1, row));
        CHECK(row->class >= LEDGER_CLASS_ASSET && row->class < LEDGER_CLASS_END);
        ledger_put_currency(&writer, row->currency);
        record_put_u8(&writer, row->class);
        ledger_put_minimal(&writer, row->totals.debits_pending);
        ledger_put_minimal(&writer, row->totals.debits_posted);
        ledger_put_minimal(&writer, row->totals.credits_pending);
        ledger_put_minimal(&writer, row->totals.credits_posted);
    }
    return record_written(&writer);
}

static void take_row(struct record_reader *reader, struct ledger_class_totals *ret)
{
    *ret = (struct ledger_class_totals){0};
    ledger_take_padded_currency(reader, ret->currency);
    ret->class =
        (enum ledger_class)record_take_enum(reader, LEDGER_CLASS_ASSET, LEDGER_CLASS_END - 1);
    ret->totals.debits_pending = ledger_take_minimal(reader, 16);
    ret->totals.debits_posted = ledger_take_minimal(reader, 16);
    ret->totals.credits_pending = ledger_take_minimal(reader, 16);
    ret->totals.credits_posted = ledger_take_minimal(reader, 16);
}

struct status ledger_checkpoint_decode(struct bytes value, uint64_t *ret_number,
                                       struct ledger_class_totals *ret_rows, size_t row_room,
                                       size_t *ret_row_count)
{
    struct record_reader reader = record_read(value, LEDGER_RECORD_VERSION);
    uint64_t number = record_take_u64(&reader);
    size_t row_count = record_take_u16(&reader);
    record_expect(&reader, row_count <= row_room);
    for (size_t i = 0; i < row_count && !reader.is_broken; i++) {
        take_row(&reader, &ret_rows[i]);
        record_expect(&reader, i == 0 || row_rises(&ret_rows[i - 1], &ret_rows[i]));
    }
    if (!record_is_whole(&reader)) return LEDGER_CORRUPT("checkpoint of totals");
    *ret_number = number;
    *ret_row_count = row_count;
    return STATUS_SUCCESS;
}

// ---- Quotes -------------------------------------------------------------------------------------

static bool quote_is_sound(const struct ledger_quote *quote)
{
    bool has_debit = !id128_is_nil(quote->debit_account_id);
    bool has_credit = !id128_is_nil(quote->credit_account_id);
    bool is_executed = quote->state == LEDGER_QUOTE_EXECUTED;
    return (is_executed || quote->state == LEDGER_QUOTE_OPEN) && has_debit == is_executed &&
           has_credit == is_executed && quote->sell_exponent <= LEDGER_EXPONENT_MAX &&
           quote->buy_exponent <= LEDGER_EXPONENT_MAX && quote->sell_amount > 0 &&
           quote->buy_amount > 0 && quote->rate_numerator > 0 && quote->rate_denominator > 0;
}

size_t ledger_quote_encode(const struct ledger_quote *quote,
                           uint8_t ret[static LEDGER_QUOTE_BYTES_MAX])
{
    CHECK(quote_is_sound(quote));
    bool is_executed = quote->state == LEDGER_QUOTE_EXECUTED;
    struct record_writer writer = record_write(ret, LEDGER_QUOTE_BYTES_MAX, LEDGER_RECORD_VERSION);
    record_put_u16(&writer, is_executed ? QUOTE_HAS_ACCOUNTS : 0);
    record_put_u8(&writer, quote->state);
    record_put_id(&writer, quote->owner_id);
    record_put_run8(&writer, bytes_of_text(quote->sell_currency));
    record_put_run8(&writer, bytes_of_text(quote->buy_currency));
    record_put_u8(&writer, quote->sell_exponent);
    record_put_u8(&writer, quote->buy_exponent);
    ledger_put_minimal(&writer, quote->sell_amount);
    ledger_put_minimal(&writer, quote->buy_amount);
    record_put_u64(&writer, quote->rate_numerator);
    record_put_u64(&writer, quote->rate_denominator);
    record_put_u64(&writer, quote->created_at_ns);
    record_put_u64(&writer, quote->expires_at_ns);
    if (is_executed) {
        record_put_id(&writer, quote->debit_account_id);
        record_put_id(&writer, quote->credit_account_id);
    }
    return record_written(&writer);
}

struct status ledger_quote_decode(struct id128 id, struct bytes value, struct ledger_quote *ret)
{
    struct record_reader reader = record_read(value, LEDGER_RECORD_VERSION);
    struct ledger_quote quote = {.id = id};
    unsigned presence = record_take_u16(&reader);
    record_expect(&reader, (presence & ~(unsigned)QUOTE_HAS_ACCOUNTS) == 0);
    quote.state = record_take_u8(&reader);
    quote.owner_id = record_take_id(&reader);
    ledger_take_currency(&reader, record_take_run8(&reader), quote.sell_currency);
    ledger_take_currency(&reader, record_take_run8(&reader), quote.buy_currency);
    quote.sell_exponent = record_take_u8(&reader);
    quote.buy_exponent = record_take_u8(&reader);
    quote.sell_amount = ledger_take_minimal(&reader, 16);
    quote.buy_amount = ledger_take_minimal(&reader, 16);
    quote.rate_numerator = record_take_u64(&reader);
    quote.rate_denominator = record_take_u64(&reader);
    quote.created_at_ns = record_take_u64(&reader);
    quote.expires_at_ns = record_take_u64(&reader);
    if ((presence & QUOTE_HAS_ACCOUNTS) != 0) {
        quote.debit_account_id = record_take_id(&reader);
        quote.credit_account_id = record_take_id(&reader);
    }
    if (!record_is_whole(&reader) || !quote_is_sound(&quote)) return LEDGER_CORRUPT("quote");
    *ret = quote;
    return STATUS_SUCCESS;
}
