#include "services/kyc/events.h"

#include <string.h>

/// append writes one event about a member of a collection. message NULL: the arena is exhausted.
static struct status append(struct store_txn *txn, struct rpc_call *call, const char *type,
                            const char *collection, struct id128 id, const void *message,
                            const struct id128 *visible_to)
{
    if (message == NULL) return ARENA_STATUS_EXHAUSTED;
    char subject[EVENT_NAME_BYTES];
    event_name(collection, id, subject);
    event_append_call(txn, call, type, subject, message, visible_to, visible_to != NULL);
    return STATUS_SUCCESS;
}

struct status kyc_events_evidence(struct store_txn *txn, struct rpc_call *call,
                                  struct id128 customer_id, const char *type)
{
    bool is_profile = strcmp(type, "profile") == 0;
    return append(txn, call, is_profile ? "kyc.profile.updated" : "kyc.document.submitted", "users",
                  customer_id, kyc_convert_evidence(call, &customer_id, type), &customer_id);
}

struct status kyc_events_submitted(struct store_txn *txn, struct rpc_call *call,
                                   const struct kyc_change *change)
{
    const struct kyc_case *kyc_case = &change->after.kyc_case;
    return append(txn, call, "kyc.case.submitted", "cases", kyc_case->id,
                  kyc_convert_moved(call, change), &kyc_case->customer_id);
}

struct status kyc_events_recommended(struct store_txn *txn, struct rpc_call *call,
                                     const struct kyc_change *change)
{
    return append(txn, call, "kyc.case.recommended", "cases", change->after.kyc_case.id,
                  kyc_convert_moved(call, change), NULL);
}

struct status kyc_events_decided(struct store_txn *txn, struct rpc_call *call,
                                 const struct kyc_change *change)
{
    const struct kyc_case *kyc_case = &change->after.kyc_case;
    RETURN_IF_ERROR(append(txn, call, "kyc.case.decided", "cases", kyc_case->id,
                           kyc_convert_moved(call, change), &kyc_case->customer_id));
    if (!change->tier_changed) return STATUS_SUCCESS;
    return append(txn, call, "kyc.tier.changed", "users", kyc_case->customer_id,
                  kyc_convert_tier(call, change), &kyc_case->customer_id);
}
