/// @file common/event/client/subscriber.h
/// libflorin-subscriber: follows one Florin daemon's events, in order, each once relative to a
/// cursor that you keep. Installed as <florin/subscriber.h>; link with
/// `pkg-config --cflags --libs florin-subscriber`. It needs nothing else of Florin.
/// How        Listens to the daemon's event socket; what is missing there (events are dropped when
///            you are slow, away or cut off) is read from the daemon's log. You see neither.
/// Cursor     Store it in the same transaction as what you make of the events, and give it to the
///            next open. Whatever dies in between, nothing is lost and nothing is done twice.
/// Threads    Each subscriber has one thread of its own, on which handle() runs; that is the only
///            concurrency. The other functions: any thread.
/// Ownership  The configuration is copied. What handle() is given lives until it returns.
/// Messages   Warnings go to standard error, a line each.
/// More       share/doc/florin-subscriber/README.md, and examples/follow.c there, a whole program.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FLORIN_SUBSCRIBER_EVENTS_MAX 4096

/// Where you are in a source's log: the number of the last event you have dealt with, and which log
/// that was. {0, 0} is before the first event of any log.
struct florin_cursor {
    uint64_t seq;
    uint64_t log_id; // 0: not known yet.
};

/// Texts are UTF-8 and never NULL; what an event does not say is "".
struct florin_event {
    const char *source;  // "ledger"
    const char *type;    // "ledger.transfer.created"
    const char *subject; // "transfers/<uuid>": what it is about.
    const char *actor;   // "users/<uuid>", "services/kyc": who did it.
    const char *request_id, *traceparent, *client_ip, *device_id;
    const char *outcome;           // "success" or "refused"
    const char *reason;            // The stable reason of a refusal.
    uint64_t seq;                  // Without a gap in the source's log, from 1.
    uint64_t time_ns;              // Wall clock of the source, ns since 1970.
    const char *const *visible_to; // "users/<uuid>": whom it concerns.
    size_t visible_to_count;
    const uint8_t *payload; // The type's own protobuf message: the event_types option of its proto
    size_t payload_bytes;   // says which.
    const uint8_t *before_digest, *after_digest; // 32 bytes, SHA-256 of the subject's stored record
                                                 // before and after the change; NULL: none.
    const uint8_t *packed;                       // The whole florin.event.v1.Event.
    size_t packed_bytes;
};

struct florin_subscriber_config {
    const char *source;     // Which daemon: "auth", "kyc", "ledger" or "audit".
    const char *events_url; // ipc:///<data>/run/ledger-events.sock, or tls+tcp://host:port
    const char *rpc_url;    // ipc:///<data>/run/ledger.sock, or tls+tcp://host:port
    /// <service>.key, made by `florin keys add-service <service>`; mode 0400. The file's name is
    /// the service's.
    const char *key_file;
    /// PEM files for tls+tcp://, both ways: the CA, and a certificate of your own with its key.
    const char *tls_ca_file, *tls_certificate_file, *tls_key_file;
    const char *tls_server_name; // What the daemon's certificate must say; NULL: the URL's host.
    /// With a name the source keeps what you have not dealt with, for as long as it takes: only for
    /// consumers that are there to stay. NULL: the last 15 minutes and 10,000 events are kept.
    const char *consumer;
    struct florin_cursor cursor; // The stored one.
    /// With cursor.seq 0: begin with the first event not older than this (ns since 1970). 0: with
    /// the first one there is.
    uint64_t not_before_ns;
    /// Only these types: "ledger.transfer.created", "ledger.transfer.*" (all that begin so), "*".
    /// None: all.
    const char *const *types;
    size_t type_count;
    /// How long to gather after an event came, so that you commit less often; 0: not at all.
    uint32_t linger_ms;
    /// Up to FLORIN_SUBSCRIBER_EVENTS_MAX events in order. Return 0 when what you made of them and
    /// the cursor are durable; anything else, and the same events come again after a moment.
    /// With `types` count may be 0: only the cursor moved, over events of other types. To store it
    /// is all there is to do.
    int (*handle)(void *context, const struct florin_event *events, size_t count,
                  const struct florin_cursor *cursor);
    /// is_stale: nothing was heard of the source for 5 s. May be NULL.
    void (*stale_changed)(void *context, int is_stale);
    void *context;
};

struct florin_subscriber;

/// florin_subscriber_open gives 0 and begins; it does not wait for the daemon, which may be away
/// now and at any time. -1 otherwise, and in *ret_reason (may be NULL) why, a constant text:
///     CONFIG_INCOMPLETE, CONFIG_TOO_LONG   a member is missing; a name is longer than any is
///     TYPE_PATTERN_INVALID
///     KEY_NAME, KEY_NOT_FOUND, KEY_FILE_MODE, KEY_FILE_UNREADABLE, KEY_MALFORMED
///     RPC_URL, TLS_CONFIG, RPC_SOCKET      an address, a PEM file, a socket
int florin_subscriber_open(const struct florin_subscriber_config *config,
                           struct florin_subscriber **ret, const char **ret_reason);

/// florin_subscriber_close ends the thread: within 250 ms, 4 s when the daemon hangs. handle() is
/// not called after it. Its sockets stay until the process ends. Idempotent; not from handle().
void florin_subscriber_close(struct florin_subscriber **subscriber);

struct florin_subscriber_state {
    uint64_t seq;       // Dealt with.
    uint64_t head_seq;  // What the source said last that it has.
    uint64_t gap_count; // How often something was missing, and was read then.
    int is_stale;
    /// NULL while it goes on. Else it has stopped, and an operator must decide (README.md):
    ///     SOURCE_REPLACED   the source has another log, which does not go on from yours
    ///     SEQ_AHEAD_OF_LOG  the source's log ends before your cursor
    ///     SEQ_TRIMMED       the source no longer has what follows your cursor
    const char *stop_reason;
};

void florin_subscriber_get_state(struct florin_subscriber *subscriber,
                                 struct florin_subscriber_state *ret);

/// florin_subscriber_version is this library's, "0.1.0".
const char *florin_subscriber_version(void);

#ifdef __cplusplus
}
#endif
