#include "services/audit/suspicion_rules.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "services/audit/money_text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { FAILURES_MIN = 5, REVEALS_MIN = 20, TRANSFERS_MIN = 3 };

static_assert((int)REVEALS_MIN <= (int)AUDIT_SIGHTINGS_MAX, "a watch holds what makes a finding");

#define MINUTE_NS (60 * NS_PER_SECOND)
#define HOUR_NS (60 * MINUTE_NS)
#define DAY_NS (24 * HOUR_NS)

// clang-format off
const struct audit_rule_info audit_rules[AUDIT_RULE_LAST] = {
    {AUDIT_RULE_FAILURES_THEN_SUCCESS, "FAILURES_THEN_SUCCESS", "high"},
    {AUDIT_RULE_IMPOSSIBLE_TRAVEL,     "IMPOSSIBLE_TRAVEL",     "medium"},
    {AUDIT_RULE_REVEAL_BURST,          "REVEAL_BURST",          "high"},
    {AUDIT_RULE_STRUCTURING,           "STRUCTURING",           "medium"},
    {AUDIT_RULE_OUT_OF_HOURS,          "OUT_OF_HOURS",          "low"},
};

// Events of a window count together; a finding goes on for as long; a watch is kept for `kept`
// after its newest event.
static const struct {
    uint64_t window_ns, kept_ns;
} spans[AUDIT_RULE_LAST + 1] = {
    [AUDIT_RULE_FAILURES_THEN_SUCCESS] = {15 * MINUTE_NS, 15 * MINUTE_NS},
    [AUDIT_RULE_IMPOSSIBLE_TRAVEL]     = {10 * MINUTE_NS, 90 * DAY_NS}, // The networks it knows.
    [AUDIT_RULE_REVEAL_BURST]          = {10 * MINUTE_NS, 10 * MINUTE_NS},
    [AUDIT_RULE_STRUCTURING]           = {DAY_NS, DAY_NS},
    [AUDIT_RULE_OUT_OF_HOURS]          = {0, 8 * DAY_NS}, // No stretch is longer.
};

// Which events a rule has to do with: types, their beginnings (a star last) or ends (a star first).
static const struct {
    enum audit_rule rule;
    const char *pattern;
} wanted[] = {
    {AUDIT_RULE_FAILURES_THEN_SUCCESS, "auth.login.failed"},
    {AUDIT_RULE_FAILURES_THEN_SUCCESS, "auth.login.succeeded"},
    {AUDIT_RULE_IMPOSSIBLE_TRAVEL,     "auth.login.succeeded"},
    {AUDIT_RULE_REVEAL_BURST,          "*.revealed"},
    {AUDIT_RULE_STRUCTURING,           "ledger.transfer.created"},
    {AUDIT_RULE_STRUCTURING,           "ledger.transfer.posted"},
    {AUDIT_RULE_OUT_OF_HOURS,          "auth.role.*"},
    {AUDIT_RULE_OUT_OF_HOURS,          "auth.feature.*"},
    {AUDIT_RULE_OUT_OF_HOURS,          "auth.branch.*"},
    {AUDIT_RULE_OUT_OF_HOURS,          "auth.keys.*"},
    {AUDIT_RULE_OUT_OF_HOURS,          "auth.user.roles_changed"},
    {AUDIT_RULE_OUT_OF_HOURS,          "auth.user.branch_changed"},
    {AUDIT_RULE_OUT_OF_HOURS,          "auth.user.factors_reset"},
    {AUDIT_RULE_OUT_OF_HOURS,          "auth.user.blocked"},
    {AUDIT_RULE_OUT_OF_HOURS,          "auth.user.unblocked"},
    {AUDIT_RULE_OUT_OF_HOURS,          "auth.user.closed"},
    {AUDIT_RULE_OUT_OF_HOURS,          "auth.user.created"},
    {AUDIT_RULE_OUT_OF_HOURS,          "ledger.limit.changed"},
    {AUDIT_RULE_OUT_OF_HOURS,          "ledger.account.limits_changed"},
    {AUDIT_RULE_OUT_OF_HOURS,          "ledger.account.frozen"},
    {AUDIT_RULE_OUT_OF_HOURS,          "ledger.account.unfrozen"},
    {AUDIT_RULE_OUT_OF_HOURS,          "ledger.currency.created"},
    {AUDIT_RULE_OUT_OF_HOURS,          "kyc.case.decided"},
    {AUDIT_RULE_OUT_OF_HOURS,          "audit.webhook.*"},
    {AUDIT_RULE_OUT_OF_HOURS,          "audit.consumer.*"},
    {AUDIT_RULE_OUT_OF_HOURS,          "audit.details.*"},
    {AUDIT_RULE_OUT_OF_HOURS,          "audit.events.exported"},
};

// clang-format on

enum { WANTED_COUNT = sizeof wanted / sizeof wanted[0] };

// ---- Whom an event concerns ----------------------------------------------------------------

static bool matches(const char *pattern, struct bytes action)
{
    size_t size = strlen(pattern);
    if (pattern[0] == '*') {
        size--;
        return action.size > size &&
               memcmp(action.data + action.size - size, pattern + 1, size) == 0;
    }
    if (pattern[size - 1] == '*')
        return action.size >= size && memcmp(action.data, pattern, size - 1) == 0;
    return bytes_equal(action, bytes_of(pattern, size));
}

const struct audit_rule_info *audit_rule_find(const char *name)
{
    for (size_t i = 0; i < AUDIT_RULE_LAST; i++)
        if (strcmp(audit_rules[i].name, name) == 0) return &audit_rules[i];
    return NULL;
}

bool audit_rules_want(const struct audit_entry *entry)
{
    for (size_t i = 0; i < WANTED_COUNT; i++)
        if (matches(wanted[i].pattern, entry->action)) return true;
    return false;
}

static bool is_user(struct bytes name)
{
    static const char users[] = "users/";
    return name.size > sizeof users - 1 && memcmp(name.data, users, sizeof users - 1) == 0;
}

// By kind of rule: who is watched, empty for nobody.
static struct bytes watched_of(const struct audit_rule_settings *settings, enum audit_rule rule,
                               const struct audit_rule_event *event)
{
    const struct bytes nobody = {0};
    switch (rule) {
    case AUDIT_RULE_FAILURES_THEN_SUCCESS:
        return event->subject;
    case AUDIT_RULE_IMPOSSIBLE_TRAVEL:
        return event->network != NULL ? event->subject : nobody;
    case AUDIT_RULE_REVEAL_BURST:
        return event->actor;
    case AUDIT_RULE_STRUCTURING:
        if (event->currency == NULL) return nobody;
        return audit_structuring_is_near(&settings->structuring, event->currency, event->amount)
                   ? event->owner
                   : nobody;
    case AUDIT_RULE_OUT_OF_HOURS:
        if (!is_user(event->actor) || bytes_equal(event->actor, event->subject)) return nobody;
        return audit_office_is_open(&settings->office, event->time_ns) ? nobody : event->actor;
    }
    return nobody;
}

bool audit_rule_concerns(const struct audit_rule_settings *settings, enum audit_rule rule,
                         const struct audit_rule_event *event, struct bytes *ret_subject)
{
    for (size_t i = 0; i < WANTED_COUNT; i++) {
        if (wanted[i].rule != rule || !matches(wanted[i].pattern, event->action)) continue;
        struct bytes watched = watched_of(settings, rule, event);
        if (watched.size == 0) return false;
        *ret_subject = watched;
        return true;
    }
    return false;
}

// ---- What is remembered --------------------------------------------------------------------

static uint64_t span(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? to_ns - from_ns : 0;
}

// Forgets what lies before the window that ends now.
static void forget_old(struct audit_watch *watch, uint64_t now_ns, uint64_t window_ns)
{
    size_t kept = 0;
    for (size_t i = 0; i < watch->sighting_count; i++) {
        if (span(watch->sightings[i].time_ns, now_ns) <= window_ns)
            watch->sightings[kept++] = watch->sightings[i];
    }
    watch->sighting_count = kept;
}

static void remember(struct audit_watch *watch, const struct audit_rule_event *event)
{
    if (watch->sighting_count == AUDIT_SIGHTINGS_MAX) {
        watch->sighting_count--;
        memmove(watch->sightings, watch->sightings + 1,
                watch->sighting_count * sizeof watch->sightings[0]);
    }
    watch->sightings[watch->sighting_count++] =
        (struct audit_sighting){.time_ns = event->time_ns, .index = event->index};
}

// ---- Findings ------------------------------------------------------------------------------

static void find_this(const struct audit_rule_event *event, struct audit_rule_step *step)
{
    step->sightings[step->count++] =
        (struct audit_sighting){.time_ns = event->time_ns, .index = event->index};
}

static void find_remembered(const struct audit_watch *watch, struct audit_rule_step *step)
{
    memcpy(step->sightings, watch->sightings, watch->sighting_count * sizeof step->sightings[0]);
    step->count = watch->sighting_count;
}

static bool goes_on(const struct audit_watch *watch, enum audit_rule rule, uint64_t now_ns)
{
    return watch->finding_id != 0 && span(watch->finding_ns, now_ns) <= spans[rule].window_ns;
}

static enum audit_verdict verdict_of(const struct audit_watch *watch, enum audit_rule rule,
                                     uint64_t now_ns)
{
    return goes_on(watch, rule, now_ns) ? AUDIT_VERDICT_GROWS : AUDIT_VERDICT_FOUND;
}

// `minimum` events within the window; each further one makes the finding grow.
static void apply_burst(enum audit_rule rule, size_t minimum, const struct audit_rule_event *event,
                        struct audit_watch *watch, struct audit_rule_step *step)
{
    forget_old(watch, watch->last_ns, spans[rule].window_ns);
    remember(watch, event);
    if (watch->sighting_count < minimum) return;
    step->verdict = verdict_of(watch, rule, watch->last_ns);
    if (step->verdict == AUDIT_VERDICT_GROWS)
        find_this(event, step);
    else
        find_remembered(watch, step);
}

static void apply_login(const struct audit_rule_event *event, struct audit_watch *watch,
                        struct audit_rule_step *step)
{
    const enum audit_rule rule = AUDIT_RULE_FAILURES_THEN_SUCCESS;
    if (matches("auth.login.failed", event->action)) {
        forget_old(watch, watch->last_ns, spans[rule].window_ns);
        remember(watch, event);
        return;
    }
    size_t count = watch->sighting_count;
    bool is_soon = count > 0 && span(watch->sightings[count - 1].time_ns, watch->last_ns) <=
                                    spans[rule].window_ns;
    if (count >= FAILURES_MIN && is_soon) {
        step->verdict = verdict_of(watch, rule, watch->last_ns);
        find_remembered(watch, step);
        find_this(event, step);
    }
    watch->sighting_count = 0;
}

// Moves the network to the front; gives whether it was among the known ones.
static bool know_network(struct audit_watch *watch, const uint8_t *network)
{
    size_t place = 0;
    while (place < watch->network_count &&
           memcmp(watch->networks[place], network, AUDIT_NETWORK_BYTES) != 0)
        place++;
    bool is_known = place < watch->network_count;
    if (!is_known && watch->network_count < AUDIT_NETWORKS_MAX) watch->network_count++;
    if (place == AUDIT_NETWORKS_MAX) place--; // In the place of the oldest.
    memmove(watch->networks[1], watch->networks[0], place * AUDIT_NETWORK_BYTES);
    memcpy(watch->networks[0], network, AUDIT_NETWORK_BYTES);
    return is_known;
}

static void apply_travel(const struct audit_rule_event *event, struct audit_watch *watch,
                         struct audit_rule_step *step)
{
    const enum audit_rule rule = AUDIT_RULE_IMPOSSIBLE_TRAVEL;
    bool has_last = watch->sighting_count > 0;
    bool is_same = watch->network_count > 0 &&
                   memcmp(watch->networks[0], event->network, AUDIT_NETWORK_BYTES) == 0;
    bool was_known = watch->is_known;
    struct audit_sighting last = watch->sightings[0];
    bool is_known = know_network(watch, event->network);
    bool is_soon = has_last && span(last.time_ns, watch->last_ns) <= spans[rule].window_ns;
    // Logging in again at once does not make a network known.
    watch->is_known = is_same && is_soon ? was_known : is_known;
    watch->sighting_count = 0;
    remember(watch, event);
    if (!is_soon || is_same || (was_known && is_known)) return;
    step->verdict = verdict_of(watch, rule, watch->last_ns);
    if (step->verdict == AUDIT_VERDICT_FOUND) step->sightings[step->count++] = last;
    find_this(event, step);
}

static void apply_hours(const struct audit_rule_settings *settings,
                        const struct audit_rule_event *event, struct audit_watch *watch,
                        struct audit_rule_step *step)
{
    bool is_same_night = watch->finding_id != 0 &&
                         !audit_office_is_open(&settings->office, watch->finding_ns) &&
                         audit_office_closed_since(&settings->office, watch->finding_ns) ==
                             audit_office_closed_since(&settings->office, event->time_ns);
    step->verdict = is_same_night ? AUDIT_VERDICT_GROWS : AUDIT_VERDICT_FOUND;
    find_this(event, step);
}

// By more than a window: a clock was wrong, or a daemon was away and tells of before. Windows would
// end in a time to which these events do not come.
static bool is_ahead(enum audit_rule rule, const struct audit_watch *watch, uint64_t now_ns)
{
    uint64_t window_ns = spans[rule].window_ns > 0 ? spans[rule].window_ns : spans[rule].kept_ns;
    return span(now_ns, watch->last_ns) > window_ns;
}

// All but the networks.
static void forget_times(struct audit_watch *watch)
{
    watch->last_ns = watch->finding_id = watch->finding_ns = 0;
    watch->sighting_count = 0;
}

void audit_rule_apply(const struct audit_rule_settings *settings, enum audit_rule rule,
                      const struct audit_rule_event *event, struct audit_watch *watch,
                      struct audit_rule_step *ret)
{
    *ret = (struct audit_rule_step){.verdict = AUDIT_VERDICT_NOTHING};
    if (audit_rule_is_over(rule, watch, event->time_ns)) *watch = (struct audit_watch){0};
    if (is_ahead(rule, watch, event->time_ns)) forget_times(watch);
    if (event->time_ns > watch->last_ns) watch->last_ns = event->time_ns;
    switch (rule) {
    case AUDIT_RULE_FAILURES_THEN_SUCCESS:
        apply_login(event, watch, ret);
        break;
    case AUDIT_RULE_IMPOSSIBLE_TRAVEL:
        apply_travel(event, watch, ret);
        break;
    case AUDIT_RULE_REVEAL_BURST:
        apply_burst(rule, REVEALS_MIN, event, watch, ret);
        break;
    case AUDIT_RULE_STRUCTURING:
        apply_burst(rule, TRANSFERS_MIN, event, watch, ret);
        break;
    case AUDIT_RULE_OUT_OF_HOURS:
        apply_hours(settings, event, watch, ret);
        break;
    }
    if (ret->verdict != AUDIT_VERDICT_NOTHING) watch->finding_ns = watch->last_ns;
    CHECK((ret->verdict == AUDIT_VERDICT_NOTHING) == (ret->count == 0));
}

bool audit_rule_is_over(enum audit_rule rule, const struct audit_watch *watch, uint64_t now_ns)
{
    return span(watch->last_ns, now_ns) > spans[rule].kept_ns;
}

// ---- In words ------------------------------------------------------------------------------

static void summarise_structuring(const struct audit_structuring *structuring,
                                  char ret[static AUDIT_SUMMARY_BYTES])
{
    int used = snprintf(ret, AUDIT_SUMMARY_BYTES,
                        "%d movements of money of one owner within 24 hours, each of 80 %% of the "
                        "limit or more and below it; limits:",
                        TRANSFERS_MIN);
    CHECK(used > 0 && used < AUDIT_SUMMARY_BYTES / 2);
    size_t size = (size_t)used;
    for (size_t i = 0; i < structuring->count; i++) {
        char text[AUDIT_MONEY_TEXT_BYTES];
        size_t text_size =
            audit_money_text(structuring->limits[i].currency, structuring->limits[i].amount, text);
        if (size + text_size + sizeof ", …" > AUDIT_SUMMARY_BYTES) break;
        size += (size_t)snprintf(ret + size, AUDIT_SUMMARY_BYTES - size, "%s %s", i > 0 ? "," : "",
                                 text);
    }
    if (structuring->count == 0) snprintf(ret + size, AUDIT_SUMMARY_BYTES - size, " none");
}

static void summarise_hours(const struct audit_office *office, char ret[static AUDIT_SUMMARY_BYTES])
{
    if (office->never_closes) {
        snprintf(ret, AUDIT_SUMMARY_BYTES,
                 "administration by a person out of hours: switched off, the office never closes");
        return;
    }
    char days[sizeof "1234567"] = "";
    size_t count = 0;
    for (unsigned day = 0; day < sizeof days - 1; day++)
        if ((office->days >> day & 1) != 0) days[count++] = (char)('1' + day);
    int to = office->to_minute % (24 * 60), offset = office->offset_minutes;
    snprintf(
        ret, AUDIT_SUMMARY_BYTES,
        "administration by a person outside %02d:%02d-%02d:%02d (UTC%c%02d:%02d) on days %s (1 "
        "is Monday); one finding for each closed stretch",
        office->from_minute / 60, office->from_minute % 60, to == 0 ? 24 : to / 60, to % 60,
        offset < 0 ? '-' : '+', abs(offset) / 60, abs(offset) % 60, days);
}

void audit_rule_summary(const struct audit_rule_settings *settings, enum audit_rule rule,
                        char ret[static AUDIT_SUMMARY_BYTES])
{
    switch (rule) {
    case AUDIT_RULE_FAILURES_THEN_SUCCESS:
        snprintf(ret, AUDIT_SUMMARY_BYTES,
                 "%d failed logins of a user within 15 minutes, then a successful one within 15 "
                 "minutes of the last",
                 FAILURES_MIN);
        return;
    case AUDIT_RULE_IMPOSSIBLE_TRAVEL:
        snprintf(
            ret, AUDIT_SUMMARY_BYTES,
            "two successful logins of a user within 10 minutes from two networks (/24 of IPv4, "
            "/48 of IPv6), unless both were among the user's last %d; it goes by network, not "
            "by place",
            AUDIT_NETWORKS_MAX);
        return;
    case AUDIT_RULE_REVEAL_BURST:
        snprintf(ret, AUDIT_SUMMARY_BYTES, "%d sealed fields shown to one actor within 10 minutes",
                 REVEALS_MIN);
        return;
    case AUDIT_RULE_STRUCTURING:
        summarise_structuring(&settings->structuring, ret);
        return;
    case AUDIT_RULE_OUT_OF_HOURS:
        summarise_hours(&settings->office, ret);
        return;
    }
}

void audit_rule_detail(const struct audit_finding *finding, char ret[static AUDIT_DETAIL_BYTES])
{
    static const char *const words[AUDIT_RULE_LAST + 1] = {
        [AUDIT_RULE_FAILURES_THEN_SUCCESS] = "logins, failures and then a success",
        [AUDIT_RULE_IMPOSSIBLE_TRAVEL] = "logins from networks that do not go together",
        [AUDIT_RULE_REVEAL_BURST] = "sealed fields shown within a short time",
        [AUDIT_RULE_STRUCTURING] = "movements of money just below the limit",
        [AUDIT_RULE_OUT_OF_HOURS] = "administrative act(s) while the office was closed",
    };
    snprintf(ret, AUDIT_DETAIL_BYTES, "%u %s", finding->count, words[finding->rule]);
}
