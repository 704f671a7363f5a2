#include "services/witness/store.h"

#include "common/crypto/hash.h"

enum { TABLE_LOGS = STORE_TABLE_SERVICE_FIRST };

static const struct store_table tables[] = {{TABLE_LOGS, "logs"}};

const struct store_schema witness_store_schema = {
    .name = "witness",
    .version = 1,
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
};

#define NOT_SEEN REFUSE(NOT_FOUND, LOG_NOT_SEEN, "no checkpoint of this log was cosigned")

void witness_store_put(struct store_txn *txn, const char *origin, const struct witness_state *state)
{
    uint8_t record[WITNESS_STATE_BYTES_MAX];
    store_put(txn, TABLE_LOGS, bytes_of_text(origin),
              bytes_of(record, witness_state_encode(state, record)));
}

struct status witness_store_get(struct store_txn *txn, const char *origin,
                                struct witness_state *ret)
{
    struct bytes record;
    RETURN_IF_ERROR(store_get_or(txn, TABLE_LOGS, bytes_of_text(origin), NOT_SEEN, &record));
    return witness_state_decode(record, ret);
}

struct status witness_store_find(struct store_txn *txn, struct bytes origin_hash,
                                 struct witness_state *ret)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, TABLE_LOGS, &cursor);
    for (bool found = store_cursor_first(&cursor); found; found = store_cursor_next(&cursor)) {
        uint8_t hash[HASH_SHA256_BYTES];
        hash_sha256(&cursor.key, 1, hash);
        if (bytes_equal(origin_hash, bytes_of(hash, sizeof hash)))
            return witness_state_decode(cursor.value, ret);
    }
    return NOT_SEEN;
}
