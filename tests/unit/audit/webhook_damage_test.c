// Webhooks where something in the store is damaged: who stands still, and who goes on.
#include "common/base/log.h"
#include "services/audit/tables.h"
#include "tests/unit/audit/postroom.h"

#include <stdio.h>
#include <unistd.h>

static struct status run_damage(struct store_txn *txn, void *context)
{
    const uint64_t *index = context;
    uint8_t key[AUDIT_INDEX_KEY_BYTES];
    store_put(txn, AUDIT_TABLE_ENTRIES, audit_index_key(*index, key), bytes_of_text("?"));
    return STATUS_SUCCESS;
}

static bool has_seven(struct room *room)
{
    return room_letters(room, NULL) == 7;
}

static void test_a_damaged_entry_holds_up_nothing_before_it(void **state)
{
    struct room *room = *state;
    uint64_t damaged = 7;
    struct id128 id = room_add(room, "in", NULL);
    room_happen(room, 20);
    assert_status_ok(store_write_wait(room->fixture->store, run_damage, &damaged));
    UNTIL(room, has_seven);
    for (size_t i = 0; i < 5; i++)
        (void)audit_webhook_worker_turn(room->webhooks->worker, room->now_ns);
    assert_int_equal(room_progress(room, id).next_index, damaged); // And there it stays.
}

static void take_turns(struct room *room, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_int_equal(audit_webhook_worker_turn(room->webhooks->worker, room->now_ns), 1000);
}

// A turn follows each answer of a receiver: one that fails may come hundreds of times a second.
static void test_what_cannot_go_on_is_told_once_a_minute(void **state)
{
    struct room *room = *state;
    uint64_t damaged = 0;
    FILE *log = tmpfile();
    char line[1024];
    size_t told = 0;
    int before = dup(STDERR_FILENO);
    assert_true(log != NULL && before >= 0);
    room_add(room, "in", NULL);
    room_happen(room, 1);
    assert_status_ok(store_write_wait(room->fixture->store, run_damage, &damaged));
    dup2(fileno(log), STDERR_FILENO);
    log_set_level(LOG_LEVEL_WARN);
    take_turns(room, 100);
    room_wait(room, 60 * S);
    take_turns(room, 100);
    log_set_level(LOG_LEVEL_ERROR);
    dup2(before, STDERR_FILENO);
    close(before);
    rewind(log);
    while (fgets(line, sizeof line, log) != NULL)
        told += strstr(line, "webhooks could not go on") != NULL;
    fclose(log);
    assert_int_equal(told, 2);
}

static struct status run_damage_webhook(struct store_txn *txn, void *context)
{
    const struct id128 *id = context;
    uint8_t key[AUDIT_WEBHOOK_KEY_BYTES];
    store_put(txn, AUDIT_TABLE_WEBHOOKS, audit_webhook_key(AUDIT_WEBHOOK_DEFINITION, *id, key),
              bytes_of_text("?"));
    return STATUS_SUCCESS;
}

// Nothing is pruned that it may still need, once it was mended.
static void test_a_damaged_webhook_holds_up_no_other(void **state)
{
    struct room *room = *state;
    struct id128 damaged = room_add(room, "damaged", NULL);
    struct id128 other = room_add(room, "other", NULL);
    assert_status_ok(store_write_wait(room->fixture->store, run_damage_webhook, &damaged));
    room_happen(room, 10);
    UNTIL(room, room_is_idle);
    assert_int_equal(room_letters_of(room, "other"), 10);
    assert_int_equal(room_letters_of(room, "damaged"), 0);
    assert_int_equal(room_count(room, other, AUDIT_DELIVERY_DELIVERED), 10);
    struct store_txn *txn = begin(room->fixture);
    uint64_t floor;
    assert_refused(audit_webhook_floor(NULL, txn, &floor), "RECORD_CORRUPT");
    store_snapshot_end(&txn);
}

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
#define TEST(function_) cmocka_unit_test_setup_teardown(function_, room_open, room_close)
    const struct CMUnitTest tests[] = {
        TEST(test_a_damaged_entry_holds_up_nothing_before_it),
        TEST(test_what_cannot_go_on_is_told_once_a_minute),
        TEST(test_a_damaged_webhook_holds_up_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
