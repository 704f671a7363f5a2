// Step-up tokens and what they are linked to: frozen bytes, one reading, and nothing else accepted.
#include "common/base/check.h"
#include "common/crypto/sca_token.h"
#include "tests/unit/crypto/signer.h"

#define KID "kPrK_qmxVWaYVA9wwBF6Ig"
#define LINK "\"lnk\":\"M6hr7dPnIu569E6H1N5CIp4HIE7xfamLSqM9lgxqTnI\""
#define LINK_HEX "33a86bedd3e722ee7af44e87d4de42229e07204ef17da98b4aa33d960c6a4e72"
#define GOOD_HEADER "{\"alg\":\"EdDSA\",\"typ\":\"sca+jwt\",\"kid\":\"" KID "\"}"

static struct sca_payment example_payment(void)
{
    struct sca_payment payment = {.amount = 2500000, .currency = "INR"};
    memset(payment.debit_account_id.bytes, 0xaa, ID128_BYTES);
    memset(payment.credit_account_id.bytes, 0xbb, ID128_BYTES);
    memset(payment.transfer_id.bytes, 0xcc, ID128_BYTES);
    return payment;
}

static struct sca_claims example_approval(void)
{
    struct sca_payment payment = example_payment();
    struct sca_claims claims = {
        .issued_at_s = NOW_S, .expires_at_s = NOW_S + 120, .action = SCA_ACTION_TRANSFER};
    memset(claims.subject.bytes, 0x11, ID128_BYTES);
    memset(claims.token_id.bytes, 0x22, ID128_BYTES);
    sca_link_hash(&payment, claims.link);
    return claims;
}

static struct status verify_at(struct bytes text, uint64_t now_s, const char *owner,
                               struct sca_claims *ret)
{
    struct known_key known = {.signer = signer, .owner = owner};
    return sca_token_verify(text, now_s, lookup_one, &known, ret);
}

// ---- The link ------------------------------------------------------------------------------

/// Worked out by Python's hashlib over the encoding as the header has it.
static void test_the_link_is_frozen(void **state)
{
    (void)state;
    struct sca_payment payment = example_payment();
    uint8_t link[SCA_LINK_BYTES];
    char text[2 * SCA_LINK_BYTES + 1];
    sca_link_hash(&payment, link);
    hex_encode(link, sizeof link, text);
    assert_string_equal(text, LINK_HEX);
}

static void change_payer(struct sca_payment *payment)
{
    payment->debit_account_id.bytes[15] ^= 1;
}

static void change_payee(struct sca_payment *payment)
{
    payment->credit_account_id.bytes[0] ^= 1;
}

static void swap_accounts(struct sca_payment *payment)
{
    struct id128 payer = payment->debit_account_id;
    payment->debit_account_id = payment->credit_account_id;
    payment->credit_account_id = payer;
}

static void change_amount(struct sca_payment *payment)
{
    payment->amount++;
}

static void raise_amount_by_2_to_the_64(struct sca_payment *payment)
{
    payment->amount += (u128)1 << 64;
}

static void change_currency(struct sca_payment *payment)
{
    payment->currency = "IDR";
}

static void lengthen_currency(struct sca_payment *payment)
{
    payment->currency = "INR2";
}

static void change_id(struct sca_payment *payment)
{
    payment->transfer_id.bytes[7] ^= 0x80;
}

static void test_every_part_of_a_payment_is_linked(void **state)
{
    (void)state;
    static void (*const changes[])(struct sca_payment * payment) = {
        change_payer,
        change_payee,
        swap_accounts,
        change_amount,
        raise_amount_by_2_to_the_64,
        change_currency,
        lengthen_currency,
        change_id,
    };
    uint8_t link[ROWS(changes) + 1][SCA_LINK_BYTES];
    for (size_t i = 0; i <= ROWS(changes); i++) {
        struct sca_payment payment = example_payment();
        if (i > 0) changes[i - 1](&payment);
        sca_link_hash(&payment, link[i]);
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(link[j], link[i], SCA_LINK_BYTES);
    }
}

// ---- Tokens --------------------------------------------------------------------------------

/// Signed by an implementation of RFC 8032 that is not ours.
static void test_issued_bytes_are_frozen(void **state)
{
    (void)state;
    char path[512], golden[SCA_TOKEN_BYTES_MAX + 2], text[SCA_TOKEN_BYTES_MAX];
    const char *source = getenv("FLORIN_SOURCE_DIR");
    snprintf(path, sizeof path, "%s/tests/unit/crypto/golden/sca_v1.txt",
             source != NULL ? source : ".");
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    do
        assert_non_null(fgets(golden, sizeof golden, file));
    while (golden[0] == '#');
    fclose(file);
    golden[strcspn(golden, "\n")] = 0;

    struct sca_claims claims = example_approval(), back;
    size_t size = sca_token_issue(&claims, signer, text);
    assert_int_equal(size, strlen(text));
    assert_string_equal(text, golden);
    assert_status_ok(verify_at(bytes_of_text(golden), NOW_S, "florin-auth", &back));
    assert_memory_equal(&back, &claims, sizeof back);
}

static void test_the_longest_claims_fit(void **state)
{
    (void)state;
    char text[SCA_TOKEN_BYTES_MAX];
    struct sca_claims claims = example_approval(), back;
    memset(claims.action, 'a', sizeof claims.action - 1);
    claims.expires_at_s = INT64_MAX;
    claims.issued_at_s = INT64_MAX - 120;
    size_t size = sca_token_issue(&claims, signer, text);
    assert_status_ok(verify_at(bytes_of(text, size), INT64_MAX - 1, "florin-auth", &back));
    assert_memory_equal(&back, &claims, sizeof back);
}

static void test_times(void **state)
{
    (void)state;

    static const struct {
        const char *given;
        int issued_at, expires_at, now; // Relative to NOW_S.
        bool is_good;
    } rows[] = {
        {"fresh", 0, 120, 0, true},
        {"in its last second", 0, 120, 119, true},
        {"at its end, without leeway", 0, 120, 120, false},
        {"long after", 0, 120, 100000, false},
        {"issued ahead by the leeway", 5, 120, 0, true},
        {"issued ahead by more", 6, 120, 0, false},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        struct sca_claims claims = example_approval(), back;
        char text[SCA_TOKEN_BYTES_MAX];
        claims.issued_at_s = (uint64_t)(NOW_S + rows[i].issued_at);
        claims.expires_at_s = (uint64_t)(NOW_S + rows[i].expires_at);
        size_t size = sca_token_issue(&claims, signer, text);
        print_message("  %s\n", rows[i].given);
        struct status status =
            verify_at(bytes_of(text, size), (uint64_t)(NOW_S + rows[i].now), "florin-auth", &back);
        if (rows[i].is_good)
            assert_status_ok(status);
        else
            assert_refused(status, "SCA_INVALID");
    }
}

/// sign makes a token of any header and payload, signed rightly over what it says.
static size_t sign(const char *header, const char *payload, char *ret, size_t ret_bytes)
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

static void assert_verdict(const char *given, struct bytes text, bool is_good)
{
    struct sca_claims claims;
    print_message("  %s\n", given);
    struct status status = verify_at(text, NOW_S, "florin-auth", &claims);
    if (is_good)
        assert_status_ok(status);
    else
        assert_refused(status, "SCA_INVALID");
}

#define ISS "\"iss\":\"florin-auth\","
#define SUB "\"sub\":\"11111111-1111-1111-1111-111111111111\","
#define AUD "\"aud\":\"florin\","
#define TIMES "\"exp\":1800000120,\"iat\":1800000000,"
#define JTI "\"jti\":\"22222222-2222-2222-2222-222222222222\","
#define ACT "\"act\":\"ledger.transfer.create\","
#define GOOD_PAYLOAD "{" ISS SUB AUD TIMES JTI ACT LINK "}"

static void test_only_the_one_header(void **state)
{
    (void)state;

    static const struct {
        const char *given, *header;
    } rows[] = {
        {"the header", GOOD_HEADER},
        {"an access token's typ", "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"" KID "\"}"},
        {"typ JWT", "{\"alg\":\"EdDSA\",\"typ\":\"JWT\",\"kid\":\"" KID "\"}"},
        {"a longer typ", "{\"alg\":\"EdDSA\",\"typ\":\"sca+jwt2\",\"kid\":\"" KID "\"}"},
        {"no typ", "{\"alg\":\"EdDSA\",\"kid\":\"" KID "\"}"},
        {"alg none", "{\"alg\":\"none\",\"typ\":\"sca+jwt\",\"kid\":\"" KID "\"}"},
        {"alg HS256", "{\"alg\":\"HS256\",\"typ\":\"sca+jwt\",\"kid\":\"" KID "\"}"},
        {"an extra member", "{\"alg\":\"EdDSA\",\"typ\":\"sca+jwt\",\"kid\":\"" KID "\",\"x\":1}"},
        {"another order", "{\"typ\":\"sca+jwt\",\"alg\":\"EdDSA\",\"kid\":\"" KID "\"}"},
        {"a kid that is a path",
         "{\"alg\":\"EdDSA\",\"typ\":\"sca+jwt\",\"kid\":\"../../../keys/auth.key\"}"},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[SCA_TOKEN_BYTES_MAX];
        size_t size = sign(rows[i].header, GOOD_PAYLOAD, text, sizeof text);
        assert_verdict(rows[i].given, bytes_of(text, size), i == 0);
    }
}

static void test_only_well_formed_claims(void **state)
{
    (void)state;

    static const struct {
        const char *given, *payload;
        bool is_good;
    } rows[] = {
        {"the payload", GOOD_PAYLOAD, true},
        {"a claim of a later version", "{" ISS SUB AUD TIMES JTI ACT LINK ",\"later\":{}}", true},
        {"another issuer", "{\"iss\":\"florin-kyc\"," SUB AUD TIMES JTI ACT LINK "}", false},
        {"no issuer", "{" SUB AUD TIMES JTI ACT LINK "}", false},
        {"another audience", "{" ISS SUB "\"aud\":\"fl0rin\"," TIMES JTI ACT LINK "}", false},
        {"a list of audiences", "{" ISS SUB "\"aud\":[\"florin\"]," TIMES JTI ACT LINK "}", false},
        {"no subject", "{" ISS AUD TIMES JTI ACT LINK "}", false},
        {"a service", "{" ISS "\"sub\":\"services/ledger\"," AUD TIMES JTI ACT LINK "}", false},
        {"the nil subject",
         "{" ISS "\"sub\":\"00000000-0000-0000-0000-000000000000\"," AUD TIMES JTI ACT LINK "}",
         false},
        {"no jti", "{" ISS SUB AUD TIMES ACT LINK "}", false},
        {"no action", "{" ISS SUB AUD TIMES JTI LINK "}", false},
        {"an action with a blank", "{" ISS SUB AUD TIMES JTI "\"act\":\"a b\"," LINK "}", false},
        {"an action with a NUL", "{" ISS SUB AUD TIMES JTI "\"act\":\"a\\u0000\"," LINK "}", false},
        {"no link", "{" ISS SUB AUD TIMES JTI "\"act\":\"a\"}", false},
        {"a short link", "{" ISS SUB AUD TIMES JTI ACT "\"lnk\":\"AAAA\"}", false},
        {"a link with padding",
         "{" ISS SUB AUD TIMES JTI ACT "\"lnk\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"}",
         false},
        {"the link twice", "{" ISS SUB AUD TIMES JTI ACT LINK "," LINK "}", false},
        {"a life of 121 s",
         "{" ISS SUB AUD "\"exp\":1800000121,\"iat\":1800000000," JTI ACT LINK "}", false},
        {"an end before the beginning",
         "{" ISS SUB AUD "\"exp\":1800000001,\"iat\":1800000002," JTI ACT LINK "}", false},
        {"exp as text",
         "{" ISS SUB AUD "\"exp\":\"1800000120\",\"iat\":1800000000," JTI ACT LINK "}", false},
        {"something after the object", GOOD_PAYLOAD "x", false},
        {"an array", "[" GOOD_PAYLOAD "]", false},
    };

    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[SCA_TOKEN_BYTES_MAX];
        size_t size = sign(GOOD_HEADER, rows[i].payload, text, sizeof text);
        assert_verdict(rows[i].given, bytes_of(text, size), rows[i].is_good);
    }
}

static void test_every_changed_character_is_refused(void **state)
{
    (void)state;
    struct sca_claims claims = example_approval(), back;
    char good[SCA_TOKEN_BYTES_MAX], bad[SCA_TOKEN_BYTES_MAX];
    size_t size = sca_token_issue(&claims, signer, good);
    for (size_t i = 0; i < size; i++) {
        memcpy(bad, good, size);
        bad[i] ^= 1;
        assert_refused(verify_at(bytes_of(bad, size), NOW_S, "florin-auth", &back), "SCA_INVALID");
        assert_refused(verify_at(bytes_of(good, i), NOW_S, "florin-auth", &back), "SCA_INVALID");
    }
    memset(bad, 'A', sizeof bad);
    assert_refused(verify_at(bytes_of(bad, sizeof bad), NOW_S, "florin-auth", &back),
                   "SCA_INVALID");
}

static void test_only_auths_own_key_approves(void **state)
{
    (void)state;
    char text[SCA_TOKEN_BYTES_MAX];
    struct sca_claims claims = example_approval(), back;
    struct bytes token = bytes_of(text, sca_token_issue(&claims, signer, text));
    assert_status_ok(verify_at(token, NOW_S, "florin-auth", &back));
    assert_refused(verify_at(token, NOW_S, "florin-ledger", &back), "SCA_INVALID");

    static const uint8_t other_seed[KEY_SEED_BYTES] = {1};
    struct key_signer *other = NULL;
    assert_status_ok(key_signer_from_seed(other_seed, &other));
    token.size = sca_token_issue(&claims, other, text);
    assert_refused(verify_at(token, NOW_S, "florin-auth", &back), "SCA_INVALID");
    key_signer_close(&other);
}

static void test_an_access_token_is_no_approval_and_the_other_way_round(void **state)
{
    (void)state;
    char access[TOKEN_BYTES_MAX], approval[SCA_TOKEN_BYTES_MAX];
    struct token_claims access_claims = example_claims();
    struct sca_claims claims = example_approval();
    struct known_key known = {.signer = signer, .owner = "florin-auth"};
    token_issue(&access_claims, signer, access);
    sca_token_issue(&claims, signer, approval);
    assert_verdict("an access token", bytes_of_text(access), false);
    assert_refused(token_verify(bytes_of_text(approval), NOW_S, lookup_one, &known, &access_claims),
                   "TOKEN_MALFORMED");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_link_is_frozen),
        cmocka_unit_test(test_every_part_of_a_payment_is_linked),
        cmocka_unit_test(test_issued_bytes_are_frozen),
        cmocka_unit_test(test_the_longest_claims_fit),
        cmocka_unit_test(test_times),
        cmocka_unit_test(test_only_the_one_header),
        cmocka_unit_test(test_only_well_formed_claims),
        cmocka_unit_test(test_every_changed_character_is_refused),
        cmocka_unit_test(test_only_auths_own_key_approves),
        cmocka_unit_test(test_an_access_token_is_no_approval_and_the_other_way_round),
    };
    return cmocka_run_group_tests(tests, open_signer, close_signer);
}
