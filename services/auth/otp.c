#include "services/auth/otp.h"

#include "common/base/check.h"

#include <stdio.h>

void auth_otp_generate(char ret_code[static AUTH_CODE_TEXT_BYTES])
{
    const uint32_t count = 1000000, fair_below = UINT32_MAX - UINT32_MAX % count;
    uint32_t value;
    do {
        key_random(&value, sizeof value);
    } while (value >= fair_below); // The rest of the range would favour the small codes.
    int size = snprintf(ret_code, AUTH_CODE_TEXT_BYTES, "%06u", value % count);
    CHECK(size == AUTH_CODE_DIGITS);
}

void auth_otp_mac(const struct auth_store *auth, struct id128 registration_id,
                  enum auth_channel channel, const char *code, uint8_t ret[static AUTH_MAC_BYTES])
{
    uint8_t bound[ID128_BYTES + 1 + AUTH_CODE_DIGITS];
    CHECK(strlen(code) == AUTH_CODE_DIGITS);
    memcpy(bound, registration_id.bytes, ID128_BYTES);
    bound[ID128_BYTES] = (uint8_t)channel;
    memcpy(bound + ID128_BYTES + 1, code, AUTH_CODE_DIGITS);
    auth_store_mac(auth, "otp", bytes_of(bound, sizeof bound), ret);
}

void auth_otp_flow_mac(const struct auth_store *auth, const struct auth_flow *flow,
                       enum auth_channel channel, const char *code,
                       uint8_t ret[static AUTH_MAC_BYTES])
{
    uint8_t bound[ID128_BYTES + 2 + AUTH_CODE_DIGITS];
    CHECK(strlen(code) == AUTH_CODE_DIGITS);
    memcpy(bound, flow->id.bytes, ID128_BYTES);
    bound[ID128_BYTES] = (uint8_t)flow->purpose;
    bound[ID128_BYTES + 1] = (uint8_t)channel;
    memcpy(bound + ID128_BYTES + 2, code, AUTH_CODE_DIGITS);
    auth_store_mac(auth, "flow_otp", bytes_of(bound, sizeof bound), ret);
}
