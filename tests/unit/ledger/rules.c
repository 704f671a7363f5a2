#include "tests/unit/ledger/rules.h"

#include "common/base/clock.h"

struct ledger_account customer_account(uint8_t name)
{
    return (struct ledger_account){
        .id = id_of(name),
        .owner_id = id_of((uint8_t)(name + 1)),
        .currency = "INR",
        .exponent = 2,
        .class = LEDGER_CLASS_LIABILITY,
        .kind = LEDGER_KIND_CUSTOMER,
        .no_negative = true,
        .number = name,
        .version = 1,
    };
}

void bench_set_up(struct bench *bench)
{
    *bench = (struct bench){0};
    static const struct ledger_profile profile = {.tier = "T3", .version = 2};
    for (enum ledger_side side = 0; side < LEDGER_SIDES; side++) {
        bench->account[side] = customer_account(side == LEDGER_DEBIT ? 0x10 : 0x20);
        ledger_allowance_of(&ledger_tiers_default, &profile, bench->account[side].owner_id, "INR",
                            2, &bench->allowance[side]);
        bench->transfer.account_id[side] = bench->account[side].id;
        bench->posting.party[side].account = &bench->account[side];
        bench->posting.party[side].allowance = &bench->allowance[side];
    }
    bench->account[LEDGER_DEBIT].totals.credits_posted = 1000;
    bench->transfer.amount = 100;
    memcpy(bench->transfer.currency, "INR", 4);
    bench->transfer.kind = LEDGER_TRANSFER_POSTED;
    bench->posting.transfer = &bench->transfer;
    bench->posting.now_ns = NOW_NS;
}

void bench_set_kind(struct bench *bench, enum ledger_transfer_kind kind)
{
    struct ledger_totals *debit = &bench->account[LEDGER_DEBIT].totals;
    struct ledger_totals *credit = &bench->account[LEDGER_CREDIT].totals;
    bench->transfer.kind = kind;
    if (kind == LEDGER_TRANSFER_POSTED) return;
    bench->posting.progress = &bench->progress;
    if (kind == LEDGER_TRANSFER_PENDING) return;

    bench->subject = bench->transfer;
    bench->subject.number = 1;
    bench->subject.created_at_ns = NOW_NS - 1;
    bench->posting.subject = &bench->subject;
    if (kind == LEDGER_TRANSFER_REVERSAL) { // Of a transfer the other way.
        bench->subject.kind = LEDGER_TRANSFER_POSTED;
        bench->subject.account_id[LEDGER_DEBIT] = bench->transfer.account_id[LEDGER_CREDIT];
        bench->subject.account_id[LEDGER_CREDIT] = bench->transfer.account_id[LEDGER_DEBIT];
        debit->credits_posted += 100;
        credit->debits_posted = 100;
        credit->credits_posted = 100;
        return;
    }
    bench->subject.kind = LEDGER_TRANSFER_PENDING;
    bench->progress.state = LEDGER_HOLD_OPEN;
    debit->debits_pending = 100;
    credit->credits_pending = 100;
}

const char *bench_reason(const struct bench *bench)
{
    struct ledger_refusal refusal;
    if (ledger_core_check(&bench->posting, &refusal)) return NULL;
    return ledger_reasons[refusal.reason].name;
}

uint64_t at(const char *rfc3339)
{
    uint64_t ns = 0;
    assert_int_equal(clock_parse_rfc3339(rfc3339, strlen(rfc3339), &ns), 0);
    return ns;
}
