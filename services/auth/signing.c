#include "services/auth/signing.h"

#include "common/base/check.h"

#include <stdlib.h>

struct auth_signing {
    struct key_signer *active;
    size_t count;
    struct auth_signing_key keys[AUTH_SIGNING_KEYS_MAX];
    char kids[AUTH_SIGNING_KEYS_MAX][KEY_ID_TEXT_BYTES];
};

// ---- The first start -----------------------------------------------------------------------

struct first_keys {
    const struct auth_store *auth;
    uint64_t now_ns;
};

static struct status put_key(struct store_txn *txn, const struct first_keys *first,
                             enum auth_signing_state state)
{
    uint8_t seed[KEY_SEED_BYTES];
    key_random(seed, sizeof seed);
    struct key_signer *signer = NULL;
    struct status status = key_signer_from_seed(seed, &signer);
    if (status_ok(status)) {
        struct auth_signing_key key = {
            .state = state, .created_at_ns = first->now_ns, .changed_at_ns = first->now_ns};
        memcpy(key.public_key, key_signer_public(signer), sizeof key.public_key);
        auth_store_put_signing_key(first->auth, txn, &key, seed);
    }
    key_signer_close(&signer);
    key_wipe(seed, sizeof seed);
    return status;
}

static struct status put_first_keys(struct store_txn *txn, void *context)
{
    RETURN_IF_ERROR(put_key(txn, context, AUTH_SIGNING_ACTIVE));
    return put_key(txn, context, AUTH_SIGNING_NEXT);
}

// ---- Loading -------------------------------------------------------------------------------

static struct status load_signer(const struct auth_store *auth, struct store_txn *txn,
                                 struct auth_signing *signing)
{
    for (size_t i = 0; i < signing->count; i++) {
        if (signing->keys[i].state != AUTH_SIGNING_ACTIVE) continue;
        uint8_t seed[KEY_SEED_BYTES];
        RETURN_IF_ERROR(auth_store_get_signing_seed(auth, txn, &signing->keys[i], seed));
        struct status status = key_signer_from_seed(seed, &signing->active);
        key_wipe(seed, sizeof seed);
        RETURN_IF_ERROR(status);
        bool is_same = key_equal(key_signer_public(signing->active), signing->keys[i].public_key,
                                 KEY_PUBLIC_BYTES);
        if (is_same) return STATUS_SUCCESS;
    }
    return REFUSE(DATA_LOSS, AUTH_RECORD_BROKEN, "no signing key is active");
}

static struct status load_keys(struct store *store, struct auth_signing *signing)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(store, &txn));
    return auth_store_get_signing_keys(txn, signing->keys, AUTH_SIGNING_KEYS_MAX, &signing->count);
}

struct status auth_signing_open(struct store *store, const struct auth_store *auth, uint64_t now_ns,
                                struct auth_signing **ret)
{
    CLEANUP(auth_signing_close) struct auth_signing *signing = calloc(1, sizeof *signing);
    CHECK(signing != NULL);
    RETURN_IF_ERROR(load_keys(store, signing));
    if (signing->count == 0) {
        struct first_keys first = {auth, now_ns};
        RETURN_IF_ERROR(store_write_wait(store, put_first_keys, &first));
        RETURN_IF_ERROR(load_keys(store, signing));
    }
    for (size_t i = 0; i < signing->count; i++)
        key_id(signing->keys[i].public_key, signing->kids[i]);
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(store, &txn));
    RETURN_IF_ERROR(load_signer(auth, txn, signing));
    *ret = signing;
    signing = NULL; // The caller's now.
    return STATUS_SUCCESS;
}

void auth_signing_close(struct auth_signing **signing)
{
    if (*signing == NULL) return;
    key_signer_close(&(*signing)->active);
    free(*signing);
    *signing = NULL;
}

const struct key_signer *auth_signing_active(const struct auth_signing *signing)
{
    return signing->active;
}

bool auth_signing_find(const struct auth_signing *signing, const char *kid,
                       uint8_t ret_public_key[static KEY_PUBLIC_BYTES])
{
    for (size_t i = 0; i < signing->count; i++) {
        if (strcmp(signing->kids[i], kid) != 0) continue;
        memcpy(ret_public_key, signing->keys[i].public_key, KEY_PUBLIC_BYTES);
        return true;
    }
    return false;
}

size_t auth_signing_count(const struct auth_signing *signing)
{
    return signing->count;
}

const uint8_t *auth_signing_public(const struct auth_signing *signing, size_t index)
{
    CHECK(index < signing->count);
    return signing->keys[index].public_key;
}
