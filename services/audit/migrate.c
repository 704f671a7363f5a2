#include "services/audit/migrate.h"

#include "services/audit/core.h"
#include "services/audit/store.h"

static struct status add_user_rows(struct store_txn *txn, uint64_t index)
{
    struct bytes bytes;
    struct audit_entry entry;
    struct audit_side side = {0};
    RETURN_IF_ERROR(audit_store_get_entry(txn, index, &bytes));
    RETURN_IF_ERROR(audit_entry_decode(bytes, &entry));
    struct status status = audit_store_get_side(txn, index, &side);
    if (status.code != STATUS_NOT_FOUND) RETURN_IF_ERROR(status);
    struct audit_search_row rows[AUDIT_SEARCH_ROWS_MAX];
    size_t count = audit_core_search_rows(&entry, side.visible_to, rows);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].kind != AUDIT_SEARCH_USER) continue; // The others are there.
        audit_store_put_search(txn, rows[i].kind, rows[i].prefix, index);
    }
    return store_txn_status(txn);
}

// One entry at a time, so that the memory it takes does not grow with the log.
struct status audit_migrate_user_rows(struct store_txn *txn)
{
    uint64_t count;
    RETURN_IF_ERROR(audit_store_entry_count(txn, &count));
    for (uint64_t index = 0; index < count; index++)
        RETURN_IF_ERROR(add_user_rows(txn, index));
    return STATUS_SUCCESS;
}
