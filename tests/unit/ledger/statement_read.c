#include "tests/unit/ledger/statement_read.h"

#include "common/base/clock.h"
#include "tests/unit/support/unit.h"

#include <libxml/parser.h>

static struct read_entry *add_entry(struct read_statement *statement)
{
    if ((statement->count & (statement->count - 1)) == 0) { // At each power of two it doubles.
        size_t room = statement->count == 0 ? 1 : 2 * statement->count;
        statement->entries = realloc(statement->entries, room * sizeof *statement->entries);
        assert_non_null(statement->entries);
    }
    struct read_entry *entry = &statement->entries[statement->count++];
    memset(entry, 0, sizeof *entry);
    return entry;
}

void statement_read_free(struct read_statement *statement)
{
    free(statement->entries);
    *statement = (struct read_statement){0};
}

/// Major units with exactly the currency's decimals.
static u128 read_amount(const char *text, unsigned exponent)
{
    u128 value = 0;
    size_t size = strlen(text);
    assert_true(size > (exponent > 0 ? exponent + 1 : 0));
    for (size_t i = 0; i < size; i++) {
        bool is_point = exponent > 0 && i == size - exponent - 1;
        assert_true(is_point ? text[i] == '.' : text[i] >= '0' && text[i] <= '9');
        if (!is_point) value = value * 10 + (unsigned)(text[i] - '0');
    }
    return value;
}

static i128 read_signed(const char *text, unsigned exponent)
{
    bool is_negative = text[0] == '-';
    u128 value = read_amount(text + is_negative, exponent);
    return is_negative ? -(i128)value : (i128)value;
}

static uint64_t read_time(const char *text)
{
    uint64_t ns = 0;
    assert_int_equal(clock_parse_rfc3339(text, strlen(text), &ns), 0);
    return ns;
}

static void copy_text(const char *text, char *ret, size_t ret_bytes)
{
    assert_true(strlen(text) < ret_bytes);
    memcpy(ret, text, strlen(text) + 1);
}

// ---- CSV ----------------------------------------------------------------------------------------

enum {
    BOOKED_AT,
    VALUE_DATE,
    TRANSFER_ID,
    KIND,
    DIRECTION,
    AMOUNT,
    CURRENCY,
    BALANCE,
    COUNTERPARTY,
    CODE,
    DESCRIPTION,
    FIELDS,
};

typedef char fields[FIELDS][READ_TEXT_BYTES];

struct csv {
    const char *at, *end;
};

static char take(struct csv *csv)
{
    assert_true(csv->at < csv->end);
    return *csv->at++;
}

/// One field (RFC 4180); gives the character after it: a comma, or the LF of CRLF.
static char read_field(struct csv *csv, char ret[static READ_TEXT_BYTES])
{
    size_t size = 0;
    bool is_quoted = csv->at < csv->end && *csv->at == '"';
    if (is_quoted) csv->at++;
    for (;;) {
        char character = take(csv);
        bool is_doubled = is_quoted && character == '"' && csv->at < csv->end && *csv->at == '"';
        if (is_doubled) csv->at++;
        bool ends =
            is_quoted ? character == '"' && !is_doubled : character == ',' || character == '\r';
        if (ends) {
            ret[size] = '\0';
            if (is_quoted) character = take(csv);
            if (character == '\r') character = take(csv);
            return character;
        }
        assert_true(is_quoted || character != '"');
        assert_true(size + 1 < READ_TEXT_BYTES);
        ret[size++] = character;
    }
}

static void read_line(struct csv *csv, fields ret)
{
    for (size_t i = 0; i < FIELDS; i++)
        assert_int_equal(read_field(csv, ret[i]), i + 1 < FIELDS ? ',' : '\n');
}

static void read_csv_entry(const fields line, unsigned exponent, struct read_entry *ret)
{
    ret->booked_at_ns = read_time(line[BOOKED_AT]);
    copy_text(line[VALUE_DATE], ret->value_date, sizeof ret->value_date);
    assert_status_ok(id128_parse(line[TRANSFER_ID], strlen(line[TRANSFER_ID]), &ret->transfer_id));
    assert_status_ok(
        id128_parse(line[COUNTERPARTY], strlen(line[COUNTERPARTY]), &ret->counterparty_id));
    copy_text(line[KIND], ret->kind, sizeof ret->kind);
    ret->is_credit = strcmp(line[DIRECTION], "CREDIT") == 0;
    assert_true(ret->is_credit || strcmp(line[DIRECTION], "DEBIT") == 0);
    ret->amount = read_amount(line[AMOUNT], exponent);
    ret->balance = read_signed(line[BALANCE], exponent);
    ret->code = (unsigned)strtoul(line[CODE], NULL, 10);
    size_t disarmed = line[DESCRIPTION][0] == '\'';
    copy_text(line[DESCRIPTION] + disarmed, ret->description, sizeof ret->description);
}

void statement_read_csv(struct bytes text, const char *currency, unsigned exponent,
                        struct read_statement *ret)
{
    static const char *const names[FIELDS] = {
        "booked_at", "value_date",  "transfer_id",
        "kind",      "direction",   "amount",
        "currency",  "balance",     "counterparty_account_id",
        "code",      "description",
    };
    struct csv csv = {(const char *)text.data, (const char *)text.data + text.size};
    static fields line;
    *ret = (struct read_statement){0};
    read_line(&csv, line);
    for (size_t i = 0; i < FIELDS; i++)
        assert_string_equal(line[i], names[i]);

    read_line(&csv, line);
    assert_string_equal(line[KIND], "OPENING_BALANCE");
    ret->from_ns = read_time(line[BOOKED_AT]);
    ret->opening = read_signed(line[BALANCE], exponent);
    for (read_line(&csv, line); strcmp(line[KIND], "CLOSING_BALANCE") != 0; read_line(&csv, line)) {
        assert_string_equal(line[CURRENCY], currency);
        read_csv_entry((const char(*)[READ_TEXT_BYTES])line, exponent, add_entry(ret));
    }
    ret->to_ns = read_time(line[BOOKED_AT]);
    ret->closing = read_signed(line[BALANCE], exponent);
    assert_ptr_equal(csv.at, csv.end);
}

// ---- camt.053 -----------------------------------------------------------------------------------

/// The first child of that name; NULL: none.
static xmlNodePtr find_child(xmlNodePtr node, const char *name)
{
    for (xmlNodePtr child = node->children; child != NULL; child = child->next)
        if (child->type == XML_ELEMENT_NODE && strcmp((const char *)child->name, name) == 0)
            return child;
    return NULL;
}

/// Follows "A/B/C"; NULL: there is none.
static xmlNodePtr find(xmlNodePtr node, const char *path)
{
    while (node != NULL && *path != '\0') {
        char name[64];
        size_t size = strcspn(path, "/");
        assert_true(size < sizeof name);
        memcpy(name, path, size);
        name[size] = '\0';
        node = find_child(node, name);
        path += size + (path[size] == '/');
    }
    return node;
}

/// The text at a path; "" when there is no such element and it need not be.
static void read_text(xmlNodePtr node, const char *path, bool must_be, char *ret, size_t ret_bytes)
{
    xmlNodePtr found = find(node, path);
    if (found == NULL && must_be) fail_msg("no %s", path);
    xmlChar *text = found != NULL ? xmlNodeGetContent(found) : NULL;
    copy_text(text != NULL ? (const char *)text : "", ret, ret_bytes);
    xmlFree(text);
}

static struct id128 read_id(xmlNodePtr node, const char *path)
{
    char text[64];
    struct id128 id;
    read_text(node, path, true, text, sizeof text);
    assert_true(hex_decode(text, strlen(text), id.bytes, ID128_BYTES));
    return id;
}

static u128 read_xml_amount(xmlNodePtr node, const char *currency, unsigned exponent)
{
    char text[64];
    read_text(node, "Amt", true, text, sizeof text);
    xmlChar *code = xmlGetProp(find(node, "Amt"), (const xmlChar *)"Ccy");
    assert_string_equal((const char *)code, currency);
    xmlFree(code);
    return read_amount(text, exponent);
}

static bool read_is_credit(xmlNodePtr node)
{
    char text[64];
    read_text(node, "CdtDbtInd", true, text, sizeof text);
    return strcmp(text, "CRDT") == 0;
}

static void read_xml_entry(xmlNodePtr node, const char *currency, unsigned exponent,
                           struct read_entry *ret)
{
    char text[64];
    ret->amount = read_xml_amount(node, currency, exponent);
    ret->is_credit = read_is_credit(node);
    read_text(node, "BookgDt/DtTm", true, text, sizeof text);
    ret->booked_at_ns = read_time(text);
    read_text(node, "ValDt/Dt", true, ret->value_date, sizeof ret->value_date);
    ret->transfer_id = read_id(node, "AcctSvcrRef");
    read_text(node, "RvslInd", false, text, sizeof text);
    ret->is_reversal = strcmp(text, "true") == 0;

    read_text(node, "BkTxCd/Prtry/Cd", true, text, sizeof text);
    char *slash = strchr(text, '/');
    assert_non_null(slash);
    *slash = '\0';
    copy_text(text, ret->kind, sizeof ret->kind);
    ret->code = (unsigned)strtoul(slash + 1, NULL, 10);

    xmlNodePtr details = find(node, "NtryDtls/TxDtls");
    struct id128 reference = read_id(details, "Refs/AcctSvcrRef");
    assert_true(id128_equal(reference, ret->transfer_id));
    ret->counterparty_id = read_id(details, ret->is_credit ? "RltdPties/DbtrAcct/Id/Othr/Id"
                                                           : "RltdPties/CdtrAcct/Id/Othr/Id");
    read_text(details, "AddtlTxInf", false, ret->description, sizeof ret->description);
}

static void read_balance(xmlNodePtr node, const char *currency, unsigned exponent,
                         struct read_statement *ret)
{
    char type[64];
    read_text(node, "Tp/CdOrPrtry/Cd", true, type, sizeof type);
    u128 amount = read_xml_amount(node, currency, exponent);
    i128 balance = read_is_credit(node) ? (i128)amount : -(i128)amount;
    bool is_opening = strcmp(type, "OPBD") == 0;
    assert_true(is_opening || strcmp(type, "CLBD") == 0);
    *(is_opening ? &ret->opening : &ret->closing) = balance;
    read_text(node, "Dt/Dt", true, is_opening ? ret->opening_day : ret->closing_day,
              sizeof ret->opening_day);
}

static void read_summary(xmlNodePtr node, const char *path, unsigned exponent, uint64_t *ret_count,
                         u128 *ret_sum)
{
    char text[64];
    read_text(find(node, path), "NbOfNtries", true, text, sizeof text);
    *ret_count = strtoull(text, NULL, 10);
    read_text(find(node, path), "Sum", true, text, sizeof text);
    *ret_sum = read_amount(text, exponent);
}

void statement_read_camt053(struct bytes text, const char *currency, unsigned exponent,
                            struct read_statement *ret)
{
    *ret = (struct read_statement){0};
    xmlDocPtr document = xmlReadMemory((const char *)text.data, (int)text.size, NULL, NULL,
                                       XML_PARSE_NONET | XML_PARSE_HUGE);
    assert_non_null(document);
    xmlNodePtr root = xmlDocGetRootElement(document), node = find(root, "BkToCstmrStmt/Stmt");
    assert_non_null(node);
    read_text(root, "BkToCstmrStmt/GrpHdr/MsgId", true, ret->message_id, sizeof ret->message_id);
    read_text(node, "Id", true, ret->id, sizeof ret->id);
    char time[64];
    read_text(node, "FrToDt/FrDtTm", true, time, sizeof time);
    ret->from_ns = read_time(time);
    read_text(node, "FrToDt/ToDtTm", true, time, sizeof time);
    ret->to_ns = read_time(time);
    ret->is_iban = find(node, "Acct/Id/IBAN") != NULL;
    read_text(node, ret->is_iban ? "Acct/Id/IBAN" : "Acct/Id/Othr/Id", true, ret->account,
              sizeof ret->account);
    read_text(node, "Acct/Nm", false, ret->name, sizeof ret->name);
    read_summary(node, "TxsSummry/TtlCdtNtries", exponent, &ret->credit_count, &ret->total_credits);
    read_summary(node, "TxsSummry/TtlDbtNtries", exponent, &ret->debit_count, &ret->total_debits);
    for (xmlNodePtr child = node->children; child != NULL; child = child->next) {
        const char *name = (const char *)child->name;
        if (strcmp(name, "Bal") == 0) read_balance(child, currency, exponent, ret);
        if (strcmp(name, "Ntry") == 0) read_xml_entry(child, currency, exponent, add_entry(ret));
    }
    xmlFreeDoc(document);
}
