/// @file common/rpc/meter.h
/// florin_rpc_duration_seconds{service,method,code} of one method: a histogram per code, made when
/// the code first comes up, so that what never happens costs no series.
/// Threads    Any; observing a code that is known costs two relaxed atomics.
#pragma once

#include "common/base/metrics.h"

#include <stdatomic.h>

enum { RPC_METER_CODES = STATUS_UNAUTHENTICATED + 1 };

struct rpc_meter {
    const char *service; // "florin.ledger.v1.LedgerService"; lives as long as the process.
    const char *method;  // "CreateTransfer"
    _Atomic(struct metric *) by_code[RPC_METER_CODES];
};

/// rpc_meter_open takes a method's full name, static: "florin.ledger.v1.LedgerService/Transfer".
void rpc_meter_open(struct rpc_meter *meter, const char *service, const char *full_name);
/// rpc_label gives the one lasting copy of a label text and frees the given one: the registry keeps
/// label texts for the life of the process, also when a server is opened again.
const char *rpc_label(char *text);
void rpc_meter_observe(struct rpc_meter *meter, enum status_code code, uint64_t duration_ns);
