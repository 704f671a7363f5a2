// What the gateway does to one transfer: the JSON request to its wire form, and the wire reply to
// JSON. Beside it how much of that is jansson's parsing, and the daemon's decoding of the wire.
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/json/decode.h"
#include "common/json/encode.h"
#include "common/rpc/pack.h"
#include "common/rpc/validate.h"
#include "florin/ledger/v1/ledger_methods.h"
#include "tests/bench/bench.h"

#include <jansson.h>
#include <stdio.h>

enum { RUNS = 15, CALLS = 20000, ARENA_BYTES_MAX = 1 << 20 };

static const char REQUEST[] =
    "{\"id\":\"0197f3a0-7c1e-7cc3-98c4-dc0c0c07398f\","
    "\"debit_account_id\":\"0197f3a0-0000-7000-8000-000000000001\","
    "\"credit_account_id\":\"0197f3a0-0000-7000-8000-000000000002\","
    "\"amount\":\"2500\",\"currency\":\"INR\",\"code\":7,\"description\":\"rent for November\"}";

static const char REPLY[] =
    "{\"id\":\"0197f3a0-7c1e-7cc3-98c4-dc0c0c07398f\","
    "\"debit_account_id\":\"0197f3a0-0000-7000-8000-000000000001\","
    "\"credit_account_id\":\"0197f3a0-0000-7000-8000-000000000002\","
    "\"amount\":\"2500\",\"currency\":\"INR\",\"code\":7,\"description\":\"rent for November\","
    "\"kind\":\"POSTED\",\"created_at\":\"2026-11-21T00:06:00.123456789Z\"}";

struct subject {
    struct arena *arena;
    struct bytes request_wire, reply_wire;
    size_t checksum; // Of what was made, so that nothing is left out by the compiler.
};

static struct bytes to_wire(const struct rpc_message *message, const char *text, size_t size,
                            struct arena *arena)
{
    rpc_field_set present;
    struct rpc_violations violations;
    struct bytes wire = {0};
    ProtobufCMessage *value = rpc_message_new(message, arena);
    CHECK(status_ok(
        json_decode(message, "*", bytes_of(text, size), arena, value, &present, &violations)));
    CHECK(status_ok(rpc_pack(value, arena, &wire)));
    return wire;
}

static void decode_request(struct subject *subject)
{
    subject->checksum += to_wire(&florin_ledger_v1_create_transfer_request_message, REQUEST,
                                 sizeof REQUEST - 1, subject->arena)
                             .size;
}

static void encode_reply(struct subject *subject)
{
    struct bytes text;
    CHECK(status_ok(json_encode_wire(&florin_ledger_v1_transfer_message, subject->reply_wire,
                                     subject->arena, &text)));
    subject->checksum += text.size;
}

static void both(struct subject *subject)
{
    decode_request(subject);
    encode_reply(subject);
}

static void parse_with_jansson(struct subject *subject)
{
    json_t *json = json_loadb(REQUEST, sizeof REQUEST - 1, JSON_REJECT_DUPLICATES, NULL);
    subject->checksum += json_object_size(json);
    json_decref(json);
}

static void decode_wire(struct subject *subject)
{
    struct rpc_violations violations;
    ProtobufCMessage *value;
    CHECK(status_ok(rpc_decode(&florin_ledger_v1_create_transfer_request_message,
                               subject->request_wire, subject->arena, &value, &violations)));
    subject->checksum += value->descriptor->n_fields;
}

struct case_run {
    void (*step)(struct subject *subject);
    struct subject *subject;
};

static double microseconds_per_call(void *context)
{
    struct case_run *run = context;
    struct arena *keep = run->subject->arena;
    struct arena *arena = arena_open(ARENA_BYTES_MAX);
    run->subject->arena = arena;
    uint64_t begin = clock_mono_ns();
    for (size_t i = 0; i < CALLS; i++) {
        arena_reset(arena);
        run->step(run->subject);
    }
    double us = (double)(clock_mono_ns() - begin) / 1000.0 / CALLS;
    run->subject->arena = keep;
    arena_close(&arena);
    return us;
}

int main(void)
{
    static const struct {
        const char *name;
        void (*step)(struct subject *subject);
    } cases[] = {
        {"decode: transfer request to wire", decode_request},
        {"encode: transfer reply from wire", encode_reply},
        {"both (target: at most 10 us)", both},
        {"of which jansson's parsing", parse_with_jansson},
        {"daemon: wire check, unpack, validate", decode_wire},
    };
    struct subject subject = {.arena = arena_open(ARENA_BYTES_MAX)};
    subject.request_wire = to_wire(&florin_ledger_v1_create_transfer_request_message, REQUEST,
                                   sizeof REQUEST - 1, subject.arena);
    subject.reply_wire =
        to_wire(&florin_ledger_v1_transfer_message, REPLY, sizeof REPLY - 1, subject.arena);
    bench_print_machine();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct case_run run = {.step = cases[i].step, .subject = &subject};
        struct bench_spread spread = bench_measure(microseconds_per_call, &run, RUNS);
        printf("%-40s %8.3f us   (%.3f to %.3f)\n", cases[i].name, spread.median, spread.min,
               spread.max);
    }
    CHECK(subject.checksum > 0);
    arena_close(&subject.arena);
    return 0;
}
