#include "services/ledger/limits.h"

#include "common/base/check.h"
#include "common/base/clock.h"

#include <string.h>

#define NS_PER_DAY (UINT64_C(86400) * NS_PER_SECOND)

// clang-format off
const struct ledger_tier ledger_tiers_default[LEDGER_TIER_COUNT] = {
    // T0 stands first: it is what every unknown name counts as.
    {.name = "T0",  .may_post = false},
    {.name = "RO",  .may_post = true, .receive_only = true},
    {.name = "T1",  .may_post = true, .receive_only = true, .balance_max = 10000,
     .sum_max = {[LEDGER_CREDIT] = {[LEDGER_MONTH] = 10000, [LEDGER_YEAR] = 120000}}},
    {.name = "T2",  .may_post = true, .balance_max = 100000,
     .sum_max = {[LEDGER_CREDIT] = {[LEDGER_YEAR] = 200000}}},
    {.name = "T3",  .may_post = true},
    {.name = "T3E", .may_post = true},
    {.name = "B1",  .may_post = true},
    {.name = "B2",  .may_post = true},
};

static const char *const sum_names[LEDGER_SIDES][LEDGER_PERIODS] = {
    [LEDGER_DEBIT]  = {"debit_day",  "debit_month",  "debit_year"},
    [LEDGER_CREDIT] = {"credit_day", "credit_month", "credit_year"},
};

// clang-format on

const struct ledger_tier *ledger_tier_find(const struct ledger_tier tiers[static LEDGER_TIER_COUNT],
                                           const char *name)
{
    for (size_t i = 0; i < LEDGER_TIER_COUNT; i++) {
        if (strcmp(tiers[i].name, name) == 0) return &tiers[i];
    }
    return &tiers[0];
}

bool ledger_tier_is_counted(const struct ledger_tier *tier)
{
    static const uint64_t none[LEDGER_SIDES][LEDGER_PERIODS];
    return tier->balance_max > 0 || memcmp(tier->sum_max, none, sizeof none) != 0;
}

// ---- Calendar -----------------------------------------------------------------------------------

/// Year, month (1 to 12) and day (1 to 31) of a day since 1970, in the proleptic Gregorian
/// calendar.
struct date {
    uint32_t year, month, day;
};

// Years are counted from 1 March, so that the leap day is the last day of a year and month lengths
// follow one formula (the era arithmetic of Howard Hinnant's public-domain "chrono-compatible
// low-level date algorithms").
static struct date date_of_day(uint64_t day)
{
    uint64_t shifted = day + 719468;
    uint64_t era = shifted / 146097;
    uint64_t day_of_era = shifted % 146097;
    uint64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t month_from_march = (5 * day_of_year + 2) / 153;
    struct date date = {
        .day = (uint32_t)(day_of_year - (153 * month_from_march + 2) / 5 + 1),
        .month = (uint32_t)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9),
        .year = (uint32_t)(era * 400 + year_of_era),
    };
    if (date.month <= 2) date.year++;
    return date;
}

static uint64_t day_of_date(struct date date)
{
    uint64_t year = date.year - (date.month <= 2 ? 1 : 0);
    uint64_t era = year / 400;
    uint64_t year_of_era = year % 400;
    uint64_t month_from_march = date.month > 2 ? date.month - 3 : date.month + 9;
    uint64_t day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
    uint64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static uint32_t period_number(enum ledger_period period, uint64_t now_ns)
{
    uint64_t day = now_ns / NS_PER_DAY;
    struct date date = date_of_day(day);
    if (period == LEDGER_DAY) return (uint32_t)day;
    return period == LEDGER_MONTH ? date.year * 12 + date.month : date.year;
}

uint64_t ledger_period_begin_ns(enum ledger_period period, uint64_t now_ns)
{
    uint64_t day = now_ns / NS_PER_DAY;
    struct date date = date_of_day(day);
    if (period == LEDGER_YEAR) date.month = 1;
    if (period != LEDGER_DAY) date.day = 1;
    return day_of_date(date) * NS_PER_DAY;
}

uint64_t ledger_period_end_ns(enum ledger_period period, uint64_t now_ns)
{
    uint64_t begin_day = ledger_period_begin_ns(period, now_ns) / NS_PER_DAY;
    struct date date = date_of_day(begin_day);
    if (period == LEDGER_DAY) return (begin_day + 1) * NS_PER_DAY;
    if (period == LEDGER_YEAR || date.month == 12) {
        date.year++;
        date.month = 1;
    } else {
        date.month++;
    }
    return day_of_date(date) * NS_PER_DAY;
}

// ---- Sums ---------------------------------------------------------------------------------------

void ledger_limits_roll(struct ledger_counters *counters, uint64_t now_ns)
{
    for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++) {
        uint32_t number = period_number(period, now_ns);
        if (counters->period[period] == number) continue;
        counters->period[period] = number;
        counters->sum[LEDGER_DEBIT][period] = 0;
        counters->sum[LEDGER_CREDIT][period] = 0;
    }
}

// A sum that cannot grow any more stays at its end: it is far above every limit by then.
static void add_to_sum(u128 *sum, u128 amount)
{
    if (__builtin_add_overflow(*sum, amount, sum)) *sum = U128_MAX;
}

static void add_to_balance(i128 *balance, i128 change)
{
    if (!__builtin_add_overflow(*balance, change, balance)) return;
    *balance = change > 0 ? (i128)LEDGER_TOTAL_MAX : -(i128)LEDGER_TOTAL_MAX;
}

void ledger_limits_count(struct ledger_counters *counters, enum ledger_side side, u128 amount,
                         uint64_t now_ns)
{
    CHECK(amount <= LEDGER_TOTAL_MAX);
    ledger_limits_roll(counters, now_ns);
    for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++)
        add_to_sum(&counters->sum[side][period], amount);
    add_to_balance(&counters->balance, side == LEDGER_CREDIT ? (i128)amount : -(i128)amount);
}

void ledger_limits_add_account(struct ledger_counters *counters, const struct ledger_totals *now,
                               const struct ledger_totals begin[static LEDGER_PERIODS])
{
    for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++) {
        add_to_sum(&counters->sum[LEDGER_DEBIT][period],
                   now->debits_posted - begin[period].debits_posted);
        add_to_sum(&counters->sum[LEDGER_CREDIT][period],
                   now->credits_posted - begin[period].credits_posted);
    }
    add_to_balance(&counters->balance, (i128)now->credits_posted - (i128)now->debits_posted);
}

static bool refuse(struct ledger_refusal *ret, const char *limit, u128 used, u128 allowed,
                   uint64_t resets_at_ns)
{
    ret->limit = limit;
    ret->used = used;
    ret->allowed = allowed;
    ret->resets_at_ns = resets_at_ns;
    return false;
}

static u128 minor_units(uint64_t major, uint8_t exponent)
{
    u128 value = major;
    for (uint8_t i = 0; i < exponent; i++)
        value *= 10; // At most 2^64 * 10^18 < 2^124.
    return value;
}

static bool exceeds(u128 used, u128 amount, u128 allowed)
{
    return used > allowed || amount > allowed - used;
}

static bool check_sums(const struct ledger_allowance *allowance, enum ledger_side side, u128 amount,
                       uint64_t now_ns, struct ledger_refusal *ret)
{
    struct ledger_counters counters = allowance->counters;
    ledger_limits_roll(&counters, now_ns);
    for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++) {
        uint64_t major = allowance->tier->sum_max[side][period];
        u128 used = counters.sum[side][period];
        u128 allowed = minor_units(major, allowance->exponent);
        if (major > 0 && exceeds(used, amount, allowed)) {
            return refuse(ret, sum_names[side][period], used, allowed,
                          ledger_period_end_ns(period, now_ns));
        }
    }
    u128 allowed = minor_units(allowance->tier->balance_max, allowance->exponent);
    u128 used = counters.balance > 0 ? (u128)counters.balance : 0;
    if (side == LEDGER_CREDIT && allowed > 0 && exceeds(used, amount, allowed))
        return refuse(ret, "balance", used, allowed, 0);
    return true;
}

bool ledger_limits_check(const struct ledger_allowance *allowance, enum ledger_side side,
                         u128 amount, bool is_internal, uint64_t now_ns, struct ledger_refusal *ret)
{
    const struct ledger_tier *tier = allowance->tier;
    const struct ledger_profile *profile = &allowance->profile;
    CHECK(tier != NULL);

    if (!allowance->has_profile || !tier->may_post) return refuse(ret, "posting", 0, 0, 0);
    if (side == LEDGER_DEBIT && profile->debit_freeze) return refuse(ret, "debit_freeze", 0, 0, 0);
    if (side == LEDGER_CREDIT && profile->credit_freeze)
        return refuse(ret, "credit_freeze", 0, 0, 0);
    if (side == LEDGER_DEBIT && (tier->receive_only || profile->receive_only))
        return refuse(ret, "receive_only", 0, 0, 0);

    u128 transfer_max = minor_units(tier->transfer_max, allowance->exponent);
    if (transfer_max > 0 && amount > transfer_max)
        return refuse(ret, "transfer", 0, transfer_max, 0);
    if (is_internal || !ledger_tier_is_counted(tier)) return true;
    return check_sums(allowance, side, amount, now_ns, ret);
}
