// What sca_token_parse accepts keeps the rules of its header, and a token made of what was read is
// accepted again and says the same. An input that begins with '{' is wrapped as a payload under the
// right header, so that the fuzzer need not find base64 to reach the claims.
#include "common/base/check.h"
#include "common/base/text.h"
#include "common/crypto/sca_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WRAPPED_BYTES_MAX = 384 };

static const struct key_signer *signer(void)
{
    static const uint8_t seed[KEY_SEED_BYTES] = {1};
    static struct key_signer *made;
    if (made == NULL) {
        CHECK(status_ok(crypto_open()));
        CHECK(status_ok(key_signer_from_seed(seed, &made)));
    }
    return made;
}

static void check_claims_survive(const struct sca_claims *claims)
{
    char text[SCA_TOKEN_BYTES_MAX];
    struct sca_token_parts again;
    size_t size = sca_token_issue(claims, signer(), text);
    CHECK(status_ok(sca_token_parse(bytes_of(text, size), &again)));
    CHECK(memcmp(&again.claims, claims, sizeof *claims) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[JWS_BYTES_MAX];
    struct sca_token_parts parts;
    struct bytes token = bytes_of(data, size);
    if (size > 0 && size <= WRAPPED_BYTES_MAX && data[0] == '{')
        token = bytes_of(text, jws_write("sca+jwt", token, signer(), text, sizeof text));
    if (!status_ok(sca_token_parse(token, &parts))) return 0;
    CHECK(parts.claims.expires_at_s > parts.claims.issued_at_s);
    CHECK(parts.claims.expires_at_s - parts.claims.issued_at_s <= SCA_TOKEN_LIFE_S);
    CHECK(parts.signed_text.size + 1 + BASE64URL_TEXT_BYTES(KEY_SIGNATURE_BYTES) - 1 == token.size);
    check_claims_survive(&parts.claims);
    return 0;
}
