// Events as bytes: both directions agree with protobuf-c, and nothing malformed is let in.
#include "florin/event/v1/event.pb-c.h"
#include "tests/unit/event/fixture.h"

#include <stdlib.h>

// 32 equal bytes.
static struct bytes digest_of(uint8_t filler)
{
    static uint8_t digests[256][HASH_SHA256_BYTES];
    memset(digests[filler], filler, HASH_SHA256_BYTES);
    return bytes_of(digests[filler], HASH_SHA256_BYTES);
}

static struct event_view sample(void)
{
    static const char *const visible_to[] = {"users/a", "users/b"};
    return (struct event_view){.source = "ledger",
                               .type = "ledger.transfer.created",
                               .subject = "transfers/1",
                               .actor = "users/2",
                               .request_id = "r-1",
                               .traceparent = "00-1-2-01",
                               .client_ip = "192.0.2.1",
                               .device_id = "phone",
                               .outcome = "refused",
                               .reason = "INSUFFICIENT_FUNDS",
                               .seq = 300,
                               .time_ns = UINT64_C(0x1122334455667788),
                               .visible_to = visible_to,
                               .visible_to_count = 2,
                               .payload = {(const uint8_t *)"\x08\x01\x00", 3},
                               .before_digest = digest_of(0xb0),
                               .after_digest = digest_of(0xa0)};
}

static int setup_arena(void **state)
{
    *state = arena_open(1 << 20);
    return 0;
}

static int teardown_arena(void **state)
{
    arena_close((struct arena **)state);
    return 0;
}

static struct bytes packed_of(const struct event_view *view, uint8_t *buffer)
{
    size_t size = event_pack(view, buffer);
    assert_int_equal(size, event_packed_size(view));
    return bytes_of(buffer, size);
}

static void test_packed_bytes_are_what_protobuf_writes(void **state)
{
    (void)state;
    uint8_t ours[512], theirs[512];
    struct event_view view = sample();
    struct bytes packed = packed_of(&view, ours);
    Eventlog__Event *event = eventlog__event__unpack(NULL, packed.size, packed.data);
    assert_non_null(event);
    assert_string_equal(event->type, "ledger.transfer.created");
    assert_int_equal(event->seq, 300);
    assert_int_equal(event->n_visible_to, 2);
    assert_string_equal(event->reason, "INSUFFICIENT_FUNDS");
    assert_true(bytes_equal(bytes_of(event->before_digest.data, event->before_digest.len),
                            view.before_digest));
    assert_true(bytes_equal(bytes_of(event->after_digest.data, event->after_digest.len),
                            view.after_digest));
    size_t size = eventlog__event__pack(event, theirs);
    assert_int_equal(size, packed.size);
    assert_memory_equal(theirs, ours, size);
    eventlog__event__free_unpacked(event, NULL);
}

static void test_decoding_gives_back_what_was_packed(void **state)
{
    uint8_t buffer[512];
    struct event_view view = sample(), again;
    struct bytes packed = packed_of(&view, buffer);
    assert_status_ok(event_decode(packed, *state, &again));
    assert_string_equal(again.source, view.source);
    assert_string_equal(again.actor, view.actor);
    assert_string_equal(again.visible_to[1], "users/b");
    assert_int_equal(again.time_ns, view.time_ns);
    assert_true(bytes_equal(again.payload, view.payload));
    assert_true(bytes_equal(again.before_digest, view.before_digest));
    assert_true(bytes_equal(again.after_digest, view.after_digest));
    assert_true(bytes_equal(again.packed, packed));
    struct event_head head;
    assert_status_ok(event_peek(packed, &head));
    assert_int_equal(head.seq, 300);
    assert_int_equal(head.time_ns, view.time_ns);
    assert_true(bytes_equal(head.type, bytes_of_text(view.type)));
}

static void test_absent_texts_are_empty_not_null(void **state)
{
    uint8_t buffer[64];
    struct event_view view = {.type = "a", .seq = 1}, again;
    assert_status_ok(event_decode(packed_of(&view, buffer), *state, &again));
    assert_string_equal(again.reason, "");
    assert_string_equal(again.source, "");
    assert_int_equal(again.visible_to_count, 0);
}

static void test_malformed_events_are_refused(void **state)
{
    static const struct {
        const char *name;
        const char *bytes;
        size_t size;
    } rows[] = {
        // clang-format off
        {"nothing at all",            "", 0},
        {"no seq",                    "\x1a\x01" "a", 3},
        {"no type",                   "\x10\x01", 2},
        {"an empty type",             "\x10\x01\x1a\x00", 4},
        {"seq as bytes",              "\x12\x01\x01\x1a\x01" "a", 6},
        {"type as a number",          "\x10\x01\x18\x01", 4},
        {"a cut varint",              "\x1a\x01" "a\x10\x80", 5},
        {"a varint of 70 bits",       "\x1a\x01" "a\x10"
                                     "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 14},
        {"bytes beyond the end",      "\x10\x01\x1a\x05" "a", 5},
        {"a cut fixed64",             "\x10\x01\x1a\x01" "a\x21\x01\x02", 8},
        {"field number 0",            "\x10\x01\x1a\x01" "a\x00\x01", 7},
        {"a group",                   "\x10\x01\x1a\x01" "a\x7b\x7c", 7},
        {"a text with a NUL",         "\x10\x01\x1a\x03" "a\0b", 7},
        {"a text that is not UTF-8",  "\x10\x01\x1a\x01" "a\x2a\x01\xff", 8},
        {"a digest of three bytes",   "\x10\x01\x1a\x01" "a\x7a\x03" "abc", 10},
        {"a digest of 33 bytes",      "\x10\x01\x1a\x01" "a\x82\x01\x21"
                                     "123456789012345678901234567890123", 41},
        {"a digest as a number",      "\x10\x01\x1a\x01" "a\x78\x01", 7},
        // clang-format on
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct event_view view;
        struct status status = event_decode(bytes_of(rows[i].bytes, rows[i].size), *state, &view);
        if (status_ok(status)) fail_msg("accepted: %s", rows[i].name);
        assert_string_equal(status.reason, "EVENT_MALFORMED");
    }
}

static void test_unknown_fields_are_skipped(void **state)
{
    // Fields 100 (varint), 101 (bytes) and 102 (fixed32), as a newer source might send them.
    static const char bytes[] = "\x10\x07\x1a\x01"
                                "a\xa0\x06\x05\xaa\x06\x02xy\xb5\x06\x01\x02\x03\x04";
    struct event_view view;
    assert_status_ok(event_decode(bytes_of(bytes, sizeof bytes - 1), *state, &view));
    assert_int_equal(view.seq, 7);
}

// A PUB message of `count` events from `seq` on, as the publisher puts it together.
static struct bytes make_message(const char *topic, uint64_t seq, size_t count, uint8_t *buffer)
{
    size_t size = strlen(topic) + 1;
    memcpy(buffer, topic, size);
    size += event_batch_head_pack("ledger", 999, 0x77, buffer + size);
    for (size_t i = 0; i < count; i++) {
        struct event_view view = sample();
        view.seq = seq + i;
        size += event_tag_pack(event_packed_size(&view), buffer + size);
        size += event_pack(&view, buffer + size);
    }
    return bytes_of(buffer, size);
}

static void test_a_message_is_topic_zero_and_an_event_batch(void **state)
{
    (void)state;
    uint8_t buffer[2048];
    struct bytes message = make_message("ledger.transfer.created", 5, 3, buffer), topic, packed;
    struct event_batch batch;
    assert_status_ok(event_message_parse(message, &topic, &batch));
    assert_true(bytes_equal(topic, bytes_of_text("ledger.transfer.created")));
    assert_true(bytes_equal(batch.source, bytes_of_text("ledger")));
    assert_int_equal(batch.head_seq, 999);
    assert_int_equal(batch.log_id, 0x77);
    assert_int_equal(batch.event_count, 3);
    size_t offset = 0, count = 0;
    for (; event_batch_next(&batch, &offset, &packed); count++) {
        struct event_head head;
        assert_status_ok(event_peek(packed, &head));
        assert_int_equal(head.seq, 5 + count);
    }
    assert_int_equal(count, 3);
    Eventlog__EventBatch *theirs =
        eventlog__event_batch__unpack(NULL, batch.packed.size, batch.packed.data);
    assert_non_null(theirs);
    assert_int_equal(theirs->n_events, 3);
    assert_int_equal(theirs->events[2]->seq, 7);
    assert_int_equal(theirs->head_seq, 999);
    eventlog__event_batch__free_unpacked(theirs, NULL);
}

static void test_ancestors_are_read_as_protobuf_c_writes_them(void **state)
{
    (void)state;
    Eventlog__LogAncestor items[STORE_FORMER_IDS_MAX + 1], *pointers[STORE_FORMER_IDS_MAX + 1];
    Eventlog__EventBatch theirs = EVENTLOG__EVENT_BATCH__INIT;
    for (size_t i = 0; i < STORE_FORMER_IDS_MAX + 1; i++) {
        eventlog__log_ancestor__init(&items[i]);
        items[i].log_id = 100 + i;
        items[i].head_seq = 1000 * i;
        pointers[i] = &items[i];
    }
    theirs.source = (char *)"ledger";
    theirs.log_id = 0x77;
    theirs.ancestors = pointers;
    theirs.n_ancestors = STORE_FORMER_IDS_MAX + 1;
    uint8_t buffer[2048];
    size_t size = eventlog__event_batch__get_packed_size(&theirs);
    assert_true(size <= sizeof buffer);
    eventlog__event_batch__pack(&theirs, buffer);
    struct event_batch batch;
    assert_status_ok(event_batch_parse(bytes_of(buffer, size), &batch));
    assert_int_equal(batch.ancestor_count, STORE_FORMER_IDS_MAX); // The last one is passed over.
    for (size_t i = 0; i < STORE_FORMER_IDS_MAX; i++) {
        assert_int_equal(batch.ancestors[i].log_id, 100 + i);
        assert_int_equal(batch.ancestors[i].head_seq, 1000 * i);
    }
    static const uint8_t cut[] = {0x2a, 0x02, 0x09, 0x00}; // A fixed64 of one byte.
    assert_refused(event_batch_parse(bytes_of(cut, sizeof cut), &batch), "EVENT_MALFORMED");
}

static void test_messages_without_a_topic_or_its_end_are_refused(void **state)
{
    (void)state;
    struct bytes topic;
    struct event_batch batch;
    char long_topic[EVENT_TYPE_BYTES_MAX + 2];
    memset(long_topic, 'a', sizeof long_topic - 1);
    long_topic[sizeof long_topic - 1] = 0;
    assert_refused(event_message_parse(bytes_of("", 0), &topic, &batch), "EVENT_MALFORMED");
    assert_refused(event_message_parse(bytes_of("\0", 1), &topic, &batch), "EVENT_MALFORMED");
    assert_refused(event_message_parse(bytes_of("abc", 3), &topic, &batch), "EVENT_MALFORMED");
    assert_refused(event_message_parse(bytes_of("\xff\0", 2), &topic, &batch), "EVENT_MALFORMED");
    assert_refused(event_message_parse(bytes_of(long_topic, sizeof long_topic), &topic, &batch),
                   "EVENT_MALFORMED");
    assert_status_ok(event_message_parse(bytes_of("abc", 4), &topic, &batch));
    assert_int_equal(batch.event_count, 0);
}

#define ARENA_TEST(test_) cmocka_unit_test_setup_teardown(test_, setup_arena, teardown_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ARENA_TEST(test_packed_bytes_are_what_protobuf_writes),
        ARENA_TEST(test_decoding_gives_back_what_was_packed),
        ARENA_TEST(test_absent_texts_are_empty_not_null),
        ARENA_TEST(test_malformed_events_are_refused),
        ARENA_TEST(test_unknown_fields_are_skipped),
        ARENA_TEST(test_a_message_is_topic_zero_and_an_event_batch),
        ARENA_TEST(test_ancestors_are_read_as_protobuf_c_writes_them),
        ARENA_TEST(test_messages_without_a_topic_or_its_end_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
