// Cosignatures of witnesses. The vector was made by another implementation, with Python's
// `cryptography` (Ed25519 signs deterministically, so the bytes are the only ones there are):
//
//     k = Ed25519PrivateKey.from_private_bytes(seed of RFC 8037, appendix A.1)
//     id = sha256(name + b"\n\x04" + public).digest()[:4]
//     s = k.sign(b"cosignature/v1\ntime 1679315147\n" + text)
//     "— %s %s" % (name, b64encode(id + struct.pack(">Q", 1679315147) + s))
#include "common/crypto/checkpoint.h"
#include "common/crypto/cosignature.h"
#include "tests/unit/crypto/signer.h"

#define WITNESS "witness.example/w1"
#define WITNESS_KEY WITNESS "+eb762cc2+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
#define TEXT "florin.local/audit\n5\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n"
#define DASH "\xe2\x80\x94 "
#define SIGNATURE                                                                                  \
    "63YswgAAAABkGFDL/jN7TgydeDTbVwyU6yEdMN8C9Jsyp9OmYNDC0fWftfhC59eijAsM+DGSs72uRUabDkZr/"        \
    "MHi4PdvLjkUZHsfDw=="
#define LINE DASH WITNESS " " SIGNATURE "\n"
#define OTHER_LINE DASH "witness.example/w2 AAAAAAAAAAAA\n"

enum { TIME_S = 1679315147 };

static struct note_verifier witness_key(void)
{
    struct note_verifier verifier;
    assert_status_ok(note_verifier_parse(bytes_of_text(WITNESS_KEY), &verifier));
    return verifier;
}

static void test_a_cosignature_is_these_bytes(void **state)
{
    (void)state;
    struct note_verifier verifier, parsed = witness_key();
    char text[NOTE_VERIFIER_TEXT_BYTES], line[NOTE_COSIGNATURE_LINE_BYTES_MAX];
    assert_status_ok(
        note_verifier_make_typed(WITNESS, NOTE_COSIGNATURE, key_signer_public(signer), &verifier));
    note_verifier_format(&verifier, text);
    assert_string_equal(text, WITNESS_KEY);
    assert_memory_equal(&verifier, &parsed, sizeof verifier);
    size_t size = cosignature_sign(bytes_of_text(TEXT), TIME_S, &verifier, signer, line);
    assert_string_equal(line, LINE);
    assert_int_equal(size, strlen(LINE));
}

// The public key of a witness on the internet: its id is what other people's tools compute.
static void test_a_key_that_others_made_is_understood(void **state)
{
    (void)state;
    static const char remora[] =
        "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
    struct note_verifier verifier;
    char again[NOTE_VERIFIER_TEXT_BYTES];
    assert_status_ok(note_verifier_parse(bytes_of_text(remora), &verifier));
    assert_int_equal(verifier.type, NOTE_COSIGNATURE);
    note_verifier_format(&verifier, again);
    assert_string_equal(again, remora);
}

// clang-format off
static const struct {
    const char *given, *lines, *text, *reason; // NULL: found
} answers[] = {
    {"the one line",                      LINE,                          TEXT, NULL},
    {"another witness's line before",     OTHER_LINE LINE,               TEXT, NULL},
    {"another witness's line after",      LINE OTHER_LINE,               TEXT, NULL},
    {"the same line twice",               LINE LINE,                     TEXT, NULL},
    {"nothing",                           "",                            TEXT, "NOTE_NOT_SIGNED"},
    {"only another's line",               OTHER_LINE,                    TEXT, "NOTE_NOT_SIGNED"},
    {"our name, another key id",          DASH WITNESS " AAAAAAAAAAAA\n", TEXT, "NOTE_NOT_SIGNED"},
    {"another checkpoint",
     LINE, "florin.local/audit\n6\nSBNJTRN+FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I=\n", "NOTE_SIGNATURE_WRONG"},
    {"another time",
     DASH WITNESS " 63YswgAAAABkGFDM/jN7TgydeDTbVwyU6yEdMN8C9Jsyp9OmYNDC0fWftfhC59eijAsM+DGSs72uRUabDkZr/MHi4PdvLjkUZHsfDw==\n",
     TEXT, "NOTE_SIGNATURE_WRONG"},
    {"a time beyond 2^63 - 1, truly signed",
     DASH WITNESS " 63YswoAAAAAAAAAAi5yaCajD1TJIJBDZeZ/Wr6tg5huYy58XplUVaZwIIbXsdMUhVQgMOIUrwbTGQpSYPKWXmedQW2jGUXV8gkvIAQ==\n",
     TEXT, "NOTE_SIGNATURE_WRONG"},
    {"a signature over the text alone",
     DASH WITNESS " 63YswgAAAABkGFDLcCDycR72vHVSg25y1xUWLozLwilCt55A7nc2VxuQmbKmCr8uYi6hsaZOabAjhl8e+fjvp4izLX4dG2q1qxgGBw==\n",
     TEXT, "NOTE_SIGNATURE_WRONG"},
    {"no time before the signature",
     DASH WITNESS " 63Yswv4ze04MnXg021cMlOshHTDfAvSbMqfTpmDQwtH1n7X4QufXoowLDPgxkrO9rkVGmw5Ga/zB4uD3by45FGR7Hw8=\n",
     TEXT, "NOTE_SIGNATURE_WRONG"},
    {"no final newline",                  DASH WITNESS " " SIGNATURE,    TEXT, "NOTE_MALFORMED"},
    {"a hyphen for the dash",             "- " WITNESS " " SIGNATURE "\n", TEXT, "NOTE_MALFORMED"},
    {"words",                             "busy\n",                      TEXT, "NOTE_MALFORMED"},
    {"words after the line",              LINE "busy\n",                 TEXT, "NOTE_MALFORMED"},
};

// clang-format on

static void test_a_witness_s_answer_is_believed_only_when_it_holds(void **state)
{
    (void)state;
    struct note_verifier verifier = witness_key();
    for (size_t i = 0; i < ROWS(answers); i++) {
        struct bytes line = {0};
        uint64_t time_s = 0;
        struct status status =
            cosignature_find(bytes_of_text(answers[i].lines), bytes_of_text(answers[i].text),
                             &verifier, &line, &time_s);
        const char *reason = status.reason != NULL ? status.reason : "found";
        const char *expected = answers[i].reason != NULL ? answers[i].reason : "found";
        if (strcmp(reason, expected) != 0) fail_msg("%s: %s", answers[i].given, reason);
        if (answers[i].reason != NULL) continue;
        assert_true(bytes_equal(line, bytes_of_text(LINE)));
        assert_int_equal(time_s, TIME_S);
    }
}

// clang-format off
static const struct {
    const char *given, *lines;
    bool log, witness; // Who has signed, as it is seen.
    const char *reason;
} notes[] = {
    {"the log alone",        "L",  true,  false, NULL},
    {"log and witness",      "LW", true,  true,  NULL},
    {"witness before log",   "WL", true,  true,  NULL},
    {"the witness alone",    "W",  false, true,  NULL},
    {"a stranger too",       "LOW", true, true,  NULL},
    {"a stranger alone",     "O",  false, false, "NOTE_NOT_SIGNED"},
    {"one wrong line",       "LX", false, false, "NOTE_SIGNATURE_WRONG"},
};

// clang-format on

static void test_a_note_says_which_known_keys_have_signed(void **state)
{
    (void)state;
    struct note_verifier keys[2] = {[1] = witness_key()};
    char log_note[1024], note[4096];
    assert_status_ok(note_verifier_make("florin.local/audit", key_signer_public(signer), &keys[0]));
    size_t size = note_sign(bytes_of_text(TEXT), &keys[0], signer, log_note, sizeof log_note);
    for (size_t i = 0; i < ROWS(notes); i++) {
        size_t at = strlen(TEXT) + 1;
        memcpy(note, log_note, at);
        for (const char *line = notes[i].lines; *line != '\0'; line++) {
            struct bytes add = *line == 'L'
                                   ? bytes_of(log_note + strlen(TEXT) + 1, size - strlen(TEXT) - 1)
                                   : bytes_of_text(*line == 'O' ? OTHER_LINE : LINE);
            memcpy(note + at, add.data, add.size);
            if (*line == 'X') note[at + add.size - 8] ^= 1;
            at += add.size;
        }
        struct bytes text;
        bool is_signed[2] = {false, false};
        struct status status = note_open_any(bytes_of(note, at), keys, 2, &text, is_signed);
        const char *reason = status.reason != NULL ? status.reason : "opens";
        const char *expected = notes[i].reason != NULL ? notes[i].reason : "opens";
        if (strcmp(reason, expected) != 0) fail_msg("%s: %s", notes[i].given, reason);
        if (notes[i].reason != NULL) continue;
        if (is_signed[0] != notes[i].log || is_signed[1] != notes[i].witness)
            fail_msg("%s: %d %d", notes[i].given, is_signed[0], is_signed[1]);
        assert_true(bytes_equal(text, bytes_of_text(TEXT)));
    }
}

// A log's signature is none of a witness's, although the key is the same.
static void test_one_key_is_two_signers_by_its_type(void **state)
{
    (void)state;
    struct note_verifier log, cosigner = witness_key();
    struct bytes text;
    char note[1024];
    assert_status_ok(note_verifier_make(WITNESS, key_signer_public(signer), &log));
    assert_memory_not_equal(log.key_id, cosigner.key_id, NOTE_KEY_ID_BYTES);
    size_t size = note_sign(bytes_of_text(TEXT), &log, signer, note, sizeof note);
    assert_refused(note_open(bytes_of(note, size), &cosigner, &text), "NOTE_NOT_SIGNED");
    assert_status_ok(note_open(bytes_of_text(TEXT "\n" LINE), &cosigner, &text));
    assert_refused(note_open(bytes_of_text(TEXT "\n" LINE), &log, &text), "NOTE_NOT_SIGNED");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_cosignature_is_these_bytes),
        cmocka_unit_test(test_a_key_that_others_made_is_understood),
        cmocka_unit_test(test_a_witness_s_answer_is_believed_only_when_it_holds),
        cmocka_unit_test(test_a_note_says_which_known_keys_have_signed),
        cmocka_unit_test(test_one_key_is_two_signers_by_its_type),
    };
    return cmocka_run_group_tests_name("cosignature", tests, open_signer, close_signer);
}
