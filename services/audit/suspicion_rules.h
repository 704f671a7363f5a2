/// @file services/audit/suspicion_rules.h
/// The rules over the stream: what a rule remembers of a subject and one more event give what it
/// remembers then, and perhaps a finding.
/// Rules      FAILURES_THEN_SUCCESS  5 failed logins of a user within 15 min, then a successful one
///                                   within 15 min of the last. A success forgets the failures.
///            IMPOSSIBLE_TRAVEL      two successful logins of a user from two networks (/24, /48)
///                                   within 10 min, unless both were among the last three networks
///                                   of this user's. By network, not by place: nobody knows here
///                                   where a network is.
///            REVEAL_BURST           20 sealed fields shown to one actor within 10 min.
///            STRUCTURING            3 movements of money of one owner within 24 h, each from 80 %
///                                   of the currency's limit on and below it.
///            OUT_OF_HOURS           administration by a person while the office is closed, but for
///                                   what people do to themselves.
/// Growing    What goes on (same rule and subject, within the window of the finding's last event;
///            for OUT_OF_HOURS the same closed stretch) makes the finding grow.
/// Time       Of events only. Where clocks of daemons differ, an event counts as at its own time,
///            and windows end at the newest one seen. An event that comes later than a window
///            begins anew: a clock was wrong, or a daemon was away.
/// Threads    Any; pure: no I/O, clock, allocation or logging.
#pragma once

#include "services/audit/entry.h"
#include "services/audit/office.h"
#include "services/audit/record_report.h"
#include "services/audit/structuring.h"

struct audit_rule_settings {
    struct audit_office office;
    struct audit_structuring structuring;
};

/// What rules see of an event.
struct audit_rule_event {
    uint64_t index, time_ns;
    struct bytes action, actor, subject; // subject: of the log, "users/<id>".
    struct bytes owner;                  // Of money that moved: whose; empty: nobody is known.
    const uint8_t *network;              // AUDIT_NETWORK_BYTES: a keyed hash; NULL: unknown.
    const char *currency;                // Of money that moved; NULL: none did.
    u128 amount;
};

struct audit_rule_info {
    enum audit_rule rule;
    const char *name, *severity;
};

extern const struct audit_rule_info audit_rules[AUDIT_RULE_LAST]; // By number, from 1 on.

/// audit_rule_find gives NULL for a name that is no rule's.
const struct audit_rule_info *audit_rule_find(const char *name);

/// audit_rules_want: whether any rule has to do with such events.
bool audit_rules_want(const struct audit_entry *entry);

/// audit_rule_concerns: whether the rule has to do with this one, and then whom it watches.
bool audit_rule_concerns(const struct audit_rule_settings *settings, enum audit_rule rule,
                         const struct audit_rule_event *event, struct bytes *ret_subject);

enum audit_verdict { AUDIT_VERDICT_NOTHING, AUDIT_VERDICT_FOUND, AUDIT_VERDICT_GROWS };

struct audit_rule_step {
    enum audit_verdict verdict;
    size_t count;                                             // What the finding has, or gains.
    struct audit_sighting sightings[AUDIT_SIGHTINGS_MAX + 1]; // Oldest first.
};

/// audit_rule_apply is for events that concern the rule and this watch's subject. With FOUND the
/// caller gives the finding its id, in the watch too.
void audit_rule_apply(const struct audit_rule_settings *settings, enum audit_rule rule,
                      const struct audit_rule_event *event, struct audit_watch *watch,
                      struct audit_rule_step *ret);

/// audit_rule_is_over: what the watch remembers can make no difference at this time or later.
bool audit_rule_is_over(enum audit_rule rule, const struct audit_watch *watch, uint64_t now_ns);

/// audit_rule_summary says the rule in a sentence, with its thresholds.
enum { AUDIT_SUMMARY_BYTES = 1024 };

void audit_rule_summary(const struct audit_rule_settings *settings, enum audit_rule rule,
                        char ret[static AUDIT_SUMMARY_BYTES]);

/// audit_rule_detail says a finding in a sentence.
enum { AUDIT_DETAIL_BYTES = 192 };

void audit_rule_detail(const struct audit_finding *finding, char ret[static AUDIT_DETAIL_BYTES]);
