/// @file services/auth/apikey.h
/// API keys: how a program shows who it is. Made for a person by themselves, or for a service
/// account; shown once, kept as a keyed MAC; exchanged for access tokens.
/// Rights     What the owner's roles grant, cut down to the key's scopes, at every call anew.
/// Tokens     sub: the owner; sid: the key's id; scope: the key's scopes. They live as long as
///            others, but not longer than the key. Revoking a key ends them everywhere; rotating it
///            does not: those that the old secret was given live out their minutes.
/// Silence    Why a key is not taken is not said: unknown, wrong, over, revoked, from an address
///            that it may not be used from, or of an owner who may not log in. Each of them counts
///            as a failure of its network address; a right key is taken all the same, so that
///            nobody behind the same address locks it out. What is no key's text at all
///            (apikey_text.h) is nobody's attempt.
/// Bound      An owner has at most AUTH_API_KEYS_LIVING_MAX that are active; those that have ended
///            are kept for looking at, AUTH_API_KEYS_KEPT_MAX in all, the oldest go first.
/// Errors     NOT_FOUND / API_KEY_NOT_FOUND, USER_NOT_FOUND; INVALID_ARGUMENT / INVALID_SCOPE;
///            FAILED_PRECONDITION / TOO_MANY_API_KEYS, API_KEY_ENDED, USER_CLOSED, USER_BLOCKED;
///            UNAUTHENTICATED / INVALID_CREDENTIALS; RESOURCE_EXHAUSTED / RATE_LIMITED.
/// Threads    Functions with a store_txn: the thread that was given it.
#pragma once

#include "services/auth/apikey_text.h"
#include "services/auth/session.h"
#include "services/auth/store_apikey.h"

enum { AUTH_API_KEYS_LIVING_MAX = 20, AUTH_API_KEYS_KEPT_MAX = 100 };

/// What a key is told only once; wipe it (key_wipe).
struct auth_api_key_secret {
    char text[AUTH_API_KEY_TEXT_BYTES];
};

// ---- Looking after them --------------------------------------------------------------------

/// auth_apikey_create takes owner_id, expires_at_ns, scopes and ranges from *key and fills in the
/// rest. *ret_scope: with INVALID_SCOPE, the one that the owner's roles do not grant.
MUST_USE struct status auth_apikey_create(const struct auth_service *service, struct store_txn *txn,
                                          const char *name, uint64_t now_ns,
                                          struct auth_api_key *key,
                                          struct auth_api_key_secret *ret_secret,
                                          const char **ret_scope);
MUST_USE struct status auth_apikey_rotate(const struct auth_service *service, struct store_txn *txn,
                                          uint64_t overlap_ns, uint64_t now_ns,
                                          struct auth_api_key *key,
                                          struct auth_api_key_secret *ret_secret);
/// *ret_revoked is false for one that was not active any more.
MUST_USE struct status auth_apikey_revoke(struct store_txn *txn, uint64_t now_ns,
                                          struct auth_api_key *key, bool *ret_revoked);

struct auth_api_key_page {
    struct auth_api_key *keys; // Newest first, in the arena.
    size_t count;
    struct id128 next_before; // Where the next page begins; nil: this was the last one.
};

MUST_USE struct status auth_apikey_list(struct store_txn *txn, struct id128 owner_id,
                                        struct id128 before, size_t size, struct arena *arena,
                                        struct auth_api_key_page *ret);

// ---- Using them ----------------------------------------------------------------------------

struct auth_exchange {
    const char *text;      // The key as it was shown.
    const char *client_id; // Its id, in its usual text; "" for not given.
    const char *scope;     // Some of its scopes, blanks between; "" for all.
    const char *client_ip; // "" for not known.
    uint8_t network[9];
    size_t network_size;
    uint64_t now_ns;
};

struct auth_exchanged {
    bool is_counted; // With a refusal: something was written that must be committed.
    struct auth_api_key key;
    char access_token[TOKEN_BYTES_MAX]; // The caller wipes it.
    uint32_t expires_in_s;
    char scope[TOKEN_SCOPE_TEXT_BYTES_MAX + 1]; // What the token was cut down to.
    char wrong_scope[AUTH_API_KEY_SCOPE_BYTES]; // With INVALID_SCOPE; its beginning, if too long.
    uint64_t wait_ns;                           // With RATE_LIMITED.
};

MUST_USE struct status auth_apikey_exchange(const struct auth_service *service,
                                            struct store_txn *txn,
                                            const struct auth_exchange *exchange,
                                            struct auth_exchanged *ret);

/// auth_apikey_is_alive: the key is active, its owner too, and has had no change of rights since
/// this version of them.
MUST_USE struct status auth_apikey_is_alive(struct store_txn *txn, struct id128 id,
                                            uint64_t rights_version, uint64_t now_ns, bool *ret);

// ---- Service accounts ----------------------------------------------------------------------

struct auth_account {
    const char *name;
    const char *branch; // "" for none.
    const char *const *roles;
    size_t role_count;
};

/// auth_apikey_create_account makes a user that is a program: no address, no password.
/// INVALID_ARGUMENT / ROLE_UNKNOWN, BRANCH_UNKNOWN; PERMISSION_DENIED / SEPARATION_OF_DUTIES.
MUST_USE struct status auth_apikey_create_account(const struct auth_service *service,
                                                  struct store_txn *txn,
                                                  const struct auth_account *account,
                                                  uint64_t now_ns, struct arena *arena,
                                                  struct auth_user_view *ret);
