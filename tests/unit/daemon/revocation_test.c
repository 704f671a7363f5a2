// The revocation set: what it covers, for how long, and that it never forgets too early.
#include "common/daemon/revocation.h"
#include "tests/unit/daemon/harness.h"

static struct id128 numbered_id(uint64_t number)
{
    struct id128 id = {{1}};
    put_u64_be(id.bytes + 8, number * UINT64_C(0x9e3779b97f4a7c15));
    return id;
}

static struct token_claims token_of(uint64_t session, uint64_t user, uint64_t version)
{
    return (struct token_claims){
        .session_id = numbered_id(session), .subject = numbered_id(user), .user_version = version};
}

static const uint64_t now_ns = UINT64_C(1000000) * NS_PER_SECOND;

static int setup_set(void **state)
{
    *state = revocation_set_open();
    return 0;
}

static int teardown_set(void **state)
{
    revocation_set_close((struct revocation_set **)state);
    return 0;
}

static void test_a_session_or_an_old_version_is_covered(void **state)
{
    struct revocation_set *set = *state;
    revocation_add_session(set, numbered_id(10), now_ns, now_ns);
    revocation_add_user(set, numbered_id(20), 5, now_ns, now_ns);

    static const struct {
        const char *name;
        uint64_t session, user, version;
        bool covered;
    } rows[] = {
        {"the session", 10, 30, 1, true},      {"another session", 11, 30, 1, false},
        {"an old version", 11, 20, 4, true},   {"the new version", 11, 20, 5, false},
        {"a later version", 11, 20, 6, false}, {"both", 10, 20, 4, true},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct token_claims claims = token_of(rows[i].session, rows[i].user, rows[i].version);
        if (revocation_covers(set, &claims) != rows[i].covered) fail_msg("%s", rows[i].name);
    }
}

static void test_versions_only_rise(void **state)
{
    struct revocation_set *set = *state;
    revocation_add_user(set, numbered_id(20), 5, now_ns, now_ns);
    revocation_add_user(set, numbered_id(20), 3, now_ns, now_ns);
    struct token_claims claims = token_of(1, 20, 4);
    assert_true(revocation_covers(set, &claims));
    assert_int_equal(revocation_count(set), 1);
}

static void test_what_happened_long_ago_is_not_taken(void **state)
{
    struct revocation_set *set = *state;
    revocation_add_session(set, numbered_id(1), now_ns - REVOCATION_KEPT_NS, now_ns);
    assert_int_equal(revocation_count(set), 0);
    revocation_add_session(set, numbered_id(1), now_ns - REVOCATION_KEPT_NS + 1, now_ns);
    assert_int_equal(revocation_count(set), 1);
}

static void test_a_service_token_without_ids_is_never_covered(void **state)
{
    struct revocation_set *set = *state;
    revocation_add_session(set, ID128_NIL, now_ns, now_ns);
    revocation_add_session(set, numbered_id(1), now_ns, now_ns);
    struct token_claims claims = {.is_service = true};
    assert_false(revocation_covers(set, &claims));
}

static void test_thousands_are_kept_and_let_go_in_time(void **state)
{
    struct revocation_set *set = *state;
    for (uint64_t i = 1; i <= 20000; i++)
        revocation_add_session(set, numbered_id(i), now_ns, now_ns);
    assert_int_equal(revocation_count(set), 20000);
    for (uint64_t i = 1; i <= 20000; i++) {
        struct token_claims claims = token_of(i, 0, 0);
        assert_true(revocation_covers(set, &claims));
        claims = token_of(20000 + i, 0, 0);
        assert_false(revocation_covers(set, &claims));
    }
    // All but the last ones have run out by now: the set makes room by itself.
    uint64_t later_ns = now_ns + REVOCATION_KEPT_NS;
    for (uint64_t i = 1; i <= 40000; i++)
        revocation_add_session(set, numbered_id(100000 + i), later_ns, later_ns);
    assert_int_equal(revocation_count(set), 40000);
    assert_false(revocation_is_overflowing(set, later_ns));
}

static void test_beyond_its_bound_it_says_so_until_room_is_there(void **state)
{
    struct revocation_set *set = *state;
    for (uint64_t i = 1; i <= REVOCATION_ENTRIES_MAX; i++)
        revocation_add_session(set, numbered_id(i), now_ns, now_ns);
    assert_false(revocation_is_overflowing(set, now_ns));
    revocation_add_session(set, numbered_id(999999), now_ns, now_ns);
    assert_true(revocation_is_overflowing(set, now_ns));
    assert_true(revocation_is_overflowing(set, now_ns + REVOCATION_KEPT_NS - 1));
    assert_false(revocation_is_overflowing(set, now_ns + REVOCATION_KEPT_NS));
    for (uint64_t i = 1; i <= REVOCATION_ENTRIES_MAX; i += 1000) { // None was pushed out.
        struct token_claims claims = token_of(i, 0, 0);
        assert_true(revocation_covers(set, &claims));
    }
}

#define SET_TEST(test_) cmocka_unit_test_setup_teardown(test_, setup_set, teardown_set)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SET_TEST(test_a_session_or_an_old_version_is_covered),
        SET_TEST(test_versions_only_rise),
        SET_TEST(test_what_happened_long_ago_is_not_taken),
        SET_TEST(test_a_service_token_without_ids_is_never_covered),
        SET_TEST(test_thousands_are_kept_and_let_go_in_time),
        SET_TEST(test_beyond_its_bound_it_says_so_until_room_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
