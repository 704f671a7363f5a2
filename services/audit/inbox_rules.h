/// @file services/audit/inbox_rules.h
/// What users are told: one row of a table for each kind of notification, from which events, for
/// whom and in which words. Never with anything about the other side of a payment.
/// Threads    Any; pure.
/// Source     design 05 "Notifications inbox".
#pragma once

#include "services/audit/entry.h"
#include "services/audit/record_inbox.h"

/// Money that moved.
struct audit_movement {
    struct id128 debit_account_id, credit_account_id;
    char currency[AUDIT_NOTICE_CURRENCY_BYTES];
    u128 amount; // Minor units.
};

/// What was unusual about a login.
struct audit_login_risk {
    bool is_new_device, is_new_network;
};

enum audit_audience {
    AUDIT_AUDIENCE_CONCERNED, // Whom the event is visible to.
    AUDIT_AUDIENCE_CREDITED,  // Whose account the money came to, and
    AUDIT_AUDIENCE_DEBITED,   // from whose it went: neither of his own doing, nor of his own money.
};

/// The one word of the event that is told.
enum audit_word { AUDIT_WORD_NONE, AUDIT_WORD_FACTOR, AUDIT_WORD_DECISION, AUDIT_WORD_TIER };

struct audit_notice_rule {
    const char *action; // The event's type.
    enum audit_notice_kind kind;
    enum audit_audience audience;
    enum audit_word word;
    bool is_of_new_device; // Only of logins that are from a new device.
};

extern const struct audit_notice_rule audit_notice_rules[];
extern const size_t audit_notice_rule_count;

/// audit_notices_want: whether such events lead to a notification, or say whose an account is.
bool audit_notices_want(const struct audit_entry *entry);
bool audit_notices_tell_owner(const struct audit_entry *entry);

/// audit_notice_is_new_device: a client that does not name its device is new by its network.
bool audit_notice_is_new_device(struct audit_login_risk risk, bool is_device_named);

// ---- Words ---------------------------------------------------------------------------------

enum { AUDIT_NOTICE_TEXT_BYTES = 256 };

const char *audit_notice_name(enum audit_notice_kind kind); // "MONEY_IN"
const char *audit_notice_title(enum audit_notice_kind kind);
size_t audit_notice_text(const struct audit_notice *notice,
                         char ret[static AUDIT_NOTICE_TEXT_BYTES]);
