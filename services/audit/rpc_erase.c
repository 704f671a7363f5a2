// Erasing what stands beside a user's entries, in steps: the writer is never held for long, and
// what a step has erased is told by an event of the same commit.
#include "common/base/clock.h"
#include "common/event/event.h"
#include "services/audit/convert.h"
#include "services/audit/rpc_handlers.h"

enum {
    STEP_ERASED_MAX = 500,     // Of one transaction,
    STEP_LOOKED_AT_MAX = 5000, // also where most was erased before.
};

static const char erased_type[] = "audit.details.erased";

#define NEAR_DEADLINE_NS (2 * NS_PER_SECOND)

struct erasure {
    const struct rpc_call *call;
    char user[EVENT_NAME_BYTES];
    bool is_told; // Some event says so already.
    uint64_t before;

    // Of one step.
    uint64_t next_before, erased;
    bool is_done;
};

static void tell(struct store_txn *txn, const struct erasure *erasure)
{
    const Audit__EraseUserDetailsRequest *request = erasure->call->request;
    Audit__DetailsErased payload = AUDIT__DETAILS_ERASED__INIT;
    payload.reason = request->reason;
    payload.erased = erasure->erased;
    event_append_call(txn, erasure->call, erased_type, erasure->user, &payload, NULL, 0);
}

// The indexes first: the cursor must be closed when its transaction writes.
static size_t find_indexes(struct store_txn *txn, const struct erasure *erasure,
                           uint64_t ret[static STEP_LOOKED_AT_MAX])
{
    CLEANUP(audit_store_search_close) struct audit_search search;
    size_t count = 0;
    audit_store_search_open(txn, AUDIT_SEARCH_USER, bytes_of_text(erasure->user), erasure->before,
                            &search);
    while (count < STEP_LOOKED_AT_MAX && audit_store_search_next(&search, &ret[count]))
        count++;
    return count;
}

// That somebody erased, and why, is no detail of the user's: it stays.
static struct status is_erasable(struct store_txn *txn, uint64_t index, bool *ret)
{
    struct bytes bytes;
    struct audit_entry entry;
    RETURN_IF_ERROR(audit_store_get_entry(txn, index, &bytes));
    RETURN_IF_ERROR(audit_entry_decode(bytes, &entry));
    *ret = !bytes_equal(entry.action, bytes_of_text(erased_type));
    return STATUS_SUCCESS;
}

static struct status erase_some(struct store_txn *txn, void *context)
{
    struct erasure *erasure = context;
    uint64_t indexes[STEP_LOOKED_AT_MAX];
    size_t count = find_indexes(txn, erasure, indexes);
    size_t looked_at = 0;
    erasure->erased = 0;
    for (; looked_at < count && erasure->erased < STEP_ERASED_MAX; looked_at++) {
        bool erasable, erased;
        RETURN_IF_ERROR(is_erasable(txn, indexes[looked_at], &erasable));
        if (!erasable) continue;
        RETURN_IF_ERROR(audit_store_erase_side(txn, indexes[looked_at], &erased));
        erasure->erased += erased;
    }
    erasure->is_done = looked_at == count && count < STEP_LOOKED_AT_MAX;
    erasure->next_before = looked_at > 0 ? indexes[looked_at - 1] : 0;
    // Also that there was nothing to erase is worth an event: somebody has asked for it.
    if (erasure->erased > 0 || (erasure->is_done && !erasure->is_told)) tell(txn, erasure);
    return STATUS_SUCCESS;
}

// What is erased are traces too: from where somebody came, and what exactly they did.
static struct status refuse_own_details(const struct rpc_call *call, struct id128 user_id)
{
    const struct token_claims *claims = &call->claims;
    if (!call->is_authenticated || claims->is_service || !id128_equal(claims->subject, user_id))
        return STATUS_SUCCESS;
    return REFUSE(PERMISSION_DENIED, SEPARATION_OF_DUTIES, "nobody erases their own details");
}

struct status audit_rpc_erase_user_details(struct rpc_call *call, struct store_txn *unused)
{
    (void)unused; // On a pool thread.
    const Audit__EraseUserDetailsRequest *request = call->request;
    struct id128 user_id = id128_of(request->user_id.data);
    RETURN_IF_ERROR(refuse_own_details(call, user_id));
    const struct audit_context *context = call->service;
    Audit__EraseUserDetailsResponse *reply =
        RPC_NEW(call, Audit__EraseUserDetailsResponse, audit__erase_user_details_response__init);
    if (reply == NULL) return ARENA_STATUS_EXHAUSTED;
    struct erasure erasure = {.call = call, .before = UINT64_MAX};
    event_name("users", user_id, erasure.user);
    do {
        RETURN_IF_ERROR(store_write_wait(context->service.store, erase_some, &erasure));
        erasure.before = erasure.next_before;
        erasure.is_told |= erasure.erased > 0;
        reply->erased += erasure.erased;
    } while (!erasure.is_done && clock_mono_ns() + NEAR_DEADLINE_NS < call->deadline_mono_ns);
    reply->done = erasure.is_done;
    return rpc_call_reply(call, reply);
}
