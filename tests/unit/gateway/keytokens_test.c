// Tokens of API keys: for how long they are kept, for whom, and how many.
#include "common/base/clock.h"
#include "gateway/keytokens.h"
#include "tests/unit/gateway/harness.h"

#include <pthread.h>

#define NOW_NS (1000 * NS_PER_SECOND)

static void test_which_bearers_are_keys(void **state)
{
    (void)state;
    assert_true(keytokens_is_key(bytes_of_text("fl_live_x")));
    assert_true(keytokens_is_key(bytes_of_text("fl_live_")));
    assert_false(keytokens_is_key(bytes_of_text("fl_live")));
    assert_false(keytokens_is_key(bytes_of_text("FL_LIVE_x")));
    assert_false(keytokens_is_key(bytes_of_text("eyJhbGciOiJFZERTQSJ9.e30.x")));
    assert_false(keytokens_is_key(bytes_of_text("")));
    assert_false(keytokens_is_key(bytes_of_text(NULL)));
}

static void test_a_token_is_kept_until_shortly_before_its_end(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        uint32_t life_s;
        uint64_t after_s;
        bool is_there;
    } rows[] = {
        {300,   0, true},
        {300, 289, true},
        {300, 290, false},
        { 11,   0, true},
        { 11,   1, false},
        { 10,   0, false},
        {  0,   0, false},
    };

    // clang-format on
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct keytokens *tokens = keytokens_open();
        uint8_t hash[KEYTOKENS_HASH_BYTES];
        char token[TOKEN_BYTES_MAX];
        keytokens_hash(tokens, "fl_live_a", "192.0.2.1", hash);
        keytokens_put(tokens, hash, "token", rows[i].life_s, NOW_NS);
        uint64_t at_ns = NOW_NS + rows[i].after_s * NS_PER_SECOND;
        bool is_there = keytokens_get(tokens, hash, at_ns, token);
        if (is_there != rows[i].is_there) fail_msg("row %zu", i);
        if (is_there) assert_string_equal(token, "token");
        keytokens_close(&tokens);
    }
}

static void test_key_and_address_together_say_whose_it_is(void **state)
{
    (void)state;
    struct keytokens *tokens = keytokens_open(), *others = keytokens_open();
    uint8_t hash[KEYTOKENS_HASH_BYTES], other[KEYTOKENS_HASH_BYTES];

    static const struct {
        const char *key, *ip;
    } rows[] = {{"fl_live_b", "192.0.2.1"},
                {"fl_live_a", "192.0.2.2"},
                {"fl_live_a", ""},
                {"fl_live_a192.0.2.1", ""},
                {"fl_live_a1", "92.0.2.1"}};

    keytokens_hash(tokens, "fl_live_a", "192.0.2.1", hash);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        keytokens_hash(tokens, rows[i].key, rows[i].ip, other);
        assert_memory_not_equal(hash, other, sizeof hash);
    }
    keytokens_hash(others, "fl_live_a", "192.0.2.1", other); // Another process: another key.
    assert_memory_not_equal(hash, other, sizeof hash);
    keytokens_close(&tokens);
    keytokens_close(&others);
}

static void test_only_the_token_that_was_refused_is_dropped(void **state)
{
    (void)state;
    struct keytokens *tokens = keytokens_open();
    uint8_t hash[KEYTOKENS_HASH_BYTES];
    char token[TOKEN_BYTES_MAX];
    keytokens_hash(tokens, "fl_live_a", "", hash);
    keytokens_put(tokens, hash, "old", 300, NOW_NS);
    keytokens_put(tokens, hash, "new", 300, NOW_NS);
    assert_int_equal(keytokens_count(tokens, NOW_NS), 1);
    keytokens_drop(tokens, hash, "old");
    assert_true(keytokens_get(tokens, hash, NOW_NS, token));
    assert_string_equal(token, "new");
    keytokens_drop(tokens, hash, "new");
    assert_false(keytokens_get(tokens, hash, NOW_NS, token));
    keytokens_close(&tokens);
}

static void test_there_are_never_more_than_fit(void **state)
{
    (void)state;
    struct keytokens *tokens = keytokens_open();
    uint8_t hash[KEYTOKENS_HASH_BYTES];
    char key[32], token[TOKEN_BYTES_MAX], too_long[TOKEN_BYTES_MAX + 1];
    for (uint64_t i = 0; i < 20 * KEYTOKENS_MAX; i++) {
        snprintf(key, sizeof key, "fl_live_%u", (unsigned)i);
        keytokens_hash(tokens, key, "", hash);
        keytokens_put(tokens, hash, key, 300, NOW_NS + i);
        assert_true(keytokens_get(tokens, hash, NOW_NS, token)); // The newest always fits.
        assert_string_equal(token, key);
    }
    assert_true(keytokens_count(tokens, NOW_NS) <= KEYTOKENS_MAX);
    assert_true(keytokens_count(tokens, NOW_NS) > KEYTOKENS_MAX * 9 / 10);
    memset(too_long, 'x', sizeof too_long);
    too_long[TOKEN_BYTES_MAX] = '\0';
    keytokens_hash(tokens, "fl_live_long", "", hash);
    keytokens_put(tokens, hash, too_long, 300, NOW_NS);
    assert_false(keytokens_get(tokens, hash, NOW_NS, token));
    keytokens_close(&tokens);
}

static void *churn(void *context)
{
    struct keytokens *tokens = context;
    uint8_t hash[KEYTOKENS_HASH_BYTES];
    char token[TOKEN_BYTES_MAX];
    bool is_whole = true;
    for (unsigned i = 0; i < 2000; i++) {
        const char *text = i % 2 == 0 ? "one" : "other";
        keytokens_hash(tokens, "fl_live_a", "", hash);
        keytokens_put(tokens, hash, text, 300, NOW_NS);
        if (keytokens_get(tokens, hash, NOW_NS, token))
            is_whole &= strcmp(token, "one") == 0 || strcmp(token, "other") == 0;
        keytokens_drop(tokens, hash, text);
    }
    return is_whole ? tokens : NULL;
}

static void test_threads_see_whole_tokens(void **state)
{
    (void)state;
    struct keytokens *tokens = keytokens_open();
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, tokens), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        assert_non_null(result);
    }
    keytokens_close(&tokens);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_bearers_are_keys),
        cmocka_unit_test(test_a_token_is_kept_until_shortly_before_its_end),
        cmocka_unit_test(test_key_and_address_together_say_whose_it_is),
        cmocka_unit_test(test_only_the_token_that_was_refused_is_dropped),
        cmocka_unit_test(test_there_are_never_more_than_fit),
        cmocka_unit_test(test_threads_see_whole_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
