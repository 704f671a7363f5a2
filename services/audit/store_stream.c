#include "services/audit/store_stream.h"

#include "services/audit/tables.h"

void audit_search_on_open(struct store_txn *txn, enum audit_search_kind kind, struct bytes name,
                          uint64_t from, struct audit_search_on *ret)
{
    *ret = (struct audit_search_on){.kind = kind, .from = from};
    audit_name_prefix(name, ret->prefix);
    store_cursor_open(txn, AUDIT_TABLE_SEARCH, &ret->cursor);
}

bool audit_search_on_next(struct audit_search_on *search, uint64_t *ret_index)
{
    bool found;
    if (search->started) {
        found = store_cursor_next(&search->cursor);
    } else {
        uint8_t key[AUDIT_SEARCH_KEY_BYTES];
        found = store_cursor_seek(
            &search->cursor, audit_search_key(search->kind, search->prefix, search->from, key));
        search->started = true;
    }
    return found &&
           audit_search_key_decode(search->cursor.key, search->kind, search->prefix, ret_index);
}

void audit_search_on_close(struct audit_search_on *search)
{
    store_cursor_close(&search->cursor);
}
