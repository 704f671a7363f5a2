#include "tests/unit/event/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct store_table tables[] = {{FIXTURE_TABLE_RECORDS, "records"}};

static const struct store_schema schema = {
    .name = "test", .version = 1, .tables = tables, .table_count = ROWS(tables)};

void open_outbox_of(struct fixture *fixture, const char *source, uint64_t map_bytes)
{
    const struct store_schema *schemas[] = {&event_store_schema, &schema};
    struct store_config config = {.directory = fixture->store_path, .map_bytes = map_bytes};
    assert_status_ok(store_open(&config, schemas, ROWS(schemas), &fixture->store));
    assert_status_ok(event_outbox_open(fixture->store, source, &fixture->outbox));
}

void open_outbox(struct fixture *fixture, const char *source)
{
    open_outbox_of(fixture, source, UINT64_C(512) << 20);
}

void close_outbox(struct fixture *fixture)
{
    store_close(&fixture->store);
    event_outbox_close(&fixture->outbox);
}

int setup_outbox(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    CHECK(fixture != NULL);
    directory_make("event", fixture->directory, sizeof fixture->directory);
    snprintf(fixture->store_path, sizeof fixture->store_path, "%s/store", fixture->directory);
    fixture->arena = arena_open(64 << 20);
    open_outbox(fixture, "test");
    *state = fixture;
    return 0;
}

int teardown_outbox(void **state)
{
    struct fixture *fixture = *state;
    close_outbox(fixture);
    arena_close(&fixture->arena);
    directory_remove(fixture->directory);
    free(fixture);
    clock_test_release();
    return 0;
}

struct appending {
    struct fixture *fixture;
    const char *type;
    size_t count, payload_bytes;
};

static struct status run_append(struct store_txn *txn, void *context)
{
    const struct appending *appending = context;
    uint8_t *payload = calloc(1, appending->payload_bytes + 8);
    CHECK(payload != NULL);
    uint64_t number = appending->fixture->outbox->writer_head;
    for (size_t i = 0; i < appending->count; i++) {
        put_u64_be(payload, ++number);
        size_t size = appending->payload_bytes < 8 ? 8 : appending->payload_bytes;
        event_append(txn, &(struct event){.type = appending->type,
                                          .subject = "things/1",
                                          .payload = bytes_of(payload, size)});
    }
    free(payload);
    return STATUS_SUCCESS;
}

void append_events(struct fixture *fixture, const char *type, size_t count, size_t payload_bytes)
{
    struct appending appending = {fixture, type, count, payload_bytes};
    assert_status_ok(store_write_wait(fixture->store, run_append, &appending));
}
