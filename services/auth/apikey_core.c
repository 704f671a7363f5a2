#include "services/auth/apikey_core.h"

#include "common/base/check.h"
#include "common/crypto/keys.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

// ---- Addresses -----------------------------------------------------------------------------

enum { MAPPED_BITS = 96 };

/// read_address: IPv4 in IPv6's clothes becomes IPv4, and *ret_shed says how many bits it lost.
static bool read_address(const char *text, struct auth_address_range *ret, unsigned *ret_shed)
{
    static const uint8_t mapped[MAPPED_BITS / 8] = {[10] = 0xff, [11] = 0xff};
    uint8_t address[AUTH_ADDRESS_BYTES] = {0};
    *ret = (struct auth_address_range){0};
    *ret_shed = 0;
    bool is_v4 = inet_pton(AF_INET, text, address) == 1;
    if (!is_v4 && inet_pton(AF_INET6, text, address) != 1) return false;
    if (!is_v4 && memcmp(address, mapped, sizeof mapped) == 0) {
        memmove(address, address + sizeof mapped, 4);
        memset(address + 4, 0, sizeof address - 4);
        *ret_shed = MAPPED_BITS;
        is_v4 = true;
    }
    ret->family = is_v4 ? 4 : 6;
    ret->prefix_bits = is_v4 ? 32 : 128;
    memcpy(ret->address, address, sizeof address);
    return true;
}

/// read_bits takes a number without sign, blank or leading zero.
static bool read_bits(const char *text, unsigned *ret)
{
    size_t size = strlen(text);
    if (size == 0 || size > 3 || strspn(text, "0123456789") != size) return false;
    if (size > 1 && text[0] == '0') return false;
    *ret = 0;
    for (size_t i = 0; i < size; i++)
        *ret = *ret * 10 + (unsigned)(text[i] - '0');
    return true;
}

/// is_alike: the first `bits` of two addresses.
static bool is_alike(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    size_t whole = bits / 8;
    uint8_t mask = (uint8_t)(0xff00U >> bits % 8);
    return memcmp(a, b, whole) == 0 && (bits % 8 == 0 || ((a[whole] ^ b[whole]) & mask) == 0);
}

bool auth_address_range_is_valid(const struct auth_address_range *range)
{
    if (range->family != 4 && range->family != 6) return false;
    if (range->prefix_bits > (range->family == 4 ? 32 : 128)) return false;
    for (unsigned bit = range->prefix_bits; bit < 8 * AUTH_ADDRESS_BYTES; bit++)
        if ((range->address[bit / 8] & (0x80U >> bit % 8)) != 0) return false;
    return true;
}

bool auth_address_range_read(const char *text, struct auth_address_range *ret)
{
    char address[AUTH_ADDRESS_TEXT_BYTES];
    unsigned shed, bits;
    const char *slash = strchr(text, '/');
    size_t size = slash != NULL ? (size_t)(slash - text) : strlen(text);
    if (size >= sizeof address) return false;
    memcpy(address, text, size);
    address[size] = '\0';
    struct auth_address_range range;
    if (!read_address(address, &range, &shed)) return false;
    if (slash != NULL) {
        if (!read_bits(slash + 1, &bits) || bits < shed || bits - shed > range.prefix_bits)
            return false;
        range.prefix_bits = (uint8_t)(bits - shed);
    }
    if (!auth_address_range_is_valid(&range)) return false;
    *ret = range;
    return true;
}

void auth_address_range_write(const struct auth_address_range *range,
                              char ret[static AUTH_ADDRESS_TEXT_BYTES])
{
    CHECK(auth_address_range_is_valid(range));
    bool is_v4 = range->family == 4, is_single = range->prefix_bits == (is_v4 ? 32 : 128);
    CHECK(inet_ntop(is_v4 ? AF_INET : AF_INET6, range->address, ret, AUTH_ADDRESS_TEXT_BYTES));
    size_t used = strlen(ret);
    if (!is_single)
        snprintf(ret + used, AUTH_ADDRESS_TEXT_BYTES - used, "/%u", (unsigned)range->prefix_bits);
}

bool auth_address_range_has(const struct auth_address_range *range, const char *ip)
{
    struct auth_address_range address;
    unsigned shed;
    return read_address(ip, &address, &shed) && address.family == range->family &&
           is_alike(address.address, range->address, range->prefix_bits);
}

// ---- Keys ----------------------------------------------------------------------------------

// clang-format off
static const uint8_t next_state[AUTH_API_KEY_STATE_COUNT][AUTH_API_KEY_EVENT_COUNT] = {
    [AUTH_API_KEY_ACTIVE] = {
        [AUTH_API_KEY_USE]    = AUTH_API_KEY_ACTIVE,
        [AUTH_API_KEY_ROTATE] = AUTH_API_KEY_ACTIVE,
        [AUTH_API_KEY_REVOKE] = AUTH_API_KEY_REVOKED,
        [AUTH_API_KEY_EXPIRE] = AUTH_API_KEY_EXPIRED,
    },
};
// clang-format on
_Static_assert(AUTH_API_KEY_REFUSED_MOVE == 0, "a cell not written above must mean refused");

enum auth_api_key_state auth_api_key_next(enum auth_api_key_state state,
                                          enum auth_api_key_event event)
{
    CHECK(state < AUTH_API_KEY_STATE_COUNT);
    CHECK(event < AUTH_API_KEY_EVENT_COUNT);
    return (enum auth_api_key_state)next_state[state][event];
}

const char *auth_api_key_state_name(enum auth_api_key_state state)
{
    static const char *const names[AUTH_API_KEY_STATE_COUNT] = {
        [AUTH_API_KEY_ACTIVE] = "active",
        [AUTH_API_KEY_REVOKED] = "revoked",
        [AUTH_API_KEY_EXPIRED] = "expired",
    };
    CHECK(state > AUTH_API_KEY_REFUSED_MOVE && state < AUTH_API_KEY_STATE_COUNT);
    return names[state];
}

static size_t find_scope(const struct auth_api_key *key, const char *scope, bool *ret_found)
{
    size_t at = 0;
    while (at < key->scope_count && strcmp(key->scopes[at], scope) < 0)
        at++;
    *ret_found = at < key->scope_count && strcmp(key->scopes[at], scope) == 0;
    return at;
}

void auth_api_key_scope_add(struct auth_api_key *key, const char *scope)
{
    bool is_found;
    CHECK(auth_role_name_is_valid(scope));
    size_t at = find_scope(key, scope, &is_found);
    if (is_found) return;
    CHECK(key->scope_count < AUTH_API_KEY_SCOPES_MAX);
    memmove(key->scopes[at + 1], key->scopes[at],
            (key->scope_count - at) * AUTH_API_KEY_SCOPE_BYTES);
    memset(key->scopes[at], 0, AUTH_API_KEY_SCOPE_BYTES);
    memcpy(key->scopes[at], scope, strlen(scope));
    key->scope_count++;
}

bool auth_api_key_has_scope(const struct auth_api_key *key, const char *scope)
{
    bool is_found;
    (void)find_scope(key, scope, &is_found);
    return is_found;
}

enum auth_api_key_state auth_api_key_state_at(const struct auth_api_key *key, uint64_t now_ns)
{
    bool is_over = key->expires_at_ns != 0 && now_ns >= key->expires_at_ns;
    enum auth_api_key_state over = auth_api_key_next(key->state, AUTH_API_KEY_EXPIRE);
    return is_over && over != AUTH_API_KEY_REFUSED_MOVE ? over : key->state;
}

bool auth_api_key_fits(const struct auth_api_key *key, const uint8_t mac[static AUTH_MAC_BYTES],
                       uint64_t now_ns)
{
    bool is_new = key_equal(key->mac, mac, AUTH_MAC_BYTES);
    bool is_old = key_equal(key->old_mac, mac, AUTH_MAC_BYTES);
    return is_new || (is_old && now_ns < key->old_until_ns);
}

bool auth_api_key_admits(const struct auth_api_key *key, const char *ip)
{
    for (size_t i = 0; i < key->range_count; i++)
        if (auth_address_range_has(&key->ranges[i], ip)) return true;
    return key->range_count == 0;
}

struct status auth_api_key_rotate(struct auth_api_key *key,
                                  const uint8_t new_mac[static AUTH_MAC_BYTES], uint64_t overlap_ns,
                                  uint64_t now_ns)
{
    enum auth_api_key_state state = auth_api_key_state_at(key, now_ns);
    if (auth_api_key_next(state, AUTH_API_KEY_ROTATE) == AUTH_API_KEY_REFUSED_MOVE)
        return REFUSE(FAILED_PRECONDITION, API_KEY_ENDED,
                      "the API key has been revoked or is over");
    memset(key->old_mac, 0, sizeof key->old_mac);
    if (overlap_ns > 0) memcpy(key->old_mac, key->mac, sizeof key->old_mac);
    key->old_until_ns = overlap_ns > 0 ? now_ns + overlap_ns : 0;
    memcpy(key->mac, new_mac, sizeof key->mac);
    key->rotated_at_ns = now_ns;
    return STATUS_SUCCESS;
}

bool auth_api_key_revoke(struct auth_api_key *key, uint64_t now_ns)
{
    enum auth_api_key_state state = auth_api_key_state_at(key, now_ns);
    enum auth_api_key_state next = auth_api_key_next(state, AUTH_API_KEY_REVOKE);
    if (next == AUTH_API_KEY_REFUSED_MOVE) return false;
    key->state = next;
    key->revoked_at_ns = now_ns;
    return true;
}

bool auth_api_key_note_use(struct auth_api_key *key, uint64_t now_ns)
{
    const uint64_t minute_ns = 60 * AUTH_SECOND_NS;
    CHECK(auth_api_key_next(auth_api_key_state_at(key, now_ns), AUTH_API_KEY_USE) ==
          AUTH_API_KEY_ACTIVE);
    if (key->last_used_at_ns / minute_ns >= now_ns / minute_ns) return false;
    key->last_used_at_ns = now_ns / minute_ns * minute_ns;
    return true;
}

uint64_t auth_api_key_token_end_s(const struct auth_api_key *key, uint64_t life_s, uint64_t now_ns)
{
    uint64_t end_s = now_ns / AUTH_SECOND_NS + life_s;
    uint64_t key_end_s = key->expires_at_ns / AUTH_SECOND_NS;
    return key->expires_at_ns != 0 && key_end_s < end_s ? key_end_s : end_s;
}
