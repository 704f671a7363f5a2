#include "common/base/check.h"
#include "common/event/outbox.h"

#include <stdio.h>

static struct outbox_note *find_note(struct event_outbox *outbox, const struct store_txn *txn,
                                     const char *subject)
{
    if (outbox->notes_serial != store_txn_serial(txn)) outbox->note_count = 0; // Another job's.
    for (size_t i = 0; i < outbox->note_count; i++)
        if (strcmp(outbox->notes[i].subject, subject) == 0) return &outbox->notes[i];
    return NULL;
}

static bool digest_record(struct store_txn *txn, const struct outbox_note *note,
                          uint8_t ret[static HASH_SHA256_BYTES])
{
    struct bytes record;
    // What cannot be read has no digest: the job's own reads say that it is damaged.
    if (!status_ok(store_get(txn, note->table, bytes_of(note->key, note->key_bytes), &record)))
        return false;
    hash_sha256(&record, 1, ret);
    return true;
}

void event_note(struct store_txn *txn, const char *subject, uint8_t table, struct bytes key)
{
    struct event_outbox *outbox = store_txn_local(txn, OUTBOX_LOCAL_SLOT);
    if (outbox == NULL) return; // A store without an outbox: while it is opened, and in tests.
    if (find_note(outbox, txn, subject) != NULL || outbox->note_count == EVENT_NOTES_MAX) return;
    outbox->notes_serial = store_txn_serial(txn);
    struct outbox_note *note = &outbox->notes[outbox->note_count++];
    CHECK(key.size <= sizeof note->key);
    int size = snprintf(note->subject, sizeof note->subject, "%s", subject);
    CHECK(size > 0 && (size_t)size < sizeof note->subject);
    note->table = table;
    memcpy(note->key, key.data, key.size);
    note->key_bytes = key.size;
    note->had_record = digest_record(txn, note, note->before);
}

void event_note_member(struct store_txn *txn, const char *collection, struct id128 id,
                       uint8_t table)
{
    char subject[EVENT_NAME_BYTES];
    event_name(collection, id, subject);
    event_note(txn, subject, table, id128_bytes(&id));
}

void outbox_fill_digests(struct event_outbox *outbox, struct store_txn *txn,
                         struct event_view *view, uint8_t ret_digests[static OUTBOX_DIGESTS_BYTES])
{
    if (view->subject == NULL) return;
    const struct outbox_note *note = find_note(outbox, txn, view->subject);
    if (note == NULL) return;
    uint8_t *after = ret_digests + HASH_SHA256_BYTES;
    memcpy(ret_digests, note->before, HASH_SHA256_BYTES);
    if (note->had_record) view->before_digest = bytes_of(ret_digests, HASH_SHA256_BYTES);
    if (digest_record(txn, note, after)) view->after_digest = bytes_of(after, HASH_SHA256_BYTES);
}
