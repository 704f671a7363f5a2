#include "services/ledger/limits.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/ledger/figures.h"
#include "services/ledger/saturate.h"

#include <string.h>

#define NS_PER_DAY (UINT64_C(86400) * NS_PER_SECOND)

// clang-format off
const struct ledger_tiers ledger_tiers_default = {.tier = {
    // T0 stands first: it is what every unknown name counts as.
    {.name = "T0",  .may_post = false},
    {.name = "RO",  .may_post = true, .receive_only = true},
    {.name = "T1",  .may_post = true, .receive_only = true,
     .max = {[LEDGER_LIMIT_CREDIT_MONTH] = 10000, [LEDGER_LIMIT_CREDIT_YEAR] = 120000,
             [LEDGER_LIMIT_BALANCE] = 10000}},
    {.name = "T2",  .may_post = true,
     .max = {[LEDGER_LIMIT_CREDIT_YEAR] = 200000, [LEDGER_LIMIT_BALANCE] = 100000}},
    {.name = "T3",  .may_post = true},
    {.name = "T3E", .may_post = true},
    {.name = "B1",  .may_post = true},
    {.name = "B2",  .may_post = true},
}};

static const char *const limit_names[LEDGER_LIMIT_COUNT] = {
    [LEDGER_LIMIT_TRANSFER]     = "transfer",
    [LEDGER_LIMIT_DEBIT_DAY]    = "debit_day",
    [LEDGER_LIMIT_DEBIT_MONTH]  = "debit_month",
    [LEDGER_LIMIT_DEBIT_YEAR]   = "debit_year",
    [LEDGER_LIMIT_CREDIT_DAY]   = "credit_day",
    [LEDGER_LIMIT_CREDIT_MONTH] = "credit_month",
    [LEDGER_LIMIT_CREDIT_YEAR]  = "credit_year",
    [LEDGER_LIMIT_BALANCE]      = "balance",
};

// clang-format on

const char *ledger_limit_name(enum ledger_limit limit)
{
    CHECK((unsigned)limit < LEDGER_LIMIT_COUNT);
    return limit_names[limit];
}

bool ledger_limit_find(const char *name, enum ledger_limit *ret)
{
    for (enum ledger_limit limit = 0; limit < LEDGER_LIMIT_COUNT; limit++) {
        if (strcmp(limit_names[limit], name) != 0) continue;
        *ret = limit;
        return true;
    }
    return false;
}

const struct ledger_tier *ledger_tier_find(const struct ledger_tiers *tiers, const char *name)
{
    for (size_t i = 0; i < LEDGER_TIER_COUNT; i++) {
        if (strcmp(tiers->tier[i].name, name) == 0) return &tiers->tier[i];
    }
    return &tiers->tier[0];
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

/// Numbers of the periods in which a time lies, as counters keep them.
static void period_numbers(uint64_t now_ns, uint32_t ret[static LEDGER_PERIODS])
{
    uint64_t day = now_ns / NS_PER_DAY;
    struct date date = date_of_day(day);
    ret[LEDGER_DAY] = (uint32_t)day;
    ret[LEDGER_MONTH] = date.year * 12 + date.month;
    ret[LEDGER_YEAR] = date.year;
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

// ---- Counters -----------------------------------------------------------------------------------

void ledger_limits_roll(struct ledger_counters *counters, uint64_t now_ns)
{
    uint32_t numbers[LEDGER_PERIODS];
    period_numbers(now_ns, numbers);
    for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++) {
        if (counters->period[period] == numbers[period]) continue;
        counters->period[period] = numbers[period];
        counters->sum[LEDGER_DEBIT][period] = 0;
        counters->sum[LEDGER_CREDIT][period] = 0;
    }
}

// A sum that cannot grow any more stays at its end: it is far above every limit by then.
static void add_to_sums(struct ledger_counters *counters, enum ledger_side side, u128 amount,
                        uint64_t now_ns)
{
    CHECK(amount <= LEDGER_TOTAL_MAX);
    ledger_limits_roll(counters, now_ns);
    for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++) {
        u128 *sum = &counters->sum[side][period];
        *sum = u128_add_saturated(*sum, amount);
    }
}

/// Takes back what was counted at a time, from the sums of the periods that have lasted since.
static void take_from_sums(struct ledger_counters *counters, enum ledger_side side, u128 amount,
                           uint64_t counted_at_ns, uint64_t now_ns)
{
    CHECK(amount <= LEDGER_TOTAL_MAX);
    ledger_limits_roll(counters, now_ns);
    uint32_t counted_in[LEDGER_PERIODS];
    period_numbers(counted_at_ns, counted_in);
    for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++) {
        if (counted_in[period] != counters->period[period]) continue;
        u128 *sum = &counters->sum[side][period];
        *sum = u128_subtract_saturated(*sum, amount);
    }
}

static void change_balance(struct ledger_counters *counters, i128 change)
{
    counters->balance = i128_add_saturated(counters->balance, change);
}

void ledger_limits_count(struct ledger_counters *counters, enum ledger_side side, u128 amount,
                         uint64_t now_ns)
{
    add_to_sums(counters, side, amount, now_ns);
    change_balance(counters, side == LEDGER_CREDIT ? (i128)amount : -(i128)amount);
}

void ledger_limits_reserve(struct ledger_counters *counters, enum ledger_side side, u128 amount,
                           uint64_t now_ns)
{
    add_to_sums(counters, side, amount, now_ns);
    if (side == LEDGER_CREDIT) change_balance(counters, (i128)amount);
}

void ledger_limits_capture(struct ledger_counters *counters, enum ledger_side side, u128 amount,
                           uint64_t now_ns)
{
    ledger_limits_roll(counters, now_ns);
    if (side == LEDGER_DEBIT) change_balance(counters, -(i128)amount);
}

void ledger_limits_release(struct ledger_counters *counters, enum ledger_side side, u128 amount,
                           uint64_t reserved_at_ns, uint64_t now_ns)
{
    take_from_sums(counters, side, amount, reserved_at_ns, now_ns);
    if (side == LEDGER_CREDIT) change_balance(counters, -(i128)amount);
}

void ledger_limits_give_back(struct ledger_counters *counters, enum ledger_side side, u128 amount,
                             uint64_t counted_at_ns, uint64_t now_ns)
{
    take_from_sums(counters, side, amount, counted_at_ns, now_ns);
    change_balance(counters, side == LEDGER_DEBIT ? (i128)amount : -(i128)amount);
}

void ledger_limits_add_account(struct ledger_counters *counters, const struct ledger_totals *now,
                               const struct ledger_totals begin[static LEDGER_PERIODS])
{
    u128 *debits = counters->sum[LEDGER_DEBIT], *credits = counters->sum[LEDGER_CREDIT];
    for (enum ledger_period period = 0; period < LEDGER_PERIODS; period++) {
        u128 debited = now->debits_posted - begin[period].debits_posted + now->debits_pending;
        u128 credited = now->credits_posted - begin[period].credits_posted + now->credits_pending;
        debits[period] = u128_add_saturated(debits[period], debited);
        credits[period] = u128_add_saturated(credits[period], credited);
    }
    u128 came_in = now->credits_posted + now->credits_pending; // At most LEDGER_TOTAL_MAX.
    change_balance(counters, (i128)came_in - (i128)now->debits_posted);
}

// ---- Which limits apply -------------------------------------------------------------------------

static u128 minor_units(uint64_t major, uint8_t exponent)
{
    u128 value = major;
    for (uint8_t i = 0; i < exponent; i++)
        value *= 10; // At most 2^64 * 10^18 < 2^124.
    return value;
}

/// Sums and the balance need counters; a single transfer's size does not.
static bool is_counted(enum ledger_limit limit)
{
    return limit != LEDGER_LIMIT_TRANSFER;
}

static const struct ledger_own_limit *find_own(const struct ledger_profile *profile,
                                               const char *currency, enum ledger_limit limit)
{
    for (size_t i = 0; profile != NULL && i < profile->own_count; i++) {
        const struct ledger_own_limit *own = &profile->own[i];
        if (own->limit == limit && strcmp(own->currency, currency) == 0) return own;
    }
    return NULL;
}

/// In major units; 0: no limit.
static uint64_t tier_max(const struct ledger_tiers *tiers, const struct ledger_tier *tier,
                         const char *currency, enum ledger_limit limit)
{
    size_t index = (size_t)(tier - tiers->tier);
    for (size_t i = 0; i < tiers->exception_count; i++) {
        const struct ledger_tier_exception *exception = &tiers->exception[i];
        if (exception->tier == index && exception->limit == limit &&
            strcmp(exception->currency, currency) == 0)
            return exception->max;
    }
    return tier->max[limit];
}

void ledger_allowance_of(const struct ledger_tiers *tiers, const struct ledger_profile *profile,
                         struct id128 owner_id, const char *currency, uint8_t exponent,
                         struct ledger_allowance *ret)
{
    const struct ledger_tier *tier = ledger_tier_find(tiers, profile != NULL ? profile->tier : "");
    *ret = (struct ledger_allowance){
        .owner_id = owner_id,
        .has_profile = profile != NULL,
        .tier_name = tier->name,
        .may_post = tier->may_post,
        .receive_only = tier->receive_only || (profile != NULL && profile->receive_only),
        .debit_freeze = profile != NULL && profile->debit_freeze,
        .credit_freeze = profile != NULL && profile->credit_freeze,
    };
    size_t size = strlen(currency);
    CHECK(size < sizeof ret->currency);
    memcpy(ret->currency, currency, size);
    for (enum ledger_limit limit = 0; limit < LEDGER_LIMIT_COUNT; limit++) {
        const struct ledger_own_limit *own = find_own(profile, currency, limit);
        uint64_t major = tier_max(tiers, tier, currency, limit);
        ret->is_own[limit] = own != NULL;
        ret->is_limited[limit] = own != NULL || major > 0;
        ret->allowed[limit] = own != NULL ? own->allowed : minor_units(major, exponent);
        ret->is_counted = ret->is_counted || (ret->is_limited[limit] && is_counted(limit));
    }
}

bool ledger_profile_is_counted(const struct ledger_tiers *tiers,
                               const struct ledger_profile *profile)
{
    const struct ledger_tier *tier = ledger_tier_find(tiers, profile != NULL ? profile->tier : "");
    for (enum ledger_limit limit = 0; limit < LEDGER_LIMIT_COUNT; limit++) {
        if (is_counted(limit) && tier->max[limit] > 0) return true;
    }
    size_t index = (size_t)(tier - tiers->tier);
    for (size_t i = 0; i < tiers->exception_count; i++) {
        const struct ledger_tier_exception *exception = &tiers->exception[i];
        if (exception->tier == index && is_counted(exception->limit) && exception->max > 0)
            return true;
    }
    for (size_t i = 0; profile != NULL && i < profile->own_count; i++) {
        if (is_counted(profile->own[i].limit)) return true;
    }
    return false;
}

// ---- The check ----------------------------------------------------------------------------------

static bool is_sum(enum ledger_limit limit)
{
    return limit >= LEDGER_LIMIT_DEBIT_DAY && limit <= LEDGER_LIMIT_CREDIT_YEAR;
}

static enum ledger_period period_of(enum ledger_limit limit)
{
    return (limit - LEDGER_LIMIT_DEBIT_DAY) % LEDGER_PERIODS;
}

static enum ledger_side side_of(enum ledger_limit limit)
{
    return limit >= LEDGER_LIMIT_CREDIT_DAY ? LEDGER_CREDIT : LEDGER_DEBIT;
}

u128 ledger_limit_used(const struct ledger_allowance *allowance, enum ledger_limit limit,
                       uint64_t now_ns, uint64_t *ret_resets_at_ns)
{
    const struct ledger_counters *counters = &allowance->counters;
    *ret_resets_at_ns = 0;
    if (limit == LEDGER_LIMIT_BALANCE) return counters->balance > 0 ? (u128)counters->balance : 0;
    if (!is_sum(limit)) return 0;

    enum ledger_period period = period_of(limit);
    uint32_t numbers[LEDGER_PERIODS];
    period_numbers(now_ns, numbers);
    *ret_resets_at_ns = ledger_period_end_ns(period, now_ns);
    bool is_current = counters->period[period] == numbers[period];
    return is_current ? counters->sum[side_of(limit)][period] : 0;
}

/// What moves between two accounts of one owner counts for no sum and no balance.
static bool applies(const struct ledger_allowance *allowance, enum ledger_limit limit,
                    enum ledger_side side, bool is_internal)
{
    if (!allowance->is_limited[limit]) return false;
    if (!is_counted(limit)) return true;
    return !is_internal && side_of(limit) == side;
}

static u128 room_of(const struct ledger_allowance *allowance, enum ledger_limit limit,
                    uint64_t now_ns)
{
    uint64_t resets_at_ns;
    u128 allowed = allowance->allowed[limit];
    i128 balance = allowance->counters.balance;
    if (limit == LEDGER_LIMIT_BALANCE && balance < 0) // Money that fills a debt first.
        return u128_add_saturated(allowed, -(u128)balance);
    return u128_subtract_saturated(allowed,
                                   ledger_limit_used(allowance, limit, now_ns, &resets_at_ns));
}

/// The owner's standing: what stands against any amount, by the name that a refusal uses, or NULL.
static const char *standing_against(const struct ledger_allowance *allowance,
                                    enum ledger_limit_check how, enum ledger_side side)
{
    bool is_debit = side == LEDGER_DEBIT;
    if (how >= LEDGER_CHECK_STANDING && !allowance->may_post) return "posting";
    if (how >= LEDGER_CHECK_FREEZES && is_debit && allowance->debit_freeze) return "debit_freeze";
    if (how >= LEDGER_CHECK_FREEZES && !is_debit && allowance->credit_freeze)
        return "credit_freeze";
    if (how >= LEDGER_CHECK_STANDING && is_debit && allowance->receive_only) return "receive_only";
    return NULL;
}

bool ledger_limits_check(const struct ledger_allowance *allowance, enum ledger_limit_check how,
                         enum ledger_side side, u128 amount, bool is_internal, uint64_t now_ns,
                         struct ledger_refusal *ret)
{
    const char *against = standing_against(allowance, how, side);
    if (against != NULL) {
        ret->limit = against;
        ret->used = ret->allowed = 0;
        ret->resets_at_ns = 0;
        return false;
    }
    for (enum ledger_limit limit = 0; limit < LEDGER_LIMIT_COUNT; limit++) {
        if (how != LEDGER_CHECK_ALL) break;
        if (!applies(allowance, limit, side, is_internal)) continue;
        if (amount <= room_of(allowance, limit, now_ns)) continue;
        ret->limit = limit_names[limit];
        ret->used = ledger_limit_used(allowance, limit, now_ns, &ret->resets_at_ns);
        ret->allowed = allowance->allowed[limit];
        return false;
    }
    return true;
}

u128 ledger_limits_room(const struct ledger_allowance *allowance, enum ledger_side side,
                        bool is_internal, uint64_t now_ns)
{
    if (standing_against(allowance, LEDGER_CHECK_ALL, side) != NULL) return 0;
    u128 room = U128_MAX;
    for (enum ledger_limit limit = 0; limit < LEDGER_LIMIT_COUNT; limit++) {
        if (applies(allowance, limit, side, is_internal))
            room = u128_min(room, room_of(allowance, limit, now_ns));
    }
    return room;
}

// ---- Configuration ------------------------------------------------------------------------------

static void drop_exceptions(struct ledger_tiers *tiers, size_t tier, enum ledger_limit limit)
{
    size_t kept = 0;
    for (size_t i = 0; i < tiers->exception_count; i++) {
        struct ledger_tier_exception exception = tiers->exception[i];
        if (exception.tier != tier || exception.limit != limit)
            tiers->exception[kept++] = exception;
    }
    tiers->exception_count = kept;
}

bool ledger_tiers_set(struct ledger_tiers *tiers, const char *tier, enum ledger_limit limit,
                      const char *text)
{
    struct ledger_figures figures;
    struct ledger_tiers changed = *tiers;
    size_t index = (size_t)(ledger_tier_find(tiers, tier) - tiers->tier);
    if (strcmp(tiers->tier[index].name, tier) != 0) return false; // T0 stands for the unknown.
    if (!ledger_figures_read(text, &figures)) return false;
    drop_exceptions(&changed, index, limit);
    changed.tier[index].max[limit] = figures.figure;
    for (size_t i = 0; i < figures.exception_count; i++) {
        if (changed.exception_count == LEDGER_TIER_EXCEPTIONS_MAX) return false;
        struct ledger_tier_exception *exception = &changed.exception[changed.exception_count++];
        *exception = (struct ledger_tier_exception){
            .tier = (uint8_t)index, .limit = limit, .max = figures.exception[i].figure};
        memcpy(exception->currency, figures.exception[i].currency, sizeof exception->currency);
    }
    *tiers = changed;
    return true;
}
