// Signatures of webhooks: the arithmetic against RFC 4231, secrets and their rotation, and another
// implementation's judgement of what was posted.
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/crypto/hash.h"
#include "tests/unit/audit/postroom.h"

#include <jansson.h>
#include <sys/wait.h>

static void test_hmac_sha256(void **state)
{
    static uint8_t long_key[131];
    static const uint8_t short_key[20] = "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
                                         "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b";
    memset(long_key, 0xaa, sizeof long_key);

    // clang-format off
    const struct {
        struct bytes key;
        const char *text, *mac;
    } rows[] = {
        {bytes_of(short_key, 20), "Hi There",
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {bytes_of_text("Jefe"), "what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {bytes_of(long_key, sizeof long_key), "Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
    };

    // clang-format on
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        uint8_t mac[HASH_SHA256_BYTES];
        char text[2 * HASH_SHA256_BYTES + 1];
        struct bytes whole = bytes_of_text(rows[i].text);
        struct bytes parts[] = {bytes_of(whole.data, 3), bytes_of(NULL, 0),
                                bytes_of(whole.data + 3, whole.size - 3)};
        hash_hmac_sha256(rows[i].key, parts, ROWS(parts), mac);
        hex_encode(mac, sizeof mac, text);
        assert_string_equal(text, rows[i].mac);
    }
}

// ---- Posted --------------------------------------------------------------------------------

/// write_letters puts the letters from `first` on into a file for the script.
static void write_letters(struct room *room, size_t first, const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = first; i < room->letter_count; i++) {
        const struct letter *letter = &room->letters[i];
        json_t *json =
            json_pack("{s:s, s:s, s:s, s:s}", "id", letter->id, "timestamp", letter->timestamp,
                      "signature", letter->signature, "body", letter->body);
        assert_non_null(json);
        assert_int_equal(json_dumpf(json, file, JSON_COMPACT), 0);
        assert_true(fputc('\n', file) == '\n');
        json_decref(json);
    }
    assert_int_equal(fclose(file), 0);
}

static int verify(struct room *room, size_t first, const char *secrets)
{
    char path[FIXTURE_PATH_BYTES + 16], command[2048];
    snprintf(path, sizeof path, "%s/letters", room->fixture->directory);
    write_letters(room, first, path);
    snprintf(command, sizeof command,
             "python3 '%s/tests/integration/webhook_verify.py' '%s' %s >/dev/null 2>&1",
             getenv("FLORIN_SOURCE_DIR") != NULL ? getenv("FLORIN_SOURCE_DIR") : ".", path,
             secrets);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool has_python(void)
{
    if (system("python3 -c 'import hmac' >/dev/null 2>&1") == 0) return true;
    print_message("skipped: there is no python3\n");
    return false;
}

static void test_another_implementation_verifies_what_is_posted(void **state)
{
    struct room *room = *state;
    char url[128], secret[AUDIT_WEBHOOK_SECRET_TEXT_BYTES];
    struct id128 id;
    if (!has_python()) skip();
    room->now_ns = clock_wall_ns(); // The reference library looks at the clock.
    snprintf(url, sizeof url, "http://127.0.0.1:%u/in", web_peer_port(room->web));
    assert_status_ok(room_add_url(room, url, NULL, &id, secret));
    assert_int_equal(strlen(secret), AUDIT_WEBHOOK_SECRET_TEXT_BYTES - 1);
    assert_memory_equal(secret, "whsec_", 6);
    room_happen(room, 20);
    room_test(room, id);
    UNTIL(room, room_is_idle);
    assert_int_equal(room_letters(room, NULL), 21);
    assert_int_equal(verify(room, 0, secret), 0);

    char *body = room->letters[7].body, kept = body[strlen(body) - 3];
    body[strlen(body) - 3] ^= 1; // One bit of one body,
    assert_int_equal(verify(room, 0, secret), 1);
    body[strlen(body) - 3] = kept;
    assert_int_equal(verify(room, 0, secret), 0);
    room->letters[7].timestamp[0] ^= 1; // and the time, which is signed too.
    assert_int_equal(verify(room, 0, secret), 1);
}

static void test_both_secrets_sign_while_they_overlap(void **state)
{
    struct room *room = *state;
    char url[128], both[256], first[AUDIT_WEBHOOK_SECRET_TEXT_BYTES],
        second[AUDIT_WEBHOOK_SECRET_TEXT_BYTES], third[AUDIT_WEBHOOK_SECRET_TEXT_BYTES];
    struct id128 id;
    if (!has_python()) skip();
    room->now_ns = clock_wall_ns(); // The reference library looks at the clock.
    snprintf(url, sizeof url, "http://127.0.0.1:%u/in", web_peer_port(room->web));
    assert_status_ok(room_add_url(room, url, NULL, &id, first));
    room_rotate(room, id, 60 * S, second);
    assert_string_not_equal(first, second);
    room_reopen(room);
    snprintf(both, sizeof both, "%s %s", first, second);

    // clang-format off
    const struct {
        const char *when, *secrets;
        uint64_t wait_ns;
    } rows[] = {
        {"at once",             both,   0},
        {"at the end",          both,   60 * S - 1},
        {"when it is over",     second, 1},
    };

    // clang-format on
    for (size_t i = 0; i < ROWS(rows); i++) {
        room_wait(room, rows[i].wait_ns);
        size_t before = room_letters(room, NULL);
        room_happen(room, 1);
        UNTIL(room, room_is_idle);
        assert_int_equal(room_letters(room, NULL), before + 1);
        if (verify(room, before, rows[i].secrets) != 0) fail_msg("%s", rows[i].when);
        bool has_two = strchr(room->letters[before].signature, ' ') != NULL;
        if (has_two != (rows[i].secrets == both)) fail_msg("%s: signatures", rows[i].when);
    }
    room_rotate(room, id, 60 * S, third); // The second is the old one now; the first is nothing.
    snprintf(both, sizeof both, "%s %s", second, third);
    room_happen(room, 1);
    UNTIL(room, room_is_idle);
    assert_int_equal(verify(room, room_letters(room, NULL) - 1, both), 0);
}

static void test_secrets_lie_sealed(void **state)
{
    struct room *room = *state;
    char secret[AUDIT_WEBHOOK_SECRET_TEXT_BYTES];
    uint8_t key[AUDIT_WEBHOOK_SECRET_BYTES];
    size_t key_bytes;
    assert_status_ok(room_add_url(room, "https://erp.example.com/", NULL, NULL, secret));
    assert_true(base64_decode(secret + 6, strlen(secret + 6), key, sizeof key, &key_bytes));
    assert_int_equal(key_bytes, sizeof key);
    room_reopen(room);
    assert_int_equal(directory_count_text(room->fixture->store_path, secret), 0);
    assert_int_equal(directory_count_text(room->fixture->store_path, secret + 6), 0);
    for (size_t i = 0; i < sizeof key; i++)
        if (key[i] == 0) return; // Not a text; the next run's secret has no zero, likely.
    char text[sizeof key + 1] = "";
    memcpy(text, key, sizeof key);
    assert_int_equal(directory_count_text(room->fixture->store_path, text), 0);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
#define TEST(function_) cmocka_unit_test_setup_teardown(function_, room_open, room_close)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hmac_sha256),
        TEST(test_another_implementation_verifies_what_is_posted),
        TEST(test_both_secrets_sign_while_they_overlap),
        TEST(test_secrets_lie_sealed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
