// The durable bytes of roles, branches and features. A golden file is never refreshed.
#include "services/auth/record_access.h"
#include "tests/unit/support/unit.h"

#define NOW_NS UINT64_C(0x18fae27693b40000)

static const struct auth_revision revision = {
    .version = 3, .created_at_ns = NOW_NS, .updated_at_ns = NOW_NS + 9};

static struct status decode_role(struct bytes record)
{
    struct auth_role role;
    return auth_role_decode(bytes_of_text("cash_desk"), record, &role);
}

static struct auth_role sample_role(void)
{
    return (struct auth_role){
        .name = "cash_desk",
        .description = "Desk",
        .revision = revision,
        .right_count = 2,
        .rights = {{"auth.user.read", AUTH_SCOPE_BRANCH}, {"ledger.cash.deposit", AUTH_SCOPE_ALL}}};
}

static void test_role(void **state)
{
    (void)state;
    struct auth_role role = sample_role(), decoded;
    uint8_t encoded[AUTH_ROLE_RECORD_BYTES_MAX];
    size_t size = auth_role_encode(&role, encoded);
    golden_assert_record("auth", "role_v1.hex", bytes_of(encoded, size), decode_role,
                         "AUTH_RECORD_BROKEN");
    assert_status_ok(
        auth_role_decode(bytes_of_text("cash_desk"), bytes_of(encoded, size), &decoded));
    assert_memory_equal(&decoded, &role, sizeof role);
}

static void test_the_longest_role_fits(void **state)
{
    (void)state;
    static struct auth_role role, decoded;
    static uint8_t encoded[AUTH_ROLE_RECORD_BYTES_MAX];
    memset(role.name, 'n', sizeof role.name - 1);
    memset(role.description, 'd', sizeof role.description - 1);
    role.revision = revision;
    for (; role.right_count < AUTH_RIGHTS_MAX; role.right_count++) {
        struct auth_right *right = &role.rights[role.right_count];
        snprintf(right->permission, sizeof right->permission, "%031zu", role.right_count);
        right->scope = AUTH_SCOPE_SELF;
    }
    size_t size = auth_role_encode(&role, encoded);
    assert_status_ok(auth_role_decode(bytes_of_text(role.name), bytes_of(encoded, size), &decoded));
    assert_memory_equal(&decoded, &role, sizeof role);
}

static struct status decode_branch(struct bytes record)
{
    struct auth_branch branch;
    return auth_branch_decode(bytes_of_text("pune-1"), record, &branch);
}

static void test_branch(void **state)
{
    (void)state;
    struct auth_branch branch = {
        .code = "pune-1", .name = "Pune, Camp", .status = AUTH_BRANCH_CLOSED, .revision = revision};
    struct auth_branch decoded;
    uint8_t encoded[AUTH_BRANCH_RECORD_BYTES_MAX];
    size_t size = auth_branch_encode(&branch, encoded);
    golden_assert_record("auth", "branch_v1.hex", bytes_of(encoded, size), decode_branch,
                         "AUTH_RECORD_BROKEN");
    assert_status_ok(
        auth_branch_decode(bytes_of_text("pune-1"), bytes_of(encoded, size), &decoded));
    assert_string_equal(decoded.code, "pune-1");
    assert_string_equal(decoded.name, "Pune, Camp");
    assert_int_equal(decoded.status, AUTH_BRANCH_CLOSED);
    assert_memory_equal(&decoded.revision, &revision, sizeof revision);
}

static struct status decode_feature(struct bytes record)
{
    struct auth_feature feature;
    return auth_feature_decode(bytes_of_text("withdrawals"), record, &feature);
}

static struct auth_feature sample_feature(void)
{
    struct auth_feature feature = {
        .name = "withdrawals", .description = "Cash out", .is_enabled = true, .revision = revision};
    assert_true(auth_name_list_add(&feature.permissions, "ledger.cash.withdraw"));
    assert_true(auth_name_list_add(&feature.denied_branches, "pune-2"));
    assert_true(auth_name_list_add(&feature.denied_branches, "pune-1")); // In order by itself.
    assert_false(auth_name_list_add(&feature.denied_branches, "pune-2"));
    assert_true(auth_name_list_add(&feature.denied_roles, "support"));
    return feature;
}

static void test_feature(void **state)
{
    (void)state;
    struct auth_feature feature = sample_feature(), decoded;
    uint8_t encoded[AUTH_FEATURE_RECORD_BYTES_MAX];
    size_t size = auth_feature_encode(&feature, encoded);
    golden_assert_record("auth", "feature_v1.hex", bytes_of(encoded, size), decode_feature,
                         "AUTH_RECORD_BROKEN");
    assert_status_ok(
        auth_feature_decode(bytes_of_text("withdrawals"), bytes_of(encoded, size), &decoded));
    assert_memory_equal(&decoded, &feature, sizeof feature);
    assert_true(auth_name_list_has(&decoded.denied_branches, "pune-1"));
    assert_false(auth_name_list_has(&decoded.denied_branches, "pune-3"));
}

static struct status decode_policy(struct bytes record)
{
    uint64_t version;
    return auth_policy_decode(record, &version);
}

static void test_policy(void **state)
{
    (void)state;
    uint8_t encoded[AUTH_POLICY_BYTES];
    size_t size = auth_policy_encode(7, encoded);
    golden_assert_record("auth", "policy_v1.hex", bytes_of(encoded, size), decode_policy,
                         "AUTH_RECORD_BROKEN");
}

static void test_records_that_cannot_be(void **state)
{
    (void)state;

    enum { VERSION_END = 8, TEXT = 27, COUNT = 31, FIRST = 32, SCOPE = 47, SECOND = 48 };

    static const struct {
        const char *name;
        size_t at;
        uint8_t byte;
    } rows[] = {
        // clang-format off
        {"version 0",                       VERSION_END,  0},
        {"a NUL in the description",        TEXT + 1,     0},
        {"more rights than there can be",   COUNT,        129},
        {"an empty permission",             FIRST,        0},
        {"a permission in upper case",      FIRST + 1,    'A'},
        {"no scope",                        SCOPE,        0},
        {"a scope that is none",            SCOPE,        4},
        {"rights out of order",             SECOND + 1,   '0'},
        // clang-format on
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_role role = sample_role();
        uint8_t encoded[AUTH_ROLE_RECORD_BYTES_MAX];
        size_t size = auth_role_encode(&role, encoded);
        assert_status_ok(decode_role(bytes_of(encoded, size)));
        encoded[rows[i].at] = rows[i].byte;
        if (status_ok(decode_role(bytes_of(encoded, size)))) fail_msg("%s", rows[i].name);
    }
}

static void test_names(void **state)
{
    (void)state;

    static const struct {
        const char *name;
        bool is_valid;
    } rows[] = {
        {"pune-1", true},
        {"a", true},
        {"cash_desk.lead-2", true},
        {"0123456789012345678901234567890", true}, // 31.
        {"01234567890123456789012345678901", false},
        {"", false},
        {"Pune", false},
        {"services/ops", false},
        {"a b", false},
        {"caf\xc3\xa9", false},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        char key[AUTH_ROLE_BYTES];
        if (auth_access_name_is_valid(rows[i].name) != rows[i].is_valid)
            fail_msg("%s", rows[i].name);
        struct status status = auth_access_key_decode(bytes_of_text(rows[i].name), key);
        assert_int_equal(status_ok(status), rows[i].is_valid);
    }
    char key[AUTH_ROLE_BYTES];
    assert_refused(auth_access_key_decode(bytes_of("a\0b", 3), key), "AUTH_RECORD_BROKEN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_role),   cmocka_unit_test(test_the_longest_role_fits),
        cmocka_unit_test(test_branch), cmocka_unit_test(test_feature),
        cmocka_unit_test(test_policy), cmocka_unit_test(test_records_that_cannot_be),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
