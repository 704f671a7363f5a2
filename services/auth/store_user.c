#include "common/base/check.h"
#include "common/event/note.h"
#include "services/auth/store_internal.h"

/* The names of table and field in a place are part of what is sealed: never change one. */

static const char *const person_fields[AUTH_PERSON_FIELD_COUNT] = {
    [AUTH_PERSON_EMAIL] = "email",
    [AUTH_PERSON_MOBILE] = "mobile",
    [AUTH_PERSON_FULL_NAME] = "full_name",
    [AUTH_PERSON_STATUS_REASON] = "status_reason",
};

#define USER_NOT_FOUND REFUSE(NOT_FOUND, USER_NOT_FOUND, "there is no such user")

bool auth_store_has_users(struct store_txn *txn)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUTH_TABLE_USERS, &cursor);
    return store_cursor_first(&cursor);
}

struct status auth_store_get_user(struct store_txn *txn, struct id128 id, struct auth_user *ret)
{
    struct bytes row;
    RETURN_IF_ERROR(store_get_or(txn, AUTH_TABLE_USERS, id128_bytes(&id), USER_NOT_FOUND, &row));
    return auth_user_decode(id, row, ret);
}

// ---- Facets --------------------------------------------------------------------------------

/// What a user is filed under: one state, one kind, its roles, and a branch if it has one.
struct facets {
    size_t count;

    struct {
        enum auth_user_facet facet;
        const char *value;
    } rows[3 + AUTH_ROLES_MAX];
};

static void add_facet(struct facets *facets, enum auth_user_facet facet, const char *value)
{
    facets->rows[facets->count].facet = facet;
    facets->rows[facets->count++].value = value;
}

static struct facets facets_of(const struct auth_user *user)
{
    struct facets facets = {0};
    if (user == NULL) return facets;
    add_facet(&facets, AUTH_FACET_STATE, auth_user_state_name(user->state));
    add_facet(&facets, AUTH_FACET_KIND, auth_user_kind_name(user->kind));
    if (user->branch[0] != '\0') add_facet(&facets, AUTH_FACET_BRANCH, user->branch);
    for (size_t i = 0; i < user->roles.count; i++)
        add_facet(&facets, AUTH_FACET_ROLE, user->roles.names[i]);
    return facets;
}

static bool has_facet(const struct facets *facets, enum auth_user_facet facet, const char *value)
{
    for (size_t i = 0; i < facets->count; i++)
        if (facets->rows[i].facet == facet && strcmp(facets->rows[i].value, value) == 0)
            return true;
    return false;
}

void auth_store_index_user(struct store_txn *txn, const struct auth_user *before,
                           const struct auth_user *user)
{
    struct facets old = facets_of(before), new = facets_of(user);
    uint8_t key[AUTH_FACET_KEY_BYTES_MAX];
    for (size_t i = 0; i < old.count; i++) {
        if (has_facet(&new, old.rows[i].facet, old.rows[i].value)) continue;
        size_t size = auth_facet_key_encode(old.rows[i].facet, old.rows[i].value, user->id, key);
        store_delete(txn, AUTH_TABLE_USER_FACETS, bytes_of(key, size));
    }
    for (size_t i = 0; i < new.count; i++) {
        if (has_facet(&old, new.rows[i].facet, new.rows[i].value)) continue;
        size_t size = auth_facet_key_encode(new.rows[i].facet, new.rows[i].value, user->id, key);
        store_put(txn, AUTH_TABLE_USER_FACETS, bytes_of(key, size),
                  bytes_of(auth_index_row, sizeof auth_index_row));
    }
}

void auth_store_put_user(struct store_txn *txn, const struct auth_user *user)
{
    uint8_t row[AUTH_USER_BYTES_MAX];
    struct auth_user before;
    size_t size = auth_user_encode(user, row); // First: its spans may point into the store.
    bool is_filed = status_ok(auth_store_get_user(txn, user->id, &before));
    auth_store_index_user(txn, is_filed ? &before : NULL, user);
    event_note_member(txn, "users", user->id, AUTH_TABLE_USERS);
    store_put(txn, AUTH_TABLE_USERS, id128_bytes(&user->id), bytes_of(row, size));
}

// ---- Persons -------------------------------------------------------------------------------

static struct seal_place owner_key_place(struct id128 user_id)
{
    return (struct seal_place){.table = "auth_users", .field = "owner_key", .owner = user_id};
}

/// put_sealed seals the person under the owner's key and puts the user with it.
static void put_sealed(const struct auth_store *auth, struct store_txn *txn,
                       const struct auth_user *user, const struct auth_person *person,
                       const uint8_t owner_key[static SEAL_OWNER_KEY_BYTES])
{
    uint8_t spans[AUTH_PERSON_FIELD_COUNT * AUTH_SPAN_BYTES_MAX];
    struct record_writer room = record_write_key(spans, sizeof spans);
    struct auth_user sealed = *user;
    for (size_t i = 0; i < AUTH_PERSON_FIELD_COUNT; i++) {
        struct seal_place field = {"auth_users", person_fields[i], user->id, owner_key};
        const char *text = person->fields[i] != NULL ? person->fields[i] : "";
        sealed.sealed[i] = seal_text(auth->seal, &field, text, &room);
    }
    auth_store_put_user(txn, &sealed);
}

static struct status unseal_owner_key(const struct auth_store *auth, const struct auth_user *user,
                                      uint8_t ret[static SEAL_OWNER_KEY_BYTES])
{
    struct seal_place place = owner_key_place(user->id);
    struct bytes sealed = bytes_of(user->sealed_owner_key, sizeof user->sealed_owner_key);
    return unseal_into(auth->seal, &place, sealed, ret);
}

struct status auth_store_put_person(const struct auth_store *auth, struct store_txn *txn,
                                    const struct auth_user *user, const struct auth_person *person)
{
    uint8_t owner_key[SEAL_OWNER_KEY_BYTES];
    RETURN_IF_ERROR(unseal_owner_key(auth, user, owner_key));
    put_sealed(auth, txn, user, person, owner_key);
    key_wipe(owner_key, sizeof owner_key);
    return STATUS_SUCCESS;
}

struct status auth_store_get_person(const struct auth_store *auth, const struct auth_user *user,
                                    struct arena *arena, struct auth_person *ret)
{
    uint8_t owner_key[SEAL_OWNER_KEY_BYTES];
    RETURN_IF_ERROR(unseal_owner_key(auth, user, owner_key));
    struct status status = STATUS_SUCCESS;
    for (size_t i = 0; i < AUTH_PERSON_FIELD_COUNT && status_ok(status); i++) {
        struct seal_place field = {"auth_users", person_fields[i], user->id, owner_key};
        status = unseal_text(auth->seal, &field, user->sealed[i], arena, &ret->fields[i]);
    }
    key_wipe(owner_key, sizeof owner_key);
    return status;
}

// ---- Identifiers ---------------------------------------------------------------------------

static void identifier_key(const struct auth_store *auth, enum auth_channel channel,
                           const char *normal, uint8_t ret[static AUTH_IDENTIFIER_KEY_BYTES])
{
    uint8_t blind[BLIND_INDEX_BYTES];
    auth_store_mac(auth, auth_channel_name(channel), bytes_of_text(normal), blind);
    auth_identifier_key_encode(channel, blind, ret);
}

/// normal: NULL or "" for no address.
static bool is_taken(const struct auth_store *auth, struct store_txn *txn,
                     enum auth_channel channel, const char *normal)
{
    if (normal == NULL || normal[0] == '\0') return false;
    uint8_t key[AUTH_IDENTIFIER_KEY_BYTES];
    identifier_key(auth, channel, normal, key);
    return store_has(txn, AUTH_TABLE_IDENTIFIERS, bytes_of(key, sizeof key));
}

static void put_identifier(const struct auth_store *auth, struct store_txn *txn,
                           enum auth_channel channel, const char *normal, struct id128 user_id)
{
    if (normal == NULL || normal[0] == '\0') return;
    uint8_t key[AUTH_IDENTIFIER_KEY_BYTES], row[AUTH_IDENTIFIER_BYTES];
    identifier_key(auth, channel, normal, key);
    auth_identifier_encode(user_id, row);
    store_put(txn, AUTH_TABLE_IDENTIFIERS, bytes_of(key, sizeof key), bytes_of(row, sizeof row));
}

struct status auth_store_put_new_user(const struct auth_store *auth, struct store_txn *txn,
                                      const struct auth_user *user,
                                      const struct auth_person *person)
{
    const char *email = person->fields[AUTH_PERSON_EMAIL];
    const char *mobile = person->fields[AUTH_PERSON_MOBILE];
    if (is_taken(auth, txn, AUTH_EMAIL, email) || is_taken(auth, txn, AUTH_MOBILE, mobile)) {
        return REFUSE(ALREADY_EXISTS, ALREADY_EXISTS, "an account with this address exists");
    }
    put_identifier(auth, txn, AUTH_EMAIL, email, user->id);
    put_identifier(auth, txn, AUTH_MOBILE, mobile, user->id);
    struct auth_user keyed = *user;
    uint8_t owner_key[SEAL_OWNER_KEY_BYTES];
    struct seal_place place = owner_key_place(user->id);
    seal_new_owner_key(auth->seal, &place, owner_key, keyed.sealed_owner_key);
    put_sealed(auth, txn, &keyed, person, owner_key);
    key_wipe(owner_key, sizeof owner_key);
    return STATUS_SUCCESS;
}

struct status auth_store_find_user(const struct auth_store *auth, struct store_txn *txn,
                                   enum auth_channel channel, const char *normal,
                                   struct id128 *ret_user_id)
{
    uint8_t key[AUTH_IDENTIFIER_KEY_BYTES];
    struct bytes row;
    identifier_key(auth, channel, normal, key);
    RETURN_IF_ERROR(
        store_get_or(txn, AUTH_TABLE_IDENTIFIERS, bytes_of(key, sizeof key), USER_NOT_FOUND, &row));
    return auth_identifier_decode(row, ret_user_id);
}
