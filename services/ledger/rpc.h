/// @file services/ledger/rpc.h
/// The LedgerService's handlers, one per row of the generated ledger_methods.
/// Context    rpc_call.service is a struct ledger_service.
/// Threads    As the method's access says (common/rpc/call.h).
#pragma once

#include "common/rpc/call.h"
#include "florin/ledger/v1/ledger_methods.h"

extern const rpc_handler ledger_handlers[LEDGER_METHOD_COUNT];
