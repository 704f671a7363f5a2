// Verified tokens by the keyed hash of their text. The hash is 128 bits of SipHash-2-4 under a
// random key that lives as long as the process: nobody can aim at an entry, and to hit one by luck
// takes 2^128 tries. The table is cut into stripes, each under its own lock, so that threads seldom
// meet; a bucket is four slots, looked through one after the other.
#include "common/base/check.h"
#include "common/crypto/token.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { STRIPE_COUNT = 64, BUCKET_SLOTS = 4, HASH_BYTES = crypto_shorthash_siphashx24_BYTES };

_Static_assert(HASH_BYTES == 16, "128 bits");

struct slot {
    uint8_t hash[HASH_BYTES];
    struct token_claims claims; // expires_at_s 0: empty.
};

struct bucket {
    struct slot slots[BUCKET_SLOTS];
};

struct stripe {
    _Alignas(64) pthread_mutex_t lock; // A cache line of its own.
};

struct token_cache {
    struct stripe stripes[STRIPE_COUNT];
    uint8_t key[crypto_shorthash_siphashx24_KEYBYTES];
    size_t bucket_mask; // Count of buckets, a power of two, less one.
    struct bucket *buckets;
};

static size_t buckets_bytes(const struct token_cache *cache)
{
    return (cache->bucket_mask + 1) * sizeof(struct bucket);
}

struct token_cache *token_cache_open(size_t entries_max)
{
    CHECK(entries_max > 0 && entries_max <= 16 * 1024 * 1024);
    struct token_cache *cache = aligned_alloc(64, sizeof *cache);
    CHECK(cache != NULL);
    memset(cache, 0, sizeof *cache);
    size_t bucket_count = STRIPE_COUNT;
    while (bucket_count * BUCKET_SLOTS < entries_max)
        bucket_count *= 2;
    cache->bucket_mask = bucket_count - 1;
    // Pages come zeroed and only when they are touched: an idle daemon pays for no table.
    cache->buckets = mmap(NULL, buckets_bytes(cache), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(cache->buckets != MAP_FAILED);
    // A huge page would be 2 MiB for the first token in it; a kernel without them says EINVAL.
    (void)madvise(cache->buckets, buckets_bytes(cache), MADV_NOHUGEPAGE);
    randombytes_buf(cache->key, sizeof cache->key);
    for (size_t i = 0; i < STRIPE_COUNT; i++)
        CHECK(pthread_mutex_init(&cache->stripes[i].lock, NULL) == 0);
    return cache;
}

void token_cache_close(struct token_cache **cache)
{
    if (*cache == NULL) return;
    for (size_t i = 0; i < STRIPE_COUNT; i++)
        pthread_mutex_destroy(&(*cache)->stripes[i].lock);
    munmap((*cache)->buckets, buckets_bytes(*cache));
    free(*cache);
    *cache = NULL;
}

struct place {
    uint8_t hash[HASH_BYTES];
    struct bucket *bucket;
    pthread_mutex_t *lock;
};

static struct place find_place(struct token_cache *cache, struct bytes text)
{
    struct place place;
    crypto_shorthash_siphashx24(place.hash, text.data, text.size, cache->key);
    size_t index = (size_t)get_u64_be(place.hash) & cache->bucket_mask;
    place.bucket = &cache->buckets[index];
    place.lock = &cache->stripes[index % STRIPE_COUNT].lock;
    return place;
}

bool token_cache_get(struct token_cache *cache, struct bytes text, uint64_t now_s,
                     struct token_claims *ret)
{
    struct place place = find_place(cache, text);
    bool is_found = false;
    pthread_mutex_lock(place.lock);
    for (size_t i = 0; i < BUCKET_SLOTS && !is_found; i++) {
        const struct slot *slot = &place.bucket->slots[i];
        if (slot->claims.expires_at_s <= now_s) continue;
        if (memcmp(slot->hash, place.hash, HASH_BYTES) != 0) continue;
        *ret = slot->claims;
        is_found = true;
    }
    pthread_mutex_unlock(place.lock);
    return is_found;
}

/// choose_slot gives the entry's own slot, else the one that expires first (empty ones do).
static struct slot *choose_slot(struct bucket *bucket, const uint8_t hash[static HASH_BYTES])
{
    struct slot *chosen = &bucket->slots[0];
    for (size_t i = 0; i < BUCKET_SLOTS; i++) {
        struct slot *slot = &bucket->slots[i];
        if (memcmp(slot->hash, hash, HASH_BYTES) == 0) return slot;
        if (slot->claims.expires_at_s < chosen->claims.expires_at_s) chosen = slot;
    }
    return chosen;
}

void token_cache_put(struct token_cache *cache, struct bytes text,
                     const struct token_claims *claims)
{
    struct place place = find_place(cache, text);
    pthread_mutex_lock(place.lock);
    struct slot *slot = choose_slot(place.bucket, place.hash);
    memcpy(slot->hash, place.hash, HASH_BYTES);
    slot->claims = *claims;
    pthread_mutex_unlock(place.lock);
}

/// clear_bucket leaves alone what is empty: a page that nobody wrote to takes no memory.
static void clear_bucket(struct bucket *bucket)
{
    for (size_t i = 0; i < BUCKET_SLOTS; i++)
        if (bucket->slots[i].claims.expires_at_s != 0)
            memset(&bucket->slots[i], 0, sizeof bucket->slots[i]);
}

void token_cache_clear(struct token_cache *cache)
{
    for (size_t i = 0; i < STRIPE_COUNT; i++) {
        pthread_mutex_lock(&cache->stripes[i].lock);
        for (size_t j = i; j <= cache->bucket_mask; j += STRIPE_COUNT)
            clear_bucket(&cache->buckets[j]);
        pthread_mutex_unlock(&cache->stripes[i].lock);
    }
}
