/// @file services/audit/rpc.h
/// The AuditService's handlers, one per row of the generated audit_methods.
/// Context    rpc_call.service is a struct audit_context.
/// Threads    As the method's access says (common/rpc/call.h).
#pragma once

#include "common/rpc/call.h"
#include "florin/audit/v1/audit_methods.h"
#include "services/audit/sources.h"

struct audit_followers;
struct audit_consumers;
struct audit_webhooks;
struct audit_witnessing;
struct audit_retention;
struct audit_reports;

struct audit_context {
    struct audit_service service;
    struct audit_sources sources;
    // Each its part's own (parts.h).
    struct audit_witnessing *witnessing;
    struct audit_retention *retention;
    struct audit_consumers *consumers;
    struct audit_webhooks *webhooks;
    struct audit_reports *reports;
    struct audit_followers *followers;
};

extern const rpc_handler audit_handlers[AUDIT_METHOD_COUNT];
