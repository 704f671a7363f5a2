// What the daemon itself does, told as events: that it started, and with what; that it was copied.
#include "common/base/check.h"
#include "common/base/version.h"
#include "common/crypto/hash.h"
#include "common/daemon/parts.h"
#include "florin/event/v1/event.pb-c.h"

#include <stdio.h>
#include <string.h>

enum { ACT_TEXT_BYTES = 64, ACT_PAYLOAD_BYTES = 512 };

// ---- Started -------------------------------------------------------------------------------

/// The digest so far; each row adds its own: digest = SHA-256(digest || section.name=text).
static void add_row(void *context, const struct config_key *key, const char *text)
{
    uint8_t *digest = context;
    const struct bytes parts[] = {bytes_of(digest, HASH_SHA256_BYTES),
                                  bytes_of_text(key->section),
                                  bytes_of_text("."),
                                  bytes_of_text(key->name),
                                  bytes_of_text("="),
                                  bytes_of_text(text)};
    hash_sha256(parts, sizeof parts / sizeof parts[0], digest);
}

/// An act as it is appended by a job.
struct act {
    char type[ACT_TEXT_BYTES], subject[ACT_TEXT_BYTES];
    const struct rpc_call *call; // NULL: the daemon's own.
    const void *message;
};

static struct status append(struct store_txn *txn, void *context)
{
    const struct act *act = context;
    uint8_t payload[ACT_PAYLOAD_BYTES];
    CHECK(protobuf_c_message_get_packed_size(act->message) <= sizeof payload);
    if (act->call != NULL) {
        event_append_call(txn, act->call, act->type, act->subject, act->message, NULL, 0);
        return STATUS_SUCCESS;
    }
    size_t size = protobuf_c_message_pack(act->message, payload);
    event_append(txn, &(struct event){.type = act->type,
                                      .subject = act->subject,
                                      .actor = act->subject,
                                      .payload = bytes_of(payload, size)});
    return STATUS_SUCCESS;
}

static struct status tell(struct daemon *daemon, const struct rpc_call *call, const char *what,
                          const void *message)
{
    if (daemon->outbox == NULL) return STATUS_SUCCESS;
    struct act act = {.call = call, .message = message};
    snprintf(act.type, sizeof act.type, "%s.%s", daemon->spec->name, what);
    snprintf(act.subject, sizeof act.subject, "services/%s", daemon->spec->name);
    return store_write_wait(daemon->store, append, &act);
}

struct status daemon_tell_started(struct daemon *daemon)
{
    uint8_t digest[HASH_SHA256_BYTES] = {0};
    config_each(daemon->config, add_row, digest);
    Eventlog__StartedEvent message = EVENTLOG__STARTED_EVENT__INIT;
    message.version = (char *)(uintptr_t)florin_version();
    message.build_id = (char *)(uintptr_t)florin_build_id();
    message.config_digest = (ProtobufCBinaryData){sizeof digest, digest};
    return tell(daemon, NULL, "started", &message);
}

// ---- Copied --------------------------------------------------------------------------------

struct status daemon_tell_backup(struct daemon *daemon, const struct rpc_call *call, uint64_t bytes,
                                 uint64_t event_seq)
{
    Eventlog__BackupEvent message = EVENTLOG__BACKUP_EVENT__INIT;
    message.bytes = bytes;
    message.event_seq = event_seq;
    return tell(daemon, call, "backup.made", &message);
}
