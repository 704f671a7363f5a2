#include "common/crypto/token_claims.h"
#include "tests/unit/crypto/signer.h"

static struct status verify(const char *text, uint64_t now_s, const char *owner,
                            struct token_claims *ret)
{
    struct known_key known = {.signer = signer, .owner = owner};
    return token_verify(bytes_of_text(text), now_s, lookup_one, &known, ret);
}

/// The whole token is frozen: whoever verifies our tokens elsewhere has seen these bytes. Header
/// and payload decode to the lines in the comments; the signature is Ed25519 by RFC 8037's key, and
/// was checked with PyJWT and jwcrypto.
static void test_issued_bytes_are_frozen(void **state)
{
    (void)state;
    char path[512], golden[TOKEN_BYTES_MAX + 2], text[TOKEN_BYTES_MAX];
    const char *source = getenv("FLORIN_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/tests/unit/crypto/golden/token_v1.txt",
             source != NULL ? source : ".");
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    do
        assert_non_null(fgets(golden, sizeof golden, file));
    while (golden[0] == '#');
    fclose(file);
    golden[strcspn(golden, "\n")] = 0;

    struct token_claims claims = example_claims();
    size_t size = token_issue(&claims, signer, text);
    assert_int_equal(size, strlen(text));
    assert_string_equal(text, golden);
}

static void test_what_is_issued_is_what_is_verified(void **state)
{
    (void)state;
    char text[TOKEN_BYTES_MAX];
    struct token_claims claims = example_claims(), service = example_service_claims(), back;
    token_issue(&claims, signer, text);
    assert_status_ok(verify(text, NOW_S, "florin-auth", &back));
    assert_memory_equal(&back, &claims, sizeof back);
    token_issue(&service, signer, text);
    assert_status_ok(verify(text, NOW_S, "florin-ledger", &back));
    assert_memory_equal(&back, &service, sizeof back);
    service.aal = 1; // Services may say these two.
    service.auth_time_s = NOW_S;
    token_issue(&service, signer, text);
    assert_status_ok(verify(text, NOW_S, "florin-ledger", &back));
    assert_memory_equal(&back, &service, sizeof back);
}

/// RFC 9068 section 2.2.3.1: scope is one string with blanks between.
static void test_a_token_cut_down_to_scopes(void **state)
{
    (void)state;
    char text[TOKEN_BYTES_MAX], json[TOKEN_PAYLOAD_BYTES_MAX];
    struct token_claims claims = example_claims(), back;
    claims.scope_count = 2;
    snprintf(claims.scopes[0], sizeof claims.scopes[0], "ledger.account.read");
    snprintf(claims.scopes[1], sizeof claims.scopes[1], "audit.read");
    size_t size = token_claims_write(&claims, json);
    json[size] = '\0';
    assert_non_null(
        strstr(json, "\"br\":\"pune-1\",\"scope\":\"ledger.account.read audit.read\",\"aal\":2"));
    token_issue(&claims, signer, text);
    assert_status_ok(verify(text, NOW_S, "florin-auth", &back));
    assert_memory_equal(&back, &claims, sizeof back);
}

static void test_a_user_who_has_yet_to_enrol(void **state)
{
    (void)state;
    char text[TOKEN_BYTES_MAX];
    struct token_claims claims = example_claims(), back;
    claims.aal = 0;
    token_issue(&claims, signer, text);
    assert_status_ok(verify(text, NOW_S, "florin-auth", &back));
    assert_memory_equal(&back, &claims, sizeof back);
}

static void test_longest_claims_fit(void **state)
{
    (void)state;
    struct token_claims claims = example_claims(), back;
    memset(claims.issuer, 'i', sizeof claims.issuer - 1);
    memset(claims.branch, 'b', sizeof claims.branch - 1);
    claims.user_version = claims.auth_time_s = claims.expires_at_s = INT64_MAX;
    claims.amr = TOKEN_AMR_ALL;
    claims.role_count = TOKEN_ROLES_MAX;
    for (size_t i = 0; i < TOKEN_ROLES_MAX; i++)
        memset(claims.roles[i], 'r', sizeof claims.roles[i] - 1);
    claims.scope_count = TOKEN_SCOPES_MAX; // Sixteen, and as long together as they may be.
    for (size_t i = 0; i < TOKEN_SCOPES_MAX; i++)
        memset(claims.scopes[i], 's', (TOKEN_SCOPE_TEXT_BYTES_MAX - 15) / 16);
    memset(claims.scopes[0], 's', (TOKEN_SCOPE_TEXT_BYTES_MAX - 15) / 16 + 369 % 16);
    char text[TOKEN_BYTES_MAX];
    assert_true(token_issue(&claims, signer, text) < TOKEN_BYTES_MAX);
    struct token_parts parts;
    assert_status_ok(token_parse(bytes_of_text(text), &parts));
    back = parts.claims;
    assert_memory_equal(&back, &claims, sizeof back);
}

static void test_times(void **state)
{
    (void)state;

    const struct {
        const char *given;
        int64_t issued_at, not_before, expires_at, now; // Relative to NOW_S.
        const char *reason;
    } rows[] = {
        {"fresh", 0, 0, 300, 0, NULL},
        {"in its last second", 0, 0, 300, 299, NULL},
        {"at its expiry, without leeway", 0, 0, 300, 300, "TOKEN_EXPIRED"},
        {"long after", 0, 0, 300, 100000, "TOKEN_EXPIRED"},
        {"nbf ahead by the leeway", 0, 5, 300, 0, NULL},
        {"nbf ahead by more", 0, 6, 300, 0, "TOKEN_MALFORMED"},
        {"iat ahead by the leeway", 5, 0, 300, 0, NULL},
        {"iat ahead by more", 6, 0, 300, 0, "TOKEN_MALFORMED"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct token_claims claims = example_claims(), back;
        claims.issued_at_s = (uint64_t)(NOW_S + rows[i].issued_at);
        claims.not_before_s = (uint64_t)(NOW_S + rows[i].not_before);
        claims.expires_at_s = (uint64_t)(NOW_S + rows[i].expires_at);
        char text[TOKEN_BYTES_MAX];
        token_issue(&claims, signer, text);
        print_message("  %s\n", rows[i].given);
        struct status status = verify(text, (uint64_t)(NOW_S + rows[i].now), "florin-auth", &back);
        if (rows[i].reason == NULL)
            assert_status_ok(status);
        else
            assert_refused(status, rows[i].reason);
    }
}

static void test_who_may_say_what(void **state)
{
    (void)state;
    struct token_claims user = example_claims(), service = example_service_claims(), back;

    const struct {
        const char *given, *key_owner, *issuer;
        const struct token_claims *claims;
        const char *reason;
    } rows[] = {
        {"auth speaks for a user", "florin-auth", "florin-auth", &user, NULL},
        {"auth speaks for a service", "florin-auth", "florin-auth", &service, NULL},
        {"the ledger for itself", "florin-ledger", "florin-ledger", &service, NULL},
        {"the ledger in auth's name", "florin-ledger", "florin-auth", &user, "TOKEN_MALFORMED"},
        {"the ledger for a user", "florin-ledger", "florin-ledger", &user, "TOKEN_MALFORMED"},
        {"kyc for the ledger", "florin-kyc", "florin-kyc", &service, "TOKEN_MALFORMED"},
        {"a bare name for itself", "ledger", "ledger", &service, "TOKEN_MALFORMED"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct token_claims claims = *rows[i].claims;
        memset(claims.issuer, 0, sizeof claims.issuer);
        snprintf(claims.issuer, sizeof claims.issuer, "%s", rows[i].issuer);
        char text[TOKEN_BYTES_MAX];
        token_issue(&claims, signer, text);
        print_message("  %s\n", rows[i].given);
        struct status status = verify(text, NOW_S, rows[i].key_owner, &back);
        if (rows[i].reason == NULL)
            assert_status_ok(status);
        else
            assert_refused(status, rows[i].reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_issued_bytes_are_frozen),
        cmocka_unit_test(test_what_is_issued_is_what_is_verified),
        cmocka_unit_test(test_a_token_cut_down_to_scopes),
        cmocka_unit_test(test_a_user_who_has_yet_to_enrol),
        cmocka_unit_test(test_longest_claims_fit),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_who_may_say_what),
    };
    return cmocka_run_group_tests(tests, open_signer, close_signer);
}
