/// @file common/event/note.h
/// Digests of what an event changed, without every use case carrying them: the store layer of a
/// service says which record it is about to write, and of which subject.
///     event_note(txn, "roles/teller", ROLES, bytes_of_text("teller"));
///     store_put(txn, ROLES, bytes_of_text("teller"), record);
/// Events about this subject that the same job appends after that carry SHA-256 of the record as it
/// was (none: it was not there) and as it then is (none: it was deleted). What is sealed or salted
/// in the store stays so. Of its own, because a store layer knows nothing of calls.
/// Limits     The first note of a subject in a job counts; beyond EVENT_NOTES_MAX subjects there
///            are no digests. Not for hot paths: it reads and hashes the record.
/// Threads    Inside a WRITE handler or a store job.
#pragma once

#include "common/base/id128.h"
#include "common/store/store.h"

enum { EVENT_NOTES_MAX = 8, EVENT_NOTE_KEY_BYTES_MAX = 64 };

void event_note(struct store_txn *txn, const char *subject, uint8_t table, struct bytes key);
/// event_note_member notes the member of a collection, "users/<uuid>", whose id is its key.
void event_note_member(struct store_txn *txn, const char *collection, struct id128 id,
                       uint8_t table);
