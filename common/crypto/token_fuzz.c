// What token_parse accepts says the same when it is written again; nothing else matters to it, and
// nothing makes it crash. An input that begins with '{' is wrapped as a payload under the right
// header, so that the fuzzer need not find base64 to reach the claims.
#include "common/base/check.h"
#include "common/base/text.h"
#include "common/crypto/token.h"
#include "common/crypto/token_claims.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t wrap_payload(struct bytes json, char ret_text[static TOKEN_BYTES_MAX])
{
    static const char header[] = "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":"
                                 "\"kPrK_qmxVWaYVA9wwBF6Ig\"}";
    static const uint8_t signature[KEY_SIGNATURE_BYTES];
    size_t size = base64url_encode((const uint8_t *)header, sizeof header - 1, ret_text);
    ret_text[size++] = '.';
    size += base64url_encode(json.data, json.size, ret_text + size);
    ret_text[size++] = '.';
    return size + base64url_encode(signature, sizeof signature, ret_text + size);
}

static void check_claims_survive(const struct token_claims *claims)
{
    char json[TOKEN_PAYLOAD_BYTES_MAX];
    size_t size = token_claims_write(claims, json);
    struct token_claims again;
    CHECK(status_ok(token_claims_read(bytes_of(json, size), &again)));
    CHECK(memcmp(&again, claims, sizeof again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[TOKEN_BYTES_MAX];
    struct token_parts parts;
    struct bytes token = bytes_of(data, size);
    if (size > 0 && size <= TOKEN_PAYLOAD_BYTES_MAX && data[0] == '{')
        token = bytes_of(text, wrap_payload(token, text));
    if (!status_ok(token_parse(token, &parts))) return 0;
    check_claims_survive(&parts.claims);
    CHECK(parts.signed_text.size + 1 + BASE64URL_TEXT_BYTES(KEY_SIGNATURE_BYTES) - 1 == token.size);
    return 0;
}
