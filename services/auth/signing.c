#include "services/auth/signing.h"

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/daemon/revocation.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

_Static_assert(AUTH_SIGNED_LIFE_NS == TOKEN_LIFE_S_MAX * AUTH_SECOND_NS,
               "a retired key stays for as long as what it signed");

/// Constant once it is made, but for the count of its holders.
struct auth_signing_set {
    atomic_size_t holders;
    struct key_signer *active;
    size_t count;
    struct auth_signing_key keys[AUTH_SIGNING_KEYS_MAX];
    char kids[AUTH_SIGNING_KEYS_MAX][KEY_ID_TEXT_BYTES];
};

struct auth_signing {
    struct store *store;
    const struct auth_store *auth;
    atomic_bool is_touched; // A job has changed keys: they are read anew after the commit.
    pthread_mutex_t lock;   // set: the pointer, and taking hold of what it points to.
    const struct auth_signing_set *set;
};

// ---- Holding -------------------------------------------------------------------------------

static struct auth_signing_set *own(const struct auth_signing_set *set)
{
    return (struct auth_signing_set *)(uintptr_t)set; // Made here, by calloc.
}

const struct auth_signing_set *auth_signing_hold(struct auth_signing *signing)
{
    pthread_mutex_lock(&signing->lock);
    const struct auth_signing_set *set = signing->set;
    atomic_fetch_add(&own(set)->holders, 1);
    pthread_mutex_unlock(&signing->lock);
    return set;
}

void auth_signing_release(const struct auth_signing_set **set)
{
    if (*set == NULL) return;
    struct auth_signing_set *old = own(*set);
    *set = NULL;
    if (atomic_fetch_sub(&old->holders, 1) > 1) return;
    key_signer_close(&old->active);
    free(old);
}

static void replace_set(struct auth_signing *signing, const struct auth_signing_set *set)
{
    pthread_mutex_lock(&signing->lock);
    const struct auth_signing_set *old = signing->set;
    signing->set = set;
    pthread_mutex_unlock(&signing->lock);
    auth_signing_release(&old);
}

const struct key_signer *auth_signing_active(const struct auth_signing_set *set)
{
    return set->active;
}

size_t auth_signing_count(const struct auth_signing_set *set)
{
    return set->count;
}

const struct auth_signing_key *auth_signing_key(const struct auth_signing_set *set, size_t index)
{
    CHECK(index < set->count);
    return &set->keys[index];
}

bool auth_signing_find(struct auth_signing *signing, const char *kid,
                       uint8_t ret_public_key[static KEY_PUBLIC_BYTES])
{
    CLEANUP(auth_signing_release) const struct auth_signing_set *set = auth_signing_hold(signing);
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->kids[i], kid) != 0) continue;
        memcpy(ret_public_key, set->keys[i].public_key, KEY_PUBLIC_BYTES);
        return true;
    }
    return false;
}

// ---- Loading -------------------------------------------------------------------------------

static struct status load_signer(const struct auth_store *auth, struct store_txn *txn,
                                 const struct auth_signing_key *key, struct key_signer **ret)
{
    uint8_t seed[KEY_SEED_BYTES];
    RETURN_IF_ERROR(auth_store_get_signing_seed(auth, txn, key, seed));
    struct status status = key_signer_from_seed(seed, ret);
    key_wipe(seed, sizeof seed);
    RETURN_IF_ERROR(status);
    if (key_equal(key_signer_public(*ret), key->public_key, KEY_PUBLIC_BYTES))
        return STATUS_SUCCESS;
    return REFUSE(DATA_LOSS, AUTH_RECORD_BROKEN, "a signing key's halves do not belong together");
}

static struct status load_into(const struct auth_signing *signing, struct store_txn *txn,
                               struct auth_signing_set *set)
{
    RETURN_IF_ERROR(
        auth_store_get_signing_keys(txn, set->keys, AUTH_SIGNING_KEYS_MAX, &set->count));
    for (size_t i = 0; i < set->count; i++) {
        key_id(set->keys[i].public_key, set->kids[i]);
        if (set->keys[i].state != AUTH_SIGNING_ACTIVE) continue;
        if (set->active != NULL)
            return REFUSE(DATA_LOSS, AUTH_RECORD_BROKEN, "two signing keys are active");
        RETURN_IF_ERROR(load_signer(signing->auth, txn, &set->keys[i], &set->active));
    }
    if (set->active != NULL || set->count == 0) return STATUS_SUCCESS;
    return REFUSE(DATA_LOSS, AUTH_RECORD_BROKEN, "no signing key is active");
}

/// load gives an empty set from a store that has no keys yet. The caller holds it.
static struct status load(const struct auth_signing *signing, const struct auth_signing_set **ret)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(signing->store, &txn));
    struct auth_signing_set *set = calloc(1, sizeof *set);
    CHECK(set != NULL);
    atomic_init(&set->holders, 1);
    CLEANUP(auth_signing_release) const struct auth_signing_set *held = set;
    RETURN_IF_ERROR(load_into(signing, txn, set));
    *ret = held;
    held = NULL; // The caller's now.
    return STATUS_SUCCESS;
}

static void load_after_commit(void *context)
{
    struct auth_signing *signing = context;
    if (!atomic_exchange(&signing->is_touched, false)) return;
    const struct auth_signing_set *set = NULL;
    struct status status = load(signing, &set);
    if (status_ok(status)) {
        replace_set(signing, set);
        return;
    }
    // The keys of before are still told and still good; the next commit tries again.
    atomic_store(&signing->is_touched, true);
    log_status(LOG_LEVEL_ERROR, "the signing keys cannot be read", status);
}

// ---- Making keys ---------------------------------------------------------------------------

static struct status put_new_key(const struct auth_signing *signing, struct store_txn *txn,
                                 enum auth_signing_state state, uint64_t now_ns,
                                 char ret_kid[static KEY_ID_TEXT_BYTES])
{
    uint8_t seed[KEY_SEED_BYTES];
    key_random(seed, sizeof seed);
    struct key_signer *signer = NULL;
    struct status status = key_signer_from_seed(seed, &signer);
    if (status_ok(status)) {
        struct auth_signing_key key = {
            .state = state, .created_at_ns = now_ns, .changed_at_ns = now_ns};
        memcpy(key.public_key, key_signer_public(signer), sizeof key.public_key);
        auth_store_put_new_signing_key(signing->auth, txn, &key, seed);
        key_id(key.public_key, ret_kid);
    }
    key_signer_close(&signer);
    key_wipe(seed, sizeof seed);
    return status;
}

struct first_keys {
    const struct auth_signing *signing;
    uint64_t now_ns;
};

static struct status put_first_keys(struct store_txn *txn, void *context)
{
    const struct first_keys *first = context;
    char kid[KEY_ID_TEXT_BYTES];
    RETURN_IF_ERROR(put_new_key(first->signing, txn, AUTH_SIGNING_ACTIVE, first->now_ns, kid));
    return put_new_key(first->signing, txn, AUTH_SIGNING_NEXT, first->now_ns, kid);
}

// ---- Changing ------------------------------------------------------------------------------

/// read_keys reads what the store has now, which is more than the set may know.
static struct status read_keys(struct store_txn *txn, struct auth_signing_set *ret)
{
    ret->active = NULL;
    return auth_store_get_signing_keys(txn, ret->keys, AUTH_SIGNING_KEYS_MAX, &ret->count);
}

static struct status refuse_rotation(const struct auth_signing_set *set, uint64_t lead_ns,
                                     uint64_t now_ns, uint64_t *ret_wait_ns)
{
    *ret_wait_ns = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (set->keys[i].state != AUTH_SIGNING_NEXT) continue;
        *ret_wait_ns = auth_signing_wait_ns(set->keys[i].created_at_ns, lead_ns, now_ns);
    }
    if (*ret_wait_ns > 0)
        return REFUSE(FAILED_PRECONDITION, KEY_TOO_NEW,
                      "the next key has not been told for long enough to be known everywhere");
    if (set->count == AUTH_SIGNING_KEYS_MAX)
        return REFUSE(RESOURCE_EXHAUSTED, TOO_MANY_KEYS,
                      "the keys that were rotated away are still needed for a while");
    return STATUS_SUCCESS;
}

struct status auth_signing_rotate(struct auth_signing *signing, struct store_txn *txn,
                                  uint64_t lead_ns, uint64_t now_ns, struct auth_rotated *ret,
                                  uint64_t *ret_wait_ns)
{
    struct auth_signing_set set = {0};
    size_t forgotten;
    RETURN_IF_ERROR(auth_signing_forget(signing, txn, now_ns, &forgotten));
    RETURN_IF_ERROR(read_keys(txn, &set));
    RETURN_IF_ERROR(refuse_rotation(&set, lead_ns, now_ns, ret_wait_ns));
    for (size_t i = 0; i < set.count; i++) {
        struct auth_signing_key *key = &set.keys[i];
        int next = auth_signing_move((int)key->state, AUTH_SIGNING_ROTATE);
        if (next == (int)key->state) continue;
        CHECK(next != AUTH_SIGNING_REFUSED_MOVE && next != AUTH_SIGNING_GONE);
        key->state = (enum auth_signing_state)next;
        key->changed_at_ns = now_ns;
        RETURN_IF_ERROR(auth_store_put_signing_key(txn, key));
        if (next == AUTH_SIGNING_ACTIVE) key_id(key->public_key, ret->active_kid);
    }
    RETURN_IF_ERROR(put_new_key(signing, txn, AUTH_SIGNING_NEXT, now_ns, ret->next_kid));
    atomic_store(&signing->is_touched, true);
    return STATUS_SUCCESS;
}

static bool is_over(const struct auth_signing_key *key, uint64_t now_ns)
{
    int next = auth_signing_move((int)key->state, AUTH_SIGNING_FORGET);
    return next == AUTH_SIGNING_GONE && auth_signing_is_over(key->changed_at_ns, now_ns);
}

struct status auth_signing_forget(struct auth_signing *signing, struct store_txn *txn,
                                  uint64_t now_ns, size_t *ret_count)
{
    struct auth_signing_set set = {0};
    *ret_count = 0;
    RETURN_IF_ERROR(read_keys(txn, &set));
    for (size_t i = 0; i < set.count; i++) {
        if (!is_over(&set.keys[i], now_ns)) continue;
        auth_store_delete_signing_key(txn, &set.keys[i]);
        (*ret_count)++;
    }
    if (*ret_count > 0) atomic_store(&signing->is_touched, true);
    return STATUS_SUCCESS;
}

struct auth_signing_due auth_signing_look(struct auth_signing *signing, uint64_t age_ns,
                                          uint64_t lead_ns, uint64_t now_ns)
{
    CLEANUP(auth_signing_release) const struct auth_signing_set *set = auth_signing_hold(signing);
    struct auth_signing_due due = {0};
    bool is_old = false, may_sign = false;
    for (size_t i = 0; i < set->count; i++) {
        const struct auth_signing_key *key = &set->keys[i];
        due.forgetting |= is_over(key, now_ns);
        if (key->state == AUTH_SIGNING_ACTIVE)
            is_old = auth_signing_is_old(key->changed_at_ns, age_ns, now_ns);
        if (key->state == AUTH_SIGNING_NEXT)
            may_sign = auth_signing_wait_ns(key->created_at_ns, lead_ns, now_ns) == 0;
    }
    due.rotation = is_old && may_sign && set->count < AUTH_SIGNING_KEYS_MAX;
    return due;
}

// ---- Opening and closing -------------------------------------------------------------------

struct status auth_signing_open(struct store *store, const struct auth_store *auth, uint64_t now_ns,
                                struct auth_signing **ret)
{
    CLEANUP(auth_signing_close) struct auth_signing *signing = calloc(1, sizeof *signing);
    CHECK(signing != NULL);
    signing->store = store;
    signing->auth = auth;
    pthread_mutex_init(&signing->lock, NULL);
    RETURN_IF_ERROR(load(signing, &signing->set));
    if (signing->set->count == 0) {
        struct first_keys first = {signing, now_ns};
        RETURN_IF_ERROR(store_write_wait(store, put_first_keys, &first));
        auth_signing_release(&signing->set);
        RETURN_IF_ERROR(load(signing, &signing->set));
    }
    struct store_hook hook = {.after_commit = load_after_commit, .context = signing};
    store_add_hook(store, &hook);
    *ret = signing;
    signing = NULL; // The caller's now.
    return STATUS_SUCCESS;
}

void auth_signing_close(struct auth_signing **signing)
{
    if (*signing == NULL) return;
    auth_signing_release(&(*signing)->set);
    pthread_mutex_destroy(&(*signing)->lock);
    free(*signing);
    *signing = NULL;
}
