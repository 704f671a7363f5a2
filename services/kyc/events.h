/// @file services/kyc/events.h
/// What KYC tells the others, written in the transaction of what it tells about.
/// Events     kyc.profile.updated, kyc.document.submitted (subject users/<id>); kyc.case.submitted,
///            kyc.case.recommended, kyc.case.decided (cases/<id>); kyc.tier.changed (users/<id>).
///            Payloads in kyc.proto, "Events": no personal data, not even a mask.
/// Visible    To the customer, all but the recommendation: who looks at a case, and what the first
///            of two officers thinks, is not for him.
/// Threads    The store's writer thread.
#pragma once

#include "common/event/event.h"
#include "services/kyc/convert.h"

/// type: "profile", or a document's.
MUST_USE struct status kyc_events_evidence(struct store_txn *txn, struct rpc_call *call,
                                           struct id128 customer_id, const char *type);
MUST_USE struct status kyc_events_submitted(struct store_txn *txn, struct rpc_call *call,
                                            const struct kyc_change *change);
MUST_USE struct status kyc_events_recommended(struct store_txn *txn, struct rpc_call *call,
                                              const struct kyc_change *change);
/// kyc_events_decided also tells the tier, when that changed.
MUST_USE struct status kyc_events_decided(struct store_txn *txn, struct rpc_call *call,
                                          const struct kyc_change *change);
