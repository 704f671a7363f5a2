/// @file services/ledger/limits.h
/// KYC tiers as limits: which tier may do what, sums per calendar period, and the check. Pure.
/// Units      A tier's amounts are in major units of whatever currency is moved (10,000 stands for
///            10,000.00 INR and for 10,000 points) unless the configuration names another figure
///            for a currency; 0 means no limit. Sums and an owner's own limits are minor units; an
///            own limit of 0 means nothing at all.
/// Periods    Calendar days, months and years in UTC.
/// Rules      What moves between two accounts of one owner counts for no sum: nothing came in and
///            nothing went out. An unknown tier counts as T0: nothing may be posted.
///            A hold counts when it is made; what is voided or expires is given back, as long as
///            the period it was counted in lasts; a capture counts nothing new. A reversal gives
///            back what the transfer counted.
/// Source     Design "Tiers -> limits in the ledger"; README.md "KYC limits".
#pragma once

#include "services/ledger/core.h"

enum {
    LEDGER_TIER_BYTES = 16,
    LEDGER_TIER_COUNT = 8,
    LEDGER_TIER_EXCEPTIONS_MAX = 64,
    LEDGER_OWN_LIMITS_MAX = 32,
};

enum ledger_period { LEDGER_DAY, LEDGER_MONTH, LEDGER_YEAR, LEDGER_PERIODS };

/// Limits on amounts, by the names that refusals and JSON use (ledger_limit_name). Stored.
enum ledger_limit {
    LEDGER_LIMIT_TRANSFER,
    LEDGER_LIMIT_DEBIT_DAY,
    LEDGER_LIMIT_DEBIT_MONTH,
    LEDGER_LIMIT_DEBIT_YEAR,
    LEDGER_LIMIT_CREDIT_DAY,
    LEDGER_LIMIT_CREDIT_MONTH,
    LEDGER_LIMIT_CREDIT_YEAR,
    LEDGER_LIMIT_BALANCE, // Over all accounts of the owner in one currency.
    LEDGER_LIMIT_COUNT,
};

const char *ledger_limit_name(enum ledger_limit limit); // "debit_day"
bool ledger_limit_find(const char *name, enum ledger_limit *ret);

struct ledger_tier {
    const char *name;
    bool may_post;                    // false: T0.
    bool receive_only;                // No debits.
    uint64_t max[LEDGER_LIMIT_COUNT]; // Major units; 0: no limit.
};

/// A tier's limit in one currency, where it is not the figure for all.
struct ledger_tier_exception {
    uint8_t tier; // Index into the tiers.
    enum ledger_limit limit;
    char currency[LEDGER_CURRENCY_BYTES];
    uint64_t max; // Major units; 0: no limit.
};

struct ledger_tiers {
    struct ledger_tier tier[LEDGER_TIER_COUNT];
    struct ledger_tier_exception exception[LEDGER_TIER_EXCEPTIONS_MAX];
    size_t exception_count;
};

extern const struct ledger_tiers ledger_tiers_default;

/// ledger_tier_find gives T0, the first row, for a name that is not in the table.
const struct ledger_tier *ledger_tier_find(const struct ledger_tiers *tiers, const char *name);

/// ledger_tiers_set sets one limit of a tier from text: a figure for all currencies, and
/// exceptions: "10000", "10000 USD=120 JPY=18000". false: malformed, or too many exceptions.
bool ledger_tiers_set(struct ledger_tiers *tiers, const char *tier, enum ledger_limit limit,
                      const char *text);

/// A limit that stands for one owner instead of the tier's.
struct ledger_own_limit {
    char currency[LEDGER_CURRENCY_BYTES];
    enum ledger_limit limit;
    u128 allowed; // Minor units; 0: nothing.
};

/// An owner's standing: the tier as kyc told it last, flags and own limits as compliance set them.
struct ledger_profile {
    struct id128 owner_id;
    char tier[LEDGER_TIER_BYTES]; // "": kyc has not spoken yet; counts as T0.
    bool receive_only, debit_freeze, credit_freeze;
    uint64_t tier_version; // The kyc service's; rises with each of its changes.
    uint64_t version;      // Rises with each change of anything here; 1: no profile is stored.
    uint64_t changed_at_ns;
    char reason[LEDGER_REASON_TEXT_BYTES]; // Of compliance's last update; "": none.
    struct ledger_own_limit own[LEDGER_OWN_LIMITS_MAX];
    size_t own_count;
};

/// What one owner has moved in one currency. A sum belongs to the period whose number stands beside
/// it; in a later period it counts as zero.
struct ledger_counters {
    uint32_t period[LEDGER_PERIODS]; // Days since 1970; year * 12 + month; year.
    u128 sum[LEDGER_SIDES][LEDGER_PERIODS];
    i128 balance; // Credits, posted and pending, less debits posted, over all accounts of the owner
                  // in the currency; without holds between two of them.
};

/// All that the check needs to know of one owner in one currency.
struct ledger_allowance {
    struct id128 owner_id;
    char currency[LEDGER_CURRENCY_BYTES];
    bool has_profile;
    const char *tier_name;                                    // Static.
    bool may_post, receive_only, debit_freeze, credit_freeze; // Tier and flags together.
    bool is_limited[LEDGER_LIMIT_COUNT];
    bool is_own[LEDGER_LIMIT_COUNT];  // The limit is the owner's own, not the tier's.
    u128 allowed[LEDGER_LIMIT_COUNT]; // Minor units.
    bool is_counted;                  // Some limit needs sums: counters are kept.
    struct ledger_counters counters;  // Only when is_counted.
};

/// ledger_allowance_of joins tiers and profile for a currency; counters stay zero. profile NULL:
/// kyc has not spoken of the owner.
void ledger_allowance_of(const struct ledger_tiers *tiers, const struct ledger_profile *profile,
                         struct id128 owner_id, const char *currency, uint8_t exponent,
                         struct ledger_allowance *ret);
/// ledger_profile_is_counted says whether sums are kept for an owner in some currency.
bool ledger_profile_is_counted(const struct ledger_tiers *tiers,
                               const struct ledger_profile *profile);

/// How much of a check a movement is under.
enum ledger_limit_check {
    LEDGER_CHECK_NONE,     // VOID, EXPIRY.
    LEDGER_CHECK_FREEZES,  // REVERSAL: debit_freeze, credit_freeze.
    LEDGER_CHECK_STANDING, // POST: posting, receive_only and freezes; amounts were checked before.
    LEDGER_CHECK_ALL,      // POSTED, PENDING.
};

/// ledger_limits_check answers for one side of a transfer. false: limit, used, allowed and
/// resets_at of *ret are filled. is_internal: both accounts have the same owner.
bool ledger_limits_check(const struct ledger_allowance *allowance, enum ledger_limit_check how,
                         enum ledger_side side, u128 amount, bool is_internal, uint64_t now_ns,
                         struct ledger_refusal *ret);
/// ledger_limits_room is the largest amount that ledger_limits_check (ALL) lets pass.
u128 ledger_limits_room(const struct ledger_allowance *allowance, enum ledger_side side,
                        bool is_internal, uint64_t now_ns);

/// What a movement does to counters.
void ledger_limits_count(struct ledger_counters *counters, enum ledger_side side, u128 amount,
                         uint64_t now_ns); // POSTED
void ledger_limits_reserve(struct ledger_counters *counters, enum ledger_side side, u128 amount,
                           uint64_t now_ns); // PENDING
void ledger_limits_capture(struct ledger_counters *counters, enum ledger_side side, u128 amount,
                           uint64_t now_ns); // POST
/// What was reserved at reserved_at and is not captured.
void ledger_limits_release(struct ledger_counters *counters, enum ledger_side side, u128 amount,
                           uint64_t reserved_at_ns, uint64_t now_ns);
/// The reversal of what was counted at counted_at; side: the account's side in the original.
void ledger_limits_give_back(struct ledger_counters *counters, enum ledger_side side, u128 amount,
                             uint64_t counted_at_ns, uint64_t now_ns);

/// ledger_limits_add_account adds what one account has moved: its totals now, and as they were when
/// each of the current periods began. What it holds now is added as a whole, so that the sums come
/// out too high rather than too low.
void ledger_limits_add_account(struct ledger_counters *counters, const struct ledger_totals *now,
                               const struct ledger_totals begin[static LEDGER_PERIODS]);

/// ledger_limit_used is what of a limit is used, and when it resets (0: does not).
u128 ledger_limit_used(const struct ledger_allowance *allowance, enum ledger_limit limit,
                       uint64_t now_ns, uint64_t *ret_resets_at_ns);

/// ledger_limits_roll forgets the sums of periods that are over.
void ledger_limits_roll(struct ledger_counters *counters, uint64_t now_ns);
uint64_t ledger_period_begin_ns(enum ledger_period period, uint64_t now_ns);
uint64_t ledger_period_end_ns(enum ledger_period period, uint64_t now_ns);
