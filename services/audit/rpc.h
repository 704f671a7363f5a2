/// @file services/audit/rpc.h
/// The AuditService's handlers, one per row of the generated audit_methods.
/// Context    rpc_call.service is a struct audit_context.
/// Threads    As the method's access says (common/rpc/call.h).
#pragma once

#include "common/rpc/call.h"
#include "florin/audit/v1/audit_methods.h"
#include "services/audit/sources.h"

struct audit_context {
    struct audit_service service;
    struct audit_sources sources;
};

extern const rpc_handler audit_handlers[AUDIT_METHOD_COUNT];
