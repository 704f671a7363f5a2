#include "services/audit/check.h"

#include "common/base/check.h"

#include <assert.h>

enum { FINDINGS_OF_ENTRY_MAX = 32 };

// Tiles, leaf, decoding, side and its three values, rows.
static_assert(AUDIT_TILE_LEVELS + 6 + AUDIT_SEARCH_ROWS_MAX <= FINDINGS_OF_ENTRY_MAX,
              "an entry's findings have room");

/// One entry on its way through the checks.
struct subject {
    struct store_txn *txn;
    uint64_t index;
    struct bytes tile; // The record of its level-0 tile; empty: it is missing.
    struct audit_check *check;
};

static void find(struct subject *subject, const char *what)
{
    struct audit_check *check = subject->check;
    CHECK(check->finding_count < AUDIT_CHECK_FINDINGS_MAX);
    check->findings[check->finding_count++] =
        (struct audit_check_finding){.index = subject->index, .what = what};
}

// ---- The tree ------------------------------------------------------------------------------

static void check_leaf(struct subject *subject, struct bytes entry)
{
    unsigned node = (unsigned)(subject->index % TLOG_TILE_WIDTH);
    if (audit_tile_width(subject->tile.size) <= node) {
        find(subject, "the tree has no leaf for it");
        return;
    }
    struct merkle_hash leaf;
    merkle_leaf(entry, &leaf);
    const uint8_t *stored = subject->tile.data + audit_tile_node(node) * MERKLE_HASH_BYTES;
    if (memcmp(leaf.bytes, stored, MERKLE_HASH_BYTES) != 0)
        find(subject, "its bytes are not those that the tree has hashed");
}

// ---- The side ------------------------------------------------------------------------------

static void check_commitments(struct subject *subject, const struct audit_entry *entry,
                              const struct audit_side *side)
{
    const struct {
        enum audit_committed field;
        struct bytes value, commitment;
        const char *what;
    } rows[] = {
        {AUDIT_COMMITTED_CLIENT_IP, side->client_ip, entry->client_ip_commitment,
         "the client address beside it is not the one it commits to"},
        {AUDIT_COMMITTED_DEVICE_ID, side->device_id, entry->device_id_commitment,
         "the device beside it is not the one it commits to"},
        {AUDIT_COMMITTED_PAYLOAD, side->payload, entry->payload_commitment,
         "the payload beside it is not the one it commits to"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t made[AUDIT_COMMITMENT_BYTES];
        struct bytes commitment = audit_core_commit(side->salt, rows[i].field, rows[i].value, made);
        if (!bytes_equal(commitment, rows[i].commitment)) find(subject, rows[i].what);
    }
}

static struct status check_side(struct subject *subject, const struct audit_entry *entry,
                                struct audit_side *ret)
{
    *ret = (struct audit_side){0};
    struct status status = audit_store_get_side(subject->txn, subject->index, ret);
    if (status_ok(status)) {
        if (ret->salt == NULL)
            subject->check->erased++;
        else
            check_commitments(subject, entry, ret);
        return STATUS_SUCCESS;
    }
    if (status.code == STATUS_NOT_FOUND) {
        find(subject, "its side record is missing");
    } else if (status.code == STATUS_DATA_LOSS) {
        find(subject, "its side record is damaged");
    } else {
        return status;
    }
    return STATUS_SUCCESS;
}

// ---- Search --------------------------------------------------------------------------------

static void check_search(struct subject *subject, const struct audit_entry *entry,
                         const struct audit_side *side)
{
    struct audit_search_row rows[AUDIT_SEARCH_ROWS_MAX];
    size_t count = audit_core_search_rows(entry, side->visible_to, rows);
    for (size_t i = 0; i < count; i++) {
        if (audit_store_has_search(subject->txn, &rows[i], subject->index)) continue;
        find(subject, rows[i].kind == AUDIT_SEARCH_ACTION     ? "it is not found by its action"
                      : rows[i].kind == AUDIT_SEARCH_ACTOR    ? "it is not found by its actor"
                      : rows[i].kind == AUDIT_SEARCH_RESOURCE ? "it is not found by its resource"
                                                              : "it is not found by its user");
    }
}

// ---- All of it -----------------------------------------------------------------------------

static struct status open_tile(struct subject *subject)
{
    if (subject->tile.size > 0 && subject->index % TLOG_TILE_WIDTH != 0) return STATUS_SUCCESS;
    struct status status =
        audit_store_get_tile(subject->txn, 0, subject->index / TLOG_TILE_WIDTH, &subject->tile);
    if (status.code != STATUS_NOT_FOUND) return status;
    subject->tile = (struct bytes){0};
    return STATUS_SUCCESS;
}

static struct status check_entry(struct subject *subject)
{
    struct bytes bytes;
    struct audit_entry entry;
    struct audit_side side;
    RETURN_IF_ERROR(open_tile(subject));
    struct status status = audit_store_get_entry(subject->txn, subject->index, &bytes);
    if (status.code == STATUS_NOT_FOUND) {
        find(subject, "it is missing");
        return STATUS_SUCCESS;
    }
    RETURN_IF_ERROR(status);
    check_leaf(subject, bytes);
    if (!status_ok(audit_entry_decode(bytes, &entry))) {
        find(subject, "its bytes are not an entry's");
        return STATUS_SUCCESS;
    }
    RETURN_IF_ERROR(check_side(subject, &entry, &side));
    check_search(subject, &entry, &side);
    return STATUS_SUCCESS;
}

// The tiles that begin with this entry, of all levels: what proofs are read from.
static struct status check_tiles(struct subject *subject, uint64_t size)
{
    uint64_t index = subject->index;
    for (unsigned level = 0; level < AUDIT_TILE_LEVELS && index % TLOG_TILE_WIDTH == 0; level++) {
        index /= TLOG_TILE_WIDTH;
        unsigned width = tlog_tile_width(level, index, size);
        if (width == 0) return STATUS_SUCCESS;
        struct status status = audit_tree_check_tile(subject->txn, level, index, width);
        if (status.code == STATUS_DATA_LOSS)
            find(subject, "a tile of the tree that begins with it does not agree with itself");
        else
            RETURN_IF_ERROR(status);
    }
    return STATUS_SUCCESS;
}

// What was pruned must be gone.
static struct status check_lowest(struct subject *subject, uint64_t first)
{
    uint64_t index = subject->index, lowest;
    RETURN_IF_ERROR(audit_store_lowest_row(subject->txn, &lowest));
    if (lowest >= first) return STATUS_SUCCESS;
    subject->index = lowest;
    find(subject, "it should have been pruned with those around it");
    subject->index = index;
    return STATUS_SUCCESS;
}

struct status audit_check_entries(struct store_txn *txn, uint64_t from, uint64_t limit,
                                  struct audit_check *ret)
{
    struct merkle_frontier head;
    uint64_t first;
    ret->pruned = ret->erased = 0;
    ret->finding_count = 0;
    RETURN_IF_ERROR(audit_store_get_head(txn, &head));
    RETURN_IF_ERROR(audit_store_first_index(txn, &first));
    struct subject subject = {.txn = txn, .index = from, .check = ret};
    if (from == 0) RETURN_IF_ERROR(check_lowest(&subject, first));
    for (; subject.index < head.size && limit > 0; subject.index++, limit--) {
        if (ret->finding_count > AUDIT_CHECK_FINDINGS_MAX - FINDINGS_OF_ENTRY_MAX) break;
        RETURN_IF_ERROR(check_tiles(&subject, head.size));
        if (subject.index < first)
            ret->pruned++;
        else
            RETURN_IF_ERROR(check_entry(&subject));
    }
    ret->next_index = subject.index < head.size ? subject.index : head.size;
    return STATUS_SUCCESS;
}
