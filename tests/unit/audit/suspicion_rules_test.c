// The rules of suspicion, as stories: events on the left, what is found on the right. Each story is
// told twice, the second time with what is remembered written down and read again after each event.
#include "common/base/clock.h"
#include "services/audit/suspicion_rules.h"
#include "tests/unit/support/unit.h"

enum { OUT_BYTES = 256 };

#define MONDAY_NS (UINT64_C(1794787200) * NS_PER_SECOND) // 2026-11-16, 00:00 UTC
#define USER "users/01890000-0000-7000-8000-000000000001"
#define OTHER "users/01890000-0000-7000-8000-000000000002"

static struct audit_rule_settings settings; // The office: Monday to Friday, 06:00 to 22:00 UTC.

static int setup_settings(void **state)
{
    (void)state;
    assert_status_ok(audit_office_parse("06:00-22:00", "1-5", "+00:00", &settings.office));
    assert_status_ok(audit_structuring_parse("INR:1000", &settings.structuring));
    return 0;
}

// ---- Stories -------------------------------------------------------------------------------

/// The letters of stories.
static const struct {
    char letter;
    const char *action;
    uint8_t network;
    uint64_t amount;
} letters[] = {
    {'f', "auth.login.failed", 1, 0},        {'s', "auth.login.succeeded", 1, 0},
    {'a', "auth.login.succeeded", 1, 0},     {'b', "auth.login.succeeded", 2, 0},
    {'c', "auth.login.succeeded", 3, 0},     {'d', "auth.login.succeeded", 4, 0},
    {'r', "kyc.field.revealed", 1, 0},       {'m', "ledger.transfer.created", 1, 900},
    {'p', "ledger.transfer.posted", 1, 800}, {'o', "auth.role.changed", 1, 0},
};

static struct audit_rule_event event_of(char letter, uint64_t index, uint64_t time_ns,
                                        uint8_t network[static AUDIT_NETWORK_BYTES])
{
    size_t i = 0;
    while (i < ROWS(letters) && letters[i].letter != letter)
        i++;
    if (i == ROWS(letters)) fail_msg("no event %c", letter);
    memset(network, letters[i].network, AUDIT_NETWORK_BYTES);
    return (struct audit_rule_event){.index = index,
                                     .time_ns = time_ns,
                                     .action = bytes_of_text(letters[i].action),
                                     .actor = bytes_of_text(USER),
                                     .subject = bytes_of_text(letter == 'o' ? "roles/x" : USER),
                                     .owner = bytes_of_text(USER),
                                     .network = network,
                                     .currency = letters[i].amount > 0 ? "INR" : NULL,
                                     .amount = letters[i].amount};
}

static void forget_and_read(struct audit_watch *watch)
{
    uint8_t record[AUDIT_WATCH_BYTES_MAX];
    size_t size = audit_watch_encode(watch, record);
    memset(watch, 0xa5, sizeof *watch);
    assert_status_ok(audit_watch_decode(bytes_of(record, size), watch));
}

// Tells one story, "f0 f60*4 s900": a letter, seconds, how many. Writes what is found, "F6 G1".
static void tell(enum audit_rule rule, const char *story, bool is_restarted,
                 char ret[static OUT_BYTES])
{
    struct audit_watch watch = {0};
    uint64_t index = 0, finding_id = 0;
    size_t size = 0;
    ret[0] = '\0';
    while (*story != '\0') {
        char letter = *story++, *end;
        uint64_t seconds = strtoull(story, &end, 10);
        uint64_t count = *end == '*' ? strtoull(end + 1, &end, 10) : 1;
        story = *end == ' ' ? end + 1 : end;
        for (; count > 0; count--) {
            uint8_t network[AUDIT_NETWORK_BYTES];
            struct audit_rule_step step;
            struct bytes subject;
            struct audit_rule_event event =
                event_of(letter, index++, MONDAY_NS + seconds * NS_PER_SECOND, network);
            if (!audit_rule_concerns(&settings, rule, &event, &subject)) continue;
            assert_true(bytes_equal(subject, bytes_of_text(USER)));
            audit_rule_apply(&settings, rule, &event, &watch, &step);
            if (step.verdict == AUDIT_VERDICT_FOUND) watch.finding_id = ++finding_id;
            if (is_restarted) forget_and_read(&watch);
            if (step.verdict == AUDIT_VERDICT_NOTHING) continue;
            assert_int_equal(step.sightings[step.count - 1].index, event.index);
            size += (size_t)snprintf(ret + size, OUT_BYTES - size, "%s%c%zu", size > 0 ? " " : "",
                                     step.verdict == AUDIT_VERDICT_FOUND ? 'F' : 'G', step.count);
        }
    }
}

enum {
    LOGIN = AUDIT_RULE_FAILURES_THEN_SUCCESS,
    TRAVEL = AUDIT_RULE_IMPOSSIBLE_TRAVEL,
    REVEAL = AUDIT_RULE_REVEAL_BURST,
    MONEY = AUDIT_RULE_STRUCTURING,
    HOURS = AUDIT_RULE_OUT_OF_HOURS,
};

// clang-format off
static const struct {
    int rule;
    const char *what, *story, *found;
} stories[] = {
    {LOGIN,  "five failures and a success",      "f0 f60 f120 f180 f240 s300",               "F6"},
    {LOGIN,  "four are not enough",              "f0 f60 f120 f180 s300",                    ""},
    {LOGIN,  "many",                             "f0*9 s10",                                 "F10"},
    {LOGIN,  "all within 15 minutes",            "f0 f60*4 f900 s901",                       "F7"},
    {LOGIN,  "the first is too old",             "f0 f60*3 f901 s902",                       ""},
    {LOGIN,  "the success is in time",           "f0*5 s900",                                "F6"},
    {LOGIN,  "the success is too late",          "f0*5 s901",                                ""},
    {LOGIN,  "a success forgets",                "f0*4 s10 f20 s30",                         ""},
    {LOGIN,  "only a success",                   "s0 s1 s2",                                 ""},
    {LOGIN,  "it goes on",                       "f0*5 s10 f20*5 s910",                      "F6 G6"},
    {LOGIN,  "it is another one",                "f0*5 s10 f20*5 s920 f921*5 s930",          "F6 F6 G6"},
    {LOGIN,  "the clock steps back a little",    "f100*3 f50*2 s90",                         "F6"},
    {LOGIN,  "a clock was far ahead for a while","f9000000 f0*5 s10",                        "F6"},
    {LOGIN,  "more than a watch remembers",      "f0*40 s10",                                "F21"},

    {TRAVEL, "two new networks",                 "a0 b600",                                  "F2"},
    {TRAVEL, "not so soon",                      "a0 b601",                                  ""},
    {TRAVEL, "one network",                      "a0 a1 a2",                                 ""},
    {TRAVEL, "home, and then somebody else",     "a0 a86400 b86500",                         "F2"},
    {TRAVEL, "somebody else, and then home",     "a0 a86400 b172800 a172900",                "F2"},
    {TRAVEL, "between two known ones",           "a0 b86400 a172800 b172900 a173000",        ""},
    {TRAVEL, "known, but forgotten again",       "a0 b86400 c172800 d259200 a345600 b345700", "F2"},
    {TRAVEL, "the third is still known",         "a0 b86400 c172800 a259200 b259300",        ""},
    {TRAVEL, "it goes on",                       "a0 b100 a200 c300",                        "F2 G1 G1"},
    {TRAVEL, "at once again is not known",       "a0 a86400 b172800 b172801 a172900",        "F2"},
    {TRAVEL, "a clock was far ahead for a while","a7000000 a0 b60",                          "F2"},
    {TRAVEL, "and the networks are still known", "a0 b86400 a7000000 a172800 b172860",       ""},
    {TRAVEL, "all is forgotten after 90 days",   "a0 b86400 a7862401 b7862402",              "F2"},
    {TRAVEL, "not before",                       "a0 b86400 a7862400 b7862401",              ""},

    {REVEAL, "twenty",                           "r0*20",                                    "F20"},
    {REVEAL, "nineteen",                         "r0*19",                                    ""},
    {REVEAL, "within ten minutes",               "r0 r600*19",                               "F20"},
    {REVEAL, "not within ten minutes",           "r0 r601*19",                               ""},
    {REVEAL, "it goes on, event by event",       "r0*22",                                    "F20 G1 G1"},
    {REVEAL, "a daemon tells later of before",   "r9000 r0*20",                              "F20"},
    {REVEAL, "a little later does not count",    "r500*10 r0*10",                            "F20"},
    {REVEAL, "later it is another one",          "r0*20 r601*20",                            "F20 F20"},

    {MONEY,  "three",                            "m0 m3600 m7200",                           "F3"},
    {MONEY,  "captures count too",               "m0 p3600 p7200",                           "F3"},
    {MONEY,  "two",                              "m0 m1",                                    ""},
    {MONEY,  "within a day",                     "m0 m1 m86400",                             "F3"},
    {MONEY,  "not within a day",                 "m0 m1 m86401",                             ""},
    {MONEY,  "a clock was years ahead",          "m90000000 m0 m1 m2",                       "F3"},
    {MONEY,  "and a fourth",                     "m0 m1 m2 m86400",                          "F3 G1"},

    {HOURS,  "before it opens",                  "o21599",                                   "F1"},
    {HOURS,  "when it opens",                    "o21600",                                   ""},
    {HOURS,  "when it closes",                   "o79199 o79200",                            "F1"},
    {HOURS,  "one finding a night",              "o79200 o86400 o100000",                    "F1 G1 G1"},
    {HOURS,  "the next night",                   "o79200 o120000 o170000",                   "F1 F1"},
    {HOURS,  "a weekend is one night",           "o430000 o518400 o604800",                  "F1 G1 G1"},
    {HOURS,  "the same night of another week",   "o20000 o624800",                           "F1 F1"},
};

// clang-format on

static void test_each_rule_finds_its_stories_and_no_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(stories); i++) {
        char found[OUT_BYTES], again[OUT_BYTES];
        tell((enum audit_rule)stories[i].rule, stories[i].story, false, found);
        tell((enum audit_rule)stories[i].rule, stories[i].story, true, again);
        if (strcmp(found, stories[i].found) != 0)
            fail_msg("%s: \"%s\", not \"%s\"", stories[i].what, found, stories[i].found);
        assert_string_equal(again, found);
    }
}

// ---- Whom events concern -------------------------------------------------------------------

enum { NIGHT = 0, DAY = 12 * 3600 };

static const char *const names[] = {"FAILURES_THEN_SUCCESS", "IMPOSSIBLE_TRAVEL", "REVEAL_BURST",
                                    "STRUCTURING", "OUT_OF_HOURS"};

// clang-format off
static const struct {
    const char *action, *actor, *subject, *owner;
    uint64_t amount;
    uint64_t seconds;
    const char *rule, *watched; // NULL: nobody.
} watchings[] = {
    {"auth.login.failed",       "anonymous",     USER,      "",    0,    DAY,   "FAILURES_THEN_SUCCESS", USER},
    {"auth.login.failed",       "anonymous",     "",        "",    0,    DAY,   "FAILURES_THEN_SUCCESS", NULL},
    {"auth.login.succeeded",    USER,            USER,      "",    0,    DAY,   "FAILURES_THEN_SUCCESS", USER},
    {"auth.login.suspicious",   USER,            USER,      "",    0,    DAY,   "FAILURES_THEN_SUCCESS", NULL},
    {"auth.login.succeeded",    USER,            USER,      "",    0,    DAY,   "IMPOSSIBLE_TRAVEL",     USER},
    {"auth.login.failed",       USER,            USER,      "",    0,    DAY,   "IMPOSSIBLE_TRAVEL",     NULL},
    {"kyc.field.revealed",      OTHER,           USER,      "",    0,    DAY,   "REVEAL_BURST",          OTHER},
    {"kyc.document.revealed",   "services/risk", USER,      "",    0,    DAY,   "REVEAL_BURST",          "services/risk"},
    {"kyc.field.sealed",        OTHER,           USER,      "",    0,    DAY,   "REVEAL_BURST",          NULL},
    {"ledger.transfer.created", OTHER,           "t/1",     USER,  800,  DAY,   "STRUCTURING",           USER},
    {"ledger.transfer.posted",  OTHER,           "t/1",     USER,  999,  DAY,   "STRUCTURING",           USER},
    {"ledger.transfer.created", OTHER,           "t/1",     "",    999,  DAY,   "STRUCTURING",           NULL},
    {"ledger.transfer.created", OTHER,           "t/1",     USER,  799,  DAY,   "STRUCTURING",           NULL},
    {"ledger.transfer.created", OTHER,           "t/1",     USER,  1000, DAY,   "STRUCTURING",           NULL},
    {"ledger.transfer.held",    OTHER,           "t/1",     USER,  999,  DAY,   "STRUCTURING",           NULL},
    {"ledger.transfer.voided",  OTHER,           "t/1",     USER,  999,  DAY,   "STRUCTURING",           NULL},
    {"ledger.transfer.reversed",OTHER,           "t/1",     USER,  999,  DAY,   "STRUCTURING",           NULL},
    {"auth.role.changed",       OTHER,           "roles/x", "",    0,    NIGHT, "OUT_OF_HOURS",          OTHER},
    {"auth.role.changed",       OTHER,           "roles/x", "",    0,    DAY,   "OUT_OF_HOURS",          NULL},
    {"auth.role.changed",       "services/auth", "roles/x", "",    0,    NIGHT, "OUT_OF_HOURS",          NULL},
    {"auth.user.blocked",       OTHER,           USER,      "",    0,    NIGHT, "OUT_OF_HOURS",          OTHER},
    {"auth.user.closed",        USER,            USER,      "",    0,    NIGHT, "OUT_OF_HOURS",          NULL},
    {"auth.keys.rotated",       OTHER,           "",        "",    0,    NIGHT, "OUT_OF_HOURS",          OTHER},
    {"ledger.limit.changed",    OTHER,           USER,      "",    0,    NIGHT, "OUT_OF_HOURS",          OTHER},
    {"audit.webhook.created",   OTHER,           "w/1",     "",    0,    NIGHT, "OUT_OF_HOURS",          OTHER},
    {"auth.session.ended",      OTHER,           "s/1",     "",    0,    NIGHT, "OUT_OF_HOURS",          NULL},
    {"audit.suspicion.found",   "services/audit", USER,     USER,  999,  NIGHT, "REVEAL_BURST",          NULL},
};

// clang-format on

static void test_each_rule_watches_whom_it_is_about(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(watchings); i++) {
        uint8_t network[AUDIT_NETWORK_BYTES] = {0};
        struct audit_rule_event event = {
            .time_ns = MONDAY_NS + watchings[i].seconds * NS_PER_SECOND,
            .action = bytes_of_text(watchings[i].action),
            .actor = bytes_of_text(watchings[i].actor),
            .subject = bytes_of_text(watchings[i].subject),
            .owner = bytes_of_text(watchings[i].owner),
            .network = network,
            .currency = watchings[i].amount > 0 ? "INR" : NULL,
            .amount = watchings[i].amount,
        };
        const struct audit_rule_info *info = audit_rule_find(watchings[i].rule);
        struct bytes watched = {0};
        assert_non_null(info);
        bool concerns = audit_rule_concerns(&settings, info->rule, &event, &watched);
        if (concerns != (watchings[i].watched != NULL))
            fail_msg("%s: %s", watchings[i].rule, watchings[i].action);
        if (concerns) assert_true(bytes_equal(watched, bytes_of_text(watchings[i].watched)));
        // What concerns a rule is wanted of the log.
        const struct audit_entry entry = {.action = event.action};
        assert_true(!concerns || audit_rules_want(&entry));
    }
    assert_int_equal(ROWS(names), AUDIT_RULE_LAST);
    for (size_t i = 0; i < ROWS(names); i++) {
        assert_string_equal(audit_rules[i].name, names[i]);
        assert_int_equal(audit_rules[i].rule, i + 1);
    }
    assert_null(audit_rule_find("HUNCH"));
}

static void test_no_rule_looks_at_what_rules_find(void **state)
{
    (void)state;
    const struct audit_entry found = {.action = bytes_of_text("audit.suspicion.found")};
    assert_false(audit_rules_want(&found));
}

static void test_without_a_network_there_is_no_travel(void **state)
{
    (void)state;
    struct bytes watched;
    const struct audit_rule_event event = {.action = bytes_of_text("auth.login.succeeded"),
                                           .actor = bytes_of_text(USER),
                                           .subject = bytes_of_text(USER)};
    assert_false(audit_rule_concerns(&settings, AUDIT_RULE_IMPOSSIBLE_TRAVEL, &event, &watched));
}

static void test_a_watch_is_over_when_it_can_make_no_difference(void **state)
{
    (void)state;

    static const struct {
        enum audit_rule rule;
        uint64_t kept_s;
    } rows[] = {
        {AUDIT_RULE_FAILURES_THEN_SUCCESS, 15 * 60}, {AUDIT_RULE_IMPOSSIBLE_TRAVEL, 90 * 86400},
        {AUDIT_RULE_REVEAL_BURST, 10 * 60},          {AUDIT_RULE_STRUCTURING, 86400},
        {AUDIT_RULE_OUT_OF_HOURS, 8 * 86400},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        const struct audit_watch watch = {.last_ns = MONDAY_NS};
        uint64_t end_ns = MONDAY_NS + rows[i].kept_s * NS_PER_SECOND;
        assert_false(audit_rule_is_over(rows[i].rule, &watch, MONDAY_NS - 1));
        assert_false(audit_rule_is_over(rows[i].rule, &watch, end_ns));
        assert_true(audit_rule_is_over(rows[i].rule, &watch, end_ns + 1));
    }
}

// ---- Words ---------------------------------------------------------------------------------

static void test_summaries_say_the_thresholds(void **state)
{
    (void)state;
    char text[AUDIT_SUMMARY_BYTES];
    audit_rule_summary(&settings, AUDIT_RULE_STRUCTURING, text);
    assert_string_equal(text, "3 movements of money of one owner within 24 hours, each of 80 % of "
                              "the limit or more and below it; limits: INR 10.00");
    audit_rule_summary(&settings, AUDIT_RULE_OUT_OF_HOURS, text);
    assert_non_null(strstr(text, "outside 06:00-22:00 (UTC+00:00) on days 12345"));
    audit_rule_summary(&settings, AUDIT_RULE_IMPOSSIBLE_TRAVEL, text);
    assert_non_null(strstr(text, "by network, not by place"));
    struct audit_rule_settings other = {.office = {.never_closes = true}};
    audit_rule_summary(&other, AUDIT_RULE_OUT_OF_HOURS, text);
    assert_non_null(strstr(text, "switched off"));
    audit_rule_summary(&other, AUDIT_RULE_STRUCTURING, text);
    assert_non_null(strstr(text, "limits: none"));
}

static void test_a_finding_is_said_without_names(void **state)
{
    (void)state;
    for (enum audit_rule rule = AUDIT_RULE_FAILURES_THEN_SUCCESS; rule <= AUDIT_RULE_LAST; rule++) {
        const struct audit_finding finding = {
            .rule = rule, .count = 17, .subject = bytes_of_text(USER)};
        char text[AUDIT_DETAIL_BYTES];
        audit_rule_detail(&finding, text);
        assert_memory_equal(text, "17 ", 3);
        assert_null(strstr(text, "users"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_rule_finds_its_stories_and_no_others),
        cmocka_unit_test(test_each_rule_watches_whom_it_is_about),
        cmocka_unit_test(test_no_rule_looks_at_what_rules_find),
        cmocka_unit_test(test_without_a_network_there_is_no_travel),
        cmocka_unit_test(test_a_watch_is_over_when_it_can_make_no_difference),
        cmocka_unit_test(test_summaries_say_the_thresholds),
        cmocka_unit_test(test_a_finding_is_said_without_names),
    };
    return cmocka_run_group_tests(tests, setup_settings, NULL);
}
