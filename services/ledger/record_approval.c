#include "services/ledger/record_internal.h"

size_t ledger_trace_encode(uint64_t number, uint8_t ret[static LEDGER_TRACE_BYTES])
{
    CHECK(number > 0);
    struct record_writer writer = record_write(ret, LEDGER_TRACE_BYTES, LEDGER_RECORD_VERSION);
    record_put_u64(&writer, number);
    return record_written(&writer);
}

struct status ledger_trace_decode(struct bytes value, uint64_t *ret)
{
    struct record_reader reader = record_read(value, LEDGER_RECORD_VERSION);
    uint64_t number = record_take_u64(&reader);
    record_expect(&reader, number > 0);
    if (!record_is_whole(&reader)) return LEDGER_CORRUPT("trace of a transfer");
    *ret = number;
    return STATUS_SUCCESS;
}

void ledger_burnt_key_encode(uint64_t expires_at_s, struct id128 token_id,
                             uint8_t ret[static LEDGER_BURNT_KEY_BYTES])
{
    put_u64_be(ret, expires_at_s);
    memcpy(ret + 8, token_id.bytes, ID128_BYTES);
}

bool ledger_burnt_key_decode(struct bytes key, uint64_t *ret_expires_at_s,
                             struct id128 *ret_token_id)
{
    if (key.size != LEDGER_BURNT_KEY_BYTES) return false;
    *ret_expires_at_s = get_u64_be(key.data);
    *ret_token_id = id128_of(key.data + 8);
    return true;
}

void ledger_payee_key_encode(struct id128 owner_id, struct id128 account_id,
                             uint8_t ret[static LEDGER_PAYEE_KEY_BYTES])
{
    memcpy(ret, owner_id.bytes, ID128_BYTES);
    memcpy(ret + ID128_BYTES, account_id.bytes, ID128_BYTES);
}

bool ledger_payee_key_decode(struct bytes key, struct id128 *ret_owner_id,
                             struct id128 *ret_account_id)
{
    if (key.size != LEDGER_PAYEE_KEY_BYTES) return false;
    *ret_owner_id = id128_of(key.data);
    *ret_account_id = id128_of(key.data + ID128_BYTES);
    return true;
}
