// The bytes that common/event/README.md shows are what the code writes and reads: whoever builds a
// follower from that page alone builds the right one.
#include "common/rpc/envelope.h"
#include "florin/event/v1/event.pb-c.h"
#include "tests/unit/event/fixture.h"

#include <stdio.h>
#include <stdlib.h>

enum { DUMP_BYTES_MAX = 512, IPC_HEAD_BYTES = 9, REQUEST_ID_BYTES = 4 };

#define LOG_ID UINT64_C(0x5afdbe0b1d4eb498)
#define TIME_NS UINT64_C(0x18ea08c63b52760b)

// "0000  01 00 …  ........": the bytes between two double blanks.
static size_t take_line(const char *line, uint8_t *ret)
{
    size_t count = 0;
    const char *at = strstr(line, "  ");
    assert_non_null(at);
    for (at += 2; at[0] != ' ' && at[0] != '\0'; at += at[2] == ' ' ? 3 : 2) {
        char *end;
        ret[count++] = (uint8_t)strtoul((char[]){at[0], at[1], 0}, &end, 16);
    }
    return count;
}

/// The dump under "```hex <name>", without the framing, which is checked.
static struct bytes dump(const char *name, uint8_t bytes[static DUMP_BYTES_MAX])
{
    char path[512], line[256], mark[64];
    snprintf(path, sizeof path, "%s/common/event/README.md", getenv("FLORIN_SOURCE_DIR"));
    snprintf(mark, sizeof mark, "```hex %s\n", name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    bool is_inside = false;
    size_t size = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        if (is_inside && strncmp(line, "```", 3) == 0) break;
        if (is_inside) size += take_line(line, bytes + size);
        if (strcmp(line, mark) == 0) is_inside = true;
    }
    fclose(file);
    assert_true(size > IPC_HEAD_BYTES);
    assert_int_equal(bytes[0], 1);
    assert_int_equal(get_u64_be(bytes + 1), size - IPC_HEAD_BYTES);
    return bytes_of(bytes + IPC_HEAD_BYTES, size - IPC_HEAD_BYTES);
}

static size_t put_message(const char *topic, const struct event_view *event, uint8_t *ret)
{
    size_t size = strlen(topic) + 1;
    memcpy(ret, topic, size);
    size += event_batch_head_pack("ledger", 7, LOG_ID, ret + size);
    if (event == NULL) return size;
    size += event_tag_pack(event_packed_size(event), ret + size);
    return size + event_pack(event, ret + size);
}

static void test_messages_of_the_event_socket(void **state)
{
    (void)state;
    uint8_t shown[DUMP_BYTES_MAX], written[DUMP_BYTES_MAX];
    const struct event_view event = {.source = "ledger",
                                     .type = "ledger.started",
                                     .subject = "services/ledger",
                                     .actor = "services/ledger",
                                     .outcome = "success",
                                     .seq = 7,
                                     .time_ns = TIME_NS};
    struct bytes pub = dump("pub", shown);
    assert_true(bytes_equal(pub, bytes_of(written, put_message(event.type, &event, written))));
    struct bytes heartbeat = dump("heartbeat", shown);
    size_t size = put_message(EVENT_TOPIC_HEARTBEAT, NULL, written);
    assert_true(bytes_equal(heartbeat, bytes_of(written, size)));
}

static void test_a_read(void **state)
{
    (void)state;
    uint8_t shown[DUMP_BYTES_MAX];
    struct bytes message = dump("read", shown), packed;
    struct envelope_items items;
    struct envelope_request request;
    size_t count;
    assert_int_equal(message.data[0] & 0x80, 0x80);
    message = bytes_of(message.data + REQUEST_ID_BYTES, message.size - REQUEST_ID_BYTES);
    assert_status_ok(envelope_open(message, &items, &count));
    assert_true(count == 1 && envelope_next(&items, &packed));
    assert_status_ok(envelope_read_request(packed, &request));
    assert_true(request.call_id == 1 && request.attempt == 1 && request.timeout_ms == 5000);
    assert_true(bytes_equal(request.method, bytes_of_text("florin.event.v1.EventLog/Read")));
    assert_true(bytes_equal(request.access_token, bytes_of_text("eyJ...")));
    Eventlog__ReadRequest *read =
        eventlog__read_request__unpack(NULL, request.payload.size, request.payload.data);
    assert_non_null(read);
    assert_true(read->after_seq == 7 && read->limit == 1000);
    eventlog__read_request__free_unpacked(read, NULL);
}

static void test_an_answer(void **state)
{
    (void)state;
    uint8_t shown[DUMP_BYTES_MAX];
    struct bytes message = dump("answer", shown), packed;
    struct envelope_items items;
    struct envelope_answer answer;
    struct event_batch batch;
    size_t count;
    message = bytes_of(message.data + REQUEST_ID_BYTES, message.size - REQUEST_ID_BYTES);
    assert_status_ok(envelope_open(message, &items, &count));
    assert_true(count == 1 && envelope_next(&items, &packed));
    assert_status_ok(envelope_read_reply(packed, &answer));
    assert_true(answer.call_id == 1 && answer.code == 0);
    assert_status_ok(event_batch_parse(answer.payload, &batch));
    assert_true(bytes_equal(batch.source, bytes_of_text("ledger")));
    assert_true(batch.head_seq == 7 && batch.log_id == LOG_ID && batch.event_count == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_of_the_event_socket),
        cmocka_unit_test(test_a_read),
        cmocka_unit_test(test_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
