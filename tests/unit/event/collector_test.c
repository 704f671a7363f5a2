// Batches in any order, with gaps and repetitions: what is gathered is in order and without holes.
#include "common/event/collector.h"
#include "tests/unit/event/fixture.h"

#include <stdlib.h>

// A batch of the events from `first` to `last`, which lives until the next one.
static struct event_batch make_batch(uint64_t first, uint64_t last)
{
    static uint8_t buffer[1 << 20];
    size_t size = event_batch_head_pack("test", last, 7, buffer);
    for (uint64_t seq = first; seq <= last; seq++) {
        struct event_view view = {.type = "test.happened", .seq = seq};
        size += event_tag_pack(event_packed_size(&view), buffer + size);
        size += event_pack(&view, buffer + size);
    }
    struct event_batch batch;
    assert_status_ok(event_batch_parse(bytes_of(buffer, size), &batch));
    return batch;
}

static void test_batches_become_one_run_of_events(void **state)
{
    (void)state;

    // After event 10; each row goes on from the one before.
    static const struct {
        const char *name;
        uint64_t first, last;
        enum event_collected collected;
        size_t gathered;
    } rows[] = {
        // clang-format off
        {"the next ones",          11, 13, EVENT_COLLECTED_ALL, 3},
        {"known ones",             2,  9,  EVENT_COLLECTED_ALL, 3},
        {"the same again",         11, 13, EVENT_COLLECTED_ALL, 3},
        {"partly known",           12, 15, EVENT_COLLECTED_ALL, 5},
        {"one is missing",         17, 18, EVENT_COLLECTED_GAP, 5},
        {"the missing one",        16, 16, EVENT_COLLECTED_ALL, 6},
        {"none",                   1,  0,  EVENT_COLLECTED_ALL, 6},
        // clang-format on
    };
    struct event_collector collector;
    event_collector_open(&collector, NULL, 0, 11);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct event_batch batch = make_batch(rows[i].first, rows[i].last);
        if (event_collector_add(&collector, &batch) != rows[i].collected)
            fail_msg("%s", rows[i].name);
        assert_int_equal(collector.count, rows[i].gathered);
    }
    for (size_t i = 0; i < collector.count; i++)
        assert_int_equal(collector.views[i].seq, 11 + i);
    event_collector_reset(&collector, 17);
    struct event_batch batch = make_batch(1, 20);
    assert_int_equal(event_collector_add(&collector, &batch), EVENT_COLLECTED_ALL);
    assert_int_equal(collector.count, 4);
    event_collector_close(&collector);
}

static void test_a_hole_inside_a_batch_ends_the_run_before_it(void **state)
{
    (void)state;
    uint8_t buffer[256];
    size_t size = event_batch_head_pack("test", 9, 7, buffer);
    static const uint64_t seqs[] = {1, 2, 4};
    for (size_t i = 0; i < 3; i++) {
        struct event_view view = {.type = "test.happened", .seq = seqs[i]};
        size += event_tag_pack(event_packed_size(&view), buffer + size);
        size += event_pack(&view, buffer + size);
    }
    struct event_batch batch;
    assert_status_ok(event_batch_parse(bytes_of(buffer, size), &batch));
    struct event_collector collector;
    event_collector_open(&collector, NULL, 0, 1);
    assert_int_equal(event_collector_add(&collector, &batch), EVENT_COLLECTED_GAP);
    assert_int_equal(collector.count, 2);
    event_collector_close(&collector);
}

static void test_a_malformed_event_is_not_passed_over(void **state)
{
    (void)state;
    uint8_t buffer[256];
    size_t size = event_batch_head_pack("test", 9, 7, buffer);
    struct event_view view = {.type = "test.happened", .seq = 1};
    size += event_tag_pack(event_packed_size(&view), buffer + size);
    size += event_pack(&view, buffer + size);
    size += event_tag_pack(2, buffer + size);
    buffer[size++] = 0x10; // seq = 2, and no type.
    buffer[size++] = 0x02;
    struct event_batch batch;
    assert_status_ok(event_batch_parse(bytes_of(buffer, size), &batch));
    struct event_collector collector;
    event_collector_open(&collector, NULL, 0, 1);
    assert_int_equal(event_collector_add(&collector, &batch), EVENT_COLLECTED_MALFORMED);
    assert_int_equal(collector.count, 1);
    event_collector_close(&collector);
}

// Of twelve events, of which every third is test.rare.
static void test_only_chosen_types_are_gathered(void **state)
{
    (void)state;

    static const struct {
        const char *types[2];
        size_t type_count, gathered;
        uint64_t first_seq;
    } rows[] = {
        // clang-format off
        {{NULL},                        0, 12, 1},
        {{"*"},                         1, 12, 1},
        {{"test.*"},                    1, 12, 1},
        {{"test.rare"},                 1, 4,  3},
        {{"other.*", "test.rare"},      2, 4,  3},
        {{"test.common", "test.rare"},  2, 12, 1},
        {{"test.rar"},                  1, 0,  0},
        // clang-format on
    };

    static uint8_t buffer[4096];
    size_t size = event_batch_head_pack("test", 12, 7, buffer);
    for (uint64_t seq = 1; seq <= 12; seq++) {
        struct event_view view = {.type = seq % 3 == 0 ? "test.rare" : "test.common", .seq = seq};
        size += event_tag_pack(event_packed_size(&view), buffer + size);
        size += event_pack(&view, buffer + size);
    }
    struct event_batch batch;
    assert_status_ok(event_batch_parse(bytes_of(buffer, size), &batch));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct event_collector collector;
        event_collector_open(&collector, rows[i].types, rows[i].type_count, 1);
        assert_int_equal(event_collector_add(&collector, &batch), EVENT_COLLECTED_ALL);
        assert_int_equal(collector.count, rows[i].gathered);
        assert_int_equal(collector.next_seq, 13); // The cursor moves over all of them,
        if (collector.count > 0) assert_int_equal(collector.views[0].seq, rows[i].first_seq);
        struct event_batch later = make_batch(14, 14);
        assert_int_equal(event_collector_add(&collector, &later), EVENT_COLLECTED_GAP);
        event_collector_close(&collector); // and a hole is a hole, whatever may have been in it.
    }
}

static void test_thousands_of_events_are_gathered_and_let_go(void **state)
{
    (void)state;
    struct event_collector collector;
    event_collector_open(&collector, NULL, 0, 1);
    struct event_batch batch = make_batch(1, 20000);
    assert_int_equal(event_collector_add(&collector, &batch), EVENT_COLLECTED_ALL);
    assert_int_equal(collector.count, 20000);
    assert_int_equal(collector.views[19999].seq, 20000);
    event_collector_reset(&collector, 20001);
    assert_int_equal(collector.capacity, 0); // An idle subscriber holds little.
    event_collector_close(&collector);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batches_become_one_run_of_events),
        cmocka_unit_test(test_a_hole_inside_a_batch_ends_the_run_before_it),
        cmocka_unit_test(test_a_malformed_event_is_not_passed_over),
        cmocka_unit_test(test_only_chosen_types_are_gathered),
        cmocka_unit_test(test_thousands_of_events_are_gathered_and_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
