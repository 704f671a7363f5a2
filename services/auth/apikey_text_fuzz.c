// One API key has one text: what is read is written as the same characters.
#include "common/base/check.h"
#include "services/auth/apikey_text.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct id128 id;
    if (!auth_api_key_read(bytes_of(data, size), &id)) return 0;
    char secret[AUTH_API_KEY_SECRET_DIGITS + 1] = "", again[AUTH_API_KEY_TEXT_BYTES];
    memcpy(secret, data + AUTH_API_KEY_SHOWN_BYTES, AUTH_API_KEY_SECRET_DIGITS);
    auth_api_key_write(id, secret, again);
    CHECK(strlen(again) == size);
    CHECK(memcmp(again, data, size) == 0);
    return 0;
}
