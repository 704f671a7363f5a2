#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/text.h"
#include "common/crypto/hash.h"
#include "services/ledger/statement_text.h"

#include <libxml/parser.h>
#include <libxml/xmlwriter.h>
#include <pthread.h>

#define NAMESPACE "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
#define ISSUER "FLORIN" // Of our own codes for kinds of transfers.

enum {
    CURRENCY_CHARS = 3,
    FRACTION_DIGITS_MAX = 5, // ActiveOrHistoricCurrencyAndAmount: so many decimals,
    AMOUNT_DIGITS_MAX = 18,  // of so many digits in all.
    NAME_CHARS_MAX = 70,
    INFORMATION_CHARS_MAX = 500,
    IBAN_CHARS_MIN = 15,
    IBAN_CHARS_MAX = 34,
    REPLACEMENT_BYTES = 3, // U+FFFD in UTF-8; a character that it stands for has at least one.
    ESCAPE_FACTOR = 6,     // "&quot;" for one byte.
    ID_CHARS = 2 * ID128_BYTES,
    HEAD_BYTES_MAX = 4096 + ESCAPE_FACTOR * LEDGER_NAME_BYTES, // All but the entries.
    ENTRY_BYTES_MAX = 1024,                                    // Without the description.
};

/// What is written goes straight to the buffer in the arena. A failure is kept and looked at once,
/// at the end.
struct writer {
    xmlTextWriterPtr xml;
    struct ledger_text text;
    const struct ledger_account *account;
    bool has_failed;
};

// ---- Elements -----------------------------------------------------------------------------------

static void note(struct writer *writer, int result)
{
    if (result < 0) writer->has_failed = true;
}

static void begin(struct writer *writer, const char *name)
{
    note(writer, xmlTextWriterStartElement(writer->xml, (const xmlChar *)name));
}

static void end(struct writer *writer)
{
    note(writer, xmlTextWriterEndElement(writer->xml));
}

static void put_attribute(struct writer *writer, const char *name, const char *value)
{
    note(writer,
         xmlTextWriterWriteAttribute(writer->xml, (const xmlChar *)name, (const xmlChar *)value));
}

static void put_element(struct writer *writer, const char *name, const char *value)
{
    begin(writer, name);
    note(writer, xmlTextWriterWriteString(writer->xml, (const xmlChar *)value));
    end(writer);
}

static void put_time(struct writer *writer, const char *name, uint64_t ns)
{
    char text[CLOCK_RFC3339_BYTES];
    clock_format_rfc3339(ns, text);
    put_element(writer, name, text);
}

static void put_day(struct writer *writer, uint64_t ns)
{
    char text[LEDGER_DAY_BYTES];
    ledger_day_format(ns, text);
    put_element(writer, "Dt", text);
}

static void put_number(struct writer *writer, const char *name, uint64_t number)
{
    char text[U128_TEXT_BYTES];
    u128_format(number, text);
    put_element(writer, name, text);
}

static void put_id(struct writer *writer, const char *name, struct id128 id)
{
    char text[ID_CHARS + 1];
    hex_encode(id.bytes, ID128_BYTES, text);
    put_element(writer, name, text);
}

static void put_amount(struct writer *writer, u128 minor)
{
    char text[LEDGER_MAJOR_BYTES];
    ledger_major_format(minor, writer->account->exponent, text);
    begin(writer, "Amt");
    put_attribute(writer, "Ccy", writer->account->currency);
    note(writer, xmlTextWriterWriteString(writer->xml, (const xmlChar *)text));
    end(writer);
}

static void put_indicator(struct writer *writer, enum ledger_side side)
{
    put_element(writer, "CdtDbtInd", side == LEDGER_CREDIT ? "CRDT" : "DBIT");
}

/// XML 1.0 production Char, of what UTF-8 can hold.
static bool is_xml_character(const uint8_t *bytes, size_t size)
{
    if (size == 1)
        return bytes[0] >= 0x20 || bytes[0] == '\t' || bytes[0] == '\n' || bytes[0] == '\r';
    return size != 3 || bytes[0] != 0xef || bytes[1] != 0xbf || bytes[2] < 0xbe; // U+FFFE, U+FFFF
}

/// Free text, cut to a number of characters; what XML cannot carry becomes U+FFFD.
static void put_text(struct writer *writer, const char *name, struct bytes text, size_t chars_max)
{
    char clean[INFORMATION_CHARS_MAX * LEDGER_TEXT_CODE_POINT_BYTES_MAX + 1];
    CHECK(chars_max <= INFORMATION_CHARS_MAX);
    size_t size = 0;
    for (size_t at = 0, chars = 0; at < text.size && chars < chars_max; chars++) {
        size_t length = text_next_code_point((const char *)text.data + at, text.size - at);
        if (length > 0 && is_xml_character(text.data + at, length)) {
            memcpy(clean + size, text.data + at, length);
            size += length;
        } else {
            memcpy(clean + size, "\xef\xbf\xbd", REPLACEMENT_BYTES);
            size += REPLACEMENT_BYTES;
        }
        at += length > 0 ? length : 1;
    }
    clean[size] = '\0';
    if (size > 0) put_element(writer, name, clean);
}

// ---- The message --------------------------------------------------------------------------------

static void put_other_account(struct writer *writer, struct id128 account_id)
{
    begin(writer, "Id");
    begin(writer, "Othr");
    put_id(writer, "Id", account_id);
    end(writer);
    end(writer);
}

/// IBAN2007Identifier, with check digits that are right.
static bool is_iban(const char *text)
{
    size_t size = strlen(text);
    if (size < IBAN_CHARS_MIN || size > IBAN_CHARS_MAX) return false;
    for (size_t i = 0; i < size; i++) {
        bool is_upper = text[i] >= 'A' && text[i] <= 'Z';
        bool is_lower = text[i] >= 'a' && text[i] <= 'z';
        bool is_digit = text[i] >= '0' && text[i] <= '9';
        bool fits = i < 2 ? is_upper : i < 4 ? is_digit : is_upper || is_lower || is_digit;
        if (!fits) return false;
    }
    return ledger_ref_is_valid(text);
}

static void put_account(struct writer *writer, const struct ledger_statement *statement)
{
    begin(writer, "Acct");
    if (is_iban(statement->details->external_ref)) {
        begin(writer, "Id");
        put_element(writer, "IBAN", statement->details->external_ref);
        end(writer);
    } else {
        put_other_account(writer, writer->account->id);
    }
    put_element(writer, "Ccy", writer->account->currency);
    put_text(writer, "Nm", bytes_of_text(statement->details->name), NAME_CHARS_MAX);
    end(writer);
}

static u128 magnitude(i128 value)
{
    return value < 0 ? -(u128)value : (u128)value;
}

/// A balance of zero counts as a credit balance (ISO 20022, CashBalance).
static void put_balance(struct writer *writer, const char *type, i128 balance, uint64_t day_ns)
{
    bool is_debit_normal = ledger_class_is_debit_normal(writer->account->class);
    bool is_debit = is_debit_normal ? balance > 0 : balance < 0;
    begin(writer, "Bal");
    begin(writer, "Tp");
    begin(writer, "CdOrPrtry");
    put_element(writer, "Cd", type);
    end(writer);
    end(writer);
    put_amount(writer, magnitude(balance));
    put_indicator(writer, is_debit ? LEDGER_DEBIT : LEDGER_CREDIT);
    begin(writer, "Dt");
    put_day(writer, day_ns);
    end(writer);
    end(writer);
}

static void put_sum(struct writer *writer, const char *name, uint64_t count, u128 sum)
{
    char text[LEDGER_MAJOR_BYTES];
    ledger_major_format(sum, writer->account->exponent, text);
    begin(writer, name);
    put_number(writer, "NbOfNtries", count);
    put_element(writer, "Sum", text);
    end(writer);
}

static void put_details(struct writer *writer, const struct ledger_statement_entry *entry)
{
    begin(writer, "NtryDtls");
    begin(writer, "TxDtls");
    begin(writer, "Refs");
    put_id(writer, "AcctSvcrRef", entry->transfer_id);
    put_id(writer, "EndToEndId", entry->transfer_id); // The caller chose it; both sides see it.
    end(writer);
    begin(writer, "RltdPties");
    begin(writer, entry->side == LEDGER_CREDIT ? "DbtrAcct" : "CdtrAcct");
    put_other_account(writer, entry->counterparty_account_id);
    end(writer);
    end(writer);
    put_text(writer, "AddtlTxInf", entry->description, INFORMATION_CHARS_MAX);
    end(writer);
    end(writer);
}

static void put_entry(struct writer *writer, const struct ledger_statement_entry *entry)
{
    char code[sizeof "REVERSAL/65535"];
    snprintf(code, sizeof code, "%s/%u", ledger_transfer_kind_name(entry->kind), entry->code);

    begin(writer, "Ntry");
    put_number(writer, "NtryRef", entry->index); // Unique for the account, in every statement.
    put_amount(writer, entry->amount);
    put_indicator(writer, entry->side);
    if (entry->kind == LEDGER_TRANSFER_REVERSAL) put_element(writer, "RvslInd", "true");
    begin(writer, "Sts");
    put_element(writer, "Cd", "BOOK");
    end(writer);
    begin(writer, "BookgDt");
    put_time(writer, "DtTm", entry->booked_at_ns);
    end(writer);
    begin(writer, "ValDt");
    put_day(writer, entry->effective_at_ns);
    end(writer);
    put_id(writer, "AcctSvcrRef", entry->transfer_id);
    begin(writer, "BkTxCd");
    begin(writer, "Prtry");
    put_element(writer, "Cd", code);
    put_element(writer, "Issr", ISSUER);
    end(writer);
    end(writer);
    put_details(writer, entry);
    end(writer);
}

/// Two ids, of 32 hex digits as others: the statement's is the same whenever it is made, the
/// message's is not.
static void put_made_id(struct writer *writer, const char *name,
                        const struct ledger_statement *statement, bool is_message)
{
    uint8_t times[3 * sizeof(uint64_t)];
    put_u64_be(times, statement->from_ns);
    put_u64_be(times + 8, statement->to_ns);
    put_u64_be(times + 16, statement->made_at_ns);
    struct bytes parts[] = {
        bytes_of_text(is_message ? "camt.053 message" : "camt.053 statement"),
        id128_bytes(&statement->account->id),
        bytes_of(times, is_message ? sizeof times : 2 * sizeof(uint64_t)),
    };
    struct id128 id;
    hash_blake2b_128(parts, sizeof parts / sizeof parts[0], id.bytes);
    put_id(writer, name, id);
}

static void put_statement(struct writer *writer, const struct ledger_statement *statement)
{
    begin(writer, "Stmt");
    put_made_id(writer, "Id", statement, false);
    put_time(writer, "CreDtTm", statement->made_at_ns);
    begin(writer, "FrToDt");
    put_time(writer, "FrDtTm", statement->from_ns);
    put_time(writer, "ToDtTm", statement->to_ns);
    end(writer);
    put_account(writer, statement);
    put_balance(writer, "OPBD", statement->opening_balance, statement->from_ns);
    put_balance(writer, "CLBD", statement->closing_balance, statement->to_ns - 1);
    begin(writer, "TxsSummry");
    put_sum(writer, "TtlCdtNtries", statement->credit_count, statement->total_credits);
    put_sum(writer, "TtlDbtNtries", statement->debit_count, statement->total_debits);
    end(writer);
    for (size_t i = 0; i < statement->entry_count; i++)
        put_entry(writer, &statement->entries[i]);
    end(writer);
}

static void put_message(struct writer *writer, const struct ledger_statement *statement)
{
    begin(writer, "Document");
    put_attribute(writer, "xmlns", NAMESPACE);
    begin(writer, "BkToCstmrStmt");
    begin(writer, "GrpHdr");
    put_made_id(writer, "MsgId", statement, true);
    put_time(writer, "CreDtTm", statement->made_at_ns);
    end(writer);
    put_statement(writer, statement);
    end(writer);
    end(writer);
}

// ---- What the message can hold ------------------------------------------------------------------

#define NOT_REPRESENTABLE(message_)                                                                \
    REFUSE(FAILED_PRECONDITION, STATEMENT_NOT_REPRESENTABLE, message_)

static bool is_iso_code(const char *currency)
{
    size_t size = strlen(currency);
    for (size_t i = 0; i < size; i++)
        if (currency[i] < 'A' || currency[i] > 'Z') return false;
    return size == CURRENCY_CHARS;
}

static struct status check_representable(const struct ledger_statement *statement)
{
    if (!is_iso_code(statement->account->currency))
        return NOT_REPRESENTABLE("camt.053 knows only currency codes of three letters; ask for "
                                 "JSON or CSV");
    if (statement->account->exponent > FRACTION_DIGITS_MAX)
        return NOT_REPRESENTABLE("camt.053 has amounts of at most five decimals; ask for JSON or "
                                 "CSV");
    u128 limit = 1;
    for (int i = 0; i < AMOUNT_DIGITS_MAX; i++)
        limit *= 10;
    // No entry is more than its total.
    if (magnitude(statement->opening_balance) >= limit ||
        magnitude(statement->closing_balance) >= limit || statement->total_debits >= limit ||
        statement->total_credits >= limit)
        return NOT_REPRESENTABLE("camt.053 has amounts of at most 18 digits; ask for JSON or CSV");
    return STATUS_SUCCESS;
}

// ---- Writing ------------------------------------------------------------------------------------

/// Always "written": that the text is full is seen when it is closed, and libxml2 would complain on
/// stderr.
static int write_bytes(void *context, const char *data, int size)
{
    ledger_text_put(context, bytes_of(data, (size_t)size));
    return size;
}

static void close_xml(xmlTextWriterPtr *xml)
{
    if (*xml != NULL) xmlFreeTextWriter(*xml);
    *xml = NULL;
}

/// The writer flushes to the text when it is closed.
static void write_message(struct writer *writer, const struct ledger_statement *statement)
{
    // libxml2 wants to be initialized before threads use it.
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CHECK(pthread_once(&once, xmlInitParser) == 0);

    xmlOutputBufferPtr output = xmlOutputBufferCreateIO(write_bytes, NULL, &writer->text, NULL);
    CHECK(output != NULL);
    CLEANUP(close_xml) xmlTextWriterPtr xml = xmlNewTextWriter(output);
    CHECK(xml != NULL);
    writer->xml = xml;
    put_message(writer, statement);
    note(writer, xmlTextWriterFlush(xml));
}

struct status ledger_statement_camt053(const struct ledger_statement *statement,
                                       struct arena *arena, struct bytes *ret)
{
    CHECK(statement->next_index == 0);
    RETURN_IF_ERROR(check_representable(statement));
    size_t bytes_max = HEAD_BYTES_MAX;
    for (size_t i = 0; i < statement->entry_count; i++)
        bytes_max += ENTRY_BYTES_MAX + ESCAPE_FACTOR * statement->entries[i].description.size;

    struct writer writer = {.account = statement->account};
    RETURN_IF_ERROR(ledger_text_open(arena, bytes_max, &writer.text));
    ledger_text_put(&writer.text, bytes_of_text("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"));
    write_message(&writer, statement);
    CHECK(!writer.has_failed); // It fails for want of memory only.
    return ledger_text_close(&writer.text, ret);
}
