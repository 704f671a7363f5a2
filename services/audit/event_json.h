/// @file services/audit/event_json.h
/// One event of the log as it leaves the daemon, the same for everybody: message AuditEvent (REST),
/// message Delivery (streams, consumers) and the JSON of AuditEvent (webhooks, SSE, exports).
/// `data`     The event's own message as JSON, by the registry of event types (event_type_find); ""
///            when the type has no payload or is unknown, the payload is broken, was erased, or
///            takes more than 1 MiB: what cannot be shown must not keep the event from being shown.
/// Ownership  Everything is copied into the arena: the event's bytes may move afterwards.
/// Threads    Pure: any thread, one per arena.
/// Errors     RESOURCE_EXHAUSTED / REQUEST_TOO_COMPLEX (the arena's limit).
/// In         convert_event.c: what knows generated messages is a convert file.
#pragma once

#include "services/audit/service.h"

struct Audit__AuditEvent;
struct Audit__Delivery;

MUST_USE struct status audit_event_make(const struct audit_event *event, struct arena *arena,
                                        struct Audit__AuditEvent **ret);
/// audit_delivery_make is the event with its payload as it was packed and whom it concerns; the
/// attempt is left to the caller.
MUST_USE struct status audit_delivery_make(const struct audit_event *event, struct arena *arena,
                                           struct Audit__Delivery **ret);
/// audit_event_json gives the JSON of message AuditEvent.
MUST_USE struct status audit_event_json(const struct audit_event *event, struct arena *arena,
                                        struct bytes *ret);
