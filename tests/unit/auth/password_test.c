// Which passwords are refused, and what a hash is worth.
#include "common/crypto/keys.h"
#include "services/auth/password.h"
#include "tests/unit/support/unit.h"

static void test_which_passwords_are_refused(void **state)
{
    (void)state;
    static const char *const own[] = {"asha.verma@example.com", "+919876543210", "Asha Li Verma"};

    // clang-format off
    static const struct {
        const char *password;
        bool is_refused;
    } rows[] = {
        {"copper kettle on the hill",  false},
        {"kz7!mQ2w",                   false},
        {"kz7!mQ2",                    true},  // Seven.
        {"пароль-иволга",              false},
        {"ключключ",                   true},  // One piece, twice.
        {"ключи от",                   false}, // Eight code points, fifteen bytes.
        {"ключи о",                    true},
        {"        ",                   true},
        {"password",                   true},
        {"Password",                   true},
        {"PASSWORD2026!",              true},
        {"p@ssw0rd",                   true},
        {"P4$$w0rd99",                 true},
        {"pass word",                  true},
        {"password of the lighthouse", false},
        {"qwertyuiop",                 true},
        {"iloveyou",                   true},
        {"summer2026!!",               true},
        {"florin1234",                 true},
        {"12345678",                   true},
        {"98765432",                   true},
        {"abcdefghij",                 true},
        {"aaaaaaaaaaaa",               true},
        {"ababababab",                 true},
        {"xyzxyzxyz",                  true},
        {"asha.verma@example.com",     true},
        {"AshaVerma",                  true},
        {"ashaverma1",                 true},
        {"asha1verma2",                true},
        {"Verma1984",                  true},
        {"9876543210",                 true},
        {"+919876543211",              true},  // One digit from it.
        {"verma likes lighthouses",    false},
        {"ali baba and the 40",        false}, // "Li" is too short to count.
        {"example2026",                true},
        {"trustno1",                   true},
        {"1qaz2wsx3edc",               true},
        {"letmeinletmeinletmein",      true},
        {"thequickbrownfox",           true},
        {"florinbanking",              true},  // The bank's own words.
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct status status = auth_password_check(rows[i].password, 8, own, ROWS(own));
        if (status_ok(status) == rows[i].is_refused)
            fail_msg("\"%s\" was %s", rows[i].password, rows[i].is_refused ? "taken" : "refused");
        if (rows[i].is_refused) assert_string_equal(status.reason, "WEAK_PASSWORD");
    }
}

static void test_lengths(void **state)
{
    (void)state;
    char password[300];
    for (size_t i = 0; i < sizeof password; i++)
        password[i] = (char)('!' + (i * 7 + i / 13) % 90);
    password[257] = '\0';
    assert_refused(auth_password_check(password, 8, NULL, 0), "WEAK_PASSWORD");
    password[256] = '\0';
    assert_status_ok(auth_password_check(password, 8, NULL, 0));
    password[14] = '\0';
    assert_status_ok(auth_password_check(password, 8, NULL, 0));
    assert_refused(auth_password_check(password, 15, NULL, 0), "WEAK_PASSWORD");
    assert_refused(auth_password_check("\xff\xfe not text", 8, NULL, 0), "WEAK_PASSWORD");
}

static void test_hashing(void **state)
{
    (void)state;
    const struct auth_argon2 argon2 = {AUTH_ARGON2_MEMORY_BYTES_MIN, 2};
    const struct auth_argon2 stronger = {AUTH_ARGON2_MEMORY_BYTES_MIN, 3};
    char hash[AUTH_HASH_BYTES], other[AUTH_HASH_BYTES], dummy[AUTH_HASH_BYTES];
    bool is_equal = false;
    assert_status_ok(auth_password_hash(&argon2, "copper kettle", hash));
    assert_status_ok(auth_password_hash(&argon2, "copper kettle", other));
    assert_string_not_equal(hash, other); // Salted.
    assert_int_equal(strncmp(hash, "$argon2id$v=19$m=19456,t=2,p=1$", 31), 0);
    assert_status_ok(auth_password_verify(hash, "copper kettle", &is_equal));
    assert_true(is_equal);
    assert_status_ok(auth_password_verify(hash, "copper kettl", &is_equal));
    assert_false(is_equal);
    assert_false(auth_password_is_weaker(hash, &argon2));
    assert_true(auth_password_is_weaker(hash, &stronger));

    // The dummy looks like a real one and is really computed.
    auth_password_dummy(&argon2, dummy);
    assert_int_equal(strlen(dummy), strlen(hash));
    is_equal = true;
    assert_status_ok(auth_password_verify(dummy, "copper kettle", &is_equal));
    assert_false(is_equal);
    assert_refused(auth_password_verify("$2b$12$abc", "copper kettle", &is_equal),
                   "AUTH_RECORD_BROKEN");
}

static void test_a_hash_that_gets_no_memory_is_no_wrong_password(void **state)
{
    (void)state;
    const struct auth_argon2 huge = {UINT64_C(1) << 20 << 22, 2}; // 4 TiB: nobody has that.
    char hash[AUTH_HASH_BYTES];
    bool is_equal = true;
    auth_password_dummy(&huge, hash);
    assert_refused(auth_password_verify(hash, "copper kettle", &is_equal), "OVERLOADED");
    assert_true(is_equal); // Untouched.
}

static int setup(void **state)
{
    (void)state;
    return status_ok(crypto_open()) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_passwords_are_refused),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_hashing),
        cmocka_unit_test(test_a_hash_that_gets_no_memory_is_no_wrong_password),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
