#include "common/rpc/idempotency.h"

#include "common/base/check.h"
#include "common/rpc/limits.h"
#include "common/rpc/server.h"

#include <sodium.h>
#include <stdlib.h>

enum {
    TABLE_ANSWERS = STORE_TABLE_RPC_FIRST,
    TABLE_EXPIRIES,
    ROW_VERSION_CLEAR = 1,
    ROW_VERSION = 2,
    NONCE_BYTES = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
    TAG_BYTES = crypto_aead_xchacha20poly1305_ietf_ABYTES,
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

/// hash_call: `label` keeps what is written down apart from what is not; NULL: none.
static void hash_call(const struct token_claims *claims, bool is_authenticated, const char *method,
                      const char *key, const char *label, uint8_t ret[static 32])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, (const uint8_t *)label, label != NULL ? strlen(label) : 0, 32);
    if (is_authenticated) {
        hash_part(&state, claims->subject.bytes, ID128_BYTES);
        hash_part(&state, claims->service, strlen(claims->service));
    }
    hash_part(&state, method, strlen(method));
    hash_part(&state, key, strlen(key));
    crypto_generichash_final(&state, ret, 32);
}

void idempotency_identify(const struct token_claims *claims, bool is_authenticated,
                          const char *method, const char *key, struct bytes request,
                          struct idempotency *ret)
{
    static const char seal_label[] = "florin rpc idempotency answer";
    hash_call(claims, is_authenticated, method, key, NULL, ret->row_key);
    hash_call(claims, is_authenticated, method, key, seal_label, ret->seal_key);
    crypto_generichash(ret->request_hash, sizeof ret->request_hash, request.data, request.size,
                       NULL, 0);
}

// ---- The row -------------------------------------------------------------------------------

size_t idempotency_row_size(const struct idempotency_row *row)
{
    return IDEMPOTENCY_HEAD_BYTES + row->answer.size;
}

static void encode_head(const struct idempotency_row *row,
                        uint8_t ret[static IDEMPOTENCY_HEAD_BYTES])
{
    ret[0] = ROW_VERSION;
    put_u64_be(ret + 1, row->expires_wall_ns);
    memcpy(ret + 9, row->request_hash, IDEMPOTENCY_HASH_BYTES);
}

void idempotency_row_encode(const struct idempotency_row *row, uint8_t *ret_bytes)
{
    encode_head(row, ret_bytes);
    memcpy(ret_bytes + IDEMPOTENCY_HEAD_BYTES, row->answer.data, row->answer.size);
}

#define BROKEN_ROW REFUSE(DATA_LOSS, IDEMPOTENCY_ROW_BROKEN, "a remembered answer is damaged")

struct status idempotency_row_decode(struct bytes bytes, struct idempotency_row *ret)
{
    bool is_clear = bytes.size > 0 && bytes.data[0] == ROW_VERSION_CLEAR;
    size_t least = IDEMPOTENCY_HEAD_BYTES + (is_clear ? 0 : IDEMPOTENCY_SEAL_OVERHEAD_BYTES);
    if (bytes.size <= least || (!is_clear && bytes.data[0] != ROW_VERSION)) return BROKEN_ROW;
    ret->expires_wall_ns = get_u64_be(bytes.data + 1);
    memcpy(ret->request_hash, bytes.data + 9, IDEMPOTENCY_HASH_BYTES);
    ret->is_clear = is_clear;
    ret->answer =
        bytes_of(bytes.data + IDEMPOTENCY_HEAD_BYTES, bytes.size - IDEMPOTENCY_HEAD_BYTES);
    return STATUS_SUCCESS;
}

// ---- Answers -------------------------------------------------------------------------------

/// open_answer takes the batch out of a row: the row's head is what the seal is bound to.
static struct status open_answer(const struct idempotency *asked, struct bytes value,
                                 struct bytes answer, struct arena *arena, struct bytes *ret)
{
    const uint8_t *nonce = answer.data, *sealed = answer.data + NONCE_BYTES;
    unsigned long long size = 0;
    uint8_t *plain = arena_alloc(arena, answer.size - IDEMPOTENCY_SEAL_OVERHEAD_BYTES);
    if (plain == NULL) return ARENA_STATUS_EXHAUSTED;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            plain, &size, NULL, sealed, answer.size - NONCE_BYTES, value.data,
            IDEMPOTENCY_HEAD_BYTES, nonce, asked->seal_key) != 0)
        return BROKEN_ROW;
    *ret = bytes_of(plain, (size_t)size);
    return STATUS_SUCCESS;
}

struct status idempotency_find(struct store_txn *txn, const struct idempotency *asked,
                               uint64_t now_wall_ns, struct arena *arena, struct bytes *ret_reply)
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
    if (!row.is_clear) return open_answer(asked, value, row.answer, arena, ret_reply);
    *ret_reply = row.answer;
    return STATUS_SUCCESS;
}

void idempotency_put(struct store_txn *txn, const struct idempotency *asked, uint64_t now_wall_ns,
                     struct bytes reply)
{
    size_t sealed_size = reply.size + IDEMPOTENCY_SEAL_OVERHEAD_BYTES;
    size_t size = IDEMPOTENCY_HEAD_BYTES + sealed_size;
    uint8_t *bytes = malloc(size);
    CHECK(bytes != NULL);
    uint8_t *nonce = bytes + IDEMPOTENCY_HEAD_BYTES, *sealed = nonce + NONCE_BYTES;
    struct idempotency_row row = {.expires_wall_ns = now_wall_ns + IDEMPOTENCY_LIFE_NS};
    memcpy(row.request_hash, asked->request_hash, sizeof row.request_hash);
    encode_head(&row, bytes); // What is sealed is bound to it.
    randombytes_buf(nonce, NONCE_BYTES);
    CHECK(crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, NULL, reply.data, reply.size, bytes,
                                                     IDEMPOTENCY_HEAD_BYTES, NULL, nonce,
                                                     asked->seal_key) == 0);
    store_put(txn, TABLE_ANSWERS, bytes_of(asked->row_key, sizeof asked->row_key),
              bytes_of(bytes, size));
    free(bytes);

    uint8_t expiry_key[EXPIRY_KEY_BYTES];
    put_u64_be(expiry_key, row.expires_wall_ns);
    memcpy(expiry_key + 8, asked->row_key, sizeof asked->row_key);
    store_put(txn, TABLE_EXPIRIES, bytes_of(expiry_key, sizeof expiry_key), (struct bytes){0});
}

// ---- Expiry --------------------------------------------------------------------------------

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
