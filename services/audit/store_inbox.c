#include "services/audit/store_inbox.h"

#include "common/base/check.h"
#include "services/audit/tables.h"

#define NOTICE_REFUSAL REFUSE(NOT_FOUND, NOTIFICATION_NOT_FOUND, "there is no such notification")

// ---- Counts --------------------------------------------------------------------------------

struct status audit_store_get_inbox_counts(struct store_txn *txn, struct id128 user_id,
                                           struct audit_inbox_counts *ret)
{
    struct bytes record;
    struct status status = store_get(txn, AUDIT_TABLE_INBOX, id128_bytes(&user_id), &record);
    if (status.code == STATUS_NOT_FOUND) {
        *ret = (struct audit_inbox_counts){0};
        return STATUS_SUCCESS;
    }
    RETURN_IF_ERROR(status);
    return audit_inbox_counts_decode(record, ret);
}

static void put_counts(struct store_txn *txn, struct id128 user_id,
                       const struct audit_inbox_counts *counts)
{
    uint8_t record[AUDIT_INBOX_COUNTS_BYTES];
    if (counts->total == 0)
        store_delete(txn, AUDIT_TABLE_INBOX, id128_bytes(&user_id));
    else
        store_put(txn, AUDIT_TABLE_INBOX, id128_bytes(&user_id),
                  audit_inbox_counts_encode(counts, record));
}

// ---- Rows ----------------------------------------------------------------------------------

static void put_notice(struct store_txn *txn, struct id128 user_id,
                       const struct audit_notice *notice)
{
    uint8_t key[AUDIT_INBOX_KEY_BYTES], record[AUDIT_NOTICE_BYTES_MAX];
    size_t size = audit_notice_encode(notice, record);
    store_put(txn, AUDIT_TABLE_INBOX, audit_inbox_key(user_id, notice->index, key),
              bytes_of(record, size));
}

struct status audit_store_get_notice(struct store_txn *txn, struct id128 user_id, uint64_t index,
                                     struct audit_notice *ret)
{
    uint8_t key[AUDIT_INBOX_KEY_BYTES];
    struct bytes record;
    RETURN_IF_ERROR(store_get_or(txn, AUDIT_TABLE_INBOX, audit_inbox_key(user_id, index, key),
                                 NOTICE_REFUSAL, &record));
    ret->index = index;
    return audit_notice_decode(record, ret);
}

// The oldest one; NOT_FOUND when there is none.
static struct status get_oldest(struct store_txn *txn, struct id128 user_id,
                                struct audit_notice *ret)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    uint8_t key[AUDIT_INBOX_KEY_BYTES];
    store_cursor_open(txn, AUDIT_TABLE_INBOX, &cursor);
    if (!store_cursor_seek(&cursor, audit_inbox_key(user_id, 0, key)) ||
        !audit_inbox_key_decode(cursor.key, user_id, &ret->index))
        return NOTICE_REFUSAL;
    return audit_notice_decode(cursor.value, ret);
}

static void drop(struct store_txn *txn, struct id128 user_id, const struct audit_notice *notice,
                 struct audit_inbox_counts *counts)
{
    uint8_t key[AUDIT_INBOX_KEY_BYTES];
    CHECK(counts->total > 0 && (notice->is_read || counts->unread > 0));
    counts->total--;
    if (!notice->is_read) counts->unread--;
    store_delete(txn, AUDIT_TABLE_INBOX, audit_inbox_key(user_id, notice->index, key));
}

struct status audit_store_add_notice(struct store_txn *txn, struct id128 user_id,
                                     const struct audit_notice *notice)
{
    uint8_t key[AUDIT_INBOX_KEY_BYTES];
    struct audit_inbox_counts counts;
    struct audit_notice oldest;
    CHECK(!store_has(txn, AUDIT_TABLE_INBOX, audit_inbox_key(user_id, notice->index, key)));
    RETURN_IF_ERROR(audit_store_get_inbox_counts(txn, user_id, &counts));
    if (counts.total >= AUDIT_INBOX_ROWS_MAX) {
        RETURN_IF_ERROR(get_oldest(txn, user_id, &oldest));
        drop(txn, user_id, &oldest, &counts);
    }
    counts.total++;
    if (!notice->is_read) counts.unread++;
    put_notice(txn, user_id, notice);
    put_counts(txn, user_id, &counts);
    return STATUS_SUCCESS;
}

struct status audit_store_drop_notices(struct store_txn *txn, struct id128 user_id,
                                       uint64_t cutoff_ns, size_t *ret_dropped)
{
    struct audit_inbox_counts counts;
    *ret_dropped = 0;
    RETURN_IF_ERROR(audit_store_get_inbox_counts(txn, user_id, &counts));
    for (;;) {
        struct audit_notice oldest;
        struct status status = get_oldest(txn, user_id, &oldest);
        if (status.code == STATUS_NOT_FOUND) break;
        RETURN_IF_ERROR(status);
        if (oldest.time_ns >= cutoff_ns) break;
        drop(txn, user_id, &oldest, &counts);
        ++*ret_dropped;
    }
    if (*ret_dropped > 0) put_counts(txn, user_id, &counts);
    return STATUS_SUCCESS;
}

// ---- Reading them --------------------------------------------------------------------------

// The texts of a notice point into its row: put_notice encodes them before it writes.
static void put_read(struct store_txn *txn, struct id128 user_id, struct audit_notice *notice,
                     struct audit_inbox_counts *counts)
{
    CHECK(counts->unread > 0);
    notice->is_read = true;
    counts->unread--;
    put_notice(txn, user_id, notice);
}

struct status audit_store_mark_read(struct store_txn *txn, struct id128 user_id,
                                    const uint64_t *indexes, size_t count)
{
    struct audit_inbox_counts counts;
    RETURN_IF_ERROR(audit_store_get_inbox_counts(txn, user_id, &counts));
    const uint32_t before = counts.unread;
    for (size_t i = 0; i < count; i++) {
        struct audit_notice notice;
        struct status status = audit_store_get_notice(txn, user_id, indexes[i], &notice);
        if (status.code == STATUS_NOT_FOUND) continue;
        RETURN_IF_ERROR(status);
        if (!notice.is_read) put_read(txn, user_id, &notice, &counts);
    }
    if (counts.unread != before) put_counts(txn, user_id, &counts);
    return STATUS_SUCCESS;
}

// Indexes of what is unread: a walk must not go on over rows that are written.
static struct status list_unread(struct store_txn *txn, struct id128 user_id,
                                 uint64_t ret_indexes[static AUDIT_INBOX_ROWS_MAX],
                                 size_t *ret_count)
{
    CLEANUP(audit_store_notices_close) struct audit_notice_walk walk;
    audit_store_notices_open(txn, user_id, UINT64_MAX, &walk);
    for (*ret_count = 0; *ret_count < AUDIT_INBOX_ROWS_MAX;) {
        struct audit_notice notice;
        bool more;
        RETURN_IF_ERROR(audit_store_notices_next(&walk, &notice, &more));
        if (!more) break;
        if (!notice.is_read) ret_indexes[(*ret_count)++] = notice.index;
    }
    return STATUS_SUCCESS;
}

struct status audit_store_mark_all_read(struct store_txn *txn, struct id128 user_id)
{
    uint64_t indexes[AUDIT_INBOX_ROWS_MAX];
    size_t count;
    struct audit_inbox_counts counts;
    RETURN_IF_ERROR(audit_store_get_inbox_counts(txn, user_id, &counts));
    if (counts.unread == 0) return STATUS_SUCCESS;
    RETURN_IF_ERROR(list_unread(txn, user_id, indexes, &count));
    return audit_store_mark_read(txn, user_id, indexes, count);
}

// ---- Walking -------------------------------------------------------------------------------

bool audit_store_next_inbox(struct store_txn *txn, struct id128 from, struct id128 *ret_user_id)
{
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUDIT_TABLE_INBOX, &cursor);
    if (!store_cursor_seek(&cursor, id128_bytes(&from)) || cursor.key.size < ID128_BYTES)
        return false;
    *ret_user_id = id128_of(cursor.key.data);
    return true;
}

void audit_store_notices_open(struct store_txn *txn, struct id128 user_id, uint64_t before,
                              struct audit_notice_walk *ret)
{
    *ret = (struct audit_notice_walk){.user_id = user_id, .before = before};
    store_cursor_open(txn, AUDIT_TABLE_INBOX, &ret->cursor);
}

struct status audit_store_notices_next(struct audit_notice_walk *walk, struct audit_notice *ret,
                                       bool *ret_more)
{
    if (walk->is_started) {
        *ret_more = store_cursor_prev(&walk->cursor);
    } else {
        uint8_t key[AUDIT_INBOX_KEY_BYTES];
        *ret_more = store_cursor_seek_before(&walk->cursor,
                                             audit_inbox_key(walk->user_id, walk->before, key));
        walk->is_started = true;
    }
    // Before the oldest one come the counts, whose key is shorter.
    *ret_more = *ret_more && audit_inbox_key_decode(walk->cursor.key, walk->user_id, &ret->index);
    return *ret_more ? audit_notice_decode(walk->cursor.value, ret) : STATUS_SUCCESS;
}

void audit_store_notices_close(struct audit_notice_walk *walk)
{
    store_cursor_close(&walk->cursor);
}

// ---- Whose accounts are --------------------------------------------------------------------

struct status audit_store_get_owner(struct store_txn *txn, struct id128 account_id,
                                    struct id128 *ret)
{
    struct bytes record;
    struct status status = store_get(txn, AUDIT_TABLE_OWNERS, id128_bytes(&account_id), &record);
    if (status.code == STATUS_NOT_FOUND) {
        *ret = ID128_NIL;
        return STATUS_SUCCESS;
    }
    RETURN_IF_ERROR(status);
    return audit_owner_decode(record, ret);
}

void audit_store_put_owner(struct store_txn *txn, struct id128 account_id, struct id128 owner_id)
{
    uint8_t record[AUDIT_OWNER_BYTES];
    store_put(txn, AUDIT_TABLE_OWNERS, id128_bytes(&account_id),
              audit_owner_encode(owner_id, record));
}
