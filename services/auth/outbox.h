/// @file services/auth/outbox.h
/// Delivery in the dev profile: each message becomes a JSON line {to, channel, kind, code, text,
/// at} of a file, which `florin outbox` shows. Never for production: the codes lie there in clear.
/// Promise    Each message at least once: the line is on disk before the message leaves the store.
///            A crash in between writes it a second time.
/// Threads    The worker's.
/// Errors     UNAVAILABLE / OUTBOX_NOT_WRITABLE.
#pragma once

#include "services/auth/service.h"

enum { AUTH_OUTBOX_BATCH_MAX = 64 };

/// auth_outbox_open makes the directory (0700) and opens <directory>/messages.jsonl (0600) for
/// appending. A line that a crash has cut off is ended, so that the next one stands alone.
MUST_USE struct status auth_outbox_open(const char *directory, int *ret_fd);

/// auth_outbox_deliver writes up to AUTH_OUTBOX_BATCH_MAX of the oldest messages and takes them off
/// the store; *ret_count says how many. Those that have run out by now_ns are not written.
MUST_USE struct status auth_outbox_deliver(const struct auth_service *service, int fd,
                                           uint64_t now_ns, size_t *ret_count);
