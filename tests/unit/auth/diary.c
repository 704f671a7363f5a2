#include "tests/unit/auth/diary.h"

#include "common/base/check.h"

struct auth_client diary_client(const char *device, const char *ip)
{
    struct auth_client client = {.device = device, .user_agent = "curl/7.88"};
    client.network_size = auth_convert_network(ip, client.network);
    snprintf(client.ip, sizeof client.ip, "%s", ip);
    return client;
}

struct writing {
    struct house *house;
    const struct diary_entry *entry;
    size_t count;
    uint64_t first_ns, step_ns;
};

static struct status write_all(struct store_txn *txn, void *context)
{
    const struct writing *writing = context;
    const struct diary_entry *entry = writing->entry;
    struct auth_client client = diary_client(entry->device, entry->ip);
    for (size_t i = 0; i < writing->count; i++) {
        struct auth_activity activity = {
            .at_ns = writing->first_ns + i * writing->step_ns,
            .user_id = entry->user_id,
            .is_success = entry->is_success,
            .reason = entry->is_success ? "" : "INVALID_CREDENTIALS",
            .risk = {.terms = entry->terms},
            .is_suspicious = entry->is_suspicious,
            .session_id = entry->is_success ? id_of(0x5e) : ID128_NIL,
            .client = &client,
        };
        auth_activity_record(&writing->house->service, txn, &activity);
    }
    return STATUS_SUCCESS;
}

void diary_write_many(struct house *house, const struct diary_entry *entry, size_t count,
                      uint64_t first_ns, uint64_t step_ns)
{
    struct writing writing = {house, entry, count, first_ns, step_ns};
    assert_status_ok(store_write_wait(house->store, write_all, &writing));
}

void diary_write(struct house *house, const struct diary_entry *entry, uint64_t at_ns)
{
    diary_write_many(house, entry, 1, at_ns, 0);
}

size_t diary_rows(struct house *house, uint8_t table)
{
    size_t count = 0;
    CLEANUP(store_snapshot_end) struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(house->store, &txn));
    CLEANUP(store_cursor_close) struct store_cursor cursor;
    store_cursor_open(txn, table, &cursor);
    for (bool row = store_cursor_first(&cursor); row; row = store_cursor_next(&cursor))
        count++;
    return count;
}
