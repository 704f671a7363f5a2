// The rules of API keys: their text, from where they may be used, how they move.
#include "services/auth/apikey_core.h"
#include "services/auth/apikey_text.h"
#include "tests/unit/support/unit.h"

#define NOW_NS (UINT64_C(1800000000) * AUTH_SECOND_NS)
#define S AUTH_SECOND_NS

// ---- The text ------------------------------------------------------------------------------

#define PREFIX "0WCfTognxqNqfz8qrH12uH" // The id of 16 bytes of 11.
#define SECRET "7hQ2zB0cXw9KmP4tYv6RnL8sDfG"
#define KEY "fl_live_" PREFIX "_" SECRET "_0WZ2G8"

static void test_a_key_is_written_as_it_always_was(void **state)
{
    (void)state;
    char text[AUTH_API_KEY_TEXT_BYTES], shown[AUTH_API_KEY_SHOWN_BYTES];
    struct id128 largest;
    memset(largest.bytes, 0xff, sizeof largest.bytes);
    auth_api_key_write(id_of(0x11), SECRET, text);
    assert_string_equal(text, KEY);
    auth_api_key_show(id_of(0x11), shown);
    assert_string_equal(shown, "fl_live_" PREFIX);
    auth_api_key_write(ID128_NIL, "000000000000000000000000000", text);
    assert_string_equal(text, "fl_live_0000000000000000000000_000000000000000000000000000_0Knols");
    auth_api_key_write(largest, "zzzzzzzzzzzzzzzzzzzzzzzzzzz", text);
    assert_string_equal(text, "fl_live_7n42DGM5Tflk9n8mt7Fhc7_zzzzzzzzzzzzzzzzzzzzzzzzzzz_00WUXm");
}

static void test_only_a_whole_key_is_read(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *given, *text;
        bool is_read;
    } rows[] = {
        {"a key",                             KEY, true},
        {"nothing",                           "", false},
        {"its beginning",                     "fl_live_", false},
        {"one character less",                "fl_live_" PREFIX "_" SECRET "_0WZ2G", false},
        {"one character more",                KEY "0", false},
        {"a blank behind it",                 KEY " ", false},
        {"a wrong digit of the secret",       "fl_live_" PREFIX "_7hQ3zB0cXw9KmP4tYv6RnL8sDfG_0WZ2G8", false},
        {"two digits exchanged",              "fl_live_" PREFIX "_h7Q2zB0cXw9KmP4tYv6RnL8sDfG_0WZ2G8", false},
        {"a wrong digit of the prefix",       "fl_live_0WCfTognxqNqfz8qrH12uI_" SECRET "_0WZ2G8", false},
        {"a wrong checksum",                  "fl_live_" PREFIX "_" SECRET "_0WZ2G9", false},
        // From here on the checksums are right.
        {"another kind of key",               "fl_test_" PREFIX "_" SECRET "_2Zimn0", false},
        {"another separator",                 "fl_live_" PREFIX "-" SECRET "_1kGUny", false},
        {"what is no digit",                  "fl_live_" PREFIX "_7hQ2zB0cXw9KmP4tYv6RnL8sDf-_3FrW50", false},
        {"a prefix that is no id",            "fl_live_zzzzzzzzzzzzzzzzzzzzzz_" SECRET "_4Ps0HL", false},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct id128 id = ID128_NIL;
        bool is_read = auth_api_key_read(bytes_of_text(rows[i].text), &id);
        if (is_read != rows[i].is_read) fail_msg("%s", rows[i].given);
        assert_true(id128_equal(id, is_read ? id_of(0x11) : ID128_NIL));
    }
}

// ---- Addresses -----------------------------------------------------------------------------

static void test_addresses_and_prefixes(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *given;
        const char *canonical; // NULL: refused.
    } rows[] = {
        {"192.0.2.7",                                   "192.0.2.7"},
        {"192.0.2.7/32",                                "192.0.2.7"},
        {"10.0.0.0/8",                                  "10.0.0.0/8"},
        {"0.0.0.0/0",                                   "0.0.0.0/0"},
        {"2001:DB8:0:0::/32",                           "2001:db8::/32"},
        {"2001:db8::1/128",                             "2001:db8::1"},
        {"::/0",                                        "::/0"},
        {"::ffff:192.0.2.7",                            "192.0.2.7"},
        {"::ffff:10.0.0.0/104",                         "10.0.0.0/8"},
        {"0000:0000:0000:0000:0000:ffff:192.0.2.0/120", "192.0.2.0/24"},
        {"",              NULL},
        {"/8",            NULL},
        {"10.0.0.0/",     NULL},
        {"10.0.0.0/33",   NULL},
        {"10.0.0.0/08",   NULL},
        {"10.0.0.0/+8",   NULL},
        {"10.0.0.0/8/8",  NULL},
        {"10.0.0.0/8 ",   NULL},
        {" 10.0.0.0/8",   NULL},
        {"10.0.0.0/1000000000000", NULL},
        {"10.1.2.3/8",    NULL}, // One of the two is a mistake.
        {"2001:db8::1/32", NULL},
        {"2001:db8::/129", NULL},
        {"::ffff:10.0.0.0/95", NULL}, // Half of it would be no IPv4.
        {"10.0.0",        NULL},
        {"010.0.0.1",     NULL},
        {"256.0.0.1",     NULL},
        {"fe80::1%eth0",  NULL},
        {"bank.example",  NULL},
        {"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", NULL},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_address_range range;
        char text[AUTH_ADDRESS_TEXT_BYTES];
        bool is_read = auth_address_range_read(rows[i].given, &range);
        if (is_read != (rows[i].canonical != NULL)) fail_msg("%s", rows[i].given);
        if (!is_read) continue;
        auth_address_range_write(&range, text);
        assert_string_equal(text, rows[i].canonical);
    }
}

static void test_which_addresses_a_range_has(void **state)
{
    (void)state;

    // clang-format off
    static const struct {
        const char *range, *ip;
        bool has;
    } rows[] = {
        {"192.0.2.7",     "192.0.2.7",        true},
        {"192.0.2.7",     "192.0.2.8",        false},
        {"192.0.2.7",     "::ffff:192.0.2.7", true},
        {"10.0.0.0/8",    "10.255.255.255",   true},
        {"10.0.0.0/8",    "11.0.0.0",         false},
        {"10.16.0.0/12",  "10.31.255.255",    true},
        {"10.16.0.0/12",  "10.32.0.0",        false},
        {"0.0.0.0/0",     "203.0.113.9",      true},
        {"0.0.0.0/0",     "2001:db8::1",      false},
        {"::/0",          "2001:db8::1",      true},
        {"::/0",          "192.0.2.7",        false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"0.0.0.0/0",     "",                 false},
        {"0.0.0.0/0",     "localhost",        false},
        {"0.0.0.0/0",     "10.0.0.0/8",       false},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_address_range range;
        assert_true(auth_address_range_read(rows[i].range, &range));
        if (auth_address_range_has(&range, rows[i].ip) != rows[i].has)
            fail_msg("%s in %s", rows[i].ip, rows[i].range);
    }
}

// ---- Keys ----------------------------------------------------------------------------------

static void test_keys_move_as_the_table_says_and_not_otherwise(void **state)
{
    (void)state;

    enum {
        NO = AUTH_API_KEY_REFUSED_MOVE,
        ACTIVE = AUTH_API_KEY_ACTIVE,
        REVOKED = AUTH_API_KEY_REVOKED,
        EXPIRED = AUTH_API_KEY_EXPIRED
    };

    // clang-format off
    static const uint8_t expected[AUTH_API_KEY_STATE_COUNT][AUTH_API_KEY_EVENT_COUNT] = {
        //             use     rotate  revoke   expire
        [NO]      = {  NO,     NO,     NO,      NO},
        [ACTIVE]  = {  ACTIVE, ACTIVE, REVOKED, EXPIRED},
        [REVOKED] = {  NO,     NO,     NO,      NO},
        [EXPIRED] = {  NO,     NO,     NO,      NO},
    };

    // clang-format on
    for (int from = 0; from < AUTH_API_KEY_STATE_COUNT; from++) {
        for (int event = 0; event < AUTH_API_KEY_EVENT_COUNT; event++) {
            assert_int_equal(
                auth_api_key_next((enum auth_api_key_state)from, (enum auth_api_key_event)event),
                expected[from][event]);
        }
    }
}

static struct auth_api_key sample(void)
{
    struct auth_api_key key = {.id = id_of(1),
                               .owner_id = id_of(2),
                               .state = AUTH_API_KEY_ACTIVE,
                               .created_at_ns = NOW_NS};
    memset(key.mac, 0xa1, sizeof key.mac);
    return key;
}

static void test_a_key_is_over_from_its_end_on(void **state)
{
    (void)state;
    struct auth_api_key key = sample();
    assert_int_equal(auth_api_key_state_at(&key, UINT64_MAX), AUTH_API_KEY_ACTIVE); // No end.
    key.expires_at_ns = NOW_NS + S;
    assert_int_equal(auth_api_key_state_at(&key, NOW_NS + S - 1), AUTH_API_KEY_ACTIVE);
    assert_int_equal(auth_api_key_state_at(&key, NOW_NS + S), AUTH_API_KEY_EXPIRED);
    assert_false(auth_api_key_revoke(&key, NOW_NS + S));
    assert_true(auth_api_key_revoke(&key, NOW_NS));
    assert_int_equal(auth_api_key_state_at(&key, NOW_NS + S), AUTH_API_KEY_REVOKED);
    assert_false(auth_api_key_revoke(&key, NOW_NS));
    assert_int_equal(key.revoked_at_ns, NOW_NS);
}

static void test_which_secrets_fit_after_rotations(void **state)
{
    (void)state;
    uint8_t macs[4][AUTH_MAC_BYTES];
    struct auth_api_key key = sample();
    memset(macs[0], 0xa1, AUTH_MAC_BYTES);
    memset(macs[1], 0xa2, AUTH_MAC_BYTES);
    memset(macs[2], 0xa3, AUTH_MAC_BYTES);
    memset(macs[3], 0x00, AUTH_MAC_BYTES); // Nobody's, also where no old one is kept.
    assert_true(auth_api_key_fits(&key, macs[0], NOW_NS));
    assert_false(auth_api_key_fits(&key, macs[3], NOW_NS));

    assert_status_ok(auth_api_key_rotate(&key, macs[1], 60 * S, NOW_NS));
    assert_true(auth_api_key_fits(&key, macs[1], NOW_NS));
    assert_true(auth_api_key_fits(&key, macs[0], NOW_NS + 60 * S - 1));
    assert_false(auth_api_key_fits(&key, macs[0], NOW_NS + 60 * S));

    // A second rotation within the overlap: only the last one before goes on.
    assert_status_ok(auth_api_key_rotate(&key, macs[2], 60 * S, NOW_NS + S));
    assert_true(auth_api_key_fits(&key, macs[2], NOW_NS + S));
    assert_true(auth_api_key_fits(&key, macs[1], NOW_NS + S));
    assert_false(auth_api_key_fits(&key, macs[0], NOW_NS + S));

    assert_status_ok(auth_api_key_rotate(&key, macs[0], 0, NOW_NS + 2 * S)); // None goes on.
    assert_false(auth_api_key_fits(&key, macs[2], NOW_NS + 2 * S));
    assert_false(auth_api_key_fits(&key, macs[3], NOW_NS + 2 * S));
    assert_true(auth_api_key_revoke(&key, NOW_NS + 3 * S));
    assert_refused(auth_api_key_rotate(&key, macs[1], 0, NOW_NS + 3 * S), "API_KEY_ENDED");
    assert_memory_equal(key.mac, macs[0], AUTH_MAC_BYTES);
}

static void test_a_use_is_noted_once_a_minute(void **state)
{
    (void)state;
    struct auth_api_key key = sample();
    const uint64_t minute_ns = 60 * S, at_ns = NOW_NS / minute_ns * minute_ns;
    assert_true(auth_api_key_note_use(&key, at_ns + 7 * S));
    assert_int_equal(key.last_used_at_ns, at_ns);
    assert_false(auth_api_key_note_use(&key, at_ns + 59 * S));
    assert_true(auth_api_key_note_use(&key, at_ns + 60 * S));
    assert_int_equal(key.last_used_at_ns, at_ns + minute_ns);
    assert_false(auth_api_key_note_use(&key, at_ns)); // A clock that went back.
}

static void test_no_token_outlives_its_key(void **state)
{
    (void)state;

    static const struct {
        uint64_t key_end_ns, token_end_s; // Of a token of 300 s.
    } rows[] = {
        {0, 1800000300},
        {NOW_NS + 301 * S, 1800000300},
        {NOW_NS + 300 * S, 1800000300},
        {NOW_NS + 60 * S, 1800000060},
        {NOW_NS + 60 * S + 999999999, 1800000060},
        {NOW_NS + 1, 1800000000}, // None at all.
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct auth_api_key key = sample();
        key.expires_at_ns = rows[i].key_end_ns;
        assert_int_equal(auth_api_key_token_end_s(&key, 300, NOW_NS), rows[i].token_end_s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_is_written_as_it_always_was),
        cmocka_unit_test(test_only_a_whole_key_is_read),
        cmocka_unit_test(test_addresses_and_prefixes),
        cmocka_unit_test(test_which_addresses_a_range_has),
        cmocka_unit_test(test_keys_move_as_the_table_says_and_not_otherwise),
        cmocka_unit_test(test_a_key_is_over_from_its_end_on),
        cmocka_unit_test(test_which_secrets_fit_after_rotations),
        cmocka_unit_test(test_a_use_is_noted_once_a_minute),
        cmocka_unit_test(test_no_token_outlives_its_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
