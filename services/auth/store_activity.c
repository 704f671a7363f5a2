#include "services/auth/store_activity.h"

#include "common/base/check.h"
#include "services/auth/store_internal.h"

// ---- Filing --------------------------------------------------------------------------------

static struct seal_place origin_place(struct id128 id)
{
    return (struct seal_place){.table = "auth_activity", .field = "origin", .owner = id};
}

static void put_facet(struct store_txn *txn, enum auth_activity_facet facet,
                      const struct auth_activity_record *record, struct bytes row)
{
    uint8_t key[AUTH_ACTIVITY_FACET_KEY_BYTES_MAX];
    size_t size =
        auth_activity_facet_key_encode(facet, record->user_id, record->result, record->id, key);
    store_put(txn, AUTH_TABLE_ACTIVITY_FACETS, bytes_of(key, size), row);
}

void auth_store_put_activity(const struct auth_store *auth, struct store_txn *txn, uint64_t at_ns,
                             const struct auth_origin *origin, struct auth_activity_record *record)
{
    uint64_t random;
    uint8_t plain[AUTH_ORIGIN_BYTES_MAX], sealed[AUTH_SPAN_BYTES_MAX];
    uint8_t key[AUTH_ACTIVITY_KEY_BYTES], row[AUTH_ACTIVITY_BYTES_MAX];
    key_random(&random, sizeof random);
    record->id = auth_activity_id(at_ns, random);
    struct seal_place place = origin_place(record->id);
    size_t size = auth_origin_encode(origin, plain);
    record->sealed_origin =
        bytes_of(sealed, seal_value(auth->seal, &place, bytes_of(plain, size), sealed));
    auth_activity_key_encode(record->result, record->id, key);
    size = auth_activity_encode(record, row);
    store_put(txn, AUTH_TABLE_ACTIVITY, bytes_of(key, sizeof key), bytes_of(row, size));
    // Also under the nil user, whom no list is of: an identifier that nobody has costs the same.
    put_facet(txn, AUTH_ACTIVITY_OF_USER, record, bytes_of(row, size));
    if (record->is_suspicious)
        put_facet(txn, AUTH_ACTIVITY_SUSPICIOUS, record, bytes_of(row, size));
    record->sealed_origin = (struct bytes){0}; // It lies on this stack.
}

struct status auth_store_get_origin(const struct auth_store *auth,
                                    const struct auth_activity_record *record, struct arena *arena,
                                    const char *ret_texts[static AUTH_ORIGIN_FIELD_COUNT])
{
    struct seal_place place = origin_place(record->id);
    struct bytes plain;
    struct auth_origin origin;
    RETURN_IF_ERROR(unseal_value(auth->seal, &place, record->sealed_origin, arena, &plain));
    RETURN_IF_ERROR(auth_origin_decode(plain, &origin));
    for (size_t i = 0; i < AUTH_ORIGIN_FIELD_COUNT; i++) {
        struct bytes field = origin.fields[i];
        ret_texts[i] = arena_text(arena, (const char *)field.data, field.size);
        if (ret_texts[i] == NULL) return ARENA_STATUS_EXHAUSTED;
    }
    return STATUS_SUCCESS;
}

struct status auth_store_get_history(struct store_txn *txn, struct id128 user_id,
                                     struct auth_history *ret)
{
    struct bytes row;
    struct status status = store_get(txn, AUTH_TABLE_LOGIN_HISTORIES, id128_bytes(&user_id), &row);
    if (status.code == STATUS_NOT_FOUND) {
        *ret = (struct auth_history){0};
        return STATUS_SUCCESS;
    }
    RETURN_IF_ERROR(status);
    return auth_history_decode(row, ret);
}

void auth_store_put_history(struct store_txn *txn, struct id128 user_id,
                            const struct auth_history *history)
{
    uint8_t row[AUTH_HISTORY_BYTES_MAX];
    size_t size = auth_history_encode(history, row);
    store_put(txn, AUTH_TABLE_LOGIN_HISTORIES, id128_bytes(&user_id), bytes_of(row, size));
}

// ---- Lists ---------------------------------------------------------------------------------

/// settle looks at where the strand's cursor has come to.
static void settle(struct auth_activity_strand *strand, bool has_row)
{
    struct bytes key = strand->cursor.key;
    size_t prefix_size = strand->prefix_size;
    strand->id = ID128_NIL;
    if (!has_row || key.size != prefix_size + ID128_BYTES) return;
    if (memcmp(key.data, strand->prefix, prefix_size) != 0) return;
    strand->id = id128_of(key.data + prefix_size);
}

static void open_strand(struct store_txn *txn, const struct auth_activity_filter *filter,
                        enum auth_activity_result result, struct id128 before_id,
                        struct auth_activity_strand *ret)
{
    bool is_of_user = !id128_is_nil(filter->user_id);
    CHECK(!is_of_user || !filter->is_suspicious); // Nobody asks for both; there is no such facet.
    bool is_of_facet = is_of_user || filter->is_suspicious;
    uint8_t key[AUTH_ACTIVITY_FACET_KEY_BYTES_MAX];
    size_t size = AUTH_ACTIVITY_KEY_BYTES;
    if (is_of_facet) {
        enum auth_activity_facet facet =
            is_of_user ? AUTH_ACTIVITY_OF_USER : AUTH_ACTIVITY_SUSPICIOUS;
        size = auth_activity_facet_key_encode(facet, filter->user_id, result, before_id, key);
    } else {
        auth_activity_key_encode(result, before_id, key);
    }
    ret->result = result;
    ret->prefix_size = size - ID128_BYTES;
    memcpy(ret->prefix, key, ret->prefix_size);
    store_cursor_open(txn, is_of_facet ? AUTH_TABLE_ACTIVITY_FACETS : AUTH_TABLE_ACTIVITY,
                      &ret->cursor);
    settle(ret, store_cursor_seek_before(&ret->cursor, bytes_of(key, size)));
}

void auth_activity_walk_open(struct store_txn *txn, const struct auth_activity_filter *filter,
                             struct id128 before_id, struct auth_activity_walk *ret)
{
    *ret = (struct auth_activity_walk){0};
    for (int i = AUTH_ACTIVITY_FAILED; i <= AUTH_ACTIVITY_RESULT_LAST; i++) {
        enum auth_activity_result result = (enum auth_activity_result)i;
        if (filter->result != 0 && filter->result != result) continue;
        open_strand(txn, filter, result, before_id, &ret->strands[ret->strand_count++]);
    }
}

void auth_activity_walk_close(struct auth_activity_walk *walk)
{
    for (size_t i = 0; i < walk->strand_count; i++) {
        store_cursor_close(&walk->strands[i].cursor);
    }
    walk->strand_count = 0;
}

static struct auth_activity_strand *newest_strand(struct auth_activity_walk *walk)
{
    struct auth_activity_strand *newest = &walk->strands[0];
    for (size_t i = 1; i < walk->strand_count; i++) {
        if (id128_compare(walk->strands[i].id, newest->id) > 0) newest = &walk->strands[i];
    }
    return newest;
}

struct id128 auth_activity_walk_peek(const struct auth_activity_walk *walk)
{
    struct id128 newest = walk->strands[0].id;
    for (size_t i = 1; i < walk->strand_count; i++) {
        if (id128_compare(walk->strands[i].id, newest) > 0) newest = walk->strands[i].id;
    }
    return newest;
}

struct status auth_activity_walk_next(struct auth_activity_walk *walk,
                                      struct auth_activity_record *ret)
{
    struct auth_activity_strand *strand = newest_strand(walk);
    if (id128_is_nil(strand->id)) return REFUSE(NOT_FOUND, ACTIVITY_END, "the list ends here");
    RETURN_IF_ERROR(auth_activity_decode(strand->result, strand->id, strand->cursor.value, ret));
    settle(strand, store_cursor_prev(&strand->cursor));
    return STATUS_SUCCESS;
}

// ---- Forgetting ----------------------------------------------------------------------------

struct status auth_store_oldest_activity(struct store_txn *txn, enum auth_activity_result result,
                                         uint64_t before_ns, struct auth_activity_record *ret)
{
    uint8_t key[AUTH_ACTIVITY_KEY_BYTES];
    enum auth_activity_result found;
    struct id128 id;
    auth_activity_key_encode(result, ID128_NIL, key);
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUTH_TABLE_ACTIVITY, &cursor);
    bool has_row = store_cursor_seek(&cursor, bytes_of(key, sizeof key));
    if (has_row) {
        RETURN_IF_ERROR(auth_activity_key_decode(cursor.key, &found, &id));
        if (found == result && auth_activity_at_ns(id) < before_ns)
            return auth_activity_decode(result, id, cursor.value, ret);
    }
    return REFUSE(NOT_FOUND, ACTIVITY_END, "nothing of this result is so old");
}

void auth_store_delete_activity(struct store_txn *txn, const struct auth_activity_record *record)
{
    uint8_t key[AUTH_ACTIVITY_FACET_KEY_BYTES_MAX];
    for (int i = AUTH_ACTIVITY_OF_USER; i <= AUTH_ACTIVITY_FACET_LAST; i++) {
        size_t size = auth_activity_facet_key_encode((enum auth_activity_facet)i, record->user_id,
                                                     record->result, record->id, key);
        store_delete(txn, AUTH_TABLE_ACTIVITY_FACETS, bytes_of(key, size));
    }
    auth_activity_key_encode(record->result, record->id, key);
    store_delete(txn, AUTH_TABLE_ACTIVITY, bytes_of(key, AUTH_ACTIVITY_KEY_BYTES));
}
