/// @file common/event/event.h
/// The outbox: events are written in the same transaction as the change they report.
/// Sequence   Per daemon, gapless, from 1. A job that is refused or run again leaves no gap.
/// Limits     EVENT_PAYLOAD_BYTES_MAX; beyond it is a CHECK (payloads are our own messages).
/// Trimming   Rows go when every registered consumer has acknowledged them, they are older than
///            EVENT_KEPT_NS and not among the last EVENT_KEPT_COUNT. Without a registered consumer
///            nothing goes.
/// Threads    event_append*: inside a WRITE handler or a store job. The others: any.
#pragma once

#include "common/rpc/server.h"

enum {
    EVENT_PAYLOAD_BYTES_MAX = 60 * 1024,
    EVENT_VISIBLE_TO_MAX = 4,
    EVENT_KEPT_COUNT = 10000,
};

#define EVENT_KEPT_NS (UINT64_C(900) * 1000000000) // Longer than any access token lives.

/// One event. Texts are copied; NULL counts as "".
struct event {
    const char *type;    // "ledger.transfer.created"
    const char *subject; // "transfers/<uuid>"
    const char *actor;   // "users/<uuid>"
    const char *request_id, *traceparent, *client_ip, *device_id;
    const char *outcome; // NULL: "success"
    const char *reason;
    struct id128 visible_to[EVENT_VISIBLE_TO_MAX]; // Nil entries are left out.
    struct bytes payload;                          // A packed message of the type.
};

extern const struct store_schema event_store_schema;

/// event_outbox_open gives the store its outbox (hooks, head). `source` is the daemon's name and is
/// copied. Once per store.
struct event_outbox;
MUST_USE struct status event_outbox_open(struct store *store, const char *source,
                                         struct event_outbox **ret);
void event_outbox_close(struct event_outbox **outbox); // After the store is closed; idempotent.

void event_append(struct store_txn *txn, const struct event *event);

/// event_append_call fills actor, request_id, traceparent, client_ip and device_id from the call
/// and packs the payload message (NULL: none).
void event_append_call(struct store_txn *txn, const struct rpc_call *call, const char *type,
                       const char *subject, const void *payload_message,
                       const struct id128 *visible_to, size_t visible_to_count);
/// The same for a refusal that is worth an event (and is itself a change: a burnt id, a failure
/// counter).
void event_append_refusal(struct store_txn *txn, const struct rpc_call *call, const char *type,
                          const char *subject, const void *payload_message, const char *reason);

/// A subject or actor name: "transfers/<uuid>".
enum { EVENT_NAME_BYTES = 96 };

void event_name(const char *collection, struct id128 id, char ret_text[static EVENT_NAME_BYTES]);

/// event_outbox_head is the highest committed seq.
uint64_t event_outbox_head(const struct event_outbox *outbox);

/// The EventLog service of this outbox, for rpc_server_open: context is the outbox.
struct rpc_service event_outbox_service(struct event_outbox *outbox);

/// event_outbox_on_moved: called after each group that moved the head, on the writer's thread and
/// under the outbox's lock, so it only wakes somebody: rpc_server_wake, for Reads that wait. NULL
/// ends that; nobody is inside any more when it returns.
void event_outbox_on_moved(struct event_outbox *outbox, void (*moved)(void *context),
                           void *context);

/// event_publisher sends committed events on PUB sockets with the type as topic, and a heartbeat
/// each second. It reads the outbox on its own thread, so that the writer only ever wakes it; when
/// it cannot keep up it skips, and subscribers fill the gap by Read. It also trims the outbox.
struct event_publisher;
MUST_USE struct status event_publisher_open(struct event_outbox *outbox,
                                            const char *const *listen_urls, size_t url_count,
                                            const struct rpc_tls_config *tls,
                                            struct event_publisher **ret);
/// event_publisher_close publishes what is left and joins the thread. Its socket stays open until
/// the process ends, so: only at exit. Idempotent.
void event_publisher_close(struct event_publisher **publisher);
