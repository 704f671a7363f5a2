#include "gateway/keytokens.h"

#include "common/base/check.h"
#include "common/base/clock.h"

#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum { WAYS = 8, SETS = KEYTOKENS_MAX / WAYS };

struct slot {
    uint64_t until_ns; // 0: free.
    uint8_t hash[KEYTOKENS_HASH_BYTES];
    char token[TOKEN_BYTES_MAX];
};

struct keytokens {
    uint8_t key[crypto_generichash_KEYBYTES];
    pthread_mutex_t lock;
    struct slot sets[SETS][WAYS]; // Untouched pages cost nothing.
};

bool keytokens_is_key(struct bytes bearer)
{
    const size_t size = sizeof API_KEY_BEGIN - 1;
    return bearer.size >= size && memcmp(bearer.data, API_KEY_BEGIN, size) == 0;
}

struct keytokens *keytokens_open(void)
{
    CHECK(sodium_init() >= 0);
    struct keytokens *tokens = calloc(1, sizeof *tokens);
    CHECK(tokens != NULL);
    randombytes_buf(tokens->key, sizeof tokens->key);
    pthread_mutex_init(&tokens->lock, NULL);
    return tokens;
}

void keytokens_close(struct keytokens **tokens)
{
    if (*tokens == NULL) return;
    pthread_mutex_destroy(&(*tokens)->lock);
    sodium_memzero(*tokens, sizeof **tokens);
    free(*tokens);
    *tokens = NULL;
}

void keytokens_hash(const struct keytokens *tokens, const char *key, const char *client_ip,
                    uint8_t ret_hash[static KEYTOKENS_HASH_BYTES])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, tokens->key, sizeof tokens->key, KEYTOKENS_HASH_BYTES);
    crypto_generichash_update(&state, (const uint8_t *)key, strlen(key) + 1); // The NUL parts them.
    crypto_generichash_update(&state, (const uint8_t *)client_ip, strlen(client_ip));
    crypto_generichash_final(&state, ret_hash, KEYTOKENS_HASH_BYTES);
}

static struct slot *set_of(struct keytokens *tokens, const uint8_t *hash)
{
    return tokens->sets[get_u16_be(hash) % SETS];
}

static struct slot *find(struct slot *set, const uint8_t *hash)
{
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].until_ns != 0 && memcmp(set[i].hash, hash, KEYTOKENS_HASH_BYTES) == 0)
            return &set[i];
    }
    return NULL;
}

bool keytokens_get(struct keytokens *tokens, const uint8_t hash[static KEYTOKENS_HASH_BYTES],
                   uint64_t now_mono_ns, char ret_token[static TOKEN_BYTES_MAX])
{
    pthread_mutex_lock(&tokens->lock);
    const struct slot *slot = find(set_of(tokens, hash), hash);
    bool is_good = slot != NULL && now_mono_ns < slot->until_ns;
    if (is_good) memcpy(ret_token, slot->token, TOKEN_BYTES_MAX);
    pthread_mutex_unlock(&tokens->lock);
    return is_good;
}

/// place_for: its own slot, else the one that ends first (a free one ends at 0).
static struct slot *place_for(struct slot *set, const uint8_t *hash)
{
    struct slot *place = find(set, hash);
    if (place != NULL) return place;
    place = &set[0];
    for (size_t i = 1; i < WAYS; i++)
        if (set[i].until_ns < place->until_ns) place = &set[i];
    return place;
}

void keytokens_put(struct keytokens *tokens, const uint8_t hash[static KEYTOKENS_HASH_BYTES],
                   const char *token, uint32_t life_s, uint64_t asked_mono_ns)
{
    size_t size = strlen(token);
    if (life_s <= KEYTOKENS_MARGIN_S || size >= TOKEN_BYTES_MAX) return;
    pthread_mutex_lock(&tokens->lock);
    struct slot *slot = place_for(set_of(tokens, hash), hash);
    slot->until_ns = asked_mono_ns + (life_s - KEYTOKENS_MARGIN_S) * NS_PER_SECOND;
    memcpy(slot->hash, hash, sizeof slot->hash);
    memset(slot->token, 0, sizeof slot->token);
    memcpy(slot->token, token, size);
    pthread_mutex_unlock(&tokens->lock);
}

void keytokens_drop(struct keytokens *tokens, const uint8_t hash[static KEYTOKENS_HASH_BYTES],
                    const char *token)
{
    pthread_mutex_lock(&tokens->lock);
    struct slot *slot = find(set_of(tokens, hash), hash);
    if (slot != NULL && strcmp(slot->token, token) == 0) sodium_memzero(slot, sizeof *slot);
    pthread_mutex_unlock(&tokens->lock);
}

size_t keytokens_count(struct keytokens *tokens, uint64_t now_mono_ns)
{
    size_t count = 0;
    pthread_mutex_lock(&tokens->lock);
    for (size_t i = 0; i < SETS; i++)
        for (size_t j = 0; j < WAYS; j++)
            count += now_mono_ns < tokens->sets[i][j].until_ns;
    pthread_mutex_unlock(&tokens->lock);
    return count;
}
