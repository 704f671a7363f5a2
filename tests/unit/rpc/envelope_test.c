#include "common/base/check.h"
#include "common/base/text.h"
#include "common/rpc/envelope.h"
#include "common/rpc/limits.h"
#include "florin/rpc/v1/rpc.pb-c.h"
#include "tests/unit/rpc/fixture.h"

#include <stdlib.h>

#define TEXT(text_) bytes_of((text_), sizeof(text_) - 1)

static const struct envelope_request full_request = {
    .call_id = 0x1122334455667788,
    .method = {(const uint8_t *)"a.B/C", 5},
    .timeout_ms = 5000,
    .attempt = 2,
    .idempotency_key = {(const uint8_t *)"key", 3},
    .access_token = {(const uint8_t *)"tok", 3},
    .traceparent = {(const uint8_t *)"00-1", 4},
    .request_id = {(const uint8_t *)"req", 3},
    .client_ip = {(const uint8_t *)"::1", 3},
    .device_id = {(const uint8_t *)"dev", 3},
    .payload = {(const uint8_t *)"\x08\x01", 2},
};

// Bytes on the wire: a change here is a change of the protocol.
static const char full_request_hex[] = "0a39"                 // requests[0], 57 bytes
                                       "0888ef99abc5e88c9111" // 1 call_id
                                       "1205612e422f43"       // 2 method
                                       "188827"               // 3 timeout_ms
                                       "2002"                 // 4 attempt
                                       "2a036b6579"           // 5 idempotency_key
                                       "3203746f6b"           // 6 access_token
                                       "3a0430302d31"         // 7 traceparent
                                       "4203726571"           // 8 request_id
                                       "4a033a3a31"           // 9 client_ip
                                       "5203646576"           // 10 device_id
                                       "5a020801";            // 11 payload

static const char full_reply_hex[] = "0a2d"     // replies[0], 45 bytes
                                     "0807"     // 1 call_id
                                     "1222"     // 2 status, 34 bytes
                                     "0803"     //   1 code INVALID_ARGUMENT
                                     "12025252" //   2 reason
                                     "1a026d6d" //   3 message
                                     "220a0a01661205"
                                     "52414e4745" //   4 violation: f, RANGE
                                     "2a0a0a036c696d"
                                     "12033130"
                                     "30"      //   5 detail: lim, 100
                                     "2001"    // 4 replayed
                                     "2801"    // 5 not_created
                                     "30f403"; // 6 retry_after_ms 500

static struct rpc_violations one_violation = {.items = {{"f", "RANGE"}}, .count = 1};
static const struct rpc_detail one_detail = {"lim", "100"};
static const struct envelope_reply full_reply = {
    .call_id = 7,
    .status = {STATUS_INVALID_ARGUMENT, "RR", "mm"},
    .violations = &one_violation,
    .details = &one_detail,
    .detail_count = 1,
    .replayed = true,
    .not_created = true,
    .retry_after_ms = 500,
};

static size_t unhex(const char *hex, uint8_t *ret)
{
    size_t size = strlen(hex) / 2;
    assert_true(hex_decode(hex, strlen(hex), ret, size));
    return size;
}

static void test_request_has_its_golden_bytes(void **state)
{
    (void)state;
    uint8_t golden[128], written[128];
    size_t size = unhex(full_request_hex, golden);
    assert_int_equal(envelope_request_size(&full_request), size);
    assert_ptr_equal(envelope_write_request(&full_request, written), written + size);
    assert_memory_equal(written, golden, size);
}

static void test_reply_has_its_golden_bytes(void **state)
{
    (void)state;
    uint8_t golden[128], written[128];
    size_t size = unhex(full_reply_hex, golden);
    assert_int_equal(envelope_reply_size(&full_reply), size);
    assert_ptr_equal(envelope_write_reply(&full_reply, written), written + size);
    assert_memory_equal(written, golden, size);
}

static void test_protobuf_reads_the_request_that_we_write(void **state)
{
    (void)state;
    uint8_t written[128];
    size_t size = (size_t)(envelope_write_request(&full_request, written) - written);
    Envelope__RequestBatch *batch = envelope__request_batch__unpack(NULL, size, written);
    assert_non_null(batch);
    assert_int_equal(batch->n_requests, 1);
    const Envelope__Request *request = batch->requests[0];
    assert_int_equal(request->call_id, full_request.call_id);
    assert_string_equal(request->method, "a.B/C");
    assert_int_equal(request->timeout_ms, 5000);
    assert_int_equal(request->attempt, 2);
    assert_string_equal(request->idempotency_key, "key");
    assert_string_equal(request->access_token, "tok");
    assert_string_equal(request->traceparent, "00-1");
    assert_string_equal(request->request_id, "req");
    assert_string_equal(request->client_ip, "::1");
    assert_string_equal(request->device_id, "dev");
    assert_int_equal(request->payload.len, 2);

    uint8_t repacked[128]; // And writes the same bytes: ours are protobuf's canonical ones.
    assert_int_equal(envelope__request_batch__pack(batch, repacked), size);
    assert_memory_equal(repacked, written, size);
    envelope__request_batch__free_unpacked(batch, NULL);
}

static void test_protobuf_reads_the_reply_that_we_write(void **state)
{
    (void)state;
    uint8_t written[128], repacked[128];
    size_t size = (size_t)(envelope_write_reply(&full_reply, written) - written);
    Envelope__ReplyBatch *batch = envelope__reply_batch__unpack(NULL, size, written);
    assert_non_null(batch);
    const Envelope__Reply *reply = batch->replies[0];
    assert_int_equal(reply->status->code, STATUS_INVALID_ARGUMENT);
    assert_string_equal(reply->status->violations[0]->field, "f");
    assert_string_equal(reply->status->details[0]->value, "100");
    assert_int_equal(envelope__reply_batch__pack(batch, repacked), size);
    assert_memory_equal(repacked, written, size);
    envelope__reply_batch__free_unpacked(batch, NULL);
}

static void test_we_read_what_we_write(void **state)
{
    (void)state;
    uint8_t written[256];
    uint8_t *end = envelope_write_reply(&full_reply, written);
    end = envelope_write_reply(&(struct envelope_reply){.call_id = 8, .payload = TEXT("pay")}, end);
    struct envelope_items items;
    struct envelope_answer answer;
    struct bytes item;
    size_t count;
    assert_int_equal(envelope_open(bytes_of(written, (size_t)(end - written)), &items, &count).code,
                     STATUS_OK);
    assert_int_equal(count, 2);
    assert_true(envelope_next(&items, &item));
    assert_int_equal(envelope_read_reply(item, &answer).code, STATUS_OK);
    assert_int_equal(answer.call_id, 7);
    assert_int_equal(answer.code, STATUS_INVALID_ARGUMENT);
    assert_true(bytes_equal(answer.reason, TEXT("RR")));
    assert_true(bytes_equal(answer.message, TEXT("mm")));
    assert_int_equal(answer.violation_count, 1);
    assert_true(bytes_equal(answer.violations[0].second, TEXT("RANGE")));
    assert_int_equal(answer.detail_count, 1);
    assert_true(bytes_equal(answer.details[0].first, TEXT("lim")));
    assert_true(answer.replayed && answer.not_created);
    assert_int_equal(answer.retry_after_ms, 500);
    assert_true(envelope_next(&items, &item));
    assert_int_equal(envelope_read_reply(item, &answer).code, STATUS_OK);
    assert_int_equal(answer.code, STATUS_OK);
    assert_int_equal(answer.violation_count, 0);
    assert_true(bytes_equal(answer.payload, TEXT("pay")));
    assert_false(envelope_next(&items, &item));
}

static void test_frames_that_are_no_batch_are_refused(void **state)
{
    (void)state;

    static const struct {
        const char *name, *hex;
        int count; // -1: refused.
    } rows[] = {
        {"nothing at all", "", 0},
        {"one empty call", "0a00", 1},
        {"two empty calls", "0a000a00", 2},
        {"a call that is cut off", "0a05", -1},
        {"a length that is cut off", "0a", -1},
        {"a length beyond 64 bits", "0affffffffffffffffff7f", -1},
        {"a length of eleven bytes", "0affffffffffffffffffff01", -1},
        {"a length that wraps around", "0affffffffffffffffff01", -1},
        {"field number 0", "0200", -1},
        {"another field", "1200", -1},
        {"a number in field 1", "0801", -1},
        {"a group", "0b0c", -1},
        {"garbage behind a call", "0a00ff", -1},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[64];
        size_t size = unhex(rows[i].hex, bytes), count = 0;
        struct envelope_items items;
        struct status status = envelope_open(bytes_of(bytes, size), &items, &count);
        if ((status_ok(status) ? (int)count : -1) != rows[i].count) fail_msg("%s", rows[i].name);
    }
}

static void test_requests_that_are_malformed_are_refused(void **state)
{
    (void)state;

    static const struct {
        const char *name, *hex;
        bool good;
    } rows[] = {
        {"empty", "", true},
        {"a field of a newer client", "f80101", true},
        {"a fixed64 of a newer client", "f1010102030405060708", true},
        {"call_id twice: the last counts", "08010802", true},
        {"call_id as bytes", "0a00", false},
        {"method as a number", "1001", false},
        {"payload cut off", "5a05aabb", false},
        {"a fixed32 cut off", "fd01aabb", false},
        {"a tag cut off", "80", false},
        {"field number above 2^29", "80808080100a", false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t bytes[64];
        struct envelope_request request;
        size_t size = unhex(rows[i].hex, bytes);
        if (status_ok(envelope_read_request(bytes_of(bytes, size), &request)) != rows[i].good) {
            fail_msg("%s", rows[i].name);
        }
    }
}

static void test_a_batch_has_at_most_256_calls(void **state)
{
    (void)state;
    uint8_t bytes[2 * (RPC_BATCH_CALLS_MAX + 1)];
    for (size_t i = 0; i < sizeof bytes; i += 2) {
        bytes[i] = 0x0a, bytes[i + 1] = 0;
    }
    struct envelope_items items;
    size_t count;
    assert_int_equal(envelope_open(bytes_of(bytes, 2 * RPC_BATCH_CALLS_MAX), &items, &count).code,
                     STATUS_OK);
    assert_int_equal(count, RPC_BATCH_CALLS_MAX);
    assert_string_equal(envelope_open(bytes_of(bytes, sizeof bytes), &items, &count).reason,
                        "BATCH_MALFORMED");
}

static void test_a_batch_has_at_most_8_mib(void **state)
{
    (void)state;
    uint8_t *bytes = calloc(1, RPC_MESSAGE_BYTES_MAX + 1);
    assert_non_null(bytes);
    struct envelope_request request = {.payload = {bytes, RPC_MESSAGE_BYTES_MAX - 10}};
    uint8_t *written = malloc(envelope_request_size(&request));
    assert_non_null(written);
    envelope_write_request(&request, written);
    struct envelope_items items;
    size_t count;
    assert_int_equal(envelope_request_size(&request), RPC_MESSAGE_BYTES_MAX);
    assert_int_equal(envelope_open(bytes_of(written, RPC_MESSAGE_BYTES_MAX), &items, &count).code,
                     STATUS_OK);
    assert_string_equal(
        envelope_open(bytes_of(bytes, RPC_MESSAGE_BYTES_MAX + 1), &items, &count).reason,
        "BATCH_MALFORMED");
    free(written);
    free(bytes);
}

static void test_every_cut_of_good_bytes_is_read_or_refused_within_them(void **state)
{
    (void)state;
    uint8_t golden[128];
    size_t size = unhex(full_reply_hex, golden);
    for (size_t cut = 0; cut <= size - 2; cut++) {
        uint8_t *exact = malloc(cut + 1); // The sanitizer sees a read beyond the cut.
        assert_non_null(exact);
        memcpy(exact, golden + 2, cut);
        struct envelope_answer answer;
        struct envelope_request request;
        (void)!status_ok(envelope_read_reply(bytes_of(exact, cut), &answer));
        (void)!status_ok(envelope_read_request(bytes_of(exact, cut), &request));
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request_has_its_golden_bytes),
        cmocka_unit_test(test_reply_has_its_golden_bytes),
        cmocka_unit_test(test_protobuf_reads_the_request_that_we_write),
        cmocka_unit_test(test_protobuf_reads_the_reply_that_we_write),
        cmocka_unit_test(test_we_read_what_we_write),
        cmocka_unit_test(test_frames_that_are_no_batch_are_refused),
        cmocka_unit_test(test_requests_that_are_malformed_are_refused),
        cmocka_unit_test(test_a_batch_has_at_most_256_calls),
        cmocka_unit_test(test_a_batch_has_at_most_8_mib),
        cmocka_unit_test(test_every_cut_of_good_bytes_is_read_or_refused_within_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
