#include "tests/support/codes.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { OUTBOX_BYTES = 256 * 1024, WAIT_TRIES = 500, WAIT_PAUSE_MS = 10, STEP_S = 30, MARGIN_S = 3 };

// ---- Sent ---------------------------------------------------------------------------------------

void codes_reset(struct codes *codes)
{
    for (size_t i = 0; i < codes->count; i++)
        free(codes->names[i]);
    codes->count = 0;
}

static size_t *taken_of(struct codes *codes, const char *name)
{
    size_t i = 0;
    while (i < codes->count && strcmp(codes->names[i], name) != 0)
        i++;
    if (i == CODES_PEOPLE_MAX) abort();
    if (i == codes->count) {
        codes->names[codes->count++] = strdup(name);
        codes->taken[i] = 0;
    }
    return &codes->taken[i];
}

/// Counts the messages that carry a code, and gives the last one's.
static size_t count_codes(char *output, char ret_last[static WORLD_ID_BYTES])
{
    size_t count = 0;
    char *last = NULL;
    for (char *line = strtok_r(output, "\n", &last); line != NULL;
         line = strtok_r(NULL, "\n", &last)) {
        char code[16]; // time, channel, to, kind, code, text
        if (sscanf(line, "%*s %*s %*s %*s %15[0-9]", code) != 1) continue;
        snprintf(ret_last, WORLD_ID_BYTES, "%s", code);
        count++;
    }
    return count;
}

void codes_take(struct codes *codes, const struct world *world, const char *name,
                char ret[static WORLD_ID_BYTES])
{
    char arguments[160];
    size_t *taken = taken_of(codes, name);
    char *output = malloc(OUTBOX_BYTES);
    if (output == NULL) abort();
    // A name of digits is a mobile number's.
    bool is_number = strspn(name, "0123456789") == strlen(name);
    snprintf(arguments, sizeof arguments,
             is_number ? "outbox --to +%s" : "outbox --to %s@example.com", name);
    for (unsigned i = 0; i < WAIT_TRIES; i++) {
        world_florin(world, arguments, output, OUTBOX_BYTES);
        size_t count = count_codes(output, ret);
        bool is_new = count > *taken;
        if (is_new) *taken = count;
        if (is_new || i + 1 == WAIT_TRIES) {
            free(output);
            if (is_new) return;
            fprintf(stderr, "no new code was sent to %s\n", name);
            abort();
        }
        poll(NULL, 0, WAIT_PAUSE_MS);
    }
}

// ---- Shown by an authenticator
// --------------------------------------------------------------------

/// RFC 4648 base32 without padding.
static size_t decode_base32(const char *text, uint8_t *ret, size_t bytes_max)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t size = 0;
    for (; *text != '\0' && *text != '='; text++) {
        const char *at = strchr(alphabet, *text);
        if (at == NULL || size == bytes_max) abort();
        bits = bits << 5 | (uint32_t)(at - alphabet);
        bit_count += 5;
        if (bit_count < 8) continue;
        bit_count -= 8;
        ret[size++] = (uint8_t)(bits >> bit_count);
    }
    return size;
}

/// RFC 4226 section 5.3.
static uint32_t hotp(const uint8_t *secret, size_t size, uint64_t counter)
{
    uint8_t message[8], mac[EVP_MAX_MD_SIZE];
    unsigned mac_size = 0;
    for (int i = 7; i >= 0; i--, counter >>= 8)
        message[i] = (uint8_t)counter;
    if (HMAC(EVP_sha1(), secret, (int)size, message, sizeof message, mac, &mac_size) == NULL)
        abort();
    const uint8_t *at = mac + (mac[mac_size - 1] & 0xf);
    uint32_t value =
        (uint32_t)(at[0] & 0x7f) << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    return value % 1000000;
}

void codes_totp(const char *secret_base32, bool is_old, char ret[static WORLD_ID_BYTES])
{
    uint8_t secret[64];
    size_t size = decode_base32(secret_base32, secret, sizeof secret);
    while (time(NULL) % STEP_S >= STEP_S - MARGIN_S) // About to change.
        poll(NULL, 0, WAIT_PAUSE_MS);
    uint64_t step = (uint64_t)time(NULL) / STEP_S;
    snprintf(ret, WORLD_ID_BYTES, "%06u", hotp(secret, size, is_old ? step - 1 : step));
}
