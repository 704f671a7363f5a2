// One refresh token has one text: what decode accepts encodes to the same characters.
#include "common/base/check.h"
#include "services/auth/refresh.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct auth_refresh token;
    uint8_t mac[AUTH_MAC_BYTES];
    if (auth_refresh_decode(bytes_of(data, size), &token, mac).code != STATUS_OK) return 0;
    char again[AUTH_REFRESH_TEXT_BYTES];
    auth_refresh_encode(&token, mac, again);
    CHECK(strlen(again) == size);
    CHECK(memcmp(again, data, size) == 0);
    return 0;
}
