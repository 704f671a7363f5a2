// The pure parts of event streams: texts, filters, the ring, and the way of one stream through ring
// and reads of its own, in every order that chance makes.
#include "common/base/clock.h"
#include "florin/audit/v1/audit.pb-c.h"
#include "gateway/stream_cursor.h"
#include "tests/unit/gateway/harness.h"

#include <inttypes.h>

#define ASHA "users/01890000-0000-7000-8000-00000000000a"
#define BOB "users/01890000-0000-7000-8000-00000000000b"
#define TEXT(text_) ((char *)(uintptr_t)(text_))

enum { ARENA_BYTES = 64 << 20, LOG_EVENTS = 200, STREAMS = 6, RING_ENTRIES = 16 };

static struct arena *arena;

static struct id128 id_of(const char *name)
{
    struct id128 id;
    assert_true(status_ok(id128_parse(name + strlen("users/"), 36, &id)));
    return id;
}

// ---- A log ---------------------------------------------------------------------------------

// What stands at an index: types and people go round, each with a period of its own.
static const char *type_at(uint64_t index)
{
    static const char *const types[] = {"auth.login.succeeded", "ledger.transfer.created",
                                        "ledger.account.created"};
    return types[index % COUNT_OF(types)];
}

static const char *actor_at(uint64_t index)
{
    static const char *const actors[] = {ASHA, BOB, "services/ledger", "users/nobody", ASHA};
    return actors[index % COUNT_OF(actors)];
}

static char **seen_by(uint64_t index)
{
    static char *names[] = {TEXT(BOB), TEXT(ASHA)};
    return index % 4 == 0 ? &names[index / 4 % 2] : NULL;
}

static Audit__Delivery *delivery_at(uint64_t index)
{
    Audit__Delivery *delivery = arena_alloc(arena, sizeof *delivery);
    Audit__AuditEvent *event = arena_alloc(arena, sizeof *event);
    audit__delivery__init(delivery);
    audit__audit_event__init(event);
    delivery->event = event;
    event->index = index;
    event->action = TEXT(type_at(index));
    event->actor = TEXT(actor_at(index));
    event->resource = TEXT("transfers/7");
    delivery->visible_to = seen_by(index);
    delivery->n_visible_to = delivery->visible_to != NULL;
    return delivery;
}

static bool is_wanted(const struct stream_filter *filter, uint64_t index)
{
    const char *type = type_at(index);
    bool has_type = filter->type_count == 0;
    for (size_t i = 0; i < filter->type_count; i++) {
        size_t size = strlen(filter->types[i]);
        bool is_prefix = filter->types[i][size - 1] == '*';
        has_type = has_type || (is_prefix ? strncmp(type, filter->types[i], size - 1) == 0
                                          : strcmp(type, filter->types[i]) == 0);
    }
    if (!has_type || !filter->is_own) return has_type;
    char name[64];
    memcpy(name, "users/", 7);
    id128_format(filter->viewer, name + 6);
    return strcmp(actor_at(index), name) == 0 ||
           (seen_by(index) != NULL && strcmp(*seen_by(index), name) == 0);
}

/// read_log is what ReadLog answers: at most `limit` entries are looked at; filter NULL: all.
static struct stream_chunk *read_log(uint64_t from, uint64_t size, uint64_t limit,
                                     const struct stream_filter *filter)
{
    Audit__ReadLogResponse answer = AUDIT__READ_LOG_RESPONSE__INIT;
    struct stream_chunk *chunk = NULL;
    answer.next_index = size - from < limit ? size : from + limit;
    answer.size = size;
    answer.deliveries = arena_alloc(arena, (size_t)limit * sizeof *answer.deliveries);
    for (uint64_t i = from; i < answer.next_index; i++)
        if (filter == NULL || is_wanted(filter, i))
            answer.deliveries[answer.n_deliveries++] = delivery_at(i);
    assert_true(status_ok(stream_chunk_make(&answer, from, arena, &chunk)));
    return chunk;
}

// ---- Texts ---------------------------------------------------------------------------------

static void expect_bytes(const char *given, struct bytes actual, const char *expected)
{
    char text[4096];
    assert_true(actual.size < sizeof text);
    if (actual.size > 0) memcpy(text, actual.data, actual.size);
    text[actual.size] = '\0';
    expect_text(given, text, expected);
}

static void test_an_event_is_one_block_of_text(void **state)
{
    (void)state;
    Audit__AuditEvent event = AUDIT__AUDIT_EVENT__INIT;
    char *visible_to[] = {TEXT(BOB), TEXT("users/no-uuid")};
    Audit__Delivery delivery = AUDIT__DELIVERY__INIT;
    Audit__Delivery *deliveries[] = {&delivery};
    Audit__ReadLogResponse answer = AUDIT__READ_LOG_RESPONSE__INIT;
    event.index = 7;
    event.action = TEXT("ledger.transfer\n.created");
    event.actor = TEXT(ASHA);
    event.resource = TEXT("transfers/9");
    event.client_ip = TEXT("192.0.2.7");
    event.data = TEXT("{\"note\":\r\n\"a\\nb\"}"); // Breaks between tokens, and none within.
    delivery.event = &event;
    delivery.n_visible_to = COUNT_OF(visible_to);
    delivery.visible_to = visible_to;
    answer.n_deliveries = 1;
    answer.deliveries = deliveries;
    answer.next_index = 9;
    struct stream_chunk *chunk;
    assert_true(status_ok(stream_chunk_make(&answer, 5, arena, &chunk)));
    assert_int_equal(chunk->begin, 5);
    assert_int_equal(chunk->end, 9);

    const struct stream_event *made = &chunk->events[0];
    assert_int_equal(made->user_count, 2);
    assert_true(id128_equal(made->actor, id_of(ASHA)));
#define HEAD "id: 7\nevent: ledger.transfer .created\ndata: "
#define BEGIN                                                                                      \
    "{\"index\":\"7\",\"source\":\"\",\"seq\":\"0\",\"action\":\"ledger.transfer\\n.created\","
#define MIDDLE "\"resource\":\"transfers/9\",\"outcome\":\"\",\"reason\":\"\",\"time\":null,"
#define DIGESTS ",\"before_digest\":\"\",\"after_digest\":\"\"}\n\n"
    expect_bytes("full", made->text[STREAM_VIEW_FULL],
                 HEAD BEGIN "\"actor\":\"" ASHA "\"," MIDDLE
                            "\"request_id\":\"\",\"traceparent\":\"\",\"client_ip\":\"192.0.2.7\","
                            "\"device_id\":\"\",\"leaf_hash\":\"\",\"entry\":\"\","
                            "\"data\":{\"note\":  \"a\\nb\"}" DIGESTS);
    expect_bytes("own", made->text[STREAM_VIEW_OWN],
                 HEAD BEGIN
                 "\"actor\":\"" ASHA "\"," MIDDLE
                 "\"request_id\":\"\",\"traceparent\":\"\",\"client_ip\":\"192.0.2.7\","
                 "\"device_id\":\"\",\"leaf_hash\":\"\",\"entry\":\"\",\"data\":null" DIGESTS);
    expect_bytes("brief", made->text[STREAM_VIEW_BRIEF],
                 HEAD BEGIN
                 "\"actor\":\"\"," MIDDLE
                 "\"request_id\":\"\",\"traceparent\":\"\",\"client_ip\":\"\","
                 "\"device_id\":\"\",\"leaf_hash\":\"\",\"entry\":\"\",\"data\":null" DIGESTS);
    stream_chunk_release(&chunk);
}

static void test_an_answer_that_makes_no_sense_is_refused(void **state)
{
    (void)state;

    static const struct {
        const char *given;
        uint64_t from, indexes[2], next;
        size_t count;
        bool lacks_event, is_sound;
    } rows[] = {
        {"two entries", 5, {5, 6}, 7, 2, false, true},
        {"some left out", 5, {6, 9}, 20, 2, false, true},
        {"nothing, and further", 5, {0}, 9, 0, false, true},
        {"nothing", 5, {0}, 5, 0, false, true},
        {"before the place asked for", 5, {4, 6}, 7, 2, false, false},
        {"the same twice", 5, {6, 6}, 7, 2, false, false},
        {"out of order", 5, {6, 5}, 7, 2, false, false},
        {"beyond where to go on", 5, {5, 7}, 7, 2, false, false},
        {"back", 5, {0}, 4, 0, false, false},
        {"no event", 5, {5, 6}, 7, 2, true, false},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        Audit__ReadLogResponse answer = AUDIT__READ_LOG_RESPONSE__INIT;
        Audit__Delivery *deliveries[2];
        struct stream_chunk *chunk = NULL;
        for (size_t j = 0; j < rows[i].count; j++)
            deliveries[j] = delivery_at(rows[i].indexes[j]);
        if (rows[i].lacks_event) deliveries[1]->event = NULL;
        answer.n_deliveries = rows[i].count;
        answer.deliveries = deliveries;
        answer.next_index = rows[i].next;
        struct status status = stream_chunk_make(&answer, rows[i].from, arena, &chunk);
        expect_text(rows[i].given, status.reason, rows[i].is_sound ? NULL : "REPLY_MALFORMED");
        stream_chunk_release(&chunk);
    }
}

// ---- Filters -------------------------------------------------------------------------------

static void test_types_are_patterns_between_commas(void **state)
{
    (void)state;

    static const struct {
        const char *text, *reason, *first;
        size_t count;
    } rows[] = {
        {"", NULL, NULL, 0},
        {"ledger.transfer.created", NULL, "ledger.transfer.created", 1},
        {" ledger.* , auth.login.failed", NULL, "ledger.*", 2},
        {"*", NULL, "*", 1},
        {"ledger.*,", "TYPE_PATTERN_INVALID", NULL, 0},
        {",", "TYPE_PATTERN_INVALID", NULL, 0},
        {"ledger.*.created", "TYPE_PATTERN_INVALID", NULL, 0},
        {"Ledger", "TYPE_PATTERN_INVALID", NULL, 0},
        {"a b", "TYPE_PATTERN_INVALID", NULL, 0},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct stream_filter filter = {0};
        struct status status = stream_filter_read_types(rows[i].text, arena, &filter);
        expect_text(rows[i].text, status.reason, rows[i].reason);
        if (!status_ok(status)) continue;
        assert_int_equal(filter.type_count, rows[i].count);
        if (rows[i].count > 0) expect_text(rows[i].text, filter.types[0], rows[i].first);
    }
    char many[65 * 2]; // a,a, ... a
    for (size_t i = 0; i < sizeof many; i++)
        many[i] = i % 2 == 0 ? 'a' : ',';
    many[sizeof many - 1] = '\0';
    struct stream_filter filter;
    expect_text("65 types", stream_filter_read_types(many, arena, &filter).reason,
                "TYPE_PATTERN_INVALID");
    many[2 * 64 - 1] = '\0'; // One less.
    assert_true(status_ok(stream_filter_read_types(many, arena, &filter)));
    assert_int_equal(filter.type_count, 64);
}

static void test_an_index_is_digits(void **state)
{
    (void)state;

    static const struct {
        const char *text, *reason;
        uint64_t index;
    } rows[] = {
        {"0", NULL, 0},
        {"007", NULL, 7},
        {"18446744073709551614", NULL, UINT64_MAX - 1},
        {"18446744073709551615", "LAST_EVENT_ID_INVALID", 0}, // Nothing is behind it.
        {"18446744073709551616", "LAST_EVENT_ID_INVALID", 0},
        {"", "LAST_EVENT_ID_INVALID", 0},
        {"-1", "LAST_EVENT_ID_INVALID", 0},
        {"1 ", "LAST_EVENT_ID_INVALID", 0},
        {"0x1", "LAST_EVENT_ID_INVALID", 0},
        {"?", "LAST_EVENT_ID_INVALID", 0},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint64_t index = 0;
        expect_text(rows[i].text, stream_read_index(rows[i].text, &index).reason, rows[i].reason);
        assert_int_equal(index, rows[i].index);
    }
}

static void test_who_sees_what_of_an_event(void **state)
{
    (void)state;

    static const struct {
        const char *given;
        const char *viewer;
        bool is_own, is_cut;
        const char *type;
        uint64_t index; // 0: Asha's login, seen by Bob; 2: the ledger's own; 3: nobody's.
        const char *view;
    } rows[] = {
        {"an auditor, all", "", false, false, NULL, 3, "full"},
        {"an auditor, a type", "", false, false, "auth.*", 2, "none"},
        {"an auditor, another type", "", false, false, "ledger.*", 2, "full"},
        {"an auditor, own, who did it", ASHA, true, false, NULL, 0, "full"},
        {"an auditor, own, not concerned", ASHA, true, false, NULL, 3, "none"},
        {"a customer who did it", ASHA, true, true, NULL, 0, "own"},
        {"a customer whom it is shown", BOB, true, true, NULL, 0, "brief"},
        {"a customer, another type", BOB, true, true, "ledger.*", 0, "none"},
        {"a customer, not concerned", BOB, true, true, NULL, 2, "none"},
    };

    struct stream_chunk *chunk = read_log(0, 10, 10, NULL);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct stream_filter filter = {.is_own = rows[i].is_own, .is_cut = rows[i].is_cut};
        if (rows[i].viewer[0] != '\0') filter.viewer = id_of(rows[i].viewer);
        if (rows[i].type != NULL) filter.types[filter.type_count++] = rows[i].type;
        const struct stream_event *event = &chunk->events[rows[i].index];
        const uint8_t *text = stream_filter_view(&filter, event).data;
        static const char *const names[] = {"full", "brief", "own"};
        const char *view = "none";
        for (size_t j = 0; text != NULL && j < COUNT_OF(names); j++)
            if (text == event->text[j].data) view = names[j];
        expect_text(rows[i].given, view, rows[i].view);
    }
    stream_chunk_release(&chunk);
}

// ---- The ring ------------------------------------------------------------------------------

static enum stream_place place_of(struct stream_ring *ring, uint64_t index)
{
    struct stream_chunk *chunk = NULL;
    enum stream_place place = stream_ring_find(ring, index, &chunk);
    if (place == STREAM_WITHIN) assert_true(chunk->begin <= index && index < chunk->end);
    stream_chunk_release(&chunk);
    return place;
}

static void test_the_ring_holds_the_newest(void **state)
{
    (void)state;
    struct stream_ring *ring = stream_ring_open(10, 1 << 20);
    stream_ring_reset(ring, 100);
    assert_int_equal(place_of(ring, 99), STREAM_BEHIND);
    assert_int_equal(place_of(ring, 100), STREAM_AT_END);
    assert_true(stream_ring_knows(ring, 100));
    for (uint64_t i = 100; i < 130; i += 3)
        stream_ring_push(ring, read_log(i, 130, 3, NULL));
    assert_int_equal(stream_ring_end(ring), 130);
    for (uint64_t i = 0; i < 140; i++) { // 121 .. 129: three chunks of three, ten at most.
        enum stream_place expected = i < 121   ? STREAM_BEHIND
                                     : i < 130 ? STREAM_WITHIN
                                               : STREAM_AT_END;
        assert_int_equal(place_of(ring, i), expected);
        assert_int_equal(stream_ring_knows(ring, i), i >= 121 && i <= 130);
    }
    stream_ring_reset(ring, 130);
    assert_int_equal(place_of(ring, 129), STREAM_BEHIND);
    stream_ring_push(ring, read_log(130, 200, 50, NULL)); // Larger than all: it stays alone.
    assert_int_equal(place_of(ring, 130), STREAM_WITHIN);
    assert_int_equal(place_of(ring, 179), STREAM_WITHIN);
    stream_ring_close(&ring);
}

static void test_the_ring_is_bounded_by_bytes_too(void **state)
{
    (void)state;
    struct stream_chunk *one = read_log(0, 4, 2, NULL);
    struct stream_ring *ring = stream_ring_open(1000, 2 * one->bytes + one->bytes / 2);
    stream_chunk_release(&one);
    for (uint64_t i = 0; i < 20; i += 2)
        stream_ring_push(ring, read_log(i, 20, 2, NULL));
    assert_int_equal(place_of(ring, 13), STREAM_BEHIND);
    assert_int_equal(place_of(ring, 19), STREAM_WITHIN);
    stream_ring_close(&ring);
}

static void test_what_is_held_outlives_the_ring(void **state)
{
    (void)state;
    struct stream_ring *ring = stream_ring_open(4, 1 << 20);
    struct stream_chunk *held;
    stream_ring_push(ring, read_log(0, 4, 4, NULL));
    assert_int_equal(stream_ring_find(ring, 2, &held), STREAM_WITHIN);
    stream_ring_close(&ring);
    assert_int_equal(held->events[2].index, 2);
    stream_chunk_release(&held);
}

// ---- The cursor, driven by chance ----------------------------------------------------------

static uint64_t random_state;

static uint64_t chance(uint64_t count)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % count;
}

/// A stream of the driver, and what its client has got.
struct listener {
    struct stream_cursor cursor;
    struct stream_filter filter;
    uint64_t begin, got[LOG_EVENTS];
    size_t got_count, reads;
    bool is_stuck; // The client takes nothing.
};

static void take_text(struct listener *listener, struct bytes text)
{
    const char *at = (const char *)text.data, *end = at + text.size;
    while (at < end) {
        uint64_t index = 0;
        assert_true(strncmp(at, "id: ", 4) == 0);
        for (at += 4; *at != '\n'; at++)
            index = index * 10 + (uint64_t)(*at - '0');
        assert_true(listener->got_count < LOG_EVENTS);
        listener->got[listener->got_count++] = index;
        while (!(at[0] == '\n' && at[1] == '\n'))
            at++;
        at += 2;
    }
    assert_ptr_equal(at, end);
}

static void step(struct listener *listener, struct stream_ring *ring)
{
    struct bytes text;
    struct stream_cursor *cursor = &listener->cursor;
    if (listener->is_stuck) return;
    switch (stream_cursor_step(cursor, ring, &listener->filter, &text)) {
    case STREAM_WAIT:
        return;
    case STREAM_READ:
        listener->reads++;
        return;
    case STREAM_WRITE:
        if (chance(4) == 0) { // Refused: it comes again.
            listener->is_stuck = chance(2) == 0;
            stream_cursor_pause(cursor);
            return;
        }
        size_t before = listener->got_count;
        take_text(listener, text);
        assert_int_equal(stream_cursor_wrote(cursor), listener->got_count - before);
    }
}

static void answer_read(struct listener *listener, uint64_t size)
{
    struct stream_cursor *cursor = &listener->cursor;
    if (!cursor->is_reading) return;
    if (chance(4) == 0) {
        stream_cursor_fail(cursor);
        return;
    }
    stream_cursor_take(cursor, read_log(cursor->next, size, 1 + chance(40), &listener->filter));
}

static void follow(struct stream_ring *ring, uint64_t size)
{
    uint64_t end = stream_ring_end(ring);
    if (end < size) stream_ring_push(ring, read_log(end, size, 1 + chance(12), NULL));
}

static void open_listener(struct listener *listener, uint64_t size)
{
    static const char *const types[] = {"ledger.*", "auth.login.succeeded"};
    memset(listener, 0, sizeof *listener);
    listener->begin = listener->cursor.next = chance(size + 1);
    if (chance(2) == 0) listener->filter.types[listener->filter.type_count++] = types[chance(2)];
    listener->filter.is_own = chance(2) == 0;
    listener->filter.is_cut = listener->filter.is_own && chance(2) == 0;
    listener->filter.viewer = id_of(chance(2) == 0 ? ASHA : BOB);
}

static void expect_all_once_in_order(const struct listener *listener, uint64_t seed)
{
    size_t count = 0;
    for (uint64_t i = listener->begin; i < LOG_EVENTS; i++) {
        if (!is_wanted(&listener->filter, i)) continue;
        if (count >= listener->got_count || listener->got[count] != i)
            fail_msg("seed %" PRIu64 ": no %" PRIu64 " at place %zu", seed, i, count);
        count++;
    }
    assert_int_equal(count, listener->got_count);
}

static size_t drive(uint64_t seed)
{
    random_state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    struct listener *listeners = calloc(STREAMS, sizeof *listeners);
    struct stream_ring *ring = stream_ring_open(RING_ENTRIES, 1 << 20);
    uint64_t size = chance(LOG_EVENTS / 2);
    stream_ring_reset(ring, chance(size + 1));
    for (size_t i = 0; i < STREAMS; i++)
        open_listener(&listeners[i], size);
    for (int turn = 0; turn < 2000; turn++) {
        struct listener *listener = &listeners[chance(STREAMS)];
        switch (chance(5)) {
        case 0:
            if (size < LOG_EVENTS) size += chance(3) == 0;
            break;
        case 1:
            follow(ring, size);
            break;
        case 2:
            answer_read(listener, size);
            break;
        case 3:
            listener->is_stuck = listener->is_stuck && chance(20) != 0;
            break;
        default:
            step(listener, ring);
        }
    }
    // Then all comes to rest.
    size_t reads = 0;
    for (int turn = 0; turn < 2000; turn++) {
        follow(ring, LOG_EVENTS);
        for (size_t i = 0; i < STREAMS; i++) {
            listeners[i].is_stuck = false;
            answer_read(&listeners[i], LOG_EVENTS);
            step(&listeners[i], ring);
        }
    }
    for (size_t i = 0; i < STREAMS; i++) {
        expect_all_once_in_order(&listeners[i], seed);
        reads += listeners[i].reads;
        stream_cursor_reset(&listeners[i].cursor);
    }
    stream_ring_close(&ring);
    free(listeners);
    arena_reset(arena);
    return reads;
}

static void test_every_stream_gets_all_once_and_in_order(void **state)
{
    (void)state;
    size_t reads = 0;
    const char *given = getenv("FLORIN_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : clock_wall_ns() % 1000000;
    int count = given != NULL ? 1 : 40;
    print_message("seeds from %" PRIu64 "\n", seed);
    for (int i = 0; i < count; i++)
        reads += drive(seed + (uint64_t)i);
    assert_true(reads > 0); // Some were behind.
}

static int open_arena(void **state)
{
    (void)state;
    arena = arena_open(ARENA_BYTES);
    return 0;
}

static int close_arena(void **state)
{
    (void)state;
    arena_close(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_event_is_one_block_of_text),
        cmocka_unit_test(test_an_answer_that_makes_no_sense_is_refused),
        cmocka_unit_test(test_types_are_patterns_between_commas),
        cmocka_unit_test(test_an_index_is_digits),
        cmocka_unit_test(test_who_sees_what_of_an_event),
        cmocka_unit_test(test_the_ring_holds_the_newest),
        cmocka_unit_test(test_the_ring_is_bounded_by_bytes_too),
        cmocka_unit_test(test_what_is_held_outlives_the_ring),
        cmocka_unit_test(test_every_stream_gets_all_once_and_in_order),
    };
    return cmocka_run_group_tests_name("stream_core", tests, open_arena, close_arena);
}
