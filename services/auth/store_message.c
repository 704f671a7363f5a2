#include "services/auth/store_message.h"

#include "common/base/check.h"
#include "common/base/text.h"
#include "services/auth/store_internal.h"

/* The names of table and field in a place are part of what is sealed: never change one. */

static struct seal_place place_of(const char *field, struct id128 id)
{
    return (struct seal_place){.table = "auth_messages", .field = field, .owner = id};
}

static struct bytes seal_field(const struct auth_store *auth, const char *field, struct id128 id,
                               const char *text, struct record_writer *room)
{
    struct seal_place place = place_of(field, id);
    return seal_text(auth->seal, &place, text, room);
}

static struct status unseal_field(const struct auth_store *auth, const char *field, struct id128 id,
                                  struct bytes sealed, struct arena *arena, const char **ret)
{
    struct seal_place place = place_of(field, id);
    return unseal_text(auth->seal, &place, sealed, arena, ret);
}

static void put_record(struct store_txn *txn, struct id128 id,
                       const struct auth_message_record *record)
{
    uint8_t key[AUTH_MESSAGE_KEY_BYTES_MAX], row[AUTH_MESSAGE_BYTES_MAX];
    struct auth_message_key place = {.not_before_ns = record->not_before_ns, .id = id};
    size_t key_size = auth_message_key_encode(&place, key);
    size_t row_size = auth_message_encode(record, row);
    store_put(txn, AUTH_TABLE_MESSAGES, bytes_of(key, key_size), bytes_of(row, row_size));
}

/// cut_detail keeps whole characters.
static void cut_detail(const char *detail, char ret[static AUTH_MESSAGE_DETAIL_BYTES_MAX + 1])
{
    size_t left = detail != NULL ? strlen(detail) : 0, size = 0, step;
    while ((step = text_next_code_point(detail + size, left)) > 0 &&
           size + step <= AUTH_MESSAGE_DETAIL_BYTES_MAX) {
        memcpy(ret + size, detail + size, step);
        size += step;
        left -= step;
    }
    ret[size] = '\0';
}

void auth_store_put_message(const struct auth_store *auth, struct store_txn *txn,
                            const struct auth_message *message)
{
    CHECK(auth_message_has_code(message->kind) == (message->code[0] != '\0'));
    uint8_t spans[3 * AUTH_SPAN_BYTES_MAX];
    char detail[AUTH_MESSAGE_DETAIL_BYTES_MAX + 1];
    struct record_writer room = record_write_key(spans, sizeof spans);
    struct id128 id = id128_generate();
    cut_detail(message->detail, detail);
    struct auth_message_record record = {
        .channel = message->channel,
        .kind = message->kind,
        .created_at_ns = message->created_at_ns,
        .not_before_ns = message->created_at_ns,
        .expires_at_ns = message->expires_at_ns,
        .sealed_to = seal_field(auth, "to", id, message->to, &room),
        .sealed_code = seal_field(auth, "code", id, message->code, &room),
        .sealed_detail = seal_field(auth, "detail", id, detail, &room),
    };
    put_record(txn, id, &record);
}

uint64_t auth_message_end_ns(const struct auth_message *message)
{
    return message->expires_at_ns > 0 ? message->expires_at_ns
                                      : message->created_at_ns + AUTH_MESSAGE_LIFE_NS;
}

// ---- Reading -------------------------------------------------------------------------------

static struct status read_row(const struct store_cursor *cursor, struct auth_message_key *ret_key,
                              struct auth_message_record *ret)
{
    RETURN_IF_ERROR(auth_message_key_decode(cursor->key, ret_key));
    RETURN_IF_ERROR(auth_message_decode(cursor->value, ret));
    if (ret->not_before_ns == ret_key->not_before_ns) return STATUS_SUCCESS;
    return REFUSE(DATA_LOSS, AUTH_RECORD_BROKEN, "a message is filed at another time than its own");
}

static bool is_wanted(const struct auth_message_filter *filter, struct id128 id,
                      const struct auth_message_record *record)
{
    if ((filter->channels & 1U << record->channel) == 0) return false;
    for (size_t i = 0; i < filter->except_count; i++)
        if (id128_equal(filter->except[i], id)) return false;
    return true;
}

static struct status unseal_message(const struct auth_store *auth, struct id128 id,
                                    const struct auth_message_record *record, struct arena *arena,
                                    struct auth_message *ret)
{
    *ret = (struct auth_message){
        .id = id,
        .channel = record->channel,
        .kind = record->kind,
        .created_at_ns = record->created_at_ns,
        .expires_at_ns = record->expires_at_ns,
        .attempts = record->attempts,
        .not_before_ns = record->not_before_ns,
    };
    RETURN_IF_ERROR(unseal_field(auth, "to", id, record->sealed_to, arena, &ret->to));
    RETURN_IF_ERROR(unseal_field(auth, "code", id, record->sealed_code, arena, &ret->code));
    return unseal_field(auth, "detail", id, record->sealed_detail, arena, &ret->detail);
}

struct status auth_store_get_messages(const struct auth_store *auth, struct store_txn *txn,
                                      const struct auth_message_filter *filter, struct arena *arena,
                                      struct auth_message *ret, size_t count_max, size_t *ret_count)
{
    size_t count = 0;
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUTH_TABLE_MESSAGES, &cursor);
    for (bool row = store_cursor_first(&cursor); row && count < count_max;
         row = store_cursor_next(&cursor)) {
        struct auth_message_key key;
        struct auth_message_record record;
        RETURN_IF_ERROR(read_row(&cursor, &key, &record));
        if (key.not_before_ns > filter->due_at_ns) break;
        if (!is_wanted(filter, key.id, &record)) continue;
        RETURN_IF_ERROR(unseal_message(auth, key.id, &record, arena, &ret[count++]));
    }
    *ret_count = count;
    return STATUS_SUCCESS;
}

struct status auth_store_next_message_ns(struct store_txn *txn, uint64_t now_ns, uint64_t *ret_ns)
{
    uint8_t after[AUTH_MESSAGE_KEY_BYTES_MAX];
    struct auth_message_key key = {.not_before_ns = now_ns + 1};
    size_t size = auth_message_key_encode(&key, after);
    *ret_ns = UINT64_MAX;
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUTH_TABLE_MESSAGES, &cursor);
    if (!store_cursor_seek(&cursor, bytes_of(after, size))) return STATUS_SUCCESS;
    RETURN_IF_ERROR(auth_message_key_decode(cursor.key, &key));
    *ret_ns = key.not_before_ns;
    return STATUS_SUCCESS;
}

uint64_t auth_store_count_messages(struct store_txn *txn)
{
    uint64_t count = 0;
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, AUTH_TABLE_MESSAGES, &cursor);
    for (bool row = store_cursor_first(&cursor); row; row = store_cursor_next(&cursor))
        count++;
    return count;
}

// ---- After an attempt ----------------------------------------------------------------------

struct status auth_store_postpone_message(struct store_txn *txn, const struct auth_message *message,
                                          uint64_t not_before_ns)
{
    uint8_t key[AUTH_MESSAGE_KEY_BYTES_MAX], row[AUTH_MESSAGE_BYTES_MAX];
    struct auth_message_key place = {.not_before_ns = message->not_before_ns, .id = message->id};
    size_t size = auth_message_key_encode(&place, key);
    struct auth_message_record record;
    struct bytes old;
    struct status status = store_get(txn, AUTH_TABLE_MESSAGES, bytes_of(key, size), &old);
    if (status.code == STATUS_NOT_FOUND) return STATUS_SUCCESS;
    RETURN_IF_ERROR(status);
    CHECK(old.size <= sizeof row);
    memcpy(row, old.data, old.size); // The delete may move what the store lent.
    RETURN_IF_ERROR(auth_message_decode(bytes_of(row, old.size), &record));
    record.attempts++;
    record.not_before_ns = not_before_ns;
    auth_store_delete_message(txn, message);
    put_record(txn, message->id, &record);
    return STATUS_SUCCESS;
}

void auth_store_delete_message(struct store_txn *txn, const struct auth_message *message)
{
    uint8_t key[AUTH_MESSAGE_KEY_BYTES_MAX];
    struct auth_message_key place = {.not_before_ns = message->not_before_ns, .id = message->id};
    size_t size = auth_message_key_encode(&place, key);
    store_delete(txn, AUTH_TABLE_MESSAGES, bytes_of(key, size));
}
