#include "common/daemon/revocation.h"

#include "common/base/check.h"

#include <pthread.h>
#include <stdlib.h>

// One open-addressing table for both kinds: ids are random, so a session and a user never share one
// by chance, and the least version says what is refused: all of a session, old ones of a user.
struct entry {
    struct id128 id; // Nil: free.
    uint64_t version_min;
    uint64_t until_ns;
};

enum { SLOTS_FIRST = 64, SLOTS_MAX = 2 * REVOCATION_ENTRIES_MAX };

#define REBUILD_NS UINT64_C(1000000000)

struct revocation_set {
    pthread_rwlock_t lock;
    struct entry *slots;
    size_t slot_count, count; // A power of two; at most half are taken.
    uint64_t overflowing_until_ns, rebuilt_ns;
};

struct revocation_set *revocation_set_open(void)
{
    struct revocation_set *set = calloc(1, sizeof *set);
    CHECK(set != NULL);
    pthread_rwlock_init(&set->lock, NULL);
    set->slot_count = SLOTS_FIRST;
    set->slots = calloc(set->slot_count, sizeof set->slots[0]);
    CHECK(set->slots != NULL);
    return set;
}

void revocation_set_close(struct revocation_set **set)
{
    if (*set == NULL) return;
    pthread_rwlock_destroy(&(*set)->lock);
    free((*set)->slots);
    free(*set);
    *set = NULL;
}

// The slot that holds the id, or the free one where it would go. Ids end in random bits.
static struct entry *find_slot(const struct revocation_set *set, struct id128 id)
{
    size_t i = (size_t)get_u64_be(id.bytes + 8);
    for (i &= set->slot_count - 1;; i = (i + 1) & (set->slot_count - 1)) {
        struct entry *slot = &set->slots[i];
        if (id128_is_nil(slot->id) || id128_equal(slot->id, id)) return slot;
    }
}

// Into a new table, without what has run out; sized so that half of it is free again.
static void rebuild(struct revocation_set *set, uint64_t now_ns)
{
    struct entry *old = set->slots;
    size_t old_count = set->slot_count, living = 0;
    for (size_t i = 0; i < old_count; i++) {
        living += !id128_is_nil(old[i].id) && old[i].until_ns > now_ns;
    }
    set->slot_count = SLOTS_FIRST;
    while (set->slot_count < SLOTS_MAX && set->slot_count < 4 * living) {
        set->slot_count *= 2;
    }
    set->rebuilt_ns = now_ns;
    set->slots = calloc(set->slot_count, sizeof set->slots[0]);
    CHECK(set->slots != NULL);
    for (size_t i = 0; i < old_count; i++) {
        if (id128_is_nil(old[i].id) || old[i].until_ns <= now_ns) continue;
        *find_slot(set, old[i].id) = old[i];
    }
    set->count = living;
    free(old);
}

static void add(struct revocation_set *set, struct id128 id, uint64_t version_min,
                uint64_t happened_ns, uint64_t now_ns)
{
    uint64_t until_ns = happened_ns + REVOCATION_KEPT_NS;
    if (id128_is_nil(id) || until_ns <= now_ns) return;
    pthread_rwlock_wrlock(&set->lock);
    struct entry *slot = find_slot(set, id);
    bool is_full = 2 * (set->count + 1) > set->slot_count;
    // A full table of the largest size is only cleared now and then: nothing grows by it.
    bool may_help = set->slot_count < SLOTS_MAX || now_ns >= set->rebuilt_ns + REBUILD_NS;
    if (id128_is_nil(slot->id) && is_full && may_help) {
        rebuild(set, now_ns);
        slot = find_slot(set, id);
    }
    if (!id128_is_nil(slot->id)) {
        if (version_min > slot->version_min) slot->version_min = version_min;
        if (until_ns > slot->until_ns) slot->until_ns = until_ns;
    } else if (set->count < REVOCATION_ENTRIES_MAX) {
        *slot = (struct entry){.id = id, .version_min = version_min, .until_ns = until_ns};
        set->count++;
    } else if (until_ns > set->overflowing_until_ns) {
        set->overflowing_until_ns = until_ns;
    }
    pthread_rwlock_unlock(&set->lock);
}

void revocation_add_session(struct revocation_set *set, struct id128 session_id,
                            uint64_t happened_ns, uint64_t now_ns)
{
    add(set, session_id, UINT64_MAX, happened_ns, now_ns);
}

void revocation_add_user(struct revocation_set *set, struct id128 user_id, uint64_t user_version,
                         uint64_t happened_ns, uint64_t now_ns)
{
    add(set, user_id, user_version, happened_ns, now_ns);
}

static bool covers(const struct revocation_set *set, struct id128 id, uint64_t version)
{
    if (id128_is_nil(id)) return false;
    const struct entry *slot = find_slot(set, id);
    return !id128_is_nil(slot->id) && version < slot->version_min;
}

bool revocation_covers(struct revocation_set *set, const struct token_claims *claims)
{
    pthread_rwlock_rdlock(&set->lock);
    // An entry that has run out may still be there: no living token can meet it.
    bool is_covered = set->count > 0 && (covers(set, claims->session_id, 0) ||
                                         covers(set, claims->subject, claims->user_version));
    pthread_rwlock_unlock(&set->lock);
    return is_covered;
}

bool revocation_is_overflowing(struct revocation_set *set, uint64_t now_ns)
{
    pthread_rwlock_rdlock(&set->lock);
    bool is_overflowing = set->overflowing_until_ns > now_ns;
    pthread_rwlock_unlock(&set->lock);
    return is_overflowing;
}

size_t revocation_count(struct revocation_set *set)
{
    pthread_rwlock_rdlock(&set->lock);
    size_t count = set->count;
    pthread_rwlock_unlock(&set->lock);
    return count;
}
