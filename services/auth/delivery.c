#include "services/auth/delivery.h"

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metrics.h"
#include "common/outbound/outbound.h"
#include "services/auth/delivery_config.h"
#include "services/auth/message_text.h"
#include "services/auth/outbox.h"

#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    RETRY_MS = 1000, // After the store or the outbox has failed.
    ARENA_BYTES_MAX = 64 * 1024,
};

#define COUNT_EVERY_NS (10 * NS_PER_SECOND)

enum fate { FATE_SENT, FATE_REFUSED, FATE_FAILED, FATE_EXPIRED, FATE_UNDELIVERABLE, FATE_COUNT };

/// A message that is on its way.
struct slot {
    struct arena *arena; // Of the message's texts. NULL: the slot is free.
    struct auth_message message;
    struct outbound_attempt *attempt;
    bool is_done;      // And only the store has not been told yet.
    uint64_t again_ns; // When it is to be tried again; 0: it leaves the store.
    char body[AUTH_MAIL_BYTES_MAX];
};

/// What is behind one channel. While it is paused, nothing is begun there.
struct peer {
    unsigned failures; // In a row.
    uint64_t paused_until_ns;
};

struct auth_delivery {
    const struct auth_service *service;
    struct auth_delivery_config config;
    struct auth_delivery_peers secrets;
    struct outbound *outbound; // live
    int outbox_fd;             // dev; -1
    struct slot slots[AUTH_DELIVERY_IN_FLIGHT_MAX];
    struct peer peers[AUTH_CHANNEL_LAST + 1];
    struct metric *fates[AUTH_CHANNEL_LAST + 1][FATE_COUNT];
    struct metric *waiting;
    uint64_t counted_at_ns;
};

// ---- Opening and closing -------------------------------------------------------------------

static void register_metrics(struct auth_delivery *delivery)
{
#define LABELS(channel_)                                                                           \
    {                                                                                              \
        [FATE_SENT] = "channel=\"" channel_ "\",result=\"sent\"",                                  \
        [FATE_REFUSED] = "channel=\"" channel_ "\",result=\"refused\"",                            \
        [FATE_FAILED] = "channel=\"" channel_ "\",result=\"failed\"",                              \
        [FATE_EXPIRED] = "channel=\"" channel_ "\",result=\"expired\"",                            \
        [FATE_UNDELIVERABLE] = "channel=\"" channel_ "\",result=\"undeliverable\"",                \
    }
    static const char *const labels[AUTH_CHANNEL_LAST + 1][FATE_COUNT] = {
        [AUTH_EMAIL] = LABELS("email"), [AUTH_MOBILE] = LABELS("mobile")};
    for (int channel = AUTH_EMAIL; channel <= AUTH_CHANNEL_LAST; channel++)
        for (int fate = 0; fate < FATE_COUNT; fate++)
            delivery->fates[channel][fate] = metric_counter(
                "florin_auth_messages_total",
                "Attempts at delivering messages, and what became of them", labels[channel][fate]);
    delivery->waiting =
        metric_gauge("florin_auth_messages_waiting", "Messages that are not delivered yet", NULL);
}

struct status auth_delivery_open(const struct auth_service *service,
                                 const struct auth_delivery_config *config,
                                 struct auth_delivery **ret)
{
    struct auth_delivery *delivery = calloc(1, sizeof *delivery);
    CHECK(delivery != NULL);
    delivery->service = service;
    delivery->config = *config;
    delivery->outbox_fd = -1;
    register_metrics(delivery);
    struct status status = STATUS_SUCCESS;
    if (config->mode == AUTH_DELIVERY_DEV) {
        status = auth_outbox_open(config->outbox_directory, &delivery->outbox_fd);
    } else if (config->mode == AUTH_DELIVERY_LIVE) {
        status = auth_delivery_check(config, &delivery->secrets);
        struct outbound_config outbound = {.tls_ca_file = config->tls_ca_file,
                                           .timeout_ms = config->timeout_ms};
        if (status_ok(status)) delivery->outbound = outbound_open(&outbound);
    }
    if (!status_ok(status)) auth_delivery_close(&delivery);
    *ret = delivery;
    return status;
}

static void release(struct slot *slot)
{
    if (slot->arena == NULL) return;
    outbound_attempt_close(&slot->attempt);
    char *code = (char *)(uintptr_t)slot->message.code;
    if (code != NULL) key_wipe(code, strlen(code));
    key_wipe(slot->body, sizeof slot->body);
    arena_close(&slot->arena);
    memset(slot, 0, sizeof *slot);
}

void auth_delivery_close(struct auth_delivery **delivery)
{
    struct auth_delivery *old = *delivery;
    if (old == NULL) return;
    for (size_t i = 0; i < AUTH_DELIVERY_IN_FLIGHT_MAX; i++)
        if (old->slots[i].attempt != NULL) outbound_attempt_cancel(old->slots[i].attempt);
    for (size_t i = 0; i < AUTH_DELIVERY_IN_FLIGHT_MAX; i++)
        release(&old->slots[i]);
    outbound_close(&old->outbound);
    if (old->outbox_fd >= 0) close(old->outbox_fd);
    key_wipe(&old->secrets, sizeof old->secrets);
    free(old);
    *delivery = NULL;
}

size_t auth_delivery_in_flight(const struct auth_delivery *delivery)
{
    size_t count = 0;
    for (size_t i = 0; i < AUTH_DELIVERY_IN_FLIGHT_MAX; i++)
        if (delivery->slots[i].attempt != NULL) count++;
    return count;
}

// ---- What becomes of a message -------------------------------------------------------------

/// doubled_s is 1, 2, 4 … up to `most_s`.
static uint64_t doubled_s(unsigned times, uint64_t most_s)
{
    return times < 16 && (UINT64_C(1) << times) < most_s ? UINT64_C(1) << times : most_s;
}

static void tell(const struct slot *slot, const char *what, const struct outbound_report *report)
{
    char id[ID128_TEXT_BYTES]; // Never the address.
    id128_format(slot->message.id, id);
    LOG_WARN(what, LOG_TEXT("message", id),
             LOG_TEXT("channel", auth_channel_name(slot->message.channel)),
             LOG_TEXT("kind", auth_message_kind_name(slot->message.kind)),
             LOG_U64("attempt", slot->message.attempts + 1), LOG_TEXT("why", report->what),
             LOG_U64("code", report->code));
}

/// decide ends a slot: the message leaves the store, or waits there until again_ns.
static void decide(struct auth_delivery *delivery, struct slot *slot, enum fate fate,
                   uint64_t again_ns)
{
    slot->is_done = true;
    slot->again_ns = again_ns;
    metric_add(delivery->fates[slot->message.channel][fate], 1);
}

/// pause_peer: a server that is away is not asked once for each message that waits.
static void pause_peer(struct peer *peer, const struct outbound_report *report, uint64_t now_ns)
{
    if (report->is_answered) {
        *peer = (struct peer){0};
        return;
    }
    if (now_ns < peer->paused_until_ns) return; // The others that were under way then.
    uint64_t wait_ns = doubled_s(peer->failures++, AUTH_DELIVERY_PAUSE_S_MAX) * NS_PER_SECOND;
    peer->paused_until_ns = now_ns + wait_ns;
}

static void fail(struct auth_delivery *delivery, struct slot *slot,
                 const struct outbound_report *report, uint64_t now_ns)
{
    uint64_t backoff_s = doubled_s(slot->message.attempts, AUTH_DELIVERY_BACKOFF_S_MAX);
    uint64_t asked_s = report->wait_ms / 1000;
    if (asked_s > AUTH_DELIVERY_BACKOFF_S_MAX) asked_s = AUTH_DELIVERY_BACKOFF_S_MAX;
    uint64_t again_ns = now_ns + (asked_s > backoff_s ? asked_s : backoff_s) * NS_PER_SECOND;
    bool is_late = again_ns >= auth_message_end_ns(&slot->message);
    if (is_late) metric_add(delivery->fates[slot->message.channel][FATE_FAILED], 1);
    tell(slot,
         is_late ? "a message is given up: it runs out before another attempt"
                 : "a message could not be delivered, and will be tried again",
         report);
    decide(delivery, slot, is_late ? FATE_EXPIRED : FATE_FAILED, is_late ? 0 : again_ns);
}

static void file_report(struct auth_delivery *delivery, struct slot *slot,
                        const struct outbound_report *report, uint64_t now_ns)
{
    outbound_attempt_close(&slot->attempt);
    pause_peer(&delivery->peers[slot->message.channel], report, now_ns);
    switch (report->result) {
    case OUTBOUND_ACCEPTED:
        decide(delivery, slot, FATE_SENT, 0);
        return;
    case OUTBOUND_REFUSED:
        tell(slot, "a message was refused for good, and is dropped", report);
        decide(delivery, slot, FATE_REFUSED, 0);
        return;
    case OUTBOUND_FAILED:
        fail(delivery, slot, report, now_ns);
        return;
    }
}

static struct status run_settle(struct store_txn *txn, void *context)
{
    const struct auth_delivery *delivery = context;
    for (size_t i = 0; i < AUTH_DELIVERY_IN_FLIGHT_MAX; i++) {
        const struct slot *slot = &delivery->slots[i];
        if (!slot->is_done) continue;
        if (slot->again_ns == 0)
            auth_store_delete_message(txn, &slot->message);
        else
            RETURN_IF_ERROR(auth_store_postpone_message(txn, &slot->message, slot->again_ns));
    }
    return STATUS_SUCCESS;
}

static bool has_done(const struct auth_delivery *delivery)
{
    for (size_t i = 0; i < AUTH_DELIVERY_IN_FLIGHT_MAX; i++)
        if (delivery->slots[i].is_done) return true;
    return false;
}

/// settle tells the store. While that fails, the slots stay taken: nothing is sent twice for it.
static struct status settle(struct auth_delivery *delivery)
{
    if (!has_done(delivery)) return STATUS_SUCCESS;
    RETURN_IF_ERROR(store_write_wait(delivery->service->store, run_settle, delivery));
    for (size_t i = 0; i < AUTH_DELIVERY_IN_FLIGHT_MAX; i++)
        if (delivery->slots[i].is_done) release(&delivery->slots[i]);
    return STATUS_SUCCESS;
}

// ---- Beginning -----------------------------------------------------------------------------

static void send_mail(struct auth_delivery *delivery, struct slot *slot)
{
    char id[ID128_TEXT_BYTES], text[AUTH_TEXT_BYTES];
    const struct auth_message *message = &slot->message;
    id128_format(message->id, id);
    auth_message_write_text(message, text);
    struct auth_mail mail = {
        .from = &delivery->secrets.sender,
        .to = message->to,
        .subject = auth_message_subject(message->kind),
        .text = text,
        .message_id = id,
        .at_ns = message->created_at_ns,
    };
    size_t size = auth_mail_write(&mail, slot->body);
    key_wipe(text, sizeof text);
    struct outbound_mail request = {
        .url = delivery->config.smtp_url,
        .needs_tls = delivery->config.smtp_needs_tls,
        .user = delivery->config.smtp_user,
        .password = delivery->secrets.smtp_password,
        .from = delivery->secrets.sender.address,
        .to = message->to,
        .body = bytes_of(slot->body, size),
    };
    slot->attempt = outbound_start_mail(delivery->outbound, &request, slot);
}

static void send_text(struct auth_delivery *delivery, struct slot *slot)
{
    char id[ID128_TEXT_BYTES], text[AUTH_TEXT_BYTES];
    const struct auth_message *message = &slot->message;
    id128_format(message->id, id);
    auth_message_write_text(message, text);
    json_t *json = json_pack("{s:s, s:s, s:s, s:s}", "to", message->to, "text", text, "kind",
                             auth_message_kind_name(message->kind), "id", id);
    CHECK(json != NULL); // Out of memory, or text that is not UTF-8: the validator has seen it.
    size_t size = json_dumpb(json, slot->body, sizeof slot->body, JSON_COMPACT);
    CHECK(size > 0 && size <= sizeof slot->body);
    json_decref(json);
    key_wipe(text, sizeof text);
    char bearer[sizeof "Bearer " + AUTH_DELIVERY_SECRET_BYTES] = "";
    const char *token = delivery->secrets.sms_token;
    if (token[0] != '\0') snprintf(bearer, sizeof bearer, "Bearer %s", token);
    struct outbound_header headers[] = {{"Idempotency-Key", id}, {"Authorization", bearer}};
    struct outbound_post request = {
        .url = delivery->config.sms_url,
        .content_type = "application/json",
        .headers = headers,
        .header_count = sizeof headers / sizeof headers[0],
        .body = bytes_of(slot->body, size),
    };
    slot->attempt = outbound_start_post(delivery->outbound, &request, slot);
    key_wipe(bearer, sizeof bearer);
}

static bool is_deliverable(const struct auth_delivery *delivery, const struct auth_message *message)
{
    if (message->channel == AUTH_EMAIL) return auth_mail_address_is_safe(message->to);
    return delivery->config.sms_url[0] != '\0';
}

static void begin(struct auth_delivery *delivery, struct slot *slot, uint64_t now_ns)
{
    if (now_ns >= auth_message_end_ns(&slot->message)) {
        decide(delivery, slot, FATE_EXPIRED, 0);
    } else if (!is_deliverable(delivery, &slot->message)) {
        struct outbound_report report = {.what = slot->message.channel == AUTH_EMAIL
                                                     ? "the address cannot be written to"
                                                     : "auth.sms_url is not set"};
        tell(slot, "a message cannot be delivered, and is dropped", &report);
        decide(delivery, slot, FATE_UNDELIVERABLE, 0);
    } else if (slot->message.channel == AUTH_EMAIL) {
        send_mail(delivery, slot);
    } else {
        send_text(delivery, slot);
    }
}

static struct auth_message_filter wanted(const struct auth_delivery *delivery, uint64_t now_ns,
                                         struct id128 ret_except[AUTH_DELIVERY_IN_FLIGHT_MAX])
{
    struct auth_message_filter filter = {.due_at_ns = now_ns, .except = ret_except};
    size_t taken[AUTH_CHANNEL_LAST + 1] = {0};
    for (size_t i = 0; i < AUTH_DELIVERY_IN_FLIGHT_MAX; i++) {
        const struct slot *slot = &delivery->slots[i];
        if (slot->message.to == NULL) continue;
        ret_except[filter.except_count++] = slot->message.id;
        taken[slot->message.channel]++;
    }
    for (int channel = AUTH_EMAIL; channel <= AUTH_CHANNEL_LAST; channel++) {
        bool is_paused = now_ns < delivery->peers[channel].paused_until_ns;
        if (!is_paused && taken[channel] < AUTH_DELIVERY_CHANNEL_MAX)
            filter.channels |= 1U << channel;
    }
    return filter;
}

/// fill begins with what is due, as far as there are free slots.
static struct status fill(struct auth_delivery *delivery, uint64_t now_ns)
{
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(delivery->service->store, &txn));
    for (size_t i = 0; i < AUTH_DELIVERY_IN_FLIGHT_MAX; i++) {
        struct slot *slot = &delivery->slots[i];
        if (slot->arena != NULL) continue;
        struct id128 except[AUTH_DELIVERY_IN_FLIGHT_MAX];
        struct auth_message_filter filter = wanted(delivery, now_ns, except);
        size_t count = 0;
        slot->arena = arena_open(ARENA_BYTES_MAX);
        struct status status = auth_store_get_messages(delivery->service->auth, txn, &filter,
                                                       slot->arena, &slot->message, 1, &count);
        if (status_ok(status) && count == 1) {
            begin(delivery, slot, now_ns);
            continue;
        }
        memset(&slot->message, 0, sizeof slot->message);
        release(slot);
        return status;
    }
    return STATUS_SUCCESS;
}

// ---- Turns ---------------------------------------------------------------------------------

static uint64_t ms_until(uint64_t at_ns, uint64_t now_ns)
{
    if (at_ns == UINT64_MAX) return UINT64_MAX;
    return at_ns <= now_ns ? 0 : (at_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
}

static void take_reports(struct auth_delivery *delivery, uint64_t now_ns)
{
    struct outbound_report report;
    struct slot *slot;
    while ((slot = outbound_next(delivery->outbound, &report)) != NULL)
        file_report(delivery, slot, &report, now_ns);
}

static struct status next_due_ms(const struct auth_delivery *delivery, uint64_t now_ns,
                                 uint64_t *ret_ms)
{
    uint64_t at_ns = UINT64_MAX;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    RETURN_IF_ERROR(store_snapshot_begin(delivery->service->store, &txn));
    RETURN_IF_ERROR(auth_store_next_message_ns(txn, now_ns, &at_ns));
    for (int channel = AUTH_EMAIL; channel <= AUTH_CHANNEL_LAST; channel++) {
        uint64_t paused_until_ns = delivery->peers[channel].paused_until_ns;
        if (paused_until_ns > now_ns && paused_until_ns < at_ns) at_ns = paused_until_ns;
    }
    *ret_ms = ms_until(at_ns, now_ns);
    return STATUS_SUCCESS;
}

static struct status turn_live(struct auth_delivery *delivery, uint64_t now_ns, uint64_t *ret_ms)
{
    take_reports(delivery, now_ns);
    RETURN_IF_ERROR(settle(delivery));
    RETURN_IF_ERROR(fill(delivery, now_ns));
    *ret_ms = 0; // What was dropped makes room for others.
    return has_done(delivery) ? STATUS_SUCCESS : next_due_ms(delivery, now_ns, ret_ms);
}

static struct status turn_dev(struct auth_delivery *delivery, uint64_t now_ns)
{
    size_t count = 0;
    do
        RETURN_IF_ERROR(
            auth_outbox_deliver(delivery->service, delivery->outbox_fd, now_ns, &count));
    while (count == AUTH_OUTBOX_BATCH_MAX);
    return STATUS_SUCCESS;
}

static void count_waiting(struct auth_delivery *delivery, uint64_t now_ns)
{
    if (now_ns >= delivery->counted_at_ns && now_ns < delivery->counted_at_ns + COUNT_EVERY_NS)
        return;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    if (!status_ok(store_snapshot_begin(delivery->service->store, &txn))) return;
    metric_set(delivery->waiting, (int64_t)auth_store_count_messages(txn));
    delivery->counted_at_ns = now_ns;
}

uint64_t auth_delivery_turn(struct auth_delivery *delivery, uint64_t now_ns)
{
    uint64_t wait_ms = UINT64_MAX;
    struct status status = STATUS_SUCCESS;
    if (delivery->config.mode == AUTH_DELIVERY_LIVE)
        status = turn_live(delivery, now_ns, &wait_ms);
    else if (delivery->config.mode == AUTH_DELIVERY_DEV)
        status = turn_dev(delivery, now_ns);
    count_waiting(delivery, now_ns);
    if (status_ok(status)) return wait_ms;
    log_status(LOG_LEVEL_WARN, "messages could not be delivered", status);
    return RETRY_MS;
}

void auth_delivery_wait(struct auth_delivery *delivery, int wake_fd, uint64_t wait_ms)
{
    if (delivery->outbound != NULL) {
        outbound_wait(delivery->outbound, wake_fd, wait_ms);
        return;
    }
    struct pollfd wake = {.fd = wake_fd, .events = POLLIN};
    int timeout_ms = wait_ms < INT32_MAX ? (int)wait_ms : INT32_MAX;
    (void)poll(&wake, 1, timeout_ms); // Cut off by a signal, it looks a little early.
}
