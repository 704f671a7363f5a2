#include "services/auth/apikey.h"

#include "common/base/check.h"
#include "services/auth/access.h"
#include "services/auth/address.h"
#include "services/auth/counters.h"
#include "services/auth/notice.h"

#include <stdio.h>

_Static_assert((int)AUTH_API_KEY_SCOPES_MAX == (int)TOKEN_SCOPES_MAX, "a token holds every scope");
_Static_assert((int)AUTH_API_KEY_SCOPE_BYTES == (int)TOKEN_SCOPE_BYTES_MAX, "of any name");

// ---- Making --------------------------------------------------------------------------------

/// make_secret: each digit by rejection, so that all are equally likely.
static void make_secret(const struct auth_service *service, struct id128 id,
                        struct auth_api_key_secret *ret, uint8_t ret_mac[static AUTH_MAC_BYTES])
{
    const unsigned base = sizeof auth_base62 - 1, fair_below = 256 - 256 % base;
    char digits[AUTH_API_KEY_SECRET_DIGITS + 1] = "";
    for (size_t i = 0; i < AUTH_API_KEY_SECRET_DIGITS;) {
        uint8_t byte;
        key_random(&byte, sizeof byte);
        if (byte < fair_below) digits[i++] = auth_base62[byte % base];
    }
    auth_api_key_write(id, digits, ret->text);
    auth_store_mac(service->auth, "apikey", bytes_of_text(ret->text), ret_mac);
    key_wipe(digits, sizeof digits);
}

static struct status check_owner(const struct auth_user *owner)
{
    if (owner->state == AUTH_USER_CLOSED)
        return REFUSE(FAILED_PRECONDITION, USER_CLOSED, "the user has been closed");
    if (owner->state == AUTH_USER_BLOCKED)
        return REFUSE(FAILED_PRECONDITION, USER_BLOCKED, "the user is blocked");
    return STATUS_SUCCESS;
}

static struct status check_scopes(struct store_txn *txn, const struct auth_user *owner,
                                  const struct auth_api_key *key, const char **ret_scope)
{
    for (size_t i = 0; i < key->scope_count; i++) {
        enum rpc_scope scope;
        RETURN_IF_ERROR(auth_access_scope(txn, &owner->roles, key->scopes[i], &scope));
        *ret_scope = key->scopes[i];
        if (scope == RPC_SCOPE_NONE)
            return REFUSE(INVALID_ARGUMENT, INVALID_SCOPE,
                          "the owner's roles do not grant this permission");
    }
    return STATUS_SUCCESS;
}

/// make_room refuses beyond the living ones, and forgets the oldest of those that have ended.
static struct status make_room(struct store_txn *txn, struct id128 owner_id, uint64_t now_ns)
{
    struct auth_api_key oldest_ended = {0}, other = {0};
    size_t count = 0, living = 0;
    for (;; count++) {
        struct status status = auth_store_next_api_key(txn, owner_id, other.id, &other);
        if (status.code == STATUS_NOT_FOUND) break;
        RETURN_IF_ERROR(status);
        bool is_living = auth_api_key_state_at(&other, now_ns) == AUTH_API_KEY_ACTIVE;
        living += is_living;
        if (!is_living) oldest_ended = other;
    }
    if (living >= AUTH_API_KEYS_LIVING_MAX)
        return REFUSE(FAILED_PRECONDITION, TOO_MANY_API_KEYS,
                      "the owner has as many as there may be");
    _Static_assert((int)AUTH_API_KEYS_LIVING_MAX < (int)AUTH_API_KEYS_KEPT_MAX,
                   "where many are kept, some have ended");
    if (count >= AUTH_API_KEYS_KEPT_MAX) auth_store_delete_api_key(txn, &oldest_ended);
    return STATUS_SUCCESS;
}

static void tell_owner(const struct auth_service *service, struct store_txn *txn,
                       const struct auth_api_key *key, const char *name)
{
    char detail[AUTH_PLAIN_BYTES_MAX], shown[AUTH_API_KEY_SHOWN_BYTES];
    auth_api_key_show(key->id, shown);
    snprintf(detail, sizeof detail, "%s (%s)", name, shown);
    auth_notice_queue(service, txn, key->owner_id, AUTH_MESSAGE_API_KEY_CREATED, detail,
                      key->created_at_ns);
}

struct status auth_apikey_create(const struct auth_service *service, struct store_txn *txn,
                                 const char *name, uint64_t now_ns, struct auth_api_key *key,
                                 struct auth_api_key_secret *ret_secret, const char **ret_scope)
{
    struct auth_user owner;
    CHECK(key->scope_count > 0);
    RETURN_IF_ERROR(auth_store_get_user(txn, key->owner_id, &owner));
    RETURN_IF_ERROR(check_owner(&owner));
    RETURN_IF_ERROR(check_scopes(txn, &owner, key, ret_scope));
    RETURN_IF_ERROR(make_room(txn, key->owner_id, now_ns));

    key->id = id128_generate();
    key->state = AUTH_API_KEY_ACTIVE;
    key->created_at_ns = now_ns;
    make_secret(service, key->id, ret_secret, key->mac);
    auth_store_put_new_api_key(service->auth, txn, key, name);
    tell_owner(service, txn, key, name);
    return STATUS_SUCCESS;
}

struct status auth_apikey_rotate(const struct auth_service *service, struct store_txn *txn,
                                 uint64_t overlap_ns, uint64_t now_ns, struct auth_api_key *key,
                                 struct auth_api_key_secret *ret_secret)
{
    uint8_t mac[AUTH_MAC_BYTES];
    make_secret(service, key->id, ret_secret, mac);
    RETURN_IF_ERROR(auth_api_key_rotate(key, mac, overlap_ns, now_ns));
    return auth_store_update_api_key(txn, key);
}

struct status auth_apikey_revoke(struct store_txn *txn, uint64_t now_ns, struct auth_api_key *key,
                                 bool *ret_revoked)
{
    *ret_revoked = auth_api_key_revoke(key, now_ns);
    return *ret_revoked ? auth_store_update_api_key(txn, key) : STATUS_SUCCESS;
}

struct status auth_apikey_list(struct store_txn *txn, struct id128 owner_id, struct id128 before,
                               size_t size, struct arena *arena, struct auth_api_key_page *ret)
{
    *ret = (struct auth_api_key_page){.next_before = ID128_NIL};
    ret->keys = arena_alloc(arena, AUTH_API_KEYS_KEPT_MAX * sizeof *ret->keys);
    if (ret->keys == NULL) return ARENA_STATUS_EXHAUSTED;
    for (;;) {
        struct auth_api_key key;
        struct status status = auth_store_next_api_key(txn, owner_id, before, &key);
        if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
        RETURN_IF_ERROR(status);
        if (ret->count == size) break;
        CHECK(ret->count < AUTH_API_KEYS_KEPT_MAX); // make_room sees to it.
        ret->keys[ret->count++] = key;
        before = key.id;
    }
    ret->next_before = before;
    return STATUS_SUCCESS;
}

// ---- Using ---------------------------------------------------------------------------------

#define INVALID_CREDENTIALS REFUSE(UNAUTHENTICATED, INVALID_CREDENTIALS, "the API key is not taken")

/// count_failure counts against the network address, which may have had its share.
static struct status count_failure(const struct auth_service *service, struct store_txn *txn,
                                   const struct auth_exchange *exchange,
                                   struct auth_exchanged *exchanged)
{
    struct auth_address address;
    struct bytes network = bytes_of(exchange->network, exchange->network_size);
    RETURN_IF_ERROR(auth_address_charge(service, txn, AUTH_THROTTLE_ADDRESS, network,
                                        exchange->now_ns, &address));
    exchanged->wait_ns = address.wait_ns;
    if (!address.is_allowed)
        return REFUSE(RESOURCE_EXHAUSTED, RATE_LIMITED, "too many failures from this address");
    auth_address_put(txn, &address);
    exchanged->is_counted = address.is_counted;
    return INVALID_CREDENTIALS;
}

/// is_right does the same work whether or not there is such a key.
static struct status is_right(const struct auth_service *service, struct store_txn *txn,
                              const struct auth_exchange *exchange, struct id128 id,
                              struct auth_api_key *ret_key, struct auth_user *ret_owner, bool *ret)
{
    uint8_t mac[AUTH_MAC_BYTES];
    char id_text[ID128_TEXT_BYTES];
    *ret = false;
    auth_store_mac(service->auth, "apikey", bytes_of_text(exchange->text), mac);
    struct status status = auth_store_get_api_key(txn, id, ret_key);
    if (status_ok(status)) status = auth_store_get_user(txn, ret_key->owner_id, ret_owner);
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(status);
    id128_format(id, id_text);
    enum auth_api_key_state state = auth_api_key_state_at(ret_key, exchange->now_ns);
    bool is_client = exchange->client_id[0] == '\0' || strcmp(exchange->client_id, id_text) == 0;
    bool may_use = auth_api_key_next(state, AUTH_API_KEY_USE) != AUTH_API_KEY_REFUSED_MOVE;
    *ret = auth_api_key_fits(ret_key, mac, exchange->now_ns) && may_use && is_client &&
           auth_api_key_admits(ret_key, exchange->client_ip) &&
           ret_owner->state == AUTH_USER_ACTIVE;
    return STATUS_SUCCESS;
}

static void add_scope(struct token_claims *claims, const char *scope, struct auth_exchanged *ret)
{
    size_t used = strlen(ret->scope);
    for (size_t i = 0; i < claims->scope_count; i++)
        if (strcmp(claims->scopes[i], scope) == 0) return;
    CHECK(claims->scope_count < TOKEN_SCOPES_MAX);
    int size = snprintf(claims->scopes[claims->scope_count++], TOKEN_SCOPE_BYTES_MAX, "%s", scope);
    CHECK(size > 0 && size < TOKEN_SCOPE_BYTES_MAX);
    size =
        snprintf(ret->scope + used, sizeof ret->scope - used, "%s%s", used > 0 ? " " : "", scope);
    CHECK(size > 0 && (size_t)size < sizeof ret->scope - used);
}

/// cut_scopes takes what was asked for, blanks between; all of the key's when nothing was.
static struct status cut_scopes(const struct auth_api_key *key, const char *asked,
                                struct token_claims *claims, struct auth_exchanged *ret)
{
    for (const char *at = asked + strspn(asked, " "); *at != '\0'; at += strspn(at, " ")) {
        size_t size = strcspn(at, " ");
        char scope[AUTH_API_KEY_SCOPE_BYTES];
        snprintf(scope, sizeof scope, "%.*s", (int)size, at);
        if (size >= sizeof scope || !auth_api_key_has_scope(key, scope)) {
            memcpy(ret->wrong_scope, scope, sizeof ret->wrong_scope);
            return REFUSE(INVALID_ARGUMENT, INVALID_SCOPE, "the API key has no such scope");
        }
        add_scope(claims, scope, ret);
        at += size;
    }
    if (claims->scope_count > 0) return STATUS_SUCCESS;
    for (size_t i = 0; i < key->scope_count; i++)
        add_scope(claims, key->scopes[i], ret);
    return STATUS_SUCCESS;
}

static struct status issue(const struct auth_service *service, const struct auth_user *owner,
                           const struct auth_exchange *exchange, struct auth_exchanged *ret)
{
    const struct auth_session_limits *limits = auth_service_limits(service, &owner->roles);
    uint64_t now_s = exchange->now_ns / AUTH_SECOND_NS;
    uint64_t end_s = auth_api_key_token_end_s(&ret->key, limits->token_life_s, exchange->now_ns);
    if (end_s <= now_s) return INVALID_CREDENTIALS; // Its last second.
    struct token_claims claims = {
        .issuer = TOKEN_ISSUER_AUTH,
        .subject = owner->id,
        .token_id = id128_generate(),
        .session_id = ret->key.id,
        .user_version = owner->rights_version,
        .issued_at_s = now_s,
        .not_before_s = now_s,
        .expires_at_s = end_s,
        .auth_time_s = now_s,
        .aal = 1,
        .role_count = (uint8_t)owner->roles.count,
    };
    memcpy(claims.roles, owner->roles.names, sizeof claims.roles);
    memcpy(claims.branch, owner->branch, sizeof claims.branch);
    RETURN_IF_ERROR(cut_scopes(&ret->key, exchange->scope, &claims, ret));
    CLEANUP(auth_signing_release)
    const struct auth_signing_set *keys = auth_signing_hold(service->signing);
    token_issue(&claims, auth_signing_active(keys), ret->access_token);
    ret->expires_in_s = (uint32_t)(end_s - now_s);
    return STATUS_SUCCESS;
}

struct status auth_apikey_exchange(const struct auth_service *service, struct store_txn *txn,
                                   const struct auth_exchange *exchange, struct auth_exchanged *ret)
{
    struct id128 id;
    struct auth_user owner;
    bool is_taken;
    *ret = (struct auth_exchanged){0};
    if (!auth_api_key_read(bytes_of_text(exchange->text), &id)) return INVALID_CREDENTIALS;
    RETURN_IF_ERROR(is_right(service, txn, exchange, id, &ret->key, &owner, &is_taken));
    if (!is_taken) return count_failure(service, txn, exchange, ret);
    RETURN_IF_ERROR(issue(service, &owner, exchange, ret));
    if (!auth_api_key_note_use(&ret->key, exchange->now_ns)) return STATUS_SUCCESS;
    return auth_store_update_api_key(txn, &ret->key);
}

struct status auth_apikey_is_alive(struct store_txn *txn, struct id128 id, uint64_t rights_version,
                                   uint64_t now_ns, bool *ret)
{
    struct auth_api_key key;
    struct auth_user owner;
    *ret = false;
    struct status status = auth_store_get_api_key(txn, id, &key);
    if (status_ok(status)) status = auth_store_get_user(txn, key.owner_id, &owner);
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(status);
    *ret = auth_api_key_state_at(&key, now_ns) == AUTH_API_KEY_ACTIVE &&
           owner.state == AUTH_USER_ACTIVE && rights_version >= owner.rights_version;
    return STATUS_SUCCESS;
}

// ---- Service accounts ----------------------------------------------------------------------

static struct status take_roles(struct store_txn *txn, const struct auth_account *account,
                                struct auth_roles *ret)
{
    *ret = (struct auth_roles){0};
    for (size_t i = 0; i < account->role_count; i++) {
        if (!auth_access_role_exists(txn, account->roles[i]))
            return REFUSE(INVALID_ARGUMENT, ROLE_UNKNOWN, "there is no such role");
        auth_roles_add(ret, account->roles[i]); // items_max of the proto: there is room.
    }
    return auth_access_check_roles(txn, ret);
}

struct status auth_apikey_create_account(const struct auth_service *service, struct store_txn *txn,
                                         const struct auth_account *account, uint64_t now_ns,
                                         struct arena *arena, struct auth_user_view *ret)
{
    struct auth_user user = {
        .id = id128_generate(),
        .state = AUTH_USER_ACTIVE,
        .kind = AUTH_USER_SERVICE,
        .version = 1,
        .rights_version = 1,
        .created_at_ns = now_ns,
        .updated_at_ns = now_ns,
    };
    struct auth_person person = {.fields = {[AUTH_PERSON_FULL_NAME] = account->name}};
    RETURN_IF_ERROR(take_roles(txn, account, &user.roles));
    if (account->branch[0] != '\0') {
        RETURN_IF_ERROR(auth_access_branch_is_open(txn, account->branch));
        CHECK(strlen(account->branch) < sizeof user.branch); // A branch has such a code.
        memcpy(user.branch, account->branch, strlen(account->branch));
    }
    RETURN_IF_ERROR(auth_store_put_new_user(service->auth, txn, &user, &person));
    auth_gauge_add(txn, AUTH_GAUGE_USERS_ACTIVE, 1);
    return auth_service_get_user(service, txn, user.id, arena, ret);
}
