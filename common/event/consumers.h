/// @file common/event/consumers.h
/// Who has told how far it has durably come, and what is kept for it. A consumer is registered by
/// its first Acknowledge and stays until an operator lets it go: nothing that it has not
/// acknowledged is trimmed, however long it is away.
/// Key        name, "services/<service>/<consumer>": no service speaks for another's.
/// Value      version(1) = 01 | acknowledged seq(8) | when, wall ns(8).
/// Threads    The handlers on the server's; the others inside a transaction.
#pragma once

#include "common/event/outbox.h"

enum {
    OUTBOX_CONSUMERS_MAX = 256,
    OUTBOX_CONSUMER_BYTES = 1 + 8 + 8,
};

struct outbox_consumer {
    uint64_t acknowledged_seq, at_wall_ns;
};

MUST_USE struct status outbox_consumer_decode(struct bytes value, struct outbox_consumer *ret);

/// outbox_acknowledged_by_all is the highest seq that every consumer has; 0 without one.
MUST_USE struct status outbox_acknowledged_by_all(struct store_txn *txn, uint64_t *ret);

/// Of EventLog; the proto says what they do and refuse.
MUST_USE struct status outbox_acknowledge(struct rpc_call *call, struct store_txn *txn);
MUST_USE struct status outbox_list_consumers(struct rpc_call *call, struct store_txn *txn);
MUST_USE struct status outbox_forget_consumer(struct rpc_call *call, struct store_txn *txn);
