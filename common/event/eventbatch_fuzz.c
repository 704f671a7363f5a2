// A PUB message of any bytes: what the parser takes, protobuf-c takes too and understands alike.
#include "common/base/check.h"
#include "common/event/collector.h"
#include "florin/event/v1/event.pb-c.h"

static void compare(const struct event_view *ours, struct bytes packed)
{
    Eventlog__Event *theirs = eventlog__event__unpack(NULL, packed.size, packed.data);
    CHECK(theirs != NULL);
    CHECK(theirs->seq == ours->seq);
    CHECK(theirs->time_ns == ours->time_ns);
    CHECK(strcmp(theirs->type, ours->type) == 0);
    CHECK(strcmp(theirs->actor, ours->actor) == 0);
    CHECK(strcmp(theirs->reason, ours->reason) == 0);
    CHECK(theirs->n_visible_to == ours->visible_to_count);
    CHECK(bytes_equal(bytes_of(theirs->payload.data, theirs->payload.len), ours->payload));
    CHECK(bytes_equal(bytes_of(theirs->before_digest.data, theirs->before_digest.len),
                      ours->before_digest));
    CHECK(bytes_equal(bytes_of(theirs->after_digest.data, theirs->after_digest.len),
                      ours->after_digest));
    eventlog__event__free_unpacked(theirs, NULL);
}

// Packing what was decoded and decoding that again changes nothing.
static void repeat(const struct event_view *view)
{
    size_t size = event_packed_size(view);
    struct arena *arena = arena_open(64 << 20);
    uint8_t *packed = arena_alloc(arena, size);
    CHECK(packed != NULL && event_pack(view, packed) == size);
    struct event_view again;
    CHECK(event_decode(bytes_of(packed, size), arena, &again).code == STATUS_OK);
    CHECK(again.seq == view->seq && strcmp(again.type, view->type) == 0);
    CHECK(event_packed_size(&again) == size);
    arena_close(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes topic, packed;
    struct event_batch batch;
    if (event_message_parse(bytes_of(data, size), &topic, &batch).code != STATUS_OK) return 0;
    struct event_collector collector;
    event_collector_open(&collector, NULL, 0, 1);
    (void)event_collector_add(&collector, &batch);
    event_collector_reset(&collector, 1);
    for (size_t offset = 0; event_batch_next(&batch, &offset, &packed);) {
        struct event_view view;
        if (event_decode(packed, collector.arena, &view).code != STATUS_OK) continue;
        compare(&view, packed);
        repeat(&view);
    }
    event_collector_close(&collector);
    return 0;
}
