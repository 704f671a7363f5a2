// No request makes the witness crash, and what it takes for one says its parts in one spelling.
#include "common/base/check.h"
#include "services/witness/record.h"

#include <inttypes.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_request(struct bytes input)
{
    struct witness_request request;
    if (!status_ok(witness_core_parse(input, &request))) return;
    CHECK(request.proof.count <= WITNESS_PROOF_LINES_MAX);
    CHECK(request.note.data + request.note.size == input.data + input.size);
    CHECK(request.text.data == request.note.data);
    char first[32];
    int first_size = snprintf(first, sizeof first, "old %" PRIu64 "\n", request.old_size);
    CHECK(first_size > 0 && memcmp(first, input.data, (size_t)first_size) == 0);
    CHECK(input.size == (size_t)first_size + request.proof.count * 45 + 1 + request.note.size);
    // Whatever it was seen last, there is an answer.
    const struct witness_head heads[] = {
        {0},
        {.size = request.old_size},
        {.size = request.checkpoint.size, .root = request.checkpoint.root}};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        (void)!status_ok(witness_core_decide(&request, &heads[i]));
}

static void try_state(struct bytes input)
{
    static uint8_t again[WITNESS_STATE_BYTES_MAX];
    struct witness_state state;
    if (!status_ok(witness_state_decode(input, &state))) return;
    CHECK(bytes_equal(bytes_of(again, witness_state_encode(&state, again)), input));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_request(bytes_of(data, size));
    try_state(bytes_of(data, size));
    return 0;
}
