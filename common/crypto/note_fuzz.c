// No note makes the parser crash, and what parses as key or checkpoint is the one spelling of it.
// An input is read four ways: as a note of the fixed key below, as a verifier key, as a text, as a
// witness's answer.
#include "common/base/check.h"
#include "common/crypto/checkpoint.h"
#include "common/crypto/cosignature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_note(struct bytes input)
{
    static const char key[] =
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    static struct note_verifier verifier;
    if (verifier.name[0] == '\0') {
        CHECK(status_ok(crypto_open()));
        CHECK(status_ok(note_verifier_parse(bytes_of_text(key), &verifier)));
    }
    struct bytes text;
    if (!status_ok(note_open(input, &verifier, &text))) return;
    CHECK(text.data == input.data && text.size < input.size && note_text_is_valid(text));
}

// What a witness answers: no cosignature is in it that does not verify as part of a note.
static void try_cosignatures(struct bytes input)
{
    static const char text[] = "florin.local/audit\n5\n"
                               "SBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n";
    static const char witness[] =
        "witness.example/w1+eb762cc2+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";
    static struct note_verifier verifier;
    if (verifier.name[0] == '\0') {
        CHECK(status_ok(crypto_open()));
        CHECK(status_ok(note_verifier_parse(bytes_of_text(witness), &verifier)));
    }
    struct bytes line;
    uint64_t time_s;
    if (!status_ok(cosignature_find(input, bytes_of_text(text), &verifier, &line, &time_s))) return;
    CHECK(line.data >= input.data && line.data + line.size <= input.data + input.size);
    CHECK(line.data[line.size - 1] == '\n' && time_s <= INT64_MAX);
}

static void try_verifier_key(struct bytes input)
{
    struct note_verifier verifier;
    if (!status_ok(note_verifier_parse(input, &verifier))) return;
    char again[NOTE_VERIFIER_TEXT_BYTES];
    size_t size = note_verifier_format(&verifier, again);
    CHECK(bytes_equal(bytes_of(again, size), input));
}

static void try_checkpoint(struct bytes input)
{
    struct checkpoint checkpoint;
    if (!status_ok(checkpoint_parse(input, &checkpoint))) return;
    char again[CHECKPOINT_TEXT_BYTES_MAX];
    size_t size = checkpoint_format(&checkpoint, again);
    // Extension lines follow what we write ourselves.
    CHECK(size <= input.size && memcmp(again, input.data, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = bytes_of(data, size);
    try_note(input);
    try_verifier_key(input);
    try_checkpoint(input);
    try_cosignatures(input);
    return 0;
}
