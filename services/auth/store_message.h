/// @file services/auth/store_message.h
/// The messages that wait for delivery, in the order in which they are due.
/// Sealed     Address, code and detail lie sealed; they leave in clear here.
/// Ownership  Texts of what is read lie in the arena that is given; who has sent a code wipes it.
/// Errors     DATA_LOSS (a record or a sealed value fails its checks).
#pragma once

#include "services/auth/record_message.h"
#include "services/auth/store.h"

enum { AUTH_MESSAGE_DETAIL_BYTES_MAX = 400 };

/// What has no end of its own is not worth sending any more after that.
#define AUTH_MESSAGE_LIFE_NS (UINT64_C(24) * 3600 * AUTH_SECOND_NS)

struct auth_message {
    struct id128 id;
    enum auth_channel channel;
    enum auth_message_kind kind;
    uint64_t created_at_ns;
    uint64_t expires_at_ns; // Not worth sending from then on; 0: 24 h after it was created.
    uint32_t attempts;      // So far.
    uint64_t not_before_ns; // Of the next one.
    const char *to;
    const char *code;   // "" where there is none.
    const char *detail; // What the text tells beside the code: a payment, a device. "" for none.
};

/// auth_store_put_message gives a new message its id; it is due at once. A detail beyond
/// AUTH_MESSAGE_DETAIL_BYTES_MAX is cut between two characters; NULL is "". CHECK: it has a code
/// exactly when its kind has one.
void auth_store_put_message(const struct auth_store *auth, struct store_txn *txn,
                            const struct auth_message *message);

/// auth_message_end_ns is when it has run out.
uint64_t auth_message_end_ns(const struct auth_message *message);

/// Which of them: those that are due, by these channels, and not these.
struct auth_message_filter {
    uint64_t due_at_ns; // UINT64_MAX: all.
    unsigned channels;  // Bits 1 << enum auth_channel.
    const struct id128 *except;
    size_t except_count;
};

#define AUTH_MESSAGES_ALL                                                                          \
    ((struct auth_message_filter){.due_at_ns = UINT64_MAX,                                         \
                                  .channels = 1U << AUTH_EMAIL | 1U << AUTH_MOBILE})

/// auth_store_get_messages gives those that are due first.
MUST_USE struct status auth_store_get_messages(const struct auth_store *auth, struct store_txn *txn,
                                               const struct auth_message_filter *filter,
                                               struct arena *arena, struct auth_message *ret,
                                               size_t count_max, size_t *ret_count);

/// auth_store_next_message_ns is when the first that is not due yet will be; UINT64_MAX: none.
MUST_USE struct status auth_store_next_message_ns(struct store_txn *txn, uint64_t now_ns,
                                                  uint64_t *ret_ns);
uint64_t auth_store_count_messages(struct store_txn *txn);

/// auth_store_postpone_message counts an attempt that has failed. `message` is as it was read; one
/// that is gone stays gone.
MUST_USE struct status auth_store_postpone_message(struct store_txn *txn,
                                                   const struct auth_message *message,
                                                   uint64_t not_before_ns);
void auth_store_delete_message(struct store_txn *txn, const struct auth_message *message);
