// The rules: what is new, what is committed to, what a filter lets through.
#include "services/audit/core.h"
#include "tests/unit/support/unit.h"

// clang-format off
static const struct {
    const char *given;
    uint64_t mark, mark_log, log, first;
    size_t count, known;
    const char *reason; // NULL: taken
} takes[] = {
    //                                    mark  log'  log  first count  known
    {"the first events of a source",         0,    0,  77,     1,   10,     0, NULL},
    {"the next event",                       5,   77,  77,     6,    1,     0, NULL},
    {"the same batch again",                 5,   77,  77,     1,    5,     5, NULL},
    {"an older batch",                       9,   77,  77,     1,    5,     5, NULL},
    {"a batch that overlaps",                5,   77,  77,     4,    4,     2, NULL},
    {"one event is missing",                 5,   77,  77,     7,    1,     0, "EVENT_GAP"},
    {"the beginning is missing",             0,    0,  77,     2,    1,     0, "EVENT_GAP"},
    {"a restored store, next event",         5,   77,  78,     6,    1,     0, NULL},
    {"another store, a known event",         5,   77,  78,     5,    2,     0, "SOURCE_REPLACED"},
    {"another store, from its beginning",    5,   77,  78,     1,    9,     0, "SOURCE_REPLACED"},
    {"the last event there can be", UINT64_MAX - 1, 77, 77, UINT64_MAX, 1,  0, NULL},
};

// clang-format on

static void test_each_event_is_taken_once_and_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof takes / sizeof takes[0]; i++) {
        struct audit_mark mark = {.seq = takes[i].mark, .log_id = takes[i].mark_log};
        size_t known = 0;
        struct status status =
            audit_core_take(&mark, takes[i].log, takes[i].first, takes[i].count, &known);
        const char *reason = status.reason != NULL ? status.reason : "taken";
        if (strcmp(reason, takes[i].reason != NULL ? takes[i].reason : "taken") != 0)
            fail_msg("%s: %s", takes[i].given, reason);
        if (known != takes[i].known) fail_msg("%s: %zu known", takes[i].given, known);
    }
}

static void test_a_commitment_depends_on_salt_field_and_value(void **state)
{
    (void)state;
    uint8_t salt[AUDIT_SALT_BYTES] = {1}, other_salt[AUDIT_SALT_BYTES] = {2};
    uint8_t hashes[4][AUDIT_COMMITMENT_BYTES];
    struct bytes value = bytes_of_text("203.0.113.7");
    audit_core_commit(salt, AUDIT_COMMITTED_CLIENT_IP, value, hashes[0]);
    audit_core_commit(other_salt, AUDIT_COMMITTED_CLIENT_IP, value, hashes[1]);
    audit_core_commit(salt, AUDIT_COMMITTED_DEVICE_ID, value, hashes[2]);
    audit_core_commit(salt, AUDIT_COMMITTED_CLIENT_IP, bytes_of_text("203.0.113.8"), hashes[3]);
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = i + 1; k < 4; k++)
            assert_memory_not_equal(hashes[i], hashes[k], AUDIT_COMMITMENT_BYTES);
    }
    uint8_t again[AUDIT_COMMITMENT_BYTES];
    struct bytes commitment = audit_core_commit(salt, AUDIT_COMMITTED_CLIENT_IP, value, again);
    assert_int_equal(commitment.size, AUDIT_COMMITMENT_BYTES);
    assert_memory_equal(commitment.data, hashes[0], AUDIT_COMMITMENT_BYTES);
    assert_int_equal(
        audit_core_commit(salt, AUDIT_COMMITTED_CLIENT_IP, bytes_of_text(""), again).size, 0);
}

static void test_a_commitment_opens_with_its_own_key_and_value(void **state)
{
    (void)state;
    // As proto/florin/audit/v1/audit.proto says it, step by step.
    uint8_t salt[AUDIT_SALT_BYTES], key_input[AUDIT_SALT_BYTES + 1], hash[AUDIT_COMMITMENT_BYTES];
    memset(salt, 0xa5, sizeof salt);
    memcpy(key_input, salt, sizeof salt);
    key_input[AUDIT_SALT_BYTES] = 13;
    uint8_t key[HASH_SHA256_BYTES], input[HASH_SHA256_BYTES + 7], expected[HASH_SHA256_BYTES];
    const struct bytes key_part = bytes_of(key_input, sizeof key_input);
    hash_sha256(&key_part, 1, key);
    memcpy(input, key, sizeof key);
    memcpy(input + sizeof key, "payload", 7);
    const struct bytes part = bytes_of(input, sizeof input);
    hash_sha256(&part, 1, expected);
    audit_core_commit(salt, AUDIT_COMMITTED_PAYLOAD, bytes_of_text("payload"), hash);
    assert_memory_equal(hash, expected, sizeof expected);
}

static void test_texts_are_cut_between_characters(void **state)
{
    (void)state;
    char text[AUDIT_TEXT_BYTES_MAX + 4];
    memset(text, 'x', sizeof text);
    bool cut = false;
    assert_int_equal(audit_core_cut(bytes_of(text, AUDIT_TEXT_BYTES_MAX), &cut).size,
                     AUDIT_TEXT_BYTES_MAX);
    assert_false(cut);
    assert_int_equal(audit_core_cut(bytes_of(text, sizeof text), &cut).size, AUDIT_TEXT_BYTES_MAX);
    assert_true(cut);
    memcpy(text + AUDIT_TEXT_BYTES_MAX - 1, "\xe2\x82\xac", 3); // A euro sign across the end.
    struct bytes rest = audit_core_cut(bytes_of(text, sizeof text), &cut);
    assert_int_equal(rest.size, AUDIT_TEXT_BYTES_MAX - 1);
    assert_true(text_is_utf8((const char *)rest.data, rest.size));
}

#define TEXT(text_)                                                                                \
    {                                                                                              \
        (const uint8_t *)(text_), sizeof(text_) - 1                                                \
    }

// clang-format off
static const struct {
    const char *given;
    struct audit_filter filter;
    bool matches;
} filters[] = {
    {"nothing asked",               {.to_ns = 0},                                       true},
    {"its actor",                   {.actor = TEXT("users/a")},                true},
    {"another actor",               {.actor = TEXT("users/b")},                false},
    {"a beginning of its actor",    {.actor = TEXT("users/")},                 false},
    {"its action",                  {.action = TEXT("auth.login")},            true},
    {"another action",              {.action = TEXT("auth.logout")},           false},
    {"a pattern of its actions",    {.action = TEXT("auth.*")},                true},
    {"every action",                {.action = TEXT("*")},                     true},
    {"a pattern of others",         {.action = TEXT("ledger.*")},              false},
    {"a pattern below its action",  {.action = TEXT("auth.login.*")},          false},
    {"its resource",                {.resource = TEXT("sessions/1")},          true},
    {"another resource",            {.resource = TEXT("sessions/2")},          false},
    {"its outcome",                 {.outcome = TEXT("refused")},              true},
    {"another outcome",             {.outcome = TEXT("success")},              false},
    {"its source",                  {.source = TEXT("auth")},                  true},
    {"another source",              {.source = TEXT("kyc")},                   false},
    {"from its moment",             {.from_ns = 1000},                         true},
    {"from just after",             {.from_ns = 1001},                         false},
    {"to its moment: not included", {.to_ns = 1000},                           false},
    {"to just after",               {.to_ns = 1001},                           true},
    {"all but one fits",            {.actor = TEXT("users/a"), .source = TEXT("kyc")}, false},
};

// clang-format on

static void test_a_filter_wants_all_that_it_names(void **state)
{
    (void)state;
    const struct audit_entry entry = {.source = TEXT("auth"),
                                      .action = TEXT("auth.login"),
                                      .actor = TEXT("users/a"),
                                      .resource = TEXT("sessions/1"),
                                      .outcome = TEXT("refused"),
                                      .time_ns = 1000};
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        if (audit_core_matches(&filters[i].filter, &entry) != filters[i].matches)
            fail_msg("%s", filters[i].given);
    }
}

static void test_the_most_selective_name_is_searched_by(void **state)
{
    (void)state;
    struct audit_filter filter = {.source = TEXT("auth")};
    enum audit_search_kind kind;
    struct bytes name;
    assert_false(audit_core_search_of(&filter, &kind, &name));
    filter.action = bytes_of_text("ledger.*"); // A pattern has no rows.
    assert_false(audit_core_search_of(&filter, &kind, &name));
    filter.action = bytes_of_text("t");
    assert_true(audit_core_search_of(&filter, &kind, &name));
    assert_int_equal(kind, AUDIT_SEARCH_ACTION);
    filter.actor = bytes_of_text("a");
    assert_true(audit_core_search_of(&filter, &kind, &name));
    assert_int_equal(kind, AUDIT_SEARCH_ACTOR);
    filter.resource = bytes_of_text("r");
    assert_true(audit_core_search_of(&filter, &kind, &name));
    assert_int_equal(kind, AUDIT_SEARCH_RESOURCE);
    assert_true(bytes_equal(name, bytes_of_text("r")));
    filter.user = bytes_of_text("users/u"); // Rows are the only ones who know.
    assert_true(audit_core_search_of(&filter, &kind, &name));
    assert_int_equal(kind, AUDIT_SEARCH_USER);
}

static void test_only_an_action_with_a_star_must_be_a_pattern(void **state)
{
    (void)state;
    static const char *const taken[] = {"", "auth.login", "Whatever it is", "auth.*", "*"};
    static const char *const refused[] = {"auth*", "*.created", "auth.*.created", "Auth.*", "**"};
    for (size_t i = 0; i < ROWS(taken); i++)
        assert_status_ok(audit_core_check_action(bytes_of_text(taken[i])));
    for (size_t i = 0; i < ROWS(refused); i++)
        assert_refused(audit_core_check_action(bytes_of_text(refused[i])), "TYPE_PATTERN_INVALID");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_event_is_taken_once_and_in_order),
        cmocka_unit_test(test_a_commitment_depends_on_salt_field_and_value),
        cmocka_unit_test(test_a_commitment_opens_with_its_own_key_and_value),
        cmocka_unit_test(test_texts_are_cut_between_characters),
        cmocka_unit_test(test_a_filter_wants_all_that_it_names),
        cmocka_unit_test(test_the_most_selective_name_is_searched_by),
        cmocka_unit_test(test_only_an_action_with_a_star_must_be_a_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
