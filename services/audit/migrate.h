/// @file services/audit/migrate.h
/// Older stores brought up to date, inside the transaction that opens them.
/// Errors     DATA_LOSS / ENTRY_CORRUPT, RECORD_CORRUPT; what writing says.
#pragma once

#include "common/store/store.h"

/// Version 1 to 2: search rows of the users whom an entry concerns.
MUST_USE struct status audit_migrate_user_rows(struct store_txn *txn);
