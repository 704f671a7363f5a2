#include "services/audit/store_published.h"

#include "services/audit/tables.h"

static const char published_key[] = "published";

void audit_store_put_published(struct store_txn *txn, const struct audit_published *published)
{
    uint8_t record[AUDIT_PUBLISHED_BYTES_MAX];
    store_put(txn, AUDIT_TABLE_LOG, bytes_of_text(published_key),
              bytes_of(record, audit_published_encode(published, record)));
}

struct status audit_store_get_published(struct store_txn *txn, struct audit_published *ret)
{
    struct bytes record;
    *ret = (struct audit_published){0};
    struct status status = store_get(txn, AUDIT_TABLE_LOG, bytes_of_text(published_key), &record);
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(status);
    return audit_published_decode(record, ret);
}
