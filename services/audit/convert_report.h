/// @file services/audit/convert_report.h
/// What other daemons' events say, as values; and the messages of reports and notifications.
/// Payloads   Ours all the same, and yet no reason to stop: one that cannot be read says nothing.
/// Ownership  Texts and messages live in the arena that was given, or of the call.
/// Threads    As the arena: one at a time.
/// Errors     NULL from a message maker: the arena is exhausted.
#pragma once

#include "common/rpc/call.h"
#include "florin/audit/v1/audit.pb-c.h"
#include "services/audit/inbox_rules.h"
#include "services/audit/suspicion_rules.h"

// ---- In ------------------------------------------------------------------------------------

/// audit_convert_movement reads a ledger.transfer.* event; false: it says nothing.
bool audit_convert_movement(struct bytes payload, struct arena *arena, struct audit_movement *ret);
/// audit_convert_account reads a ledger.account.* event: which account, and whose it is (nil: the
/// bank's own).
bool audit_convert_account(struct bytes payload, struct arena *arena, struct id128 *ret_account_id,
                           struct id128 *ret_owner_id);
/// audit_convert_login says what was unusual about a login.
struct audit_login_risk audit_convert_login(struct bytes payload, struct arena *arena);
/// audit_convert_word gives the one word that a notification of this kind tells (a factor, a
/// decision, a tier), or nothing.
struct bytes audit_convert_word(enum audit_word word, struct bytes payload, struct arena *arena);

// ---- Out -----------------------------------------------------------------------------------

enum { AUDIT_SUSPICION_FOUND_BYTES_MAX = 512 };

/// audit_convert_suspicion_found packs the event's payload and gives its size.
size_t audit_convert_suspicion_found(const struct audit_finding *finding,
                                     uint8_t ret[static AUDIT_SUSPICION_FOUND_BYTES_MAX]);

Audit__SuspiciousFinding *audit_convert_finding(struct rpc_call *call,
                                                const struct audit_finding *finding);
Audit__Notification *audit_convert_notification(struct rpc_call *call,
                                                const struct audit_notice *notice);
