/// @file services/audit/convert_export.h
/// What convert_export.c and convert_ocsf.c share; export.h is for everybody else.
#pragma once

#include "common/json/encode.h"
#include "florin/audit/v1/audit.pb-c.h"
#include "services/audit/export.h"

/// audit_export_ocsf writes one event; the message is made of the same one.
void audit_export_ocsf(struct json_writer *writer, const struct audit_event *event,
                       const Audit__AuditEvent *message);
