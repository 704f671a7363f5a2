/// @file services/auth/store.h
/// Durable state of auth: the only code that knows its keys, its record bytes and what is sealed.
/// Sealed     Personal data, password hashes, codes and signing seeds leave and enter in clear here
///            and lie sealed in the store: a user's data under a random key of the user's own.
/// Ownership  Results are copied into caller structs; texts lie in the arena that is given. Only
///            the `sealed` spans of a struct that was read point into the store: they end with the
///            next write, so unseal first.
/// Threads    A store_txn stays on the thread that was given it.
/// Errors     NOT_FOUND as named below; DATA_LOSS (a record or a sealed value fails its checks).
///            Writes give no status: the first that fails sticks to the transaction.
/// Source     README.md "Key spaces".
#pragma once

#include "common/base/arena.h"
#include "common/store/store.h"
#include "services/auth/password.h"
#include "services/auth/record.h"

enum {
    AUTH_TABLE_KEYS = STORE_TABLE_SERVICE_FIRST,
    AUTH_TABLE_SIGNING,
    AUTH_TABLE_USERS,
    AUTH_TABLE_IDENTIFIERS,
    AUTH_TABLE_PASSWORDS,
    AUTH_TABLE_REGISTRATIONS,
    AUTH_TABLE_SESSIONS,
    AUTH_TABLE_USER_SESSIONS,
    AUTH_TABLE_DEVICES,
    AUTH_TABLE_THROTTLES,
    AUTH_TABLE_MESSAGES,
    AUTH_TABLE_EXPIRIES,
    AUTH_TABLE_USER_FACETS,
    AUTH_TABLE_FLOWS,
    AUTH_TABLE_FACTORS,
    AUTH_TABLE_ACTIVITY,
    AUTH_TABLE_ACTIVITY_FACETS,
    AUTH_TABLE_LOGIN_HISTORIES,
    AUTH_TABLE_COUNTERS,
    AUTH_TABLE_ROLES,
    AUTH_TABLE_BRANCHES,
    AUTH_TABLE_FEATURES,
    AUTH_TABLE_API_KEYS,
    AUTH_TABLE_API_KEY_OWNERS,
    AUTH_TABLE_END,
};

extern const struct store_schema auth_store_schema;

struct auth_store;

/// auth_store_open readies a store that was opened with auth_store_schema: loads or makes its keys.
MUST_USE struct status auth_store_open(struct store *store,
                                       const uint8_t kek[static SEAL_KEK_BYTES],
                                       struct auth_store **ret);
void auth_store_close(struct auth_store **auth); // Idempotent; the store itself is the daemon's.

/// auth_store_mac is a keyed MAC of 32 bytes, with a key of its own for each purpose ("otp",
/// "refresh", "device", "email"): nobody without the store's keys can make or check one. It is also
/// what lookups are keyed by.
void auth_store_mac(const struct auth_store *auth, const char *purpose, struct bytes value,
                    uint8_t ret[static AUTH_MAC_BYTES]);

// ---- Users ---------------------------------------------------------------------------------

/// What auth knows of a person. Index: enum auth_person_field; "" for what was not given (in what
/// the caller makes, NULL as well).
struct auth_person {
    const char *fields[AUTH_PERSON_FIELD_COUNT];
};

bool auth_store_has_users(struct store_txn *txn);
/// NOT_FOUND / USER_NOT_FOUND.
MUST_USE struct status auth_store_get_user(struct store_txn *txn, struct id128 id,
                                           struct auth_user *ret);
/// auth_store_put_user keeps the sealed data that the user was read with, and its facets true.
void auth_store_put_user(struct store_txn *txn, const struct auth_user *user);
/// auth_store_put_person seals all of the person's fields anew and puts the user. The addresses
/// must be those that the user was made with: no identifier is filed. DATA_LOSS: nothing is
/// written.
MUST_USE struct status auth_store_put_person(const struct auth_store *auth, struct store_txn *txn,
                                             const struct auth_user *user,
                                             const struct auth_person *person);
/// auth_store_put_new_user makes the user's own key, seals the person with it and files the
/// identifiers. ALREADY_EXISTS / ALREADY_EXISTS when one of them has an owner; nothing is written
/// then.
MUST_USE struct status auth_store_put_new_user(const struct auth_store *auth, struct store_txn *txn,
                                               const struct auth_user *user,
                                               const struct auth_person *person);
MUST_USE struct status auth_store_get_person(const struct auth_store *auth,
                                             const struct auth_user *user, struct arena *arena,
                                             struct auth_person *ret);

/// auth_store_find_user looks an address up in its normal form. NOT_FOUND / USER_NOT_FOUND.
MUST_USE struct status auth_store_find_user(const struct auth_store *auth, struct store_txn *txn,
                                            enum auth_channel channel, const char *normal,
                                            struct id128 *ret_user_id);

/// auth_store_put_password: a new one, with nothing counted against it (store_password.h).
void auth_store_put_password(const struct auth_store *auth, struct store_txn *txn,
                             struct id128 user_id, const char *hash, uint64_t now_ns);
/// NOT_FOUND / PASSWORD_NOT_FOUND. The caller wipes.
MUST_USE struct status auth_store_get_password(const struct auth_store *auth, struct store_txn *txn,
                                               struct id128 user_id,
                                               char ret_hash[static AUTH_HASH_BYTES]);

// ---- Registrations -------------------------------------------------------------------------

/// Index: enum auth_person_field, and AUTH_APPLICANT_PASSWORD for the hash.
struct auth_applicant {
    const char *fields[AUTH_APPLICANT_FIELD_COUNT];
};

/// NOT_FOUND / REGISTRATION_NOT_FOUND.
MUST_USE struct status auth_store_get_registration(struct store_txn *txn, struct id128 id,
                                                   struct auth_registration *ret);
/// auth_store_put_registration keeps the sealed data that it was read with.
void auth_store_put_registration(struct store_txn *txn,
                                 const struct auth_registration *registration);
void auth_store_put_new_registration(const struct auth_store *auth, struct store_txn *txn,
                                     struct id128 id, const struct auth_progress *progress,
                                     const struct auth_applicant *applicant);
MUST_USE struct status auth_store_get_applicant(const struct auth_store *auth,
                                                const struct auth_registration *registration,
                                                struct arena *arena, struct auth_applicant *ret);

// ---- Sessions ------------------------------------------------------------------------------

/// NOT_FOUND / SESSION_NOT_FOUND.
MUST_USE struct status auth_store_get_session(struct store_txn *txn, struct id128 id,
                                              struct auth_session *ret);
void auth_store_put_new_session(const struct auth_store *auth, struct store_txn *txn,
                                const struct auth_session *session, const char *device,
                                const char *client_ip);
/// auth_store_update_session puts a session that exists, and takes it off its user's list when it
/// has ended.
MUST_USE struct status auth_store_update_session(struct store_txn *txn,
                                                 const struct auth_session *session);
/// auth_store_list_sessions gives how many living sessions the user has, and the oldest one's id.
MUST_USE struct status auth_store_list_sessions(struct store_txn *txn, struct id128 user_id,
                                                size_t *ret_count, struct id128 *ret_oldest);

/// auth_store_oldest_session gives the user's oldest living session but this one; nil when there is
/// none.
MUST_USE struct status auth_store_oldest_session(struct store_txn *txn, struct id128 user_id,
                                                 struct id128 except_id, struct id128 *ret);

/// auth_store_next_session gives the user's newest session on the list that is older than `before`
/// (nil: the newest). NOT_FOUND / SESSION_NOT_FOUND: that was the oldest one.
MUST_USE struct status auth_store_next_session(struct store_txn *txn, struct id128 user_id,
                                               struct id128 before, struct id128 *ret);
/// auth_store_get_session_origin also unseals from where it was begun; the texts lie in the arena.
MUST_USE struct status auth_store_get_session_origin(const struct auth_store *auth,
                                                     struct store_txn *txn, struct id128 id,
                                                     struct arena *arena, struct auth_session *ret,
                                                     const char **ret_device,
                                                     const char **ret_client_ip);

bool auth_store_knows_device(struct store_txn *txn, struct id128 user_id,
                             const uint8_t device_hash[static AUTH_DEVICE_HASH_BYTES]);
MUST_USE struct status
auth_store_remember_device(struct store_txn *txn, struct id128 user_id,
                           const uint8_t device_hash[static AUTH_DEVICE_HASH_BYTES],
                           uint64_t now_ns);
/// auth_store_next_device replaces the hash by that of the user's next known device in byte order;
/// false after the last one.
bool auth_store_next_device(struct store_txn *txn, struct id128 user_id,
                            uint8_t device_hash[static AUTH_DEVICE_HASH_BYTES]);

// ---- Throttles -----------------------------------------------------------------------------

struct auth_throttle_key {
    uint8_t bytes[AUTH_THROTTLE_KEY_BYTES];
};

/// auth_store_throttle_key hides what is counted behind a MAC.
struct auth_throttle_key auth_store_throttle_key(const struct auth_store *auth,
                                                 enum auth_throttle_kind kind,
                                                 struct bytes subject);
/// auth_store_get_throttle gives zeros when nothing is counted there.
MUST_USE struct status auth_store_get_throttle(struct store_txn *txn,
                                               const struct auth_throttle_key *key,
                                               struct auth_throttle *ret);
void auth_store_put_throttle(struct store_txn *txn, const struct auth_throttle_key *key,
                             const struct auth_throttle *throttle);
/// auth_store_open_throttle forgets what is counted there.
MUST_USE struct status auth_store_open_throttle(struct store_txn *txn,
                                                const struct auth_throttle_key *key,
                                                uint64_t now_ns);
/// auth_store_throttle_end_ns is when nothing of it matters any more.
uint64_t auth_store_throttle_end_ns(const struct auth_throttle *throttle);

// ---- What has run out ----------------------------------------------------------------------

/// auth_store_next_expiry gives the first entry that is due. NOT_FOUND: none is.
MUST_USE struct status auth_store_next_expiry(struct store_txn *txn, uint64_t now_ns,
                                              struct auth_expiry *ret);
/// A row may be filed again while its entry waits; the same moment is the same entry.
void auth_store_file_expiry(struct store_txn *txn, const struct auth_expiry *expiry);
void auth_store_unfile_expiry(struct store_txn *txn, const struct auth_expiry *expiry);
/// auth_store_delete_expired deletes the row itself. A session has left its user's list before.
void auth_store_delete_expired(struct store_txn *txn, const struct auth_expiry *expiry);
