#include "common/rpc/idempotency.h"

#include "common/base/check.h"
#include "common/rpc/limits.h"
#include "common/rpc/server.h"

#include <sodium.h>
#include <stdlib.h>

enum {
    TABLE_ANSWERS = STORE_TABLE_RPC_FIRST,
    TABLE_EXPIRIES,
    ROW_VERSION = 1,
    EXPIRY_KEY_BYTES = 8 + IDEMPOTENCY_ROW_KEY_BYTES,
};

static const struct store_table tables[] = {
    {.number = TABLE_ANSWERS, .name = "rpc_answers"},
    {.number = TABLE_EXPIRIES, .name = "rpc_expiries"},
};

const struct store_schema rpc_store_schema = {
    .name = "rpc", .version = 1, .tables = tables, .table_count = 2};

static void hash_part(crypto_generichash_state *state, const void *data, size_t size)
{
    uint8_t size_be[8]; // A length before each part: no two calls can run into each other.
    put_u64_be(size_be, size);
    crypto_generichash_update(state, size_be, sizeof size_be);
    crypto_generichash_update(state, data, size);
}

void idempotency_identify(const struct token_claims *claims, bool is_authenticated,
                          const char *method, const char *key, struct bytes request,
                          struct idempotency *ret)
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof ret->row_key);
    if (is_authenticated) {
        hash_part(&state, claims->subject.bytes, ID128_BYTES);
        hash_part(&state, claims->service, strlen(claims->service));
    }
    hash_part(&state, method, strlen(method));
    hash_part(&state, key, strlen(key));
    crypto_generichash_final(&state, ret->row_key, sizeof ret->row_key);
    crypto_generichash(ret->request_hash, sizeof ret->request_hash, request.data, request.size,
                       NULL, 0);
}

size_t idempotency_row_size(const struct idempotency_row *row)
{
    return IDEMPOTENCY_HEAD_BYTES + row->reply.size;
}

void idempotency_row_encode(const struct idempotency_row *row, uint8_t *ret_bytes)
{
    ret_bytes[0] = ROW_VERSION;
    put_u64_be(ret_bytes + 1, row->expires_wall_ns);
    memcpy(ret_bytes + 9, row->request_hash, IDEMPOTENCY_HASH_BYTES);
    memcpy(ret_bytes + IDEMPOTENCY_HEAD_BYTES, row->reply.data, row->reply.size);
}

struct status idempotency_row_decode(struct bytes bytes, struct idempotency_row *ret)
{
    if (bytes.size <= IDEMPOTENCY_HEAD_BYTES || bytes.data[0] != ROW_VERSION) {
        return REFUSE(DATA_LOSS, IDEMPOTENCY_ROW_BROKEN, "a remembered answer is damaged");
    }
    ret->expires_wall_ns = get_u64_be(bytes.data + 1);
    memcpy(ret->request_hash, bytes.data + 9, IDEMPOTENCY_HASH_BYTES);
    ret->reply = bytes_of(bytes.data + IDEMPOTENCY_HEAD_BYTES, bytes.size - IDEMPOTENCY_HEAD_BYTES);
    return STATUS_SUCCESS;
}

struct status idempotency_find(struct store_txn *txn, const struct idempotency *asked,
                               uint64_t now_wall_ns, struct bytes *ret_reply)
{
    struct bytes value;
    struct idempotency_row row;
    struct status status =
        store_get(txn, TABLE_ANSWERS, bytes_of(asked->row_key, sizeof asked->row_key), &value);
    *ret_reply = (struct bytes){0};
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(status);
    RETURN_IF_ERROR(idempotency_row_decode(value, &row));
    if (row.expires_wall_ns <= now_wall_ns) return STATUS_SUCCESS;
    if (memcmp(row.request_hash, asked->request_hash, sizeof row.request_hash) != 0) {
        return REFUSE(ALREADY_EXISTS, IDEMPOTENCY_KEY_REUSED,
                      "this Idempotency-Key was used with another request");
    }
    *ret_reply = row.reply;
    return STATUS_SUCCESS;
}

void idempotency_put(struct store_txn *txn, const struct idempotency *asked, uint64_t now_wall_ns,
                     struct bytes reply)
{
    struct idempotency_row row = {.expires_wall_ns = now_wall_ns + IDEMPOTENCY_LIFE_NS,
                                  .reply = reply};
    memcpy(row.request_hash, asked->request_hash, sizeof row.request_hash);
    size_t size = idempotency_row_size(&row);
    uint8_t *bytes = malloc(size);
    CHECK(bytes != NULL);
    idempotency_row_encode(&row, bytes);
    store_put(txn, TABLE_ANSWERS, bytes_of(asked->row_key, sizeof asked->row_key),
              bytes_of(bytes, size));
    free(bytes);

    uint8_t expiry_key[EXPIRY_KEY_BYTES];
    put_u64_be(expiry_key, row.expires_wall_ns);
    memcpy(expiry_key + 8, asked->row_key, sizeof asked->row_key);
    store_put(txn, TABLE_EXPIRIES, bytes_of(expiry_key, sizeof expiry_key), (struct bytes){0});
}

bool idempotency_has_expired(struct store_txn *txn, uint64_t now_wall_ns)
{
    struct store_cursor cursor;
    store_cursor_open(txn, TABLE_EXPIRIES, &cursor);
    bool expired = store_cursor_first(&cursor) && cursor.key.size == EXPIRY_KEY_BYTES &&
                   get_u64_be(cursor.key.data) <= now_wall_ns;
    store_cursor_close(&cursor);
    return expired;
}

// A key that was used again after its expiry has a younger answer than the expiry row says: then
// only the expiry row goes.
static void delete_expired(struct store_txn *txn, struct bytes expiry_key, uint64_t now_wall_ns)
{
    struct bytes row_key = bytes_of(expiry_key.data + 8, IDEMPOTENCY_ROW_KEY_BYTES), value;
    struct idempotency_row row;
    bool is_old = status_ok(store_get(txn, TABLE_ANSWERS, row_key, &value)) &&
                  status_ok(idempotency_row_decode(value, &row)) &&
                  row.expires_wall_ns <= now_wall_ns;
    if (is_old) store_delete(txn, TABLE_ANSWERS, row_key);
    store_delete(txn, TABLE_EXPIRIES, expiry_key);
}

size_t idempotency_sweep(struct store_txn *txn, uint64_t now_wall_ns)
{
    // Keys are gathered first: a cursor may not stay open over a write to its table.
    uint8_t(*keys)[EXPIRY_KEY_BYTES] = malloc(IDEMPOTENCY_SWEEP_ROWS_MAX * sizeof *keys);
    CHECK(keys != NULL);
    size_t count = 0;
    struct store_cursor cursor;
    store_cursor_open(txn, TABLE_EXPIRIES, &cursor);
    for (bool more = store_cursor_first(&cursor); more && count < IDEMPOTENCY_SWEEP_ROWS_MAX;
         more = store_cursor_next(&cursor)) {
        if (cursor.key.size != EXPIRY_KEY_BYTES || get_u64_be(cursor.key.data) > now_wall_ns) break;
        memcpy(keys[count++], cursor.key.data, EXPIRY_KEY_BYTES);
    }
    store_cursor_close(&cursor);
    for (size_t i = 0; i < count; i++) {
        delete_expired(txn, bytes_of(keys[i], EXPIRY_KEY_BYTES), now_wall_ns);
    }
    free(keys);
    return count;
}
