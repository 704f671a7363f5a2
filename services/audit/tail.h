/// @file services/audit/tail.h
/// The end of the log, for those who follow it: how many entries are durable, and a wake-up when
/// there are more. Nobody who waits here can hold up the writer.
/// Threads    Any may ask and wait. Listeners are called on the store's writer thread, after the
///            commit: they only wake somebody.
#pragma once

#include "common/store/store.h"

enum { AUDIT_TAIL_LISTENERS_MAX = 8 };

struct audit_tail;

/// audit_tail_open adds a hook to the store, which the tail must outlive.
struct audit_tail *audit_tail_open(struct store *store);
void audit_tail_close(struct audit_tail **tail); // After the store's last group; idempotent.

/// audit_tail_told is for the writer thread, inside a transaction: the log will have this size when
/// the group is durable.
void audit_tail_told(struct audit_tail *tail, uint64_t size);

uint64_t audit_tail_size(const struct audit_tail *tail); // Entries that are durable.

/// audit_tail_wait returns when there are more than `size` entries, at until_mono_ns (UINT64_MAX:
/// never for that), or because of audit_tail_stop. Gives the size there is.
uint64_t audit_tail_wait(struct audit_tail *tail, uint64_t size, uint64_t until_mono_ns);
/// audit_tail_stop ends every wait, now and from now on: before threads that wait are joined.
void audit_tail_stop(struct audit_tail *tail);
bool audit_tail_is_stopped(const struct audit_tail *tail);

/// audit_tail_listen: called after each group that made the log longer, and once at the stop. In
/// open or start, at most AUDIT_TAIL_LISTENERS_MAX.
void audit_tail_listen(struct audit_tail *tail, void (*moved)(void *context), void *context);
