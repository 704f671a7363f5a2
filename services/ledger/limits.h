/// @file services/ledger/limits.h
/// KYC tiers as limits: which tier may do what, sums per calendar period, and the check. Pure.
/// Units      A tier's amounts are in major units of whatever currency is moved (10,000 stands for
///            10,000.00 INR and for 10,000 points); 0 means no limit. Sums are minor units.
/// Periods    Calendar days, months and years in UTC.
/// Rules      What moves between two accounts of one owner counts for no sum: nothing came in and
///            nothing went out. An unknown tier counts as T0: nothing may be posted.
/// Source     Design "Tiers -> limits in the ledger"; README.md "KYC limits".
#pragma once

#include "services/ledger/core.h"

enum { LEDGER_TIER_BYTES = 16, LEDGER_TIER_COUNT = 8 };

enum ledger_period { LEDGER_DAY, LEDGER_MONTH, LEDGER_YEAR, LEDGER_PERIODS };

struct ledger_tier {
    const char *name;
    bool may_post;     // false: T0.
    bool receive_only; // No debits.
    uint64_t transfer_max;
    uint64_t balance_max; // Over all accounts of the owner in one currency.
    uint64_t sum_max[LEDGER_SIDES][LEDGER_PERIODS];
};

extern const struct ledger_tier ledger_tiers_default[LEDGER_TIER_COUNT];

/// ledger_tier_find gives T0, the first row, for a name that is not in the table.
const struct ledger_tier *ledger_tier_find(const struct ledger_tier tiers[static LEDGER_TIER_COUNT],
                                           const char *name);
/// ledger_tier_is_counted says whether sums must be kept for owners of this tier.
bool ledger_tier_is_counted(const struct ledger_tier *tier);

/// An owner's standing, as the kyc service told it last.
struct ledger_profile {
    struct id128 owner_id;
    char tier[LEDGER_TIER_BYTES];
    bool receive_only, debit_freeze, credit_freeze;
    uint64_t version; // The kyc service's; rises with each change.
    uint64_t changed_at_ns;
};

/// What one owner has moved in one currency. A sum belongs to the period whose number stands beside
/// it; in a later period it counts as zero.
struct ledger_counters {
    uint32_t period[LEDGER_PERIODS]; // Days since 1970; year * 12 + month; year.
    u128 sum[LEDGER_SIDES][LEDGER_PERIODS];
    i128 balance; // Credits less debits, posted, over all accounts of the owner in the currency.
};

/// All that the check needs to know of one owner.
struct ledger_allowance {
    const struct ledger_tier *tier;
    bool has_profile;
    struct ledger_profile profile;
    uint8_t exponent;
    struct id128 owner_id;
    struct ledger_counters counters; // Only when the tier is counted.
};

/// ledger_limits_check answers for one side of a transfer. false: limit, used, allowed and
/// resets_at of *ret are filled. is_internal: both accounts have the same owner.
bool ledger_limits_check(const struct ledger_allowance *allowance, enum ledger_side side,
                         u128 amount, bool is_internal, uint64_t now_ns,
                         struct ledger_refusal *ret);
/// ledger_limits_count adds a transfer that has passed the check.
void ledger_limits_count(struct ledger_counters *counters, enum ledger_side side, u128 amount,
                         uint64_t now_ns);
/// ledger_limits_add_account adds what one account has moved: its totals now, and as they were when
/// each of the current periods began.
void ledger_limits_add_account(struct ledger_counters *counters, const struct ledger_totals *now,
                               const struct ledger_totals begin[static LEDGER_PERIODS]);

/// ledger_limits_roll forgets the sums of periods that are over.
void ledger_limits_roll(struct ledger_counters *counters, uint64_t now_ns);
uint64_t ledger_period_begin_ns(enum ledger_period period, uint64_t now_ns);
uint64_t ledger_period_end_ns(enum ledger_period period, uint64_t now_ns);
