#include "services/ledger/verify.h"

#include "common/base/check.h"
#include "services/ledger/verify_parts.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { ROWS_PER_SNAPSHOT = 10000 };

static bool stops(const _Atomic bool *should_stop)
{
    return should_stop != NULL && atomic_load(should_stop);
}

/// One snapshot: first what the log has grown by, then, unless that was more than enough for one, a
/// piece of what comes next. *walk counts through the tables and, after them, the rest.
static struct status verify_piece(struct verifier *verifier, struct store *store, size_t *walk,
                                  struct verify_position *position)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(store, &txn));
    if (!verify_read_log(verifier, txn)) return STATUS_SUCCESS;
    if (*walk == VERIFY_WALKS) {
        ++*walk;
        return verify_rest(verifier, txn);
    }
    if (verify_walk(verifier, txn, *walk, position)) {
        ++*walk;
        position->key_size = 0;
    }
    return STATUS_SUCCESS;
}

static void free_verifier(struct verifier **verifier)
{
    verify_close(*verifier);
    free(*verifier);
}

struct status ledger_verify(struct store *store, const _Atomic bool *should_stop,
                            struct ledger_verification *ret)
{
    return ledger_verify_in_pieces(store, ROWS_PER_SNAPSHOT, should_stop, ret);
}

struct status ledger_verify_in_pieces(struct store *store, size_t rows_per_snapshot,
                                      const _Atomic bool *should_stop,
                                      struct ledger_verification *ret)
{
    ret->accounts = ret->transfers = ret->finding_count = 0;
    CLEANUP(free_verifier) struct verifier *verifier = calloc(1, sizeof *verifier);
    CHECK(verifier != NULL);
    verifier->result = ret;
    verifier->rows_per_snapshot = rows_per_snapshot;
    struct verify_position position = {.key_size = 0};
    for (size_t walk = 0; walk <= VERIFY_WALKS;) {
        if (stops(should_stop)) return REFUSE(CANCELLED, CANCELLED, "the verification was stopped");
        RETURN_IF_ERROR(verify_piece(verifier, store, &walk, &position));
    }
    return STATUS_SUCCESS;
}
