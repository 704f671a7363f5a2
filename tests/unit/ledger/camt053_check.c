#include "tests/unit/ledger/camt053_check.h"

#include "common/base/check.h"
#include "common/base/status.h"

#include <ctype.h>
#include <libxml/xmlreader.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>

#define NAMESPACE "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"

enum { PARTICLES_MAX = 14, MANY = 1 << 30, TEXT_BYTES_MAX = 4096 };

// ---- The message definition, as far as it is used -----------------------------------------------

enum type {
    // Of elements that hold elements.
    DOCUMENT,
    MESSAGE,
    GROUP_HEADER,
    STATEMENT,
    PERIOD,
    ACCOUNT,
    OTHER_ACCOUNT,
    ACCOUNT_ID,
    OTHER_ID,
    BALANCE,
    BALANCE_TYPE,
    BALANCE_TYPE_CHOICE,
    DATE_CHOICE,
    SUMMARY,
    NUMBER_AND_SUM,
    ENTRY,
    ENTRY_STATUS,
    BANK_CODE,
    PROPRIETARY_CODE,
    ENTRY_DETAILS,
    TRANSACTION,
    REFERENCES,
    PARTIES,
    // Of elements that hold text.
    MAX_34,
    MAX_35,
    MAX_70,
    MAX_500,
    NUMERIC_15,
    IBAN,
    CURRENCY,
    AMOUNT, // With the attribute Ccy.
    DECIMAL,
    INDICATOR,
    BOOLEAN,
    DATE_TIME,
    DATE,
    BALANCE_CODE,
    STATUS_CODE,
    TYPE_COUNT,
};

struct particle {
    const char *name;
    enum type type;
    unsigned min, max;
};

struct complex_type {
    bool is_choice; // Of exactly one; else a sequence.
    struct particle particles[PARTICLES_MAX];
};

// clang-format off
static const struct complex_type complex_types[] = {
    [DOCUMENT] = {.particles = {{"BkToCstmrStmt", MESSAGE, 1, 1}}},
    [MESSAGE] = {.particles = {{"GrpHdr", GROUP_HEADER, 1, 1}, {"Stmt", STATEMENT, 1, MANY}}},
    [GROUP_HEADER] = {.particles = {{"MsgId", MAX_35, 1, 1}, {"CreDtTm", DATE_TIME, 1, 1},
                                    {"AddtlInf", MAX_500, 0, 1}}},
    [STATEMENT] = {.particles = {{"Id", MAX_35, 1, 1}, {"CreDtTm", DATE_TIME, 0, 1},
                                 {"FrToDt", PERIOD, 0, 1}, {"Acct", ACCOUNT, 1, 1},
                                 {"Bal", BALANCE, 1, MANY}, {"TxsSummry", SUMMARY, 0, 1},
                                 {"Ntry", ENTRY, 0, MANY}, {"AddtlStmtInf", MAX_500, 0, 1}}},
    [PERIOD] = {.particles = {{"FrDtTm", DATE_TIME, 1, 1}, {"ToDtTm", DATE_TIME, 1, 1}}},
    [ACCOUNT] = {.particles = {{"Id", ACCOUNT_ID, 1, 1}, {"Ccy", CURRENCY, 0, 1},
                               {"Nm", MAX_70, 0, 1}}},
    [OTHER_ACCOUNT] = {.particles = {{"Id", ACCOUNT_ID, 1, 1}, {"Ccy", CURRENCY, 0, 1},
                                     {"Nm", MAX_70, 0, 1}}},
    [ACCOUNT_ID] = {.is_choice = true, .particles = {{"IBAN", IBAN, 1, 1}, {"Othr", OTHER_ID, 1, 1}}},
    [OTHER_ID] = {.particles = {{"Id", MAX_34, 1, 1}, {"Issr", MAX_35, 0, 1}}},
    [BALANCE] = {.particles = {{"Tp", BALANCE_TYPE, 1, 1}, {"Amt", AMOUNT, 1, 1},
                               {"CdtDbtInd", INDICATOR, 1, 1}, {"Dt", DATE_CHOICE, 1, 1}}},
    [BALANCE_TYPE] = {.particles = {{"CdOrPrtry", BALANCE_TYPE_CHOICE, 1, 1}}},
    [BALANCE_TYPE_CHOICE] = {.is_choice = true, .particles = {{"Cd", BALANCE_CODE, 1, 1},
                                                              {"Prtry", MAX_35, 1, 1}}},
    [DATE_CHOICE] = {.is_choice = true, .particles = {{"Dt", DATE, 1, 1}, {"DtTm", DATE_TIME, 1, 1}}},
    [SUMMARY] = {.particles = {{"TtlCdtNtries", NUMBER_AND_SUM, 0, 1},
                               {"TtlDbtNtries", NUMBER_AND_SUM, 0, 1}}},
    [NUMBER_AND_SUM] = {.particles = {{"NbOfNtries", NUMERIC_15, 0, 1}, {"Sum", DECIMAL, 0, 1}}},
    [ENTRY] = {.particles = {{"NtryRef", MAX_35, 0, 1}, {"Amt", AMOUNT, 1, 1},
                             {"CdtDbtInd", INDICATOR, 1, 1}, {"RvslInd", BOOLEAN, 0, 1},
                             {"Sts", ENTRY_STATUS, 1, 1}, {"BookgDt", DATE_CHOICE, 0, 1},
                             {"ValDt", DATE_CHOICE, 0, 1}, {"AcctSvcrRef", MAX_35, 0, 1},
                             {"BkTxCd", BANK_CODE, 1, 1}, {"NtryDtls", ENTRY_DETAILS, 0, MANY},
                             {"AddtlNtryInf", MAX_500, 0, 1}}},
    [ENTRY_STATUS] = {.is_choice = true, .particles = {{"Cd", STATUS_CODE, 1, 1},
                                                       {"Prtry", MAX_35, 1, 1}}},
    [BANK_CODE] = {.particles = {{"Prtry", PROPRIETARY_CODE, 0, 1}}},
    [PROPRIETARY_CODE] = {.particles = {{"Cd", MAX_35, 1, 1}, {"Issr", MAX_35, 0, 1}}},
    [ENTRY_DETAILS] = {.particles = {{"TxDtls", TRANSACTION, 0, MANY}}},
    [TRANSACTION] = {.particles = {{"Refs", REFERENCES, 0, 1}, {"Amt", AMOUNT, 0, 1},
                                   {"CdtDbtInd", INDICATOR, 0, 1}, {"RltdPties", PARTIES, 0, 1},
                                   {"AddtlTxInf", MAX_500, 0, 1}}},
    [REFERENCES] = {.particles = {{"AcctSvcrRef", MAX_35, 0, 1}, {"InstrId", MAX_35, 0, 1},
                                  {"EndToEndId", MAX_35, 0, 1}, {"TxId", MAX_35, 0, 1}}},
    [PARTIES] = {.particles = {{"DbtrAcct", OTHER_ACCOUNT, 0, 1}, {"CdtrAcct", OTHER_ACCOUNT, 0, 1}}},
};

#define DAY "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"

/// chars: 0: no limit. digits_max: of a number.
static const struct simple_type {
    const char *name, *pattern;
    unsigned chars_min, chars_max, digits_max;
    bool has_day; // Begins with a day, which must exist.
} simple_types[TYPE_COUNT] = {
    [MAX_34] =       {"Max34Text", NULL, 1, 34, 0, false},
    [MAX_35] =       {"Max35Text", NULL, 1, 35, 0, false},
    [MAX_70] =       {"Max70Text", NULL, 1, 70, 0, false},
    [MAX_500] =      {"Max500Text", NULL, 1, 500, 0, false},
    [NUMERIC_15] =   {"Max15NumericText", "^[0-9]{1,15}$", 0, 0, 0, false},
    [IBAN] =         {"IBAN2007Identifier", "^[A-Z]{2}[0-9]{2}[a-zA-Z0-9]{1,30}$", 0, 0, 0, false},
    [CURRENCY] =     {"ActiveOrHistoricCurrencyCode", "^[A-Z]{3}$", 0, 0, 0, false},
    [AMOUNT] =       {"ActiveOrHistoricCurrencyAndAmount", "^[0-9]+(\\.[0-9]{1,5})?$", 0, 0, 18, false},
    [DECIMAL] =      {"DecimalNumber", "^[+-]?[0-9]+(\\.[0-9]{1,17})?$", 0, 0, 18, false},
    [INDICATOR] =    {"CreditDebitCode", "^(CRDT|DBIT)$", 0, 0, 0, false},
    [BOOLEAN] =      {"TrueFalseIndicator", "^(true|false|1|0)$", 0, 0, 0, false},
    [DATE_TIME] =    {"ISODateTime", "^" DAY "T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]+)?"
                                     "(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])?$", 0, 0, 0, true},
    [DATE] =         {"ISODate", "^" DAY "$", 0, 0, 0, true},
    [BALANCE_CODE] = {"ExternalBalanceType1Code", "^(OPBD|CLBD|ITBD|PRCD|OPAV|CLAV|ITAV|FWAV)$", 0, 0, 0, false},
    [STATUS_CODE] =  {"ExternalEntryStatus1Code", "^(BOOK|PDNG|INFO|FUTR)$", 0, 0, 0, false},
};

// clang-format on

// ---- Simple types -------------------------------------------------------------------------------

struct checker {
    xmlTextReaderPtr reader;
    regex_t patterns[TYPE_COUNT];
    bool has_ended; // The text, or that it can be read.
    char *problem;
};

static bool problem(struct checker *checker, const char *where, const char *what, const char *which)
{
    snprintf(checker->problem, CAMT053_PROBLEM_BYTES, "%s: %s %.100s", where, what, which);
    return false;
}

static size_t count_characters(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

/// Digits that count: without a sign, a point, and zeros in front.
static size_t count_digits(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++)
        count += isdigit((unsigned char)*text) && (count > 0 || *text != '0');
    return count;
}

static bool day_exists(const char *text)
{
    static const unsigned char days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned long year = strtoul(text, NULL, 10), month = strtoul(text + 5, NULL, 10);
    unsigned long day = strtoul(text + 8, NULL, 10);
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month - 1] && (month != 2 || day < 29 || is_leap);
}

static bool check_text(struct checker *checker, const char *where, enum type type, const char *text)
{
    const struct simple_type *simple = &simple_types[type];
    size_t characters = count_characters(text);
    bool fits = characters >= simple->chars_min &&
                (simple->chars_max == 0 || characters <= simple->chars_max);
    fits = fits &&
           (simple->pattern == NULL || regexec(&checker->patterns[type], text, 0, NULL, 0) == 0);
    fits = fits && (simple->digits_max == 0 || count_digits(text) <= simple->digits_max);
    fits = fits && (!simple->has_day || day_exists(text));
    if (fits) return true;
    char what[64];
    snprintf(what, sizeof what, "is no %s:", simple->name);
    return problem(checker, where, what, text);
}

static bool check_attributes(struct checker *checker, const char *where, enum type type)
{
    bool has_currency = false, fits = true;
    while (fits && xmlTextReaderMoveToNextAttribute(checker->reader) == 1) {
        const char *name = (const char *)xmlTextReaderConstName(checker->reader);
        const char *value = (const char *)xmlTextReaderConstValue(checker->reader);
        if (xmlTextReaderIsNamespaceDecl(checker->reader) == 1) continue;
        if (type == AMOUNT && strcmp(name, "Ccy") == 0) {
            has_currency = true;
            fits = check_text(checker, where, CURRENCY, value);
        } else {
            fits = problem(checker, where, "may not have the attribute", name);
        }
    }
    xmlTextReaderMoveToElement(checker->reader);
    if (fits && type == AMOUNT && !has_currency)
        return problem(checker, where, "lacks the attribute", "Ccy");
    return fits;
}

// ---- Elements -----------------------------------------------------------------------------------

/// Moves on, over comments and the like. false: the end, or not well-formed.
static bool move(struct checker *checker)
{
    checker->has_ended = xmlTextReaderRead(checker->reader) != 1;
    return !checker->has_ended;
}

static bool is_text(int node)
{
    return node == XML_READER_TYPE_TEXT || node == XML_READER_TYPE_CDATA ||
           node == XML_READER_TYPE_WHITESPACE || node == XML_READER_TYPE_SIGNIFICANT_WHITESPACE;
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

static bool check_simple(struct checker *checker, const char *where, enum type type)
{
    char text[TEXT_BYTES_MAX] = "";
    size_t size = 0;
    if (xmlTextReaderIsEmptyElement(checker->reader) == 1)
        return check_text(checker, where, type, text);
    while (move(checker)) {
        int node = xmlTextReaderNodeType(checker->reader);
        if (node == XML_READER_TYPE_END_ELEMENT) return check_text(checker, where, type, text);
        if (node == XML_READER_TYPE_ELEMENT)
            return problem(checker, where, "holds text, not",
                           (const char *)xmlTextReaderConstLocalName(checker->reader));
        if (!is_text(node)) continue;
        const char *more = (const char *)xmlTextReaderConstValue(checker->reader);
        size += (size_t)snprintf(text + size, sizeof text - size, "%s", more);
        if (size >= sizeof text) return problem(checker, where, "is far too long", "");
    }
    return problem(checker, where, "does not end", "");
}

/// Where in a complex type a walk over the children stands.
struct place {
    const struct complex_type *type;
    size_t at;
    unsigned count; // Of children of particle `at`.
    unsigned total;
};

/// Finds a child's particle, in order; NULL: there is a problem.
static const struct particle *take_particle(struct checker *checker, const char *where,
                                            struct place *place, const char *name)
{
    for (; place->at < PARTICLES_MAX && place->type->particles[place->at].name != NULL;
         place->at++, place->count = 0) {
        const struct particle *particle = &place->type->particles[place->at];
        if (strcmp(particle->name, name) == 0) {
            place->count++;
            place->total++;
            if (place->count <= particle->max && (!place->type->is_choice || place->total == 1))
                return particle;
            problem(checker, where, "has too many", name);
            return NULL;
        }
        if (!place->type->is_choice && place->count < particle->min) {
            char what[64];
            snprintf(what, sizeof what, "%s is missing before", particle->name);
            problem(checker, where, what, name);
            return NULL;
        }
    }
    problem(checker, where, "unknown here, or out of order:", name);
    return NULL;
}

static bool check_end(struct checker *checker, const char *where, struct place *place)
{
    if (place->type->is_choice)
        return place->total == 1 || problem(checker, where, "needs one element of", "a choice");
    for (; place->at < PARTICLES_MAX && place->type->particles[place->at].name != NULL;
         place->at++, place->count = 0) {
        if (place->count < place->type->particles[place->at].min)
            return problem(checker, where, "at its end lacks",
                           place->type->particles[place->at].name);
    }
    return true;
}

/// The reader stands on an element's start; afterwards on its end.
static bool check_element(struct checker *checker, const char *where, enum type type)
{
    const char *uri = (const char *)xmlTextReaderConstNamespaceUri(checker->reader);
    if (uri == NULL || strcmp(uri, NAMESPACE) != 0)
        return problem(checker, where, "is in another namespace:", uri != NULL ? uri : "none");
    if (!check_attributes(checker, where, type)) return false;
    if (simple_types[type].name != NULL) return check_simple(checker, where, type);

    struct place place = {.type = &complex_types[type]};
    if (xmlTextReaderIsEmptyElement(checker->reader) == 1) return check_end(checker, where, &place);
    while (move(checker)) {
        int node = xmlTextReaderNodeType(checker->reader);
        if (node == XML_READER_TYPE_END_ELEMENT) return check_end(checker, where, &place);
        if (is_text(node) && !is_blank((const char *)xmlTextReaderConstValue(checker->reader)))
            return problem(checker, where, "holds elements, not text", "");
        if (node != XML_READER_TYPE_ELEMENT) continue;
        char name[64];
        snprintf(name, sizeof name, "%s",
                 (const char *)xmlTextReaderConstLocalName(checker->reader));
        const struct particle *particle = take_particle(checker, where, &place, name);
        if (particle == NULL || !check_element(checker, particle->name, particle->type))
            return false;
    }
    return problem(checker, where, "does not end", "");
}

static bool check_document(struct checker *checker)
{
    while (move(checker)) {
        if (xmlTextReaderNodeType(checker->reader) != XML_READER_TYPE_ELEMENT) continue;
        const char *name = (const char *)xmlTextReaderConstLocalName(checker->reader);
        if (strcmp(name, "Document") != 0)
            return problem(checker, name, "is not the root", "Document");
        if (!check_element(checker, "Document", DOCUMENT)) return false;
        while (move(checker)) { // To the end: what follows must be well-formed too.
        }
        return xmlTextReaderReadState(checker->reader) == XML_TEXTREADER_MODE_EOF ||
               problem(checker, "Document", "is followed by what is not well-formed", "");
    }
    return problem(checker, "the text", "is not well-formed XML", "");
}

static void ignore_error(void *context, const char *message, xmlParserSeverities severity,
                         xmlTextReaderLocatorPtr locator)
{
    (void)context, (void)message, (void)severity, (void)locator; // What read answers suffices.
}

bool camt053_check(struct bytes text, char ret_problem[static CAMT053_PROBLEM_BYTES])
{
    struct checker checker = {.problem = ret_problem};
    ret_problem[0] = '\0';
    checker.reader =
        xmlReaderForMemory((const char *)text.data, (int)text.size, NULL, NULL, XML_PARSE_NONET);
    CHECK(checker.reader != NULL);
    xmlTextReaderSetErrorHandler(checker.reader, ignore_error, NULL);
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (simple_types[i].pattern != NULL)
            CHECK(regcomp(&checker.patterns[i], simple_types[i].pattern,
                          REG_EXTENDED | REG_NOSUB) == 0);
    bool fits = check_document(&checker);
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (simple_types[i].pattern != NULL) regfree(&checker.patterns[i]);
    xmlFreeTextReader(checker.reader);
    return fits;
}
