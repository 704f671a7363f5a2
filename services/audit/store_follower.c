#include "services/audit/store_follower.h"

#include "services/audit/record_follower.h"
#include "services/audit/tables.h"

struct status audit_store_get_cursor(struct store_txn *txn, const char *follower, uint64_t *ret)
{
    struct bytes record;
    struct status status = store_get(txn, AUDIT_TABLE_CURSORS, bytes_of_text(follower), &record);
    if (status.code == STATUS_NOT_FOUND) {
        *ret = 0;
        return STATUS_SUCCESS;
    }
    RETURN_IF_ERROR(status);
    return audit_cursor_decode(record, ret);
}

void audit_store_put_cursor(struct store_txn *txn, const char *follower, uint64_t index)
{
    uint8_t record[AUDIT_CURSOR_BYTES];
    store_put(txn, AUDIT_TABLE_CURSORS, bytes_of_text(follower),
              audit_cursor_encode(index, record));
}
