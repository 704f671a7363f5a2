#include "tests/unit/audit/fixture.h"

#include "common/base/check.h"

#include <unistd.h>

int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    CHECK(fixture != NULL);
    directory_make("audit", fixture->directory, sizeof fixture->directory);
    snprintf(fixture->store_path, sizeof fixture->store_path, "%.240s/store", fixture->directory);
    snprintf(fixture->keys_path, sizeof fixture->keys_path, "%.240s", fixture->directory);
    assert_status_ok(crypto_open());
    assert_status_ok(key_generate(fixture->keys_path, "audit-log"));
    audit_batch_open(&fixture->batch);
    *state = fixture;
    assert_status_ok(open_log(fixture, ORIGIN));
    return 0;
}

int teardown(void **state)
{
    struct fixture *fixture = *state;
    close_log(fixture);
    audit_batch_close(&fixture->batch);
    directory_remove(fixture->directory);
    free(fixture);
    return 0;
}

static void open_store(struct fixture *fixture)
{
    const struct store_schema *schemas[] = {&audit_store_schema, &event_store_schema};
    struct store_config config = {.directory = fixture->store_path, .map_bytes = UINT64_C(1) << 30};
    assert_status_ok(store_open(&config, schemas, ROWS(schemas), &fixture->store));
}

struct status open_log(struct fixture *fixture, const char *origin)
{
    open_store(fixture);
    assert_status_ok(event_outbox_open(fixture->store, "audit", &fixture->outbox));
    struct audit_service_config config = {
        .store = fixture->store, .keys_directory = fixture->keys_path, .origin = origin};
    struct status status = audit_service_open(&config, &fixture->service);
    fixture->is_open = status_ok(status);
    if (!fixture->is_open) {
        store_close(&fixture->store);
        event_outbox_close(&fixture->outbox);
    }
    return status;
}

void close_log(struct fixture *fixture)
{
    store_close(&fixture->store);
    event_outbox_close(&fixture->outbox);
    if (fixture->is_open) audit_service_close(&fixture->service);
    fixture->is_open = false;
}

void reopen_log(struct fixture *fixture)
{
    close_log(fixture);
    assert_status_ok(open_log(fixture, ORIGIN));
}

// ---- Events --------------------------------------------------------------------------------

enum { TEXT_RING = 8192, TEXT_BYTES = 64 };

static const char *ring_text(const char *beginning, uint64_t number)
{
    static char texts[TEXT_RING][TEXT_BYTES];
    static size_t next;
    char *text = texts[next++ % TEXT_RING];
    snprintf(text, TEXT_BYTES, "%.40s%012llx", beginning, (unsigned long long)number);
    return text;
}

struct event_view make_event(const char *source, uint64_t seq)
{
    static const char *const types[] = {"auth.login.succeeded", "ledger.transfer.created",
                                        "kyc.case.submitted"};
    static const char *const visible_to[] = {"users/1"};
    return (struct event_view){
        .source = source,
        .type = types[seq % 3],
        .subject = ring_text("transfers/01890000-0000-7000-8000-", seq),
        .actor = ring_text("users/01890000-0000-7000-8000-", seq % 5),
        .request_id = "request",
        .traceparent = "00-trace-01",
        .client_ip = "203.0.113.7",
        .device_id = seq % 2 == 0 ? "device" : "",
        .outcome = seq % 7 == 0 ? "refused" : "success",
        .reason = seq % 7 == 0 ? "INSUFFICIENT_FUNDS" : "",
        .seq = seq,
        .time_ns = 1000 * seq,
        .visible_to = visible_to,
        .visible_to_count = 1,
        .payload = bytes_of_text("payload"),
    };
}

struct status accept_views(struct fixture *fixture, const char *source, uint64_t log_id,
                           const struct event_view *events, size_t count)
{
    RETURN_IF_ERROR(audit_batch_fill(&fixture->batch, source, events, count));
    return audit_service_accept(&fixture->service, source, log_id, &fixture->batch);
}

struct status accept(struct fixture *fixture, const char *source, uint64_t first_seq, size_t count)
{
    static struct event_view events[EVENT_SUBSCRIBER_EVENTS_MAX];
    CHECK(count <= EVENT_SUBSCRIBER_EVENTS_MAX);
    for (size_t i = 0; i < count; i++)
        events[i] = make_event(source, first_seq + i);
    return accept_views(fixture, source, FIXTURE_LOG_ID, events, count);
}

// ---- Looking -------------------------------------------------------------------------------

struct store_txn *begin(struct fixture *fixture)
{
    struct store_txn *txn = NULL;
    assert_status_ok(store_snapshot_begin(fixture->store, &txn));
    return txn;
}

uint64_t log_size(struct fixture *fixture)
{
    struct store_txn *txn = begin(fixture);
    struct bytes note;
    uint64_t size;
    struct merkle_hash root;
    struct checkpoint checkpoint;
    assert_status_ok(audit_service_checkpoint(txn, &note, &size, &root));
    assert_status_ok(checkpoint_open(note, &fixture->service.verifier, &checkpoint));
    assert_int_equal(checkpoint.size, size);
    assert_true(merkle_hash_equal(&checkpoint.root, &root));
    store_snapshot_end(&txn);
    return size;
}

struct change {
    uint8_t table;
    struct bytes key;
    size_t offset_from_end;
};

static struct status run_change(struct store_txn *txn, void *context)
{
    const struct change *change = context;
    uint8_t copy[16384];
    struct bytes value;
    RETURN_IF_ERROR(store_get(txn, change->table, change->key, &value));
    CHECK(value.size <= sizeof copy && change->offset_from_end < value.size);
    memcpy(copy, value.data, value.size);
    copy[value.size - 1 - change->offset_from_end] ^= 1;
    store_put(txn, change->table, change->key, bytes_of(copy, value.size));
    return STATUS_SUCCESS;
}

void tamper(struct fixture *fixture, uint8_t table, struct bytes key, size_t offset_from_end)
{
    close_log(fixture);
    open_store(fixture); // Without the service and its hook.
    struct change change = {(uint8_t)(STORE_TABLE_SERVICE_FIRST + table), key, offset_from_end};
    assert_status_ok(store_write_wait(fixture->store, run_change, &change));
    store_close(&fixture->store);
}
