// What an attacker who owns a valid token, but no key, can send; and what a careless issuer with a
// key could. Every row but the first of a table must be refused.
#include "common/base/check.h"
#include "common/crypto/token_claims.h"
#include "tests/unit/crypto/signer.h"

#define KID "kPrK_qmxVWaYVA9wwBF6Ig"
#define GOOD_HEADER "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"" KID "\"}"
#define ID_1 "11111111-1111-1111-1111-111111111111"
#define ID_2 "22222222-2222-2222-2222-222222222222"
#define ID_3 "33333333-3333-3333-3333-333333333333"
#define TIMES "\"exp\":1800000300,\"nbf\":1800000000,\"iat\":1800000000"
#define SESSION "\"sid\":\"" ID_3 "\",\"uv\":7,\"aal\":2,\"amr\":[\"pwd\"],\"auth_time\":1799999940"
#define GOOD_PAYLOAD                                                                               \
    "{\"iss\":\"florin-auth\",\"sub\":\"" ID_1 "\",\"aud\":\"florin\"," TIMES ",\"jti\":\"" ID_2   \
    "\",\"roles\":[\"customer\"]," SESSION "}"

/// sign_token makes a token of any header and payload, signed rightly over what it says.
static size_t sign_token(const char *header, const char *payload, char *ret, size_t ret_bytes)
{
    CHECK(BASE64URL_TEXT_BYTES(strlen(header)) + BASE64URL_TEXT_BYTES(strlen(payload)) + 100 <
          ret_bytes);
    size_t size = base64url_encode((const uint8_t *)header, strlen(header), ret);
    ret[size++] = '.';
    size += base64url_encode((const uint8_t *)payload, strlen(payload), ret + size);
    uint8_t signature[KEY_SIGNATURE_BYTES];
    key_sign(signer, bytes_of(ret, size), signature);
    ret[size++] = '.';
    return size + base64url_encode(signature, sizeof signature, ret + size);
}

static struct status verify_bytes(struct bytes text, struct known_key *ret_known)
{
    struct token_claims claims;
    *ret_known = (struct known_key){.signer = signer, .owner = "florin-auth"};
    return token_verify(text, NOW_S, lookup_one, ret_known, &claims);
}

static void assert_verdict(const char *given, struct bytes text, bool is_good)
{
    struct known_key known;
    print_message("  %s\n", given);
    struct status status = verify_bytes(text, &known);
    if (is_good)
        assert_status_ok(status);
    else
        assert_refused(status, "TOKEN_MALFORMED");
}

static void test_only_the_one_header(void **state)
{
    (void)state;

    static const struct {
        const char *given, *header;
    } rows[] = {
        {"the header", GOOD_HEADER},
        {"alg none", "{\"alg\":\"none\",\"typ\":\"at+jwt\",\"kid\":\"" KID "\"}"},
        {"alg nOnE", "{\"alg\":\"nOnE\",\"typ\":\"at+jwt\",\"kid\":\"" KID "\"}"},
        {"alg HS256", "{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"" KID "\"}"},
        {"alg ES256", "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"" KID "\"}"},
        {"an extra member", "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"" KID "\",\"x\":1}"},
        {"a jwk of its own",
         "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"" KID "\",\"jwk\":{}}"},
        {"crit", "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"" KID "\",\"crit\":[\"x\"]}"},
        {"another order", "{\"typ\":\"at+jwt\",\"alg\":\"EdDSA\",\"kid\":\"" KID "\"}"},
        {"a space", "{\"alg\": \"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"" KID "\"}"},
        {"alg twice",
         "{\"alg\":\"EdDSA\",\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"" KID "\"}"},
        {"typ JWT", "{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"" KID "\"}"},
        {"no typ", "{\"alg\":\"EdDSA\",\"kid\":\"" KID "\"}"},
        {"no kid", "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\"}"},
        {"an empty kid", "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"\"}"},
        {"a kid that is a path", "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"../../keys/x\"}"},
        {"such a path of a kid's length",
         "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"../../../keys/auth.key\"}"},
        {"a kid with a quote",
         "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"kPrK_qmxVWaYVA9wwBF\\\"g\"}"},
        {"a kid with unused bits",
         "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"kPrK_qmxVWaYVA9wwBF6Ih\"}"},
        {"something after it", GOOD_HEADER " "},
        {"an array", "[]"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[TOKEN_BYTES_MAX];
        size_t size = sign_token(rows[i].header, GOOD_PAYLOAD, text, sizeof text);
        assert_verdict(rows[i].given, bytes_of(text, size), i == 0);
    }
}

static void test_no_lookup_for_a_kid_that_is_none(void **state)
{
    (void)state;
    char text[TOKEN_BYTES_MAX];
    struct known_key known;
    size_t size =
        sign_token("{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"../../../keys/auth.key\"}",
                   GOOD_PAYLOAD, text, sizeof text);
    assert_refused(verify_bytes(bytes_of(text, size), &known), "TOKEN_MALFORMED");
    assert_string_equal(known.asked_kid, "");
}

#define PAYLOAD(members) "{" members "}"
#define ISS "\"iss\":\"florin-auth\","
#define SUB "\"sub\":\"" ID_1 "\","
#define AUD "\"aud\":\"florin\","
#define JTI ",\"jti\":\"" ID_2 "\""
#define ROLES ",\"roles\":[\"customer\"],"
#define TEN_ROLES "\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\""

static const struct {
    const char *given, *payload;
} payloads[] = {
    {"the payload", GOOD_PAYLOAD},
    {"another audience", PAYLOAD(ISS SUB "\"aud\":\"fl0rin\"," TIMES JTI ROLES SESSION)},
    {"a list of audiences", PAYLOAD(ISS SUB "\"aud\":[\"florin\"]," TIMES JTI ROLES SESSION)},
    {"no audience", PAYLOAD(ISS SUB TIMES JTI ROLES SESSION)},
    {"another issuer", PAYLOAD("\"iss\":\"florin-kyc\"," SUB AUD TIMES JTI ROLES SESSION)},
    {"no issuer", PAYLOAD(SUB AUD TIMES JTI ROLES SESSION)},
    {"no subject", PAYLOAD(ISS AUD TIMES JTI ROLES SESSION)},
    {"a subject that is no UUID", PAYLOAD(ISS "\"sub\":\"root\"," AUD TIMES JTI ROLES SESSION)},
    {"the nil subject",
     PAYLOAD(ISS "\"sub\":\"00000000-0000-0000-0000-000000000000\"," AUD TIMES JTI ROLES SESSION)},
    {"a nameless service", PAYLOAD(ISS "\"sub\":\"services/\"," AUD TIMES JTI ROLES SESSION)},
    {"a service of a path", PAYLOAD(ISS "\"sub\":\"services/../x\"," AUD TIMES JTI ROLES SESSION)},
    {"roles twice", PAYLOAD(ISS SUB AUD TIMES JTI ",\"roles\":[\"admin\"]" ROLES SESSION)},
    {"exp twice", PAYLOAD(ISS SUB AUD "\"exp\":9800000300," TIMES JTI ROLES SESSION)},
    {"a member inside twice",
     PAYLOAD(ISS SUB AUD TIMES JTI ROLES SESSION ",\"x\":{\"a\":1,\"a\":1}")},
    {"exp as text",
     PAYLOAD(ISS SUB AUD "\"exp\":\"1800000300\",\"nbf\":1,\"iat\":1" JTI ROLES SESSION)},
    {"exp with a fraction",
     PAYLOAD(ISS SUB AUD "\"exp\":1800000300.5,\"nbf\":1,\"iat\":1" JTI ROLES SESSION)},
    {"exp below zero", PAYLOAD(ISS SUB AUD "\"exp\":-1,\"nbf\":1,\"iat\":1" JTI ROLES SESSION)},
    {"exp beyond 63 bits",
     PAYLOAD(ISS SUB AUD "\"exp\":9223372036854775808,\"nbf\":1,\"iat\":1" JTI ROLES SESSION)},
    {"no nbf", PAYLOAD(ISS SUB AUD "\"exp\":1800000300,\"iat\":1" JTI ROLES SESSION)},
    {"no jti", PAYLOAD(ISS SUB AUD TIMES ROLES SESSION)},
    {"no roles", PAYLOAD(ISS SUB AUD TIMES JTI "," SESSION)},
    {"twenty roles",
     PAYLOAD(ISS SUB AUD TIMES JTI ",\"roles\":[" TEN_ROLES "," TEN_ROLES "]," SESSION)},
    {"a role of 32 letters",
     PAYLOAD(ISS SUB AUD TIMES JTI ",\"roles\":[\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"]," SESSION)},
    {"a role with an escaped NUL",
     PAYLOAD(ISS SUB AUD TIMES JTI ",\"roles\":[\"admin\\u0000\"]," SESSION)},
    {"an empty role", PAYLOAD(ISS SUB AUD TIMES JTI ",\"roles\":[\"\"]," SESSION)},
    {"roles as text", PAYLOAD(ISS SUB AUD TIMES JTI ",\"roles\":\"admin\"," SESSION)},
    {"a user without a session", PAYLOAD(ISS SUB AUD TIMES JTI ",\"roles\":[]")},
    {"a user without aal",
     PAYLOAD(ISS SUB AUD TIMES JTI ROLES "\"sid\":\"" ID_3 "\",\"uv\":7,\"amr\":[],"
                                         "\"auth_time\":1")},
    {"aal below zero",
     PAYLOAD(ISS SUB AUD TIMES JTI ROLES "\"sid\":\"" ID_3 "\",\"uv\":7,\"aal\":-1,"
                                         "\"amr\":[],\"auth_time\":1")},
    {"a service of aal 0",
     PAYLOAD(ISS "\"sub\":\"services/ledger\"," AUD TIMES JTI ",\"roles\":[],\"aal\":0")},
    {"a service with scopes", PAYLOAD(ISS "\"sub\":\"services/ledger\"," AUD TIMES JTI
                                          ",\"roles\":[],\"scope\":\"audit.read\"")},
    {"an empty scope", PAYLOAD(ISS SUB AUD TIMES JTI ROLES SESSION ",\"scope\":\"\"")},
    {"a blank scope", PAYLOAD(ISS SUB AUD TIMES JTI ROLES SESSION ",\"scope\":\" \"")},
    {"a scope that begins with a blank",
     PAYLOAD(ISS SUB AUD TIMES JTI ROLES SESSION ",\"scope\":\" a\"")},
    {"a scope that ends with a blank",
     PAYLOAD(ISS SUB AUD TIMES JTI ROLES SESSION ",\"scope\":\"a \"")},
    {"scopes with two blanks between",
     PAYLOAD(ISS SUB AUD TIMES JTI ROLES SESSION ",\"scope\":\"a  b\"")},
    {"scopes with a comma between",
     PAYLOAD(ISS SUB AUD TIMES JTI ROLES SESSION ",\"scope\":\"a,b\"")},
    {"a scope with an escaped NUL",
     PAYLOAD(ISS SUB AUD TIMES JTI ROLES SESSION ",\"scope\":\"a\\u0000 b\"")},
    {"seventeen scopes", PAYLOAD(ISS SUB AUD TIMES JTI ROLES SESSION
                                 ",\"scope\":\"a a a a a a a a a a a a a a a a a\"")},
    {"a scope of 32 letters", PAYLOAD(ISS SUB AUD TIMES JTI ROLES SESSION
                                      ",\"scope\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"")},
    {"a list of scopes", PAYLOAD(ISS SUB AUD TIMES JTI ROLES SESSION ",\"scope\":[\"a\"]")},
    {"scope null", PAYLOAD(ISS SUB AUD TIMES JTI ROLES SESSION ",\"scope\":null")},
    {"scope twice",
     PAYLOAD(ISS SUB AUD TIMES JTI ROLES SESSION ",\"scope\":\"a\",\"scope\":\"b\"")},
    {"aal 4", PAYLOAD(ISS SUB AUD TIMES JTI ROLES "\"sid\":\"" ID_3 "\",\"uv\":7,\"aal\":4,"
                                                  "\"amr\":[],\"auth_time\":1")},
    {"something after the object", GOOD_PAYLOAD "x"},
    {"a second object", GOOD_PAYLOAD "{}"},
    {"an array", "[" GOOD_PAYLOAD "]"},
    {"not JSON", "florin"},
    {"UTF-8 that is none", PAYLOAD("\"x\":\"\xC0\xAF\"," ISS SUB AUD TIMES JTI ROLES SESSION)},
};

static void test_only_well_formed_claims(void **state)
{
    (void)state;

    for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
        char text[TOKEN_BYTES_MAX];
        size_t size = sign_token(GOOD_HEADER, payloads[i].payload, text, sizeof text);
        assert_verdict(payloads[i].given, bytes_of(text, size), i == 0);
    }
}

static void test_unknown_claims_are_passed_over(void **state)
{
    (void)state;
    char text[TOKEN_BYTES_MAX];
    size_t size = sign_token(GOOD_HEADER,
                             PAYLOAD(ISS SUB AUD TIMES JTI ROLES SESSION ",\"later\":{\"a\":[1]}"),
                             text, sizeof text);
    assert_verdict("a claim of a later version", bytes_of(text, size), true);
}

static void test_only_three_canonical_parts(void **state)
{
    (void)state;
    char good[TOKEN_BYTES_MAX], text[TOKEN_BYTES_MAX + 64];
    size_t size = sign_token(GOOD_HEADER, GOOD_PAYLOAD, good, sizeof good);
    char *first_dot = strchr(good, '.'), *second_dot = strchr(first_dot + 1, '.');
    int header_size = (int)(first_dot - good), payload_size = (int)(second_dot - first_dot - 1);
    const char *payload = first_dot + 1, *signature = second_dot + 1;

    const struct {
        const char *given, *format;
    } rows[] = {
        {"as issued", "%.*s.%.*s.%s"},
        {"padding after the header", "%.*s=.%.*s.%s"},
        {"padding after the payload", "%.*s.%.*s=.%s"},
        {"padding after the signature", "%.*s.%.*s.%s=="},
        {"a newline after it", "%.*s.%.*s.%s\n"},
        {"a space before it", " %.*s.%.*s.%s"},
        {"a fourth part", "%.*s.%.*s.%s.e30"},
        {"a last dot", "%.*s.%.*s.%s."},
        {"a dot too many", "%.*s..%.*s.%s"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        int made = snprintf(text, sizeof text, rows[i].format, header_size, good, payload_size,
                            payload, signature);
#pragma GCC diagnostic pop
        assert_verdict(rows[i].given, bytes_of(text, (size_t)made), i == 0);
    }
    assert_verdict("nothing", bytes_of("", 0), false);
    assert_verdict("two dots", bytes_of_text(".."), false);
    assert_verdict("no signature", bytes_of(good, (size_t)(signature - good)), false);
    assert_verdict("no dot", bytes_of(good, (size_t)header_size), false);
    assert_verdict("no payload",
                   bytes_of(text, (size_t)snprintf(text, sizeof text, "%.*s..%s", header_size, good,
                                                   signature)),
                   false);
    memcpy(text, good, size);
    text[size] = 0;
    assert_verdict("a NUL after it", bytes_of(text, size + 1), false);
}

static void test_every_changed_character_is_refused(void **state)
{
    (void)state;
    char good[TOKEN_BYTES_MAX], bad[TOKEN_BYTES_MAX];
    size_t size = sign_token(GOOD_HEADER, GOOD_PAYLOAD, good, sizeof good);
    struct known_key known;
    // The last character of each part carries unused bits: here they are set, one by one.
    for (size_t i = 0; i < size; i++) {
        for (unsigned bit = 0; bit < 7; bit++) {
            memcpy(bad, good, size);
            bad[i] = (char)(bad[i] ^ (1 << bit));
            assert_refused(verify_bytes(bytes_of(bad, size), &known), "TOKEN_MALFORMED");
        }
    }
    for (size_t cut = 0; cut < size; cut++)
        assert_refused(verify_bytes(bytes_of(good, cut), &known), "TOKEN_MALFORMED");
}

/// S and S + L satisfy the same equation; only the smaller is the signature (RFC 8032, 5.1.7).
static void test_second_signature_s_plus_l_is_refused(void **state)
{
    (void)state;
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                      0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    char text[TOKEN_BYTES_MAX];
    size_t size = sign_token(GOOD_HEADER, GOOD_PAYLOAD, text, sizeof text);
    char *signature_text = strrchr(text, '.') + 1;
    uint8_t signature[KEY_SIGNATURE_BYTES];
    size_t signature_size;
    assert_true(base64url_decode(signature_text, (size_t)(text + size - signature_text), signature,
                                 sizeof signature, &signature_size));
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)signature[32 + i] + order[i];
        signature[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_int_equal(carry, 0);
    base64url_encode(signature, sizeof signature, signature_text);
    assert_verdict("S + L", bytes_of(text, size), false);
}

static void test_token_of_another_key_is_refused(void **state)
{
    (void)state;
    static const uint8_t other_seed[KEY_SEED_BYTES] = {1};
    struct key_signer *other = NULL;
    assert_status_ok(key_signer_from_seed(other_seed, &other));
    struct token_claims claims = example_claims();
    char text[TOKEN_BYTES_MAX];
    assert_verdict("an unknown kid", bytes_of(text, token_issue(&claims, other, text)), false);
    key_signer_close(&other);
}

static void test_overlong_token_is_refused_unread(void **state)
{
    (void)state;
    char text[TOKEN_BYTES_MAX];
    memset(text, 'A', sizeof text);
    assert_verdict("2 KiB", bytes_of(text, sizeof text), false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_the_one_header),
        cmocka_unit_test(test_no_lookup_for_a_kid_that_is_none),
        cmocka_unit_test(test_only_well_formed_claims),
        cmocka_unit_test(test_unknown_claims_are_passed_over),
        cmocka_unit_test(test_only_three_canonical_parts),
        cmocka_unit_test(test_every_changed_character_is_refused),
        cmocka_unit_test(test_second_signature_s_plus_l_is_refused),
        cmocka_unit_test(test_token_of_another_key_is_refused),
        cmocka_unit_test(test_overlong_token_is_refused_unread),
    };
    return cmocka_run_group_tests(tests, open_signer, close_signer);
}
