#include "tests/model/drive.h"

#include "common/base/clock.h"

size_t model_operation;
struct ref_ask model_asked;

void model_expect(bool condition, const char *file, int line, const char *what, const char *is,
                  const char *expected)
{
    if (condition) return;
    fprintf(stderr, "%s:%d: operation %zu: %s", file, line, model_operation, what);
    if (expected[0] != '\0') fprintf(stderr, ": is %s, expected %s", is, expected);
    const struct ref_ask *ask = &model_asked;
    fprintf(
        stderr,
        "\nasked: id %llu kind %d, %d -> %d, caller %d, cash %d%d, currency %d, amount %d %llu up "
        "to %llu, subject %llu, timeout %u, not final %d\n",
        (unsigned long long)ask->id, ask->kind, ask->debit, ask->credit, ask->caller,
        ask->is_deposit, ask->is_withdrawal, ask->currency, ask->has_amount,
        (unsigned long long)ask->amount, (unsigned long long)ask->up_to,
        (unsigned long long)ask->subject, ask->timeout_seconds, ask->not_final);
    abort();
}

void model_expect_int(int64_t is, int64_t expected, const char *file, int line, const char *what)
{
    char texts[2][32];
    snprintf(texts[0], sizeof texts[0], "%lld", (long long)is);
    snprintf(texts[1], sizeof texts[1], "%lld", (long long)expected);
    model_expect(is == expected, file, line, what, texts[0], texts[1]);
}

bool one_in(uint64_t n)
{
    return random_below(n) == 0;
}

struct id128 model_id(uint8_t what, uint64_t n)
{
    if (n == 0) return ID128_NIL;
    struct id128 id = {{what}};
    put_u64_be(id.bytes + 8, n);
    return id;
}

struct id128 model_account(const struct model *model, uint8_t slot)
{
    if (slot == 0) return ID128_NIL;
    if (slot == REF_NO_ACCOUNT) return model_id(0x31, 1);
    for (uint8_t currency = 1; currency <= REF_CURRENCIES; currency++) {
        if (slot == model->ref.cash[currency])
            return ledger_system_account_id(currency == 1 ? "INR" : "USD", LEDGER_CASH);
    }
    return model_id(0x30, (uint64_t)slot << 8 | (uint64_t)(model->generation[slot] + 1));
}

struct ledger_caller model_caller(uint8_t caller)
{
    struct ledger_caller made = {.is_any = caller == 0 || caller == REF_SERVICE,
                                 .name = "users/model"};
    if (caller == 0) made.user_id = model_id(0x41, 1);
    if (caller != 0 && caller != REF_SERVICE) made.user_id = model_id(0x40, caller);
    made.may_set_limits = made.may_open_system = made.is_any;
    return made;
}

static struct bytes text_number(uint8_t n)
{
    static const char *const texts[TEXTS] = {"", "rent", "groceries",
                                             "\xe0\xa4\x9a\xe0\xa4\xbe\xe0\xa4\xaf"};
    return bytes_of_text(texts[n % TEXTS]);
}

static struct bytes metadata_number(struct model *model, uint8_t n)
{
    if (n == 0) return (struct bytes){0};
    struct ledger_metadata_pair pairs[] = {
        {bytes_of_text("order"), text_number(n)},
        {bytes_of_text("branch"), bytes_of_text("12")},
    };
    uint8_t *encoded = arena_alloc(model->arena, LEDGER_METADATA_BYTES_MAX);
    size_t size = 0;
    EXPECT(encoded);
    EXPECT(ledger_metadata_encode(pairs, n < TEXTS ? 1 + n % 2 : 2, encoded, &size));
    return bytes_of(encoded, size);
}

struct status model_verify_sca(void *context, struct bytes token, uint64_t now_s,
                               struct sca_claims *ret)
{
    (void)context, (void)now_s;
    if (token.size != sizeof *ret)
        return REFUSE(PERMISSION_DENIED, SCA_INVALID, "not made by model_movement");
    memcpy(ret, token.data, sizeof *ret);
    return STATUS_SUCCESS;
}

static struct bytes token_of(struct model *model, const struct ref_ask *ask)
{
    if (ask->token == REF_NO_TOKEN) return (struct bytes){0};
    if (ask->token == REF_GARBAGE) return bytes_of_text("garbage");
    bool is_cash = ask->is_deposit || ask->is_withdrawal;
    uint8_t named = ask->is_deposit ? ask->credit : ask->debit, currency = ask->currency;
    if (is_cash && named != REF_NO_ACCOUNT) currency = model->ref.accounts[named].currency;
    uint8_t cash = model->ref.cash[currency];
    ref_amount amount = ask->up_to != 0 ? ask->up_to : ask->amount;
    uint8_t user =
        ask->token == REF_OTHER_USER ? (uint8_t)(ask->caller % REF_OWNERS + 1) : ask->caller;
    struct sca_payment payment = {
        .debit_account_id = model_account(model, ask->is_deposit ? cash : ask->debit),
        .credit_account_id = model_account(model, ask->is_withdrawal ? cash : ask->credit),
        .amount = amount + (ask->token == REF_OTHER_AMOUNT),
        .currency = currency == 1 ? "INR" : "USD",
        .transfer_id = model_id(0x50, ask->id),
    };
    struct sca_claims *claims = arena_alloc(model->arena, sizeof *claims);
    EXPECT(claims);
    *claims = (struct sca_claims){.subject = model_caller(user).user_id,
                                  .token_id = id128_generate(),
                                  .expires_at_s = clock_wall_ns() / NS_PER_SECOND + 120,
                                  .action = SCA_ACTION_TRANSFER};
    sca_link_hash(&payment, claims->link);
    return bytes_of(claims, sizeof *claims);
}

struct ledger_movement model_movement(struct model *model, const struct ref_ask *ask)
{
    struct ledger_movement movement = {
        .has_amount = ask->has_amount,
        .is_deposit = ask->is_deposit,
        .is_withdrawal = ask->is_withdrawal,
        .has_key = ask->id != 0,
    };
    struct ledger_transfer *asked = &movement.asked;
    asked->id = model_id(0x50, ask->id);
    asked->kind = (enum ledger_transfer_kind)ask->kind;
    asked->account_id[LEDGER_DEBIT] = model_account(model, ask->debit);
    asked->account_id[LEDGER_CREDIT] = model_account(model, ask->credit);
    asked->amount = ask->amount;
    asked->amount_up_to = ask->up_to;
    if (ask->currency != 0) memcpy(asked->currency, ask->currency == 1 ? "INR" : "USD", 4);
    asked->code = ask->code;
    asked->description = text_number(ask->description);
    asked->metadata = metadata_number(model, ask->metadata);
    asked->subject_id = model_id(0x50, ask->subject);
    asked->timeout_seconds = ask->timeout_seconds;
    asked->not_final = ask->not_final;
    asked->all_remaining = !ask->has_amount && (ask->kind == REF_POST || ask->kind == REF_REVERSAL);
    asked->user_data_128 = ask->user_data[0];
    asked->user_data_64 = ask->user_data[1];
    asked->user_data_32 = (uint32_t)ask->user_data[2];
    asked->effective_at_ns = ask->effective_at;
    asked->group_id = model_id(0x60, ask->group);
    movement.sca_token = token_of(model, ask);
    return movement;
}

// ---- What to ask --------------------------------------------------------------------------------

static uint8_t any_account(struct model *model)
{
    if (one_in(100)) return REF_NO_ACCOUNT;
    uint8_t slot = (uint8_t)(1 + random_below(REF_ACCOUNTS - 1));
    bool is_cash = slot == model->ref.cash[1] || slot == model->ref.cash[2];
    return is_cash || !model->ref.accounts[slot].exists ? 1 : slot;
}

/// A second account, mostly in the first one's currency.
static uint8_t other_account(struct model *model, uint8_t first)
{
    for (int tries = 0; tries < 8; tries++) {
        uint8_t slot = any_account(model);
        if (first == REF_NO_ACCOUNT || slot == REF_NO_ACCOUNT) return slot;
        if (slot == first && !one_in(50)) continue;
        if (model->ref.accounts[slot].currency == model->ref.accounts[first].currency || one_in(40))
            return slot;
    }
    return any_account(model);
}

static ref_amount any_amount(const struct model *model, uint8_t account)
{
    if (one_in(60)) return 0;
    bool is_known = account != 0 && account != REF_NO_ACCOUNT;
    // The bank's own accounts may be overdrawn: with them totals can be made to overflow.
    if (is_known && model->ref.accounts[account].owner == 0 && one_in(60))
        return (((ref_amount)1 << 127) - 1) / (1 + random_below(4));
    return 1 + random_below(one_in(4) ? 2000000 : 40000);
}

static uint8_t caller_for(const struct model *model, uint8_t account)
{
    uint64_t dice = random_below(10);
    if (dice < 3 || account == 0 || account == REF_NO_ACCOUNT) return 0;
    if (dice == 3) return REF_SERVICE;
    if (dice == 4) return (uint8_t)(1 + random_below(REF_OWNERS));
    return model->ref.accounts[account].owner;
}

/// Customers mostly bring an approval along, and mostly the right one.
static enum ref_token token_for(uint8_t caller)
{
    bool is_customer = caller != 0 && caller != REF_SERVICE;
    if (!one_in(is_customer ? 2 : 200)) return REF_NO_TOKEN;
    return one_in(10) ? (enum ref_token)(1 + random_below(REF_TOKENS - 1)) : REF_RIGHT;
}

static void ask_new(struct model *model, struct ref_ask *ask)
{
    ask->kind = one_in(3) ? REF_PENDING : REF_POSTED;
    ask->debit = any_account(model);
    ask->credit = other_account(model, ask->debit);
    ask->currency = ask->debit != REF_NO_ACCOUNT ? model->ref.accounts[ask->debit].currency : 1;
    if (one_in(100)) ask->currency = (uint8_t)(3 - ask->currency);
    ask->amount = any_amount(model, ask->debit);
    ask->has_amount = true;
    if (one_in(5)) {
        ask->up_to = ask->amount > 0 ? ask->amount : 1;
        ask->has_amount = one_in(50);
        if (!ask->has_amount) ask->amount = 0;
    }
    if (ask->kind == REF_PENDING && !one_in(4))
        ask->timeout_seconds = (uint32_t)(1 + random_below(40));
    if (one_in(200)) ask->timeout_seconds = 5;
    ask->caller = caller_for(model, ask->debit);
    ask->token = token_for(ask->caller);
}

static void ask_cash(struct model *model, struct ref_ask *ask)
{
    ask->kind = REF_POSTED;
    uint8_t account = any_account(model);
    ask->is_deposit = !one_in(3);
    ask->is_withdrawal = !ask->is_deposit;
    *(ask->is_deposit ? &ask->credit : &ask->debit) = account;
    ask->amount = any_amount(model, 0);
    ask->has_amount = true;
    ask->caller = ask->is_deposit && !one_in(20) ? 0 : caller_for(model, account);
    ask->token = token_for(ask->caller);
}

static uint64_t recent_subject(struct model *model, bool wants_pending)
{
    for (int tries = 0; tries < 40 && model->recent_count > 0; tries++) {
        size_t known = model->recent_count < RECENT ? model->recent_count : RECENT;
        const struct ref_ask *earlier = &model->recent[random_below(known)];
        bool is_pending = earlier->kind == REF_PENDING;
        bool is_posted = earlier->kind == REF_POSTED || earlier->kind == REF_POST;
        bool is_there = ref_find(&model->ref, earlier->id)->number != 0;
        if (is_there && (wants_pending ? is_pending : is_posted)) return earlier->id;
        if (one_in(300)) return earlier->id;
    }
    return model->next_id + 1000000;
}

static void ask_follow_up(struct model *model, struct ref_ask *ask)
{
    static const enum ref_kind kinds[] = {REF_POST, REF_POST, REF_VOID, REF_REVERSAL};

    ask->kind = kinds[random_below(4)];
    ask->subject =
        one_in(80) ? model->next_id + 1000000 : recent_subject(model, ask->kind != REF_REVERSAL);
    struct ref_id *of_subject = ref_find(&model->ref, ask->subject);
    const struct ref_transfer *subject =
        of_subject->number != 0 ? &model->ref.transfers[of_subject->number] : NULL;
    ref_amount whole = subject != NULL ? subject->amount : 100;
    if (ask->kind != REF_VOID && one_in(2)) {
        ask->has_amount = true;
        ask->amount =
            one_in(3) ? whole : 1 + (ref_amount)random_below((uint64_t)(whole % 1000000) + 2);
    }
    if (ask->kind == REF_VOID && one_in(100)) ask->has_amount = (ask->amount = 1) > 0;
    ask->not_final = ask->kind == REF_POST && one_in(2);
    if (subject != NULL && ask->kind != REF_REVERSAL && one_in(6)) {
        ask->debit = one_in(8) ? any_account(model) : subject->debit;
        ask->credit = one_in(8) ? any_account(model) : subject->credit;
        ask->currency = one_in(8) ? (uint8_t)(3 - subject->currency) : subject->currency;
    }
    uint8_t payer = subject == NULL             ? 0
                    : ask->kind == REF_REVERSAL ? subject->credit
                                                : subject->debit;
    ask->caller = caller_for(model, payer);
    if (one_in(300)) ask->token = REF_RIGHT; // Which these do not take.
}

/// An id again: with the same content, or with one member changed.
static void repeat(struct model *model, struct ref_ask *ask)
{
    size_t known = model->recent_count < RECENT ? model->recent_count : RECENT;
    *ask = model->recent[random_below(known)];
    ask->group = 0;
    uint8_t *bytes[] = {&ask->debit, &ask->credit, &ask->description, &ask->metadata};
    switch (random_below(34)) {
    case 0:
        ask->kind = ask->kind == REF_POSTED ? REF_PENDING : REF_POSTED;
        break;
    case 1:
        ask->not_final = !ask->not_final;
        break;
    case 2:
        ask->subject = ask->subject != 0 ? ask->subject + 1 : 0;
        break;
    case 3:
        ask->timeout_seconds++;
        break;
    case 4:
        *bytes[0] = other_account(model, ask->credit);
        break;
    case 5:
        *bytes[1] = other_account(model, ask->debit);
        break;
    case 6:
        ask->amount += ask->has_amount ? 1 : 0;
        break;
    case 7:
        ask->up_to += ask->up_to > 0 ? 1 : 0;
        break;
    case 8:
        ask->currency = ask->currency != 0 ? (uint8_t)(3 - ask->currency) : 0;
        break;
    case 9:
        ask->code++;
        break;
    case 10:
        *bytes[2] = (uint8_t)((*bytes[2] + 1) % TEXTS);
        break;
    case 11:
        *bytes[3] = (uint8_t)((*bytes[3] + 1) % TEXTS);
        break;
    case 12:
        ask->user_data[0]++;
        break;
    case 13:
        ask->user_data[1]++;
        break;
    case 14:
        ask->user_data[2]++;
        break;
    case 15:
        ask->effective_at++;
        break;
    case 16:
        ask->group = model->next_group + 1000;
        break;
    default:
        break; // The very same.
    }
}

static struct ref_ask pick(struct model *model)
{
    struct ref_ask ask = {0};
    if (model->recent_count > 0 && one_in(7)) {
        repeat(model, &ask);
        return ask;
    }
    ask.id = ++model->next_id;
    uint64_t dice = random_below(10);
    if (dice < 2)
        ask_cash(model, &ask);
    else if (dice < 6)
        ask_new(model, &ask);
    else
        ask_follow_up(model, &ask);
    if (one_in(500)) ask.id = 0; // Nor a key.
    if (ask.is_deposit || ask.is_withdrawal) return ask;
    if (one_in(4)) ask.code = (uint16_t)random_below(5);
    if (one_in(4)) ask.description = (uint8_t)random_below(TEXTS);
    if (one_in(8)) ask.metadata = (uint8_t)random_below(TEXTS);
    if (one_in(8)) ask.user_data[random_below(3)] = 1 + random_below(1000);
    if (one_in(8)) ask.effective_at = TEST_BEGIN_NS + random_below(1000000);
    return ask;
}

struct ref_ask model_ask(struct model *model)
{
    model_asked = pick(model);
    return model_asked;
}

void model_remember(struct model *model, const struct ref_ask *ask)
{
    model->recent[model->recent_count++ % RECENT] = *ask;
}
