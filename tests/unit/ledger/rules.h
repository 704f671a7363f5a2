/// @file tests/unit/ledger/rules.h
/// What tests of the pure rules share: a bench with two accounts and a transfer between them that
/// nothing stands against.
/// Failures   None: plain values, but for `at`, which fails the test on a text that is no time.
#pragma once

#include "services/ledger/core.h"
#include "services/ledger/limits.h"
#include "tests/unit/ledger/random.h"
#include "tests/unit/support/unit.h"

#define NOW_NS UINT64_C(1700000000000000000) // 2023-11-14T22:13:20Z
#define MAX LEDGER_TOTAL_MAX

/// Two customer accounts in INR with tier T3, and a transfer of 100 from the first, which has
/// 1,000, to the second.
struct bench {
    struct ledger_account account[LEDGER_SIDES];
    struct ledger_allowance allowance[LEDGER_SIDES];
    struct ledger_transfer transfer, subject;
    struct ledger_progress progress;
    struct ledger_posting posting;
};

/// A bench points into itself: set it up where it stays.
void bench_set_up(struct bench *bench);
/// bench_set_kind makes the transfer one of that kind; the subject of a follow-up is a hold of 100
/// or a posted transfer of 100, and the totals of both accounts hold it.
void bench_set_kind(struct bench *bench, enum ledger_transfer_kind kind);
/// bench_reason is the name of the reason why the bench's posting is refused; NULL: it is not.
const char *bench_reason(const struct bench *bench);

/// A customer's LIABILITY account in INR: id_of(name), its owner id_of(name + 1).
struct ledger_account customer_account(uint8_t name);
uint64_t at(const char *rfc3339);
