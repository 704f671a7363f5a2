// What an account is: its balances, what must be true of it, the ledger's own ones, references.
#include "common/base/check.h"
#include "services/ledger/core.h"
#include "services/ledger/history.h"
#include "services/ledger/saturate.h"

#include <string.h>

// ---- Balances -----------------------------------------------------------------------------------

bool ledger_class_is_debit_normal(enum ledger_class class)
{
    return class == LEDGER_CLASS_ASSET || class == LEDGER_CLASS_EXPENSE;
}

i128 ledger_balance_posted(enum ledger_class class, const struct ledger_totals *totals)
{
    i128 credit_balance = (i128)totals->credits_posted - (i128)totals->debits_posted;
    return ledger_class_is_debit_normal(class) ? -credit_balance : credit_balance;
}

u128 ledger_balance_pending_in(enum ledger_class class, const struct ledger_totals *totals)
{
    return ledger_class_is_debit_normal(class) ? totals->debits_pending : totals->credits_pending;
}

u128 ledger_balance_pending_out(enum ledger_class class, const struct ledger_totals *totals)
{
    return ledger_class_is_debit_normal(class) ? totals->credits_pending : totals->debits_pending;
}

i128 ledger_account_available(const struct ledger_account *account)
{
    i128 posted = ledger_balance_posted(account->class, &account->totals);
    i128 pending_out = (i128)ledger_balance_pending_out(account->class, &account->totals);
    return i128_add_saturated(i128_add_saturated(posted, -pending_out),
                              (i128)account->credit_limit);
}

bool ledger_account_is_frozen(const struct ledger_account *account, enum ledger_side side,
                              uint64_t now_ns)
{
    uint64_t until_ns = account->frozen_until_ns[side];
    return account->frozen[side] && (until_ns == 0 || now_ns < until_ns);
}

// ---- Soundness ----------------------------------------------------------------------------------

static bool sums_are_sound(u128 pending, u128 posted)
{
    return pending <= LEDGER_TOTAL_MAX && posted <= LEDGER_TOTAL_MAX - pending;
}

static bool head_is_sound(const struct ledger_head *head)
{
    if ((head->entry_count == 0) != (head->chain[0] == 0)) return false;
    bool known = true; // Once a link is not known, none behind it is.
    for (size_t i = 1; i < LEDGER_CHAIN; i++) {
        uint64_t link = head->chain[i];
        known = known && head->chain[i - 1] != 0;
        if (link == 0) continue;
        if (!known || link >= head->chain[i - 1]) return false;
        if (ledger_history_chain_index(head, i) == 0) return false;
    }
    return true;
}

static bool bound_is_sound(bool is_set, i128 bound)
{
    return is_set ? bound >= -(i128)LEDGER_TOTAL_MAX : bound == 0;
}

bool ledger_account_is_sound(const struct ledger_account *account)
{
    bool is_system = account->kind == LEDGER_KIND_SYSTEM;
    if (is_system != id128_is_nil(account->owner_id)) return false;
    if (account->credit_limit > LEDGER_TOTAL_MAX) return false;
    if (!bound_is_sound(account->has_min_balance, account->min_balance)) return false;
    if (!bound_is_sound(account->has_max_balance, account->max_balance)) return false;
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        if (!account->frozen[side] && account->frozen_until_ns[side] != 0) return false;
    }
    if (account->number == 0 || account->version == 0) return false;
    const struct ledger_totals *totals = &account->totals;
    return sums_are_sound(totals->debits_pending, totals->debits_posted) &&
           sums_are_sound(totals->credits_pending, totals->credits_posted) &&
           head_is_sound(&account->head);
}

// ---- The ledger's own accounts ------------------------------------------------------------------

static const uint8_t system_id_tag[4] = {'F', 'L', 'R', 'N'};

static const struct {
    enum ledger_class class;
    const char *name;
} system_kinds[] = {
    [LEDGER_CASH] = {LEDGER_CLASS_ASSET, "cash"},
    [LEDGER_FEES] = {LEDGER_CLASS_INCOME, "fees"},
    [LEDGER_FX] = {LEDGER_CLASS_ASSET, "fx"},
};

struct id128 ledger_system_account_id(const char *currency, enum ledger_system_kind kind)
{
    char code[LEDGER_CURRENCY_BYTES] = {0};
    size_t size = strlen(currency);
    CHECK(size > 0 && size < sizeof code);
    memcpy(code, currency, size);

    struct id128 id;
    memcpy(id.bytes, code, 6);
    id.bytes[6] = (uint8_t)(0x80 | (unsigned)kind);
    id.bytes[7] = (uint8_t)code[6];
    id.bytes[8] = 0x80;
    memcpy(id.bytes + 9, code + 7, 3);
    memcpy(id.bytes + 12, system_id_tag, sizeof system_id_tag);
    return id;
}

bool ledger_id_is_system(struct id128 id)
{
    return (id.bytes[6] & 0xf0) == 0x80 && id.bytes[8] == 0x80 &&
           memcmp(id.bytes + 12, system_id_tag, sizeof system_id_tag) == 0;
}

bool ledger_system_account_parse(struct id128 id, char ret_currency[static LEDGER_CURRENCY_BYTES],
                                 enum ledger_system_kind *ret_kind)
{
    if (!ledger_id_is_system(id)) return false;
    char code[LEDGER_CURRENCY_BYTES] = {0};
    memcpy(code, id.bytes, 6);
    code[6] = (char)id.bytes[7];
    memcpy(code + 7, id.bytes + 9, 3);
    size_t size = strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
    enum ledger_system_kind kind = id.bytes[6] & 0x0f;
    if (size == 0 || kind < LEDGER_CASH || kind >= LEDGER_SYSTEM_END) return false;
    // What stands behind the first NUL, or any other character, shows in the id made again.
    code[size] = '\0';
    if (!id128_equal(ledger_system_account_id(code, kind), id)) return false;
    memcpy(ret_currency, code, size + 1);
    *ret_kind = kind;
    return true;
}

void ledger_system_account(const char *currency, uint8_t exponent, enum ledger_system_kind kind,
                           struct ledger_account *ret)
{
    *ret = (struct ledger_account){
        .id = ledger_system_account_id(currency, kind),
        .exponent = exponent,
        .class = system_kinds[kind].class,
        .kind = LEDGER_KIND_SYSTEM,
        .version = 1,
    };
    memcpy(ret->currency, currency, strlen(currency)); // Length: ledger_system_account_id.
}

const char *ledger_system_account_name(enum ledger_system_kind kind)
{
    return system_kinds[kind].name;
}

// ---- References ---------------------------------------------------------------------------------

enum { IBAN_CHARACTERS_MIN = 15, IBAN_CHARACTERS_MAX = 34, IBAN_HEAD_CHARACTERS = 4 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_capital(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool looks_like_iban(const char *text, size_t size)
{
    if (size < IBAN_CHARACTERS_MIN || size > IBAN_CHARACTERS_MAX) return false;
    if (!is_capital(text[0]) || !is_capital(text[1])) return false;
    if (!is_digit(text[2]) || !is_digit(text[3])) return false;
    for (size_t i = IBAN_HEAD_CHARACTERS; i < size; i++) {
        if (!is_capital(text[i]) && !is_digit(text[i])) return false;
    }
    return true;
}

bool ledger_ref_is_valid(const char *text)
{
    size_t size = strlen(text);
    if (!looks_like_iban(text, size)) return true;
    // The number is the text with its first four characters moved to the end, A = 10 … Z = 35.
    unsigned rest = 0;
    for (size_t i = 0; i < size; i++) {
        char c = text[(i + IBAN_HEAD_CHARACTERS) % size];
        if (is_digit(c))
            rest = (rest * 10 + (unsigned)(c - '0')) % 97;
        else
            rest = (rest * 100 + (unsigned)(c - 'A') + 10) % 97;
    }
    int check = (text[2] - '0') * 10 + (text[3] - '0'); // 00, 01 and 99 are never computed.
    return rest == 1 && check >= 2 && check <= 98;
}

uint64_t ledger_time_next(uint64_t wall_ns, uint64_t last_ns)
{
    CHECK(last_ns < UINT64_MAX);
    return wall_ns > last_ns ? wall_ns : last_ns + 1;
}
