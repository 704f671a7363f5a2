/// @file services/auth/record.h
/// Bytes of the auth store's keys and records: pure, canonical, fuzzed.
/// Numbers    Big-endian, so that byte order is logical order.
/// Records    Byte 0 is the layout's version. Decoders check every field and the exact length; what
///            they accept encodes to the same bytes again, or, of an older layout, to the newest
///            one. DATA_LOSS / AUTH_RECORD_BROKEN else.
/// Sealed     Personal fields and secrets are spans (common/crypto/seal_record.h). Nothing here
///            sees their contents.
/// Ownership  Decoded spans point into the input. Encoders write at most the _BYTES_MAX named with
///            them and return how much.
/// Source     README.md "Key spaces".
#pragma once

#include "common/base/bytes.h"
#include "common/base/id128.h"
#include "common/base/status.h"
#include "common/crypto/keys.h"
#include "common/crypto/seal_record.h"
#include "services/auth/core.h"

enum {
    AUTH_PLAIN_BYTES_MAX = 1000, // The longest: a name of 140 or a device of 128 code points.
    AUTH_SPAN_BYTES_MAX = AUTH_PLAIN_BYTES_MAX + SEAL_SPAN_OVERHEAD_BYTES,
};

// ---- Keys ----------------------------------------------------------------------------------

/// Key of users, passwords, registrations, sessions: their id(16). Of signing keys: the 16 bytes
/// that their kid spells. Data keys have common/daemon/keychain.h, messages record_message.h.
enum {
    AUTH_IDENTIFIER_KEY_BYTES = 1 + BLIND_INDEX_BYTES,
    AUTH_PAIR_KEY_BYTES = 16 + 16,
    AUTH_DEVICE_KEY_BYTES = 16 + AUTH_DEVICE_HASH_BYTES,
    AUTH_THROTTLE_KEY_BYTES = 1 + BLIND_INDEX_BYTES,
    AUTH_EXPIRY_KEY_BYTES_MAX = 8 + 1 + AUTH_THROTTLE_KEY_BYTES,
};

/// Key of an identifier: channel(1) | blind_index(32) of the address in normal form
///     01 <blind>    the user with this e-mail address
void auth_identifier_key_encode(enum auth_channel channel,
                                const uint8_t blind[static BLIND_INDEX_BYTES],
                                uint8_t ret[static AUTH_IDENTIFIER_KEY_BYTES]);

/// Key of a user's living session: user_id(16) | session_id(16). Session ids rise with time: the
/// first row of a prefix scan is the user's oldest session.
void auth_pair_key_encode(struct id128 user_id, struct id128 session_id,
                          uint8_t ret[static AUTH_PAIR_KEY_BYTES]);
MUST_USE struct status auth_pair_key_decode(struct bytes key, struct id128 *ret_user_id,
                                            struct id128 *ret_session_id);

/// Key of a known device: user_id(16) | device hash(32)
void auth_device_key_encode(struct id128 user_id,
                            const uint8_t device_hash[static AUTH_DEVICE_HASH_BYTES],
                            uint8_t ret[static AUTH_DEVICE_KEY_BYTES]);

/// Key of a throttle: kind(1) | blind_index(32) of what is counted
enum auth_throttle_kind {              // Stored; never renumber.
    AUTH_THROTTLE_PASSWORD = 1,        // Of an account, from devices that it does not know.
    AUTH_THROTTLE_PASSWORD_DEVICE = 2, // Of an account, from one device that it knows.
    AUTH_THROTTLE_ADDRESS = 3,         // Of a client's network address.
    AUTH_THROTTLE_DESTINATION = 4,     // Messages to an address that anybody can have sent.
    AUTH_THROTTLE_OTP = 5,             // Wrong codes of an account that came by message, in a day.
    AUTH_THROTTLE_TOTP = 6,            // Wrong codes of an account's authenticator, in a day.
    AUTH_THROTTLE_FORGOT = 7,          // Forgotten passwords from a client's network address.
    AUTH_THROTTLE_RESET = 8,           // Wrong codes of an account's resets, in a day.
    AUTH_THROTTLE_OWN_DESTINATION = 9, // Messages to an address that its owner's password sent.
    AUTH_THROTTLE_KIND_LAST = AUTH_THROTTLE_OWN_DESTINATION
};

void auth_throttle_key_encode(enum auth_throttle_kind kind,
                              const uint8_t blind[static BLIND_INDEX_BYTES],
                              uint8_t ret[static AUTH_THROTTLE_KEY_BYTES]);
MUST_USE struct status auth_throttle_key_decode(struct bytes key,
                                                enum auth_throttle_kind *ret_kind);

/// Key of an expiry: at_ns(8) | kind(1) | the row's own key (16, or 33 of a throttle)
///     18fae27693b40000 02 0190…    session 0190… is to be looked at then
/// A row whose end has moved on by then is filed again, so that moving it costs nothing meanwhile.
enum auth_expiry_kind { // Stored; never renumber.
    AUTH_EXPIRY_REGISTRATION = 1,
    AUTH_EXPIRY_SESSION = 2,
    AUTH_EXPIRY_THROTTLE = 3,
    AUTH_EXPIRY_FLOW = 4,
    AUTH_EXPIRY_KIND_LAST = AUTH_EXPIRY_FLOW
};

struct auth_expiry {
    uint64_t at_ns;
    enum auth_expiry_kind kind;
    uint8_t row_key[AUTH_THROTTLE_KEY_BYTES];
};

size_t auth_expiry_row_key_bytes(enum auth_expiry_kind kind);
size_t auth_expiry_key_encode(const struct auth_expiry *expiry,
                              uint8_t ret[static AUTH_EXPIRY_KEY_BYTES_MAX]);
MUST_USE struct status auth_expiry_key_decode(struct bytes key, struct auth_expiry *ret);

/// Key of a user's facet: facet(1) | value: size(1) text | user_id(16)
///     02 06 74656c6c6572 0190…    user 0190… holds the role "teller"
/// User ids rise with time: the last row of a facet's prefix is its newest user.
enum auth_user_facet {    // Stored; never renumber.
    AUTH_FACET_STATE = 1, // auth_user_state_name.
    AUTH_FACET_ROLE = 2,
    AUTH_FACET_BRANCH = 3, // No row for users of none.
    AUTH_FACET_KIND = 4,   // auth_user_kind_name.
    AUTH_FACET_LAST = AUTH_FACET_KIND
};

enum { AUTH_FACET_KEY_BYTES_MAX = 1 + 1 + (AUTH_ROLE_BYTES - 1) + 16 };

/// CHECK: the value has 1 to AUTH_ROLE_BYTES - 1 bytes.
size_t auth_facet_key_encode(enum auth_user_facet facet, const char *value, struct id128 user_id,
                             uint8_t ret[static AUTH_FACET_KEY_BYTES_MAX]);
MUST_USE struct status auth_facet_key_decode(struct bytes key, enum auth_user_facet *ret_facet,
                                             char ret_value[static AUTH_ROLE_BYTES],
                                             struct id128 *ret_user_id);

// ---- Records -------------------------------------------------------------------------------

/// Rows of the user's sessions, of the facets and of the expiries carry the version byte alone.
enum {
    AUTH_INDEX_ROW_BYTES = 1,
    AUTH_IDENTIFIER_BYTES = 1 + 16,
    AUTH_PASSWORD_RECORD_BYTES_MAX = 1 + 8 + 4 + 8 + AUTH_SPAN_BYTES_MAX,
    AUTH_THROTTLE_BYTES = 1 + 4 + 8 + 8,
    AUTH_DEVICE_BYTES = 1 + 8 + 8,
};

extern const uint8_t auth_index_row[AUTH_INDEX_ROW_BYTES];

/// Identifier: 1 | user_id(16)
size_t auth_identifier_encode(struct id128 user_id, uint8_t ret[static AUTH_IDENTIFIER_BYTES]);
MUST_USE struct status auth_identifier_decode(struct bytes record, struct id128 *ret_user_id);

/// User: 2 | state(1) | kind(1) | channels(1) | version(8) | rights_version(8) | created_at_ns(8) |
/// updated_at_ns(8) | branch: size(1) text | roles: count(1), each size(1) text, ascending | sealed
/// owner key(77) | spans: email, mobile, full_name, status_reason, sealed under the owner key
/// Layout 1, still read: without kind (a person), channels (those that there is an address of) and
/// status_reason.
enum auth_person_field {
    AUTH_PERSON_EMAIL,
    AUTH_PERSON_MOBILE,
    AUTH_PERSON_FULL_NAME,
    AUTH_PERSON_STATUS_REASON, // Why the user was blocked.
    AUTH_PERSON_FIELD_COUNT
};

enum { AUTH_USER_LAYOUT = 2 };

enum {
    AUTH_OWNER_KEY_SEALED_BYTES = SEAL_OWNER_KEY_BYTES + SEAL_OVERHEAD_BYTES,
    AUTH_USER_BYTES_MAX = 1 + 3 + 4 * 8 + AUTH_ROLE_BYTES + 1 + AUTH_ROLES_MAX * AUTH_ROLE_BYTES +
                          AUTH_OWNER_KEY_SEALED_BYTES +
                          AUTH_PERSON_FIELD_COUNT * AUTH_SPAN_BYTES_MAX,
};

struct auth_user {
    struct id128 id; // The key.
    enum auth_user_state state;
    enum auth_user_kind kind;
    unsigned channels;       // Bits 1 << enum auth_channel: confirmed by a code.
    uint64_t version;        // Rises with every change.
    uint64_t rights_version; // `uv` of tokens: rises when tokens given before must end.
    uint64_t created_at_ns, updated_at_ns;
    char branch[AUTH_ROLE_BYTES]; // "" for none.
    struct auth_roles roles;
    uint8_t sealed_owner_key[AUTH_OWNER_KEY_SEALED_BYTES];
    struct bytes sealed[AUTH_PERSON_FIELD_COUNT];
};

size_t auth_user_encode(const struct auth_user *user, uint8_t ret[static AUTH_USER_BYTES_MAX]);
MUST_USE struct status auth_user_decode(struct id128 id, struct bytes record,
                                        struct auth_user *ret);

/// Password: 2 | changed_at_ns(8) | failures(4) | disabled_at_ns(8) | span: argon2id hash
/// Layout 1, still read: without failures and disabled_at_ns (none, never).
/// The row of the nil user is nobody's: what is counted there for an identifier that nobody has
/// costs what counting costs.
enum { AUTH_PASSWORD_LAYOUT = 2 };

struct auth_password_record {
    uint64_t changed_at_ns;  // By its owner; not by hashing it anew with more work.
    uint32_t failures;       // In a row, from all devices.
    uint64_t disabled_at_ns; // It fits no more from then on, until it is reset; 0: it does.
    struct bytes sealed_hash;
};

size_t auth_password_encode(const struct auth_password_record *password,
                            uint8_t ret[static AUTH_PASSWORD_RECORD_BYTES_MAX]);
MUST_USE struct status auth_password_decode(struct bytes record, struct auth_password_record *ret);

/// Registration: 1 | state(1) | created_at_ns(8) | expires_at_ns(8) | user_id(16) | for e-mail and
/// mobile: confirmation(1) is_decoy(1) attempts(1) resends(1) sent_at_ns(8) expires_at_ns(8)
/// mac(32) | spans: email, mobile, full_name, password hash
enum auth_applicant_field {
    AUTH_APPLICANT_EMAIL,
    AUTH_APPLICANT_MOBILE,
    AUTH_APPLICANT_FULL_NAME,
    AUTH_APPLICANT_PASSWORD, // Its hash. What stands before it says who the applicant is.
    AUTH_APPLICANT_FIELD_COUNT
};

struct auth_registration {
    struct id128 id; // The key.
    struct auth_progress progress;
    struct bytes sealed[AUTH_APPLICANT_FIELD_COUNT];
};

enum {
    AUTH_REGISTRATION_BYTES_MAX = 1 + 1 + 8 + 8 + 16 +
                                  AUTH_CHANNEL_LAST * (4 + 8 + 8 + AUTH_MAC_BYTES) +
                                  AUTH_APPLICANT_FIELD_COUNT * AUTH_SPAN_BYTES_MAX
};

size_t auth_registration_encode(const struct auth_registration *registration,
                                uint8_t ret[static AUTH_REGISTRATION_BYTES_MAX]);
MUST_USE struct status auth_registration_decode(struct id128 id, struct bytes record,
                                                struct auth_registration *ret);

/// Session: 1 | state(1) | cause(1) | user_id(16) | counter(8) | created_at_ns(8) |
/// rotated_at_ns(8) | expires_at_ns(8) | ended_at_ns(8) | authenticated_at_ns(8) | aal(1) | amr(1)
/// | device hash(32) | spans: device, client address, as they were at login
struct auth_session_record {
    struct auth_session session;
    struct bytes sealed_device, sealed_client_ip;
};

enum {
    AUTH_SESSION_BYTES_MAX =
        1 + 1 + 1 + 16 + 6 * 8 + 1 + 1 + AUTH_DEVICE_HASH_BYTES + 2 * AUTH_SPAN_BYTES_MAX
};

size_t auth_session_encode(const struct auth_session_record *record,
                           uint8_t ret[static AUTH_SESSION_BYTES_MAX]);
MUST_USE struct status auth_session_decode(struct id128 id, struct bytes record,
                                           struct auth_session_record *ret);

/// Signing key: 1 | state(1) | created_at_ns(8) | changed_at_ns(8) | public key(32) | sealed
/// seed(77)
enum auth_signing_state {  // Stored; never renumber.
    AUTH_SIGNING_NEXT = 1, // Told to everybody, signs nothing yet.
    AUTH_SIGNING_ACTIVE = 2,
    AUTH_SIGNING_RETIRED = 3, // Signs no more; what it signed may still be alive.
    AUTH_SIGNING_STATE_LAST = AUTH_SIGNING_RETIRED
};

enum {
    AUTH_SEED_SEALED_BYTES = KEY_SEED_BYTES + SEAL_OVERHEAD_BYTES,
    AUTH_SIGNING_BYTES = 1 + 1 + 8 + 8 + KEY_PUBLIC_BYTES + AUTH_SEED_SEALED_BYTES,
};

struct auth_signing_record {
    enum auth_signing_state state;
    uint64_t created_at_ns, changed_at_ns;
    uint8_t public_key[KEY_PUBLIC_BYTES];
    uint8_t sealed_seed[AUTH_SEED_SEALED_BYTES];
};

size_t auth_signing_encode(const struct auth_signing_record *key,
                           uint8_t ret[static AUTH_SIGNING_BYTES]);
MUST_USE struct status auth_signing_decode(struct bytes record, struct auth_signing_record *ret);

/// Throttle: 1 | count(4) | last_ns(8) | until_ns(8)
size_t auth_throttle_encode(const struct auth_throttle *throttle,
                            uint8_t ret[static AUTH_THROTTLE_BYTES]);
MUST_USE struct status auth_throttle_decode(struct bytes record, struct auth_throttle *ret);

/// Known device: 1 | first_at_ns(8) | last_at_ns(8)
struct auth_device {
    uint64_t first_at_ns, last_at_ns;
};

size_t auth_device_encode(const struct auth_device *device, uint8_t ret[static AUTH_DEVICE_BYTES]);
MUST_USE struct status auth_device_decode(struct bytes record, struct auth_device *ret);
