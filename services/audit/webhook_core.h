/// @file services/audit/webhook_core.h
/// The rules of webhooks: when a message is tried again, what becomes of it, and of its webhook.
/// Units      *_ns: time (wall clock), *_permille: parts of a thousand.
/// Threads    Any; pure: no I/O, clock, chance or allocation.
/// Source     Standard Webhooks 1.0 ("Deliverability and reliability"), design 05 "Webhooks".
#pragma once

#include "common/base/bytes.h"
#include "common/base/id128.h"

#include <stdbool.h>

enum {
    AUDIT_WEBHOOKS_MAX = 64,
    AUDIT_WEBHOOK_URL_BYTES_MAX = 2048,
    AUDIT_WEBHOOK_TYPES_MAX = 64,
    AUDIT_WEBHOOK_TYPE_BYTES_MAX = 64,
    AUDIT_WEBHOOK_TEXT_BYTES_MAX = 1024, // Description, who made it.
    AUDIT_WEBHOOK_ATTEMPTS_MAX = 10,
    AUDIT_WEBHOOK_JITTER_PERMILLE_MIN = 800,
    AUDIT_WEBHOOK_JITTER_PERMILLE_MAX = 1200,
    AUDIT_WEBHOOK_WAITING_MAX = 10000, // Beyond them the log keeps what is to come.
    AUDIT_WEBHOOK_KEPT_MAX = 10000,    // Messages that have ended.
    AUDIT_WEBHOOK_SOURCE_BYTES_MAX = 32,
    AUDIT_WEBHOOK_MESSAGE_ID_BYTES = 4 + 32 + 1 + AUDIT_WEBHOOK_SOURCE_BYTES_MAX + 1 + 20 + 1,
};

#define AUDIT_WEBHOOK_SECOND_NS UINT64_C(1000000000)
#define AUDIT_WEBHOOK_DAY_NS (UINT64_C(86400) * AUDIT_WEBHOOK_SECOND_NS)
#define AUDIT_WEBHOOK_KEPT_NS (30 * AUDIT_WEBHOOK_DAY_NS)
#define AUDIT_WEBHOOK_FAILING_NS (5 * AUDIT_WEBHOOK_DAY_NS)
#define AUDIT_WEBHOOK_OLD_SECRET_DEFAULT_NS AUDIT_WEBHOOK_DAY_NS

/// Test messages are not of the log: their rows have indexes beyond any of it.
#define AUDIT_WEBHOOK_TEST_INDEX (UINT64_C(1) << 63)

/// Why a webhook is off. Stored; never renumber.
enum audit_webhook_switch {
    AUDIT_WEBHOOK_ON = 1,
    AUDIT_WEBHOOK_BY_USER = 2,
    AUDIT_WEBHOOK_GONE = 3,    // The receiver has answered 410.
    AUDIT_WEBHOOK_FAILING = 4, // Nothing was delivered for five days of attempts.
    AUDIT_WEBHOOK_SWITCH_LAST = AUDIT_WEBHOOK_FAILING,
};

/// audit_webhook_switch_name is what the API says: "" for ON.
const char *audit_webhook_switch_name(enum audit_webhook_switch state);

/// Where a message stands. Stored; never renumber.
enum audit_delivery_state {
    AUDIT_DELIVERY_WAITING = 1,
    AUDIT_DELIVERY_DELIVERED = 2,
    AUDIT_DELIVERY_GIVEN_UP = 3,
    AUDIT_DELIVERY_DROPPED = 4, // Its webhook is gone.
    AUDIT_DELIVERY_STATE_LAST = AUDIT_DELIVERY_DROPPED,
};

const char *audit_delivery_state_name(enum audit_delivery_state state);
/// audit_delivery_state_find: false for a name that there is not.
bool audit_delivery_state_find(const char *name, enum audit_delivery_state *ret);

/// What happens to a message.
enum audit_delivery_event {
    AUDIT_DELIVERY_TAKEN,       // Answered 2xx.
    AUDIT_DELIVERY_FAILED,      // Anything else, and it may be tried again.
    AUDIT_DELIVERY_FAILED_LAST, // Anything else, and it may not.
    AUDIT_DELIVERY_TOLD_GONE,   // Answered 410.
    AUDIT_DELIVERY_SWEPT,       // It waited when another was answered 410.
    AUDIT_DELIVERY_REPLAYED,
    AUDIT_DELIVERY_EVENT_COUNT,
};

/// audit_delivery_next gives the state after an event; false: it does not happen in this state.
bool audit_delivery_next(enum audit_delivery_state state, enum audit_delivery_event event,
                         enum audit_delivery_state *ret);

/// A message to one webhook.
struct audit_delivery {
    enum audit_delivery_state state;
    uint32_t attempts;
    uint64_t last_attempt_ns; // 0: none yet.
    uint64_t next_attempt_ns; // 0 unless it waits.
    uint64_t ended_ns;        // 0 while it waits.
    uint32_t http_status;     // Of the last answer; 0: there was none.
    uint32_t duration_ms;     // Of the last attempt.
    struct bytes error;       // Why there was no answer, or none that counts.
    struct bytes type;        // Of the event.
    struct bytes source;      // Whose event it is; empty for a test message.
    uint64_t seq;             // There, or the test's number.
};

/// What an attempt has come to.
struct audit_attempt {
    uint64_t at_ns;       // When it began.
    uint32_t http_status; // 0: no answer.
    uint32_t duration_ms;
    uint64_t asked_wait_ms; // Retry-After; 0: nothing was said.
    unsigned jitter_permille;
    bool is_taken;     // A whole answer of 2xx.
    bool is_hopeless;  // There is nothing to send any more: the entry was pruned.
    const char *error; // "" for none.
};

/// audit_webhook_wait_ns is how long after its attempt number `attempts` (from 1) a message waits
/// for the next one; UINT64_MAX: there is none. asked_ms, what the receiver asks for, holds when it
/// is longer, but for a day at most.
uint64_t audit_webhook_wait_ns(uint32_t attempts, unsigned jitter_permille, uint64_t asked_ms);

/// audit_delivery_settle files an attempt with a message that waits (CHECK), of at most
/// attempts_max attempts; now_ns is when it ended.
void audit_delivery_settle(struct audit_delivery *delivery, const struct audit_attempt *attempt,
                           uint32_t attempts_max, uint64_t now_ns);

/// audit_webhook_judge says whether an attempt's webhook stays on. *failing_since_ns is the first
/// failure since anything was taken, 0 for none. A test message (is_test) says nothing of the five
/// days.
enum audit_webhook_switch audit_webhook_judge(const struct audit_attempt *attempt, bool is_test,
                                              uint64_t now_ns, uint64_t *failing_since_ns);

/// audit_webhook_message_id is the webhook-id header: the same for each attempt at one event, also
/// when it is replayed, and no other's. By source and seq, not by the index: a log that was
/// restored from a backup gives the same indexes to other events. "msg_<webhook>_<source>_<seq>";
/// without a source "test_<webhook>_<number>".
void audit_webhook_message_id(struct id128 webhook_id, struct bytes source, uint64_t seq,
                              char ret[static AUDIT_WEBHOOK_MESSAGE_ID_BYTES]);
