/// @file services/auth/apikey_core.h
/// The rules of API keys: how one may move, what it is worth now, from where it may be used.
/// Pure: no I/O, clock, allocation or logging.
/// Errors     FAILED_PRECONDITION / API_KEY_ENDED.
#pragma once

#include "services/auth/core.h"

enum {
    AUTH_API_KEY_SCOPES_MAX = 16,
    AUTH_API_KEY_SCOPE_BYTES = 32, // With the final NUL.
    AUTH_API_KEY_RANGES_MAX = 16,
    AUTH_ADDRESS_BYTES = 16,
    AUTH_ADDRESS_TEXT_BYTES = 50, // The longest of IPv6, "/128" and the final NUL.
};

// ---- Addresses -----------------------------------------------------------------------------

/// Addresses that begin alike: "10.0.0.0/8", "2001:db8::/32". What stands behind the prefix is
/// zero. IPv4 in IPv6's clothes (::ffff:192.0.2.1) is IPv4.
struct auth_address_range {
    uint8_t family; // 4 or 6.
    uint8_t prefix_bits;
    uint8_t address[AUTH_ADDRESS_BYTES]; // The first 4 of IPv4.
};

/// auth_address_range_read takes an address, or a prefix in CIDR's spelling. False for anything
/// else: also for bits behind the prefix, which say that one of the two is a mistake.
bool auth_address_range_read(const char *text, struct auth_address_range *ret);
/// auth_address_range_write gives the canonical text; a single address has no "/32" or "/128".
void auth_address_range_write(const struct auth_address_range *range,
                              char ret[static AUTH_ADDRESS_TEXT_BYTES]);
bool auth_address_range_is_valid(const struct auth_address_range *range);
/// auth_address_range_has: what is no address is in no range.
bool auth_address_range_has(const struct auth_address_range *range, const char *ip);

// ---- Keys ----------------------------------------------------------------------------------

/// Stored: ACTIVE or REVOKED; never renumber. EXPIRED is what time makes of an active one.
enum auth_api_key_state {
    AUTH_API_KEY_REFUSED_MOVE = 0,
    AUTH_API_KEY_ACTIVE = 1,
    AUTH_API_KEY_REVOKED = 2,
    AUTH_API_KEY_EXPIRED = 3,
    AUTH_API_KEY_STATE_COUNT
};

enum auth_api_key_event {
    AUTH_API_KEY_USE,
    AUTH_API_KEY_ROTATE,
    AUTH_API_KEY_REVOKE,
    AUTH_API_KEY_EXPIRE,
    AUTH_API_KEY_EVENT_COUNT
};

enum auth_api_key_state auth_api_key_next(enum auth_api_key_state state,
                                          enum auth_api_key_event event);
const char *auth_api_key_state_name(enum auth_api_key_state state); // "active"

struct auth_api_key {
    struct id128 id, owner_id;
    enum auth_api_key_state state;                          // As it is stored.
    uint64_t created_at_ns, expires_at_ns;                  // 0: never.
    uint64_t last_used_at_ns, rotated_at_ns, revoked_at_ns; // 0: not yet.
    uint64_t old_until_ns; // The secret before the last rotation fits until then; 0: there is none.
    uint8_t mac[AUTH_MAC_BYTES];     // Of the whole text.
    uint8_t old_mac[AUTH_MAC_BYTES]; // Zeros with old_until_ns 0.
    size_t scope_count;              // At least one; ascending, each once.
    char scopes[AUTH_API_KEY_SCOPES_MAX][AUTH_API_KEY_SCOPE_BYTES];
    size_t range_count; // 0: any address.
    struct auth_address_range ranges[AUTH_API_KEY_RANGES_MAX];
};

/// auth_api_key_scope_add keeps the order; a name that is there already changes nothing. CHECK:
/// there is room, and the name is of a role's letters.
void auth_api_key_scope_add(struct auth_api_key *key, const char *scope);
bool auth_api_key_has_scope(const struct auth_api_key *key, const char *scope);

enum auth_api_key_state auth_api_key_state_at(const struct auth_api_key *key, uint64_t now_ns);
/// auth_api_key_fits compares in constant time: the present secret, or the one before while it
/// goes on.
bool auth_api_key_fits(const struct auth_api_key *key, const uint8_t mac[static AUTH_MAC_BYTES],
                       uint64_t now_ns);
bool auth_api_key_admits(const struct auth_api_key *key, const char *ip);

/// auth_api_key_rotate: API_KEY_ENDED for one that is not active any more.
MUST_USE struct status auth_api_key_rotate(struct auth_api_key *key,
                                           const uint8_t new_mac[static AUTH_MAC_BYTES],
                                           uint64_t overlap_ns, uint64_t now_ns);
/// auth_api_key_revoke: false for one that is not active any more; nothing is changed then.
bool auth_api_key_revoke(struct auth_api_key *key, uint64_t now_ns);

/// auth_api_key_note_use: false while the last use that was noted is of the same minute, so that a
/// key in use costs one write a minute.
bool auth_api_key_note_use(struct auth_api_key *key, uint64_t now_ns);

/// auth_api_key_token_end_s is when a token that is given now ends: no later than the key.
uint64_t auth_api_key_token_end_s(const struct auth_api_key *key, uint64_t life_s, uint64_t now_ns);
