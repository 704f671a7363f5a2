/// @file services/audit/export.h
/// Events in the forms that other programs read. Pure: one event in, bytes out; rpc_export.c walks
/// the log and puts what stands before, between and behind them.
///     NDJSON  one line for each event: the JSON of message AuditEvent
///     CSV     RFC 4180 with a header and CRLF; a value that a spreadsheet would take for a formula
///             (it begins with = + - @, a tab or CR) gets a ' in front, as OWASP recommends
///     OCSF    an array of OCSF 1.3.0 events (https://schema.ocsf.io/1.3.0): classes 3001 Account
///             Change, 3002 Authentication, 6003 API Activity, by the table of convert_ocsf.c
///     CEF     ArcSight's Common Event Format, revision 26, one line for each event
/// Ownership  Bytes live in the arena, or are constant.
/// Threads    Any, one per arena.
/// Errors     RESOURCE_EXHAUSTED / REQUEST_TOO_COMPLEX (the arena's limit).
/// In         convert_export.c, convert_ocsf.c: what knows generated messages is a convert file.
#pragma once

#include "services/audit/service.h"

enum audit_export_format {
    AUDIT_EXPORT_NDJSON,
    AUDIT_EXPORT_CSV,
    AUDIT_EXPORT_OCSF,
    AUDIT_EXPORT_CEF,
    AUDIT_EXPORT_FORMATS,
};

/// What a document of this format is besides its events.
struct audit_export_frame {
    const char *name;       // "ndjson"
    const char *media_type; // With its charset.
    const char *head, *between, *tail;
};

extern const struct audit_export_frame audit_export_frames[AUDIT_EXPORT_FORMATS];

MUST_USE struct status audit_export_event(enum audit_export_format format,
                                          const struct audit_event *event, struct arena *arena,
                                          struct bytes *ret);

/// How much an event matters, by its type and outcome: one table for all formats.
enum audit_severity {
    AUDIT_SEVERITY_INFORMATIONAL = 1, // OCSF's severity_id.
    AUDIT_SEVERITY_LOW,
    AUDIT_SEVERITY_MEDIUM,
    AUDIT_SEVERITY_HIGH,
};

enum audit_severity audit_severity_of(const struct audit_entry *entry);
