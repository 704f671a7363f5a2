#include "services/audit/webhook_core.h"

#include "common/base/check.h"
#include "common/base/text.h"

#include <stdio.h>
#include <string.h>

// ---- Names ---------------------------------------------------------------------------------

const char *audit_webhook_switch_name(enum audit_webhook_switch state)
{
    static const char *const names[AUDIT_WEBHOOK_SWITCH_LAST + 1] = {
        [AUDIT_WEBHOOK_ON] = "",
        [AUDIT_WEBHOOK_BY_USER] = "BY_USER",
        [AUDIT_WEBHOOK_GONE] = "GONE",
        [AUDIT_WEBHOOK_FAILING] = "FAILING",
    };
    return names[state];
}

static const char *const state_names[AUDIT_DELIVERY_STATE_LAST + 1] = {
    [AUDIT_DELIVERY_WAITING] = "WAITING",
    [AUDIT_DELIVERY_DELIVERED] = "DELIVERED",
    [AUDIT_DELIVERY_GIVEN_UP] = "GIVEN_UP",
    [AUDIT_DELIVERY_DROPPED] = "DROPPED",
};

const char *audit_delivery_state_name(enum audit_delivery_state state)
{
    return state_names[state];
}

bool audit_delivery_state_find(const char *name, enum audit_delivery_state *ret)
{
    for (int state = AUDIT_DELIVERY_WAITING; state <= AUDIT_DELIVERY_STATE_LAST; state++) {
        if (strcmp(name, state_names[state]) != 0) continue;
        *ret = (enum audit_delivery_state)state;
        return true;
    }
    return false;
}

void audit_webhook_message_id(struct id128 webhook_id, struct bytes source, uint64_t seq,
                              char ret[static AUDIT_WEBHOOK_MESSAGE_ID_BYTES])
{
    char webhook[2 * ID128_BYTES + 1];
    unsigned long long number = seq;
    hex_encode(webhook_id.bytes, ID128_BYTES, webhook);
    if (source.size > AUDIT_WEBHOOK_SOURCE_BYTES_MAX) source.size = AUDIT_WEBHOOK_SOURCE_BYTES_MAX;
    if (source.size == 0)
        snprintf(ret, AUDIT_WEBHOOK_MESSAGE_ID_BYTES, "test_%s_%llu", webhook, number);
    else
        snprintf(ret, AUDIT_WEBHOOK_MESSAGE_ID_BYTES, "msg_%s_%.*s_%llu", webhook, (int)source.size,
                 (const char *)source.data, number);
}

// ---- What becomes of a message -------------------------------------------------------------

bool audit_delivery_next(enum audit_delivery_state state, enum audit_delivery_event event,
                         enum audit_delivery_state *ret)
{
    static const uint8_t next[AUDIT_DELIVERY_STATE_LAST + 1][AUDIT_DELIVERY_EVENT_COUNT] = {
        [AUDIT_DELIVERY_WAITING] = {[AUDIT_DELIVERY_TAKEN] = AUDIT_DELIVERY_DELIVERED,
                                    [AUDIT_DELIVERY_FAILED] = AUDIT_DELIVERY_WAITING,
                                    [AUDIT_DELIVERY_FAILED_LAST] = AUDIT_DELIVERY_GIVEN_UP,
                                    [AUDIT_DELIVERY_TOLD_GONE] = AUDIT_DELIVERY_DROPPED,
                                    [AUDIT_DELIVERY_SWEPT] = AUDIT_DELIVERY_DROPPED},
        [AUDIT_DELIVERY_DELIVERED] = {[AUDIT_DELIVERY_REPLAYED] = AUDIT_DELIVERY_WAITING},
        [AUDIT_DELIVERY_GIVEN_UP] = {[AUDIT_DELIVERY_REPLAYED] = AUDIT_DELIVERY_WAITING},
        [AUDIT_DELIVERY_DROPPED] = {[AUDIT_DELIVERY_REPLAYED] = AUDIT_DELIVERY_WAITING},
    };
    // A cell that is not written above is 0, which is no state: it does not happen.
    CHECK(state >= AUDIT_DELIVERY_WAITING && state <= AUDIT_DELIVERY_STATE_LAST);
    CHECK(event < AUDIT_DELIVERY_EVENT_COUNT);
    if (next[state][event] == 0) return false;
    *ret = (enum audit_delivery_state)next[state][event];
    return true;
}

uint64_t audit_webhook_wait_ns(uint32_t attempts, unsigned jitter_permille, uint64_t asked_ms)
{
    enum { MINUTE = 60, HOUR = 3600 };

    static const uint32_t waits_s[AUDIT_WEBHOOK_ATTEMPTS_MAX] = {
        0,        5,         5 * MINUTE, 30 * MINUTE, 2 * HOUR,
        5 * HOUR, 10 * HOUR, 14 * HOUR,  20 * HOUR,   24 * HOUR,
    };
    CHECK(jitter_permille >= AUDIT_WEBHOOK_JITTER_PERMILLE_MIN);
    CHECK(jitter_permille <= AUDIT_WEBHOOK_JITTER_PERMILLE_MAX);
    if (attempts >= AUDIT_WEBHOOK_ATTEMPTS_MAX) return UINT64_MAX;
    uint64_t wait_ns = waits_s[attempts] * (AUDIT_WEBHOOK_SECOND_NS / 1000) * jitter_permille;
    uint64_t asked_ns =
        asked_ms < AUDIT_WEBHOOK_DAY_NS / 1000000 ? asked_ms * 1000000 : AUDIT_WEBHOOK_DAY_NS;
    return asked_ns > wait_ns ? asked_ns : wait_ns;
}

enum { HTTP_GONE = 410 };

void audit_delivery_settle(struct audit_delivery *delivery, const struct audit_attempt *attempt,
                           uint32_t attempts_max, uint64_t now_ns)
{
    CHECK(delivery->state == AUDIT_DELIVERY_WAITING);
    CHECK(attempts_max <= AUDIT_WEBHOOK_ATTEMPTS_MAX);
    enum audit_delivery_event event = AUDIT_DELIVERY_FAILED;
    if (!attempt->is_hopeless) delivery->attempts++;
    if (attempt->is_taken)
        event = AUDIT_DELIVERY_TAKEN;
    else if (attempt->http_status == HTTP_GONE)
        event = AUDIT_DELIVERY_TOLD_GONE;
    else if (attempt->is_hopeless || delivery->attempts >= attempts_max)
        event = AUDIT_DELIVERY_FAILED_LAST;
    CHECK(audit_delivery_next(delivery->state, event, &delivery->state));

    bool waits = delivery->state == AUDIT_DELIVERY_WAITING;
    if (!attempt->is_hopeless) delivery->last_attempt_ns = attempt->at_ns;
    delivery->http_status = attempt->http_status;
    delivery->duration_ms = attempt->duration_ms;
    delivery->error = bytes_of_text(attempt->error);
    delivery->ended_ns = waits ? 0 : now_ns;
    delivery->next_attempt_ns = 0;
    if (waits)
        delivery->next_attempt_ns =
            now_ns + audit_webhook_wait_ns(delivery->attempts, attempt->jitter_permille,
                                           attempt->asked_wait_ms);
}

enum audit_webhook_switch audit_webhook_judge(const struct audit_attempt *attempt, bool is_test,
                                              uint64_t now_ns, uint64_t *failing_since_ns)
{
    if (attempt->http_status == HTTP_GONE) return AUDIT_WEBHOOK_GONE;
    if (is_test || attempt->is_hopeless) return AUDIT_WEBHOOK_ON;
    if (attempt->is_taken) {
        *failing_since_ns = 0;
        return AUDIT_WEBHOOK_ON;
    }
    if (*failing_since_ns == 0) *failing_since_ns = now_ns;
    bool is_over =
        now_ns > *failing_since_ns && now_ns - *failing_since_ns >= AUDIT_WEBHOOK_FAILING_NS;
    return is_over ? AUDIT_WEBHOOK_FAILING : AUDIT_WEBHOOK_ON;
}
