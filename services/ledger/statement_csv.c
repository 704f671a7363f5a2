#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/ledger/statement_text.h"

enum {
    ROW_BYTES_MAX = 320,    // Without the description: every other field has a longest form.
    DESCRIPTION_FACTOR = 2, // All quotes, each doubled.
};

static const char header[] = "booked_at,value_date,transfer_id,kind,direction,amount,currency,"
                             "balance,counterparty_account_id,code,description\r\n";

/// One line, as text. NULL or empty: an empty field.
struct row {
    uint64_t booked_at_ns, value_ns;
    const struct id128 *transfer_id, *counterparty_account_id;
    const char *kind, *direction, *amount;
    i128 balance;
    const char *code;
    struct bytes description;
};

static void put_field(struct ledger_text *text, const char *field)
{
    ledger_text_put(text, bytes_of_text(field));
    ledger_text_put_char(text, ',');
}

static void put_id(struct ledger_text *text, const struct id128 *id)
{
    char id_text[ID128_TEXT_BYTES] = "";
    if (id != NULL) id128_format(*id, id_text);
    put_field(text, id_text);
}

// What a spreadsheet may read as the beginning of a formula, also after spaces and in full width;
// and the apostrophe itself, so that it can be told apart from one that was put there.
static const char *const formula_begins[] = {
    "=", "+", "-", "@", "\t", "\r", "\n", "'", "\uff1d", "\uff0b", "\uff0d", "\uff20",
};

static bool begins_formula(struct bytes description)
{
    size_t spaces = 0;
    while (spaces < description.size && description.data[spaces] == ' ')
        spaces++;
    for (size_t i = 0; i < sizeof formula_begins / sizeof formula_begins[0]; i++) {
        struct bytes begin = bytes_of_text(formula_begins[i]);
        if (description.size - spaces >= begin.size &&
            memcmp(description.data + spaces, begin.data, begin.size) == 0)
            return true;
    }
    return false;
}

static void put_description(struct ledger_text *text, struct bytes description)
{
    if (description.size == 0) return;
    ledger_text_put_char(text, '"');
    if (begins_formula(description)) ledger_text_put_char(text, '\'');
    for (size_t i = 0; i < description.size; i++) {
        char character = (char)description.data[i];
        if (character == '"') ledger_text_put_char(text, '"');
        ledger_text_put_char(text, character);
    }
    ledger_text_put_char(text, '"');
}

static void put_row(struct ledger_text *text, const struct ledger_account *account,
                    const struct row *row)
{
    char booked_at[CLOCK_RFC3339_BYTES], value_date[LEDGER_DAY_BYTES], balance[LEDGER_MAJOR_BYTES];
    clock_format_rfc3339(row->booked_at_ns, booked_at);
    ledger_day_format(row->value_ns, value_date);
    ledger_major_format_signed(row->balance, account->exponent, balance);

    put_field(text, booked_at);
    put_field(text, value_date);
    put_id(text, row->transfer_id);
    put_field(text, row->kind);
    put_field(text, row->direction);
    put_field(text, row->amount);
    put_field(text, account->currency);
    put_field(text, balance);
    put_id(text, row->counterparty_account_id);
    put_field(text, row->code);
    put_description(text, row->description);
    ledger_text_put(text, bytes_of_text("\r\n"));
}

static void put_entry(struct ledger_text *text, const struct ledger_account *account,
                      const struct ledger_statement_entry *entry)
{
    char amount[LEDGER_MAJOR_BYTES], code[U128_TEXT_BYTES];
    ledger_major_format(entry->amount, account->exponent, amount);
    u128_format(entry->code, code);
    put_row(text, account,
            &(struct row){.booked_at_ns = entry->booked_at_ns,
                          .value_ns = entry->effective_at_ns,
                          .transfer_id = &entry->transfer_id,
                          .counterparty_account_id = &entry->counterparty_account_id,
                          .kind = ledger_transfer_kind_name(entry->kind),
                          .direction = entry->side == LEDGER_DEBIT ? "DEBIT" : "CREDIT",
                          .amount = amount,
                          .balance = entry->balance_after,
                          .code = code,
                          .description = entry->description});
}

struct status ledger_statement_csv(const struct ledger_statement *statement, struct arena *arena,
                                   struct bytes *ret)
{
    CHECK(statement->next_index == 0);
    size_t bytes_max = sizeof header + 2 * (size_t)ROW_BYTES_MAX;
    for (size_t i = 0; i < statement->entry_count; i++)
        bytes_max += ROW_BYTES_MAX + DESCRIPTION_FACTOR * statement->entries[i].description.size;

    struct ledger_text text;
    RETURN_IF_ERROR(ledger_text_open(arena, bytes_max, &text));
    ledger_text_put(&text, bytes_of_text(header));
    put_row(&text, statement->account,
            &(struct row){.booked_at_ns = statement->from_ns,
                          .value_ns = statement->from_ns,
                          .kind = "OPENING_BALANCE",
                          .balance = statement->opening_balance});
    for (size_t i = 0; i < statement->entry_count; i++)
        put_entry(&text, statement->account, &statement->entries[i]);
    put_row(&text, statement->account,
            &(struct row){.booked_at_ns = statement->to_ns,
                          .value_ns = statement->to_ns - 1, // The last day that it covers.
                          .kind = "CLOSING_BALANCE",
                          .balance = statement->closing_balance});
    return ledger_text_close(&text, ret);
}
